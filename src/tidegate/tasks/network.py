"""The network of the tasks with one output a sequence or a step: recur, read out."""

from __future__ import annotations

from torch import Tensor, nn

from tidegate.layers import initialize, layer_of


class SequenceNetwork(nn.Module):
    """A recurrent layer, and a linear layer on its last state or, `per_step`, on every step.

    Inputs are prepared, outputs of regression are in standard deviations around the mean; see `Preparation`.
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
        per_step: bool,
    ) -> None:
        super().__init__()
        self.per_step = per_step
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
        output, final = self.rnn(x, lengths=lengths)
        if not self.per_step:
            h_n = final[0] if isinstance(final, tuple) else final
            D = 2 if self.rnn.bidirectional else 1
            output = h_n[-D:].transpose(0, 1).flatten(1)
        return self.readout(self.dropout(output))
