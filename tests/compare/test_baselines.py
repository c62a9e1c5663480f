"""The baselines against what they are said to be."""

import sys
import types

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier

from tidegate.compare.baselines import FEATURES, baselines_of, flattened
from tidegate.data import Dataset, as_sequences, as_targets
from tidegate.preparation import read_dataset


def test_the_most_frequent_class_is_scikit_learns_dummy():
    digits = read_dataset("digits")
    dummy = DummyClassifier().fit(digits.train.x, digits.train.y).score(digits.test.x, digits.test.y)
    assert baselines_of("classification", digits)["most frequent class"].scores == pytest.approx([dummy])


def test_a_linear_model_solves_what_is_linear():
    x = np.random.default_rng(0).normal(size=(200, 5, 2))
    parts = [as_sequences(part).with_targets((part[:, 0, 0] > 0).astype(int)) for part in (x[:150], x[150:])]
    assert baselines_of("classification", Dataset("linear", *parts))["linear model"].scores > 0.9


def steps(lists):
    x = as_sequences([np.array(one, dtype=float)[:, None] for one in lists])
    return x.with_targets(as_targets([2 * np.array(one, dtype=float) + 1 for one in lists], x), per_step=True)


def test_the_baselines_of_steps():
    found = baselines_of("regression", Dataset("line", steps([[0, 1], [2, 3, 4]]), steps([[0, 2], [5, 6, 7]])))
    mean, last, linear = (found[name].errors[0] for name in ("mean", "repeat the last", "linear model"))
    assert mean == pytest.approx([(16 + 0) / 2, (36 + 64 + 100) / 3])  # the mean of 1, 3, 5, 7, 9 is 5
    assert last == pytest.approx([(4 + 16) / 2, (64 + 4 + 4) / 3])  # the mean of the first ones, 1 and 5, is 3
    assert linear == pytest.approx([0, 0], abs=1e-9)


def test_a_long_sequence_is_thinned():
    long = as_sequences(np.zeros((2, FEATURES, 3)))
    assert flattened(long, FEATURES).shape[1] <= FEATURES
    assert flattened(as_sequences(np.zeros((2, 4, 3))), 6).shape == (2, 18)


class Rocket:
    """In the place of aeon's, which is no part of the development tools."""

    def __init__(self, random_state):
        self.random_state = random_state

    def fit(self, x, y):
        torch.set_num_threads(torch.get_num_threads() + 1)  # as numba does
        assert x.shape == (30, 2, 9) and not x[:, :, 5:].any()
        self.y = y
        return self

    def predict(self, x):
        return np.full(len(x), self.y[0])


@pytest.fixture
def labeled_parts():
    parts = [as_sequences(np.ones((n, 5, 2))).with_targets(np.arange(n) % 2) for n in (30, 10)]
    return Dataset("ones", *parts)


def test_minirocket_is_a_baseline_where_aeon_is_installed(labeled_parts, monkeypatch):
    module = types.ModuleType("aeon.classification.convolution_based")
    module.MiniRocketClassifier = Rocket
    for name in ("aeon", "aeon.classification"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    threads = torch.get_num_threads()
    assert baselines_of("classification", labeled_parts)["MiniRocket"].scores == pytest.approx([0.5])
    assert torch.get_num_threads() == threads


def test_without_aeon_the_others_are_there(labeled_parts, monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon.classification.convolution_based", None)
    assert baselines_of("classification", labeled_parts).keys() == {"most frequent class", "linear model"}
