"""What classification and regression share: a network over sequences, each with a target or one a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tidegate.data import Dataset, Sequences, as_sequences
from tidegate.data.sequences import numbers
from tidegate.errors import ConfigError, DataError
from tidegate.layers import check_initialization
from tidegate.preparation import Preparation, hold_out
from tidegate.tasks.base import Estimator, Training
from tidegate.tasks.examples import SequenceExamples, evaluation_batches
from tidegate.tasks.network import SequenceNetwork, read_out_parts
from tidegate.training import Settings
from tidegate.training.settings import check_at_least, check_number, shown

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

DROPOUT, NOISE = 0.2, 0.1
"""Where a sequence has one target."""
PLAIN: dict[str, Any] = {"bidirectional": False, "readout": "last", "patch": 1, "dropout": 0.0, "noise": 0.0}
"""One direction and the last state: all that bundles of format 1 and runs of format 2 knew."""
MANY, RATE_OF_MANY = 20_000, 2e-3
"""Of more training sequences than that, the learning rate where none is given."""
PATCHED_TO = 60
"""Steps about, that patches leave at most of nine in ten sequences with one target each: a few longer ones say
nothing of the others."""


class SequenceTraining(Training, total=False):
    """The keyword arguments that `SequenceEstimator` hands to `Estimator`."""

    steps: int | None
    batch_size: int | None
    weight_decay: float


class SequenceParameters(SequenceTraining, total=False):
    """The keyword arguments that a classifier and a regressor hand to `SequenceEstimator`."""

    bidirectional: bool | None
    readout: str | None
    patch: int | None
    dropout: float | None
    noise: float | None
    initialization: str | None
    standardize: bool
    missing: str
    shift: int
    learning_rate: float | None


class SequenceEstimator(Estimator):
    """A recurrent network for sequences: the parameters that the classifier and the regressor share.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units.
        num_layers: number of stacked recurrent layers.
        bidirectional: whether to read every sequence from both ends. None: yes if a sequence has one target, no if
            every step has one, because the target of a step would be predicted from what follows it.
        readout: what the target of a sequence is predicted from: `last` (the last state), `mean` or `max` (of all
            states, by feature), `attention` (a weighted mean; Zhou et al. 2016), several of these separated by commas,
            or `all`, which is last,mean,max. None: all. The target of a step is predicted from the state of that step.
        patch: number of consecutive steps that form one step of the recurrence, which is shorter by this factor. None:
            as many as leave about 60 steps, or fewer, for nine in ten training sequences; 1 if every step has a target.
        dropout: share of features set to 0 in training, between layers and before the last linear layer. None: 0.2 if a
            sequence has one target, 0 if every step has one.
        noise: standard deviation of the noise added to every standardized input in training. None: 0.1 if a sequence
            has one target, 0 if every step has one.
        initialization: of the recurrent weights, see `tidegate.layers.initialize`; the horizon of `chrono` is the
            length of the longest training sequence. None: `open` for an LSTM, `torch` otherwise.
        standardize: whether to scale every channel to mean 0 and standard deviation 1, measured on the training data.
        missing: what to do with missing values (NaN): `refuse`, `interpolate`, or `mask`, which fills in the mean and
            adds a channel that marks them.
        shift: largest number of pixels by which a training image is shifted at random at every step, in each direction.
            The sequences must be images of one size, read row by row, with a background of 0.
        learning_rate: peak of the learning rate schedule. None: 6e-3, or 2e-3 with more than 20,000 training sequences.
        epochs, steps, schedule, batch_size, clip, weight_decay, patience, validation_share, checks, seed: training
            settings, see `tidegate.training.Settings`.
        verbose: whether to show progress on standard error.
    """

    prepared_by = Preparation

    def __init__(
        self,
        cell: str = "gru",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool | None = None,
        readout: str | None = None,
        patch: int | None = None,
        dropout: float | None = None,
        noise: float | None = None,
        initialization: str | None = None,
        standardize: bool = True,
        missing: str = "refuse",
        shift: int = 0,
        learning_rate: float | None = None,
        **parameters: Unpack[SequenceTraining],
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, dropout, learning_rate=learning_rate, **parameters)
        self.bidirectional = bidirectional
        self.readout = readout
        self.patch = patch
        self.noise = noise
        self.initialization = initialization
        self.standardize = standardize
        self.missing = missing
        self.shift = shift

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = self.missing != "refuse"
        tags.target_tags.required = True
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, validation_data: Any = None) -> Self:
        """Train on sequences X with targets y, and keep the best checkpoint.

        The same seed gives the same bits, and torch's global generators are left unchanged. Because dropout can only
        draw from those, fits in several threads of a process run one after the other.

        Args:
            X: an array (n, time, channels), a list of arrays (time_i, channels) or of DataFrames, a DataFrame indexed
                by sequence and time, or `Sequences` as returned by `tidegate.read_dataset`.
            y: the targets; None if the Sequences hold them.
            sample_weight: the weight of each sequence in the loss [n], in training and validation. The loss is a
                weighted mean; the metrics that choose the best checkpoint count all sequences equally.
            validation_data: (X, y) that choose the best checkpoint, instead of a share of the training data. In its
                loss all sequences count equally, apart from a classifier's `class_weight`.

        Returns:
            The fitted estimator itself.

        Raises:
            DataError: X or y cannot be used.
            ConfigError: a parameter has a value that cannot work.
            TrainingError: the loss is not finite.
        """
        return self._whole_or_not(lambda: self._fit(X, y, sample_weight, validation_data))

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> None:
        pair = None
        if validation_data is not None:
            pair = validation_data if isinstance(validation_data, (tuple, list)) else (validation_data,)
            if not 1 <= len(pair) <= 2:
                raise DataError(
                    got=f"validation_data of {len(pair)} parts", wanted="(X, y)", do="pass validation_data=(X, y)"
                )
        data = self._with_weights(self.labeled(X, y), sample_weight)
        self.train(*self.set_up(data, pair), progress=self.verbose)

    def settings(self) -> Settings:
        check_at_least("patch", self.patch, 1, optional=True)
        check_at_least("shift", self.shift, 0)
        if self.noise is not None:
            check_number("noise", self.noise, least=0)
        read_out_parts(self.readout)
        settings = super().settings()
        if self.initialization is not None:
            check_initialization(str(self.initialization), str(self.cell))
        self._check_truth("bidirectional", optional=True)
        self._check_truth("standardize")
        return settings

    def _settings_of(self, train: Any) -> Settings:
        settings = self.settings()
        if self.learning_rate is None and len(train) > MANY:
            return replace(settings, learning_rate=RATE_OF_MANY)
        return settings

    def labeled(self, X: Any, y: Any = None) -> Sequences:
        """X with its targets, checked."""
        sequences = _sequences(X)
        if y is None and sequences.y is not None:
            return self._with_own_targets(sequences)
        if y is None:
            raise DataError(
                got="y=None: this estimator requires y to be passed, but the target y is None",
                wanted="a target to learn",
                do="pass y",
            )
        return self._with_targets(sequences, _in_order_of(y, sequences))

    def _with_weights(self, data: Sequences, sample_weight: Any) -> Sequences:
        if sample_weight is None:
            return data
        weights = self._checked_weights(data, sample_weight)
        counted = weights > 0
        return replace(data[counted], weights=weights[counted] / weights[counted].mean())

    @staticmethod
    def _checked_weights(data: Sequences, sample_weight: Any) -> np.ndarray:
        """What each sequence counts [N], 1 at most."""
        if isinstance(sample_weight, Real):
            sample_weight = np.full(len(data), sample_weight)
        weights = numbers(_in_order_of(sample_weight, data), "sample_weight").astype(np.float64)
        got = ""
        if weights.shape != (len(data),):
            got = f"sample_weight of shape {weights.shape} for {len(data)} sequences"
        elif (bad := ~(np.isfinite(weights) & (weights >= 0))).any():
            got = f"{weights[bad][0]} as the sample_weight of sequence {int(bad.argmax())}"
        elif not weights.any():
            got = "a sample_weight of 0 for all sequences"
        if got:
            raise DataError(
                got=got,
                wanted="a finite weight of at least zero for each, and not zero for all",
                do="correct sample_weight",
            )
        return weights / weights.max()

    def set_up(self, data: Sequences, pair: Any = None) -> tuple[SequenceExamples, SequenceExamples | None]:
        """Check everything that can be checked before the first step, learn what the data is, and split it.

        Args:
            data: with targets as `labeled` gives them.
            pair: X, or X and y, of what chooses the kept weights; none for a share of the data.

        Returns:
            What is trained on, and what chooses the weights, as the network takes them.
        """
        settings = self.settings()
        self.fitted_parameters_ = self.parameters_as_json()
        if self.shift and (self.task == "regression" or data.ragged):
            raise ConfigError(
                got=f"shift={self.shift} for sequences of unequal length or with targets of steps",
                wanted="0, or images of one size with a label each",
                do="leave shift out",
            )
        if self.shift and self.shift >= (side := min(data.longest, data.n_channels)):
            raise ConfigError(
                got=f"shift={self.shift} for images of {data.longest}×{data.n_channels} pixels",
                wanted=f"fewer than {side} pixels",
                do="correct shift",
            )
        self._learn_targets(data)
        self.n_features_in_ = data.n_channels
        if data.channels is not None:
            self.feature_names_in_ = np.array(data.channels, dtype=object)
        train, validation = data, None
        if pair is not None:
            with in_part("validation_data"):
                validation = self.labeled(*pair)
        elif held := settings.held_out(len(data)):
            train, validation = hold_out(data, held / len(data), settings.seed)
            # Where each label has one sequence, all of them stay in training.
            validation = validation if len(validation) else None
        self.preparation_ = Preparation.fit(
            data, missing=self.missing, standardize=bool(self.standardize), scale_on=train
        )
        self._learn_scale(train)
        self.design_ = self._design(train, data.per_step)
        self.network_ = self.untrained()
        ready = self._ready(train, int(self.shift))
        if validation is None:
            return ready, None
        with in_part("validation_data" if pair is not None else "the share that is held out"):
            return ready, self._ready(validation)

    def _ready(self, data: Sequences, shift: int = 0) -> SequenceExamples:
        """A part as the network takes it, with weights of 1 on average."""
        encoded = self._encoded(self.preparation_.encode(data))
        if encoded.weights is not None:
            # A part that has none of the classes that count shows nothing by its loss.
            mean = np.average(encoded.weights, weights=encoded.lengths if encoded.per_step else None) or 1
            encoded = replace(encoded, weights=encoded.weights / mean)
        return SequenceExamples(encoded, self.preparation_.scaler, shift)

    def _outputs(self, X: Any) -> tuple[np.ndarray, Sequences]:
        """The network's outputs for X in its order, [N, O] or, for targets of steps, [S, O]; and X as sequences."""
        self._check_fitted()
        sequences = _sequences(X)
        source = SequenceExamples(
            self.preparation_.encode(sequences).with_targets(None), self.preparation_.scaler, late=True
        )
        device = next(self.network_.parameters()).device
        per_step = self.network_.per_step
        outputs = np.empty((len(sequences.values) if per_step else len(sequences), self.network_.readout.out_features))
        with torch.inference_mode():
            for batch in evaluation_batches(sequences.lengths):
                for rows in source.groups(torch.from_numpy(batch)):
                    part = source.part(rows)
                    output = self.network_(part.x.to(device), part.lengths).cpu()
                    if per_step:
                        real = torch.arange(output.shape[1]) < source.lengths[rows].unsqueeze(1)
                        outputs[sequences.steps_of(rows.numpy())] = output[real].numpy()
                    else:
                        outputs[rows.numpy()] = output.numpy()
        return outputs, sequences

    @classmethod
    def _of_this_format(cls, config: dict[str, Any]) -> dict[str, Any]:
        return _of_format_1(config) if config["format"] == 1 else config

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.n_features_in_ = self.preparation_.n_channels
        if self.preparation_.channels is not None:
            self.feature_names_in_ = np.array(self.preparation_.channels, dtype=object)
        self.design_ = {**self.design_, "readout": tuple(self.design_["readout"])}
        self._restore_targets(fitted)

    def _design(self, train: Sequences, per_step: bool) -> dict[str, Any]:
        """The arguments of the network, with what the parameters leave open as the training data has it.

        Args:
            train: the sequences to learn from.
            per_step: whether every step has a target.
        """
        for name in ("readout", "patch"):
            if per_step and getattr(self, name) not in (None, PLAIN[name]):
                raise ConfigError(
                    got=f"{name}={shown(getattr(self, name))} for a target of every step",
                    wanted="a target for each sequence",
                    do=f"leave {name} out",
                )

        def chosen(name: str, of_sequences: Any, of_steps: Any) -> Any:
            given = getattr(self, name)
            return (of_steps if per_step else of_sequences) if given is None else given

        return {
            "cell": str(self.cell),
            "hidden_size": int(self.hidden_size),
            "num_layers": int(self.num_layers),
            "bidirectional": bool(chosen("bidirectional", True, False)),
            "dropout": float(chosen("dropout", DROPOUT, 0.0)),
            "noise": float(chosen("noise", NOISE, 0.0)),
            "readout": read_out_parts(self.readout) if not per_step else (),
            "patch": int(chosen("patch", max(1, round(float(np.quantile(train.lengths, 0.9)) / PATCHED_TO)), 1)),
            "initialization": str(self.initialization or ("open" if self.cell == "lstm" else "torch")),
            "horizon": train.longest,
            "per_step": per_step,
        }

    def _new_network(self, output_size: int) -> SequenceNetwork:
        return SequenceNetwork(self.preparation_.n_columns, output_size, **self.design_)

    def _learn_scale(self, train: Sequences) -> None:
        """Measure the targets on the training data."""

    def _with_targets(self, sequences: Sequences, y: Any) -> Sequences:
        """Check y and put it with its sequences."""
        raise NotImplementedError

    def _with_own_targets(self, sequences: Sequences) -> Sequences:
        """Check the targets that sequences hold."""
        return self._with_targets(sequences, sequences.y)

    def _learn_targets(self, data: Sequences) -> None:
        """Learn from y what the outputs are."""
        raise NotImplementedError

    def _encoded(self, data: Sequences) -> Sequences:
        """Targets as the network is trained on them."""
        raise NotImplementedError

    def _restore_targets(self, fitted: dict[str, Any]) -> None:
        raise NotImplementedError

    def check_targets(self, data: Sequences) -> None:
        """Raise DataError where the model cannot be scored on sequences with targets."""
        raise NotImplementedError

    def metrics(self, data: Sequences) -> dict[str, Any]:
        """The task's metrics on sequences with targets, as JSON."""
        raise NotImplementedError

    def errors(self, data: Sequences) -> np.ndarray:
        """What each sequence adds to the error [n]: 1 where the label is wrong, or its mean squared error."""
        raise NotImplementedError


