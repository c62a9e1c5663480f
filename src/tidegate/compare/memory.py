"""The stage that measures memory: over what lag each cell learns to recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tidegate.compare.budget import FAR_LAGS
from tidegate.compare.estimate import Estimate
from tidegate.compare.plan import Plan, Progress
from tidegate.compare.units import Remembering
from tidegate.compare.work import Work

RECALL_RATES = (1e-2, 3e-3)


@dataclass(frozen=True)
class Attempt:
    """Whether a lag was solved, after how many updates, and with what accuracy."""

    lag: int
    solved: bool
    updates: int
    accuracy: float


Climb = list[Attempt]
"""Of one cell, initialization and seed: lag after lag, until one is not solved."""


@dataclass(frozen=True)
class Memory:
    """What the cells recall."""

    climbs: dict[str, dict[str, list[Climb]]]
    """By cell and initialization, for each seed."""

    def horizon(self, cell: str, initialization: str | None = None) -> Estimate:
        """The longest lag that a cell recalls, with the initialization that reaches farthest, or with a given one.

        The median over seeds, with the nearest and the farthest.
        """
        names = self.climbs[cell] if initialization is None else [initialization]
        found = [_horizon(name, self.climbs[cell][name]) for name in names]
        return max(found, key=lambda estimate: estimate.value or 0)

    def verdict(self) -> dict[str, Any]:
        """How far each cell recalls, at best and as torch.nn initializes it."""
        parts = []
        for cell in self.climbs:
            best, torchs = self.horizon(cell), self.horizon(cell, "torch")
            says = f"{cell.upper()} recalls over {best.value:,} steps{' or more' if best.at_least else ''} with "
            if best.initialization == "torch":
                parts.append(f"{says}torch.nn's own initialization")
            else:
                parts.append(f"{says}{best.initialization} initialization, {torchs.value:,} with torch.nn's own")
        sentence = f"{'; '.join(parts)}. To choose a cell for your data, compare the cells on it."
        return {"cell": None, "sentence": sentence}

    def to_json(self) -> dict[str, Any]:
        """As `comparison.json` holds it."""
        return {
            cell: {name: [[asdict(attempt) for attempt in climb] for climb in climbs] for name, climbs in named.items()}
            for cell, named in self.climbs.items()
        }


def count(plan: Plan) -> int:
    """How many units of work it comes to at most: a climb ends where a lag is not solved."""
    return sum(map(len, plan.initializations.values())) * len(plan.seeds) * len(plan.lags)


def remember(plan: Plan, work: Work, progress: Progress) -> Memory:
    """Let all cells climb together, lag by lag, until none solves one."""
    chains = [
        (cell, name, seed) for cell, names in plan.initializations.items() for name in names for seed in plan.seeds
    ]
    climbs: dict[tuple[str, str, int], Climb] = {chain: [] for chain in chains}
    climbing = chains
    for n, lag in enumerate(plan.lags):
        rates = RECALL_RATES[:1] if lag in FAR_LAGS else RECALL_RATES
        units = [Remembering(cell, name, lag, seed, plan.budget.updates, rates) for cell, name, seed in climbing]
        for chain, result in zip(climbing, work.do(units), strict=True):
            climbs[chain].append(Attempt(lag, **result))
        before, climbing = climbing, [chain for chain in climbing if climbs[chain][-1].solved]
        progress.expect(-(len(before) - len(climbing)) * (len(plan.lags) - n - 1))
        if not climbing:
            break
    return Memory(
        {
            cell: {name: [climbs[cell, name, seed] for seed in plan.seeds] for name in names}
            for cell, names in plan.initializations.items()
        }
    )


def _horizon(initialization: str, climbs: Sequence[Climb]) -> Estimate:
    reached = [max((attempt.lag for attempt in climb if attempt.solved), default=0) for climb in climbs]
    middle = sorted(reached)[(len(reached) - 1) // 2]
    at_least = climbs[reached.index(middle)][-1].solved
    return Estimate(middle, min(reached), max(reached), len(climbs), initialization=initialization, at_least=at_least)
