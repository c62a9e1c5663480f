"""Recall: one of a few symbols is shown at the first step and asked for after the last."""

from __future__ import annotations

import numpy as np

from tidegate.data.sequences import Dataset, Sequences, as_sequences

SYMBOLS = 8


def recall(lag: int = 100, n: int = 2000, n_test: int = 500) -> Dataset:
    """Sequences of `lag` + 1 steps with a channel for each of 8 symbols; silence after the first step.

    >>> dataset = recall(lag=5, n=10, n_test=4)
    >>> dataset.train.x.shape, bool(dataset.train.x[0, 0].argmax() == dataset.train.y[0])
    ((10, 6, 8), True)
    """
    noise = np.random.default_rng(0)
    return Dataset("recall", draw_recall(noise, n, lag), draw_recall(noise, n_test, lag))


def draw_recall(noise: np.random.Generator, n: int, lag: int) -> Sequences:
    """n random sequences, with the symbol as label."""
    symbols = noise.integers(SYMBOLS, size=n)
    x = np.zeros((n, lag + 1, SYMBOLS), dtype=np.float32)
    x[np.arange(n), 0, symbols] = 1
    return as_sequences(x).with_targets(symbols)
