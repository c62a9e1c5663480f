"""Backend `cpu`: fused C++ kernels for one layer at a time, forward and backward, in float32 and float64."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.kernels.cpu import layer as kernels
from tidegate.kernels.cpu import ops as ops  # registers the operator
from tidegate.kernels.cpu import transforms
from tidegate.kernels.request import Request
from tidegate.kernels.stack import NOTHING, Extras, weights_of, weights_of_direction

State = tuple[Tensor, ...]

DTYPES = (torch.float32, torch.float64)
WHAT = "tidegate's fused C++ kernels"


def why_not(request: Request) -> str | None:
    if request.device != "cpu":
        return f"the tensors are on {request.device}"
    if kernels.MISSING is not None:
        return kernels.MISSING
    if request.dtype not in DTYPES:
        return f"the kernels compute in float32 and float64, not in {request.dtype}"
    if request.batch_size == 0 and not torch.compiler.is_compiling():  # where torch.nn's LSTM ends the process
        return "an empty batch has nothing to compute"
    plain = not (request.ragged or request.noisy or request.states)
    if request.transformed and not (plain and transforms.is_followed()):
        return "nested or forward-mode transforms, and any with lengths, noise or states, need the equations"
    if request.recorded:
        return "torch.export and torch.jit.trace record operators that run without tidegate"
    if request.noisy and request.proj_size:
        return "the kernels have no recurrent dropout and no zoneout beside a projection"
    return None


def run(
    module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None, extras: Extras = NOTHING
) -> tuple[Tensor, State, State | None]:
    """Run x [T, B, I] layer by layer; both directions of a layer are one call."""
    D, L = 2 if module.bidirectional else 1, module.num_layers
    finals: list[State] = []
    all_states: list[State] = []
    has_c, transformed = module.mode == "LSTM", transforms.is_followed()
    all_weights = weights_of(module)
    if torch._C._is_any_autocast_enabled():
        # A recurrence keeps the precision of its weights over all its steps.
        dtype = all_weights[0].dtype
        x, state = x.to(dtype), tuple(s.to(dtype) for s in state)
    for k in range(L):
        if k > 0 and module.dropout > 0:
            x = F.dropout(x, module.dropout, module.training)
        weights = weights_of_direction(module, all_weights, k, False)
        if D == 2:
            weights += weights_of_direction(module, all_weights, k, True)
        before = state if L == 1 else tuple(s[k * D : (k + 1) * D] for s in state)
        noise = [part for direction in extras.noise[k * D : (k + 1) * D] for part in direction]
        if transformed:
            x, *final = transforms.Transformed.apply(module.mode, x, before[0], before[1] if has_c else None, *weights)
        else:
            x, *final = kernels.layer(module.mode, x, before, weights, lengths, noise, extras.states and has_c)
        if extras.states:
            outputs = (x, final.pop()) if has_c else (x,)
            all_states.append(tuple(s.unflatten(2, (D, -1)).permute(2, 0, 1, 3) for s in outputs))
        finals.append(tuple(final))
    after = finals[0] if L == 1 else tuple(torch.cat(parts) for parts in zip(*finals, strict=True))
    return x, after, tuple(torch.cat(parts) for parts in zip(*all_states, strict=True)) if extras.states else None
