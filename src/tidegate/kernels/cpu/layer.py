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
from tidegate.kernels.stack import QUIET, Direction, Noise, check_range, without_padding

try:
    engine: Any = import_module("tidegate.kernels.cpu._cpu")
except ImportError as error:
    engine = None
    MISSING: str | None = (
        f"the compiled kernels are missing ({error}); install tidegate again where a C++ compiler is found"
    )
else:
    MISSING = None
    if hasattr(Tensor, "__dlpack_c_exchange_api__"):
        engine.exchange_through(Tensor.__dlpack_c_exchange_api__)

State = tuple[Tensor, ...]
Maybe = TypeVar("Maybe", Tensor, "Tensor | None")
Weights = list["Tensor | None"]  # w_ih, w_hh, b_ih, b_hh and, where h is projected, w_hr of each direction
Gradients = Sequence["Tensor | None"]  # of the output, hn, cn and the c of all steps

CELLS = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
PLAIN = {Tensor, nn.Parameter, type(None)}


def layer(
    mode: str,
    x: Tensor,
    state: State,
    weights: Weights,
    lengths: Tensor | None,
    noise: Weights | None = None,
    c_of_all_steps: bool = False,
) -> tuple[Tensor, ...]:
    """x [T, B, I] and a state of [D, B, H] tensors to the output [T, B, D*H], the final state and, where it is wanted,
    the c of all steps [T, B, D*H].

    `lengths` may be pieces (see stack.py), `noise` has drop, hold_h and hold_c of each direction or is empty.
    Where a compiler or a mode watches the operators it is one operator, `tidegate::layer`. Otherwise the kernels are
    called without PyTorch's dispatcher, which costs more than a short sequence does.
    """
    h0, c0 = state if len(state) == 2 else (state[0], None)
    save = torch.is_grad_enabled() and (
        x.requires_grad or h0.requires_grad or any(t is not None and t.requires_grad for t in (c0, *weights))
    )
    noise = noise or []
    if is_watched((x, lengths, h0, c0, *weights, *noise)):
        out, hn, cn, c_out, _ = torch.ops.tidegate.layer(x, h0, c0, weights, lengths, mode, save, noise, c_of_all_steps)
        results = (out, hn, None if c0 is None else cn, c_out if c_of_all_steps else None)
    elif save:
        return Layer.apply(mode, lengths, noise, c_of_all_steps, x, h0, c0, *weights)
    else:
        results = forward(CELLS[mode], x, h0, c0, weights, lengths, noise=noise, c_of_all_steps=c_of_all_steps)
    return tuple(result for result in results if result is not None)


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
        ctx: Any,
        mode: str,
        lengths: Tensor | None,
        noise: Weights,
        c_of_all_steps: bool,
        x: Tensor,
        h0: Tensor,
        c0: Tensor | None,
        *weights: Tensor | None,
    ) -> tuple[Tensor, ...]:
        saved = buffer(mode, cell_state(h0, c0), real_steps(x, lengths), is_noisy(noise))
        out, *others = forward(
            CELLS[mode], x, h0, c0, list(weights), lengths, saved, noise, pooled=True, c_of_all_steps=c_of_all_steps
        )
        ctx.set_materialize_grads(False)
        ctx.mode, ctx.number_of_weights = mode, len(weights)
        # torch.nn lets its output be changed in place, as by relu_. So it is kept without PyTorch's check of that,
        # beside a tensor that shares its count of changes and not its memory.
        ctx.save_for_backward(lengths, x, h0, c0, out.data, saved, *weights, *noise)
        ctx.changes = out.detach()
        ctx.changes.data = out.new_empty(0)
        ctx.unchanged = ctx.changes._version
        return (out, *(result for result in others if result is not None))

    @staticmethod
    def backward(
        ctx: Any, d_out: Tensor | None, d_hn: Tensor | None, d_cn: Tensor | None = None, d_c_out: Tensor | None = None
    ) -> tuple:
        lengths, x, h0, c0, out, saved, *rest = ctx.saved_tensors
        weights, noise = rest[: ctx.number_of_weights], rest[ctx.number_of_weights :]
        needed = ctx.needs_input_grad[4:]
        d_all = d_out, d_hn, d_cn, d_c_out
        if needs_equations(*d_all) or not PLAIN.issuperset(map(type, d_all)):
            grads = differentiable_backward(ctx.mode, x, h0, c0, weights, lengths, noise, d_all, needed)
        else:
            cell = CELLS[ctx.mode]
            if ctx.changes._version != ctx.unchanged:
                out, *_ = forward(cell, x, h0, c0, weights, lengths, noise=noise)
            grads = backward(cell, x, h0, c0, weights, lengths, out, saved, d_all, needed, noise)
        return (None, None, None, None, *grads)


