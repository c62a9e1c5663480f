"""One layer, both directions, through the C++ kernels."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tidegate.errors import ConfigError, ShapeError
from tidegate.kernels import reference
from tidegate.kernels.stack import Direction, check_range, without_padding

try:
    _cpu: Any = import_module("tidegate.kernels.cpu._cpu")
except ImportError as error:
    _cpu = None
    MISSING: str | None = (
        f"the compiled kernels are missing ({error}); install tidegate again where a C++ compiler is found"
    )
else:
    MISSING = None
    if hasattr(Tensor, "__dlpack_c_exchange_api__"):
        _cpu.exchange_through(Tensor.__dlpack_c_exchange_api__)

State = tuple[Tensor, ...]
Maybe = TypeVar("Maybe", Tensor, "Tensor | None")
Weights = list["Tensor | None"]  # w_ih, w_hh, b_ih, b_hh and, where h is projected, w_hr of each direction

CELLS = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
PLAIN = {Tensor, nn.Parameter, type(None)}


def layer(mode: str, x: Tensor, state: State, weights: Weights, lengths: Tensor | None) -> tuple[Tensor, ...]:
    """x [T, B, I] and a state of [D, B, H] tensors to the output [T, B, D*H] and the final state.

    Where a compiler or a mode watches the operators it is one operator, `tidegate::layer`. Otherwise the kernels are
    called without PyTorch's dispatcher, which costs more than a short sequence does.
    """
    h0, c0 = state if len(state) == 2 else (state[0], None)
    save = torch.is_grad_enabled() and (
        x.requires_grad or h0.requires_grad or any(t is not None and t.requires_grad for t in (c0, *weights))
    )
    if is_watched((x, lengths, h0, c0, *weights)):
        out, hn, cn, _ = torch.ops.tidegate.layer(x, h0, c0, weights, lengths, mode, save)
        return (out, hn) if c0 is None else (out, hn, cn)
    if save:
        return Layer.apply(mode, lengths, x, h0, c0, *weights)
    out, hn, cn = forward(CELLS[mode], x, h0, c0, weights, lengths)
    return (out, hn) if cn is None else (out, hn, cn)


def is_watched(tensors: tuple[Tensor | None, ...]) -> bool:
    """Whether something must see an operator: torch.compile, torch.export, a dispatch mode, a kind of tensor."""
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or not PLAIN.issuperset(map(type, tensors))
    )


def needs_equations(*gradients: Tensor | None) -> bool:
    """Whether backward must have a derivative itself (create_graph=True), or is mapped over many gradients at once
    (is_grads_batched=True).
    """
    functorch = torch._C._functorch
    return torch.is_grad_enabled() or any(
        functorch.is_legacy_batchedtensor(d) or functorch.is_batchedtensor(d) for d in gradients if d is not None
    )


class Layer(torch.autograd.Function):
    """The gradient of `layer`."""

    @staticmethod
    def forward(
        ctx: Any, mode: str, lengths: Tensor | None, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Tensor | None
    ) -> tuple[Tensor, ...]:
        T, B, _ = x.shape
        saved = buffer(mode, cell_state(h0, c0), T * B if lengths is None else int(lengths.sum()))
        out, hn, cn = forward(CELLS[mode], x, h0, c0, list(weights), lengths, saved, pooled=True)
        ctx.set_materialize_grads(False)
        ctx.mode = mode
        # torch.nn lets its output be changed in place, as by relu_. So it is kept without PyTorch's check of that,
        # beside a tensor that shares its count of changes and not its memory.
        ctx.save_for_backward(lengths, x, h0, c0, out.data, saved, *weights)
        ctx.changes = out.detach()
        ctx.changes.data = out.new_empty(0)
        ctx.unchanged = ctx.changes._version
        return (out, hn) if cn is None else (out, hn, cn)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor | None, d_hn: Tensor | None, d_cn: Tensor | None = None) -> tuple:
        lengths, x, h0, c0, out, saved, *weights = ctx.saved_tensors
        needed = ctx.needs_input_grad[2:]
        d_all = d_out, d_hn, d_cn
        if needs_equations(*d_all) or not PLAIN.issuperset(map(type, d_all)):
            grads = differentiable_backward(ctx.mode, x, h0, c0, weights, lengths, d_out, d_hn, d_cn, needed)
        else:
            if ctx.changes._version != ctx.unchanged:
                out, _, _ = forward(CELLS[ctx.mode], x, h0, c0, weights, lengths)
            grads = backward(CELLS[ctx.mode], x, h0, c0, weights, lengths, out, saved, d_out, d_hn, d_cn, needed)
        return (None, None, *grads)


def differentiable_backward(
    mode: str,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    d_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """The same gradients through the equations in cells/, which every transformation of PyTorch can follow."""
    create_graph = torch.is_grad_enabled()
    d_out = None if d_out is None else without_padding(d_out, lengths)
    with torch.enable_grad():
        # A view of each input ends the search there: one input may have been computed from another.
        inputs = [None if t is None else t.view_as(t) for t in (x, h0, c0, *weights)]
        results = equations(mode, inputs, lengths)
    pairs = [(r, g) for r, g in zip(results, (d_out, d_hn, d_cn), strict=False) if g is not None]
    wanted = [t for t, need in zip(inputs, needed, strict=True) if need and t is not None]
    if not pairs or not wanted:
        return [None] * len(inputs)
    outputs, gradients = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(outputs, wanted, gradients, create_graph=create_graph, allow_unused=True))
    return [next(found) if need and t is not None else None for t, need in zip(inputs, needed, strict=True)]


def equations(mode: str, inputs: Weights, lengths: Tensor | None) -> list[Tensor]:
    """The output and the final state of x, h0, c0 and the weights."""
    x, h0, c0, *weights = inputs
    assert x is not None and h0 is not None
    state = (h0,) if c0 is None else (h0, c0)
    x = without_padding(x, lengths)
    outs, finals = [], []
    for d in range(h0.shape[0]):
        w_ih, w_hh, b_ih, b_hh, w_hr = of_direction(weights, d, h0.shape[0])
        assert w_ih is not None and w_hh is not None
        direction = Direction(w_ih, w_hh, b_ih, b_hh, w_hr)
        out, final = reference.recur(mode, direction, x, tuple(s[d] for s in state), lengths, d == 1)
        outs.append(out)
        finals.append(final)
    return [torch.cat(outs, dim=-1), *(torch.stack(parts) for parts in zip(*finals, strict=True))]


def of_direction(weights: Weights, d: int, D: int) -> Weights:
    """w_ih, w_hh, b_ih, b_hh, w_hr of one direction."""
    n = len(weights) // D
    return [*weights[n * d : n * (d + 1)], *([None] * (5 - n))]


def cell_state(h0: Tensor, c0: Tensor | None) -> Tensor:
    """The state that is as wide as the cell: the other may be projected."""
    return h0 if c0 is None else c0


def check_dimensions(x: Tensor, h0: Tensor, c0: Tensor | None) -> None:
    """Refuse what cannot even be measured."""
    if x.dim() != 3 or h0.dim() != 3 or cell_state(h0, c0).dim() != 3:
        raise ShapeError(
            got=f"x of shape {tuple(x.shape)} and a state of shape {tuple(h0.shape)}",
            wanted="(T, B, I) and (D, B, H)",
            do="give them three dimensions, and leave them so until backward has run",
        )


def check_fit(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    saved: Tensor | None = None,
    out: Tensor | None = None,
    d_out: Tensor | None = None,
    d_hn: Tensor | None = None,
    d_cn: Tensor | None = None,
) -> None:
    """Refuse tensors that the kernels would read beyond.

    The layer has checked input and state of its own call. Weights may have been replaced, and before backward anything
    may, by `.data =` or by an unpack hook; and the operator may be called by anyone.
    """
    check_dimensions(x, h0, c0)
    many = 5 if len(weights) % 5 == 0 else 4
    D, (T, B, I), P, H = len(weights) // many, x.shape, h0.shape[-1], cell_state(h0, c0).shape[-1]
    G = _cpu.gates(cell) * H
    wanted: list[tuple[str, Tensor | None, tuple[int, ...]]] = [
        ("x", x, (T, B, I)),
        *(("h0", h0, (D, B, P)), ("the gradient of hn", d_hn, (D, B, P))),
        *(("c0", c0, (D, B, H)), ("the gradient of cn", d_cn, (D, B, H))),
        *(("the output", out, (T, B, D * P)), ("the gradient of the output", d_out, (T, B, D * P))),
    ]
    for d in range(D):
        w_ih, w_hh, b_ih, b_hh, w_hr = of_direction(weights, d, D)
        wanted += [("w_ih", w_ih, (G, I)), ("w_hh", w_hh, (G, P)), ("w_hr", w_hr, (P, H))]
        wanted += [("b_ih", b_ih, (G,)), ("b_hh", b_hh, (G,))]
    for what, tensor, shape in wanted:
        if tensor is None:
            if what in ("w_ih", "w_hh") or (what == "w_hr" and many == 5):
                raise ShapeError(got=f"none for {what}", wanted=f"a weight of shape {shape}", do="give the layer one")
            continue
        fits = tensor.shape == shape and tensor.dtype == x.dtype and tensor.is_cpu
        if not fits or tensor.layout is not torch.strided:
            raise ShapeError(
                got=f"{what} of shape {tuple(tensor.shape)}, {tensor.dtype}, {tensor.layout} on {tensor.device}",
                wanted=f"{shape}, {x.dtype}, torch.strided on cpu, as the other tensors have it",
                do="give weights and states the sizes and dtype of the layer, and leave them so until backward has run",
            )
        if not tensor._is_zerotensor() and tensor.untyped_storage().nbytes() < bytes_reached(tensor):
            raise ShapeError(
                got=f"{what} of shape {tuple(tensor.shape)}, whose memory was freed or made smaller",
                wanted="its numbers",
                do="leave its storage alone until backward has run",
            )
    steps = T * B
    if lengths is not None:
        if lengths.shape != (B,) or lengths.dtype != torch.int64:
            raise ShapeError(
                got=f"lengths of shape {tuple(lengths.shape)} and {lengths.dtype}",
                wanted=f"({B},) and torch.int64",
                do="pass the number of real steps of each sequence",
            )
        check_range(lengths, T)
        steps = int(lengths.sum())
    least = saved_bytes(cell, cell_state(h0, c0), steps)
    if saved is not None and (saved.dtype != torch.uint8 or saved.dim() != 1 or saved.numel() < least):
        raise ShapeError(
            got=f"saved numbers of shape {tuple(saved.shape)} and {saved.dtype}",
            wanted=f"{least} of torch.uint8, as forward saved them",
            do="correct the unpack hook of torch.autograd.graph.saved_tensors_hooks",
        )


def bytes_reached(tensor: Tensor) -> int:
    """How much of its storage the tensor needs.

    >>> bytes_reached(torch.zeros(4, 3)[1:, 1])
    44
    """
    if not tensor.numel():
        return 0
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return int((tensor.storage_offset() + last + 1) * tensor.element_size())


def unreadable() -> ShapeError:
    """What else the kernels cannot read."""
    return ShapeError(
        got="tensors that the kernels cannot read",
        wanted="one or two directions in float32 or float64, with plain numbers on the cpu",
        do="call the layer and not its operator, and leave tensors as they are until backward has run",
    )


def dense(tensor: Maybe) -> Maybe:
    """The tensor with its numbers in memory as they are: in order, none left out as zero or waiting to be negated."""
    if tensor is None:
        return None
    if tensor._is_zerotensor():
        return tensor.clone()
    return tensor.resolve_neg().contiguous() if tensor.is_neg() else tensor.contiguous()


def rows(tensor: Maybe) -> Maybe:
    """A [T, B, N] tensor whose rows are dense; steps and sequences may have any stride."""
    if tensor is None or tensor.is_neg() or tensor._is_zerotensor():
        return dense(tensor)
    return tensor if tensor.stride(2) == 1 or tensor.shape[2] == 1 else tensor.contiguous()


def forward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    saved: Tensor | None = None,
    *,
    pooled: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The output, from the pool where it is asked for, and the final state; what backward needs goes to `saved`, where
    the cell keeps anything.
    """
    T, B, _ = x.shape
    D, _, P = h0.shape
    out = result(x.dtype, T, B, D * P) if pooled else x.new_empty(T, B, D * P)
    hn = x.new_empty(D, B, P)
    cn = None if c0 is None else x.new_empty(D, B, c0.shape[2])
    threads = torch.get_num_threads()
    if not _cpu.forward(cell, x, h0, c0, weights, lengths, out, hn, cn, saved, threads):
        check_fit(cell, x, h0, c0, weights, lengths, saved)
        x, h0, c0, lengths = rows(x), dense(h0), dense(c0), dense(lengths)
        weights = [dense(w) for w in weights]
        if not _cpu.forward(cell, x, h0, c0, weights, lengths, out, hn, cn, saved, threads):
            raise unreadable()
    return out, hn, cn


