"""The training loop, on Lightning: one module, one data module, one `fit` for every task."""

from tidegate.training.data import Part, Source, evaluation_batches
from tidegate.training.fit import Fitted, fit, is_first_process, own_randomness
from tidegate.training.module import Learner
from tidegate.training.settings import Plan, Settings

__all__ = [
    "Fitted",
    "Learner",
    "Part",
    "Plan",
    "Settings",
    "Source",
    "evaluation_batches",
    "fit",
    "is_first_process",
    "own_randomness",
]
