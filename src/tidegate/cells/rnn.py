"""Simple recurrent network: one step.

    h' = φ(W x + U h + b)       φ is tanh or relu

One gate-sized block of weights, no gates. Elman 1990.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rnn_step(
    h: Tensor, x_gates: Tensor, w_hh: Tensor, nonlinearity: str = "tanh", drop: Tensor | None = None
) -> Tensor:
    """Return h'.

    h [B, H], x_gates [B, H] (both biases included), w_hh [H, H]; drop [B, H] multiplies h before w_hh.

    >>> h = rnn_step(h=torch.zeros(1, 1), x_gates=torch.ones(1, 1), w_hh=torch.ones(1, 1))
    >>> round(h.item(), 4)
    0.7616
    """
    activation = {"tanh": torch.tanh, "relu": torch.relu}[nonlinearity]
    return activation(x_gates + (h if drop is None else h * drop) @ w_hh.T)
