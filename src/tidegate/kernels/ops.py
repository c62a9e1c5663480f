"""The C++ kernels as operators of PyTorch, opaque to torch.compile and torch.export.

Eager mode calls the kernels directly: an operator with autograd costs 10 µs a call more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from tidegate.kernels.cpu import layer as kernels

Grads = Sequence["Tensor | None"]


def _forward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    save: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One layer, both directions: the output, hn, cn (empty without one) and what backward needs."""
    out, hn, cn, saved = kernels.forward(cell, x, h0, c0, _with_biases(weights, h0), lengths, save, whole=True)
    return out, hn, _or_empty(cn, x), x.new_empty(0, dtype=torch.uint8) if saved is None else saved


def _shapes_forward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    save: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    T, B, _ = x.shape
    D, _, H = h0.shape
    size = D * kernels.saved_bytes(cell, T, B, H, None, x.dtype == torch.float64) if save else 0
    return (
        x.new_empty(T, B, D * H),
        torch.empty_like(h0, memory_format=torch.contiguous_format),
        x.new_empty(0) if c0 is None else torch.empty_like(c0, memory_format=torch.contiguous_format),
        x.new_empty(size, dtype=torch.uint8),
    )


def _backward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    out: Tensor,
    saved: Tensor,
    d_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    needed: Sequence[bool],
) -> list[Tensor]:
    """The gradients of x, h0, c0 and the weights, each empty where it is not needed."""
    all_weights = _with_biases(weights, h0)
    kept = saved if saved.numel() else None
    all_needed = [*needed[:3], *(need is not None and need for need in _with_biases(needed[3:], h0))]
    grads = kernels.backward(cell, x, h0, c0, all_weights, lengths, out, kept, d_out, d_hn, d_cn, all_needed)
    there = [True] * 3 + [weight is not None for weight in all_weights]
    return [_or_empty(grad, x) for grad, is_there in zip(grads, there, strict=True) if is_there]


def _shapes_backward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    out: Tensor,
    saved: Tensor,
    d_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    needed: Sequence[bool],
) -> list[Tensor]:
    return [
        torch.empty_like(t, memory_format=torch.contiguous_format) if need and t is not None else x.new_empty(0)
        for t, need in zip((x, h0, c0, *weights), needed, strict=True)
    ]


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.cell, x, h0, c0, weights, lengths, _ = inputs
    out, _, _, saved = output
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(saved)
    ctx.save_for_backward(x, h0, c0, lengths, out, saved, *weights)


def _differentiate(
    ctx: Any, d_out: Tensor | None, d_hn: Tensor | None, d_cn: Tensor | None, d_saved: Tensor | None
) -> tuple[Any, ...]:
    x, h0, c0, lengths, out, saved, *weights = ctx.saved_tensors
    needed = [t is not None and t.requires_grad for t in (x, h0, c0, *weights)]
    if c0 is None:
        d_cn = None
    grads = torch.ops.tidegate.rnn_layer_backward(
        ctx.cell, x, h0, c0, weights, lengths, out, saved, d_out, d_hn, d_cn, needed
    )
    d_x, d_h0, d_c0, *d_weights = (grad if need else None for grad, need in zip(grads, needed, strict=True))
    return None, d_x, d_h0, d_c0, d_weights, None, None


def _with_biases(values: Sequence[Any], h0: Tensor) -> list[Any]:
    """Four for each direction: none stands for the biases of a layer that has none.

    The operator takes a list without gaps, because autograd's registration does not know lists with none in them.
    """
    D = h0.shape[0]
    if len(values) == 4 * D:
        return list(values)
    return [value for d in range(D) for value in (*values[2 * d : 2 * d + 2], None, None)]


def _or_empty(tensor: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if tensor is None else tensor


_STATE = "int cell, Tensor x, Tensor h0, Tensor? c0, Tensor[] weights, Tensor? lengths"
_RESULTS = "Tensor out, Tensor saved, Tensor? d_out, Tensor? d_hn, Tensor? d_cn"

rnn_layer = torch.library.custom_op(
    "tidegate::rnn_layer",
    _forward,
    mutates_args=(),
    device_types="cpu",
    schema=f"({_STATE}, bool save) -> (Tensor, Tensor, Tensor, Tensor)",
)
rnn_layer.register_fake(_shapes_forward)
rnn_layer.register_autograd(_differentiate, setup_context=_remember)

rnn_layer_backward = torch.library.custom_op(
    "tidegate::rnn_layer_backward",
    _backward,
    mutates_args=(),
    device_types="cpu",
    schema=f"({_STATE}, {_RESULTS}, bool[] needed) -> Tensor[]",
)
rnn_layer_backward.register_fake(_shapes_backward)


class _AllowRNN(MetaPathFinder):
    """Lets torch.compile into recurrent layers, which it refuses by their class, as soon as it is imported.

    Importing it here to say so would cost every program a second.
    """

    MODULE = "torch._dynamo.config"

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_allow(module: ModuleType) -> None:
                load(module)
                module.allow_rnn = True  # type: ignore[attr-defined]

            spec.loader.exec_module = load_and_allow  # type: ignore[method-assign]
        return spec


if _AllowRNN.MODULE in sys.modules:
    sys.modules[_AllowRNN.MODULE].allow_rnn = True  # type: ignore[attr-defined]
else:
    sys.meta_path.insert(0, _AllowRNN())
