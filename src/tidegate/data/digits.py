"""Handwritten digits of 8x8 pixels, 1,797 of them, from scikit-learn's wheel (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

import numpy as np

from tidegate.data.sequences import Dataset, as_sequences


def digits() -> Dataset:
    """Each image as 8 rows of 8 pixels in 0..1.

    >>> digits().train.x.shape
    (1797, 8, 8)
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    images = as_sequences(source.images / np.float32(16)).with_targets(source.target)
    return Dataset("digits", images, image=True)
