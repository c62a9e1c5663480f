"""Layers and directions around a recurrence of one direction of one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.errors import ShapeError

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


def check_range(lengths: Tensor | None, T: int) -> None:
    """Refuse lengths that would lead out of the tensors: a compiled graph has not looked at their values."""
    if lengths is not None and lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > T):
        raise ShapeError(
            got=f"lengths from {int(lengths.min())} to {int(lengths.max())}",
            wanted=f"0 to {T}, the steps that the input has",
            do="correct the lengths, or check batch_first",
        )


Recur = Callable[[Direction, Tensor, State, "Tensor | None", bool], tuple[Tensor, State]]


def weights_of(module: nn.RNNBase) -> list[Tensor]:
    """Every weight in torch.nn's order, as torch.nn's forward would read it now.

    That is the list `_flat_weights`, which some programs write into, unless a parameter, a hook, a parametrization or
    `torch.func.functional_call` has put another tensor under the name of a weight.
    """
    names, parameters = module._flat_weights_names, module._parameters
    weights: Any = module._flat_weights
    for name, weight in zip(names, weights, strict=True):
        if weight is None or parameters.get(name) is not weight:
            break
    else:
        return weights
    if module._weights_have_changed():
        weights = [getattr(module, name) for name in names]
    for name, weight in zip(names, weights, strict=True):
        if weight is None:
            raise ShapeError(got=f"a layer whose {name} is None", wanted="a weight", do="give the layer one")
    return weights


def weights_of_direction(module: nn.RNNBase, weights: list[Tensor], layer: int, reverse: bool) -> list[Tensor | None]:
    """w_ih, w_hh, b_ih, b_hh and, where h is projected, w_hr of one direction of one layer, out of all weights."""
    each = len(module._all_weights[0])
    first = each * (2 * layer + reverse if module.bidirectional else layer)
    found: list[Tensor | None] = [*weights[first : first + each]]
    if not module.bias:
        found[2:2] = (None, None)
    return found


def direction_of(module: nn.RNNBase, layer: int, reverse: bool) -> Direction:
    """The weights of one direction of one layer."""
    w_ih, w_hh, b_ih, b_hh, *projection = weights_of_direction(module, weights_of(module), layer, reverse)
    assert w_ih is not None and w_hh is not None
    return Direction(w_ih, w_hh, b_ih, b_hh, projection[0] if projection else None)


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
