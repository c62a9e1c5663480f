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


class Noise(NamedTuple):
    """What disturbs the state of one direction of one layer, or what is expected of it; none leaves the state alone."""

    drop: Tensor | None
    """[B, H]: h is multiplied by it before the recurrent product, at every step by the same."""
    hold_h: Tensor | None
    """[T, B, H]: the share of the old h that stays."""
    hold_c: Tensor | None
    """[T, B, H]: the share of the old c that stays."""


QUIET = Noise(None, None, None)


class Extras(NamedTuple):
    """What a call asks for beyond torch.nn's layers."""

    noise: tuple[Noise, ...] = ()
    """Of each layer and direction; empty where there is none."""
    states: bool = False
    """Whether the states of all steps and layers are wanted."""


NOTHING = Extras()


# Pieces: sequences that lie in the rows of a batch one behind the other, each with a state of its own. Where a backend
# takes `lengths` it takes them too, as a tensor [3, N]: of each piece its row, its first step, and its number of steps.


def pieces_of(resets: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Cut the rows of a batch before every step that is reset.

    resets [T, B] on the CPU, lengths [B]. Returns the pieces [3, N], for each of them whether it begins with a reset
    [N], and for each row its last piece [B].

    >>> pieces, fresh, last = pieces_of(torch.tensor([[False, True], [True, False], [False, False]]), None)
    >>> pieces.tolist(), fresh.tolist(), last.tolist()
    ([[0, 0, 1], [0, 1, 0], [1, 2, 3]], [False, True, True], [1, 2])
    """
    T, B = resets.shape
    ends = torch.full((B,), T) if lengths is None else lengths
    resets = resets & (torch.arange(T).unsqueeze(1) < ends)
    begins = resets.clone()
    begins[0] = True
    row, first = begins.T.nonzero().unbind(1)
    is_last = torch.ones_like(row, dtype=torch.bool)
    is_last[:-1] = row[1:] != row[:-1]
    until = torch.where(is_last, ends[row], first.roll(-1))
    return torch.stack([row, first, until - first]), resets[first, row], is_last.nonzero().squeeze(1)


def places_of(pieces: Tensor, B: int) -> tuple[Tensor, Tensor]:
    """Where the steps of the pieces lie in a batch of B rows with its first two axes made one, and which steps are
    real, both [longest, N].
    """
    row, first, length = pieces
    steps = torch.arange(int(length.max()), device=pieces.device).unsqueeze(1)
    real = steps < length
    return torch.where(real, (first + steps) * B + row, 0), real


def cut(x: Tensor, pieces: Tensor) -> Tensor:
    """The pieces of x [T, B, I] beside each other, [longest, N, I], zero behind their ends."""
    places, real = (part.to(x.device) for part in places_of(pieces, x.shape[1]))
    return x.flatten(0, 1)[places].masked_fill(~real.unsqueeze(-1), 0)


def join(out: Tensor, pieces: Tensor, T: int, B: int) -> Tensor:
    """The contrary of `cut`: [longest, N, H] to [T, B, H], zero where no piece lies."""
    places, real = (part.to(out.device) for part in places_of(pieces, B))
    joined = out.new_zeros(T * B, out.shape[2]).index_put((places[real],), out[real])
    return joined.unflatten(0, (T, B))


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x [T, B, I] with zeros behind the end of every sequence.

    Padding may hold NaN, which would reach the gradients of the weights as 0 * NaN.
    """
    if lengths is None or lengths.dim() == 2:
        return x
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    return x.masked_fill((steps >= lengths.to(x.device)).unsqueeze(-1), 0)


def check_range(lengths: Tensor | None, T: int, B: int) -> None:
    """Refuse lengths that would lead out of the tensors: a compiled graph has not looked at their values."""
    if lengths is not None and lengths.dim() == 2:
        row, first, length = lengths
        fits = (row >= 0) & (row < B) & (first >= 0) & (length >= 0) & (first + length <= T)
        if not bool(fits.all()):
            raise ShapeError(
                got=f"pieces {lengths.tolist()}", wanted=f"pieces of {B} rows of {T} steps", do="call the layer itself"
            )
    elif lengths is not None and lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > T):
        raise ShapeError(
            got=f"lengths from {int(lengths.min())} to {int(lengths.max())}",
            wanted=f"0 to {T}, the steps that the input has",
            do="correct the lengths, or check batch_first",
        )


Recur = Callable[[Direction, Tensor, State, "Tensor | None", bool, Noise], tuple[State, State]]
"""One direction of one layer, to the states of all steps (at least the first of them, the output) and the final one."""


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
    recur: Recur, module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None, extras: Extras = NOTHING
) -> tuple[Tensor, State, State | None]:
    """Run x [T, B, I] through all layers; return the output [T, B, D*H], the final state of [L*D, B, H] tensors and,
    where they are wanted, all states of [L*D, T, B, H] tensors.
    """
    D = 2 if module.bidirectional else 1
    finals: list[State] = []
    all_states: list[State] = []
    for layer in range(module.num_layers):
        if layer > 0 and module.dropout > 0:
            x = F.dropout(x, module.dropout, module.training)
        outputs = []
        for d in range(D):
            state0 = tuple(s[layer * D + d] for s in state)
            noise = extras.noise[layer * D + d] if extras.noise else QUIET
            states, final = recur(direction_of(module, layer, d == 1), x, state0, lengths, d == 1, noise)
            outputs.append(states[0])
            finals.append(final)
            all_states.append(states)
        x = outputs[0] if D == 1 else torch.cat(outputs, dim=-1)
    final = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
    return x, final, tuple(torch.stack(parts) for parts in zip(*all_states, strict=True)) if extras.states else None