def forward_directly(mode: str, x: Tensor, state: State, weights: Sequence[Tensor | None]) -> tuple[Tensor, ...] | None:
    """The output and the final state of one direction; none, and nothing done, where the tensors are not as the kernels
    read them.
    """
    if MISSING is not None or not PLAIN.issuperset(map(type, (*state, *weights))) or state[0] is None:
        return None
    h0, c0 = state if len(state) == 2 else (state[0], None)
    if h0.dim() != 3 or 0 in x.shape:
        return None
    out, hn = x.new_empty(*x.shape[:2], h0.shape[2]), torch.empty_like(h0, memory_format=torch.contiguous_format)
    cn = None if c0 is None else torch.empty_like(hn)
    threads = torch.get_num_threads()
    if not _cpu.forward(CELLS[mode], x, h0, c0, [*weights], None, out, hn, cn, None, threads):
        return None
    return (out, hn) if cn is None else (out, hn, cn)


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
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """The gradients of x, h0, c0 and the weights, each none where it is not needed."""
    check_dimensions(x, h0, c0)
    d_x = result(x.dtype, *x.shape) if needed[0] else None
    d_h0, d_c0, *d_weights = (
        torch.empty_like(t, memory_format=torch.contiguous_format) if t is not None and need else None
        for t, need in zip((h0, c0, *weights), needed[1:], strict=True)
    )
    to = d_x, d_h0, d_c0, d_weights, torch.get_num_threads()
    if not _cpu.backward(cell, x, h0, c0, weights, lengths, out, saved, d_out, d_hn, d_cn, *to):
        check_fit(cell, x, h0, c0, weights, lengths, saved, out, d_out, d_hn, d_cn)
        x, h0, c0, lengths, saved = rows(x), dense(h0), dense(c0), dense(lengths), dense(saved)
        out, d_out, d_hn, d_cn = rows(out), rows(d_out), dense(d_hn), dense(d_cn)
        weights = [dense(w) for w in weights]
        if not _cpu.backward(cell, x, h0, c0, weights, lengths, out, saved, d_out, d_hn, d_cn, *to):
            raise unreadable()
    return [d_x, d_h0, d_c0, *d_weights]


