"""One layer, both directions, through the C++ kernels: checked tensors become addresses here."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tidegate.errors import ConfigError, ShapeError

try:
    from tidegate.kernels.cpu import _cpu
except ImportError as error:
    _cpu = None  # type: ignore[assignment]
    MISSING: str | None = (
        f"the compiled kernels are missing ({error}); install tidegate again where a C++ compiler is found"
    )
else:
    MISSING = None

State = tuple[Tensor, ...]
Weights = list["Tensor | None"]  # w_ih, w_hh, b_ih, b_hh of each direction

CELLS = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
GATES = (1, 1, 4, 3)


def layer(mode: str, x: Tensor, state: State, weights: Weights, lengths: Tensor | None) -> tuple[Tensor, ...]:
    """x [T, B, I] and a state of [D, B, H] tensors to the output [T, B, D*H] and the final state."""
    cell = CELLS[mode]
    check(GATES[cell], x, state, weights, lengths)
    h0, c0 = state if len(state) == 2 else (state[0], None)
    if torch.is_grad_enabled() and (
        x.requires_grad or any(t is not None and t.requires_grad for t in (h0, c0, *weights))
    ):
        return Layer.apply(cell, lengths, x, h0, c0, *weights)
    out, hn, cn, _ = forward(cell, x, h0, c0, weights, lengths)
    return (out, hn) if cn is None else (out, hn, cn)


def check(gates: int, x: Tensor, state: State, weights: Weights, lengths: Tensor | None) -> None:
    """Raise ShapeError for what the kernels would read past its end or as another type."""
    B, I = x.shape[1:]
    D, _, H = state[0].shape
    wanted = [(gates * H, I), (gates * H, H), (gates * H,), (gates * H,)] * D
    given = [(w, shape) for w, shape in zip(weights, wanted, strict=True) if w is not None]
    given += [(s, (D, B, H)) for s in state]
    for tensor, shape in given:
        if tensor.shape != shape or tensor.dtype != x.dtype or tensor.device != x.device or tensor.is_sparse:
            raise ShapeError(
                got=f"a weight or state of shape {tuple(tensor.shape)}, {tensor.dtype} on {tensor.device}",
                wanted=f"{shape}, {x.dtype} on {x.device}",
                do="check the layer's parameters and state",
            )
    if lengths is not None and (lengths.shape != (B,) or lengths.dtype != torch.int64 or not lengths.is_contiguous()):
        raise ShapeError(
            got=f"lengths of shape {tuple(lengths.shape)} and {lengths.dtype}",
            wanted=f"{B} contiguous int64 numbers",
            do="pass one length a sequence",
        )


class Layer(torch.autograd.Function):
    """The gradient of `layer`."""

    @staticmethod
    def forward(
        ctx: Any, cell: int, lengths: Tensor | None, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Tensor | None
    ) -> tuple[Tensor, ...]:
        out, hn, cn, saved = forward(cell, x, h0, c0, list(weights), lengths, save=True)
        ctx.set_materialize_grads(False)
        ctx.cell = cell
        ctx.save_for_backward(lengths, x, h0, c0, out, saved, *weights)
        return (out, hn) if cn is None else (out, hn, cn)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, d_hn: Tensor | None, d_cn: Tensor | None = None) -> tuple:
        lengths, x, h0, c0, out, saved, *weights = ctx.saved_tensors
        return (
            None,
            None,
            *backward(ctx.cell, x, h0, c0, weights, lengths, out, saved, d_out, d_hn, d_cn, ctx.needs_input_grad[2:]),
        )


def at(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def rows(tensor: Tensor) -> Tensor:
    """A [T, B, N] tensor whose rows are contiguous; steps and sequences may have any stride."""
    return tensor if tensor.stride(2) == 1 or tensor.shape[2] == 1 else tensor.contiguous()


def forward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    save: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """The output, the final state, and what backward needs."""
    T, B, I = x.shape
    D, _, H = h0.shape
    x, h0 = rows(x), h0.contiguous()
    c0 = None if c0 is None else c0.contiguous()
    out = torch.empty(T, B, D * H, dtype=x.dtype)
    hn = torch.empty_like(h0)
    cn = None if c0 is None else torch.empty_like(c0)
    precise = x.dtype == torch.float64
    size, number = saved_bytes(cell, T, B, H, lengths, precise) if save else 0, x.element_size()
    saved = _cpu.buffer(D * size) if size else None
    threads = torch.get_num_threads()
    state_bytes = B * H * number
    for d in range(D):
        w_ih, w_hh, b_ih, b_hh = (None if w is None else w.contiguous() for w in weights[4 * d : 4 * d + 4])
        _cpu.forward(
            cell, precise, T, B, I, H, at(lengths), d == 1, threads,
            x.data_ptr(), x.stride(0), x.stride(1), at(w_ih), at(w_hh), at(b_ih), at(b_hh),
            h0.data_ptr() + d * state_bytes, 0 if c0 is None else c0.data_ptr() + d * state_bytes,
            out.data_ptr() + d * H * number, B * D * H, D * H,
            hn.data_ptr() + d * state_bytes, 0 if cn is None else cn.data_ptr() + d * state_bytes,
            0 if saved is None else saved.data_ptr() + d * size,
        )  # fmt: skip
    return out, hn, cn, saved


def backward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    out: Tensor,
    saved: Tensor | None,
    d_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    needed: tuple[bool, ...],
) -> list[Tensor | None]:
    """The gradients of x, h0, c0 and the weights, each none where it is not needed."""
    T, B, I = x.shape
    D, _, H = h0.shape
    x, h0 = rows(x), h0.contiguous()
    c0 = None if c0 is None else c0.contiguous()
    d_out = None if d_out is None else rows(d_out)
    d_hn = None if d_hn is None else d_hn.contiguous()
    d_cn = None if d_cn is None else d_cn.contiguous()
    precise, number, threads = x.dtype == torch.float64, x.element_size(), torch.get_num_threads()
    size = saved_bytes(cell, T, B, H, lengths, precise)
    state_bytes = B * H * number
    d_x = torch.empty(T, B, I, dtype=x.dtype) if needed[0] else None
    d_h0 = torch.empty_like(h0) if needed[1] else None
    d_c0 = torch.empty_like(c0) if c0 is not None and needed[2] else None
    d_weights = [
        torch.empty_like(w, memory_format=torch.contiguous_format) if w is not None and need else None
        for w, need in zip(weights, needed[3:], strict=True)
    ]

    def part(tensor: Tensor | None, d: int, step: int) -> int:
        return 0 if tensor is None else tensor.data_ptr() + d * step

    for d in range(D):
        w_ih, w_hh = (w.contiguous() for w in weights[4 * d : 4 * d + 2] if w is not None)
        _cpu.backward(
            cell, precise, T, B, I, H, at(lengths), d == 1, threads,
            x.data_ptr(), x.stride(0), x.stride(1), at(w_ih), at(w_hh),
            part(h0, d, state_bytes), part(c0, d, state_bytes),
            part(out, d, H * number), out.stride(0), out.stride(1), part(saved, d, size),
            part(d_out, d, H * number),
            0 if d_out is None else d_out.stride(0), 0 if d_out is None else d_out.stride(1),
            part(d_hn, d, state_bytes), part(d_cn, d, state_bytes),
            at(d_x), B * I, I, d == 1,
            *(at(w) for w in d_weights[4 * d : 4 * d + 4]),
            part(d_h0, d, state_bytes), part(d_c0, d, state_bytes),
        )  # fmt: skip
    return [d_x, d_h0, d_c0, *d_weights]


def saved_bytes(cell: int, T: int, B: int, H: int, lengths: Tensor | None, precise: bool) -> int:
    """What one direction keeps for backward: whole vectors of units for every real step."""
    if not (vectors := SAVED_VECTORS[cell]):
        return 0
    real = T * B if lengths is None else int(lengths.sum())
    width = VECTOR_BYTES // (8 if precise else 4)
    return real * -(-H // width) * vectors * VECTOR_BYTES


VECTOR_BYTES = 0 if _cpu is None else _cpu.vector_bytes()
SAVED_VECTORS = [] if _cpu is None else [_cpu.saved_vectors(cell) for cell in CELLS.values()]


def choose_isa(name: str) -> None:
    """Run on another instruction set from now on; what one of them has saved, another cannot read."""
    global VECTOR_BYTES
    if name not in _cpu.choices():
        raise ConfigError(
            got=f"the instruction set {name!r}",
            wanted=f"one that this machine has: {', '.join(_cpu.choices())}",
            do="set TIDEGATE_ISA to one of them, or not at all",
        )
    _cpu.choose(name)
    VECTOR_BYTES = _cpu.vector_bytes()


if _cpu is not None and (isa := os.environ.get("TIDEGATE_ISA")):
    choose_isa(isa)
