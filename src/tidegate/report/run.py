"""The page of one or several runs: what was trained, how it went, what it gets right and wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import Sequences
from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.report import figures
from tidegate.report.figures import Picture
from tidegate.report.page import render
from tidegate.tasks.run import Run


def write_report(runs: Iterable[Run], page: Path) -> Path:
    """Write the page of finished runs: one file that opens offline. Returns its path.

    Raises RunError where a run is not finished or the page cannot be written.
    """
    sections = [_section(run) for run in runs]
    title = " · ".join(section["title"] for section in sections)
    return write_whole(page, render("run.html.j2", title=title, sections=sections), parents=True)


def summary(run: Run) -> str:
    """The scores of a finished run in one line."""
    metrics = _finished(run)
    monitor = _monitor(run)
    parts = [
        f"{part} {MONITORS[monitor]} {_score(monitor, metrics[part][monitor])} of {_counted(metrics[part]['n'])}"
        for part in ("train", "test")
        if part in metrics
    ]
    return f"{_title(run)}: {', '.join(parts)} ({metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"


MONITORS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "mse": "mse"}
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "r2": "R²",
}
"""What a metric is called on the page."""
PARTS = {"test": "test", "train": "training"}


def _monitor(run: Run) -> str:
    """The metric that chose the kept model."""
    if run.task == "regression":
        return "mse"
    return "accuracy" if run.parameters.get("class_weight") is None else "balanced_accuracy"


def _finished(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    if not metrics:
        lost = run.folder / "metrics.json" if (run.folder / "model").exists() else run.folder
        raise RunError(
            got=f"{run.folder}, a run that is not finished: {lost} is not there",
            wanted="a finished one",
            do="finish it with --resume",
        )
    return metrics


def _title(run: Run) -> str:
    return f"{run.parameters['cell'].upper()} on {Path(run.data).stem}"


def _score(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name in ("accuracy", "balanced_accuracy") else f"{value:.3g}"


def _counted(n: int) -> str:
    return f"{n:,} sequence{'s'[: n != 1]}"


def _section(run: Run) -> dict[str, Any]:
    metrics = _finished(run)
    history = _read_history(run.folder / "history.csv")
    monitor = _monitor(run)
    chosen_by = "training data" if metrics["kept_by"] == "training data" else "validation"
    pictures = [
        figures.learning_curve("Loss", history, metrics["kept"], chosen_by),
        figures.score_curve(NAMES[monitor].capitalize(), history, metrics["kept"], monitor, chosen_by),
    ]
    model, dataset = run.model(), run.dataset()
    part = dataset.train if dataset.test is None else dataset.test
    where = f"{_counted(len(part))} of {'training data' if dataset.test is None else 'the test set'}"
    part = model._labeled(part)
    if run.task == "classification":
        pictures += _classification_pictures(model, dataset.image, part, where)
    else:
        pictures += _regression_pictures(model, model._labeled(dataset.train), part, where)
    shown = [
        (f"{PARTS[name]} {NAMES[metric]}", f"{_score(metric, metrics[name][metric])}", _counted(metrics[name]["n"]))
        for name in ("test", "train")
        for metric in NAMES
        if metric in metrics.get(name, {})
    ]
    notes = list(run.notes)
    if run.has_changed(dataset):
        notes.append(f"{run.data} has changed since the model was trained; the figures show it as it is now")
    scored = "test" if "test" in metrics else "train"
    return {
        "title": _title(run),
        "task": run.task,
        "folder": str(run.folder),
        "scores": shown,
        "classes": metrics[scored].get("classes", {}),
        "classes_of": f"{PARTS[scored]} data",
        "notes": notes,
        "pictures": pictures,
        "parameters": run.parameters,
        "reading": run.reading,
        "facts": {
            "trainable parameters": f"{metrics['parameters']:,}",
            "training time": f"{metrics['seconds']:.0f} s",
            "best checkpoint": f"step {metrics['kept']['step']:,} of {int(history[-1]['step']):,}",
            "chosen on": metrics["kept_by"],
        },
    }


def _classification_pictures(model: Any, image: bool, part: Sequences, where: str) -> list[Picture]:
    assert part.y is not None
    predicted = model.predict(part)
    pictures = [figures.confusion_matrix(f"Confusion matrix ({where})", part.y, predicted, model.classes_)]
    wrong = np.flatnonzero(predicted != part.y)
    if image and len(wrong) and not part.ragged:
        pictures.append(
            figures.wrong_images(
                f"Misclassified ({where}): true label → predicted label.",
                part[wrong].x,
                part.y[wrong].tolist(),
                predicted[wrong].tolist(),
            )
        )
    return pictures


def _regression_pictures(model: Any, train: Sequences, part: Sequences, where: str) -> list[Picture]:
    assert part.y is not None
    if not part.per_step:
        predicted = model.values(part)[0][:, 0]
        return [figures.true_and_predicted(f"True and predicted ({where})", part.y[:, 0], predicted)]
    first = part[:1]
    assert first.y is not None
    predicted = model.values(first)[0][:, 0]
    actual, channel = first.y[:, 0], first.values[:, 0]
    steps = len(actual)
    # A single channel that only rises is an axis of its own, as time or place is.
    rises = first.n_channels == 1 and bool((np.diff(channel) > 0).all())
    x, label = (channel, "x") if rises else (np.arange(steps), "step")
    trained_to = float(train.values[:, 0].max()) if rises else None
    named = f" (sequence {first.ids[0]})" if first.ids is not None else ""
    return [
        figures.fitted_curve(f"Data and fit{named}", x, actual, predicted, label, trained_to),
        figures.residuals(f"Residuals{named}", x, actual, predicted, label),
    ]


def _read_history(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise RunError(
            got=f"{path} that cannot be read ({reason})",
            wanted="the history as it was written",
            do="restore the file, or train again with another --out",
        ) from None
    if not rows:
        raise RunError(got=f"{path} without rows", wanted="a row a check", do="restore the file, or train again")
    return rows
