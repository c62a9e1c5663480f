"""The page of a regressor: the fit, its extrapolation and residuals, and the sequences with the largest errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tidegate.compare.baselines import read_baselines
from tidegate.compare.verdict import REPEAT
from tidegate.data import Sequences
from tidegate.data.curve import sampled
from tidegate.report import figures
from tidegate.report.classification import sequence_panels, sequence_usage
from tidegate.report.inside import inside, name_of
from tidegate.report.measures import MEASURES, counted, scored_part
from tidegate.report.section import (
    Panel,
    Panels,
    Pictures,
    Section,
    Table,
    changed,
    chosen_by,
    scores_of,
    section,
)
from tidegate.report.verdict import Verdict, verdict
from tidegate.tasks.run import Run

EXAMPLES = 6
"""Sequences that are shown: half of them with the largest errors."""
FAILS = 0.2
"""Of the standard deviation of the targets in training: a fit that is further off has failed."""
BEYOND, LEAST, BEHIND = 0.5, 0.1, 1.15
"""How far the curve is continued to see where the fit fails, and how far at least it is drawn, as shares of the range
of the training data; and how far it is drawn as a multiple of the distance to the failure."""


class Continued(NamedTuple):
    """A sequence that goes on beyond the range of the training data."""

    x: np.ndarray
    actual: np.ndarray
    predicted: np.ndarray
    trained_to: float
    fails_at: float | None
    """The first x beyond the training data where the fit is further off than `tolerance`."""
    tolerance: float


def regression_verdict(run: Run, metrics: dict[str, Any]) -> Verdict:
    """Whether the regressor is better than its baselines."""
    return verdict("mse", metrics, read_baselines(run))


def regression_details(metrics: dict[str, Any]) -> str:
    """The other scores, in a line."""
    part, name = scored_part(metrics)
    shown = [f"{name} R² {metrics[part]['r2']:.4f}"] if "r2" in metrics[part] else []
    if part == "test":
        shown.append(
            f"training mean squared error {metrics['train']['mse']:.4g} of {MEASURES['mse'].counted(metrics['train'])}"
        )
    return ", ".join(shown)


def target_name(run: Run) -> str:
    """The name of the first target."""
    targets = run.reading.get("target")
    return str(targets[0]) if targets else "y"


def regression_section(run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]]) -> Section:
    """The section of a run."""
    model, dataset = run.model(), run.dataset
    train = model.labeled(dataset.train)
    part = train if dataset.test is None else model.labeled(dataset.test)
    of = "training" if dataset.test is None else "test"
    where = f"{counted(len(part), 'sequence')} of the {of} set"
    y, by = target_name(run), chosen_by(metrics)
    scores = scores_of(metrics, ("mse", "mae", "r2"), {"mse": f"{y}²", "mae": y})
    curves = Pictures(
        [
            figures.learning_curve("Loss", history, metrics["kept"], by, f"in variances of {y}"),
            figures.score_curve("Mean squared error", history, metrics["kept"], "mse", by),
        ]
    )
    found = _of_steps(run, model, train, part, where, y) if part.per_step else _of_sequences(model, part, where, y)
    blocks = [*found, *_baselines(run, metrics), curves, inside(model, part[:1], name_of(part, 0), where)]
    return section(
        run,
        model,
        metrics,
        history,
        "mean squared error",
        title=title,
        subtitle=f"Regression: a target for every {'step' if part.per_step else 'sequence'}.",
        verdict=regression_verdict(run, metrics),
        scores=scores,
        blocks=blocks,
        usage=sequence_usage(run),
        notes=changed(run, run.has_changed(dataset)),
    )


def _baselines(run: Run, metrics: dict[str, Any]) -> list[Table]:
    found = read_baselines(run)
    if not found:
        return []
    own = f"{run.parameters['cell'].upper()} (this run)"
    rows = sorted([(own, metrics["test"]["mse"]), *found.items()], key=lambda row: (row[1], row[0] == own))
    about = f"On {MEASURES['mse'].counted(metrics['test'])} of the test set; smaller is better."
    if REPEAT in found:
        about += f" “{REPEAT}” is given the true target of the step before, which the network is not."
    shown = [(name, f"{score:.4g}") for name, score in rows]
    own_row = [name for name, _ in rows].index(own)
    return [Table("Baselines", ["", "mean squared error"], shown, about, own=own_row)]


def _extremes(errors: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The rows of the sequences with the largest and the smallest errors."""
    order = np.argsort(-errors, kind="stable")
    few = min(EXAMPLES // 2, len(order) // 2)
    return [("Largest errors", order[:few]), ("Smallest errors", order[::-1][:few])]


def _of_sequences(model: Any, part: Sequences, where: str, y: str) -> list[Any]:
    """Figures of targets of sequences."""
    assert part.y is not None
    actual, predicted = part.y[:, 0], model.values(part)[0][:, 0]
    blocks: list[Any] = [
        Pictures(
            [
                figures.true_and_predicted(f"True and predicted {y} ({where})", actual, predicted, y),
                figures.residual_histogram(f"Residuals ({where})", predicted - actual, y),
            ]
        )
    ]
    for title, rows in _extremes(model.errors(part)) if len(part) > 1 else ():
        some = part[rows]
        captions = [f"{name_of(part, n)}: true {actual[n]:.3g}, predicted {predicted[n]:.3g}" for n in rows]
        blocks.append(sequence_panels(title, f"{len(rows)} of {where}.", some, captions))
    return blocks


def _of_steps(run: Run, model: Any, train: Sequences, part: Sequences, where: str, y: str) -> list[Any]:
    """Figures of targets of steps."""
    first = part[:1]
    assert first.y is not None and train.y is not None
    name = "" if first.ids is None else f" (sequence {first.ids[0]})"
    found = continued(model, train, first, str(run.data) == "curve")
    if found is None:
        x = np.arange(len(first.values))
        pictures = [
            figures.fitted_curve(f"Data and fit{name}", x, first.y[:, 0], model.values(first)[0][:, 0], ("step", y)),
            figures.residuals(f"Residuals{name}", x, first.y[:, 0], model.values(first)[0][:, 0], ("step", y)),
        ]
    else:
        label = first.channels[0] if first.channels else "x"
        bounds = found.trained_to, found.fails_at, found.tolerance
        given = found.x, found.actual, found.predicted, (label, y)
        pictures = [
            figures.fitted_curve(f"Data, fit and extrapolation{name}", *given, bounds),
            figures.residuals(f"Residuals{name}", *given, bounds),
        ]
    blocks: list[Any] = [Pictures(pictures)]
    errors = model.errors(part)
    for title, rows in _extremes(errors) if len(part) > 1 else ():
        some = part[rows]
        assert some.y is not None
        cut = some.starts[1:]
        drawn = zip(np.split(some.y[:, 0], cut), np.split(model.values(some)[0][:, 0], cut), strict=True)
        panels = [
            Panel(f"{name_of(part, n)}: mean squared error {errors[n]:.3g}", figures.fit(*both))
            for n, both in zip(rows, drawn, strict=True)
        ]
        about = f"{len(rows)} of {where}; {y} over the steps."
        blocks.append(Panels(title, about, panels, legend=figures.FIT_LEGEND))
    return blocks


def continued(model: Any, train: Sequences, first: Sequences, known: bool) -> Continued | None:
    """A sequence of one channel that only rises, such as time or place, with what lies beyond the training data.

    Args:
        train: the training data.
        first: the sequence.
        known: whether the data is the built-in curve, which can be continued until the fit fails.

    Returns:
        None where the sequence has no such channel.
    """
    assert train.y is not None and first.y is not None
    channel = first.values[:, 0]
    if first.n_channels != 1 or not (np.diff(channel) > 0).all():
        return None
    trained_to = float(train.values[:, 0].max())
    tolerance = FAILS * float(train.y[:, 0].std())
    if known:
        first = _further(train)
        channel = first.values[:, 0]
    assert first.y is not None
    actual, predicted = first.y[:, 0], model.values(first)[0][:, 0]
    failed = (channel > trained_to) & (np.abs(predicted - actual) > tolerance)
    fails_at = float(channel[failed.argmax()]) if failed.any() else None
    if known and fails_at is not None:
        least = LEAST * (trained_to - float(channel[0]))
        shown = channel <= trained_to + max((fails_at - trained_to) * BEHIND, least)
        channel, actual, predicted = channel[shown], actual[shown], predicted[shown]
    return Continued(channel, actual, predicted, trained_to, fails_at, tolerance)


def _further(train: Sequences) -> Sequences:
    """The built-in curve with the steps of training, continued."""
    x = train.values[:, 0]
    start, stop = float(x[0]), float(x[-1])
    more = round(BEYOND * (len(x) - 1))
    return sampled(start, stop + more * (stop - start) / (len(x) - 1), len(x) + more)
