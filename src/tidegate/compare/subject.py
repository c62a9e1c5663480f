"""What cells are compared on: sequences with targets, or the material of any other task."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch

from tidegate.compare.baselines import baselines_of
from tidegate.compare.units import TaskTraining, Training, Unit
from tidegate.compare.verdict import Contestant
from tidegate.data import Dataset
from tidegate.errors import ConfigError, DataError
from tidegate.layers import layer_of
from tidegate.preparation import Preparation, Reading, read_source, refuse_incomplete, with_test
from tidegate.probes import cost
from tidegate.tasks.load import TASKS

LEAST_TO_SHARE = 20


@dataclass(frozen=True)
class Shape:
    """Of the layer and of the batch whose cost and time are told."""

    input_size: int
    hidden_size: int
    seq_len: int
    batch_size: int


PROBED = Shape(8, 64, 100, 32)
"""The layer that is looked at where there is no data, or none that says how wide a step is."""


class Subject(ABC):
    """What cells are compared on."""

    fingerprint: str
    metric: str
    """By which they are compared: accuracy or another share of 1, or an error."""
    monitor: str
    """What the learning curves show."""
    dataset: Dataset | None = None
    """What the workers are given; none where they read the data themselves."""
    looks_inside: bool
    """Whether trainings follow gradients and gates over a test sequence."""

    @abstractmethod
    def training(self, cell: str, hidden_size: int, learning_rate: float, **given: Any) -> Unit:
        """A unit of work that trains a cell once."""

    @abstractmethod
    def parameters(self, cell: str, hidden_size: int) -> int:
        """Of what makes the cells differ in size."""

    @abstractmethod
    def sizes(self, largest: int) -> range:
        """The hidden sizes that can be, up to one."""

    @abstractmethod
    def baselines(self) -> dict[str, Contestant]:
        """What a recurrent network must beat."""

    @abstractmethod
    def shape(self, hidden_size: int, batch_size: int) -> Shape:
        """Of the layer whose cost and time are told."""

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """How much there is to learn from and to test on."""

    def shares(self, shares: tuple[float, ...]) -> tuple[float, ...]:
        """Those of the shares of the training data that can be trained on alone."""
        return ()

    def equal_parameters(self, cell: str, hidden_size: int) -> int:
        """The hidden size with which a cell has as many parameters as the LSTM, as near as whole sizes allow."""
        target = self.parameters("lstm", hidden_size)
        sizes = self.sizes(4 * hidden_size)
        low, high = 0, len(sizes) - 1
        while low < high:
            middle = (low + high) // 2
            if self.parameters(cell, sizes[middle]) < target:
                low = middle + 1
            else:
                high = middle
        near = (sizes[max(0, low - 1)], sizes[low])
        return min(near, key=lambda size: abs(self.parameters(cell, size) - target))


class SequenceSubject(Subject):
    """Sequences with a label or with targets."""

    looks_inside = True

    def __init__(self, task: str, data: str, reading: Reading | None, missing: str) -> None:
        found = read_source(data, task, reading).dataset
        if missing == "refuse":
            refuse_incomplete(found.train)
        dataset = _complete(with_test(found), missing)
        if dataset.test is None:
            raise DataError(
                got=f"{data} with {len(dataset.train)} sequences", wanted="at least 10", do="bring more data"
            )
        self.task, self.dataset, self.test = task, dataset, dataset.test
        self.train = dataset.train
        self.fingerprint = dataset.train.fingerprint()
        self.metric = self.monitor = "accuracy" if task == "classification" else "mse"

    def training(self, cell: str, hidden_size: int, learning_rate: float, **given: Any) -> Training:
        return Training(self.task, cell, hidden_size, learning_rate, **given)

    def parameters(self, cell: str, hidden_size: int) -> int:
        """Of the recurrent layer."""
        return parameters_of(cell, self.train.n_channels, hidden_size)

    def sizes(self, largest: int) -> range:
        return range(1, largest + 1)

    def baselines(self) -> dict[str, Contestant]:
        assert self.dataset is not None
        return baselines_of(self.task, self.dataset)

    def shape(self, hidden_size: int, batch_size: int) -> Shape:
        return Shape(self.train.n_channels, hidden_size, self.train.longest, min(batch_size, len(self.train)))

    def described(self) -> dict[str, Any]:
        return {
            "train": len(self.train),
            "test": len(self.test),
            "steps_of_a_sequence": self.train.longest,
            "channels": self.train.n_channels,
        }

    def shares(self, shares: tuple[float, ...]) -> tuple[float, ...]:
        # Of a handful of sequences there is no share to speak of.
        return shares if len(self.train) >= LEAST_TO_SHARE else ()


class TaskSubject(Subject):
    """The material of another task: series, texts, pairs of texts, or speech."""

    looks_inside = False

    def __init__(self, task: str, data: str, reading: Reading | None, missing: str, parameters: dict[str, Any]) -> None:
        if missing != "refuse":
            raise ConfigError(got=f"--missing {missing} for {task}", wanted="no option of tables", do="leave it out")
        self.task, self.data, self.reading, self.given = task, data, reading, parameters
        self.estimator: Any = TASKS[task](**parameters)
        self.material = self.estimator.material(self.estimator, data, reading, None, parameters)
        self.learned, _ = self.material.set_up(self.estimator)
        self.fingerprint, self.metric = self.material.fingerprint, self.material.compared
        self.monitor = self.estimator.learner().monitor

    def training(self, cell: str, hidden_size: int, learning_rate: float, **given: Any) -> TaskTraining:
        reading = {} if self.reading is None else self.reading.to_config()
        # The others are of sequences.
        for name in ("batch_size", "share", "look_inside"):
            given.pop(name, None)
        given |= {"data": self.data, "reading": reading, "parameters": self.given}
        return TaskTraining(self.task, cell, hidden_size, learning_rate, **given)

    def parameters(self, cell: str, hidden_size: int) -> int:
        """Of the whole network."""
        estimator = copy.copy(self.estimator)
        estimator.cell, estimator.hidden_size = cell, hidden_size
        with torch.device("meta"):
            return sum(weight.numel() for weight in estimator.build().parameters())

    def sizes(self, largest: int) -> range:
        # Some networks halve it.
        return range(2, largest + 1, 2)

    def baselines(self) -> dict[str, Contestant]:
        found = self.material.baseline_errors(self.estimator)
        return {name: Contestant(name, [errors], self.metric) for name, errors in found.items()}

    def shape(self, hidden_size: int, batch_size: int) -> Shape:
        return replace(PROBED, hidden_size=hidden_size)

    def described(self) -> dict[str, Any]:
        return {"data": self.material.description}


def subject_of(task: str, data: str, reading: Reading | None, missing: str, parameters: dict[str, Any]) -> Subject:
    """What cells are compared on, read; raises what reading it raises."""
    for name in parameters:
        if name not in TASKS[task]._get_param_names():
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for {task}", wanted="options of that task", do="leave it out"
            )
    if task in ("classification", "regression"):
        return SequenceSubject(task, data, reading, missing)
    return TaskSubject(task, data, reading, missing, parameters)


def parameters_of(cell: str, input_size: int, hidden_size: int) -> int:
    """Parameters of a recurrent layer."""
    return cost(layer_of(cell)(input_size, hidden_size, device="meta")).parameters


def _complete(dataset: Dataset, missing: str) -> Dataset:
    """The data as columns of numbers without gaps, as every cell and every baseline is given it."""
    preparation = Preparation.fit(dataset.train, missing=missing, standardize=False)
    test = None if dataset.test is None else preparation.encode(dataset.test)
    return replace(dataset, train=preparation.encode(dataset.train), test=test)
