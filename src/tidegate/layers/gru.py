"""The GRU layer and its one-step cell. Its equations: tidegate.cells.gru."""

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell


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
