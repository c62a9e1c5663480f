"""Classification: one label a sequence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import type_of_target
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from tidegate.data import Sequences
from tidegate.data.labels import as_labels
from tidegate.errors import ConfigError, DataError
from tidegate.tasks.examples import Part
from tidegate.tasks.network import SequenceNetwork
from tidegate.tasks.sequence_material import SequenceMaterial
from tidegate.tasks.sequences import SequenceEstimator, SequenceParameters
from tidegate.training import Learner, Settings
from tidegate.training.settings import as_number, shown

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """Predict one label for each sequence.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units.
        num_layers: number of stacked recurrent layers.
        class_weight: weight of each class in the loss: `balanced`, for weights inversely proportional to the class
            frequencies, where the best checkpoint is that of the highest balanced accuracy; or a dict {label: weight},
            where it is that of the lowest loss.
        parameters: all others are those of `tidegate.tasks.sequences.SequenceEstimator`.

    X is an array (n, time, channels), a list of arrays (time_i, channels) or of DataFrames; y holds n labels, numbers
    or strings. scikit-learn's `clone`, `cross_val_score` and `GridSearchCV` work on it.

    Attributes:
        classes_: the labels, sorted.
        network_: the trained torch module, from prepared inputs [B, T, columns] to logits [B, classes].
        preparation_: the fitted preprocessing of the channels.
        feature_names_in_: the names of the channels, if they have names.
        design_: the values that were chosen for parameters left at None.
        history_: one row for every check during training.

    >>> import numpy as np, tidegate
    >>> X = np.random.default_rng(0).normal(size=(40, 6, 2)) + np.repeat([0, 1], 20)[:, None, None]
    >>> y = np.repeat(["low", "high"], 20)
    >>> clf = tidegate.SequenceClassifier(cell="gru", hidden_size=8, steps=100).fit(X, y)
    >>> clf.score(X, y) > 0.9
    True
    """

    task = "classification"
    material = SequenceMaterial

    def __init__(
        self,
        cell: str = "gru",
        hidden_size: int = 128,
        num_layers: int = 1,
        *,
        class_weight: Any = None,
        **parameters: Unpack[SequenceParameters],
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, **parameters)
        self.class_weight = class_weight

    def settings(self) -> Settings:
        if not isinstance(self.class_weight, (dict, type(None))) and str(self.class_weight) != "balanced":
            raise ConfigError(
                got=f"class_weight={shown(self.class_weight)}",
                wanted="balanced, a dict, or none",
                do="correct class_weight",
            )
        return super().settings()

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each sequence [n].

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: X cannot be used, or has other channels than in training.
        """
        best = self._outputs(X)[0].argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each of `classes_` for each sequence [n, classes].

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: X cannot be used, or has other channels than in training.
        """
        return torch.from_numpy(self._outputs(X)[0]).softmax(dim=1).numpy()

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The accuracy: the share of sequences whose predicted label is the true one, from 0 to 1.

        Args:
            X: sequences, in one of the forms that `fit` takes.
            y: their labels; None if X holds them.
            sample_weight: the weight of each sequence [n].

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: X or y cannot be used, or y has a label that did not occur in training.
        """
        from sklearn.metrics import accuracy_score

        self._check_fitted()
        data = self.labeled(X, y)
        self.check_targets(data)
        weights = None if sample_weight is None else self._checked_weights(data, sample_weight)
        return float(accuracy_score(data.y, self.predict(data), sample_weight=weights))

    def metrics(self, data: Sequences) -> dict[str, Any]:
        from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

        self.check_targets(data)
        assert data.y is not None
        predicted = self.predict(data)
        there = np.isin(self.classes_, np.concatenate([data.y, predicted]))
        scores = precision_recall_fscore_support(data.y, predicted, labels=self.classes_, zero_division=0)
        by_class = {
            str(label): {"precision": float(p), "recall": float(r), "f1": float(f), "n": int(n)}
            for label, p, r, f, n in zip(self.classes_, *scores, strict=True)
        }
        present = np.isin(self.classes_, data.y)
        return {
            "accuracy": float((predicted == data.y).mean()),
            "balanced_accuracy": float(balanced_accuracy_score(data.y, predicted))
            if present.sum() == there.sum()
            else float(scores[1][present].mean()),
            "macro_f1": float(scores[2][there].mean()),
            "n": len(data),
            "classes": by_class,
            "confusion_matrix": confusion_matrix(data.y, predicted, labels=self.classes_).tolist(),
        }

    def errors(self, data: Sequences) -> np.ndarray:
        self.check_targets(data)
        return (self.predict(data) != data.y).astype(np.float64)

    def _with_targets(self, sequences: Sequences, y: Any) -> Sequences:
        labels = as_labels(y)
        if labels.ndim != 1 or len(labels) != len(sequences):
            raise DataError(
                got=f"{len(sequences)} sequences and y of shape {labels.shape}",
                wanted="one label a sequence",
                do="correct y",
            )
        if type_of_target(labels) not in ("binary", "multiclass"):
            raise DataError(
                got=f"y of kind {type_of_target(labels)} (Unknown label type: {type_of_target(labels)})",
                wanted="labels",
                do="round or name them, or fit a regressor",
            )
        return sequences.with_targets(labels)

    def _with_own_targets(self, sequences: Sequences) -> Sequences:
        y = sequences.y
        assert y is not None
        if sequences.per_step:
            raise DataError(
                got="sequences with a target for every step",
                wanted="one label a sequence",
                do='read them with task="classification", or fit a regressor',
            )
        if y.ndim == 2 and y.shape[1] == 1:
            # Numbers are read as targets where no task is named; whole ones are labels as well.
            y = y[:, 0].astype(np.int64) if (y == np.round(y)).all() else y[:, 0]
        return self._with_targets(sequences, y)

    def _learn_targets(self, data: Sequences) -> None:
        assert data.y is not None
        self.classes_ = np.unique(data.y)
        if len(self.classes_) < 2:
            raise DataError(
                got=f"1 class in y, the single class {self.classes_[0].item()!r}",
                wanted="at least two classes",
                do="check the labels",
            )
        self._weights = self._class_weights(data.y)

    def _class_weights(self, labels: np.ndarray) -> np.ndarray | None:
        """What each of `classes_` counts."""
        if self.class_weight is None:
            return None
        from sklearn.utils.class_weight import compute_class_weight

        if isinstance(self.class_weight, dict):
            unknown = [label for label in self.class_weight if label not in self.classes_.tolist()]
            values = [self.class_weight.get(label, 1.0) for label in self.classes_.tolist()]
            fits = all(0 <= as_number(value) <= 1e6 for value in values)
            if unknown or not fits or not any(values):
                known = ", ".join(map(str, self.classes_[:20]))
                raise ConfigError(
                    got=f"class_weight={shown(self.class_weight)}",
                    wanted=f"a number from 0 to 1e6, not 0 for all, for some of {known}",
                    do="correct class_weight",
                )
        return compute_class_weight(self.class_weight, classes=self.classes_, y=labels)

    def _encoded(self, data: Sequences) -> Sequences:
        assert data.y is not None
        self.check_targets(data)
        classes = np.searchsorted(self.classes_, data.y)
        weights = data.weights
        if self._weights is not None:
            weights = self._weights[classes] * (1 if weights is None else weights)
        return replace(data, y=classes, weights=weights)

    def check_targets(self, data: Sequences) -> None:
        self._known(data.y)

    def _known(self, labels: Any) -> None:
        unknown = [label for label in np.unique(labels) if label not in self.classes_]
        if unknown:
            known = ", ".join(map(str, self.classes_[:20])) + (", …" if len(self.classes_) > 20 else "")
            raise DataError(
                got=f"the class {unknown[0]!s} in y, never seen in training",
                wanted=f"one of {known}",
                do="leave those sequences out, or train again with them",
            )

    def build(self) -> SequenceNetwork:
        return self._new_network(len(self.classes_))

    def learner(self) -> Classification:
        return Classification(self.network_, len(self.classes_), self._kept_by())

    def _kept_by(self) -> str:
        if self.class_weight is None:
            return "accuracy"
        return "loss" if isinstance(self.class_weight, dict) else "balanced_accuracy"

    def parameters_as_json(self) -> dict[str, Any]:
        parameters = super().parameters_as_json()
        if isinstance(self.class_weight, dict):
            # Labels that are numbers would come back from JSON's keys as text.
            pairs = [[_plain(label), _plain(weight)] for label, weight in self.class_weight.items()]
            parameters["class_weight"] = {"pairs": pairs}
        return parameters

    def _fitted_config(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _restore_targets(self, fitted: dict[str, Any]) -> None:
        self.classes_ = np.array(fitted["classes"])
        if isinstance(self.class_weight, dict) and "pairs" in self.class_weight:
            self.class_weight = dict(self.class_weight["pairs"])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


class Classification(Learner):
    """Cross-entropy, and the share of labels that are right."""

    def __init__(self, network: nn.Module, n_classes: int, monitor: str = "accuracy") -> None:
        super().__init__(network)
        self.n_classes = n_classes
        self.monitor, self.mode = monitor, "min" if monitor == "loss" else "max"

    def losses(self, output: Tensor, part: Part) -> Tensor:
        if part.weights is None:
            return F.cross_entropy(output, part.y, reduction="sum")
        return (F.cross_entropy(output, part.y, reduction="none") * part.weights).sum()

    def metrics(self, device: torch.device) -> MetricCollection:
        metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(self.n_classes, average="micro"),
                "balanced_accuracy": MulticlassAccuracy(self.n_classes, average="macro"),
            },
            compute_groups=False,
        )
        return metrics.to(device)

    def update(self, metrics: MetricCollection, output: Tensor, part: Part) -> None:
        metrics.update(output.argmax(dim=1), part.y)
