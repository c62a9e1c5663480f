"""The stage that measures speed: alone on the machine, after all else, the cells in turns."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.compare.estimate import Estimate, median
from tidegate.compare.plan import Plan, Progress
from tidegate.compare.work import Work
from tidegate.probes import speed


@dataclass(frozen=True)
class Times:
    """How fast a cell trains and streams: the median of a time for every seed."""

    training: Estimate
    """In sequences a second."""
    streaming: Estimate
    """In microseconds a step."""


def count(plan: Plan) -> int:
    """How many units of work it comes to."""
    return len(plan.cells) * len(plan.seeds)


def measure_speed(plan: Plan, work: Work, progress: Progress) -> dict[str, Times]:
    """The times of each cell."""
    found: dict[str, list[dict[str, float]]] = {cell: [] for cell in plan.cells}
    for seed in plan.seeds:
        for cell in plan.cells:
            key = f"speed-{cell}-seed{seed}"
            result = work.kept(key)
            if result is None:
                measured = speed(plan.layer(cell), plan.shape.seq_len, plan.shape.batch_size)
                result = {
                    "training": measured.sequences_per_second[1],
                    "streaming": measured.microseconds_per_step[1],
                }
                work.keep(key, result)
            found[cell].append(result)
            progress.count(f"timed {cell.upper()}, seed {seed}")
    return {
        cell: Times(*(median([result[name] for result in results]) for name in ("training", "streaming")))
        for cell, results in found.items()
    }
