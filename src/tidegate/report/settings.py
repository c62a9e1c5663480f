"""The settings of a run with their values, each explained in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.tasks.run import Run

ABOUT = {
    "cell": "recurrent cell: rnn, lstm or gru",
    "hidden_size": "features of the recurrent state",
    "num_layers": "stacked recurrent layers",
    "bidirectional": "read every sequence forward and backward",
    "readout": "how the states of all steps become one vector: last, mean, max or attention",
    "patch": "input steps that are concatenated to one step of the recurrence",
    "dropout": "share of features set to zero in training",
    "noise": "standard deviation of Gaussian noise added to training inputs",
    "initialization": "initial recurrent weights",
    "embedding_size": "features of a token's embedding",
    "members": "networks whose median is the forecast",
    "epochs": "passes over the training data",
    "steps": "optimizer steps",
    "learning_rate": "peak learning rate",
    "schedule": "learning rate over time: one-cycle, constant, or auto for the one that suits the data",
    "batch_size": "sequences per optimizer step",
    "clip": "largest norm of the gradient",
    "weight_decay": "decoupled weight decay of AdamW",
    "patience": "early stopping: checks without improvement before training ends",
    "validation_share": "share of the training data held out to choose the best checkpoint",
    "checks": "evaluations during training",
    "seed": "seed of the initial weights, the order of the data, and dropout",
    "class_weight": "weight of each class in the loss",
    "label_smoothing": "probability spread over all tokens in the targets",
    "chunk": "steps of truncated backpropagation through time",
    "masks": "masked stretches of frames and of features per recording (SpecAugment)",
    "stretch": "largest change of tempo in training",
    "shift": "largest random shift of a training image, in pixels",
    "standardize": "scale every channel to mean 0 and standard deviation 1",
    "missing": "treatment of missing values",
    "target_per": "what has a target: a step or a sequence",
    "horizon": "steps to forecast",
    "windows": "test forecasts per series, one after the other",
    "season": "steps per season",
    "window": "steps that are read before a forecast",
    "log": "forecast logarithms",
    "unit": "token of a text: char, byte or bpe (subword)",
    "vocab_size": "size of the vocabulary",
    "max_length": "longest text, in tokens",
    "beam": "width of beam search; 1 is greedy search",
    "length_penalty": "exponent of the length that log-probabilities are divided by",
    "sample_rate": "sample rate of the audio, in Hz",
    "mel_bins": "mel bands of the spectrogram",
    "lower": "convert transcripts to lower case",
    "punctuation": "keep punctuation in transcripts",
    "id": "column that identifies the sequence",
    "time": "column that orders the steps",
    "target": "column of the label or the target",
    "channels": "input columns",
    "categorical": "input columns that hold categories",
    "source": "column of the texts to translate",
    "future": "columns known ahead of time",
    "time_format": "format of the dates",
    "layout": "long: one row per step; wide: one row per sequence",
    "separator": "character between the cells of the file",
    "decimal": "decimal sign of the file",
    "encoding": "character encoding of the file",
    "left_out": "columns that are not used",
    "step_columns": "columns of the steps of a wide table",
}
"""What each parameter of an estimator, and each field of a Reading, means."""
AUTOMATIC = "automatic"
NONE = {"patience": "off", "clip": "off", "class_weight": "equal"}
"""What settings that are not chosen automatically do where they have no value."""
HIDDEN = ("verbose", "logger")


def explained(run: Run, model: Any, history: Sequence[dict[str, float]]) -> list[tuple[str, str, str]]:
    """Of every setting of a run its name, its value and what it does."""
    automatic = {**model.design_, "steps": int(history[-1]["step"]), "epochs": round(history[-1]["epoch"], 1)}
    shown = shown_settings(run)
    for name, value in run.parameters.items():
        if value is None and shown.get(name) == AUTOMATIC and automatic.get(name) is not None:
            shown[name] = f"{_plain(automatic[name])} ({AUTOMATIC})"
    order = list(ABOUT)
    rows = [(name, value, ABOUT[name]) for name, value in shown.items()]
    return sorted(rows, key=lambda row: order.index(row[0]))


def shown_settings(run: Run) -> dict[str, str]:
    """The value of every setting of a run, as a person writes it."""
    shown = {}
    for name, value in run.parameters.items():
        if name in HIDDEN or (name == "epochs" and run.parameters.get("steps") is not None):
            continue
        shown[name] = NONE.get(name, AUTOMATIC) if value is None else _plain(value)
    for name, value in run.reading.items():
        shown["step_columns" if name == "steps" else name] = _plain(value)
    return shown


def _plain(value: Any) -> str:
    """A value as a person writes it.

    >>> _plain(True), _plain(1e-3), _plain(("last", "mean")), _plain(1500)
    ('yes', '0.001', 'last, mean', '1,500')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
