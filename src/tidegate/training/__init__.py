"""The training loop, on Lightning: one module, one data module, one `fit` for every task."""

from tidegate.training.data import Examples, similar_batches
from tidegate.training.fit import Fitted, fit, is_first_process, own_randomness
from tidegate.training.loggers import TENSORBOARD, Logger, check_logger
from tidegate.training.module import Learner
from tidegate.training.settings import Plan, Settings

__all__ = [
    "TENSORBOARD",
    "Examples",
    "Fitted",
    "Learner",
    "Logger",
    "Plan",
    "Settings",
    "check_logger",
    "fit",
    "is_first_process",
    "own_randomness",
    "similar_batches",
]
