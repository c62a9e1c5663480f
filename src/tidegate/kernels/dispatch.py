"""Which backend runs this call, and why the others do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from tidegate.errors import BackendError
from tidegate.kernels import cpu, reference, torch_nn
from tidegate.kernels.stack import NOTHING, Extras

State = tuple[Tensor, ...]
Run = Callable[[nn.RNNBase, Tensor, State, "Tensor | None", Extras], tuple[Tensor, State, "State | None"]]


class Request(NamedTuple):
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
    recorded: bool = False
    """Whether torch.export or torch.jit.trace is recording operators."""
    noisy: bool = False
    """Whether there is recurrent dropout or zoneout."""
    states: bool = False
    """Whether the states of all steps and layers are wanted."""

    @classmethod
    def of(
        cls, module: nn.RNNBase, weights: list[Tensor], x: Tensor, lengths: Tensor | None, extras: Extras = NOTHING
    ) -> Request:
        """Describe a call: all weights of the module, x [T, B, I], lengths [B], pieces [3, N], or none."""
        T, B, _ = x.shape
        device, ragged = "cpu" if x.is_cpu else x.device.type, lengths is not None
        transformed, recorded = is_transformed(), is_recorded()
        return cls(
            module.mode,
            device,
            weights[0].dtype,
            module.proj_size,
            B,
            T,
            ragged,
            transformed,
            recorded,
            bool(extras.noise),
            extras.states,
        )


def is_transformed() -> bool:
    if torch.compiler.is_compiling():
        return False
    return torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


def is_recorded() -> bool:
    return is_exporting() or torch._C._get_tracing_state() is not None


# Absent before torch 2.7, where an exported program holds our operator.
is_exporting: Callable[[], bool] = getattr(torch.compiler, "is_exporting", lambda: False)


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
