"""A saved model back as its task."""

from __future__ import annotations

import json
from pathlib import Path

from tidegate.bundle import CONFIG, WEIGHTS, read_bundle
from tidegate.errors import BundleError
from tidegate.tasks.base import Estimator
from tidegate.tasks.classification import SequenceClassifier
from tidegate.tasks.forecasting import Forecaster
from tidegate.tasks.language import LanguageModel
from tidegate.tasks.regression import SequenceRegressor
from tidegate.tasks.speech import SpeechRecognizer
from tidegate.tasks.translation import Translator

TASKS: dict[str, type[Estimator]] = {
    task.task: task
    for task in (SequenceClassifier, SequenceRegressor, Forecaster, LanguageModel, Translator, SpeechRecognizer)
}
"""The estimator of each task's name."""


def load(folder: str | Path) -> Estimator:
    """Return the model that `save` or a run left in a folder; it predicts the same bits.

    To a type checker it is an `Estimator`, which has fit, predict, score and save; for the methods of one task narrow
    it: `assert isinstance(model, tidegate.SequenceClassifier)`.

    Raises BundleError where the bundle is missing, damaged, edited, or of a newer format.
    """
    path = _bundle_in(folder)
    config, tensors = read_bundle(path)
    if config.get("task") not in TASKS:
        raise BundleError(
            got=f"the task {config.get('task')!r} in {path}",
            wanted=f"one of {', '.join(TASKS)}",
            do="install a newer tidegate",
        )
    return TASKS[config["task"]].from_bundle(config, tensors)


def task_in(folder: str | Path) -> str | None:
    """The task of the model in a folder, as its config says; none where that cannot be read."""
    try:
        return json.loads((_bundle_in(folder) / CONFIG).read_text(encoding="utf-8")).get("task")
    except (OSError, ValueError, AttributeError):
        return None


def _bundle_in(folder: str | Path) -> Path:
    path = Path(folder)
    return path / "model" if any((path / "model" / name).exists() for name in (CONFIG, WEIGHTS)) else path