def differentiable_backward(
    mode: str,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Weights,
    lengths: Tensor | None,
    noise: Weights,
    d_all: Gradients,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """The same gradients through the equations in cells/, which every transformation of PyTorch can follow."""
    create_graph = torch.is_grad_enabled()
    d_out, d_hn, d_cn, d_c_out = d_all
    d_out, d_c_out = (None if d is None else without_padding(d, lengths) for d in (d_out, d_c_out))
    with torch.enable_grad():
        # A view of each input ends the search there: one input may have been computed from another.
        inputs = [None if t is None else t.view_as(t) for t in (x, h0, c0, *weights)]
        results = equations(mode, inputs, lengths, noise)
    gradients = (d_out, d_hn) if c0 is None else (d_out, d_hn, d_cn, d_c_out)
    pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None]
    wanted = [t for t, need in zip(inputs, needed, strict=True) if need and t is not None]
    if not pairs or not wanted:
        return [None] * len(inputs)
    outputs, gradients = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(outputs, wanted, gradients, create_graph=create_graph, allow_unused=True))
    return [next(found) if need and t is not None else None for t, need in zip(inputs, needed, strict=True)]


def equations(mode: str, inputs: Weights, lengths: Tensor | None, noise: Weights) -> list[Tensor]:
    """The output, the final state and, for an LSTM, the c of all steps, of x, h0, c0 and the weights."""
    x, h0, c0, *weights = inputs
    assert x is not None and h0 is not None
    state = (h0,) if c0 is None else (h0, c0)
    x = without_padding(x, lengths)
    of_steps, finals = [], []
    for d in range(h0.shape[0]):
        w_ih, w_hh, b_ih, b_hh, w_hr = of_direction(weights, d, h0.shape[0])
        assert w_ih is not None and w_hh is not None
        direction = Direction(w_ih, w_hh, b_ih, b_hh, w_hr)
        disturbed = Noise(*noise[3 * d : 3 * d + 3]) if noise else QUIET
        states, final = reference.recur(mode, direction, x, tuple(s[d] for s in state), lengths, d == 1, disturbed)
        of_steps.append(states)
        finals.append(final)
    out, *c_out = (torch.cat(parts, dim=-1) for parts in zip(*of_steps, strict=True))
    return [out, *(torch.stack(parts) for parts in zip(*finals, strict=True)), *c_out]


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
    noise: Weights,
    saved: Tensor | None = None,
    out: Tensor | None = None,
    d_all: Gradients = (None, None, None, None),
) -> None:
    """Refuse tensors that the kernels would read beyond.

    The layer has checked input and state of its own call. Weights may have been replaced, and before backward anything
    may, by `.data =` or by an unpack hook; and the operator may be called by anyone.
    """
    check_dimensions(x, h0, c0)
    many = 5 if len(weights) % 5 == 0 else 4
    D, (T, B, I), P, H = len(weights) // many, x.shape, h0.shape[-1], cell_state(h0, c0).shape[-1]
    pieces = lengths is not None and lengths.dim() == 2
    G, N = engine.gates(cell) * H, h0.shape[1] if pieces else B
    d_out, d_hn, d_cn, d_c_out = d_all
    wanted: list[tuple[str, Tensor | None, tuple[int, ...]]] = [
        ("x", x, (T, B, I)),
        *(("h0", h0, (D, N, P)), ("the gradient of hn", d_hn, (D, N, P))),
        *(("c0", c0, (D, N, H)), ("the gradient of cn", d_cn, (D, N, H))),
        *(("the output", out, (T, B, D * P)), ("the gradient of the output", d_out, (T, B, D * P))),
        ("the gradient of c", d_c_out, (T, B, D * H)),
    ]
    if len(noise) not in (0, 3 * D):
        raise ShapeError(got=f"{len(noise)} kinds of noise", wanted=f"0 or {3 * D}", do="call the layer itself")
    for d in range(D):
        drop, hold_h, hold_c = noise[3 * d : 3 * d + 3] or QUIET
        wanted += [("noise", drop, (B, H)), ("noise", hold_h, (T, B, H)), ("noise", hold_c, (T, B, H))]
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
    if lengths is not None:
        if lengths.shape != ((3, N) if pieces else (B,)) or lengths.dtype != torch.int64:
            raise ShapeError(
                got=f"lengths of shape {tuple(lengths.shape)} and {lengths.dtype}",
                wanted=f"({B},) and torch.int64",
                do="pass the number of real steps of each sequence",
            )
        check_range(lengths, T, B)
    least = saved_bytes(cell, cell_state(h0, c0), real_steps(x, lengths), is_noisy(noise))
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
    noise: Weights | None = None,
    *,
    pooled: bool = False,
    c_of_all_steps: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """The output, from the pool where it is asked for, the final state, and the c of all steps where it is wanted; what
    backward needs goes to `saved`, where anything is kept.
    """
    T, B, _ = x.shape
    D, N, P = h0.shape
    out = result(x.dtype, T, B, D * P) if pooled else x.new_empty(T, B, D * P)
    hn = x.new_empty(D, N, P)
    cn = None if c0 is None else x.new_empty(D, N, c0.shape[2])
    c_out = x.new_empty(T, B, D * c0.shape[2]) if c_of_all_steps and c0 is not None else None
    if leaves_gaps(x, lengths):
        for cleared in (out, c_out):
            if cleared is not None:
                cleared.zero_()
    threads, noise = torch.get_num_threads(), noise or []
    to = out, c_out, hn, cn, saved, threads
    if not engine.forward(cell, x, h0, c0, weights, lengths, noise, *to):
        check_fit(cell, x, h0, c0, weights, lengths, noise, saved)
        x, h0, c0, lengths = rows(x), dense(h0), dense(c0), dense(lengths)
        weights, noise = [dense(w) for w in weights], [as_noise(part) for part in noise]
        if not engine.forward(cell, x, h0, c0, weights, lengths, noise, *to):
            raise unreadable()
    return out, hn, cn, c_out


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
    if not engine.forward(CELLS[mode], x, h0, c0, [*weights], None, [], out, None, hn, cn, None, threads):
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
    d_all: Gradients,
    needed: Sequence[bool],
    noise: Weights,
) -> list[Tensor | None]:
    """The gradients of x, h0, c0 and the weights, each none where it is not needed."""
    check_dimensions(x, h0, c0)
    d_out, d_hn, d_cn, d_c_out = d_all
    d_x = result(x.dtype, *x.shape) if needed[0] else None
    d_h0, d_c0, *d_weights = (
        torch.empty_like(t, memory_format=torch.contiguous_format) if t is not None and need else None
        for t, need in zip((h0, c0, *weights), needed[1:], strict=True)
    )
    if d_x is not None and leaves_gaps(x, lengths):
        d_x.zero_()
    to = d_x, d_h0, d_c0, d_weights, torch.get_num_threads()
    if not engine.backward(cell, x, h0, c0, weights, lengths, noise, out, saved, d_out, d_c_out, d_hn, d_cn, *to):
        check_fit(cell, x, h0, c0, weights, lengths, noise, saved, out, d_all)
        x, h0, c0, lengths, saved = rows(x), dense(h0), dense(c0), dense(lengths), dense(saved)
        out, d_out, d_c_out, d_hn, d_cn = rows(out), rows(d_out), rows(d_c_out), dense(d_hn), dense(d_cn)
        weights, noise = [dense(w) for w in weights], [as_noise(part) for part in noise]
        if not engine.backward(cell, x, h0, c0, weights, lengths, noise, out, saved, d_out, d_c_out, d_hn, d_cn, *to):
            raise unreadable()
    return [d_x, d_h0, d_c0, *d_weights]


