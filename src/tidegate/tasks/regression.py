"""Regression: a target for every step of a sequence, or one for the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from tidegate.data import Sequences, as_targets
from tidegate.data.sequences import LARGEST, numbers
from tidegate.errors import ConfigError, DataError
from tidegate.preparation import Scaler
from tidegate.tasks.examples import Part
from tidegate.tasks.network import SequenceNetwork
from tidegate.tasks.sequence_material import SequenceMaterial
from tidegate.tasks.sequences import SequenceEstimator, SequenceParameters
from tidegate.training import Learner
from tidegate.training.settings import shown

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    """Predict one or several numbers for every step of a sequence, or for the whole sequence.

    The target of a step is predicted from the state of that step, so from the steps up to it.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units.
        num_layers: number of stacked recurrent layers.
        target_per: `step` or `sequence`. None: by the shape of y, where (n, k) is one target for every step if all
            sequences have k steps, and k targets for every sequence otherwise. If k differs by one from the number of
            steps, or only the longest sequence has k steps, it must be given.
        parameters: all others are those of `tidegate.tasks.sequences.SequenceEstimator`.

    X is an array (n, time, channels), a list of arrays (time_i, channels) or of DataFrames. For every step, y is an
    array (n, time) or (n, time, outputs), or a list of arrays (time_i) or (time_i, outputs); for every sequence, an
    array (n,) or (n, outputs).

    Attributes:
        n_outputs_: number of targets of a step or sequence.
        target_per_: step or sequence.
        network_: the trained torch module, from prepared inputs [B, T, columns] to [B, T, outputs] or [B, outputs], in
            units of `y_scaler_`.
        y_scaler_: mean and standard deviation of the targets in training.
        preparation_: the fitted preprocessing of the channels.
        feature_names_in_: the names of the channels, if they have names.
        design_: the values that were chosen for parameters left at None.
        history_: one row for every check during training.

    >>> import numpy as np, tidegate
    >>> x = np.linspace(-1, 1, 50)[None, :, None]
    >>> model = tidegate.SequenceRegressor(cell="gru", hidden_size=16, steps=200).fit(x, x[:, :, 0] ** 2)
    >>> model.predict(x).shape
    (1, 50)
    """

    task = "regression"
    material = SequenceMaterial

    def __init__(
        self,
        cell: str = "gru",
        hidden_size: int = 128,
        num_layers: int = 1,
        *,
        target_per: str | None = None,
        **parameters: Unpack[SequenceParameters],
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, **parameters)
        self.target_per = target_per

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def predict(self, X: Any) -> Any:
        """The targets of every step or sequence, in the unit and the form that y had in training.

        Returns:
            For steps an array (n, time) or (n, time, outputs), or a list if X is a list or the lengths differ; for
            sequences an array (n,) or (n, outputs).

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: X cannot be used, or has other channels than in training.
        """
        values, sequences = self.values(X)
        if self.flat_:
            values = values[:, 0]
        if self.target_per_ == "sequence":
            return values
        if isinstance(X, (list, tuple)):
            return np.split(values, sequences.starts[1:])
        return sequences.by_sequence(values)

    def values(self, X: Any) -> tuple[np.ndarray, Sequences]:
        """Predictions in the unit of y, float64 [S, O] or [N, O], and X as sequences."""
        outputs, sequences = self._outputs(X)
        return self.y_scaler_.back(outputs), sequences

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R², the coefficient of determination, over all real steps or all sequences; 1 at best.

        Args:
            X: sequences, in one of the forms that `fit` takes.
            y: their targets; None if X holds them.
            sample_weight: the weight of each sequence [n].

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: X or y cannot be used, or y has another form than in training.
        """
        from sklearn.metrics import r2_score

        self._check_fitted()
        data = self.labeled(X, y)
        self.check_targets(data)
        weights = None
        if sample_weight is not None:
            weights = self._checked_weights(data, sample_weight)
            weights = np.repeat(weights, data.lengths) if data.per_step else weights
        return float(r2_score(data.y, self.values(data)[0], sample_weight=weights))

    def metrics(self, data: Sequences) -> dict[str, Any]:
        from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

        self.check_targets(data)
        assert data.y is not None
        predicted = self.values(data)[0]
        scores = {
            "mse": float(mean_squared_error(data.y, predicted)),
            "mae": float(mean_absolute_error(data.y, predicted)),
        }
        if len(data.y) > 1:
            scores["r2"] = float(r2_score(data.y, predicted))
        return {**scores, "n": len(data), "targets": len(data.y)}

    def errors(self, data: Sequences) -> np.ndarray:
        self.check_targets(data)
        squared = np.square(self.values(data)[0] - data.y).mean(axis=1)
        return np.add.reduceat(squared, data.starts) / data.lengths if data.per_step else squared

    def check_targets(self, data: Sequences) -> None:
        assert data.y is not None
        if data.y.shape[1] != self.n_outputs_ or data.per_step != (self.target_per_ == "step"):
            per = "step" if data.per_step else "sequence"
            raise DataError(
                got=f"y with {data.y.shape[1]} targets a {per}",
                wanted=f"{self.n_outputs_} a {self.target_per_}, as in training",
                do="check y",
            )

    def _with_targets(self, sequences: Sequences, y: Any) -> Sequences:
        if self.target_per is not None and str(self.target_per) not in ("step", "sequence"):
            raise ConfigError(
                got=f"target_per={shown(self.target_per)}", wanted="step, sequence or none", do="correct target_per"
            )
        if not isinstance(y, (list, tuple, np.ndarray)):
            if not hasattr(y, "__array__"):
                raise DataError(got=f"y of type {type(y).__name__}", wanted="an array or a list", do="convert it")
            y = list(y) if str(getattr(y, "dtype", "")) == "object" else numbers(y, "y")
        if isinstance(y, np.ma.MaskedArray) and np.ma.getmaskarray(y).any():
            raise DataError(got="y with masked entries", wanted="a target everywhere", do="leave those out")
        per = self.target_per or self._told_by_shape(sequences, y)
        if per == "step":
            first = y[0] if isinstance(y, (list, tuple)) and len(y) else y
            self._last_was_flat = np.ndim(first) == (1 if isinstance(y, (list, tuple)) else 2)
            return sequences.with_targets(as_targets(y, sequences), per_step=True)
        targets = numbers(y, "y").astype(np.float64)
        self._last_was_flat = targets.ndim == 1
        targets = targets[:, None] if targets.ndim == 1 else targets
        if targets.ndim != 2 or len(targets) != len(sequences) or 0 in targets.shape:
            raise DataError(
                got=f"{len(sequences)} sequences and y of shape {targets.shape}",
                wanted="a target, or several, for every sequence",
                do="correct y",
            )
        bad = ~(np.abs(targets) <= LARGEST).all(axis=1)
        if bad.any():
            n = int(bad.argmax())
            raise DataError(
                got=f"Input y contains NaN or infinity: {targets[n].tolist()} at sequence {n}",
                wanted="finite numbers",
                do="leave those sequences out",
            )
        return sequences.with_targets(targets)

    def _with_own_targets(self, sequences: Sequences) -> Sequences:
        y = sequences.y
        assert y is not None
        if y.dtype.kind not in "iuf":
            raise DataError(got="labels that are no numbers in y", wanted="numbers", do="fit a classifier")
        per = "step" if sequences.per_step else "sequence"
        if self.target_per not in (None, per):
            raise DataError(
                got=f"target_per={self.target_per!r} and a target for every {per}",
                wanted="the same of both",
                do="correct target_per, or read the data with another",
            )
        self._last_was_flat = y.ndim == 1 or y.shape[1] == 1
        y = (y[:, None] if y.ndim == 1 else y).astype(np.float64)
        n = len(sequences.values) if sequences.per_step else len(sequences)
        if len(y) != n or not (np.abs(y) <= LARGEST).all():
            raise DataError(
                got=f"{len(y)} targets for {n} {'steps' if sequences.per_step else 'sequences'}, or some not finite",
                wanted="a finite number for each",
                do="correct y",
            )
        return sequences.with_targets(y, sequences.per_step)

    def _told_by_shape(self, sequences: Sequences, y: Any) -> str:
        """Whether y holds a target for every step or sequence."""
        if isinstance(y, (list, tuple)):
            shapes = {np.shape(one) for one in y}
            if len(shapes) != 1:
                return "step"
            shape = (len(y), *shapes.pop())
        else:
            shape = np.shape(y)
        if len(shape) < 2:
            return "sequence" if np.asarray(y).dtype != object or not np.ndim(np.asarray(y)[0]) else "step"
        if len(shape) > 2:
            return "step"
        k, T = shape[1], sequences.longest
        if getattr(self, "target_per_", None) == "sequence" and k == self.n_outputs_:
            return "sequence"
        if k == T > 1 and not sequences.ragged:
            return "step"
        if 1 not in (k, T) and abs(k - T) == (0 if sequences.ragged else 1):
            raise DataError(
                got=f"y of shape {shape} for sequences of {'up to ' if sequences.ragged else ''}{T} steps",
                wanted=f"a target for every step, or to know that every sequence has {k} targets",
                do="pass a target for each of its steps"
                f"{', in a list of arrays' if sequences.ragged else ''}, or target_per='sequence'",
            )
        return "sequence"

    def _learn_targets(self, data: Sequences) -> None:
        assert data.y is not None
        self.n_outputs_ = data.y.shape[1]
        self.target_per_ = "step" if data.per_step else "sequence"
        self.flat_ = self.n_outputs_ == 1 and getattr(self, "_last_was_flat", True)

    def _learn_scale(self, train: Sequences) -> None:
        assert train.y is not None
        self.y_scaler_ = Scaler.fit(train.y, limit=None)

    def _encoded(self, data: Sequences) -> Sequences:
        assert data.y is not None
        self.check_targets(data)
        return data.with_targets(self.y_scaler_(torch.from_numpy(data.y)).numpy(), data.per_step)

    def build(self) -> SequenceNetwork:
        return self._new_network(self.n_outputs_)

    def learner(self) -> Regression:
        return Regression(self.network_, self.y_scaler_.scale)

    def _fitted_config(self) -> dict[str, Any]:
        return {
            "n_outputs": self.n_outputs_,
            "flat": self.flat_,
            "target_per": self.target_per_,
            "y_scaler": self.y_scaler_.to_config(),
        }

    def _restore_targets(self, fitted: dict[str, Any]) -> None:
        self.n_outputs_, self.flat_ = fitted["n_outputs"], fitted["flat"]
        self.target_per_ = fitted["target_per"]
        self.y_scaler_ = Scaler.from_config(fitted["y_scaler"])


