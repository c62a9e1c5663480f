"""The page of one or several runs: what was trained, how it went, what it gets right and wrong."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.errors import RunError
from tidegate.report import figures
from tidegate.report.figures import Picture
from tidegate.report.page import render, write_whole
from tidegate.tasks.run import Run


def write_report(runs: Sequence[Run], page: Path) -> Path:
    """Write the page of finished runs: one file that opens offline. Returns its path.

    Raises RunError where a run is not finished or the page cannot be written.
    """
    sections = [_section(run) for run in runs]
    title = " · ".join(section["title"] for section in sections)
    return write_whole(page, render("run.html.j2", title=title, sections=sections))


def summary(run: Run) -> str:
    """The scores of a finished run in one line."""
    metrics = _finished(run)
    parts = [
        f"{part} {name} {_score(name, metrics[part][name])}"
        for part in ("train", "test")
        for name in metrics.get(part, {})
        if name != "mae"
    ]
    return f"{_title(run)}: {', '.join(parts)} ({metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters)"


def _finished(run: Run) -> dict[str, Any]:
    if not run.metrics:
        raise RunError(
            got=f"{run.folder}, a run that is not finished", wanted="a finished one", do="finish it with --resume"
        )
    return run.metrics


def _title(run: Run) -> str:
    return f"{run.parameters['cell'].upper()} on {Path(run.data).stem}"


def _score(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name == "accuracy" else f"{value:.3g}"


def _section(run: Run) -> dict[str, Any]:
    metrics = _finished(run)
    history = _read_history(run.folder / "history.csv")
    monitor = "accuracy" if run.task == "classification" else "mse"
    pictures = [
        figures.learning_curve("Loss by epoch", history, metrics["kept"]),
        figures.score_curve(f"{monitor.upper() if monitor == 'mse' else 'Accuracy'} by epoch",
                            history, metrics["kept"], monitor),
    ]  # fmt: skip
    pictures += _classification_pictures(run) if run.task == "classification" else _regression_pictures(run)
    shown = [
        (f"{part} {name}", _score(name, value))
        for part in ("test", "train")
        for name, value in metrics.get(part, {}).items()
    ]
    return {
        "title": _title(run),
        "task": run.task,
        "folder": run.folder.name,
        "scores": shown,
        "pictures": pictures,
        "parameters": run.parameters,
        "facts": {
            "trainable parameters": f"{metrics['parameters']:,}",
            "training time": f"{metrics['seconds']:.0f} s",
            "kept at step": f"{metrics['kept']['step']:,}",
        },
    }


def _classification_pictures(run: Run) -> list[Picture]:
    model, dataset = run.model(), run.dataset()
    part = dataset.test if dataset.test is not None else dataset.train
    assert part.y is not None
    said = model.predict(part)
    classes = model.classes_
    pictures = [figures.confusion_matrix("What was taken for what", part.y, said, classes)]
    wrong = np.flatnonzero(said != part.y)
    if dataset.image and len(wrong):
        pictures.append(
            figures.wrong_images(
                "What it got wrong: what it was → what the model said.",
                part.x[wrong],
                part.y[wrong].tolist(),
                said[wrong].tolist(),
            )
        )
    return pictures


def _regression_pictures(run: Run) -> list[Picture]:
    model, dataset = run.model(), run.dataset()
    part = dataset.test if dataset.test is not None else dataset.train
    assert part.y is not None
    first = part[:1]
    assert first.y is not None
    steps = int(first.lengths[0])
    predicted = model._values(first)[0][0, :steps, 0]
    actual, channel = first.y[0, :steps, 0], first.x[0, :steps, 0]
    # A single channel that only rises is an axis of its own, as time or place is.
    rises = first.x.shape[2] == 1 and bool((np.diff(channel) > 0).all())
    x, label = (channel, "x") if rises else (np.arange(steps), "step")
    trained_to = float(dataset.train.x[:, :, 0].max()) if rises else None
    return [
        figures.fitted_curve("The fit over the data", x, actual, predicted, label, trained_to),
        figures.residuals("What is left", x, actual, predicted, label),
    ]


def _read_history(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
