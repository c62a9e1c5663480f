"""The GRU layer. Its equations: tidegate.cells.gru."""

from torch import nn

from tidegate.layers.base import RecurrentLayer


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
