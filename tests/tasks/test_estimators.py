"""scikit-learn's contract, and what the two tasks say of their data."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as SklearnNotFitted
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, cross_val_score

from tidegate.errors import ConfigError, DataError, NotFittedError
from tidegate.preparation import read_dataset
from tidegate.tasks import SequenceClassifier, SequenceRegressor

SMALL = {"hidden_size": 8, "steps": 60, "learning_rate": 2e-2}


def labeled(n=40, ragged=False, labels=("no", "yes")):
    noise = np.random.default_rng(0)
    X = [noise.normal(size=(4 + k % 3 if ragged else 5, 2)) + 2 * (k % 2) - 1 for k in range(n)]
    return (X if ragged else np.stack(X)), np.array(labels)[np.arange(n) % 2]


@pytest.mark.parametrize("ragged", [False, True], ids=["array", "list"])
@pytest.mark.parametrize("labels", [("no", "yes"), (7, -1), (True, False), (0.5, 1.5)], ids=str)
def test_a_classifier_answers_in_the_labels_it_was_given(ragged, labels):
    if labels == (0.5, 1.5):
        with pytest.raises(DataError, match="continuous"):
            SequenceClassifier(**SMALL).fit(*labeled(labels=labels))
        return
    X, y = labeled(ragged=ragged, labels=labels)
    model = SequenceClassifier(**SMALL).fit(X, y)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) > 0.9
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    "form", [lambda y: y, lambda y: y[:, :, 0], list, lambda y: list(y[:, :, 0])], ids=["3d", "2d", "list3", "list2"]
)
def test_a_regressor_answers_in_the_form_it_was_given(form):
    X = np.random.default_rng(0).normal(size=(30, 6, 1))
    y = form(np.cumsum(X, axis=1))
    given = list(X) if isinstance(y, list) else X
    model = SequenceRegressor(**{**SMALL, "steps": 300}).fit(given, y)
    predicted = model.predict(given)
    assert type(predicted) is type(given)
    assert np.shape(predicted) == np.shape(y)
    assert model.score(given, y) > 0.8


def test_scores_are_scikit_learns():
    X = np.random.default_rng(0).normal(size=(12, 6, 1))
    y = 1000 + np.cumsum(X, axis=1)[:, :, 0]
    model = SequenceRegressor(**SMALL).fit(X, y)
    data = model._with_targets(*_sequences(X, y))
    assert model.metrics(data)["mse"] == pytest.approx(mean_squared_error(y, model.predict(X)), rel=1e-3)


def _sequences(X, y):
    from tidegate.data import as_sequences

    return as_sequences(X), y


def test_the_scale_of_the_targets_does_not_matter():
    X = np.random.default_rng(0).normal(size=(20, 6, 1))
    y = np.cumsum(X, axis=1)[:, :, 0]
    small, large = (SequenceRegressor(**SMALL).fit(X, scale * y + shift) for scale, shift in ((1, 0), (1e4, 5e4)))
    assert small.score(X, y) == pytest.approx(large.score(X, 1e4 * y + 5e4), abs=1e-2)


def test_several_targets_a_step():
    X = np.random.default_rng(0).normal(size=(10, 6, 1))
    y = np.concatenate([X, -X], axis=2)
    assert SequenceRegressor(**SMALL).fit(X, y).predict(X).shape == (10, 6, 2)


def test_scikit_learn_clones_validates_and_searches():
    X, y = labeled(60)
    model = SequenceClassifier(**SMALL)
    assert clone(model).get_params() == model.get_params()
    assert cross_val_score(model, X, y, cv=3).mean() > 0.8
    assert cross_val_score(model, list(X), y, cv=3).mean() > 0.8
    search = GridSearchCV(model, {"cell": ["gru", "rnn"]}, cv=2).fit(X, y)
    assert search.best_params_["cell"] in ("gru", "rnn")
    series = np.random.default_rng(0).normal(size=(12, 6, 1))
    assert cross_val_score(SequenceRegressor(**SMALL), series, series[:, :, 0], cv=2).shape == (2,)


def test_fit_leaves_the_parameters_alone():
    model = SequenceClassifier(**SMALL)
    before = model.get_params()
    model.fit(*labeled())
    assert model.get_params() == before


def test_predictions_do_not_depend_on_the_company():
    X, y = labeled(ragged=True)
    model = SequenceClassifier(**SMALL, bidirectional=True, cell="gru").fit(X, y)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba([x]) for x in X])
    assert together == pytest.approx(alone, abs=1e-6)


def test_an_unfitted_model_says_so():
    with pytest.raises(NotFittedError, match="call fit"):
        SequenceClassifier().predict(np.zeros((1, 2, 3)))
    assert issubclass(NotFittedError, (ValueError, AttributeError))
    assert SklearnNotFitted.__mro__[1:3] == (ValueError, AttributeError)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (["a"] * 40, "the single class 'a'"),
        (["a"] * 39, "40 sequences and y of shape"),
        (np.zeros((40, 5)), "y of shape"),
        (np.linspace(0, 1, 40), "continuous"),
        ([np.nan] * 40, "NaN"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(y, says):
    with pytest.raises(DataError, match=says):
        SequenceClassifier(**SMALL).fit(labeled()[0], y)


def test_what_differs_from_training_is_refused():
    X, y = labeled()
    model = SequenceClassifier(**SMALL).fit(X, y)
    with pytest.raises(DataError, match="3 channels; wanted 2"):
        model.predict(np.zeros((1, 5, 3)))
    with pytest.raises(DataError, match="class maybe in y, never seen"):
        model.score(X, ["maybe"] * 40)


@pytest.mark.parametrize(
    "parameters",
    [{"cell": "lstn"}, {"hidden_size": 0}, {"num_layers": 0}, {"dropout": 1.0}, {"hidden_size": "many"}],
)
def test_a_parameter_that_cannot_work_is_refused(parameters):
    with pytest.raises(ConfigError, match=str(next(iter(parameters.values())))):
        SequenceClassifier(**parameters).fit(*labeled())


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_digits_are_learned(cell):
    digits = read_dataset("digits")
    model = SequenceClassifier(cell=cell, hidden_size=64, steps=400).fit(digits.train.x, digits.train.y)
    assert model.score(digits.test.x, digits.test.y) > 0.94
