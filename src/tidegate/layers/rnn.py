"""The RNN layer and its one-step cell. Its equations: tidegate.cells.rnn."""

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell


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
