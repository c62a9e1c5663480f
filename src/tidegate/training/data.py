"""Batches from memory: which rows step s trains on follows from the seed and s alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import lightning
import numpy as np
import torch
from torch import Tensor

from tidegate.data import Sequences, batches_by_length
from tidegate.preparation import Scaler
from tidegate.training.settings import Plan, Settings

PADDED = 4
"""A batch may hold so many times its real steps; of one that would hold more, similar lengths run together."""
SMALL = 100_000
"""Padded steps that no batch is divided for."""
BLOCK = 65_536
"""Steps that are scaled at once."""
MOST_STEPS = 131_072
"""Padded steps that run at once where nothing is learned, or one sequence."""
MOST_SEQUENCES = 128
"""That run at once where nothing is learned."""


class Part(NamedTuple):
    """Sequences of similar length."""

    x: Tensor
    """[B, T, I], cut to the longest sequence."""
    lengths: Tensor | None
    """[B] on the CPU; none where all sequences have T steps."""
    y: Tensor
    """[B] classes, [B, O] targets of sequences, or [B, T, O] targets of steps."""
    weights: Tensor | None = None
    """[B] what each sequence counts; none where all count the same."""


class Batch(NamedTuple):
    """What one process sees of one step."""

    parts: tuple[Part, ...]
    """One, or several where lengths lie so far apart that padding would fill the memory."""
    weight: float
    """What the sum of this batch's losses counts, so that the mean over all processes is the mean over the step."""
    items: int
    """The losses that this process sums up; 0 where it has no rows of the step."""


class Source:
    """Sequences as tensors, from which rows are taken.

    Args:
        sequences: with targets as the network learns them.
        scaler: what brings values to the network's scale.
        late: scale a batch when it is made, after images are moved, instead of everything now.
    """

    def __init__(self, sequences: Sequences, scaler: Scaler, late: bool = False) -> None:
        values = torch.from_numpy(np.ascontiguousarray(sequences.values))
        self.values = values if late else torch.cat([scaler(some) for some in values.split(BLOCK)])
        self.lengths = torch.from_numpy(np.ascontiguousarray(sequences.lengths))
        self.starts = torch.from_numpy(sequences.starts)
        self.scaler = scaler if late else None
        self.T = int(self.lengths[0]) if not sequences.ragged else 0
        self.per_step = sequences.per_step
        # Sequences to predict for have no targets; nothing looks at theirs.
        y = np.zeros(len(sequences)) if sequences.y is None else sequences.y
        self.y = torch.from_numpy(np.ascontiguousarray(y))
        self.weights = None if sequences.weights is None else torch.from_numpy(sequences.weights).float()

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: Tensor, weight: float, change: Callable[[Tensor], Tensor] | None = None) -> Batch:
        """The batch of these rows; `change` is applied to the values [B, T, I] before they are scaled."""
        parts = tuple(self.part(some, change) for some in self.groups(rows))
        return Batch(parts, weight, self.items(rows) if weight else 0)

    def groups(self, rows: Tensor) -> Iterator[Tensor]:
        """The rows apart by length, where more than three quarters of the padded steps would be padding."""
        lengths = self.lengths[rows]
        padded = int(lengths.max()) * len(rows)
        if padded <= max(SMALL, PADDED * int(lengths.sum())):
            yield rows
            return
        order = lengths.argsort(descending=True, stable=True)
        rows, lengths = rows[order], lengths[order]
        while len(rows):
            similar = int((lengths * PADDED >= lengths[0]).sum())
            yield rows[:similar]
            rows, lengths = rows[similar:], lengths[similar:]

    def part(self, rows: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> Part:
        """These rows, padded to the longest; see `take`."""
        weights = None if self.weights is None else self.weights[rows]
        if self.T:
            x = self._equal(self.values, rows)
            y = self._equal(self.y, rows) if self.per_step else self.y.index_select(0, rows)
            return Part(self._scaled(x if change is None else change(x)), None, y, weights)
        lengths = self.lengths[rows]
        T = int(lengths.max())
        steps = self.starts[rows].unsqueeze(1) + torch.arange(T)
        real = torch.arange(T) < lengths.unsqueeze(1)
        steps.masked_fill_(~real, 0)
        x = self._scaled(self.values[steps]).masked_fill_(~real.unsqueeze(2), 0)
        y = self.y[steps] if self.per_step else self.y[rows]
        return Part(x, lengths if int(lengths.min()) < T else None, y, weights)

    def _scaled(self, x: Tensor) -> Tensor:
        return x if self.scaler is None else self.scaler(x)

    def _equal(self, steps: Tensor, rows: Tensor) -> Tensor:
        return steps.view(len(self), self.T, steps.shape[1]).index_select(0, rows)

    def items(self, rows: Tensor) -> int:
        """How many losses these rows sum up: one a sequence, or one a real step."""
        return int(self.lengths[rows].sum()) if self.per_step else len(rows)


def evaluation_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """The rows that run together where nothing is learned: batches that memory holds, of similar lengths."""
    return list(batches_by_length(lengths, MOST_SEQUENCES, MOST_STEPS))


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

    def __init__(
        self, train: Sequences, validation: Sequences | None, scaler: Scaler, plan: Plan, settings: Settings
    ) -> None:
        super().__init__()
        self.train = Source(train, scaler, late=bool(settings.shift))
        self.validation = Source(validation, scaler) if validation is not None else self.train
        self.plan, self.settings = plan, settings
        self.step = 0
        self._ordered = -1, torch.empty(0)

    def train_dataloader(self) -> Feeder:
        start = self.step
        return Feeder(self.plan.next_check(start) - start, lambda n: self.training_batch(start + n))

    def val_dataloader(self) -> Feeder:
        lengths = self.validation.lengths.numpy()
        parts = [torch.from_numpy(rows) for rows in evaluation_batches(lengths)]
        return Feeder(len(parts), lambda n: self._share(self.validation, parts[n]))

    def training_batch(self, step: int) -> Batch:
        """What this process sees of a step."""
        epoch, n = divmod(step, self.plan.per_epoch)
        size = self.plan.batch_size
        rows = self._order(epoch)[n * size : (n + 1) * size]
        if not (shift := self.settings.shift):
            return self._share(self.train, rows)
        by = np.random.default_rng((self.settings.seed, epoch, n)).integers(-shift, shift + 1, (len(rows), 2))
        world, rank = self._processes()
        mine = torch.from_numpy(by[rank::world] if rank < len(rows) else by[:1])
        return self._share(self.train, rows, lambda images: moved(images, mine))

    def _order(self, epoch: int) -> Tensor:
        """The order of the rows in an epoch; the last one asked for is remembered."""
        if self._ordered[0] != epoch:
            order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.train))
            self._ordered = epoch, torch.from_numpy(order)
        return self._ordered[1]

    def _share(self, source: Source, rows: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> Batch:
        """Every WORLD-th row is this process's; where none is left, one that counts nothing."""
        world, rank = self._processes()
        weight = world / source.items(rows)
        mine = rows[rank::world]
        return source.take(mine, weight, change) if len(mine) else source.take(rows[:1], 0.0, change)

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
