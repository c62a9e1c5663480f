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
    """Load the model that `save` or `tidegate fit` wrote into a folder; its predictions are identical to the bit.

    No code from the file is executed.

    Args:
        folder: the folder of a saved model, or of a run.

    Returns:
        The estimator of the model's task. To a type checker it is an `Estimator`, which has fit, predict, score and
        save; narrow it for the methods of one task: `assert isinstance(model, tidegate.SequenceClassifier)`.

    Raises:
        BundleError: the model is missing, damaged, edited, or of a newer format.

    >>> import tempfile, numpy as np, tidegate
    >>> x = np.linspace(-1, 1, 20)[None, :, None]
    >>> model = tidegate.SequenceRegressor(hidden_size=4, steps=5).fit(x, x[:, :, 0] ** 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder)
    ...     same = tidegate.load(folder)
    >>> bool((same.predict(x) == model.predict(x)).all())
    True
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
