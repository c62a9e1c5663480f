"""What a question comes to: sizes, seeds, shares, lags, and the layer that costs are of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from torch import nn

from tidegate import __version__
from tidegate.compare.budget import FAR_LAGS, Budget, budget_of
from tidegate.compare.question import Question
from tidegate.compare.subject import PROBED, Shape, Subject
from tidegate.layers import INITIALIZATIONS, layer_of
from tidegate.probes.teaching import initializations_of

Setting = tuple[str, int]
"""A cell and its hidden size."""


@dataclass(frozen=True)
class Plan:
    """All that the stages of a comparison have in common."""

    question: Question
    subject: Subject | None

    @property
    def cells(self) -> tuple[str, ...]:
        return self.question.cells

    @property
    def seeds(self) -> range:
        return range(self.question.first_seed, self.question.first_seed + self.question.seeds)

    @cached_property
    def budget(self) -> Budget:
        return budget_of(self.question.budget)

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Of the training data, besides all of it."""
        return () if self.subject is None else self.subject.shares(self.budget.shares)

    @cached_property
    def sizes(self) -> dict[str, dict[str, int]]:
        """The hidden size of each cell, at equal hidden size and at an equal number of parameters."""
        H = self.budget.hidden_size
        sizes = {"equal hidden size": dict.fromkeys(self.cells, H)}
        if self.subject is not None:
            sizes["equal parameters"] = {cell: self.subject.equal_parameters(cell, H) for cell in self.cells}
        return sizes

    @property
    def settings(self) -> list[Setting]:
        """Each cell and hidden size once: the LSTM's is the same in both."""
        return list(dict.fromkeys((cell, H) for by_cell in self.sizes.values() for cell, H in by_cell.items()))

    @property
    def initializations(self) -> dict[str, list[str]]:
        """Of each cell, for what it remembers: two beside data, all of them where the probes run alone."""
        if self.subject is None:
            return {cell: [name for name, cells in INITIALIZATIONS.items() if cell in cells] for cell in self.cells}
        return {cell: [*initializations_of(cell)] for cell in self.cells}

    @property
    def lags(self) -> tuple[int, ...]:
        """Climbed until one is not solved, farther where the probes run alone."""
        lags = self.budget.lags
        return (*lags, *FAR_LAGS) if self.subject is None and max(lags) >= 1000 else lags

    @cached_property
    def shape(self) -> Shape:
        """Of the layer and the batch that costs and times are of."""
        if self.subject is None:
            return PROBED
        return self.subject.shape(self.budget.hidden_size, self.budget.batch_size)

    def layer(self, cell: str) -> nn.RNNBase:
        """The layer that costs and times are of."""
        return layer_of(cell)(self.shape.input_size, self.shape.hidden_size)

    def to_json(self) -> dict[str, Any]:
        """All that it takes to do this again."""
        described: dict[str, Any] = {
            "budget": self.question.budget,
            "seeds": list(self.seeds),
            "updates": self.budget.updates,
            "tidegate": __version__,
        }
        if self.subject is None:
            return described | {"layer": asdict(PROBED)}
        return described | {
            **{name: value for name, value in asdict(self.budget).items() if name != "updates"},
            "sizes": self.sizes,
            **self.subject.described(),
        }


class Progress:
    """Counts the units that are done and those still to come.

    Args:
        tell: called with the units done, the units known of, and the name of the last one.
    """

    def __init__(self, tell: Callable[[int, int, str], None]) -> None:
        self.done, self.total, self.tell = 0, 0, tell

    def expect(self, units: int) -> None:
        """Expect more units, or fewer."""
        self.total += units

    def count(self, name: str) -> None:
        """Count a unit as done."""
        self.done += 1
        self.tell(self.done, max(self.done, self.total), name)