class Regression(Learner):
    """Squared error, of the real steps or of the sequences, in units of each target's spread.

    Metrics are reported in the unit of y.
    """

    monitor, mode = "mse", "min"

    def __init__(self, network: nn.Module, scale: np.ndarray) -> None:
        super().__init__(network)
        self.scale = torch.from_numpy(scale)

    def losses(self, output: Tensor, part: Part) -> Tensor:
        squared = (output - part.y).square().mean(dim=-1)
        if part.weights is not None:
            squared = squared * (part.weights.unsqueeze(1) if squared.dim() == 2 else part.weights)
        return self._real(squared, part).sum()

    def metrics(self, device: torch.device) -> MetricCollection:
        metrics = MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})
        return metrics.set_dtype(self._precision(device)).to(device)

    def update(self, metrics: MetricCollection, output: Tensor, part: Part) -> None:
        scale = self.scale.to(self._precision(output.device)).to(output.device)
        metrics.update(self._real(output, part) * scale, self._real(part.y, part) * scale)

    @staticmethod
    def _precision(device: torch.device) -> torch.dtype:
        """float64, in which squares of all targets are finite, but for devices that lack it."""
        return torch.float32 if device.type == "mps" else torch.float64

    @staticmethod
    def _real(values: Tensor, part: Part) -> Tensor:
        """Values of steps without those of padding; values of sequences as they are."""
        if part.lengths is None or part.y.dim() < 3:
            return values
        T = part.y.shape[1]
        return values[(torch.arange(T) < part.lengths.cpu().unsqueeze(1)).to(values.device)]
