"""What the tasks share: scikit-learn's estimator contract around a network, with save and load."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator

from tidegate.bundle import write_bundle
from tidegate.data import Sequences, as_sequences, hold_out
from tidegate.errors import BundleError, ConfigError, DataError, NotFittedError
from tidegate.layers import layer_of
from tidegate.tasks.network import SequenceNetwork
from tidegate.training import Fitted, Learner, Settings, fit
from tidegate.training.settings import check_at_least, check_number

LEAST_VALIDATION, MOST_VALIDATION = 5, 2000
"""Sequences held out to choose the kept model; with more than the most, training on them is worth more."""


class SequenceEstimator(BaseEstimator):
    """A recurrent network behind fit, predict, score and save.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: features of the recurrent state.
        num_layers: recurrent layers, one on top of the other.
        bidirectional: read every sequence from both ends.
        dropout: share of features put to 0 in training, between layers and before the readout.
        standardize: bring every channel to mean 0 and standard deviation 1, as measured on the training data.
        epochs, steps, learning_rate, schedule, batch_size, clip, weight_decay, validation_share, shift, checks,
            seed: how to train; see `tidegate.training.Settings`.
        verbose: show progress on standard error.
    """

    task: ClassVar[str]

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        standardize: bool = True,
        epochs: int | None = None,
        steps: int | None = None,
        learning_rate: float = Settings.learning_rate,
        schedule: str = Settings.schedule,
        batch_size: int = Settings.batch_size,
        clip: float | None = Settings.clip,
        weight_decay: float = Settings.weight_decay,
        validation_share: float = Settings.validation_share,
        shift: int = Settings.shift,
        checks: int | None = None,
        seed: int = Settings.seed,
        verbose: bool = False,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.standardize = standardize
        self.epochs = epochs
        self.steps = steps
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.clip = clip
        self.weight_decay = weight_decay
        self.validation_share = validation_share
        self.shift = shift
        self.checks = checks
        self.seed = seed
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Any:
        """Train on sequences X with targets y, and keep the weights that did best on the held-out share.

        Raises:
            DataError: X or y cannot be used.
            ConfigError: a parameter has a value that cannot work.
            TrainingError: the loss is not finite.
        """
        self._train(self._with_targets(as_sequences(X), y), progress=self.verbose)
        return self

    def settings(self) -> Settings:
        """How to train, checked; and the network's parameters are checked on the way."""
        layer_of(self.cell)
        check_at_least("hidden_size", self.hidden_size, 1)
        check_at_least("num_layers", self.num_layers, 1)
        check_number("dropout", self.dropout, least=0, below=1)
        names = Settings.__dataclass_fields__
        return Settings(**{name: getattr(self, name) for name in names})

    def _train(
        self, data: Sequences, *, folder: Path | None = None, resume: bool = False, progress: bool = False
    ) -> Fitted:
        """Train on sequences with targets as `_with_targets` made them; see `tidegate.training.fit`."""
        settings = self.settings()
        if settings.shift and (self.task == "regression" or (data.lengths < data.x.shape[1]).any()):
            raise ConfigError(
                got=f"shift={settings.shift} for sequences of unequal length or with targets of steps",
                wanted="0, or images of one size with a label each",
                do="leave shift out",
            )
        self._learn_targets(data)
        self.n_features_in_ = data.x.shape[2]
        data = self._encoded(data)
        train, validation = data, None
        held = min(round(len(data) * settings.validation_share), MOST_VALIDATION)
        if held >= LEAST_VALIDATION:
            train, validation = hold_out(data, held / len(data), settings.seed)
        self.network_ = self.untrained()
        self._prepare(train)
        fitted = fit(self._learner(), train, validation, settings, folder=folder, resume=resume, progress=progress)
        self.network_.eval()
        self.history_ = fitted.history
        self.best_ = fitted.best
        return fitted

    def untrained(self) -> SequenceNetwork:
        """A network as training begins: the first weights follow from the seed; nothing is known of the data."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self._build()

    def _outputs(self, X: Any, size: int = 512) -> tuple[np.ndarray, Sequences]:
        """The network's outputs for X, padded where sequences are."""
        sequences = X if isinstance(X, Sequences) else as_sequences(X)
        self._check_fitted()
        if sequences.x.shape[2] != self.n_features_in_:
            raise DataError(
                got=f"sequences of {sequences.x.shape[2]} channels",
                wanted=f"{self.n_features_in_}, as in training",
                do="check the data and the order of its axes (n, time, channels)",
            )
        device = next(self.network_.parameters()).device
        x = torch.from_numpy(sequences.x).split(size)
        lengths = torch.from_numpy(sequences.lengths).split(size)
        with torch.inference_mode():
            outputs = [
                self.network_(part.to(device), steps if bool((steps < part.shape[1]).any()) else None).cpu()
                for part, steps in zip(x, lengths, strict=True)
            ]
        return torch.cat(outputs).numpy(), sequences

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise NotFittedError(
                got=f"a {type(self).__name__} that was not fitted", wanted="a fitted one", do="call fit, or load one"
            )

    def save(self, folder: str | Path) -> None:
        """Write the fitted model as a folder of `config.json` and `model.safetensors`.

        Raises BundleError where the folder holds something else, or cannot be written.
        """
        self._check_fitted()
        parameters = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in self.get_params().items()
        }
        config = {
            "task": self.task,
            "parameters": parameters,
            "fitted": {"n_features_in": self.n_features_in_, **self._fitted_config()},
        }
        write_bundle(Path(folder), config, self.network_.state_dict())

    @classmethod
    def _from_bundle(cls, config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> SequenceEstimator:
        try:
            estimator = cls(**config["parameters"])
            estimator.settings()
            estimator.n_features_in_ = config["fitted"]["n_features_in"]
            estimator._restore(config["fitted"])
            estimator.network_ = estimator._build()
            estimator.network_.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
            raise BundleError(
                got=f"a config and weights that do not fit each other ({' '.join(str(error).split())[:200]})",
                wanted="a bundle as it was saved",
                do="copy it again",
            ) from None
        estimator.network_.eval()
        return estimator

    def _prepare(self, train: Sequences) -> None:
        """Measure on the training data what the network needs to know of it."""

    def _with_targets(self, sequences: Sequences, y: Any) -> Sequences:
        """Check y and put it with its sequences."""
        raise NotImplementedError

    def _learn_targets(self, data: Sequences) -> None:
        """Learn from y what the outputs are."""
        raise NotImplementedError

    def _encoded(self, data: Sequences) -> Sequences:
        """Targets as the network is trained on them."""
        raise NotImplementedError

    def _build(self) -> SequenceNetwork:
        raise NotImplementedError

    def _learner(self) -> Learner:
        raise NotImplementedError

    def _fitted_config(self) -> dict[str, Any]:
        """What was learned from y, as JSON."""
        raise NotImplementedError

    def _restore(self, fitted: dict[str, Any]) -> None:
        raise NotImplementedError

    def metrics(self, data: Sequences) -> dict[str, float]:
        """The task's metrics on sequences with targets."""
        raise NotImplementedError

    def errors(self, data: Sequences) -> np.ndarray:
        """What each sequence adds to the error [n]: 1 where the label is wrong, or its mean squared error."""
        raise NotImplementedError
