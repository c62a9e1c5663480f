"""Long short-term memory: one step.

    i = σ(W_i x + U_i h + b_i)      what to write
    f = σ(W_f x + U_f h + b_f)      what to keep
    g = tanh(W_g x + U_g h + b_g)   the candidate
    o = σ(W_o x + U_o h + b_o)      what to show
    c' = f ⊙ c + i ⊙ g
    h' = o ⊙ tanh(c')
    h' = R (o ⊙ tanh(c'))           with a projection R

Gates are packed i, f, g, o, as in torch.nn.LSTM.
Hochreiter & Schmidhuber 1997; forget gate Gers, Schmidhuber & Cummins 2000; projection Sak, Senior & Beaufays 2014.
"""

from __future__ import annotations

from torch import Tensor


def lstm_step(
    h: Tensor,
    c: Tensor,
    x_gates: Tensor,
    w_hh: Tensor,
    w_hr: Tensor | None = None,
    drop: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (h', c').

    h [B, P], c [B, H], x_gates [B, 4H] (both biases included), w_hh [4H, P];
    w_hr [P, H] is the projection, and P = H without it; drop [B, P] multiplies h before w_hh.

    >>> import torch
    >>> h, c = lstm_step(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 4), torch.ones(4, 1))
    >>> round(h.item(), 4), round(c.item(), 4)
    (0.3696, 0.5568)
    """
    i, f, g, o = (x_gates + (h if drop is None else h * drop) @ w_hh.T).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_hr is None else h @ w_hr.T), c
