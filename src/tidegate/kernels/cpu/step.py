"""One step of one cell, through the C++ kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tidegate.kernels.cpu import layer as kernels

Maybe = Sequence["Tensor | None"]


def step(mode: str, x: Any, state: Sequence[Any], weights: Maybe) -> Any:
    """x [B, I] and a state of [B, H] tensors, or of none, to the state after the step, h or (h, c); none, and nothing
    done, where the kernels cannot compute it.
    """
    if kernels.MISSING is not None or not kernels.PLAIN.issuperset(map(type, (x, *state, *weights))) or x is None:
        return None
    w_ih, w_hh, b_ih, b_hh = weights
    if w_ih is None or w_hh is None or mode not in kernels.CELLS:
        return None
    if x.dim() == 1:
        found = step(mode, x.unsqueeze(0), [None if s is None else s.unsqueeze(0) for s in state], weights)
        return found if found is None else found.squeeze(0) if mode != "LSTM" else tuple(s.squeeze(0) for s in found)
    h, c = state if len(state) == 2 else (state[0], None)
    if len(state) == 2 and (h is None or c is None):
        return None
    if h is None:
        h = x.new_zeros(x.shape[0], w_hh.shape[1])
        c = h if mode == "LSTM" else None
    cell = kernels.CELLS[mode]
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, h, c, *weights)):
        if not fits(cell, x, h, c, weights):
            return None
        return Step.apply(mode, x, h, c, w_ih, w_hh, b_ih, b_hh)
    return forward(cell, x, h, c, weights)


def fits(cell: int, x: Tensor, h: Tensor, c: Tensor | None, weights: Maybe) -> bool:
    """Whether the kernels can compute it, told before PyTorch records the step."""
    if x.dim() != 2 or h.dim() != 2 or (c is not None and c.shape != h.shape):
        return False
    (B, I), H = x.shape, h.shape[1]
    G = kernels.engine.gates(cell) * H
    w_ih, w_hh, b_ih, b_hh = weights
    assert w_ih is not None and w_hh is not None
    if B == 0 or h.shape[0] != B or w_ih.shape != (G, I) or w_hh.shape != (G, H):
        return False
    if any(b is not None and b.shape != (G,) for b in (b_ih, b_hh)):
        return False
    return x.dtype in (torch.float32, torch.float64) and all(
        t is None or (t.dtype == x.dtype and t.is_cpu and t.layout is torch.strided) for t in (x, h, c, *weights)
    )


def forward(cell: int, x: Tensor, h: Tensor, c: Tensor | None, weights: Maybe, saved: Tensor | None = None) -> Any:
    hn = torch.empty_like(h, memory_format=torch.contiguous_format)
    cn = None if c is None else torch.empty_like(h, memory_format=torch.contiguous_format)
    threads = torch.get_num_threads()
    if not kernels.engine.step(cell, x, h, c, *weights, hn, cn, saved, threads):
        if not fits(cell, x, h, c, weights):
            return None
        dense = [kernels.dense(t) for t in (x, h, c, *weights)]
        if not kernels.engine.step(cell, *dense, hn, cn, saved, threads):
            return None
    return hn if cn is None else (hn, cn)


class Step(torch.autograd.Function):
    """The gradient of `step`."""

    @staticmethod
    def forward(ctx: Any, mode: str, x: Tensor, h: Tensor, c: Tensor | None, *weights: Tensor | None) -> Any:
        cell = kernels.CELLS[mode]
        size = kernels.saved_bytes(cell, h.unsqueeze(0), x.shape[0], False)
        saved = kernels.engine.buffer(size) if size else None
        found = forward(cell, x, h, c, weights, saved)
        if found is None:
            raise kernels.unreadable()
        ctx.set_materialize_grads(False)
        ctx.mode = mode
        # torch.nn keeps the output of an RNN too, and refuses backward where it was changed in place.
        ctx.save_for_backward(x, h, c, None if saved is not None else found, saved, *weights)
        return found

    @staticmethod
    def backward(ctx: Any, d_h: Tensor | None, d_c: Tensor | None = None) -> tuple:
        x, h, c, out, saved, *weights = ctx.saved_tensors
        needed = ctx.needs_input_grad[1:]
        if kernels.needs_equations(d_h, d_c) or not kernels.PLAIN.issuperset((type(d_h), type(d_c))):
            grads = _by_equations(ctx.mode, x, h, c, weights, d_h, d_c, needed)
            return (None, *grads)
        cell = kernels.CELLS[ctx.mode]
        inputs = (x, h, c, *weights)
        grads = [
            torch.empty_like(t, memory_format=torch.contiguous_format) if need and t is not None else None
            for t, need in zip(inputs, needed, strict=True)
        ]
        threads = torch.get_num_threads()
        if not kernels.engine.step_backward(cell, *inputs, out, saved, d_h, d_c, grads, threads):
            dense = [kernels.dense(t) for t in (*inputs, out, saved, d_h, d_c)]
            if not fits(cell, x, h, c, weights) or not kernels.engine.step_backward(cell, *dense, grads, threads):
                raise kernels.unreadable()
        return (None, *grads)


def _by_equations(
    mode: str,
    x: Tensor,
    h: Tensor,
    c: Tensor | None,
    weights: list[Tensor | None],
    d_h: Tensor | None,
    d_c: Tensor | None,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """The same gradients as those of a layer of one step, through the equations in cells/."""
    one = [None if t is None else t.unsqueeze(0) for t in (x, h, c, d_h, d_c)]
    x1, h1, c1, d_h1, d_c1 = one
    assert x1 is not None and h1 is not None
    grads = kernels.differentiable_backward(mode, x1, h1, c1, weights, None, [], (None, d_h1, d_c1, None), needed)
    return [g.squeeze(0) if g is not None and k < 3 else g for k, g in enumerate(grads)]
