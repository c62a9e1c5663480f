"""What a recurrent network must beat: predictions that need no memory, or no learning."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tidegate.compare.verdict import REPEAT, Contestant
from tidegate.data import Dataset, Sequences
from tidegate.errors import RunError
from tidegate.preparation import Reading
from tidegate.tasks.error_rates import error_rates
from tidegate.tasks.run import Run, write_json

FEATURES = 5000
"""Of a flattened sequence, at most; longer ones are thinned."""
ROWS = 10_000
"""That a linear model is trained on, at most, and that MiniRocket takes: 60,000 images need 10 GB of memory."""
ROCKET = "MiniRocket"
ROCKET_STEPS = 2_000_000
"""Of a part, all sequences together, at most: with more it would take longer than many a recurrent network."""
BASELINES = "baselines.json"
"""In a run folder: the score of each baseline on the test part."""


def baselines_of(task: str, dataset: Dataset) -> dict[str, Contestant]:
    """Each baseline of a task, scored on the test part."""
    if task == "classification":
        return _of_labels(dataset)
    return _of_steps(dataset) if dataset.train.per_step else _of_sequences(dataset)


def write_baselines(run: Run) -> None:
    """Keep the score of each baseline on a run's test part in its folder, unless they are there already.

    Those of forecasting, language and translation are in the run's metrics.
    """
    path = run.folder / BASELINES
    if run.task not in ("classification", "regression", "speech") or path.exists():
        return
    if run.task == "speech":
        write_json(path, _of_speech(run))
        return
    model, dataset = run.model(), run.dataset
    found: dict[str, float] = {}
    if dataset.test is not None:
        train, test = (model.preparation_.encode(model.labeled(part)) for part in (dataset.train, dataset.test))
        contestants = baselines_of(run.task, replace(dataset, train=train, test=test))
        found = {name: float(one.scores.mean()) for name, one in contestants.items()}
    write_json(path, found)


def _of_speech(run: Run) -> dict[str, float]:
    """The word error rate of the most frequent transcript for every recording, and of no text at all."""
    model = run.model()
    material = model.material(model, run.data, Reading(**run.reading), None, None)
    if not material.test:
        return {}
    (text, _), *_ = Counter(model.normalized([one.text or "" for one in material.train])).most_common(1)
    said = model.normalized([one.text or "" for one in material.test])
    simple = {"most frequent transcript": text, "empty transcript": ""}
    return {name: float(error_rates(said, [one] * len(said))["wer"]) for name, one in simple.items()}


def read_baselines(run: Run) -> dict[str, float]:
    """What `write_baselines` has kept, the best first; nothing where that was not measured."""
    path = run.folder / BASELINES
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(sorted(found.items(), key=lambda one: one[1], reverse=run.task == "classification"))
    except (OSError, ValueError, AttributeError, TypeError):
        raise RunError(
            got=f"{path} that cannot be read", wanted="the scores as they were written", do="delete that file"
        ) from None


def _of_labels(dataset: Dataset) -> dict[str, Contestant]:
    """The most frequent class, a linear model on all steps side by side, and MiniRocket where aeon is installed."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = dataset.train, dataset.test
    assert test is not None and train.y is not None
    classes, counts = np.unique(train.y, return_counts=True)
    rows = np.random.default_rng(0).permutation(len(train))[:ROWS]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    T = max(train.longest, test.longest)
    with warnings.catch_warnings():
        # A linear model that has not converged is still a baseline.
        warnings.simplefilter("ignore", ConvergenceWarning)
        linear.fit(flattened(train[rows], T), train.y[rows])
    said = {
        "most frequent class": np.full(len(test), classes[counts.argmax()]),
        "linear model": linear.predict(flattened(test, T)),
    }
    few = len(train) <= ROWS and max(len(train.values), len(test.values)) <= ROCKET_STEPS
    if few and (labels := rocket(train, test)) is not None:
        said[ROCKET] = labels
    return {name: Contestant(name, [(labels != test.y).astype(float)], "accuracy") for name, labels in said.items()}


