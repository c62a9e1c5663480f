"""Regression: a target for every step of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from tidegate.data import Sequences, as_sequences, as_targets
from tidegate.errors import DataError
from tidegate.tasks.base import SequenceEstimator
from tidegate.tasks.network import SequenceNetwork, mean_and_scale
from tidegate.training import Batch, Learner


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    """Tell a number, or several, for every step of a sequence from the recurrent state after that step.

    Parameters: see `SequenceEstimator`. X is an array (n, time, channels) or a list of arrays (time_i, channels);
    y is an array (n, time) or (n, time, outputs), or a list of arrays (time_i) or (time_i, outputs).

    Attributes:
        n_outputs_: targets a step.
        network_: the trained torch module, [B, T, channels] to [B, T, outputs] in units of `y_scale` around `y_mean`.
        history_: a row for every check during training.

    >>> x = np.linspace(-1, 1, 50)[None, :, None]
    >>> model = SequenceRegressor(cell="gru", hidden_size=16, steps=200).fit(x, x[:, :, 0] ** 2)
    >>> model.predict(x).shape
    (1, 50)
    """

    task = "regression"

    def predict(self, X: Any) -> Any:
        """The targets of every step, in the form that y had in training: a list where X is a list."""
        values, sequences = self._values(X)
        if self.flat_:
            values = values[:, :, 0]
        if isinstance(X, (list, tuple)):
            return [value[:steps] for value, steps in zip(values, sequences.lengths, strict=True)]
        return values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the share of the variance of all real steps that is explained; 1 at best."""
        from sklearn.metrics import r2_score

        if sample_weight is not None:
            raise DataError(got="sample_weight", wanted="none: every step counts the same", do="leave it out")
        predicted, actual = self._real_steps(self._with_targets(as_sequences(X), y))
        return float(r2_score(actual, predicted))

    def metrics(self, data: Sequences) -> dict[str, float]:
        from sklearn.metrics import mean_absolute_error, mean_squared_error

        predicted, actual = self._real_steps(data)
        return {
            "mse": float(mean_squared_error(actual, predicted)),
            "mae": float(mean_absolute_error(actual, predicted)),
        }

    def errors(self, data: Sequences) -> np.ndarray:
        assert data.y is not None
        squared = np.square(self._values(data)[0].astype(np.float64) - data.y).mean(axis=2)
        return squared.sum(axis=1) / data.lengths

    def _values(self, X: Any) -> tuple[np.ndarray, Sequences]:
        """Outputs in the unit of y [n, time, outputs], 0 in padding."""
        outputs, sequences = self._outputs(X)
        values = outputs * self.network_.y_scale.cpu().numpy() + self.network_.y_mean.cpu().numpy()
        real = np.arange(values.shape[1]) < sequences.lengths[:, None]
        return np.where(real[:, :, None], values, np.float32(0)), sequences

    def _real_steps(self, data: Sequences) -> tuple[np.ndarray, np.ndarray]:
        """Predicted and actual [steps, outputs] of all real steps, in double precision."""
        assert data.y is not None
        values, _ = self._values(data)
        if data.y.shape[2] != values.shape[2]:
            raise DataError(
                got=f"y with {data.y.shape[2]} targets a step",
                wanted=f"{values.shape[2]}, as in training",
                do="check y",
            )
        real = np.arange(values.shape[1]) < data.lengths[:, None]
        return values[real].astype(np.float64), data.y[real].astype(np.float64)

    def _with_targets(self, sequences: Sequences, y: Any) -> Sequences:
        first = y[0] if isinstance(y, (list, tuple)) and len(y) else y
        self._last_was_flat = np.ndim(first) == (1 if isinstance(y, (list, tuple)) else 2)
        return sequences.with_targets(as_targets(y, sequences))

    def _learn_targets(self, data: Sequences) -> None:
        assert data.y is not None
        self.n_outputs_ = data.y.shape[2]
        self.flat_ = self.n_outputs_ == 1 and getattr(self, "_last_was_flat", True)

    def _encoded(self, data: Sequences) -> Sequences:
        return data

    def _build(self) -> SequenceNetwork:
        return SequenceNetwork(
            self.n_features_in_,
            self.n_outputs_,
            cell=self.cell,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            per_step=True,
        )

    def _prepare(self, train: Sequences) -> None:
        assert train.y is not None
        if self.standardize:
            self.network_.x_mean, self.network_.x_scale = mean_and_scale(train, train.x)
        self.network_.y_mean, self.network_.y_scale = mean_and_scale(train, train.y)

    def _learner(self) -> Regression:
        return Regression(self.network_)

    def _fitted_config(self) -> dict[str, Any]:
        return {"n_outputs": self.n_outputs_, "flat": self.flat_}

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.n_outputs_, self.flat_ = fitted["n_outputs"], fitted["flat"]


class Regression(Learner):
    """Squared error of the real steps: trained in units of each target's spread, reported in the unit of y."""

    monitor, mode = "mse", "min"

    network: SequenceNetwork

    def losses(self, output: Tensor, batch: Batch) -> Tensor:
        target = (batch.y - self.network.y_mean) / self.network.y_scale
        return (output - target)[self._real(batch)].square().mean(dim=-1).sum()

    def metrics(self) -> MetricCollection:
        return MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})

    def update(self, metrics: MetricCollection, output: Tensor, batch: Batch) -> None:
        real = self._real(batch)
        predicted = output[real] * self.network.y_scale + self.network.y_mean
        metrics.update(predicted, batch.y[real])

    @staticmethod
    def _real(batch: Batch) -> Tensor:
        B, T, _ = batch.y.shape
        if batch.lengths is None:
            return torch.ones(B, T, dtype=torch.bool, device=batch.y.device)
        return (torch.arange(T) < batch.lengths.cpu().unsqueeze(1)).to(batch.y.device)
