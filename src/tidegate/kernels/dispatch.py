"""Which backend runs this call, and why the others do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from tidegate.errors import BackendError
from tidegate.kernels import cpu, reference, torch_nn

State = tuple[Tensor, ...]
Run = Callable[[nn.RNNBase, Tensor, State, "Tensor | None"], tuple[Tensor, State]]


@dataclass(frozen=True)
class Request:
    """What a backend must know to say whether it can run a call."""

    mode: str
    """RNN_TANH, RNN_RELU, LSTM or GRU, as torch.nn names it."""
    device: str
    dtype: torch.dtype
    proj_size: int = 0
    batch_size: int = 1
    seq_len: int = 1
    ragged: bool = False
    transformed: bool = False
    """Whether torch.func or forward-mode differentiation is at work."""
    traced: bool = False
    """Whether torch.jit.trace is recording operators."""

    @classmethod
    def of(cls, module: nn.RNNBase, x: Tensor, lengths: Tensor | None) -> Request:
        """Describe a call: x [T, B, I], lengths [B] or none."""
        return cls(
            mode=module.mode,
            device=x.device.type,
            dtype=getattr(module, module._flat_weights_names[0]).dtype,
            proj_size=module.proj_size,
            batch_size=x.shape[1],
            seq_len=x.shape[0],
            ragged=lengths is not None,
            transformed=is_transformed(),
            traced=torch._C._get_tracing_state() is not None,
        )


def is_transformed() -> bool:
    if torch.compiler.is_compiling():
        return False
    return torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


@dataclass(frozen=True)
class Backend:
    """A way to run a whole recurrent layer.

    `run(module, x, state, lengths)` takes x [T, B, I], a state of [L*D, B, H] tensors and lengths [B] on the CPU
    or none, and returns the output [T, B, D*H] and the final state.
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

_wanted: ContextVar[str | None] = ContextVar("tidegate_backend", default=None)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Run every layer inside the block on one backend; `auto` gives the choice back.

    Raises BackendError for an unknown name, and each call raises it where that backend cannot run the call.
    The environment variable TIDEGATE_BACKEND does the same for a whole process.

    >>> import tidegate
    >>> with tidegate.use_backend("reference"):
    ...     output, h_n = tidegate.GRU(3, 5)(torch.zeros(7, 2, 3))
    """
    _known(name)
    token = _wanted.set(name)
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted_backend() -> str:
    """The name asked for by `use_backend` or TIDEGATE_BACKEND, else `auto`."""
    return _wanted.get() or os.environ.get("TIDEGATE_BACKEND") or "auto"


# What torch.compiler.assume_constant_result sets, which would import the whole compiler: a compiled layer keeps the
# backend that was wanted while it was compiled.
wanted_backend._dynamo_marked_constant = True  # type: ignore[attr-defined]


def choose(request: Request, wanted: str | None = None) -> Backend:
    """Return the backend for this call; raise BackendError when a named one cannot run it."""
    wanted = wanted or wanted_backend()
    _known(wanted)
    if wanted == "auto":
        return next(backend for backend in BACKENDS.values() if backend.why_not(request) is None)
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
