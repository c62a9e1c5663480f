"""The page of one or several runs: what was trained, how it went, what it gets right and wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.compare.baselines import read_baselines
from tidegate.data import Sequences
from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.report import figures
from tidegate.report.figures import Picture
from tidegate.report.forecast import forecast_section, forecast_summary
from tidegate.report.language import language_section, language_summary
from tidegate.report.page import render
from tidegate.report.section import chosen_by, section
from tidegate.report.speech import speech_section, speech_summary
from tidegate.report.translation import translation_section, translation_summary
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
    if run.task in OWN:
        return OWN[run.task][1](_title(run), metrics)
    monitor = _monitor(run)
    parts = [
        f"{part} {MONITORS[monitor]} {_score(monitor, metrics[part][monitor])} of {_counted(metrics[part]['n'])}"
        for part in ("train", "test")
        if part in metrics
    ]
    line = f"{_title(run)}: {', '.join(parts)} ({metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"
    beside = read_baselines(run)
    if not beside:
        return line
    metric = _compared(run)
    return f"{line}; beside it {', '.join(f'{name} {_score(metric, score)}' for name, score in beside.items())}"


OWN: dict[str, tuple[Callable[..., dict[str, Any]], Callable[..., str]]] = {
    "forecasting": (forecast_section, forecast_summary),
    "language": (language_section, language_summary),
    "translation": (translation_section, translation_summary),
    "speech": (speech_section, speech_summary),
}
"""The section and the summary of the tasks that have their own."""
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
SHOWN = 6
"""Examples of sequences in a figure."""


def _monitor(run: Run) -> str:
    """The metric that chose the kept model."""
    if run.task == "regression":
        return "mse"
    return "accuracy" if run.parameters.get("class_weight") is None else "balanced_accuracy"


def _compared(run: Run) -> str:
    """The metric of the baselines."""
    return "mse" if run.task == "regression" else "accuracy"


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
    if run.task in OWN:
        run.check_data()
        return OWN[run.task][0](run, _title(run), metrics, history)
    monitor = _monitor(run)
    pictures = [
        figures.learning_curve("Loss", history, metrics["kept"], chosen_by(metrics)),
        figures.score_curve(NAMES[monitor].capitalize(), history, metrics["kept"], monitor, chosen_by(metrics)),
    ]
    model, dataset = run.model(), run.dataset
    part = dataset.train if dataset.test is None else dataset.test
    where = f"{_counted(len(part))} of {'training data' if dataset.test is None else 'the test set'}"
    part = model.labeled(part)
    if run.task == "classification":
        pictures += _classification_pictures(model, dataset.image, part, where)
    else:
        pictures += _regression_pictures(model, model.labeled(dataset.train), part, where)
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
    beside = read_baselines(run)
    metric = _compared(run)
    ranked: list[tuple[str, str, bool]] = []
    if beside:
        own = metrics["test"][metric]
        sign = 1 if run.task == "classification" else -1
        rows = [(run.parameters["cell"].upper(), own, True), *((name, score, False) for name, score in beside.items())]
        rows.sort(key=lambda row: (-sign * row[1], row[2]))
        ranked = [(name, _score(metric, score), is_own) for name, score, is_own in rows]
        if not rows[0][2]:
            notes.insert(0, f"on the test set the baseline “{rows[0][0]}” does as well or better: {ranked[0][1]}")
    return section(
        run,
        _title(run),
        metrics,
        history,
        run.task,
        scores=shown,
        baselines=ranked,
        classes=metrics[scored].get("classes", {}),
        classes_of=f"{PARTS[scored]} data",
        notes=notes,
        pictures=pictures,
        parameters={**run.parameters, **{name: _plainly(value) for name, value in model.design_.items()}},
    )


def _plainly(value: Any) -> Any:
    return ",".join(value) if isinstance(value, tuple) else value


def _classification_pictures(model: Any, image: bool, part: Sequences, where: str) -> list[Picture]:
    assert part.y is not None
    shares = model.predict_proba(part)
    predicted = model.classes_[shares.argmax(axis=1)]
    pictures = [figures.confusion_matrix(f"Confusion matrix ({where})", part.y, predicted, model.classes_)]
    surest = np.argsort(-shares.max(axis=1), kind="stable")
    for title, right in (("Misclassified, the surest first", False), ("Right, the least sure first", True)):
        rows = surest[(predicted == part.y)[surest] == right]
        rows = rows[::-1] if right else rows
        if not len(rows):
            continue
        title = f"{title} ({where}): true label → predicted label."
        if image and not part.ragged:
            rows = rows[:SHOWN] if right else rows
            pictures.append(
                figures.labeled_images(title, part[rows].x, part.y[rows].tolist(), predicted[rows].tolist())
            )
            continue
        rows = rows[:SHOWN]
        labels = [f"{part.y[n]} → {predicted[n]} ({100 * shares[n].max():.0f} %)" for n in rows]
        pictures.append(figures.labeled_sequences(title, *_drawn(part, rows, labels)))
    return pictures


def _drawn(part: Sequences, rows: np.ndarray, labels: list[str]) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Some sequences, each with its label and its name, and the names of the channels."""
    some = part[rows]
    if some.ids is not None:
        labels = [f"{name}: {label}" for name, label in zip(some.ids, labels, strict=True)]
    names = list(some.channels) if some.channels is not None else [f"channel {k}" for k in range(some.n_channels)]
    return np.split(some.values, some.starts[1:]), labels, names


def _extremes(errors: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The rows of the sequences that were predicted worst and best."""
    order = np.argsort(-errors, kind="stable")
    few = min(SHOWN // 2, len(order) // 2)
    return [("Predicted worst", order[:few]), ("Predicted best", order[::-1][:few])]


def _regression_pictures(model: Any, train: Sequences, part: Sequences, where: str) -> list[Picture]:
    assert part.y is not None
    if not part.per_step:
        predicted = model.values(part)[0][:, 0]
        pictures = [figures.true_and_predicted(f"True and predicted ({where})", part.y[:, 0], predicted)]
        for title, rows in _extremes(model.errors(part)) if len(part) > 1 else ():
            labels = [f"{part.y[n, 0]:.3g} → {predicted[n]:.3g}" for n in rows]
            title = f"{title} ({where}): true target → predicted target."
            pictures.append(figures.labeled_sequences(title, *_drawn(part, rows, labels)))
        return pictures
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
    pictures = [
        figures.fitted_curve(f"Data and fit{named}", x, actual, predicted, label, trained_to),
        figures.residuals(f"Residuals{named}", x, actual, predicted, label),
    ]
    errors = model.errors(part)
    for title, rows in _extremes(errors) if len(part) > 1 else ():
        some = part[rows]
        assert some.y is not None
        fit = model.values(some)[0][:, 0]
        labels = [f"{part.ids[n] if part.ids is not None else f'sequence {n}'}: mse {errors[n]:.3g}" for n in rows]
        cut = some.starts[1:]
        pictures.append(figures.fits(f"{title} ({where})", np.split(some.y[:, 0], cut), np.split(fit, cut), labels))
    return pictures


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
