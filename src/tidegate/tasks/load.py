"""A saved model back as its task."""

from __future__ import annotations

from pathlib import Path

from tidegate.bundle import CONFIG, WEIGHTS, read_bundle
from tidegate.errors import BundleError
from tidegate.tasks.base import SequenceEstimator
from tidegate.tasks.classification import SequenceClassifier
from tidegate.tasks.regression import SequenceRegressor

TASKS: dict[str, type[SequenceEstimator]] = {task.task: task for task in (SequenceClassifier, SequenceRegressor)}
"""The estimator of each task's name."""


def load(folder: str | Path) -> SequenceEstimator:
    """Return the model that `save` or a run left in a folder; it predicts the same bits.

    Raises BundleError where the bundle is missing, damaged, edited, or of a newer format.
    """
    path = Path(folder)
    if any((path / "model" / name).exists() for name in (CONFIG, WEIGHTS)):
        path /= "model"
    config, tensors = read_bundle(path)
    if config.get("task") not in TASKS:
        raise BundleError(
            got=f"the task {config.get('task')!r} in {path}",
            wanted=f"one of {', '.join(TASKS)}",
            do="install a newer tidegate",
        )
    return TASKS[config["task"]]._from_bundle(config, tensors)
