"""The network of the tasks with one output a sequence or a step: scale, recur, read out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.data import Sequences
from tidegate.layers import initialize, layer_of

FAR = 10.0  # standard deviations; a channel that is almost always constant would otherwise shout


class SequenceNetwork(nn.Module):
    """Standardized input, a recurrent layer, and a linear layer on its last state or, `per_step`, on every step.

    Outputs of steps are in units of `y_scale` around `y_mean`.
    """

    x_mean: Tensor
    x_scale: Tensor
    y_mean: Tensor
    y_scale: Tensor

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        cell: str,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        per_step: bool,
    ) -> None:
        super().__init__()
        self.per_step = per_step
        self.register_buffer("x_mean", torch.zeros(input_size))
        self.register_buffer("x_scale", torch.ones(input_size))
        if per_step:
            self.register_buffer("y_mean", torch.zeros(output_size))
            self.register_buffer("y_scale", torch.ones(output_size))
        self.rnn: nn.RNNBase = layer_of(cell)(
            input_size=input_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(hidden_size * (2 if bidirectional else 1), output_size)
        initialize(self.rnn, "open" if cell == "lstm" else "torch")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x [B, T, I] to [B, O], or to [B, T, O] with a readout for every step."""
        output, final = self.rnn(self.scaled(x), lengths=lengths)
        if not self.per_step:
            h_n = final[0] if isinstance(final, tuple) else final
            D = 2 if self.rnn.bidirectional else 1
            output = h_n[-D:].transpose(0, 1).flatten(1)
        return self.readout(self.dropout(output))

    def scaled(self, x: Tensor) -> Tensor:
        """x as the recurrent layer takes it."""
        return ((x - self.x_mean) / self.x_scale).clamp(-FAR, FAR)


def mean_and_scale(sequences: Sequences, values: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of `values` [N, T, C] over the real steps; scale 1 if constant."""
    real = np.arange(values.shape[1]) < sequences.lengths[:, None]
    total = real.sum()
    mean = values.sum(axis=(0, 1), dtype=np.float64, where=real[:, :, None]) / total
    scale = np.empty_like(mean)
    for channel in range(values.shape[2]):
        centered = values[:, :, channel] - mean[channel]
        scale[channel] = np.sqrt(np.square(centered, where=real, out=np.zeros_like(centered)).sum() / total)
    scale[scale <= 1e-7 * np.abs(mean)] = 1
    return torch.from_numpy(mean).float(), torch.from_numpy(scale).float()
