"""One layer, both directions, through the C++ kernels: checked tensors become addresses here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from itertools import cycle
from typing import Any

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
Weights = list["Tensor | None"]  # w_ih, w_hh, b_ih, b_hh and, where h is projected, w_hr of each direction

CELLS = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
GATES = (1, 1, 4, 3)
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
        out, hn, cn = forward(CELLS[mode], x, h0, c0, list(weights), lengths, saved, training=True)
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
                check_fit(CELLS[ctx.mode], x, h0, c0, weights, lengths, out)
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


def prepare(cell: int, x: Tensor, H: int, P: int, weights: Weights) -> tuple[Weights, list[int]]:
    """The weights, contiguous, and where each begins; refused where they were replaced by others that the kernels would
    read beyond.
    """
    G, dtype = GATES[cell] * H, x.dtype
    shapes: tuple[tuple[int, ...], ...] = ((G, x.shape[2]), (G, P), (G,), (G,))
    if len(weights) % 5 == 0:
        shapes = (*shapes, (P, H))
    found = _cpu.addresses(weights, shapes, dtype is torch.float64)
    if found is not None:
        return weights, found
    for w, shape in zip(weights, cycle(shapes), strict=False):
        if w is not None and (w.shape != shape or w.dtype is not dtype or not w.is_cpu):
            raise ShapeError(
                got=f"a weight of shape {tuple(w.shape)}, {w.dtype} on {w.device}",
                wanted=f"{shape}, {dtype} on cpu, as the input and the sizes of the layer have it",
                do="replace the weights of the layer by ones of its sizes, all of one dtype",
            )
    ready = [None if w is None else dense(w) for w in weights]
    return ready, [at(w) for w in ready]


def check_fit(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    out: Tensor | None = None,
    saved: Tensor | None = None,
) -> None:
    """Refuse tensors that the kernels would read beyond.

    The layer has checked those of its own call. What backward finds may have been replaced since, by `.data =` or by an
    unpack hook, and the operator may be called by anyone.
    """
    D, T, B = len(weights) // (5 if len(weights) % 5 == 0 else 4), *x.shape[:2]
    P = h0.shape[-1]
    H = P if c0 is None else c0.shape[-1]
    wanted = {"x": (x, (T, B, x.shape[-1])), "h0": (h0, (D, B, P))}
    if c0 is not None:
        wanted["c0"] = c0, (D, B, H)
    if out is not None:
        wanted["the output"] = out, (T, B, D * P)
    for name, (tensor, shape) in wanted.items():
        if tensor.shape != shape or tensor.dtype != x.dtype or not tensor.is_cpu:
            raise ShapeError(
                got=f"{name} of shape {tuple(tensor.shape)}, {tensor.dtype} on {tensor.device}",
                wanted=f"{shape}, {x.dtype} on cpu, as the other tensors have it",
                do="leave tensors as they are until backward has run",
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
    if saved is not None and (saved.dtype != torch.uint8 or saved.numel() < least):
        raise ShapeError(
            got=f"{saved.numel()} saved numbers of {saved.dtype}",
            wanted=f"{least} of torch.uint8, as forward saved them",
            do="correct the unpack hook of torch.autograd.graph.saved_tensors_hooks",
        )


def at(tensor: Tensor | None) -> int:
    """Where the numbers of a tensor begin."""
    if tensor is None:
        return 0
    address = tensor.data_ptr()
    if not address and tensor.numel():
        raise ShapeError(
            got=f"a tensor of shape {tuple(tensor.shape)} whose memory was freed",
            wanted="its numbers",
            do="leave its storage alone until backward has run",
        )
    return address


def dense(tensor: Tensor) -> Tensor:
    """The tensor with its numbers in memory as they are: in order, none left out as zero or waiting to be negated."""
    if tensor._is_zerotensor():
        return tensor.clone()
    return tensor.resolve_neg().contiguous() if tensor.is_neg() else tensor.contiguous()


def rows(tensor: Tensor) -> Tensor:
    """A [T, B, N] tensor whose rows are dense; steps and sequences may have any stride."""
    stand_together = tensor.is_contiguous() or tensor.stride(2) == 1 or tensor.shape[2] == 1
    return tensor if stand_together and not (tensor.is_neg() or tensor._is_zerotensor()) else dense(tensor)


def forward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    saved: Tensor | None = None,
    *,
    training: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The output and the final state; what backward needs goes to `saved`, where the cell keeps anything."""
    T, B, I = x.shape
    D, _, P = h0.shape
    H = P if c0 is None else c0.shape[2]
    weights, places = prepare(cell, x, H, P, weights)
    x, h0 = rows(x), dense(h0)
    out = result(x.dtype, T, B, D * P) if training else x.new_empty(T, B, D * P)
    hn, cn = torch.empty_like(h0), None
    if c0 is not None:
        c0 = dense(c0)
        cn = torch.empty_like(c0)
    number = x.element_size()
    precise = number == 8
    step, sequence, _ = x.stride()
    size = 0 if saved is None else saved.numel() // D
    h_bytes, c_bytes, many = B * P * number, B * H * number, len(weights) // D
    for d in range(D):
        w_ih, w_hh, b_ih, b_hh, *w_hr = places if D == 1 else places[many * d : many * (d + 1)]
        _cpu.forward(
            cell, precise, T, B, I, H, at(lengths), d == 1, torch.get_num_threads(),
            at(x), step, sequence, w_ih, w_hh, b_ih, b_hh,
            at(h0) + d * h_bytes, 0 if c0 is None else at(c0) + d * c_bytes,
            out.data_ptr() + d * P * number, B * D * P, D * P,
            hn.data_ptr() + d * h_bytes, 0 if cn is None else cn.data_ptr() + d * c_bytes,
            0 if saved is None else saved.data_ptr() + d * size,
            *((P, *w_hr) if w_hr else ()),
        )  # fmt: skip
    return out, hn, cn


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
    check_fit(cell, x, h0, c0, weights, lengths, out, saved)
    T, B, I = x.shape
    D, _, P = h0.shape
    H = cell_state(h0, c0).shape[2]
    weights, places = prepare(cell, x, H, P, weights)
    x, out, h0 = rows(x), rows(out), dense(h0)
    lengths = None if lengths is None else dense(lengths)
    c0 = None if c0 is None else dense(c0)
    d_out = None if d_out is None else rows(d_out)
    d_hn = None if d_hn is None else dense(d_hn)
    d_cn = None if d_cn is None else dense(d_cn)
    precise, number, threads = x.dtype == torch.float64, x.element_size(), torch.get_num_threads()
    size = 0 if saved is None else saved.numel() // D
    h_bytes, c_bytes, many = B * P * number, B * H * number, len(weights) // D
    d_x = result(x.dtype, T, B, I) if needed[0] else None
    d_h0 = torch.empty_like(h0) if needed[1] else None
    d_c0 = torch.empty_like(c0) if c0 is not None and needed[2] else None
    d_weights = [
        torch.empty_like(w, memory_format=torch.contiguous_format) if w is not None and need else None
        for w, need in zip(weights, needed[3:], strict=True)
    ]

    def part(tensor: Tensor | None, d: int, step: int) -> int:
        return 0 if tensor is None else at(tensor) + d * step

    for d in range(D):
        w_ih, w_hh, _, _, *w_hr = places[many * d : many * (d + 1)]
        d_w_ih, d_w_hh, d_b_ih, d_b_hh, *d_w_hr = (at(w) for w in d_weights[many * d : many * (d + 1)])
        _cpu.backward(
            cell, precise, T, B, I, H, at(lengths), d == 1, threads,
            at(x), x.stride(0), x.stride(1), w_ih, w_hh,
            part(h0, d, h_bytes), part(c0, d, c_bytes),
            part(out, d, P * number), out.stride(0), out.stride(1), part(saved, d, size),
            part(d_out, d, P * number),
            0 if d_out is None else d_out.stride(0), 0 if d_out is None else d_out.stride(1),
            part(d_hn, d, h_bytes), part(d_cn, d, c_bytes),
            at(d_x), B * I, I, d == 1,
            d_w_ih, d_w_hh, d_b_ih, d_b_hh,
            part(d_h0, d, h_bytes), part(d_c0, d, c_bytes),
            *((P, *w_hr, *d_w_hr) if w_hr else ()),
        )  # fmt: skip
    return [d_x, d_h0, d_c0, *d_weights]


def result(dtype: torch.dtype, T: int, B: int, N: int) -> Tensor:
    """Room for what a training step makes, [T, B, N].

    Where it is large, from the pool: malloc gives such memory back to the system, which clears it page by page when the
    next step asks again.
    """
    precise = dtype == torch.float64
    if T * B * N * (8 if precise else 4) < LARGE:
        return torch.empty(T, B, N, dtype=dtype, device="cpu")
    return _cpu.result(precise, T, B, N)


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
