"""Batches from memory: which rows step s trains on follows from the seed and s alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from torch import Tensor

from tidegate.training.settings import Plan, Settings


class Examples(ABC):
    """What a task is trained on or checked with, by rows. What a row is, and what a part holds, is the task's."""

    @abstractmethod
    def __len__(self) -> int:
        """How many rows there are."""

    @abstractmethod
    def parts(self, rows: Tensor, mine: Tensor, at: tuple[int, int, int] | None = None) -> Iterator[Any]:
        """What the learner takes: one part, or several that memory holds apart.

        Args:
            rows: of a whole step.
            mine: the places among them that this process has.
            at: the seed, the epoch and the step in it, where rows are changed at random; none to leave them.
        """

    def items(self, rows: Tensor) -> int:
        """How many losses these rows sum up."""
        return len(rows)

    def order(self, epoch: int, seed: int) -> Tensor:
        """The order of the rows in an epoch."""
        return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(len(self)))

    @abstractmethod
    def portions(self) -> Sequence[Tensor]:
        """The rows that run together where nothing is learned."""


def similar_batches(keys: np.ndarray, batch_size: int, together: int, random: np.random.Generator) -> Tensor:
    """Rows in random order, but for batches of similar keys, so that little is padded; a rest comes last.

    Args:
        keys: of each row [N], such as its length.
        batch_size: rows of a batch.
        together: batches whose rows are sorted together.
        random: draws the order.

    >>> order = similar_batches(np.array([9, 1, 2, 8, 5]), 2, 10, np.random.default_rng(1))
    >>> sorted(order.tolist()), abs(int(order[0]) - int(order[1])) > 0
    ([0, 1, 2, 3, 4], True)
    """
    rows = random.permutation(len(keys))
    whole = len(keys) // batch_size * batch_size
    batches = []
    for begin in range(0, whole, together * batch_size):
        some = rows[begin : min(begin + together * batch_size, whole)]
        batches += np.split(some[np.argsort(keys[some], kind="stable")], len(some) // batch_size)
    shuffled = [batches[n] for n in random.permutation(len(batches))]
    return torch.from_numpy(np.concatenate([*shuffled, rows[whole:]]))


class Batch(NamedTuple):
    """What one process sees of one step."""

    parts: tuple[Any, ...]
    weight: float
    """What the sum of this batch's losses counts, so that the mean over all processes is the mean over the step."""
    items: int
    """The losses that this process sums up; 0 where it has no rows of the step."""


class Feeder:
    """An iterable of batches that knows its length, as Lightning wants it."""

    def __init__(self, length: int, batch: Callable[[int], Batch]) -> None:
        self.length, self.batch = length, batch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Batch]:
        return map(self.batch, range(self.length))


class RecurrentData(lightning.LightningDataModule):
    """The training and the validation data of a run.

    Lightning's epoch is the stretch from `step` to the next check, so that a run can go on from any step.
    """

    def __init__(self, train: Examples, validation: Examples, plan: Plan, settings: Settings) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.plan, self.settings = plan, settings
        self.step = 0
        self._ordered = -1, torch.empty(0)

    def train_dataloader(self) -> Feeder:
        start = self.step
        return Feeder(self.plan.next_check(start) - start, lambda n: self.training_batch(start + n))

    def val_dataloader(self) -> Feeder:
        portions = self.validation.portions()
        return Feeder(len(portions), lambda n: self._share(self.validation, portions[n]))

    def training_batch(self, step: int) -> Batch:
        """What this process sees of a step."""
        epoch, n = divmod(step, self.plan.per_epoch)
        size = self.plan.batch_size
        rows = self._order(epoch)[n * size : (n + 1) * size]
        return self._share(self.train, rows, (self.settings.seed, epoch, n))

    def _order(self, epoch: int) -> Tensor:
        """The order of the rows in an epoch; the last one asked for is remembered."""
        if self._ordered[0] != epoch:
            self._ordered = epoch, self.train.order(epoch, self.settings.seed)
        return self._ordered[1]

    def _share(self, examples: Examples, rows: Tensor, at: tuple[int, int, int] | None = None) -> Batch:
        """Every WORLD-th row is this process's; where none is left, one that counts nothing."""
        world, rank = self._processes()
        mine = torch.arange(len(rows))[rank::world]
        if not len(mine):
            return Batch(tuple(examples.parts(rows, torch.zeros(1, dtype=torch.int64), at)), 0.0, 0)
        parts = tuple(examples.parts(rows, mine, at))
        return Batch(parts, world / examples.items(rows), examples.items(rows[mine]))

    def _processes(self) -> tuple[int, int]:
        """How many there are, and which one this is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def state_dict(self) -> dict[str, int]:
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.step = state_dict["step"]
