"""What a call asks of a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from tidegate.kernels.stack import NOTHING, Extras


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
