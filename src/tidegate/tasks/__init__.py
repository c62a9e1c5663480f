"""What people do with sequences: one file a task."""

from tidegate.tasks.base import Estimator
from tidegate.tasks.classification import SequenceClassifier
from tidegate.tasks.forecasting import Forecaster
from tidegate.tasks.language import LanguageModel
from tidegate.tasks.load import TASKS, load
from tidegate.tasks.regression import SequenceRegressor
from tidegate.tasks.sequences import SequenceEstimator
from tidegate.tasks.speech import SpeechRecognizer
from tidegate.tasks.translation import Translator

__all__ = [
    "TASKS",
    "Estimator",
    "Forecaster",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceEstimator",
    "SequenceRegressor",
    "SpeechRecognizer",
    "Translator",
    "load",
]
