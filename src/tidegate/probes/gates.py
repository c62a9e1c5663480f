"""Traces of every gate and state over a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tidegate.cells import scan
from tidegate.cells.description import DESCRIPTIONS
from tidegate.kernels.reference import project, recur, step_of
from tidegate.kernels.stack import direction_of


@torch.no_grad()
def trace_gates(layer: nn.RNNBase, x: Tensor, index: int = 0) -> dict[str, Tensor]:
    """Return every gate and state of one layer over a sequence, by the symbols of the equations.

    Args:
        layer: any RNN, LSTM or GRU of torch.nn or tidegate; of a bidirectional one, the forward direction.
        x: one sequence [T, I] or a batch [T, B, I].
        index: which of the stacked layers, from 0.

    Returns:
        For an RNN h; for an LSTM i, f, g, o, c, h; for a GRU r, z, n, h: each [T, H] or [T, B, H].

    >>> import torch
    >>> from tidegate.probes import trace_gates
    >>> sorted(trace_gates(torch.nn.GRU(2, 3), torch.randn(5, 2)))
    ['h', 'n', 'r', 'z']
    """
    batched = x.dim() == 3
    x = x if batched else x.unsqueeze(1)
    for below in range(index):
        x = _run_layer(layer, x, below)
    weights = direction_of(layer, index, reverse=False)
    B, H = x.shape[1], layer.hidden_size
    P = layer.proj_size or H
    zeros = x.new_zeros(B, P)
    state0 = (zeros, x.new_zeros(B, H)) if layer.mode == "LSTM" else (zeros,)
    x_gates, b_hn = project(layer.mode, weights, x)
    (h, *c), _ = scan(step_of(layer.mode, weights, b_hn), x_gates, state0)
    before = torch.cat([zeros.unsqueeze(0), h[:-1]])
    if layer.mode.startswith("RNN"):
        traces = {"h": h}
    elif layer.mode == "GRU":
        from_x, from_h = x_gates.chunk(3, dim=-1), (before @ weights.w_hh.T).chunk(3, dim=-1)
        r, z = (from_x[0] + from_h[0]).sigmoid(), (from_x[1] + from_h[1]).sigmoid()
        h_n = from_h[2] if b_hn is None else from_h[2] + b_hn
        traces = {"r": r, "z": z, "n": (from_x[2] + r * h_n).tanh(), "h": h}
    else:
        i, f, g, o = (x_gates + before @ weights.w_hh.T).chunk(4, dim=-1)
        traces = {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid(), "c": c[0], "h": h}
    return traces if batched else {name: trace.squeeze(1) for name, trace in traces.items()}


def saturation(traces: dict[str, Tensor], within: float = 0.05) -> dict[str, float]:
    """The share of the values of each gate that are nearly closed or open: within `within` of 0 or 1.

    Args:
        traces: gates by symbol, as `trace_gates` returns them; other traces are ignored.
        within: distance from 0 or 1.

    >>> import torch
    >>> from tidegate.probes import saturation
    >>> saturation({"z": torch.tensor([0.01, 0.5, 0.99, 0.4])})
    {'z': 0.5}
    """
    gates = {gate.symbol for description in DESCRIPTIONS.values() for gate in description.gates}
    return {
        name: float(((trace < within) | (trace > 1 - within)).float().mean())
        for name, trace in traces.items()
        if name in gates
    }


def _run_layer(layer: nn.RNNBase, x: Tensor, index: int) -> Tensor:
    """The output of one of the stacked layers, both directions where there are two."""
    B, H = x.shape[1], layer.hidden_size
    outputs = []
    for reverse in (False, True) if layer.bidirectional else (False,):
        state0 = (x.new_zeros(B, layer.proj_size or H), *([x.new_zeros(B, H)] if layer.mode == "LSTM" else []))
        outputs.append(recur(layer.mode, direction_of(layer, index, reverse), x, state0, None, reverse)[0][0])
    return torch.cat(outputs, dim=-1)
