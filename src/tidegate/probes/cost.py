"""What a step costs: parameters and multiply-adds, exactly."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Cost:
    """The cost of one step of one sequence."""

    parameters: int
    """Number of parameters."""
    macs_per_step: int
    """Multiply-adds of the matrix products of a step; the elementwise part grows with H, not H², and is not counted."""


def cost(layer: nn.RNNBase) -> Cost:
    """Count the parameters and the multiply-adds of a step of any RNN, LSTM or GRU.

    With G blocks of weights (1, 4 or 3), I input features and H hidden units, a layer takes G·H·(I + H) multiply-adds
    for a step and has G·H·(I + H + 2) parameters: the ratio RNN : LSTM : GRU is 1 : 4 : 3 at any size.

    >>> from torch import nn
    >>> from tidegate.probes import cost
    >>> cost(nn.GRU(2, 3))
    Cost(parameters=63, macs_per_step=45)
    """
    weights = [(name, parameter) for name, parameter in layer.named_parameters()]
    return Cost(
        parameters=sum(parameter.numel() for _, parameter in weights),
        macs_per_step=sum(parameter.numel() for name, parameter in weights if name.startswith("weight")),
    )
