"""What each cell is made of, as data: for drawings and tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """One gate-sized block of weights: σ or tanh of W x + U h + b."""

    symbol: str
    activation: str
    """σ, tanh or φ."""
    name: str
    is_gate: bool
    """A gate multiplies something by a number from 0 to 1; the others are candidates for the state."""


@dataclass(frozen=True)
class Description:
    """A cell: its blocks in torch.nn's order, its states and its equations."""

    cell: str
    title: str
    blocks: tuple[Block, ...]
    states: tuple[str, ...]
    memory: str
    core_operation: str
    equations: tuple[str, ...]
    source: str

    @property
    def gates(self) -> tuple[Block, ...]:
        """The blocks that are gates."""
        return tuple(block for block in self.blocks if block.is_gate)


DESCRIPTIONS = {
    "rnn": Description(
        cell="rnn",
        title="Simple recurrent network",
        blocks=(Block("h", "tanh", "new state", is_gate=False),),
        states=("h",),
        memory="hidden state h",
        core_operation="h is replaced by a function of x and h",
        equations=("h' = tanh(W x + U h + b)",),
        source="Elman 1990",
    ),
    "lstm": Description(
        cell="lstm",
        title="Long short-term memory",
        blocks=(
            Block("i", "σ", "input gate", is_gate=True),
            Block("f", "σ", "forget gate", is_gate=True),
            Block("g", "tanh", "candidate", is_gate=False),
            Block("o", "σ", "output gate", is_gate=True),
        ),
        states=("h", "c"),
        memory="cell state c and hidden state h",
        core_operation="c is kept by f and added to by i ⊙ g; h shows it through o",
        equations=(
            "i = σ(W_i x + U_i h + b_i)",
            "f = σ(W_f x + U_f h + b_f)",
            "g = tanh(W_g x + U_g h + b_g)",
            "o = σ(W_o x + U_o h + b_o)",
            "c' = f ⊙ c + i ⊙ g",
            "h' = o ⊙ tanh(c')",
        ),
        source="Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000",
    ),
    "gru": Description(
        cell="gru",
        title="Gated recurrent unit",
        blocks=(
            Block("r", "σ", "reset gate", is_gate=True),
            Block("z", "σ", "update gate", is_gate=True),
            Block("n", "tanh", "candidate", is_gate=False),
        ),
        states=("h",),
        memory="hidden state h, kept by the update gate",
        core_operation="h is mixed with a candidate by z",
        equations=(
            "r = σ(W_r x + U_r h + b_r)",
            "z = σ(W_z x + U_z h + b_z)",
            "n = tanh(W_n x + b_n + r ⊙ (U_n h + b_hn))",
            "h' = (1 − z) ⊙ n + z ⊙ h",
        ),
        source="Cho et al. 2014; Chung et al. 2014",
    ),
}
"""The three cells by name."""