def result(dtype: torch.dtype, T: int, B: int, N: int) -> Tensor:
    """Room for what a training step makes, [T, B, N].

    Where it is large, from the pool: malloc gives such memory back to the system, which clears it page by page when the
    next step asks again.
    """
    precise = dtype == torch.float64
    if T * B * N * (8 if precise else 4) < LARGE:
        return torch.empty(T, B, N, dtype=dtype, device="cpu")
    made = _cpu.result(precise, T, B, N)
    if torch.are_deterministic_algorithms_enabled() and torch.utils.deterministic.fill_uninitialized_memory:  # type: ignore[attr-defined]
        made.fill_(math.nan)  # as torch.empty does
    return made


LARGE = 1 << 18  # bytes


def buffer(mode: str, state: Tensor, steps: int) -> Tensor | None:
    """Memory for what all directions keep for backward over so many real steps of all sequences."""
    size = saved_bytes(CELLS[mode], state, steps)
    return _cpu.buffer(size) if size else None


def saved_bytes(cell: int, state: Tensor, steps: int) -> int:
    """Whole vectors of units for every step, by direction."""
    if not (vectors := SAVED_VECTORS[cell]):
        return 0
    D, _, H = state.shape
    width = VECTOR_BYTES // state.element_size()
    return D * steps * ((H + width - 1) // width) * vectors * VECTOR_BYTES


VECTOR_BYTES = 0 if _cpu is None else _cpu.vector_bytes()
SAVED_VECTORS = [] if _cpu is None else [_cpu.saved_vectors(cell) for cell in CELLS.values()]


def instruction_set() -> str | None:
    """The one that the kernels run on: avx512, avx2 or generic; none where they are missing."""
    return None if _cpu is None else str(_cpu.isa())


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
