"""Handwritten digits of 8x8 pixels, 1,797 of them, from scikit-learn's wheel (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

import numpy as np

from tidegate.data.sequences import Dataset, as_sequences
from tidegate.data.split import hold_out


def digits() -> Dataset:
    """Each image as 8 rows of 8 pixels in 0..1; a fixed fifth is the test set.

    >>> dataset = digits()
    >>> dataset.train.x.shape, dataset.test.x.shape
    ((1438, 8, 8), (359, 8, 8))
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    images = as_sequences(source.images / np.float32(16)).with_targets(source.target)
    train, test = hold_out(images, share=0.2, seed=0)
    return Dataset("digits", train, test, image=True)
