"""A measured value with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tidegate.compare.verdict import interval


@dataclass(frozen=True)
class Estimate:
    """A value over seeds with its interval; without a value where a training failed."""

    value: float | None
    low: float | None
    high: float | None
    seeds: int
    words: str | None = None
    """What the number stands for."""
    initialization: str | None = None
    """With which a horizon was reached."""
    at_least: bool | None = None
    """Whether a horizon may lie farther."""
    failed: str | None = None
    """Why there is no value."""

    def clipped(self, least: float, most: float) -> Estimate:
        """The same with an interval that ends where its measure does."""
        if self.value is None or self.low is None or self.high is None:
            return self
        return Estimate(self.value, max(least, self.low), min(most, self.high), self.seeds)

    def to_json(self) -> dict[str, Any]:
        """As `comparison.json` holds it."""
        required = ("value", "low", "high", "seeds")
        return {name: value for name, value in asdict(self).items() if value is not None or name in required}


def exact(value: float, seeds: int, words: str | None = None) -> Estimate:
    """What is the same for every seed."""
    return Estimate(value, value, value, seeds, words)


def mean(values: Sequence[float]) -> Estimate:
    """The mean over seeds with its 95 % interval by Student's t; without a value unless all are finite."""
    if not values or not all(map(math.isfinite, values)):
        return Estimate(None, None, None, len(values))
    return Estimate(float(np.mean(values)), *interval(values), len(values))


def geometric_mean(values: Sequence[float]) -> Estimate:
    """The same of values that differ by factors."""
    found = mean([math.log(max(value, 1e-2)) for value in values])
    if found.value is None or found.low is None or found.high is None:
        return found
    return Estimate(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.seeds)


def median(values: Sequence[float]) -> Estimate:
    """The median, with the smallest and the largest value as its interval."""
    return Estimate(float(np.median(values)), min(values), max(values), len(values))
