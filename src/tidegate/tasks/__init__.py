"""What people do with sequences: one file a task."""

from tidegate.tasks.base import SequenceEstimator
from tidegate.tasks.classification import SequenceClassifier
from tidegate.tasks.forecasting import Forecaster
from tidegate.tasks.load import TASKS, load
from tidegate.tasks.regression import SequenceRegressor

__all__ = ["TASKS", "Forecaster", "SequenceClassifier", "SequenceEstimator", "SequenceRegressor", "load"]
