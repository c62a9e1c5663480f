"""Drop-in modules: torch.nn's recurrent layers with `lengths`, and a choice of backends underneath."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from tidegate.errors import ConfigError
from tidegate.layers.gru import GRU, GRUCell
from tidegate.layers.initialize import INITIALIZATIONS, check_initialization, initialize, weights_called
from tidegate.layers.lstm import LSTM, LSTMCell
from tidegate.layers.rnn import RNN, RNNCell

LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
"""The layer of each cell name."""


def layer_of(cell: str) -> Callable[..., nn.RNNBase]:
    """The layer class of a cell name: rnn, lstm or gru."""
    if cell not in LAYERS:
        raise ConfigError(got=f"the cell {cell!r}", wanted=f"one of {', '.join(LAYERS)}", do="correct the name")
    return LAYERS[cell]


def check_cells(cells: Sequence[str]) -> None:
    """Raise ConfigError unless each of these is the name of a cell, and there once."""
    for cell in cells:
        layer_of(cell)
    if not cells or len(set(cells)) < len(cells):
        raise ConfigError(got=f"the cells {','.join(cells) or '(none)'}", wanted="each cell once", do="correct --cells")


__all__ = [
    "GRU",
    "INITIALIZATIONS",
    "LAYERS",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "RNNCell",
    "check_cells",
    "check_initialization",
    "initialize",
    "layer_of",
    "weights_called",
]
