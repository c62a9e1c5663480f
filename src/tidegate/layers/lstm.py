"""The LSTM layer and its one-step cell. Its equations: tidegate.cells.lstm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell

if TYPE_CHECKING:
    import torch


class LSTM(RecurrentLayer, nn.LSTM):
    """Long short-term memory layer: `torch.nn.LSTM` with ragged batches, resets and faster backends.

    Takes torch.nn.LSTM's arguments, holds its parameters under the same names and returns its results;
    `isinstance(layer, torch.nn.LSTM)` holds. Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins
    2000; projection: Sak, Senior & Beaufays 2014.

    Args:
        input_size: number of input features I.
        hidden_size: number of hidden units H.
        num_layers: number of stacked layers L.
        bias: whether the gates have biases.
        batch_first: whether batched inputs and outputs are [B, T, ...] instead of [T, B, ...].
        dropout: probability of dropping a feature between stacked layers, in training.
        bidirectional: whether a second direction reads the sequence from its end (D = 2, otherwise 1).
        proj_size: size of the projection of h, 0 for none; h then has proj_size features and c has H.
        recurrent_dropout: probability of dropping a feature of h in the recurrent product, the same features at all
            steps of a sequence (Gal & Ghahramani 2016), in training.
        zoneout: probability with which a feature of the state keeps its value over a step (Krueger et al. 2017): one
            for both h and c, or the pair (h, c). In evaluation the state moves by the expected amount.
        device: as in torch.nn.
        dtype: as in torch.nn.

    Raises:
        ConfigError: an argument has a value that cannot work.

    >>> import torch, tidegate
    >>> layer = tidegate.LSTM(input_size=3, hidden_size=5, batch_first=True)
    >>> output, (h_n, c_n) = layer(torch.randn(2, 7, 3), lengths=torch.tensor([7, 4]))
    >>> output.shape, h_n.shape, c_n.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]), torch.Size([1, 2, 5]))
    """

    if TYPE_CHECKING:  # the arguments of torch.nn.LSTM, which checks them itself

        def __init__(
            self,
            input_size: int,
            hidden_size: int,
            num_layers: int = 1,
            bias: bool = True,
            batch_first: bool = False,
            dropout: float = 0.0,
            bidirectional: bool = False,
            proj_size: int = 0,
            device: torch.device | str | int | None = None,
            dtype: torch.dtype | None = None,
            *,
            recurrent_dropout: float = 0.0,
            zoneout: float | tuple[float, float] = 0.0,
        ) -> None: ...


class LSTMCell(RecurrentCell, nn.LSTMCell):
    """One step of an LSTM: `torch.nn.LSTMCell` on faster kernels, forward and backward.

    Takes torch.nn.LSTMCell's arguments, holds its parameters under the same names and returns its results.

    Args:
        input_size: number of input features I.
        hidden_size: number of hidden units H.
        bias: whether the gates have biases.
        device: as in torch.nn.
        dtype: as in torch.nn.

    Raises:
        ConfigError: an argument has a value that cannot work.

    >>> import torch, tidegate
    >>> cell = tidegate.LSTMCell(input_size=3, hidden_size=5)
    >>> h, c = cell(torch.randn(2, 3), (torch.zeros(2, 5), torch.zeros(2, 5)))
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """
