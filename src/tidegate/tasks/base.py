"""What all tasks share: scikit-learn's estimator contract around a network, with save and load."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

import numpy as np
import sklearn.exceptions
import torch
from sklearn.base import BaseEstimator
from torch import nn

from tidegate import errors
from tidegate.bundle import write_bundle
from tidegate.errors import BundleError, ConfigError
from tidegate.layers import layer_of
from tidegate.preparation import Reading
from tidegate.training import Examples, Fitted, Learner, Logger, Settings, check_logger, fit, own_randomness
from tidegate.training.settings import check_at_least, check_number, shown

if TYPE_CHECKING:
    from typing_extensions import Self

    from tidegate.tasks.run import Run

Say = Callable[[str], None]
Tell = Callable[[int, int], None]


class NotFittedError(errors.NotFittedError, sklearn.exceptions.NotFittedError):
    """Also scikit-learn's, so that code that catches its error goes on working."""


class Material(ABC):
    """What a run trains and scores a model on: what a task makes of a source.

    Args:
        estimator: the model, which may learn from the source what was not said.
        data: a built-in name or a path.
        reading: what was said of it.
        tell: is told the bytes that are read, and all of them.
        given: the parameters that a person has set in a new run; none where it is resumed, or only looked at.
    """

    fingerprint: str
    """Changes with the data."""
    reading: Reading
    """What was said of the source, and what was found."""

    @staticmethod
    def as_said(data: str, reading: Reading | None) -> Reading | None:
        """What was said of a source, in a form that holds from anywhere."""
        return reading

    @abstractmethod
    def __init__(self, estimator: Any, data: str, reading: Reading | None, tell: Tell | None, given: Any) -> None: ...

    @abstractmethod
    def set_up(self, estimator: Any) -> tuple[Examples, Examples | None]:
        """What is trained on, and what chooses the kept weights; all that can be checked is checked here."""

    @abstractmethod
    def notes(self, estimator: Any, validation: Examples | None) -> list[str]:
        """What a reader of the scores should know, each a line."""

    def held_out(self, validation: Examples) -> str:
        """How much chooses the kept weights, in words."""
        return f"{len(validation):,} validation sequence{'s'[: len(validation) != 1]}"

    @property
    @abstractmethod
    def description(self) -> str:
        """What was understood, in a line."""

    @abstractmethod
    def metrics(self, estimator: Any) -> dict[str, Any]:
        """The scores on each part, as JSON."""

    compared: ClassVar[str]
    """The metric that cells are compared by, the mean of `errors` (or 1 less that mean, for a share of 1)."""

    def errors(self, estimator: Any) -> np.ndarray:
        """What each item of the test part adds to the error [n]."""
        raise NotImplementedError

    def baseline_errors(self, estimator: Any) -> dict[str, np.ndarray]:
        """The same of simple methods."""
        raise NotImplementedError

    @staticmethod
    @abstractmethod
    def evaluate(model: Any, data: str | None, reading: Reading | None, run: Run | None, say: Say) -> dict[str, Any]:
        """The scores on the test part of the run's data, or on other data (its test part, or all of it)."""

    @staticmethod
    def predict(
        model: Any, source: str, reading: Reading | None, probabilities: bool
    ) -> tuple[list[str], list[list[Any]], list[str]]:
        """The header and the rows of the predictions for a source, and what a reader should know of it."""
        raise ConfigError(
            got=f"a model for {model.task}", wanted="one that predicts for sequences", do="choose another run"
        )

    @staticmethod
    def stream(model: Any, source: str) -> Iterator[str]:
        """The words of a recording as they are sure."""
        raise ConfigError(
            got=f"a stream for a model for {model.task}", wanted="a model for speech", do="leave --stream out"
        )

    @staticmethod
    def forecast(model: Any, source: str | None, reading: Reading | None, say: Say) -> Any:
        """What comes after the end of a source, or of the training data where none, as a DataFrame."""
        raise ConfigError(
            got=f"a model for {model.task} and no input",
            wanted="what to predict for",
            do="name a table or another source",
        )


class Training(TypedDict, total=False):
    """The keyword arguments that every task hands to `Estimator`, for type checkers and editors."""

    epochs: int | None
    schedule: str
    clip: float | None
    patience: int | None
    validation_share: float | None
    checks: int | None
    seed: int
    verbose: bool
    logger: str | Logger | list[str | Logger] | None


