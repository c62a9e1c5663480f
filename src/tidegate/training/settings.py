"""How to train, and the plan of steps that follows from it."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from tidegate.errors import ConfigError

SCHEDULES = ("auto", "one-cycle", "constant")
CHECKS = 100  # at most, in a run that does not say
LEAST_VALIDATION, MOST_VALIDATION = 5, 2000
"""Sequences held out to choose the kept model; with more than the most, training on them is worth more."""
ROUGH_VALIDATION = 50
"""Fewer are not held out unless a share is given."""


@dataclass(frozen=True)
class Settings:
    """The settings of training, apart from the data and the network.

    Raises:
        ConfigError: a setting has a value that cannot work, or both epochs and steps are given.

    >>> from tidegate.training import Settings
    >>> Settings(epochs=10).learning_rate
    0.006
    """

    epochs: int | None = None
    """Passes over the training data; None: as many as make 1,000 steps, at least 10."""
    steps: int | None = None
    """Optimizer steps, instead of epochs."""
    learning_rate: float = 6e-3
    """Peak of the learning rate schedule."""
    schedule: str = "auto"
    """one-cycle (Smith & Topin 2018): rising for 30 % of the steps, then falling to almost 0; constant; or auto:
    constant for a single training sequence, whose gradient has no sampling noise to average out, otherwise
    one-cycle.
    """
    batch_size: int | None = None
    """Sequences of a step, over all processes; None: a quarter of the training sequences, 16 to 128. The noise in the
    gradient of a few sequences counteracts overfitting to a small data set.
    """
    clip: float | None = 1.0
    """Largest norm of the gradient; None: no clipping."""
    weight_decay: float = 0.0
    """Decoupled weight decay, as in AdamW (Loshchilov & Hutter 2019)."""
    patience: int | None = None
    """Checks without improvement after which training stops (early stopping, Prechelt 1998); None: train to the end.
    The schedule remains that of the whole run.
    """
    validation_share: float | None = None
    """Share of the training data that is held out to choose the best checkpoint, at most 2,000 sequences; if that is
    fewer than 5, the training data itself chooses it. None: a tenth of 500 or more sequences, and nothing of fewer,
    because a comparison on 50 sequences is too uncertain to be worth a tenth of the training data.
    """
    checks: int | None = None
    """Number of checks during training; None: one each epoch, at most 100."""
    seed: int = 0
    """Seed of the initial weights, the order of the data, and dropout."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())
        if self.epochs is not None and self.steps is not None:
            raise ConfigError(got="both epochs and steps", wanted="one of the two", do="leave one out")
        check_at_least("epochs", self.epochs, 1, optional=True)
        check_at_least("steps", self.steps, 1, optional=True)
        check_at_least("batch_size", self.batch_size, 1, optional=True)
        check_at_least("checks", self.checks, 1, optional=True)
        check_at_least("patience", self.patience, 1, optional=True)
        check_at_least("seed", self.seed, 0, bits=32)
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("weight_decay", self.weight_decay, least=0)
        if self.validation_share is not None:
            check_number("validation_share", self.validation_share, least=0, below=1)
        if self.clip is not None:
            check_number("clip", self.clip, above=0)
        if not isinstance(self.schedule, str) or self.schedule not in SCHEDULES:
            raise ConfigError(
                got=f"schedule {shown(self.schedule)}", wanted=f"one of {', '.join(SCHEDULES)}", do="correct the name"
            )

    def held_out(self, n_sequences: int) -> int:
        """How many of so many sequences choose the kept model; 0 where the training data does.

        >>> [Settings().held_out(n) for n in (499, 500, 60_000)], Settings(validation_share=0.2).held_out(30)
        ([0, 50, 2000], 6)
        """
        share = self.validation_share
        if share is None:
            share = 0.1 if n_sequences * 0.1 >= ROUGH_VALIDATION else 0.0
        held = min(round(n_sequences * share), MOST_VALIDATION)
        return held if held >= LEAST_VALIDATION else 0


def check_at_least(name: str, value: Any, least: int, optional: bool = False, bits: int = 63) -> None:
    """Raise ConfigError unless `value` is a whole number of at least `least` and below 2**bits."""
    if optional and value is None:
        return
    # numpy's integers count as whole numbers, truth values do not.
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise ConfigError(
            got=f"{name}={shown(value)}", wanted=f"a whole number of at least {least}", do=f"correct {name}"
        )
    if value >= 2**bits:
        raise ConfigError(got=f"{name}={shown(value)}", wanted=f"a number below 2**{bits}", do=f"correct {name}")


def check_number(
    name: str, value: Any, *, above: float | None = None, least: float | None = None, below: float | None = None
) -> None:
    """Raise ConfigError unless `value` is a finite number within the bounds."""
    bounds = {"above": above, "at least": least, "below": below}
    wanted = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
    number = as_number(value)
    fits = (
        math.isfinite(number)
        and (above is None or number > above)
        and (least is None or number >= least)
        and (below is None or number < below)
    )
    if not fits:
        raise ConfigError(got=f"{name}={shown(value)}", wanted=f"a number {wanted}".strip(), do=f"correct {name}")


def as_number(value: Any) -> float:
    """A number of Python or numpy as a float; NaN for anything else, a truth value too."""
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            return float(value)
    return math.nan


def shown(value: Any) -> str:
    """A value as a message has it, in one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:100]}…"


@dataclass(frozen=True)
class Plan:
    """The steps of a run: how many, how many make an epoch, how many lie between two checks, and what one holds."""

    steps: int
    per_epoch: int
    per_check: int
    batch_size: int

    @classmethod
    def of(cls, settings: Settings, n_sequences: int) -> Plan:
        """The plan for so many training sequences.

        >>> Plan.of(Settings(epochs=10), n_sequences=1000)
        Plan(steps=80, per_epoch=8, per_check=8, batch_size=128)
        >>> Plan.of(Settings(steps=5000), n_sequences=1)
        Plan(steps=5000, per_epoch=1, per_check=50, batch_size=16)
        """
        batch_size = settings.batch_size or min(max(n_sequences // 4, 16), 128)
        per_epoch = math.ceil(n_sequences / batch_size)
        epochs = settings.epochs or max(10, math.ceil(1000 / per_epoch))
        steps = settings.steps or epochs * per_epoch
        per_check = per_epoch * math.ceil(steps / per_epoch / CHECKS)
        if settings.checks is not None:
            per_check = math.ceil(steps / settings.checks)
        return cls(steps, per_epoch, min(per_check, steps), batch_size)

    def next_check(self, step: int) -> int:
        """The step, not before `step`, after which the model is checked next."""
        return min(self.steps, (step // self.per_check + 1) * self.per_check)
