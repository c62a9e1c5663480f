"""The GRU layer and its one-step cell. Its equations: tidegate.cells.gru."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell

if TYPE_CHECKING:
    import torch


class GRU(RecurrentLayer, nn.GRU):
    """Gated recurrent unit layer: torch.nn.GRU with `lengths` and faster backends.

    Cho et al. 2014.

    Takes torch.nn.GRU's arguments, holds its parameters under the same names, and gives its results;
    `isinstance(layer, torch.nn.GRU)` holds. See `RecurrentLayer.forward` for shapes and errors.

    >>> import torch, tidegate
    >>> layer = tidegate.GRU(input_size=3, hidden_size=5, batch_first=True)
    >>> output, h_n = layer(torch.randn(2, 7, 3), lengths=torch.tensor([7, 4]))
    >>> output.shape, h_n.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    if TYPE_CHECKING:  # the arguments of torch.nn.GRU, which checks them itself

        def __init__(
            self,
            input_size: int,
            hidden_size: int,
            num_layers: int = 1,
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


class GRUCell(RecurrentCell, nn.GRUCell):
    """One step of a GRU: torch.nn.GRUCell on faster kernels, forward and backward.

    Takes torch.nn.GRUCell's arguments, holds its parameters under the same names, and gives its results. See
    `RecurrentCell.forward` for shapes and errors.

    >>> import torch, tidegate
    >>> cell = tidegate.GRUCell(input_size=3, hidden_size=5)
    >>> h = cell(torch.randn(2, 3), torch.zeros(2, 5))
    >>> h.shape
    torch.Size([2, 5])
    """
