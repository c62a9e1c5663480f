"""The GRU layer and its one-step cell. Its equations: tidegate.cells.gru."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tidegate.layers.base import RecurrentLayer
from tidegate.layers.cell import RecurrentCell

if TYPE_CHECKING:
    import torch


class GRU(RecurrentLayer, nn.GRU):
    """Gated recurrent unit layer: `torch.nn.GRU` with ragged batches, resets and faster backends.

    Takes torch.nn.GRU's arguments, holds its parameters under the same names and returns its results;
    `isinstance(layer, torch.nn.GRU)` holds. Cho et al. 2014; this form of the reset gate: Chung et al. 2014.

    Args:
        input_size: number of input features I.
        hidden_size: number of hidden units H.
        num_layers: number of stacked layers L.
        bias: whether the gates have biases.
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
    """One step of a GRU: `torch.nn.GRUCell` on faster kernels, forward and backward.

    Takes torch.nn.GRUCell's arguments, holds its parameters under the same names and returns its results.

    Args:
        input_size: number of input features I.
        hidden_size: number of hidden units H.
        bias: whether the gates have biases.
        device: as in torch.nn.
        dtype: as in torch.nn.

    Raises:
        ConfigError: an argument has a value that cannot work.

    >>> import torch, tidegate
    >>> cell = tidegate.GRUCell(input_size=3, hidden_size=5)
    >>> h = cell(torch.randn(2, 3), torch.zeros(2, 5))
    >>> h.shape
    torch.Size([2, 5])
    """
