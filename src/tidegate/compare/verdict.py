"""Whether a difference between cells is larger than its uncertainty, over seeds and over test sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CONFIDENCE = 0.95
SHARES = ("accuracy", "chrF")
"""Metrics that are shares of 1, written in hundredths."""
REPEAT = "repeat the last"
"""The baseline that knows the true target of the step before, which no cell does."""
COST_ORDER = ("rnn", "gru", "lstm")


def is_share(metric: str) -> bool:
    """Whether a metric is a share of 1, where more is better, rather than an error."""
    return metric in SHARES


@dataclass(frozen=True)
class Contestant:
    """A cell or a baseline, with its errors on the test set."""

    name: str
    errors: Sequence[np.ndarray]
    """For each seed, the error of each test sequence [n]; a baseline has one seed."""
    metric: str
    """A share of 1, where more is better; or an error, compared by ratios."""

    @property
    def scores(self) -> np.ndarray:
        """The score of each seed."""
        errors = np.array([error.mean() for error in self.errors])
        return 1 - errors if is_share(self.metric) else errors

    @property
    def merits(self) -> np.ndarray:
        """The scores on a scale where more is better and differences are comparable: shares, or −log10 of errors."""
        return self.scores if is_share(self.metric) else -np.log10(np.maximum(self.scores, 1e-30))


@dataclass(frozen=True)
class Difference:
    """How much better one contestant is than another: half the 95 % interval is the margin."""

    value: float
    margin: float

    @property
    def stands(self) -> bool:
        """Whether the interval excludes zero."""
        return abs(self.value) > self.margin


def difference(a: Contestant, b: Contestant) -> Difference:
    """The difference in merit of two contestants on the same test sequences.

    Its variance is that of the means over seeds (Welch 1947) plus that of the mean over test sequences, in which both
    are compared sequence by sequence; the degrees of freedom are Satterthwaite's (1946).
    """
    from scipy.stats import t

    parts = [(float(np.var(c.merits, ddof=1)) / len(c.merits), len(c.merits) - 1) for c in (a, b) if len(c.merits) > 1]
    per_sequence = _slopes(a) - _slopes(b)
    if (n := len(per_sequence)) > 1:
        parts.append((float(np.var(per_sequence, ddof=1)) / n, n - 1))
    variance = sum(part for part, _ in parts)
    value = float(a.merits.mean() - b.merits.mean())
    if variance == 0:
        return Difference(value, 0.0)
    freedom = variance**2 / sum(part**2 / df for part, df in parts)
    return Difference(value, float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(variance))


def _slopes(contestant: Contestant) -> np.ndarray:
    """The contribution of each test sequence to the merit, to first order [n]."""
    mean = np.mean(contestant.errors, axis=0)
    if is_share(contestant.metric):
        return -mean
    return -mean / (max(float(mean.mean()), 1e-30) * math.log(10))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean by Student's t; the value itself where there is only one."""
    from scipy.stats import t

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean
    margin = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean - margin, mean + margin


def decide(
    equal_size: dict[str, Contestant], equal_parameters: dict[str, Contestant], baselines: dict[str, Contestant]
) -> dict[str, Any]:
    """The verdict: a cell is named where it beats every other cell in both settings, and every baseline.

    Args:
        equal_size: the cells that trained, at equal hidden size.
        equal_parameters: the same at an equal number of parameters.
        baselines: methods that a recurrent network must beat.
    """
    if not equal_size:
        return {
            "cell": None,
            "sentence": "No cell could be trained: in every training the loss became infinite or NaN.",
        }
    ranked = sorted(equal_size.values(), key=lambda c: -c.merits.mean())
    best = ranked[0]
    rival = max(baselines.values(), key=lambda c: c.merits.mean())
    over_rival = difference(best, rival)
    if over_rival.value <= over_rival.margin:
        advice = "if the target of the step before is known, " if rival.name == REPEAT else ""
        if over_rival.value > 0:
            advice += "these results do not show that you need a recurrent network."
        else:
            advice += "you do not need a recurrent network for this data."
        return {
            "cell": None,
            "sentence": f"No cell beats the baseline “{rival.name}” ({_score(rival)}) by more than the uncertainty: "
            f"the best cell is {_named(best)}, with a difference of {_by(over_rival, best)}. "
            f"{advice[0].upper()}{advice[1:]}",
        }
    even = [best, *(c for c in ranked[1:] if not difference(best, c).stands)]
    beats = f"the best baseline, “{rival.name}” ({_score(rival)})."
    it_beats = f"The {best.name.upper()} beats {beats}"
    if len(equal_size) == 1:
        return {"cell": None, "sentence": f"Only one cell was compared: {_named(best)}. {it_beats}"}
    if len(even) > 1:
        behind = "".join(f" {_named(c)} is worse." for c in ranked if c not in even)
        cheapest = min((c.name for c in even), key=COST_ORDER.index).upper()
        return {
            "cell": None,
            "sentence": f"{_listed(even)} do not differ by more than the uncertainty; the {cheapest} is the cheapest "
            f"of them. They beat {beats}{behind}",
        }
    lead = f"{_named(best)} is better than {_named(ranked[1])} by {_by(difference(best, ranked[1]), best)}"
    same = equal_parameters[best.name]
    others = [difference(same, c) for name, c in equal_parameters.items() if name != best.name]
    if all(d.stands and d.value > 0 for d in others):
        also = "at equal hidden size, and is also better at an equal number of parameters"
        return {"cell": best.name, "sentence": f"{lead} {also}. {it_beats}{_others(ranked)}"}
    return {
        "cell": None,
        "sentence": f"{lead} at equal hidden size, but not at an equal number of parameters: the size makes the "
        f"difference, not the kind of cell. {it_beats}{_others(ranked)}",
    }


def _listed(contestants: Sequence[Contestant]) -> str:
    *others, last = map(_named, contestants)
    return f"{', '.join(others)} and {last}"


def _others(ranked: Sequence[Contestant]) -> str:
    """The cells behind the second, so that every score is named."""
    return "".join(f" {_named(one)} is last." for one in ranked[2:])


def _named(contestant: Contestant) -> str:
    return f"{contestant.name.upper()} ({_score(contestant)})"


def _score(contestant: Contestant) -> str:
    mean = float(contestant.scores.mean())
    if contestant.metric == "accuracy":
        return f"{100 * mean:.1f} %"
    if is_share(contestant.metric):
        return f"{contestant.metric} {100 * mean:.1f}"
    if contestant.metric.startswith("nats"):
        return f"{mean:.3g} {contestant.metric}"
    return f"mean squared error {mean:.3g}" if contestant.metric == "mse" else f"{contestant.metric} {mean:.3g}"


def _by(d: Difference, contestant: Contestant) -> str:
    if is_share(contestant.metric):
        return f"{100 * d.value:.1f} ± {100 * d.margin:.1f} points"
    low, high = 10 ** (d.value - d.margin), 10 ** (d.value + d.margin)
    return f"a factor of {10**d.value:.3g} (between {low:.3g} and {high:.3g})"
