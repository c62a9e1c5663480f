"""A comparison from the question to `comparison.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tidegate.compare import memory, timing, training
from tidegate.compare.content import Findings, inside_of_fresh_layers
from tidegate.compare.plan import Plan, Progress
from tidegate.compare.question import CELLS, FORMAT, TRIALS, Question
from tidegate.compare.subject import subject_of
from tidegate.compare.work import Work
from tidegate.errors import ConfigError
from tidegate.preparation import Reading
from tidegate.probes import machine
from tidegate.tasks.run import write_json

COMPARISON = "comparison.json"


def compare(
    task: str | None = None,
    data: str | None = None,
    *,
    folder: str | Path,
    reading: Reading | None = None,
    missing: str = "refuse",
    parameters: dict[str, Any] | None = None,
    cells: Sequence[str] = CELLS,
    seeds: int = 3,
    first_seed: int = 0,
    budget: str = "normal",
    jobs: int | None = None,
    resume: bool = False,
    tell: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> dict[str, Any]:
    """Measure the cells beside each other, on data or by the probes alone, and return what `comparison.json` holds.

    Every cell gets the same splits, batches, steps and number of learning rates to choose from, at equal hidden size
    and at an equal number of parameters.

    Args:
        task: one of `tidegate.tasks.TASKS`; with none, the probes run alone.
        data: a built-in name or a path; see `tidegate.read_dataset`.
        folder: where the comparison is written; it must not exist, except with `resume`. Every finished unit of work
            is kept in it.
        reading: how to read a table.
        missing: what to do with missing values: refuse, interpolate or mask.
        parameters: of a task's estimator that are the same for every cell, such as the horizon of forecasts.
        cells: of rnn, lstm, gru.
        seeds: the number of trainings that a score is the mean of.
        first_seed: the first of them.
        budget: quick, normal or thorough; see `BUDGETS`.
        jobs: units of work at once, as joblib's `n_jobs`; a backend set by `joblib.parallel_config` takes them.
        resume: continue an interrupted comparison.
        tell: called with the units done, the units known of, and the name of the last one.

    Raises:
        ConfigError, DataError, RunError: the question, the data or the folder cannot be used.

    A cell whose loss is no longer finite is reported as failed, and the others go on.
    """
    if jobs == 0:
        raise ConfigError(got="jobs=0", wanted="a number of jobs, or -1 for one a core", do="correct jobs")
    folder = Path(folder)
    question = Question(task, data, tuple(cells), seeds, budget, first_seed)
    subject = None
    if task is not None and data is not None:
        subject = subject_of(task, data, reading, missing, parameters or {})
    question.open(folder, subject.fingerprint if subject else None, resume)

    plan, progress = Plan(question, subject), Progress(tell)
    work = Work(folder / TRIALS, subject.dataset if subject else None, jobs, progress.count)
    progress.expect((training.count(plan) if subject else 0) + memory.count(plan) + timing.count(plan))
    trained = training.train(plan, work) if subject else None
    findings = Findings(
        plan,
        trained,
        memory.remember(plan, work, progress),
        trained.inside if trained and trained.inside else inside_of_fresh_layers(plan),
        timing.measure_speed(plan, work, progress),
    )
    comparison = as_json(findings)
    write_json(folder / COMPARISON, comparison)
    return comparison


def as_json(findings: Findings) -> dict[str, Any]:
    """What `comparison.json` holds."""
    plan, trained = findings.plan, findings.trained
    kept = trained.to_json() if trained else {}
    return {
        "format": FORMAT,
        "task": plan.question.task,
        "data": Path(plan.question.data).stem if plan.question.data else None,
        "machine": machine(),
        "settings": plan.to_json(),
        "cells": list(plan.cells),
        "rows": findings.rows(),
        "baselines": kept.get("baselines", {}),
        "verdict": trained.verdict if trained else findings.memory.verdict(),
        "failed": kept.get("failed", {}),
        "details": {
            **{name: kept.get(name, {}) for name in ("scores", "curves", "gaps")},
            "curve_metric": plan.subject.monitor if plan.subject else None,
            "horizons": findings.memory.to_json(),
            "inside": {cell: [look.to_json() for look in looks] for cell, looks in findings.inside.items()},
        },
    }
