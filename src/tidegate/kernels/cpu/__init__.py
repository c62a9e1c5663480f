"""Backend `cpu`: fused C++ kernels for one layer at a time, forward and backward, in float32 and float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.kernels.cpu import layer as kernels
from tidegate.kernels.cpu import ops as ops  # registers the operator
from tidegate.kernels.stack import direction_of

if TYPE_CHECKING:
    from tidegate.kernels.dispatch import Request

State = tuple[Tensor, ...]

WHAT = "tidegate's fused C++ kernels"


def why_not(request: Request) -> str | None:
    if request.device != "cpu":
        return f"the tensors are on {request.device}"
    if kernels.MISSING is not None:
        return kernels.MISSING
    if request.dtype not in (torch.float32, torch.float64):
        return f"the kernels compute in float32 and float64, not in {request.dtype}"
    if request.seq_len == 0 or request.batch_size == 0:
        return "an empty batch has nothing to compute"
    if request.transformed:
        return "torch.func transforms and forward-mode derivatives need operators that they can see into"
    if request.traced:
        return "torch.jit.trace records operators that run without tidegate"
    return None


def run(module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """Run x [T, B, I] layer by layer; both directions of a layer are one call."""
    directions = (False, True) if module.bidirectional else (False,)
    D, L = len(directions), module.num_layers
    finals: list[State] = []
    x, state = in_the_weights_dtype(module, x, state)
    for k in range(L):
        if k > 0 and module.dropout > 0:
            x = F.dropout(x, module.dropout, module.training)
        weights = [
            w for reverse in directions for w in direction_of(module, k, reverse)[: 5 if module.proj_size else 4]
        ]
        before = state if L == 1 else tuple(s[k * D : (k + 1) * D] for s in state)
        x, *final = kernels.layer(module.mode, x, before, weights, lengths)
        finals.append(tuple(final))
    if L == 1:
        return x, finals[0]
    return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def in_the_weights_dtype(module: nn.RNNBase, x: Tensor, state: State) -> tuple[Tensor, State]:
    """Autocast hands over other dtypes; a recurrence keeps the precision of its weights over all its steps."""
    dtype = getattr(module, module._flat_weights_names[0]).dtype
    return x.to(dtype), tuple(s.to(dtype) for s in state)
