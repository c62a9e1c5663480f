"""Train a learner: in memory, or in a run folder from which it can go on after any end."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import torch

from tidegate.errors import RunError
from tidegate.training.callbacks import Checkpoints, Interrupted, KeepBest, Progress
from tidegate.training.data import Examples, RecurrentData
from tidegate.training.loggers import Log, opened
from tidegate.training.module import Learner, RecurrentModule
from tidegate.training.settings import Plan, Settings

_ONE_THREAD = threading.RLock()


@dataclass(frozen=True)
class Fitted:
    """What a run leaves: the network holds the kept weights."""

    history: list[dict[str, float]]
    """A row for every check."""
    best: dict[str, float]
    """The kept model's step and what its check said."""
    seconds: float
    is_first: bool
    """Whether this is the process that writes and speaks for all."""


def fit(
    learner: Learner,
    train: Examples,
    validation: Examples | None,
    settings: Settings,
    *,
    folder: Path | None = None,
    resume: bool = False,
    progress: bool = False,
    logger: Any = None,
    hyperparameters: Mapping[str, Any] | None = None,
) -> Fitted:
    """Train `learner.network` in place and leave it with the weights that did best at a check.

    Args:
        learner: a network with its loss and metrics.
        train: what it learns from.
        validation: what chooses the kept weights; the training data where none.
        settings: how to train.
        folder: the run folder, for `checkpoints/last.ckpt` and `history.csv`; none to write nothing.
        resume: go on from that checkpoint, where there is one.
        progress: speak on standard error.
        logger: where else the history goes: tensorboard, mlflow, wandb, a logger of Lightning, or a list of these.
        hyperparameters: what is logged once, beside the settings.

    Raises:
        TrainingError: the loss is not finite.
        RunError: the checkpoint does not belong to this network.
        KeyboardInterrupt: Ctrl-C; a checkpoint is left where there is a folder.

    Under torchrun each process trains on its share of every batch (distributed data parallel). Fits in threads of one
    process run one after the other; see `own_randomness`.
    """
    plan = Plan.of(settings, len(train))
    if settings.schedule == "auto":
        settings = replace(settings, schedule="constant" if len(train) == 1 else "one-cycle")
    keep = KeepBest()
    checkpoint = None
    callbacks: list[lightning.Callback] = [keep]
    checkpoints = folder / "checkpoints" if folder else None
    if checkpoints is not None:
        if is_first_process():
            checkpoints.mkdir(parents=True, exist_ok=True)
        last = checkpoints / "last.ckpt"
        checkpoint = last if resume and last.exists() else None
    data = RecurrentData(train, validation or train, plan, settings)
    module = RecurrentModule(learner, plan, settings)
    done, versions = 0, None
    if checkpoint is not None:
        done, states = step_of(checkpoint), _load(checkpoint)["callbacks"]
        keep.load_state_dict(states[keep.state_key])
        versions = states.get(Log.__qualname__, {}).get("versions")
    data.step = done
    logged = {**(hyperparameters or {}), **vars(settings), "steps": plan.steps, "batch_size": plan.batch_size}
    with own_randomness(), _quiet(), _own_process_group(), opened(logger, folder, versions) as loggers:
        if loggers:
            callbacks.append(Log(loggers, logged, keep))
        callbacks.append(Checkpoints(checkpoints, folder / "history.csv" if folder else None, keep))
        if progress:
            callbacks.append(Progress())
        trainer = lightning.Trainer(
            max_epochs=-(-(plan.steps - done // plan.per_check * plan.per_check) // plan.per_check),
            gradient_clip_val=settings.clip,
            callbacks=callbacks,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **_processes(),
        )
        if done < plan.steps and not keep.stalled(settings.patience):
            try:
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
            except Interrupted:
                raise KeyboardInterrupt from None
    module.network.load_state_dict(keep.weights)
    assert keep.best is not None
    return Fitted(keep.history, keep.best, keep.seconds, trainer.is_global_zero)


@contextmanager
def own_randomness() -> Iterator[None]:
    """Keep torch's global generators for this thread, and leave them as they were.

    First weights and dropout can draw from no others, so that whoever needs them in another thread waits here.
    """
    with _ONE_THREAD, torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield


def is_first_process() -> bool:
    """Whether this process writes and speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def step_of(checkpoint: Path) -> int:
    """How many steps a checkpoint has behind it."""
    return _load(checkpoint)[RecurrentData.__qualname__]["step"]


def _load(checkpoint: Path) -> dict:
    try:
        return torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:
        raise RunError(
            got=f"{checkpoint}, a checkpoint that cannot be read ({type(error).__name__})",
            wanted="one that this version wrote",
            do="start again with another --out",
        ) from error


def _processes() -> dict:
    """Lightning's arguments for one process, or for those that torchrun started."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return {"accelerator": "auto", "devices": 1}
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    return {"accelerator": "auto", "devices": local, "num_nodes": world // local, "strategy": "ddp"}


@contextmanager
def _own_process_group() -> Iterator[None]:
    """Take down the process group that Lightning set up: at the end of a program its threads may abort it."""
    theirs = torch.distributed.is_available() and torch.distributed.is_initialized()
    try:
        yield
    finally:
        if not theirs and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning speaks of its own set-up; a person who fits a model has not asked."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", category=UserWarning, message=".*lr_scheduler.step.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            sys.stdout.flush()
