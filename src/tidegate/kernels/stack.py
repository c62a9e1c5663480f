"""Layers and directions around a recurrence of one direction of one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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


def weight_of(module: nn.RNNBase, name: str) -> Tensor:
    """A weight by name: the parameter, or what a hook, a parametrization or the user has put in its place."""
    parameters = module._parameters  # torch.nn's own look-up comes here too, ten times slower
    weight = parameters[name] if name in parameters else getattr(module, name)
    if weight is None:
        raise ShapeError(got=f"a layer whose {name} is None", wanted="a weight", do="give the layer one")
    return weight


def weights_of(module: nn.RNNBase, layer: int, reverse: bool) -> list[Tensor | None]:
    """w_ih, w_hh, b_ih, b_hh and, where h is projected, w_hr of one direction of one layer."""
    names = module._all_weights[2 * layer + reverse if module.bidirectional else layer]
    parameters = module._parameters
    # As weight_of does, without the call: one step of a layer is as short as that.
    weights = [parameters[name] if name in parameters else weight_of(module, name) for name in names]
    if not module.bias:
        weights[2:2] = (None, None)
    return weights


def direction_of(module: nn.RNNBase, layer: int, reverse: bool) -> Direction:
    """The weights of one direction of one layer."""
    w_ih, w_hh, b_ih, b_hh, *projection = weights_of(module, layer, reverse)
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
