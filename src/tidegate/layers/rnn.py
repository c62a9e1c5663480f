"""The RNN layer and its one-step cell. Its equations: tidegate.cells.rnn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell

if TYPE_CHECKING:
    import torch


class RNN(RecurrentLayer, nn.RNN):
    """Simple recurrent layer: torch.nn.RNN with `lengths` and faster backends.

    Elman 1990.

    Takes torch.nn.RNN's arguments, holds its parameters under the same names, and gives its results;
    `isinstance(layer, torch.nn.RNN)` holds. See `RecurrentLayer.forward` for shapes and errors.

    >>> import torch, tidegate
    >>> layer = tidegate.RNN(input_size=3, hidden_size=5, batch_first=True)
    >>> output, h_n = layer(torch.randn(2, 7, 3), lengths=torch.tensor([7, 4]))
    >>> output.shape, h_n.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    if TYPE_CHECKING:  # the arguments of torch.nn.RNN, which checks them itself

        def __init__(
            self,
            input_size: int,
            hidden_size: int,
            num_layers: int = 1,
            nonlinearity: str = "tanh",
            bias: bool = True,
            batch_first: bool = False,
            dropout: float = 0.0,
            bidirectional: bool = False,
            device: torch.device | str | int | None = None,
            dtype: torch.dtype | None = None,
            *,
            recurrent_dropout: float = 0.0,
            zoneout: float = 0.0,
        ) -> None: ...


class RNNCell(RecurrentCell, nn.RNNCell):
    """One step of an Elman RNN: torch.nn.RNNCell on faster kernels, forward and backward.

    Takes torch.nn.RNNCell's arguments, holds its parameters under the same names, and gives its results. See
    `RecurrentCell.forward` for shapes and errors.

    >>> import torch, tidegate
    >>> cell = tidegate.RNNCell(input_size=3, hidden_size=5)
    >>> h = cell(torch.randn(2, 3), torch.zeros(2, 5))
    >>> h.shape
    torch.Size([2, 5])
    """
