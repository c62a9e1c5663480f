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
    x: Tensor, h0: Tensor, c0: Tensor | None, weights: Weights, lengths: Tensor | None, mode: str, save: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The output, hn, cn (empty but for an LSTM) and what backward needs (empty unless `save`)."""
    cell = cell_of(mode)
    kernels.check_dimensions(x, h0, c0)
    T, B, _ = x.shape
    saved = kernels.buffer(mode, kernels.cell_state(h0, c0), T * B) if save else None
    if saved is not None and lengths is not None:
        saved.zero_()  # the kernels leave the room of padding as it was, and an operator gives the same bits each time
    out, hn, cn = kernels.forward(cell, x, h0, c0, list(weights), lengths, saved, pooled=save)
    return (
        out,
        hn,
        x.new_empty(0) if cn is None else cn,
        x.new_empty(0, dtype=torch.uint8) if saved is None else saved,
    )


def cell_of(mode: str) -> int:
    if mode not in kernels.CELLS:
        raise ConfigError(got=f"mode {mode!r}", wanted=f"one of {', '.join(kernels.CELLS)}", do="correct the mode")
    return kernels.CELLS[mode]


def layer_shapes(
    x: Tensor, h0: Tensor, c0: Tensor | None, weights: Weights, lengths: Tensor | None, mode: str, save: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    T, B, _ = x.shape
    D, _, H = h0.shape
    size = kernels.saved_bytes(cell_of(mode), kernels.cell_state(h0, c0), T * B) if save else 0
    return (
        x.new_empty(T, B, D * H),
        h0.new_empty(D, B, H),
        x.new_empty(0) if c0 is None else c0.new_empty(c0.shape),
        x.new_empty(size, dtype=torch.uint8),
    )


def layer_backward(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    out: Tensor,
    saved: Tensor,
    d_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
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
    grads = kernels.backward(cell, x, h0, c0, list(weights), lengths, out, saved, d_out, d_hn, d_cn, needed)
    return [grad for grad in grads if grad is not None]


def layer_backward_shapes(x: Tensor, h0: Tensor, c0: Tensor | None, weights: Weights, *others: Any) -> list[Tensor]:
    inputs = (x, h0, c0, *weights)
    return [t.new_empty(t.shape) for t, need in zip(inputs, others[-1], strict=True) if need and t is not None]


def remember(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, h0, c0, weights, lengths, mode, save = inputs
    out, _, _, saved = output
    ctx.mode, ctx.saves = mode, save
    ctx.save_for_backward(x, h0, c0, lengths, out, saved, *weights)


def gradients(ctx: Any, d_out: Tensor | None, d_hn: Tensor | None, d_cn: Tensor | None, _: None) -> tuple:
    x, h0, c0, lengths, out, saved, *weights = ctx.saved_tensors
    of_x, of_h0, of_c0, of_weights, *_ = ctx.needs_input_grad
    inputs = (x, h0, c0, *weights)
    needed = [bool(need) and t is not None for need, t in zip((of_x, of_h0, of_c0, *of_weights), inputs, strict=True)]
    d_cn = None if c0 is None else d_cn
    if kernels.needs_equations(d_out, d_hn, d_cn):
        grads = kernels.differentiable_backward(ctx.mode, x, h0, c0, weights, lengths, d_out, d_hn, d_cn, needed)
    else:
        found = iter(
            torch.ops.tidegate.layer_backward(
                x, h0, c0, weights, lengths, out, saved, d_out, d_hn, d_cn, ctx.mode, needed
            )
        )
        grads = [next(found) if need else None for need in needed]
    return grads[0], grads[1], grads[2], grads[3:], None, None, None


torch.library.define(
    NAME,
    "(Tensor x, Tensor h0, Tensor? c0, Tensor?[] weights, Tensor? lengths, str mode, bool save)"
    " -> (Tensor out, Tensor hn, Tensor cn, Tensor saved)",
)
torch.library.define(
    BACKWARD,
    "(Tensor x, Tensor h0, Tensor? c0, Tensor?[] weights, Tensor? lengths, Tensor out, Tensor saved,"
    " Tensor? d_out, Tensor? d_hn, Tensor? d_cn, str mode, bool[] needed) -> Tensor[]",
)
torch.library.impl(NAME, "CPU", layer)
torch.library.impl(BACKWARD, "CPU", layer_backward)
torch.library.register_fake(NAME, layer_shapes)
torch.library.register_fake(BACKWARD, layer_backward_shapes)
torch.library.register_autograd(NAME, gradients, setup_context=remember)
