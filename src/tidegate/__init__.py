"""Recurrent networks for PyTorch: RNN, LSTM and GRU that train fast on the CPUs people have."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tidegate.errors import TidegateError, missing_extra

if TYPE_CHECKING:
    from tidegate.kernels.dispatch import use_backend
    from tidegate.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
    from tidegate.layers.accelerate import accelerate, explain, patch, restore, restored
    from tidegate.layers.stream import Stream
    from tidegate.preparation import read_dataset
    from tidegate.tasks import (
        Forecaster,
        LanguageModel,
        SequenceClassifier,
        SequenceRegressor,
        SpeechRecognizer,
        Translator,
    )
    from tidegate.tasks.load import load

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Forecaster",
    "GRUCell",
    "LSTMCell",
    "LanguageModel",
    "RNNCell",
    "SequenceClassifier",
    "SequenceRegressor",
    "SpeechRecognizer",
    "Stream",
    "TidegateError",
    "Translator",
    "accelerate",
    "explain",
    "load",
    "patch",
    "read_dataset",
    "restore",
    "restored",
    "use_backend",
]

# A name loads its room when it is first used, so that the command line answers without importing torch.
_ROOM_OF = {
    "Forecaster": "tidegate.tasks",
    "GRU": "tidegate.layers",
    "GRUCell": "tidegate.layers",
    "LSTM": "tidegate.layers",
    "LSTMCell": "tidegate.layers",
    "LanguageModel": "tidegate.tasks",
    "RNN": "tidegate.layers",
    "RNNCell": "tidegate.layers",
    "SequenceClassifier": "tidegate.tasks",
    "SequenceRegressor": "tidegate.tasks",
    "SpeechRecognizer": "tidegate.tasks",
    "Stream": "tidegate.layers.stream",
    "Translator": "tidegate.tasks",
    "accelerate": "tidegate.layers.accelerate",
    "explain": "tidegate.layers.accelerate",
    "load": "tidegate.tasks",
    "patch": "tidegate.layers.accelerate",
    "read_dataset": "tidegate.preparation",
    "restore": "tidegate.layers.accelerate",
    "restored": "tidegate.layers.accelerate",
    "use_backend": "tidegate.kernels.dispatch",
}


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name not in _ROOM_OF:
            raise AttributeError(f"module 'tidegate' has no attribute {name!r}")
        try:
            value = globals()[name] = getattr(import_module(_ROOM_OF[name]), name)
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
