"""The gap between training and held-out score as the training set shrinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Gap:
    """The scores of a model trained on a share of the data."""

    share: float
    """Share of the training data."""
    n: int
    """Number of training sequences."""
    train: float
    """Score on the sequences it was trained on."""
    test: float
    """Score on the test data."""

    @property
    def gap(self) -> float:
        """Training score minus test score."""
        return self.train - self.test


def generalization(
    model: Any, X: Any, y: Any, X_test: Any, y_test: Any, shares: Sequence[float] = (0.1, 0.3, 1.0), seed: int = 0
) -> list[Gap]:
    """Fit a clone of a scikit-learn estimator on growing shares of the data, and score each on its training and test
    data.

    A larger share contains all sequences of the smaller ones.

    Args:
        model: any scikit-learn estimator, such as a `tidegate.SequenceClassifier`.
        X, y: the training data.
        X_test, y_test: the test data.
        shares: the shares of the training data.
        seed: seed of the order in which sequences are added.

    Returns:
        One `Gap` for each share.

    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from tidegate.probes import generalization
    >>> X, y = np.zeros((20, 1)), np.arange(20) % 2
    >>> [gap.n for gap in generalization(DummyClassifier(), X, y, X, y, shares=(0.2, 1.0))]
    [4, 20]
    """
    from sklearn.base import clone

    order = np.random.default_rng(seed).permutation(len(X))
    gaps = []
    for share in shares:
        rows = np.sort(order[: max(2, round(share * len(X)))])
        part = [X[row] for row in rows] if isinstance(X, list) else X[rows]
        targets = [y[row] for row in rows] if isinstance(y, list) else y[rows]
        fitted = clone(model).fit(part, targets)
        gaps.append(Gap(share, len(rows), fitted.score(part, targets), fitted.score(X_test, y_test)))
    return gaps
