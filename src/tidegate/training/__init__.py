"""The training loop, on Lightning: one module, one data module, one `fit` for every task."""

from tidegate.training.data import Examples, similar_batches
from tidegate.training.fit import Fitted, fit, is_first_process, own_randomness
from tidegate.training.module import Learner
from tidegate.training.settings import Plan, Settings

__all__ = [
    "Examples",
    "Fitted",
    "Learner",
    "Plan",
    "Settings",
    "fit",
    "is_first_process",
    "own_randomness",
    "similar_batches",
]