def _of_format_1(config: dict[str, Any]) -> dict[str, Any]:
    """The config of an older bundle as it is written now."""
    parameters = {**PLAIN, **config["parameters"]}
    names = ("cell", "hidden_size", "num_layers", *PLAIN)
    design = {
        **{name: parameters[name] for name in names},
        "readout": [PLAIN["readout"]],
        "initialization": "torch",
        "horizon": 1,
        "per_step": config["fitted"].get("target_per") == "step",
    }
    return {**config, "parameters": parameters, "design": design}


@contextmanager
def in_part(name: str) -> Iterator[None]:
    """Name the part of the data in which an error lies."""
    try:
        yield
    except DataError as error:
        raise DataError(got=f"{error.got}, in {name}", wanted=error.wanted, do=error.do) from None


def _sequences(X: Any) -> Sequences:
    if isinstance(X, Dataset):
        raise DataError(got="a Dataset", wanted="one of its parts", do="pass its sequences, such as dataset.train")
    return as_sequences(X)


def _in_order_of(y: Any, sequences: Sequences) -> Any:
    """A Series whose index names the sequences, in their order; anything else as it is."""
    if sequences.ids is None or not hasattr(y, "index") or not hasattr(y, "loc"):
        return y
    if y.index.equals(type(y.index)(range(len(y)))):
        return y
    if len(y) != len(sequences) or not y.index.is_unique or set(y.index) != set(sequences.ids):
        strange = sorted(set(map(str, y.index)) ^ set(map(str, sequences.ids)))
        odd = f": {strange[0]!r} is in one alone" if strange else ""
        raise DataError(
            got=f"a Series whose index is not that of the sequences{odd}",
            wanted="an entry for each sequence under its name",
            do="correct the index, or pass its values with to_numpy(), in the order of the sequences",
        )
    return y.loc[sequences.ids]
