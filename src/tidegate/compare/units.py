"""Units of work: each says all that its result depends on, runs on one thread anywhere, and returns JSON."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from tidegate.compare.inside import inside_of_model
from tidegate.compare.verdict import is_share
from tidegate.data import Dataset
from tidegate.errors import DataWarning, TrainingError
from tidegate.layers import weights_called
from tidegate.preparation import Reading
from tidegate.probes import solve_recall
from tidegate.tasks.load import TASKS
from tidegate.tasks.sequences import PLAIN

VALIDATION_SHARE = 0.1
"""Of the training data: rates are chosen by it, on small data too."""
CHECKS = 20
"""In a training: points of a learning curve, and candidates for the kept model."""


@dataclass(frozen=True)
class Training:
    """Train a cell once."""

    task: str
    cell: str
    hidden_size: int
    learning_rate: float
    steps: int
    batch_size: int
    seed: int
    purpose: Literal["search", "score", "share"]
    """search: the validation score alone is told, and the test part is not looked at."""
    share: float = 1.0
    look_inside: bool = False
    """Follow gradients and gates over the first test sequence, before and after training."""

    @property
    def key(self) -> str:
        size = f"{self.cell}-h{self.hidden_size}-lr{self.learning_rate:g}-{self.steps}x{self.batch_size}"
        share = "" if self.share == 1 else f"-of{self.share:g}"
        return f"{self.purpose}-{size}{share}-seed{self.seed}"

    @property
    def title(self) -> str:
        """For people."""
        return _title(self, "" if self.share == 1 else f" on {100 * self.share:g} % of the data")

    def run(self, dataset: Dataset) -> dict[str, Any]:
        """The scores and the learning curve; or {"failed": why} where the loss was not finite."""
        task: Any = TASKS[self.task]
        model = task(
            cell=self.cell,
            hidden_size=self.hidden_size,
            learning_rate=self.learning_rate,
            schedule="one-cycle",
            steps=self.steps,
            batch_size=self.batch_size,
            seed=self.seed,
            checks=CHECKS,
            shift=dataset.shift if self.task == "classification" else 0,
            validation_share=VALIDATION_SHARE,
            **PLAIN,
        )
        train = dataset.train
        if self.share < 1:
            # The same rows for every cell, and a larger share holds all rows of the smaller ones.
            order = np.random.default_rng(self.seed).permutation(len(train))
            train = train[np.sort(order[: max(10, round(self.share * len(train)))])]
        with one_thread():
            try:
                model.train(*model.set_up(model.labeled(train)))
            except TrainingError as error:
                return {"failed": str(error)}
            metric = model.learner().monitor
            result = {**how_it_went(model), "trained_on": len(train)}
            if self.purpose != "search":
                assert dataset.test is not None
                result["train"] = model.metrics(model.labeled(train))[metric]
                result["test"] = model.metrics(model.labeled(dataset.test))[metric]
            if self.purpose == "score":
                assert dataset.test is not None
                result["errors"] = [round(float(error), 9) for error in model.errors(model.labeled(dataset.test))]
            if self.look_inside:
                result["inside"] = inside_of_model(model, dataset).to_json()
        return result


@dataclass(frozen=True)
class TaskTraining:
    """Train a cell once on the material of a task, which is read where it is done."""

    task: str
    cell: str
    hidden_size: int
    learning_rate: float
    steps: int
    seed: int
    purpose: Literal["search", "score"]
    """search: the validation score alone is told, and the test part is not looked at."""
    data: str
    reading: dict[str, Any]
    parameters: dict[str, Any]
    """Of the estimator, which are the same for every cell."""

    @property
    def key(self) -> str:
        return f"{self.purpose}-{self.cell}-h{self.hidden_size}-lr{self.learning_rate:g}-{self.steps}-seed{self.seed}"

    @property
    def title(self) -> str:
        """For people."""
        return _title(self)

    def run(self, dataset: Dataset | None) -> dict[str, Any]:
        """The scores and the learning curve; or {"failed": why} where the loss was not finite."""
        task: Any = TASKS[self.task]
        model = task(
            cell=self.cell,
            hidden_size=self.hidden_size,
            learning_rate=self.learning_rate,
            steps=self.steps,
            seed=self.seed,
            checks=CHECKS,
            validation_share=VALIDATION_SHARE,
            **self.parameters,
        )
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            material = model.material(model, self.data, Reading(**self.reading), None, self.parameters)
            try:
                model.train(*material.set_up(model))
            except TrainingError as error:
                return {"failed": str(error)}
            result = how_it_went(model)
            if self.purpose == "score":
                errors = material.errors(model)
                mean = float(errors.mean())
                result["errors"] = [round(float(error), 9) for error in errors]
                result["test"] = 1 - mean if is_share(material.compared) else mean
        return result


@dataclass(frozen=True)
class Remembering:
    """Let a cell learn to recall a symbol over a lag; the second learning rate only where the first one fails."""

    cell: str
    initialization: str
    lag: int
    seed: int
    updates: int
    learning_rates: tuple[float, ...]
    hidden_size: int = 64

    @property
    def key(self) -> str:
        return f"recall-{self.cell}-{self.initialization}-lag{self.lag}-{self.updates}-seed{self.seed}"

    @property
    def title(self) -> str:
        """For people."""
        weights = weights_called(self.initialization)
        return f"{self.cell.upper()} with {weights} weights, recall over {self.lag:,} steps, seed {self.seed}"

    def run(self, dataset: Dataset | None) -> dict[str, Any]:
        """Whether it was solved, after how many updates, and with what accuracy."""
        with one_thread():
            for learning_rate in self.learning_rates:
                attempt = solve_recall(
                    self.cell,
                    self.lag,
                    initialization=self.initialization,
                    hidden_size=self.hidden_size,
                    updates=self.updates,
                    learning_rate=learning_rate,
                    seed=self.seed,
                )
                if attempt.solved:
                    break
        return {"solved": attempt.solved, "updates": attempt.updates, "accuracy": attempt.accuracy}


Unit = Training | TaskTraining | Remembering


def _title(unit: Training | TaskTraining, share: str = "") -> str:
    network = f"{unit.cell.upper()} with {unit.hidden_size} hidden features{share}"
    if unit.purpose == "search":
        return f"tried learning rate {unit.learning_rate:g} for {network}, seed {unit.seed}"
    return f"trained {network}, learning rate {unit.learning_rate:g}, seed {unit.seed}"


def how_it_went(model: Any) -> dict[str, Any]:
    """What is told of every training: the kept score in validation, the learning curve and the size."""
    metric = model.learner().monitor
    return {
        "validation": {"score": model.best_[metric], "loss": model.best_["loss"]},
        "curve": [[row["step"], row[f"validation_{metric}"]] for row in model.history_],
        "parameters": sum(parameter.numel() for parameter in model.network_.parameters()),
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread, so that a result is the same however many units run at once."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
