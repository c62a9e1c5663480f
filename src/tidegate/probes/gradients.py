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
    """The norm of ∂h_T / ∂s_{T−k} for k = 0, 1, ..., where s is the whole state: h, or for an LSTM h and c."""

    norms: np.ndarray
    """[K + 1] the norms relative to that for k = 0."""

    @property
    def half_life(self) -> float:
        """Number of steps in which the norm halves, from the slope of its logarithm against the lag.

        Infinite if the norm does not fall; the fit ends where the norms become too small for a float.
        """
        usable = int(np.argmax(self.norms < 1e-12)) if (self.norms < 1e-12).any() else len(self.norms)
        if usable < 2:
            return 0.0
        slope = float(np.polyfit(np.arange(usable), np.log2(self.norms[:usable]), 1)[0])
        return -1 / slope if slope < 0 else float("inf")


def gradient_flow(layer: nn.RNNBase, x: Tensor, lags: int = 100) -> GradientFlow:
    """Measure ∂h_T / ∂s_{T−k} of the first layer over a sequence, for k up to `lags`.

    The Jacobian is exact: all H rows are propagated back through every step, in float64. For an LSTM the earlier state
    is both h and c, because c carries most of the gradient.

    Args:
        layer: any RNN, LSTM or GRU of torch.nn or tidegate without projection.
        x: one sequence [T, I]; T − 1 bounds the lags.
        lags: the largest lag in steps.

    >>> import torch
    >>> from tidegate.probes import gradient_flow
    >>> flow = gradient_flow(torch.nn.RNN(2, 8), torch.randn(50, 2), lags=30)
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
