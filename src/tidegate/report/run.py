"""The page of a run: scores, baselines, figures, settings and code to copy."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.report.classification import classification_details, classification_section, classification_verdict
from tidegate.report.forecast import forecast_details, forecast_section, forecast_verdict
from tidegate.report.language import language_details, language_section, language_verdict
from tidegate.report.page import render
from tidegate.report.regression import regression_details, regression_section, regression_verdict
from tidegate.report.section import Section, duration
from tidegate.report.speech import speech_details, speech_section, speech_verdict
from tidegate.report.translation import translation_details, translation_section, translation_verdict
from tidegate.report.verdict import Verdict
from tidegate.tasks.run import Run


class Told(NamedTuple):
    """How a task tells of its runs."""

    verdict: Callable[[Run, dict[str, Any]], Verdict]
    details: Callable[[dict[str, Any]], str]
    section: Callable[..., Section]


TASKS = {
    "classification": Told(classification_verdict, classification_details, classification_section),
    "regression": Told(regression_verdict, regression_details, regression_section),
    "forecasting": Told(forecast_verdict, forecast_details, forecast_section),
    "language": Told(language_verdict, language_details, language_section),
    "translation": Told(translation_verdict, translation_details, translation_section),
    "speech": Told(speech_verdict, speech_details, speech_section),
}


def write_report(runs: Iterable[Run], page: Path) -> Path:
    """Write the page of finished runs, a section each: one file that opens offline. Returns its path.

    Raises RunError where a run is not finished or the page cannot be written.
    """
    sections = [_section(run) for run in runs]
    title = " · ".join(section.title for section in sections)
    return write_whole(page, render("run.html.j2", title=title, sections=sections), parents=True)


def summary(run: Run) -> str:
    """Whether a finished run is better than its baselines, in a line; and its other scores in the next."""
    metrics = finished(run)
    told = TASKS[run.task]
    step = f"step {metrics['kept']['step']:,} of {int(read_history(run)[-1]['step']):,}"
    return (
        f"{title_of(run)}: {told.verdict(run, metrics).sentence}\n"
        f"{told.details(metrics)}; best checkpoint: {step}; {metrics['parameters']:,} parameters; "
        f"{duration(metrics['seconds'])}"
    )


def finished(run: Run) -> dict[str, Any]:
    """The metrics of a run; RunError where it is not finished."""
    metrics = run.metrics
    if not metrics:
        lost = run.folder / "metrics.json" if (run.folder / "model").exists() else run.folder
        raise RunError(
            got=f"{run.folder}, a run that is not finished: {lost} is not there",
            wanted="a finished one",
            do="finish it with --resume",
        )
    return metrics


def title_of(run: Run) -> str:
    """The cell and the data of a run."""
    return f"{run.parameters['cell'].upper()} on {Path(run.data).stem}"


def _section(run: Run) -> Section:
    metrics, history = finished(run), read_history(run)
    run.check_data()
    return TASKS[run.task].section(run, title_of(run), metrics, history)


def read_history(run: Run) -> list[dict[str, float]]:
    """The rows of `history.csv`; RunError where it cannot be read."""
    path = run.folder / "history.csv"
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
        raise RunError(got=f"{path} without rows", wanted="one row per check", do="restore the file, or train again")
    return rows
