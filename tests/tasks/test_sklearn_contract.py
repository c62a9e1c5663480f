"""scikit-learn's own checks, through an adapter that makes each row of its tables a sequence of one step."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.utils.estimator_checks import check_estimator

from tidegate.tasks import SequenceClassifier, SequenceRegressor

REASONS = {
    "check_sample_weight_equivalence_on_dense_data": "batches are drawn from the rows: a row twice is drawn otherwise "
    "than a row of weight 2",
    "check_estimators_empty_data_messages": "wants the words of an array of two axes, and a sequence has three",
    "check_fit2d_predict1d": "wants the words of an array of two axes, and a sequence has three",
}
"""Checks that fail, and why they may."""
OF_REGRESSION = {
    "check_methods_subset_invariance": "wants 1e-7, which float32 does not have: a batch adds up otherwise than a row",
}


def as_sequences(X):
    if scipy.sparse.issparse(X):
        return X
    X = np.asarray(X)
    return X[:, None, :] if X.ndim == 2 else X


class Rows:
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(as_sequences(X), y, sample_weight)

    def score(self, X, y=None, sample_weight=None):
        return super().score(as_sequences(X), y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = True, False
        return tags


class Classifier(Rows, SequenceClassifier):
    def __init__(self, hidden_size=8, steps=60, learning_rate=2e-2, **parameters):
        super().__init__(hidden_size=hidden_size, steps=steps, learning_rate=learning_rate, **parameters)

    def predict(self, X):
        # `score` has made sequences of its rows already.
        return super().predict(as_sequences(X) if not hasattr(X, "lengths") else X)

    def predict_proba(self, X):
        return super().predict_proba(as_sequences(X))


class Regressor(Rows, SequenceRegressor):
    def __init__(self, hidden_size=8, steps=60, learning_rate=2e-2, **parameters):
        super().__init__(hidden_size=hidden_size, steps=steps, learning_rate=learning_rate, **parameters)

    def predict(self, X):
        return super().predict(as_sequences(X))


@pytest.mark.parametrize("estimator", [Classifier, Regressor])
@pytest.mark.filterwarnings("ignore")
def test_the_checks_that_fail_are_those_with_a_reason(estimator):
    results = check_estimator(estimator(), on_fail=None, on_skip=None)
    assert len(results) > 50
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    reasons = REASONS | OF_REGRESSION if estimator is Regressor else REASONS
    assert failed.keys() == reasons.keys(), {name: failed[name] for name in failed.keys() - reasons.keys()}
