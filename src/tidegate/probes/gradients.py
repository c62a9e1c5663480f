"""How much of the last state still depends on a state k steps before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.kernels.reference import project, step_of
from tidegate.kernels.stack import Direction, direction_of


@dataclass(frozen=True)
class GradientFlow:
    """The norm of ∂h_T / ∂s_{T−k} for k = 0, 1, …: s is the whole state, for an LSTM h and c."""

    norms: np.ndarray
    """[K + 1], relative to k = 0, where it is 1."""

    @property
    def half_life(self) -> float:
        """Steps in which the norm halves, from the slope of its logarithm against the lag.

        Infinite where it does not fall; norms too small for a float end the fit.
        """
        usable = int(np.argmax(self.norms < 1e-12)) if (self.norms < 1e-12).any() else len(self.norms)
        if usable < 2:
            return 0.0
        slope = float(np.polyfit(np.arange(usable), np.log2(self.norms[:usable]), 1)[0])
        return -1 / slope if slope < 0 else float("inf")


def gradient_flow(layer: nn.RNNBase, x: Tensor, lags: int = 100) -> GradientFlow:
    """Measure ∂h_T / ∂s_{T−k} of the first layer over a sequence, for k up to `lags`.

    The Jacobian is exact: all H rows go back through every step. For an LSTM the state before is both h and c,
    because c is what carries the gradient; ∂h_T / ∂h_{T−k} alone would count only what leaks through the gates.

    Args:
        layer: any torch.nn or tidegate RNN, LSTM or GRU without projection.
        x: one sequence [T, I]; T − 1 bounds the lags.

    >>> flow = gradient_flow(nn.RNN(2, 8), torch.randn(50, 2), lags=30)
    >>> flow.norms.shape, flow.half_life < 10
    ((31,), True)
    """
    lags = min(lags, len(x) - 1)
    weights = direction_of(layer, 0, reverse=False)
    w_ih, w_hh, *others = (w if w is None else w.detach().double() for w in weights)
    assert w_ih is not None and w_hh is not None
    weights = Direction(w_ih, w_hh, *others)
    H = layer.hidden_size
    x_gates, b_hn = project(layer.mode, weights, x.detach().double().unsqueeze(1))
    step = step_of(layer.mode, weights, b_hn)
    zeros = x_gates.new_zeros(1, H)
    state: tuple[Tensor, ...] = (zeros, zeros) if layer.mode == "LSTM" else (zeros,)
    before = []
    for gates in x_gates:
        before.append(state)
        state = step(state, gates)

    rows = (torch.eye(H, dtype=torch.float64), *(torch.zeros(H, H, dtype=torch.float64) for _ in state[1:]))
    norms = [_norm(rows)]
    for k in range(lags):
        t = len(x) - 1 - k
        leaves = tuple(s.expand(H, -1).clone().requires_grad_() for s in before[t])
        after = step(leaves, x_gates[t].expand(H, -1))
        grads = torch.autograd.grad(after, leaves, rows, allow_unused=True)
        rows = tuple(g if g is not None else torch.zeros(H, H, dtype=torch.float64) for g in grads)
        norms.append(_norm(rows))
    return GradientFlow(np.array(norms) / norms[0])


def _norm(rows: tuple[Tensor, ...]) -> float:
    return float(torch.cat(rows, dim=1).norm())
