"""Gated recurrent unit: one step.

    r = σ(W_r x + U_r h + b_r)               what of the past the candidate sees
    z = σ(W_z x + U_z h + b_z)               what to keep
    n = tanh(W_n x + b_n + r ⊙ (U_n h + b_hn))  the candidate
    h' = (1 - z) ⊙ n + z ⊙ h

Gates are packed r, z, n, as in torch.nn.GRU. The hidden bias b_hn sits inside the reset product,
so it cannot be merged with b_n. Cho et al. 2014; this form of the reset gate: Chung et al. 2014, as in cuDNN.
"""

from __future__ import annotations

from torch import Tensor


def gru_step(
    h: Tensor, x_gates: Tensor, w_hh: Tensor, b_hn: Tensor | None = None, drop: Tensor | None = None
) -> Tensor:
    """Return h'.

    h [B, H]; x_gates [B, 3H], with every bias but b_hn included; w_hh [3H, H]; b_hn [H], zero if none;
    drop [B, H] multiplies h before w_hh.

    >>> import torch
    >>> h = gru_step(torch.zeros(1, 1), torch.ones(1, 3), torch.ones(3, 1), torch.zeros(1))
    >>> round(h.item(), 4)
    0.2048
    """
    x_r, x_z, x_n = x_gates.chunk(3, dim=-1)
    h_r, h_z, h_n = ((h if drop is None else h * drop) @ w_hh.T).chunk(3, dim=-1)
    if b_hn is not None:
        h_n = h_n + b_hn
    r = (x_r + h_r).sigmoid()
    z = (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (1 - z) * n + z * h