def as_noise(part: Tensor | None) -> Tensor | None:
    """A part of the noise as the kernels read it."""
    return dense(part) if part is None or part.dim() == 2 else rows(part)


def is_noisy(noise: Weights) -> bool:
    return any(part is not None for part in noise)


def real_steps(x: Tensor, lengths: Tensor | None) -> int:
    """The steps of all sequences together; lengths [B], pieces [3, N], or none."""
    if lengths is None:
        return x.shape[0] * x.shape[1]
    return int((lengths[2] if lengths.dim() == 2 else lengths).sum())


def leaves_gaps(x: Tensor, lengths: Tensor | None) -> bool:
    """Whether there are steps that no piece covers, which the kernels leave alone."""
    return lengths is not None and lengths.dim() == 2 and real_steps(x, lengths) < x.shape[0] * x.shape[1]


def result(dtype: torch.dtype, T: int, B: int, N: int) -> Tensor:
    """Room for what a training step makes, [T, B, N].

    Where it is large, from the pool: malloc gives such memory back to the system, which clears it page by page when the
    next step asks again.
    """
    precise = dtype == torch.float64
    if T * B * N * (8 if precise else 4) < LARGE:
        return torch.empty(T, B, N, dtype=dtype, device="cpu")
    made = engine.result(precise, T, B, N)
    if torch.are_deterministic_algorithms_enabled() and torch.utils.deterministic.fill_uninitialized_memory:  # type: ignore[attr-defined]
        made.fill_(math.nan)  # as torch.empty does
    return made


