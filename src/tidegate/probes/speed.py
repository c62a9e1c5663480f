"""How fast a layer trains and streams on this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tidegate.probes.race import timed


@dataclass(frozen=True)
class Speed:
    """Medians with the 20th and 80th percentile."""

    sequences_per_second: tuple[float, float, float]
    """Training, forward and backward: low, median, high."""
    microseconds_per_step: tuple[float, float, float]
    """Streaming one step of one sequence in inference mode: low, median, high."""


LEAST_SECONDS = 0.2
"""Of each measurement, so that the spread between rounds is that of the machine and not of a moment."""


def speed(layer: nn.RNNBase, seq_len: int, batch_size: int, repeats: int = 20) -> Speed:
    """Time training on a batch, and streaming step by step, after a warm-up.

    Args:
        layer: any RNN, LSTM or GRU of torch.nn or tidegate.
        seq_len: number of steps of the training sequences.
        batch_size: number of training sequences.
        repeats: least number of timed repetitions; they go on until LEAST_SECONDS have passed.

    >>> from torch import nn
    >>> from tidegate.probes import speed
    >>> measured = speed(nn.GRU(2, 4), seq_len=5, batch_size=3, repeats=3)
    >>> bool(measured.sequences_per_second[1] > 0)
    True
    """
    x = torch.randn(seq_len, batch_size, layer.input_size)
    one = torch.randn(1, 1, layer.input_size)
    # torch.nn takes the batch where the layer was told that it stands.
    if layer.batch_first:
        x, one = x.transpose(0, 1), one.transpose(0, 1)

    def train() -> None:
        layer.zero_grad()
        output, _ = layer(x)
        output.sum().backward()

    state = None

    @torch.inference_mode()
    def stream() -> None:
        nonlocal state
        for _ in range(50):
            _, state = layer(one, state)

    training, streaming = (_repeated(call, repeats) for call in (train, stream))
    low, mid, high = np.quantile(training, (0.8, 0.5, 0.2)).tolist()
    layer.zero_grad()
    return Speed(
        (batch_size / low, batch_size / mid, batch_size / high),
        tuple((1e6 / 50 * np.quantile(streaming, (0.2, 0.5, 0.8))).tolist()),
    )


def _repeated(call: Callable[[], None], repeats: int) -> list[float]:
    """The seconds of each call, without the first three."""
    for _ in range(3):
        call()
    seconds: list[float] = []
    total = 0.0
    while len(seconds) < repeats or total < LEAST_SECONDS:
        seconds.append(timed(call))
        total += seconds[-1]
    return seconds


def machine() -> dict[str, str | int]:
    """Describe this machine: the processor, its cores, the threads in use, and the versions of Python and torch.

    >>> from tidegate.probes import machine
    >>> sorted(machine())
    ['cores', 'cpu', 'python', 'threads', 'torch']
    """
    return {
        "cpu": processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def processor() -> str:
    """The processor's name with its family and model: a rented machine may call many kinds by one name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    kind = [f"{word.split()[-1]} {facts[word]}" for word in ("cpu family", "model") if word in facts]
    return f"{facts['model name']} ({', '.join(kind)})" if kind else facts["model name"]
