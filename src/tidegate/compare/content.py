"""What each row of the table shows of each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from tidegate.cells.description import DESCRIPTIONS
from tidegate.compare.estimate import Estimate, exact, geometric_mean, mean
from tidegate.compare.inside import Inside, gates_of, inside_of_layer
from tidegate.compare.memory import Memory
from tidegate.compare.plan import Plan
from tidegate.compare.subject import PROBED
from tidegate.compare.table import ROWS, judged
from tidegate.compare.timing import Times
from tidegate.compare.training import Trained
from tidegate.compare.verdict import is_share
from tidegate.layers import layer_of
from tidegate.probes import cost

Columns = dict[str, dict[str, "Estimate | None"]]
"""By row and cell; none where a row says nothing of a cell."""


@dataclass(frozen=True)
class Findings:
    """What the stages of a comparison found."""

    plan: Plan
    trained: Trained | None
    memory: Memory
    inside: dict[str, list[Inside]]
    """By cell, for each seed."""
    times: dict[str, Times]

    def rows(self) -> list[dict[str, Any]]:
        """The table, as `comparison.json` holds it."""
        columns = self._columns()
        rows = []
        for row in ROWS:
            entries = {cell: entry and entry.to_json() for cell, entry in columns[row.name].items()}
            found = {cell: entry if entry and entry["value"] is not None else None for cell, entry in entries.items()}
            agreement, remark = judged(row, found)
            rows.append(
                {
                    "name": row.name,
                    "title": row.title,
                    "unit": self._unit(row.name, row.unit),
                    "claim": {cell: row.claim[cell] for cell in self.plan.cells},
                    "measured": entries,
                    "agreement": agreement,
                    "remark": remark,
                    "how": row.how,
                }
            )
        return rows

    def _columns(self) -> Columns:
        columns: Columns = {row.name: dict.fromkeys(self.plan.cells) for row in ROWS}
        for cell in self.plan.cells:
            found = self._of_layer(cell) | self._of_network(cell)
            for name, entry in found.items():
                columns[name][cell] = entry
        return columns

    def _of_layer(self, cell: str) -> dict[str, Estimate]:
        """What a layer shows without training on data."""
        seeds, layer = len(self.plan.seeds), self.plan.layer(cell)
        states = layer(torch.zeros(1, 1, layer.input_size))[1]
        return {
            "gates": exact(gates_of(layer), seeds),
            "memory": exact(len(states) if isinstance(states, tuple) else 1, seeds, DESCRIPTIONS[cell].memory),
            "macs_per_step": exact(cost(layer).macs_per_step, seeds),
            "parameters": exact(cost(layer).parameters, seeds),
            "memory_horizon": self.memory.horizon(cell),
            "training_speed": self.times[cell].training,
            "streaming_latency": self.times[cell].streaming,
        }

    def _of_network(self, cell: str) -> dict[str, Estimate]:
        """What the trained networks show, or fresh layers where there was no training."""
        trained, seeds = self.trained, len(self.plan.seeds)
        if trained is not None and cell in trained.failed:
            failed = Estimate(None, None, None, 0, failed=trained.failed[cell])
            return dict.fromkeys(("core_operation", "gradient_half_life", "generalization_gap", "score"), failed)
        looks = self.inside[cell]
        found = {
            "core_operation": exact(max(look.residual for look in looks), seeds, DESCRIPTIONS[cell].core_operation),
            "gradient_half_life": geometric_mean([look.last_half_life for look in looks]),
        }
        if trained is None:
            return found
        scores = mean(trained.scores["equal hidden size"][cell].scores)
        found["score"] = scores.clipped(0.0, 1.0 if self._is_share else math.inf)
        if trained.gaps:
            gap = trained.smallest_gap(cell)
            found["generalization_gap"] = mean([self._gap(*pair) for pair in zip(gap.train, gap.test, strict=True)])
        return found

    @property
    def _is_share(self) -> bool:
        return self.plan.subject is not None and is_share(self.plan.subject.metric)

    def _gap(self, train: float, test: float) -> float:
        return train - test if self._is_share else math.log10(max(test, 1e-30) / max(train, 1e-30))

    def _unit(self, row: str, unit: str) -> str:
        if row == "score":
            return self.plan.subject.metric if self.plan.subject is not None else ""
        if row == "generalization_gap":
            return "accuracy" if self._is_share else "log10 of the ratio"
        return unit


def inside_of_fresh_layers(plan: Plan) -> dict[str, list[Inside]]:
    """What untrained layers show over noise, by cell, for each seed."""
    inside: dict[str, list[Inside]] = {cell: [] for cell in plan.cells}
    for cell in plan.cells:
        for seed in plan.seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                layer = layer_of(cell)(PROBED.input_size, PROBED.hidden_size)
                x = torch.randn(PROBED.seq_len, PROBED.input_size)
            inside[cell].append(inside_of_layer(layer, x))
    return inside