LARGE = 1 << 18  # bytes


def buffer(mode: str, state: Tensor, steps: int, noisy: bool) -> Tensor | None:
    """Memory for what all directions keep for backward over so many real steps of all sequences."""
    size = saved_bytes(CELLS[mode], state, steps, noisy)
    return engine.buffer(size) if size else None


def saved_bytes(cell: int, state: Tensor, steps: int, noisy: bool) -> int:
    """Whole vectors of units for every step, by direction."""
    if not (vectors := SAVED_VECTORS[noisy][cell]):
        return 0
    D, _, H = state.shape
    width = VECTOR_BYTES // state.element_size()
    return D * steps * ((H + width - 1) // width) * vectors * VECTOR_BYTES


VECTOR_BYTES = 0 if engine is None else engine.vector_bytes()
SAVED_VECTORS = (
    []
    if engine is None
    else [[engine.saved_vectors(cell, noisy) for cell in CELLS.values()] for noisy in (False, True)]
)


def instruction_set() -> str | None:
    """The one that the kernels run on: avx512, avx2 or generic; none where they are missing."""
    return None if engine is None else str(engine.isa())


def choose_isa(name: str) -> None:
    """Run on another instruction set from now on; what one of them has saved, another cannot read."""
    global VECTOR_BYTES
    if name not in engine.choices():
        raise ConfigError(
            got=f"the instruction set {name!r}",
            wanted=f"one that this machine has: {', '.join(engine.choices())}",
            do="set TIDEGATE_ISA to one of them, or not at all",
        )
    engine.choose(name)
    VECTOR_BYTES = engine.vector_bytes()


if engine is not None and (isa := os.environ.get("TIDEGATE_ISA")):
    choose_isa(isa)
