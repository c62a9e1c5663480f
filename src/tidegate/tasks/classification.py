"""Classification: one label a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import type_of_target
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from tidegate.data import Sequences, as_sequences
from tidegate.errors import DataError
from tidegate.tasks.base import SequenceEstimator
from tidegate.tasks.network import SequenceNetwork, mean_and_scale
from tidegate.training import Batch, Learner


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """Tell the label of a sequence from the recurrent state after its last step.

    Parameters: see `SequenceEstimator`. X is an array (n, time, channels) or a list of arrays (time_i, channels);
    y holds n labels, numbers or text. `clone`, `cross_val_score` and `GridSearchCV` of scikit-learn accept it.

    Attributes:
        classes_: the labels, sorted.
        network_: the trained torch module, [B, T, channels] to [B, classes].
        history_: a row for every check during training.

    >>> X = np.random.default_rng(0).normal(size=(40, 6, 2)) + np.repeat([0, 1], 20)[:, None, None]
    >>> y = np.repeat(["low", "high"], 20)
    >>> clf = SequenceClassifier(cell="gru", hidden_size=8, steps=100).fit(X, y)
    >>> clf.score(X, y) > 0.9
    True
    """

    task = "classification"

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each sequence [n]."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each of `classes_` for each sequence [n, classes]."""
        logits, _ = self._outputs(X)
        return torch.from_numpy(logits).double().softmax(dim=1).numpy()

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of sequences whose label is right."""
        from sklearn.metrics import accuracy_score

        data = self._with_targets(as_sequences(X), y)
        self._check_known(data.y)
        return float(accuracy_score(data.y, self.predict(data), sample_weight=sample_weight))

    def metrics(self, data: Sequences) -> dict[str, float]:
        return {"accuracy": float((self.errors(data) == 0).mean())}

    def errors(self, data: Sequences) -> np.ndarray:
        self._check_known(data.y)
        return (self.predict(data) != data.y).astype(np.float64)

    def _with_targets(self, sequences: Sequences, y: Any) -> Sequences:
        labels = np.asarray(y)
        if labels.ndim != 1 or len(labels) != len(sequences):
            raise DataError(
                got=f"{len(sequences)} sequences and y of shape {labels.shape}",
                wanted="one label a sequence",
                do="correct y",
            )
        if labels.dtype == object:
            labels = labels.astype(str)
        check_labels(labels)
        return sequences.with_targets(labels)

    def _learn_targets(self, data: Sequences) -> None:
        assert data.y is not None
        check_labels(data.y)
        self.classes_ = np.unique(data.y)
        if len(self.classes_) < 2:
            raise DataError(
                got=f"the single class {self.classes_[0].item()!r} in y",
                wanted="at least two classes",
                do="check the labels",
            )

    def _encoded(self, data: Sequences) -> Sequences:
        assert data.y is not None
        return data.with_targets(np.searchsorted(self.classes_, data.y))

    def _check_known(self, labels: Any) -> None:
        self._check_fitted()
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            known = ", ".join(map(str, self.classes_[:20])) + (", …" if len(self.classes_) > 20 else "")
            raise DataError(
                got=f"the class {unknown[0]!s} in y, never seen in training",
                wanted=f"one of {known}",
                do="leave those sequences out, or train again with them",
            )

    def _build(self) -> SequenceNetwork:
        return SequenceNetwork(
            self.n_features_in_,
            len(self.classes_),
            cell=self.cell,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            per_step=False,
        )

    def _prepare(self, train: Sequences) -> None:
        if self.standardize:
            self.network_.x_mean, self.network_.x_scale = mean_and_scale(train, train.x)

    def _learner(self) -> Classification:
        return Classification(self.network_, len(self.classes_))

    def _fitted_config(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.classes_ = np.array(fitted["classes"])


class Classification(Learner):
    """Cross-entropy, and the share of labels that are right."""

    monitor, mode = "accuracy", "max"

    def __init__(self, network: nn.Module, n_classes: int) -> None:
        super().__init__(network)
        self.n_classes = n_classes

    def losses(self, output: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(output, batch.y, reduction="sum")

    def metrics(self) -> MetricCollection:
        return MetricCollection({"accuracy": MulticlassAccuracy(self.n_classes, average="micro")})

    def update(self, metrics: MetricCollection, output: Tensor, batch: Batch) -> None:
        metrics.update(output.argmax(dim=1), batch.y)


def check_labels(labels: np.ndarray) -> None:
    """Raise DataError for what cannot be told apart as classes."""
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DataError(got="y with NaN or infinity", wanted="a label for every sequence", do="leave those out")
    if type_of_target(labels) not in ("binary", "multiclass"):
        raise DataError(
            got=f"y of kind {type_of_target(labels)}",
            wanted="labels",
            do="round or name them, or fit a regressor",
        )
