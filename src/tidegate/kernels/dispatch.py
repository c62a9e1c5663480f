"""Which backend runs this call, and why the others do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import Tensor, nn

from tidegate.errors import BackendError
from tidegate.kernels import cpu, reference, torch_nn
from tidegate.kernels.request import Request
from tidegate.kernels.stack import Extras

State = tuple[Tensor, ...]
Run = Callable[[nn.RNNBase, Tensor, State, "Tensor | None", Extras], tuple[Tensor, State, "State | None"]]


@dataclass(frozen=True)
class Backend:
    """A way to run a whole recurrent layer.

    `run(module, x, state, lengths, extras)` takes x [T, B, I], a state of [L*D, B, H] tensors and lengths [B] on the
    CPU or none, and returns the output [T, B, D*H], the final state and, where they are wanted, all states of
    [L*D, T, B, H] tensors. In place of lengths there may be pieces (see stack.py), with a state for each.
    """

    name: str
    what: str
    why_not: Callable[[Request], str | None]
    """The reason why it cannot run a call; none means that it can."""
    run: Run


BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend("cpu", cpu.WHAT, cpu.why_not, cpu.run),
        Backend("torch", "torch.nn's own: cuDNN on a GPU, oneDNN or ATen on a CPU", torch_nn.why_not, torch_nn.run),
        Backend("reference", "the equations in cells/, step by step", lambda request: None, reference.run),
    )
}

FROM_ENVIRONMENT = os.environ.get("TIDEGATE_BACKEND") or "auto"
_wanted: ContextVar[str | None] = ContextVar("tidegate_backend", default=None)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Run every layer inside the block on one backend.

    The environment variable TIDEGATE_BACKEND does the same for a whole process.

    Args:
        name: `cpu` for the fused kernels, `torch` for torch.nn's own code, `reference` for the equations step by step,
            or `auto` to choose by the call again.

    Raises:
        BackendError: the name is unknown. Each layer call inside the block raises it too, if the backend cannot run it.

    >>> import torch, tidegate
    >>> with tidegate.use_backend("reference"):
    ...     output, h_n = tidegate.GRU(3, 5)(torch.zeros(7, 2, 3))
    >>> output.shape
    torch.Size([7, 2, 5])
    """
    _known(name)
    token = _wanted.set(name)
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted_backend() -> str:
    """The name asked for by `use_backend` or TIDEGATE_BACKEND, else `auto`."""
    return _wanted.get() or FROM_ENVIRONMENT


# What torch.compiler.assume_constant_result sets, which would import the whole compiler: a compiled layer keeps the
# backend that was wanted while it was compiled.
wanted_backend._dynamo_marked_constant = True  # type: ignore[attr-defined]


def choose(request: Request, wanted: str | None = None) -> Backend:
    """Return the backend for this call; raise BackendError when a named one cannot run it."""
    wanted = wanted or wanted_backend()
    if wanted == "auto":
        for backend in BACKENDS.values():
            if backend.why_not(request) is None:
                return backend
    _known(wanted)
    backend = BACKENDS[wanted]
    if reason := backend.why_not(request):
        raise BackendError(
            got=f"a call that backend {wanted!r} cannot run: {reason}",
            wanted="a call within its limits",
            do="choose backend 'auto', which falls back by itself",
        )
    return backend


def _known(name: str) -> None:
    if name != "auto" and name not in BACKENDS:
        raise BackendError(
            got=f"the backend {name!r}",
            wanted=f"one of auto, {', '.join(BACKENDS)}",
            do="correct the name, or unset TIDEGATE_BACKEND if it comes from there",
        )
