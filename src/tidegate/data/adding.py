"""Adding: the sum of two marked numbers in a long row of numbers (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

import numpy as np

from tidegate.data.sequences import Dataset, Sequences, as_sequences, as_targets


def adding(length: int = 100, n: int = 2000, n_test: int = 500) -> Dataset:
    """Two channels: numbers in 0..1, and a mark at one step of each half. The target is the sum of what was marked.

    The original asks for the sum after the last step; here it is asked for at every step, of the marks so far,
    since a regression has a target for every step.

    >>> dataset = adding(length=6, n=2, n_test=1)
    >>> x, y = dataset.train.x[0], dataset.train.y[5, 0]
    >>> bool(abs((x[:, 0] * x[:, 1]).sum() - y) < 1e-6)
    True
    """
    noise = np.random.default_rng(0)
    return Dataset("adding", _draw(noise, n, length), _draw(noise, n_test, length))


def _draw(noise: np.random.Generator, n: int, length: int) -> Sequences:
    numbers, marks = noise.random((n, length)), np.zeros((n, length))
    half = length // 2
    rows = np.arange(n)
    marks[rows, noise.integers(0, half, size=n)] = 1
    marks[rows, noise.integers(half, length, size=n)] = 1
    sequences = as_sequences(np.stack([numbers, marks], axis=2))
    return sequences.with_targets(as_targets(np.cumsum(numbers * marks, axis=1), sequences), per_step=True)
