"""The network of the tasks with one output a sequence or a step: patches, recurrence, readout."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.errors import ConfigError
from tidegate.layers import initialize, layer_of
from tidegate.training.settings import shown

READOUTS = ("last", "mean", "max", "attention")
"""How the states of all steps become one vector; several stand side by side."""
ALL = ("last", "mean", "max")
"""What is meant by the readout `all`."""


class SequenceNetwork(nn.Module):
    """A recurrent layer, and a linear layer on what is read out of its states or, `per_step`, on every step.

    Inputs are prepared, outputs of regression are in standard deviations around the mean; see `Preparation`.

    Args:
        input_size: columns of a step.
        output_size: numbers an output holds.
        cell, hidden_size, num_layers, bidirectional: the recurrent layer.
        dropout: share of features put to 0 in training, between layers and before the last linear layer.
        noise: standard deviation of what is added to every input in training.
        readout: some of READOUTS, side by side; not used `per_step`.
        patch: steps that stand side by side as one step of the recurrence; 1 `per_step`. In training the first one
            begins at a random step.
        initialization: of the recurrent layer; see `tidegate.layers.initialize`.
        horizon: steps that it begins to remember, where the initialization is chrono.
        per_step: an output for every step instead of one for the sequence.
    """

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
        noise: float,
        readout: tuple[str, ...],
        patch: int,
        initialization: str,
        horizon: int,
        per_step: bool,
    ) -> None:
        super().__init__()
        self.per_step, self.parts, self.patch, self.noise = per_step, tuple(readout), patch, noise
        self.rnn: nn.RNNBase = layer_of(cell)(
            input_size=input_size * patch,
            hidden_size=hidden_size,
            num_layers=num_layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        features = hidden_size * (2 if bidirectional else 1)
        self.readout = nn.Linear(features * (1 if per_step else len(self.parts)), output_size)
        initialize(self.rnn, initialization, math.ceil(horizon / patch))
        if patch > 1:
            # The steps of a patch are alike, so that many of them would drive the gates to their ends.
            with torch.no_grad():
                for name, weight in self.rnn.named_parameters():
                    if name.startswith("weight_ih_l0"):
                        weight.mul_(math.sqrt(min(1.0, hidden_size / (input_size * patch))))
        if not per_step and "attention" in self.parts:
            self.attention = nn.Linear(features, 1, bias=False)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x [B, T, I] to [B, O], or to [B, T, O] with an output for every step."""
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        if self.patch > 1:
            if self.training:
                x, lengths = self._late(x, lengths)
            x, lengths = patches(x, lengths, self.patch)
        output, final = self.rnn(x, lengths=lengths)
        if not self.per_step:
            output = self._read_out(output, final[0] if isinstance(final, tuple) else final, lengths)
        return self.readout(self.dropout(output))

    def _late(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """A batch without its first few steps, less than a patch, so that no step keeps its place in its patch."""
        shortest = x.shape[1] if lengths is None else int(lengths.min())
        left_out = int(torch.randint(max(1, min(self.patch, shortest)), ()))
        return x[:, left_out:], None if lengths is None else lengths - left_out

    def _read_out(self, output: Tensor, h_n: Tensor, lengths: Tensor | None) -> Tensor:
        """All states [B, T, D·H] and the last ones to [B, features]; steps behind the end of a sequence are left out.

        Attention weighs each state by what its tanh shows (Zhou et al. 2016).
        """
        real = None if lengths is None else steps_of(output, lengths).unsqueeze(2)
        found = []
        for part in self.parts:
            if part == "last":
                D = 2 if self.rnn.bidirectional else 1
                found.append(h_n[-D:].transpose(0, 1).flatten(1))
            elif part == "mean" and lengths is not None:
                found.append(output.sum(dim=1) / lengths.to(output).unsqueeze(1))
            elif part == "mean":
                found.append(output.mean(dim=1))
            elif part == "max":
                found.append((output if real is None else output.masked_fill(~real, -math.inf)).amax(dim=1))
            else:
                score = self.attention(output.tanh())
                score = score if real is None else score.masked_fill(~real, -math.inf)
                found.append((score.softmax(dim=1) * output).sum(dim=1))
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)


def read_out_parts(readout: Any) -> tuple[str, ...]:
    """The parts that a readout names; none for all. ConfigError where it names others.

    >>> read_out_parts("all"), read_out_parts("last, attention")
    (('last', 'mean', 'max'), ('last', 'attention'))
    """
    if readout is None or (isinstance(readout, str) and readout == "all"):
        return ALL
    parts = tuple(part.strip() for part in readout.split(",")) if isinstance(readout, str) else ()
    if not parts or len(set(parts)) < len(parts) or not set(parts) <= set(READOUTS):
        raise ConfigError(
            got=f"readout={shown(readout)}",
            wanted=f"all, or some of {', '.join(READOUTS)} by commas",
            do="correct readout",
        )
    return parts


def patches(x: Tensor, lengths: Tensor | None, size: int) -> tuple[Tensor, Tensor | None]:
    """Steps side by side: x [B, T, I] to [B, ceil(T / size), size · I], and the lengths in patches.

    The last patch of a sequence is filled up with 0.

    >>> x, lengths = patches(torch.arange(1.0, 6.0).reshape(1, 5, 1), torch.tensor([3]), 2)
    >>> x.tolist(), lengths.tolist()
    ([[[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]]], [2])
    """
    if lengths is not None:
        x = x.masked_fill(~steps_of(x, lengths).unsqueeze(2), 0)
        lengths = (lengths + size - 1).div(size, rounding_mode="floor")
    B, T, I = x.shape
    x = F.pad(x, (0, 0, 0, -T % size))
    return x.reshape(B, -1, size * I), lengths


def steps_of(x: Tensor, lengths: Tensor) -> Tensor:
    """Which steps [B, T] of x [B, T, I] are real."""
    return torch.arange(x.shape[1], device=x.device) < lengths.to(x.device).unsqueeze(1)
