"""Log the history of a run to TensorBoard, MLflow, Weights & Biases, or any other logger of Lightning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning
from lightning import Trainer
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from tidegate.errors import ConfigError, MissingExtraError
from tidegate.training.callbacks import KeepBest
from tidegate.training.settings import shown

LOGGERS = ("tensorboard", "mlflow", "wandb")
"""The names of loggers, which are also the names of their packages."""
TENSORBOARD = "tensorboard"
"""Folder of the events in a run folder: `tensorboard --logdir runs` shows every run under its name."""
PROJECT = "tidegate"
"""MLflow's experiment and the project of Weights & Biases, unless their environment variables name another."""


def check_logger(logger: Any) -> None:
    """Raise ConfigError for what is no logger, and MissingExtraError where its package is missing.

    >>> check_logger("tensorbord")
    Traceback (most recent call last):
        ...
    tidegate.errors.ConfigError: got logger='tensorbord'; wanted tensorboard, mlflow, wandb or a logger of Lightning; \
do correct logger
    """
    for one in _each(logger):
        if isinstance(one, str) and one in LOGGERS:
            spec = find_spec(one)
            # A folder of that name in the working directory, such as wandb's own, has a spec without an origin.
            if spec is None or spec.origin is None:
                raise MissingExtraError(
                    got=f"no package {one!r}", wanted=f"what logger={one!r} needs", do=f"run: pip install {one}"
                )
        elif isinstance(one, str) or not (hasattr(one, "log_metrics") and hasattr(one, "log_hyperparams")):
            raise ConfigError(
                got=f"logger={shown(one)}",
                wanted=f"{', '.join(LOGGERS)} or a logger of Lightning",
                do="correct logger",
            )


class Log(lightning.Callback):
    """Logs each row of the history by optimizer step, and the hyperparameters with the first one."""

    def __init__(self, loggers: list[Logger], hyperparameters: Mapping[str, Any], keep: KeepBest) -> None:
        self.loggers, self.keep = loggers, keep
        self.hyperparameters = {name: value for name, value in hyperparameters.items() if value is not None}

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        *before, row = self.keep.history
        values = {name: value for name, value in row.items() if name not in ("step", "seconds")}
        best = {"hp_metric": (self.keep.best or {})[module.learner.monitor]}
        for logger in self.loggers:
            compares = isinstance(logger, TensorBoardLogger)  # whose HPARAMS tab shows hp_metric
            if not before:
                logger.log_hyperparams(self.hyperparameters, *[best] * compares)
            logger.log_metrics({**values, **(best if compares else {})}, step=int(row["step"]))
            logger.save()

    def state_dict(self) -> dict[str, Any]:
        return {"versions": [logger.version for logger in self.loggers]}


@contextmanager
def opened(logger: Any, folder: Path | None, versions: list[Any] | None = None) -> Iterator[list[Logger]]:
    """The loggers of one fit, finalized at its end.

    Args:
        logger: a name, a logger of Lightning, a list of these, or none.
        folder: the run folder, if there is one.
        versions: which runs to go on with, from the state of `Log`.
    """
    chosen = _each(logger)
    runs = zip(chosen, versions or [None] * len(chosen), strict=True)
    loggers = [_logger(one, folder, version) if isinstance(one, str) else one for one, version in runs]
    with _own_run() if "wandb" in chosen else nullcontext():
        try:
            yield loggers
        except BaseException:
            for each in loggers:
                each.finalize("failed")
            raise
        for each in loggers:
            each.finalize("success")


def _each(logger: Any) -> list[Any]:
    return [] if logger is None else list(logger) if isinstance(logger, (list, tuple)) else [logger]


def _logger(name: str, folder: Path | None, version: Any) -> Logger:
    run = folder.name if folder else None
    if name == "tensorboard":
        return TensorBoardLogger(folder, name="", version=TENSORBOARD) if folder else TensorBoardLogger(".")
    if name == "mlflow":
        import mlflow

        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        return MLFlowLogger(experiment, run, tracking_uri=mlflow.get_tracking_uri(), run_id=version)
    return WandbLogger(run, version=version, project=os.environ.get("WANDB_PROJECT", PROJECT))


@contextmanager
def _own_run() -> Iterator[None]:
    """End the run of Weights & Biases that began within the block: Lightning's logger would go on with it."""
    import wandb

    before = wandb.run
    try:
        yield
    finally:
        if before is None and wandb.run is not None:
            wandb.finish()