def rocket(train: Sequences, test: Sequences) -> np.ndarray | None:
    """What MiniRocket (Dempster, Schmidt & Webb 2021) says of the test sequences; none where aeon is not installed.

    Ridge regression on the share of steps at which each of 10,000 fixed convolutions is above a threshold. Shorter
    sequences are filled up with 0, and so are all to the 9 steps that a convolution takes.
    """
    try:
        from aeon.classification.convolution_based import MiniRocketClassifier
    except ImportError:
        return None
    T = max(train.longest, test.longest, 9)
    with warnings.catch_warnings(), own_threads():
        # Of its own dependencies, and of a matrix with few rows.
        warnings.simplefilter("ignore")
        model = MiniRocketClassifier(random_state=0).fit(channels_first(train, T), train.y)
        return model.predict(channels_first(test, T))


@contextmanager
def own_threads() -> Iterator[None]:
    """Leave torch the number of threads that it has: numba, under aeon, sets OpenMP's, and sums change with it."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def channels_first(sequences: Sequences, T: int) -> np.ndarray:
    """Sequences as aeon takes them, filled up to T steps with 0 [N, channels, T].

    >>> from tidegate.data import as_sequences
    >>> channels_first(as_sequences([np.ones((2, 1)), np.ones((3, 1))]), 4).tolist()
    [[[1.0, 1.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 0.0]]]
    """
    x = np.zeros((len(sequences), sequences.n_channels, T))
    for row, start, length in zip(x, sequences.starts, sequences.lengths, strict=True):
        row[:, :length] = sequences.values[start : start + length].T
    return x


def _of_steps(dataset: Dataset) -> dict[str, Contestant]:
    """The mean target, the target of the step before, and a linear model of each step's input.

    Before the first step there is none: the mean of the first targets in training stands for it.
    """
    from sklearn.linear_model import LinearRegression

    train, test = dataset.train, dataset.test
    assert test is not None and train.y is not None and test.y is not None
    before = np.concatenate([test.y[:1], test.y[:-1]])
    before[test.starts] = train.y[train.starts].mean(axis=0)
    linear = LinearRegression().fit(train.values, train.y)
    said: dict[str, Any] = {
        "mean": np.broadcast_to(train.y.mean(axis=0), test.y.shape),
        REPEAT: before,
        "linear model": linear.predict(test.values),
    }
    errors = {name: np.square(values - test.y).mean(axis=1) for name, values in said.items()}
    return {
        name: Contestant(name, [np.add.reduceat(error, test.starts) / test.lengths], "mse")
        for name, error in errors.items()
    }


def _of_sequences(dataset: Dataset) -> dict[str, Contestant]:
    """The mean target, and a linear model (ridge regression) on all steps side by side."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = dataset.train, dataset.test
    assert test is not None and train.y is not None and test.y is not None
    rows = np.random.default_rng(0).permutation(len(train))[:ROWS]
    T = max(train.longest, test.longest)
    linear = make_pipeline(StandardScaler(), Ridge()).fit(flattened(train[rows], T), train.y[rows])
    said = {
        "mean": np.broadcast_to(train.y.mean(axis=0), test.y.shape),
        "linear model": linear.predict(flattened(test, T)).reshape(test.y.shape),
    }
    return {name: Contestant(name, [np.square(y - test.y).mean(axis=1)], "mse") for name, y in said.items()}


def flattened(sequences: Sequences, T: int) -> np.ndarray:
    """All steps side by side, T of them, thinned to FEATURES numbers [N, features]."""
    every = -(-T // max(1, FEATURES // sequences.n_channels))
    x = np.zeros((len(sequences), -(-T // every), sequences.n_channels), dtype=sequences.values.dtype)
    for row, start, length in zip(x, sequences.starts, sequences.lengths, strict=True):
        steps = sequences.values[start : start + length : every]
        row[: len(steps)] = steps
    return x.reshape(len(x), -1)
