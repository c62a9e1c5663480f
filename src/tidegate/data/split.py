"""Shares of the data put aside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidegate.data.sequences import Dataset, Sequences


def hold_out(sequences: Sequences, share: float, seed: int) -> tuple[Sequences, Sequences]:
    """Return (the rest, a random share), each label in proportion where there are labels enough.

    >>> from tidegate.data.sequences import as_sequences
    >>> rest, held = hold_out(as_sequences(np.zeros((10, 2, 1))), share=0.2, seed=0)
    >>> len(rest), len(held)
    (8, 2)
    """
    from sklearn.model_selection import train_test_split

    y = sequences.y
    labels = y if y is not None and y.ndim == 1 else None
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
        held = round(share * len(sequences))
        few = counts.min() < 2 or min(held, len(sequences) - held) < len(counts)
        if few or (labels.dtype.kind == "f" and not np.isfinite(labels).all()):  # the classifier refuses the latter
            labels = None
    rest, held = train_test_split(
        np.arange(len(sequences)), test_size=round(share * len(sequences)), random_state=seed, stratify=labels
    )
    return sequences[np.sort(rest)], sequences[np.sort(held)]


def with_test(dataset: Dataset) -> Dataset:
    """The dataset with a test part: its own, or a fixed fifth of at least 10 sequences; none of fewer.

    The fifth does not depend on a run's seed, so that it is the same whenever the data is read again.
    """
    if dataset.test is not None or len(dataset.train) < 10:
        return dataset
    train, test = hold_out(dataset.train, share=0.2, seed=0)
    return replace(dataset, train=train, test=test)
