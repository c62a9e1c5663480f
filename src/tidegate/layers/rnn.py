"""The RNN layer and its one-step cell. Its equations: tidegate.cells.rnn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell

if TYPE_CHECKING:
    import torch


class RNN(RecurrentLayer, nn.RNN):
    """Simple recurrent layer: `torch.nn.RNN` with ragged batches, resets and faster backends.

    Takes torch.nn.RNN's arguments, holds its parameters under the same names and returns its results;
    `isinstance(layer, torch.nn.RNN)` holds. Elman 1990.

    Args:
        input_size: number of input features I.
        hidden_size: number of hidden units H.
        num_layers: number of stacked layers L.
        nonlinearity: `tanh` or `relu`.
        bias: whether there are biases.
        batch_first: whether batched inputs and outputs are [B, T, ...] instead of [T, B, ...].
        dropout: probability of dropping a feature between stacked layers, in training.
        bidirectional: whether a second direction reads the sequence from its end (D = 2, otherwise 1).
        recurrent_dropout: probability of dropping a feature of h in the recurrent product, the same features at all
            steps of a sequence (Gal & Ghahramani 2016), in training.
        zoneout: probability with which a feature of h keeps its value over a step (Krueger et al. 2017). In evaluation
            the state moves by the expected amount.
        device: as in torch.nn.
        dtype: as in torch.nn.

    Raises:
        ConfigError: an argument has a value that cannot work.

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
    """One step of an Elman RNN: `torch.nn.RNNCell` on faster kernels, forward and backward.

    Takes torch.nn.RNNCell's arguments, holds its parameters under the same names and returns its results.

    Args:
        input_size: number of input features I.
        hidden_size: number of hidden units H.
        bias: whether there are biases.
        nonlinearity: `tanh` or `relu`.
        device: as in torch.nn.
        dtype: as in torch.nn.

    Raises:
        ConfigError: an argument has a value that cannot work.

    >>> import torch, tidegate
    >>> cell = tidegate.RNNCell(input_size=3, hidden_size=5)
    >>> h = cell(torch.randn(2, 3), torch.zeros(2, 5))
    >>> h.shape
    torch.Size([2, 5])
    """
