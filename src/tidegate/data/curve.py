"""The curve y = sin(3x) + x: one sequence to fit, and the same a little further to test."""

from __future__ import annotations

import numpy as np

from tidegate.data.sequences import Dataset, Sequences, as_sequences, as_targets


def curve() -> Dataset:
    """1,000 steps of x from -3 to 3, with y at every step; the test sequence goes on to 3.1.

    >>> dataset = curve()
    >>> dataset.train.x.shape, dataset.train.y.shape
    ((1, 1000, 1), (1000, 1))
    """
    return Dataset("curve", train=sampled(-3, 3), test=sampled(-3, 3.1))


def sampled(start: float, stop: float, steps: int = 1000) -> Sequences:
    """The curve as one sequence, at equal distances."""
    x = np.linspace(start, stop, steps)[None, :, None]
    sequences = as_sequences(x)
    return sequences.with_targets(as_targets(np.sin(3 * x) + x, sequences), per_step=True)
