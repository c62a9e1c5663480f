"""The stage that trains: a search for the learning rate of each cell and size, then every seed and share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tidegate.compare.inside import Inside
from tidegate.compare.plan import Plan, Setting
from tidegate.compare.units import Unit
from tidegate.compare.verdict import Contestant, decide
from tidegate.compare.work import Work

SEARCH_SEEDS = (1000, 1001)
"""No result comes from them."""
Result = dict[str, Any]
"""What a unit of training returned; see `tidegate.compare.units`."""
Results = Mapping[tuple[str, int, int, float], Result]
"""By cell, hidden size, seed and share of the training data."""


@dataclass(frozen=True)
class Score:
    """How a cell of one size scored on the test part, for each seed."""

    hidden_size: int
    parameters: int
    learning_rate: float
    scores: list[float]


@dataclass(frozen=True)
class Gap:
    """The scores on what was trained on and on the test part, for each seed."""

    trained_on: int
    train: list[float]
    test: list[float]


@dataclass(frozen=True)
class Trained:
    """What the trainings gave. All but the scores are at equal hidden size."""

    verdict: dict[str, Any]
    baselines: dict[str, float]
    scores: dict[str, dict[str, Score]]
    """By setting and cell."""
    curves: dict[str, list[list[list[float]]]]
    """By cell, for each seed: points of step and validation score."""
    gaps: dict[str, dict[str, Gap]]
    """By cell and share of the training data; empty where the subject does not look inside."""
    inside: dict[str, list[Inside]]
    """By cell, for each seed; empty as above."""
    failed: dict[str, str]
    """Cells without a score, and why."""

    def to_json(self) -> dict[str, Any]:
        """All but the verdict and what is inside, as `comparison.json` holds it."""
        return {
            "baselines": self.baselines,
            "scores": {setting: _as_json(by_cell) for setting, by_cell in self.scores.items()},
            "curves": self.curves,
            "gaps": {cell: _as_json(by_share) for cell, by_share in self.gaps.items()},
            "failed": self.failed,
        }

    def smallest_gap(self, cell: str) -> Gap:
        """Of the smallest share of the training data."""
        return self.gaps[cell][min(self.gaps[cell], key=float)]


def _as_json(found: Mapping[str, Score] | Mapping[str, Gap]) -> dict[str, Any]:
    return {name: asdict(one) for name, one in found.items()}


def count(plan: Plan) -> int:
    """How many units of work it comes to."""
    seeds = len(plan.seeds)
    search = len(plan.settings) * len(plan.budget.learning_rates) * len(SEARCH_SEEDS)
    return search + len(plan.settings) * seeds + len(plan.cells) * seeds * len(plan.shares)


def train(plan: Plan, work: Work) -> Trained:
    """Search, then train on both settings and every share at once."""
    assert plan.subject is not None
    searched = {
        (setting, rate, seed): _training(plan, setting, rate, seed, purpose="search")
        for setting in plan.settings
        for rate in plan.budget.learning_rates
        for seed in SEARCH_SEEDS
    }
    found = dict(zip(searched, work.do(list(searched.values())), strict=True))
    rates = {setting: _best_rate(plan, setting, found) for setting in plan.settings}

    failed: dict[str, str] = {}
    units: dict[tuple[str, int, int, float], Unit] = {}
    for setting, rate in rates.items():
        cell, H = setting
        if rate is None:
            failed.setdefault(cell, "every learning rate ended in a loss that is not finite")
            continue
        at_equal_size = plan.budget.hidden_size == H
        look_inside = at_equal_size and plan.subject.looks_inside
        for seed in plan.seeds:
            units[cell, H, seed, 1.0] = _training(plan, setting, rate, seed, purpose="score", look_inside=look_inside)
            for share in plan.shares if at_equal_size else ():
                units[cell, H, seed, share] = _training(plan, setting, rate, seed, purpose="share", share=share)
    results = dict(zip(units, work.do(list(units.values())), strict=True))
    for (cell, *_), result in results.items():
        if "failed" in result:
            failed.setdefault(cell, result["failed"])
    return _summary(plan, rates, results, failed)


def _training(plan: Plan, setting: Setting, learning_rate: float, seed: int, **options: Any) -> Unit:
    assert plan.subject is not None
    steps, batch_size = plan.budget.steps, plan.budget.batch_size
    return plan.subject.training(*setting, learning_rate, steps=steps, batch_size=batch_size, seed=seed, **options)


def _best_rate(plan: Plan, setting: Setting, found: Mapping[tuple[Setting, float, int], Result]) -> float | None:
    """The learning rate with the least validation loss, which says more than the score of few sequences does.

    One that failed on any seed does not count; none where all did.
    """
    losses: dict[float, float] = {}
    for rate in plan.budget.learning_rates:
        results = [found[setting, rate, seed] for seed in SEARCH_SEEDS]
        if not any("failed" in result for result in results):
            losses[rate] = sum(result["validation"]["loss"] for result in results)
    return min(losses, key=lambda rate: losses[rate]) if losses else None


def _summary(plan: Plan, rates: Mapping[Setting, float | None], results: Results, failed: dict[str, str]) -> Trained:
    assert plan.subject is not None
    H, looks_inside = plan.budget.hidden_size, plan.subject.looks_inside
    standing = [cell for cell in plan.cells if cell not in failed]

    def of_seeds(cell: str, H: int, name: str, share: float = 1.0) -> list[Any]:
        return [results[cell, H, seed, share][name] for seed in plan.seeds]

    def score(cell: str, H: int) -> Score:
        rate = rates[cell, H]
        assert rate is not None
        return Score(H, of_seeds(cell, H, "parameters")[0], rate, of_seeds(cell, H, "test"))

    def gap(cell: str, share: float) -> Gap:
        trained_on = of_seeds(cell, H, "trained_on", share)[0]
        return Gap(trained_on, of_seeds(cell, H, "train", share), of_seeds(cell, H, "test", share))

    contestants = {
        setting: {
            cell: Contestant(cell, [np.array(e) for e in of_seeds(cell, sizes[cell], "errors")], plan.subject.metric)
            for cell in standing
        }
        for setting, sizes in plan.sizes.items()
    }
    baselines = plan.subject.baselines()
    shares = (*plan.shares, 1.0)
    looked = standing if looks_inside else []
    return Trained(
        verdict=decide(contestants["equal hidden size"], contestants["equal parameters"], baselines),
        baselines={name: float(c.scores.mean()) for name, c in baselines.items()},
        scores={
            setting: {cell: score(cell, sizes[cell]) for cell in standing} for setting, sizes in plan.sizes.items()
        },
        curves={cell: of_seeds(cell, H, "curve") for cell in standing},
        gaps={cell: {f"{share:g}": gap(cell, share) for share in shares} for cell in looked},
        inside={cell: [Inside(**found) for found in of_seeds(cell, H, "inside")] for cell in looked},
        failed=failed,
    )