class Estimator(BaseEstimator):
    """A recurrent network behind `fit`, `predict`, `score` and `save`.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units.
        num_layers: number of stacked recurrent layers.
        dropout: share of features set to 0 in training.
        epochs: passes over the training data; this and the following are those of `tidegate.training.Settings`.
        steps: optimizer steps, instead of epochs.
        learning_rate: peak of the learning rate schedule.
        schedule: one-cycle, constant or auto.
        batch_size: items of a step.
        clip: largest norm of the gradient.
        weight_decay: decoupled weight decay, as in AdamW.
        patience: checks without improvement after which training stops.
        validation_share: share of the training data that chooses the best checkpoint.
        checks: number of checks during training.
        seed: seed of the initial weights, the order of the data, and dropout.
        verbose: whether to show progress on standard error.
        logger: where the history goes while the model is trained: tensorboard, mlflow, wandb, a logger of Lightning, or
            a list of these; see `tidegate.training.loggers`. It is not saved with the model.
    """

    task: ClassVar[str]
    material: ClassVar[type[Material]]
    """What a run of the task is trained and scored on."""
    prepared_by: ClassVar[Any]
    """What makes the network's inputs, and is saved in the bundle."""
    __signature__: ClassVar[inspect.Signature]
    reading_: Reading | None = None
    """How the source was read that the model was trained on; none where it was no file."""

    def __init__(
        self,
        cell: str = "gru",
        hidden_size: int = 128,
        num_layers: int = 1,
        dropout: float | None = None,
        epochs: int | None = None,
        steps: int | None = None,
        learning_rate: float | None = Settings.learning_rate,
        schedule: str = Settings.schedule,
        batch_size: int | None = None,
        clip: float | None = Settings.clip,
        weight_decay: float = Settings.weight_decay,
        patience: int | None = None,
        validation_share: float | None = None,
        checks: int | None = None,
        seed: int = Settings.seed,
        verbose: bool = False,
        logger: str | Logger | list[str | Logger] | None = None,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.epochs = epochs
        self.steps = steps
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.clip = clip
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_share = validation_share
        self.checks = checks
        self.seed = seed
        self.verbose = verbose
        self.logger = logger

    def __init_subclass__(cls) -> None:
        """Give a task one signature, of its own parameters and those that all share, for people and scikit-learn."""
        super().__init_subclass__()
        own = [p for p in inspect.signature(cls.__init__).parameters.values() if p.kind is not p.VAR_KEYWORD][1:]
        taken = {p.name for p in own}
        parent = next(base for base in cls.__mro__[1:] if issubclass(base, Estimator))
        shared = [p for p in inspect.signature(parent).parameters.values() if p.name not in taken]
        by_name = [p.replace(kind=p.KEYWORD_ONLY) for p in shared]
        cls.__signature__ = inspect.Signature(sorted([*own, *by_name], key=lambda p: p.kind))

    def fit(self, *args: Any, **kwargs: Any) -> Self:
        """Train on data and return the estimator."""
        raise NotImplementedError

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the predictions for data."""
        raise NotImplementedError

    def score(self, *args: Any, **kwargs: Any) -> Any:
        """Return how good the predictions for data are."""
        raise NotImplementedError

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted(inspect.signature(cls).parameters)

    def settings(self) -> Settings:
        """How to train, checked; and the network's parameters are checked on the way."""
        layer_of(str(self.cell))
        check_at_least("hidden_size", self.hidden_size, 1)
        check_at_least("num_layers", self.num_layers, 1)
        if self.dropout is not None:
            check_number("dropout", self.dropout, least=0, below=1)
        self._check_truth("verbose")
        check_logger(self.logger)
        said = {name: getattr(self, name) for name in Settings.__dataclass_fields__}
        said["learning_rate"] = Settings.learning_rate if self.learning_rate is None else self.learning_rate
        settings = Settings(**said)
        for name, value in self.parameters_as_json().items():
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise ConfigError(
                    got=f"{name}={shown(getattr(self, name))}, which cannot be saved",
                    wanted="numbers, text or none",
                    do=f"correct {name}",
                ) from None
        return settings

    def _check_truth(self, name: str, optional: bool = False) -> None:
        value = getattr(self, name)
        if not isinstance(value, (bool, np.bool_)) and not (optional and value is None):
            raise ConfigError(got=f"{name}={shown(value)}", wanted="True or False", do=f"correct {name}")

    def _whole_or_not(self, fit: Callable[[], None]) -> Self:
        """Fit anew; where that fails, a model that was fitted stays as it was."""
        before = dict(self.__dict__)
        try:
            for name in before:
                if name.endswith("_"):
                    delattr(self, name)
            fit()
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def train(
        self,
        train: Examples,
        validation: Examples | None,
        *,
        folder: Path | None = None,
        resume: bool = False,
        progress: bool = False,
    ) -> Fitted:
        """Train on what was set up; see `tidegate.training.fit`."""
        settings = self._settings_of(train)
        fitted = fit(
            self.learner(),
            train,
            validation,
            settings,
            folder=folder,
            resume=resume,
            progress=progress,
            logger=self.logger,
            hyperparameters={"task": self.task, **self.parameters_as_json(), **self.design_},
        )
        self.network_.eval()
        self.history_ = fitted.history
        self.best_ = fitted.best
        return fitted

    def _settings_of(self, train: Any) -> Settings:
        """How to train on these examples."""
        return self.settings()

    def untrained(self) -> Any:
        """A network as training begins: the first weights follow from the seed; nothing is known of the data."""
        with own_randomness():
            torch.manual_seed(int(self.seed))
            try:
                return self.build()
            except RuntimeError as error:
                if "memory" not in str(error):
                    raise
                raise ConfigError(
                    got=f"a network that no memory holds, of hidden_size={self.hidden_size}",
                    wanted="a smaller one",
                    do="correct hidden_size and what else gives its size",
                ) from None

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise NotFittedError(
                got=f"a {type(self).__name__} that was not fitted", wanted="a fitted one", do="call fit, or load one"
            )

    def save(self, folder: str | Path) -> None:
        """Write the fitted model into a folder, as `config.json` and `model.safetensors`.

        Args:
            folder: an empty or new folder, or one that holds a saved model.

        Raises:
            NotFittedError: the model has not been fitted.
            BundleError: the folder holds something else, or cannot be written.
        """
        self._check_fitted()
        config = {
            "task": self.task,
            "parameters": self.fitted_parameters_,
            "preparation": self.preparation_.to_config(),
            "reading": None if self.reading_ is None else self.reading_.to_config(),
            "fitted": self._fitted_config(),
            "design": self.design_,
        }
        write_bundle(Path(folder), config, self._tensors())

    def parameters_as_json(self) -> dict[str, Any]:
        """The parameters as JSON holds them, without the logger, which makes no difference to the model."""
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params().items()
            if name != "logger"
        }

    @classmethod
    def from_bundle(cls, config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
        try:
            config = cls._of_this_format(config)
            estimator = cls(**config["parameters"])
            estimator.settings()
            estimator.preparation_ = cls.prepared_by.from_config(config["preparation"])
            estimator.reading_ = None if config["reading"] is None else Reading(**config["reading"])
            estimator.design_ = config["design"]
            estimator._restore(config["fitted"])
            estimator.fitted_parameters_ = estimator.parameters_as_json()
            estimator.network_ = estimator.build()
            estimator._load_tensors(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
            raise BundleError(
                got=f"a config and weights that do not fit each other ({' '.join(str(error).split())[:200]})",
                wanted="a bundle as it was saved",
                do="copy it again",
            ) from None
        estimator.network_.eval()
        return estimator

    @classmethod
    def _of_this_format(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The config of an older bundle as it is written now."""
        return config

    def _tensors(self) -> dict[str, torch.Tensor]:
        """What a bundle holds beside its config."""
        return self.network_.state_dict()

    def _load_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        self.network_.load_state_dict(tensors)

    def build(self) -> nn.Module:
        raise NotImplementedError

    def learner(self) -> Learner:
        raise NotImplementedError

    def _fitted_config(self) -> dict[str, Any]:
        """What was learned from the data, as JSON."""
        raise NotImplementedError

    def _restore(self, fitted: dict[str, Any]) -> None:
        raise NotImplementedError
