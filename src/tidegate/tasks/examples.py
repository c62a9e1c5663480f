"""Sequences as tensors, in batches of rows that are padded to their longest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tidegate.data import Sequences, batches_by_length
from tidegate.preparation import Scaler
from tidegate.training import Examples

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


def _tensor(array: np.ndarray) -> torch.Tensor:
    """An array as a tensor; a copy where it cannot be written to, as one that joblib has mapped into a worker."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


class SequenceExamples(Examples):
    """A row a sequence.

    Args:
        sequences: with targets as the network learns them.
        scaler: what brings values to the network's scale.
        shift: pixels by which a training image is moved at most; see `tidegate.training.Settings`.
        late: scale a batch when it is made, after images are moved, instead of everything now.
    """

    def __init__(self, sequences: Sequences, scaler: Scaler, shift: int = 0, late: bool = False) -> None:
        late = late or shift > 0
        values = _tensor(sequences.values)
        self.values = values if late else torch.cat([scaler(some) for some in values.split(BLOCK)])
        self.lengths = _tensor(sequences.lengths)
        self.starts = torch.from_numpy(sequences.starts)
        self.scaler = scaler if late else None
        self.shift = shift
        self.T = int(self.lengths[0]) if not sequences.ragged else 0
        self.per_step = sequences.per_step
        # Sequences to predict for have no targets; nothing looks at theirs.
        y = np.zeros(len(sequences)) if sequences.y is None else sequences.y
        self.y = _tensor(y)
        self.weights = None if sequences.weights is None else torch.from_numpy(sequences.weights).float()

    def __len__(self) -> int:
        return len(self.lengths)

    def items(self, rows: Tensor) -> int:
        """One loss a sequence, or one a real step."""
        return int(self.lengths[rows].sum()) if self.per_step else len(rows)

    def parts(self, rows: Tensor, mine: Tensor, at: tuple[int, int, int] | None = None) -> Iterator[Part]:
        by = None
        if self.shift and at is not None:
            drawn = np.random.default_rng(at).integers(-self.shift, self.shift + 1, (len(rows), 2))
            by = torch.from_numpy(drawn)[mine]
        for some in self.groups(rows[mine]):
            yield self.part(some, by)

    def portions(self) -> list[Tensor]:
        return [torch.from_numpy(rows) for rows in evaluation_batches(self.lengths.numpy())]

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

    def part(self, rows: Tensor, by: Tensor | None = None) -> Part:
        """These rows, padded to the longest; images of equal size are moved `by` so many pixels [B, 2]."""
        weights = None if self.weights is None else self.weights[rows]
        if self.T:
            x = self._equal(self.values, rows)
            y = self._equal(self.y, rows) if self.per_step else self.y.index_select(0, rows)
            return Part(self._scaled(x if by is None else moved(x, by)), None, y, weights)
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


def evaluation_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """The rows that run together where nothing is learned: batches that memory holds, of similar lengths."""
    return list(batches_by_length(lengths, MOST_SEQUENCES, MOST_STEPS))


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
