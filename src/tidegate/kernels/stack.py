"""Layers and directions around a recurrence of one direction of one layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = tuple[Tensor, ...]


class Direction(NamedTuple):
    """The weights of one direction of one layer, under torch.nn's meaning of the names."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x [T, B, I] with zeros behind the end of every sequence.

    Padding may hold NaN, which would reach the gradients of the weights as 0 * NaN.
    """
    if lengths is None:
        return x
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    return x.masked_fill((steps >= lengths.to(x.device)).unsqueeze(-1), 0)


Recur = Callable[[Direction, Tensor, State, "Tensor | None", bool], tuple[Tensor, State]]


def parameter_of(module: nn.Module, name: str) -> Tensor:
    """A weight by attribute, so that parametrizations and functional_call are seen.

    What is a plain parameter is found at once: nn.Module's own lookup is slow beside one small step.
    """
    parameters = module._parameters
    found = parameters[name] if name in parameters else getattr(module, name)
    assert found is not None
    return found


def direction_of(module: nn.RNNBase, layer: int, reverse: bool) -> Direction:
    """The weights of one direction of one layer."""
    names = _names(layer, reverse, module.bias, module.proj_size > 0)
    return Direction(*[None if name is None else parameter_of(module, name) for name in names])  # type: ignore[arg-type]


@lru_cache
def _names(layer: int, reverse: bool, bias: bool, projected: bool) -> tuple[str | None, ...]:
    suffix = f"_l{layer}{'_reverse' if reverse else ''}"
    there = {"weight_ih": True, "weight_hh": True, "bias_ih": bias, "bias_hh": bias, "weight_hr": projected}
    return tuple(name + suffix if is_there else None for name, is_there in there.items())


def run_stack(
    recur: Recur, module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """Run x [T, B, I] through all layers; return the output [T, B, D*H] and the final state of [L*D, B, H] tensors."""
    D = 2 if module.bidirectional else 1
    finals: list[State] = []
    for layer in range(module.num_layers):
        if layer > 0 and module.dropout > 0:
            x = F.dropout(x, module.dropout, module.training)
        outputs = []
        for d in range(D):
            state0 = tuple(s[layer * D + d] for s in state)
            output, final = recur(direction_of(module, layer, d == 1), x, state0, lengths, d == 1)
            outputs.append(output)
            finals.append(final)
        x = outputs[0] if D == 1 else torch.cat(outputs, dim=-1)
    return x, tuple(torch.stack(steps) for steps in zip(*finals, strict=True))
