"""First weights by name: what a cell can learn to remember is decided here more than by its kind."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tidegate.errors import ConfigError


def weights_called(name: str) -> str:
    """An initialization as a sentence names it: torch.nn's own is the default.

    >>> weights_called("torch"), weights_called("chrono")
    ('default', 'chrono')
    """
    return "default" if name == "torch" else name


def initialize(layer: nn.RNNBase, name: str, horizon: int = 1000) -> nn.RNNBase:
    """Set the weights of a recurrent layer in place, and return the layer.

    Args:
        layer: any RNN, LSTM or GRU of torch.nn or tidegate.
        name: the initialization:

            - `torch`: torch.nn's default, uniform in ±1/√H;
            - `open`, for an LSTM: forget-gate biases of 1 (Gers et al. 2000; Jozefowicz et al. 2015);
            - `chrono`, for an LSTM or GRU: gate biases for memories of up to `horizon` steps (Tallec & Ollivier 2018);
            - `orthogonal`: orthogonal recurrent weights, which preserve norms (Saxe et al. 2014);
            - `identity`, for an RNN: the identity as recurrent weights, which preserves the state (Le, Jaitly & Hinton
              2015).
        horizon: the number of steps to remember, for `chrono`.

    Raises:
        ConfigError: the name is unknown, or does not apply to the cell.

    >>> from torch import nn
    >>> from tidegate.layers import initialize
    >>> lstm = initialize(nn.LSTM(3, 4), "open")
    >>> lstm.bias_ih_l0[4:8].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    check_initialization(name, layer.mode.split("_")[0].lower())
    with torch.no_grad():
        layer.reset_parameters()
        for suffix in _suffixes(layer):
            _SET[name](layer, suffix, horizon)
    return layer


def check_initialization(name: str, cell: str) -> None:
    """Raise ConfigError unless first weights of that name fit the cell."""
    if name not in INITIALIZATIONS or cell not in INITIALIZATIONS[name]:
        fitting = [known for known, cells in INITIALIZATIONS.items() if cell in cells]
        raise ConfigError(
            got=f"the initialization {name!r} for {cell}", wanted=f"one of {', '.join(fitting)}", do="correct the name"
        )


INITIALIZATIONS = {
    "torch": ("rnn", "lstm", "gru"),
    "open": ("lstm",),
    "chrono": ("lstm", "gru"),
    "orthogonal": ("rnn", "lstm", "gru"),
    "identity": ("rnn",),
}
"""The cells that each name fits."""


def _suffixes(layer: nn.RNNBase) -> list[str]:
    names = [name for name, _ in layer.named_parameters() if name.startswith("weight_hh")]
    return [name.removeprefix("weight_hh") for name in names]


def _gate(layer: nn.RNNBase, name: str, k: int) -> Tensor:
    """The rows of gate k of a weight or bias."""
    H = layer.hidden_size
    return getattr(layer, name)[k * H : (k + 1) * H]


def _set_bias(layer: nn.RNNBase, suffix: str, k: int, value: Tensor | float) -> None:
    """Both biases of gate k together."""
    _gate(layer, f"bias_ih{suffix}", k).copy_(torch.as_tensor(value))
    _gate(layer, f"bias_hh{suffix}", k).zero_()


def _keep(layer: nn.RNNBase, suffix: str, horizon: int) -> None:
    """The layer as torch initializes it."""


def _open(layer: nn.RNNBase, suffix: str, horizon: int) -> None:
    if layer.bias:
        _set_bias(layer, suffix, 1, 1.0)


def _chrono(layer: nn.RNNBase, suffix: str, horizon: int) -> None:
    if not layer.bias:
        raise ConfigError(got="a layer without biases", wanted="one with, for chrono", do="pass bias=True")
    spread = torch.empty(layer.hidden_size).uniform_(1, max(2, horizon - 1)).log()
    if layer.mode == "LSTM":
        _set_bias(layer, suffix, 0, -spread)
        _set_bias(layer, suffix, 1, spread)
    else:
        # torch's update gate keeps: h' = (1 - z) n + z h.
        _set_bias(layer, suffix, 1, spread)


def _orthogonal(layer: nn.RNNBase, suffix: str, horizon: int) -> None:
    for k in range(getattr(layer, f"weight_hh{suffix}").shape[0] // layer.hidden_size):
        nn.init.orthogonal_(_gate(layer, f"weight_hh{suffix}", k))
        if layer.bias and layer.mode.startswith("RNN"):
            _set_bias(layer, suffix, k, 0.0)


def _identity(layer: nn.RNNBase, suffix: str, horizon: int) -> None:
    nn.init.eye_(getattr(layer, f"weight_hh{suffix}"))
    getattr(layer, f"weight_ih{suffix}").normal_(std=1 / math.sqrt(layer.hidden_size))
    if layer.bias:
        _set_bias(layer, suffix, 0, 0.0)


_SET: dict[str, Callable[[nn.RNNBase, str, int], None]] = {
    "torch": _keep,
    "open": _open,
    "chrono": _chrono,
    "orthogonal": _orthogonal,
    "identity": _identity,
}
