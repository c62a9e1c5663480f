"""The page of several runs of one task: what differs in their settings, their scores and their learning curves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.compare.baselines import read_baselines
from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.report import figures
from tidegate.report.measures import MEASURES, PARTS, counted
from tidegate.report.page import render
from tidegate.report.run import finished, read_history
from tidegate.report.section import Pictures, Table, chosen_by, duration
from tidegate.report.settings import shown_settings
from tidegate.tasks.run import Run

PAGE = "comparison-of-runs.html"


class Scored(NamedTuple):
    """How runs of a task are compared: its metrics, of which the first ranks, and the unit of the loss."""

    metrics: tuple[str, ...]
    loss: str


TASKS = {
    "classification": Scored(("accuracy", "balanced_accuracy", "macro_f1"), "nats per sequence"),
    "regression": Scored(("mse", "mae", "r2"), "in variances of the target"),
    "forecasting": Scored(("mase", "smape", "rmse"), "scaled quantile loss"),
    "language": Scored(("bits_per_character", "perplexity"), "nats per token"),
    "translation": Scored(("bleu", "chrf"), "nats per token"),
    "speech": Scored(("wer", "cer"), "CTC, nats per recording"),
}


def write_runs(runs: Sequence[Run], page: Path | None = None) -> Path:
    """Write the page that compares runs: one file that opens offline. Returns its path.

    Args:
        runs: finished ones of one task.
        page: where to; none for `comparison-of-runs.html` in the folder that holds all of them.

    Raises RunError where they are of different tasks, or one is not finished or is given twice.
    """
    _check(runs)
    names = _names(runs)
    metrics = [finished(run) for run in runs]
    page = page or Path(os.path.commonpath([run.folder.resolve() for run in runs])) / PAGE
    same_data = len({run.data_fingerprint for run in runs}) == 1
    part = "test" if all("test" in one for one in metrics) else "train"
    return write_whole(
        page,
        render(
            "runs.html.j2",
            title=f"{counted(len(runs), 'run')} of {runs[0].task}",
            data=sorted({Path(run.data).name for run in runs}),
            same_data=same_data,
            verdict=_verdict(runs, names, metrics, part) if same_data else "",
            blocks_of_page=[
                _scores(runs, names, metrics, part, same_data),
                _differences(runs, names),
                *_curves(runs, names, metrics),
            ],
        ),
        parents=True,
    )


def _check(runs: Sequence[Run]) -> None:
    tasks = {run.task for run in runs}
    if len(tasks) > 1:
        first, other = runs[0], next(run for run in runs if run.task != runs[0].task)
        raise RunError(
            got=f"{first.folder} for {first.task} and {other.folder} for {other.task}",
            wanted="runs of one task",
            do="report them one by one",
        )
    seen: set[Path] = set()
    for run in runs:
        if (folder := run.folder.resolve()) in seen:
            raise RunError(got=f"{run.folder} twice", wanted="different runs", do="name each run once")
        seen.add(folder)


def _names(runs: Sequence[Run]) -> list[str]:
    """What tells the runs apart: their folders, below the one that holds all of them."""
    folders = [run.folder.resolve() for run in runs]
    common = Path(os.path.commonpath(folders))
    return [str(folder.relative_to(common)) if folder != common else folder.name for folder in folders]


def _verdict(runs: Sequence[Run], names: Sequence[str], metrics: Sequence[dict[str, Any]], part: str) -> str:
    """Which run is the best, and by how much."""
    key = TASKS[runs[0].task].metrics[0]
    measure = MEASURES[key]
    sign = -1 if measure.is_error else 1
    known = [n for n in range(len(runs)) if metrics[n][part].get(key) is not None]
    if len(known) < 2:
        return ""
    first, second, *_ = sorted(known, key=lambda n: -sign * metrics[n][part][key])
    best, other = metrics[first][part][key], metrics[second][part][key]
    called = f"{PARTS[part]} {measure.name}"
    says = f"{measure.shown(best)} of {measure.counted(metrics[first][part])}"
    if best == other:
        return f"{names[first]} and {names[second]} have the same {called}: {says}"
    return f"{names[first]} has the best {called}: {says}, {measure.distance(best, other)} the next, {names[second]}"


def _scores(
    runs: Sequence[Run], names: Sequence[str], metrics: Sequence[dict[str, Any]], part: str, same_data: bool
) -> Table:
    """A row per run, and, where all have the same data, per baseline."""
    parts = [one for one in PARTS if all(one in found for found in metrics)]
    keys = [(one, key) for one in parts for key in TASKS[runs[0].task].metrics]
    columns = [f"{PARTS[one]} {MEASURES[key].name}" for one, key in keys]
    rows = []
    for name, run, found in zip(names, runs, metrics, strict=True):
        shown = [_shown(key, found[one].get(key)) for one, key in keys]
        counts = [MEASURES[keys[0][1]].counted(found[one]) for one in parts]
        step = f"{found['kept']['step']:,} of {int(read_history(run)[-1]['step']):,}"
        rows.append((name, *shown, *counts, f"{found['parameters']:,}", duration(found["seconds"]), step))
    if same_data and part == "test":
        rest = len(columns) - 1 + len(parts) + 3
        rows += [(f"baseline: {name}", score, *["–"] * rest) for name, score in _baselines(runs[0], metrics[0])]
    about = "Wall time is that of the machine on which a run was trained."
    columns += [f"{PARTS[one]} data" for one in parts]
    return Table("Scores", ["run", *columns, "parameters", "wall time", "best checkpoint (step)"], rows, about)


def _shown(key: str, value: float | None) -> str:
    return "–" if value is None else MEASURES[key].shown(value)


def _baselines(run: Run, metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """The score of each baseline by the metric that ranks."""
    key = TASKS[run.task].metrics[0]
    found = read_baselines(run) or {name: one.get(key) for name, one in metrics["test"].get("baselines", {}).items()}
    return [(name, _shown(key, value)) for name, value in found.items()]


def _differences(runs: Sequence[Run], names: Sequence[str]) -> Table:
    """The settings in which the runs differ."""
    settings = [shown_settings(run) for run in runs]
    keys = list(dict.fromkeys(name for one in settings for name in one))
    rows = []
    for key in keys:
        values = [one.get(key, "–") for one in settings]
        if len(set(values)) > 1:
            rows.append((key, *values))
    about = "" if rows else "The runs have the same settings."
    return Table("Settings that differ", ["setting", *names] if rows else [], rows, about, texts=1 + len(names))


def _curves(runs: Sequence[Run], names: Sequence[str], metrics: Sequence[dict[str, Any]]) -> list[Pictures]:
    """The loss of all runs in one figure; that of runs with validation data, and that of the others."""
    unit = TASKS[runs[0].task].loss
    pictures = []
    for by, called in (("validation", "validation loss"), ("training", "training loss at checks, without dropout")):
        curves = {}
        for name, run, found in zip(names, runs, metrics, strict=True):
            if chosen_by(found) == by:
                history = read_history(run)
                curves[name] = [row["step"] for row in history], [row["validation_loss"] for row in history]
        if curves:
            pictures.append(figures.loss_of_runs(curves, called, unit))
    return [Pictures(pictures)]
