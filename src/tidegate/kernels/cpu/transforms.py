"""The kernels under `torch.func`: `grad`, and `vmap` of it for the gradients of each sample.

A batch of samples runs as one batch of the kernels. The gradients of the weights, which the kernels sum over their
batch, are taken sample by sample. `grad` nested in itself and forward mode need the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from tidegate.kernels.cpu import layer as kernels


def is_followed() -> bool:
    """Whether these are the transformations at work: one `grad`, one `vmap`, or one in the other."""
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is None:
        return False
    stack = torch._C._functorch.get_interpreter_stack()
    if not stack or forward_ad._current_level >= 0:
        return False
    keys = [interpreter.key() for interpreter in stack]
    kinds = torch._C._functorch.TransformType
    return len(set(keys)) == len(keys) and set(keys) <= {kinds.Grad, kinds.Vmap}


def _remember(ctx: Any, inputs: tuple, output: tuple) -> None:
    ctx.mode, *tensors = inputs
    ctx.save_for_backward(*tensors)


class Transformed(torch.autograd.Function):
    """One layer: x [T, B, I], h0, c0 [D, B, H] and the weights to the output, hn and, for an LSTM, cn."""

    @staticmethod
    def forward(mode: str, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Tensor | None) -> tuple[Tensor, ...]:
        results = kernels.forward(kernels.CELLS[mode], x, h0, c0, list(weights), None)
        return tuple(result for result in results if result is not None)

    setup_context = staticmethod(_remember)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor, d_hn: Tensor, d_cn: Tensor | None = None) -> tuple:
        x, h0, c0, *weights = ctx.saved_tensors
        found = iter(Gradients.apply(ctx.mode, d_out, d_hn, d_cn, x, h0, c0, *weights))
        return (None, *(None if t is None else next(found) for t in (x, h0, c0, *weights)))

    @staticmethod
    def vmap(info: Any, in_dims: tuple, mode: str, *tensors: Any) -> tuple:
        V, (_, *dims) = info.batch_size, in_dims
        if any(dim is not None for dim in dims[3:]):
            return _by_sample(Transformed, V, dims, mode, tensors)
        (x, h0, c0), weights = tensors[:3], tensors[3:]
        merged = [_merged(t, dim, V) for t, dim in zip((x, h0, c0), dims, strict=False)]
        results = Transformed.apply(mode, *merged, *weights)
        return tuple(result.unflatten(1, (V, -1)) for result in results), (1,) * len(results)


class Gradients(torch.autograd.Function):
    """The gradients of x, h0, c0 and the weights, of those that there are, in this order."""

    @staticmethod
    def forward(
        mode: str, d_out: Tensor, d_hn: Tensor, d_cn: Tensor | None, x: Tensor, h0: Tensor, c0: Tensor | None,
        *weights: Tensor | None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        cell = kernels.CELLS[mode]
        saved = kernels.buffer(mode, kernels.cell_state(h0, c0), x.shape[0] * x.shape[1], False)
        out, *_ = kernels.forward(cell, x, h0, c0, list(weights), None, saved)
        needed = [t is not None for t in (x, h0, c0, *weights)]
        d_all = d_out.contiguous(), d_hn.contiguous(), None if d_cn is None else d_cn.contiguous(), None
        grads = kernels.backward(cell, x, h0, c0, list(weights), None, out, saved, d_all, needed, [])
        return tuple(grad for grad in grads if grad is not None)

    setup_context = staticmethod(_remember)

    @staticmethod
    def backward(ctx: Any, *second: Tensor) -> tuple:
        """Through the equations, where a gradient is derived once more."""
        tensors = ctx.saved_tensors
        with torch.enable_grad():
            inputs: list[Any] = [None if t is None else t.detach().requires_grad_() for t in tensors]
            d_out, d_hn, d_cn, x, h0, c0, *weights = inputs
            needed = [t is not None for t in (x, h0, c0, *weights)]
            d_all = d_out, d_hn, d_cn, None
            grads = kernels.differentiable_backward(ctx.mode, x, h0, c0, weights, None, [], d_all, needed)
        pairs = [(g, s) for g, s in zip([g for g in grads if g is not None], second, strict=True) if g.requires_grad]
        given = [t for t in inputs if t is not None]
        outputs, seconds = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(outputs, given, seconds, allow_unused=True))
        return (None, *(None if t is None else next(found) for t in inputs))

    @staticmethod
    def vmap(info: Any, in_dims: tuple, mode: str, *tensors: Any) -> tuple:
        return _by_sample(Gradients, info.batch_size, in_dims[1:], mode, tensors)


def _merged(t: Tensor | None, dim: int | None, V: int) -> Tensor | None:
    """A tensor [T, B, …] with a dimension of samples as one [T, V·B, …]."""
    if t is None:
        return None
    t = t.unsqueeze(1).expand(-1, V, *t.shape[1:]) if dim is None else t.movedim(dim, 1)
    return t.flatten(1, 2)


def _by_sample(function: Any, V: int, dims: Sequence[int | None], mode: str, tensors: Sequence[Any]) -> tuple:
    """Sample by sample, and the results side by side."""
    results = []
    for v in range(V):
        one = [t if dim is None else t.select(dim, v) for t, dim in zip(tensors, dims, strict=True)]
        results.append(function.apply(mode, *one))
    stacked = tuple(torch.stack(parts) for parts in zip(*results, strict=True))
    return stacked, (0,) * len(stacked)
