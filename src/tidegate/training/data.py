"""Batches from memory: which rows step s trains on follows from the seed and s alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import lightning
import numpy as np
import torch
from torch import Tensor

from tidegate.data import Sequences
from tidegate.training.settings import Plan, Settings


class Batch(NamedTuple):
    """What one process sees of one step."""

    x: Tensor
    """[B, T, I], cut to the longest sequence."""
    lengths: Tensor | None
    """[B] on the CPU; none where all sequences have T steps."""
    y: Tensor
    """[B] classes, or [B, T, O] targets."""
    weight: float
    """What the sum of this batch's losses counts, so that the mean over all processes is the mean over the step."""


class Source:
    """Sequences as tensors, from which rows are taken."""

    def __init__(self, sequences: Sequences) -> None:
        assert sequences.y is not None
        self.x = torch.from_numpy(np.ascontiguousarray(sequences.x))
        self.y = torch.from_numpy(np.ascontiguousarray(sequences.y))
        self.lengths = torch.from_numpy(np.ascontiguousarray(sequences.lengths))
        self.ragged = bool((self.lengths < self.x.shape[1]).any())

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor, weight: float) -> Batch:
        """The batch of these rows."""
        y = self.y.index_select(0, rows)
        if not self.ragged:
            return Batch(self.x.index_select(0, rows), None, y, weight)
        lengths = self.lengths[rows]
        T = int(lengths.max())
        return Batch(
            x=self.x[rows, :T],
            lengths=lengths if int(lengths.min()) < T else None,
            y=y[:, :T] if y.dim() == 3 else y,
            weight=weight,
        )

    def items(self, rows: Tensor) -> int:
        """How many losses these rows sum up: one a sequence, or one a real step."""
        return int(self.lengths[rows].sum()) if self.y.dim() == 3 else len(rows)


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

    def __init__(self, train: Sequences, validation: Sequences | None, plan: Plan, settings: Settings) -> None:
        super().__init__()
        self.train = Source(train)
        self.validation = Source(validation) if validation is not None else self.train
        self.plan, self.settings = plan, settings
        self.step = 0
        self._ordered = -1, torch.empty(0)

    def train_dataloader(self) -> Feeder:
        start = self.step
        return Feeder(self.plan.next_check(start) - start, lambda n: self.training_batch(start + n))

    def val_dataloader(self) -> Feeder:
        size = max(self.settings.batch_size, 512)
        parts = torch.arange(len(self.validation)).split(size)
        return Feeder(len(parts), lambda n: self._share(self.validation, parts[n]))

    def training_batch(self, step: int) -> Batch:
        """What this process sees of a step."""
        epoch, n = divmod(step, self.plan.per_epoch)
        size = self.settings.batch_size
        rows = self._order(epoch)[n * size : (n + 1) * size]
        batch = self._share(self.train, rows)
        if shift := self.settings.shift:
            by = np.random.default_rng((self.settings.seed, epoch, n)).integers(-shift, shift + 1, (len(rows), 2))
            world, rank = self._processes()
            batch = batch._replace(x=moved(batch.x, torch.from_numpy(by[rank::world] if rank < len(rows) else by[:1])))
        return batch

    def _order(self, epoch: int) -> Tensor:
        """The order of the rows in an epoch; the last one asked for is remembered."""
        if self._ordered[0] != epoch:
            order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.train))
            self._ordered = epoch, torch.from_numpy(order)
        return self._ordered[1]

    def _share(self, source: Source, rows: Tensor) -> Batch:
        """Every WORLD-th row is this process's; where none is left, one that counts nothing."""
        world, rank = self._processes()
        weight = world / source.items(rows)
        mine = rows[rank::world]
        return source.take(mine, weight) if len(mine) else source.take(rows[:1], 0.0)

    def _processes(self) -> tuple[int, int]:
        """How many there are, and which one this is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def state_dict(self) -> dict[str, int]:
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.step = state_dict["step"]


def moved(images: Tensor, by: Tensor) -> Tensor:
    """Images [B, rows, columns] moved down and right by `by` [B, 2] pixels, with 0 where nothing was.

    >>> moved(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.tensor([[1, -1]]))
    tensor([[[0., 0.],
             [2., 0.]]])
    """
    B, T, I = images.shape
    most = int(by.abs().max())
    framed = torch.nn.functional.pad(images, (most, most, most, most))
    windows = framed.unfold(1, T, 1).unfold(2, I, 1)  # [B, places down, places right, T, I]
    return windows[torch.arange(B), most - by[:, 0], most - by[:, 1]]
