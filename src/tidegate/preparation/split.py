"""Shares of the data put aside: to choose the kept model, and to test it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidegate.data import Dataset, Sequences

TEST_SHARE = 0.2
LEAST_TO_TEST = 10
"""Sequences; of fewer, none is put aside."""


def hold_out(sequences: Sequences, share: float, seed: int) -> tuple[Sequences, Sequences]:
    """Return (the rest, a random share), each label in proportion; every label stays in the rest.

    >>> from tidegate.data import as_sequences
    >>> rest, held = hold_out(as_sequences(np.zeros((10, 2, 1))), share=0.2, seed=0)
    >>> len(rest), len(held)
    (8, 2)
    """
    labels = labels_of(sequences)
    size = round(share * len(sequences))
    held = _any(len(sequences), size, seed) if labels is None else _stratified(labels, size, seed)
    mask = np.zeros(len(sequences), dtype=bool)
    mask[held] = True
    return sequences[np.flatnonzero(~mask)], sequences[np.flatnonzero(mask)]


def labels_of(sequences: Sequences) -> np.ndarray | None:
    """The labels [N], where the sequences have labels."""
    y = sequences.y
    if y is None or y.ndim != 1 or sequences.per_step:
        return None
    # NaN is refused by the task, in its own words.
    return None if y.dtype.kind == "f" and not np.isfinite(y).all() else y


def _any(n: int, size: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import train_test_split

    return train_test_split(np.arange(n), test_size=size, random_state=seed)[1]


def _stratified(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """The rows held out: in proportion as far as whole sequences allow, and never the last one of a label."""
    from sklearn.model_selection import train_test_split

    codes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    several = np.flatnonzero(counts[codes] > 1)
    classes = len(np.unique(codes[several]))
    size = min(size, len(several) - classes)
    if size < 1:
        return np.empty(0, dtype=int)
    stratify = codes[several] if size >= classes and len(several) - size >= classes else None
    held = train_test_split(several, test_size=size, random_state=seed, stratify=stratify)[1]
    kept = np.setdiff1d(several, held)
    for code in np.setdiff1d(codes[held], codes[kept]):
        # A random share took all of a label: give one back, and take one of the label that has most left.
        back = held[codes[held] == code][0]
        left = np.bincount(codes[kept])
        instead = kept[codes[kept] == left.argmax()][0]
        held = np.append(held[held != back], instead)
        kept = np.append(kept[kept != instead], back)
    return held


def with_test(dataset: Dataset) -> Dataset:
    """The dataset with a test part: its own, or a fixed fifth of at least 10 sequences; none of fewer.

    The fifth does not depend on a run's seed, so that it is the same whenever the data is read again.
    """
    if dataset.test is not None:
        return dataset
    if len(dataset.train) < LEAST_TO_TEST:
        n = len(dataset.train)
        few = f"no test part of {n} sequence{'s'[: n != 1]}: scores are of training data"
        return replace(dataset, notes=(*dataset.notes, few))
    train, test = hold_out(dataset.train, TEST_SHARE, seed=0)
    return replace(dataset, train=train, test=test if len(test) else None)
