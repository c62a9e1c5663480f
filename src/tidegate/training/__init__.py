"""The training loop, on Lightning: one module, one data module, one `fit` for every task."""

from tidegate.training.data import Batch
from tidegate.training.fit import Fitted, fit, is_first_process
from tidegate.training.module import Learner
from tidegate.training.settings import Plan, Settings

__all__ = ["Batch", "Fitted", "Learner", "Plan", "Settings", "fit", "is_first_process"]
