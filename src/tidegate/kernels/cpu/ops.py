"""The kernels as PyTorch sees them under a compiler: one operator a layer, `tidegate::layer`, whatever T is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tidegate.errors import ConfigError, ShapeError
from tidegate.kernels.cpu import layer as kernels

Weights = Sequence["Tensor | None"]

NAME = "tidegate::layer"
BACKWARD = "tidegate::layer_backward"


def layer(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    mode: str,
    save: bool,
    noise: Weights,
    c_of_all_steps: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The output, hn, cn (empty but for an LSTM), c of all steps and what backward needs (empty unless asked for)."""
    cell = cell_of(mode)
    kernels.check_dimensions(x, h0, c0)
    T, B, _ = x.shape
    noise = list(noise)
    saved = kernels.buffer(mode, kernels.cell_state(h0, c0), T * B, kernels.is_noisy(noise)) if save else None
    if saved is not None and lengths is not None:
        saved.zero_()  # the kernels leave the room of padding as it was, and an operator gives the same bits each time
    out, hn, cn, c_out = kernels.forward(
        cell, x, h0, c0, list(weights), lengths, saved, noise, pooled=save, c_of_all_steps=c_of_all_steps
    )
    return (
        out,
        hn,
        x.new_empty(0) if cn is None else cn,
        x.new_empty(0) if c_out is None else c_out,
        x.new_empty(0, dtype=torch.uint8) if saved is None else saved,
    )


def cell_of(mode: str) -> int:
    if mode not in kernels.CELLS:
        raise ConfigError(got=f"mode {mode!r}", wanted=f"one of {', '.join(kernels.CELLS)}", do="correct the mode")
    return kernels.CELLS[mode]


def layer_shapes(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    mode: str,
    save: bool,
    noise: Weights,
    c_of_all_steps: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    T, B, _ = x.shape
    D, N, P = h0.shape
    noisy = kernels.is_noisy(list(noise))
    size = kernels.saved_bytes(cell_of(mode), kernels.cell_state(h0, c0), T * B, noisy) if save else 0
    return (
        x.new_empty(T, B, D * P),
        h0.new_empty(D, N, P),
        x.new_empty(0) if c0 is None else c0.new_empty(c0.shape),
        x.new_empty(0) if c0 is None or not c_of_all_steps else x.new_empty(T, B, D * c0.shape[2]),
        x.new_empty(size, dtype=torch.uint8),
    )


def layer_backward(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    noise: Weights,
    out: Tensor,
    saved: Tensor,
    d_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    d_c_out: Tensor | None,
    mode: str,
    needed: Sequence[bool],
) -> list[Tensor]:
    """The gradients that are needed, of x, h0, c0 and the weights in this order."""
    if len(needed) != 3 + len(weights):
        raise ShapeError(
            got=f"{len(needed)} answers in `needed`",
            wanted=f"{3 + len(weights)}, for x, h0, c0 and each weight",
            do="correct the call",
        )
    cell = cell_of(mode)
    d_all = d_out, d_hn, d_cn, d_c_out
    grads = kernels.backward(cell, x, h0, c0, list(weights), lengths, out, saved, d_all, needed, list(noise))
    return [grad for grad in grads if grad is not None]


def layer_backward_shapes(x: Tensor, h0: Tensor, c0: Tensor | None, weights: Weights, *others: Any) -> list[Tensor]:
    inputs = (x, h0, c0, *weights)
    return [t.new_empty(t.shape) for t, need in zip(inputs, others[-1], strict=True) if need and t is not None]


def remember(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, h0, c0, weights, lengths, mode, _, noise, c_of_all_steps = inputs
    out, _, _, _, saved = output
    ctx.mode, ctx.number_of_weights, ctx.c_of_all_steps = mode, len(weights), c_of_all_steps
    ctx.save_for_backward(x, h0, c0, lengths, out, saved, *weights, *noise)


def gradients(
    ctx: Any, d_out: Tensor | None, d_hn: Tensor | None, d_cn: Tensor | None, d_c_out: Tensor | None, _: None
) -> tuple:
    x, h0, c0, lengths, out, saved, *rest = ctx.saved_tensors
    weights, noise = rest[: ctx.number_of_weights], rest[ctx.number_of_weights :]
    of_x, of_h0, of_c0, of_weights, *_ = ctx.needs_input_grad
    inputs = (x, h0, c0, *weights)
    needed = [bool(need) and t is not None for need, t in zip((of_x, of_h0, of_c0, *of_weights), inputs, strict=True)]
    d_cn, d_c_out = None if c0 is None else d_cn, d_c_out if ctx.c_of_all_steps else None
    d_all = d_out, d_hn, d_cn, d_c_out
    if kernels.needs_equations(*d_all):
        grads = kernels.differentiable_backward(ctx.mode, x, h0, c0, weights, lengths, noise, d_all, needed)
    else:
        found = iter(
            torch.ops.tidegate.layer_backward(x, h0, c0, weights, lengths, noise, out, saved, *d_all, ctx.mode, needed)
        )
        grads = [next(found) if need else None for need in needed]
    return grads[0], grads[1], grads[2], grads[3:], None, None, None, [None] * len(noise), None


torch.library.define(
    NAME,
    "(Tensor x, Tensor h0, Tensor? c0, Tensor?[] weights, Tensor? lengths, str mode, bool save,"
    " Tensor?[] noise, bool c_of_all_steps)"
    " -> (Tensor out, Tensor hn, Tensor cn, Tensor c_out, Tensor saved)",
)
torch.library.define(
    BACKWARD,
    "(Tensor x, Tensor h0, Tensor? c0, Tensor?[] weights, Tensor? lengths, Tensor?[] noise, Tensor out, Tensor saved,"
    " Tensor? d_out, Tensor? d_hn, Tensor? d_cn, Tensor? d_c_out, str mode, bool[] needed) -> Tensor[]",
)
torch.library.impl(NAME, "CPU", layer)
torch.library.impl(BACKWARD, "CPU", layer_backward)
torch.library.register_fake(NAME, layer_shapes)
torch.library.register_fake(BACKWARD, layer_backward_shapes)
torch.library.register_autograd(NAME, gradients, setup_context=remember)
