"""What a recurrent network must beat: predictions that need no memory, or no learning."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tidegate.compare.verdict import Contestant
from tidegate.data import Dataset, Sequences

FEATURES = 5000
"""Of a flattened sequence, at most; longer ones are thinned."""
ROWS = 10_000
"""That a linear model is trained on, at most."""


def baselines_of(task: str, dataset: Dataset) -> dict[str, Contestant]:
    """Each baseline of a task, scored on the test part."""
    return _of_labels(dataset) if task == "classification" else _of_steps(dataset)


def _of_labels(dataset: Dataset) -> dict[str, Contestant]:
    """The most frequent class, and a linear model on all steps side by side."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = dataset.train, dataset.test
    assert test is not None and train.y is not None
    classes, counts = np.unique(train.y, return_counts=True)
    rows = np.random.default_rng(0).permutation(len(train))[:ROWS]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    T = max(train.x.shape[1], test.x.shape[1])
    with warnings.catch_warnings():
        # A linear model that has not converged is still a baseline.
        warnings.simplefilter("ignore", ConvergenceWarning)
        linear.fit(flattened(train, T)[rows], train.y[rows])
    said = {
        "most frequent class": np.full(len(test), classes[counts.argmax()]),
        "linear model": linear.predict(flattened(test, T)),
    }
    return {name: Contestant(name, [(labels != test.y).astype(float)], "accuracy") for name, labels in said.items()}


def _of_steps(dataset: Dataset) -> dict[str, Contestant]:
    """The mean target, the target of the step before, and a linear model of each step's input."""
    from sklearn.linear_model import LinearRegression

    train, test = dataset.train, dataset.test
    assert test is not None and train.y is not None and test.y is not None
    real = [np.arange(part.x.shape[1]) < part.lengths[:, None] for part in (train, test)]
    mean = train.y[real[0]].mean(axis=0, dtype=np.float64)
    before = np.concatenate([np.broadcast_to(mean, (len(test), 1, len(mean))), test.y[:, :-1]], axis=1)
    linear = LinearRegression().fit(train.x[real[0]], train.y[real[0]])
    said: dict[str, Any] = {
        "mean": np.broadcast_to(mean, test.y.shape),
        "repeat the last": before,
        "linear model": linear.predict(test.x.reshape(-1, test.x.shape[2])).reshape(test.y.shape),
    }
    errors = {name: np.square(values - test.y).mean(axis=2) for name, values in said.items()}
    return {
        name: Contestant(name, [(error * real[1]).sum(axis=1) / test.lengths], "mse") for name, error in errors.items()
    }


def flattened(sequences: Sequences, T: int) -> np.ndarray:
    """All steps side by side, T of them, thinned to FEATURES numbers [N, features]."""
    x = np.zeros((len(sequences), T, sequences.x.shape[2]), dtype=np.float32)
    x[:, : sequences.x.shape[1]] = sequences.x
    most = max(1, FEATURES // x.shape[2])
    return x[:, :: -(-T // most)].reshape(len(x), -1)
