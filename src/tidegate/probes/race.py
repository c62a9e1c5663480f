"""The same layer run by several implementations: checked on the timed inputs, then timed in turns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.errors import BackendError, ConfigError
from tidegate.kernels.dispatch import choose, wanted_backend
from tidegate.kernels.request import Request
from tidegate.kernels.stack import weights_of
from tidegate.layers import layer_of
from tidegate.probes.cost import cost

CELLS = ("rnn", "lstm", "gru")
MODES = ("train", "infer")
TOLERANCE = 1e-4  # of an output's or a gradient's norm; float32 over 1,000 steps stays under a tenth of it
BURST = 30e-3  # seconds that a shorter call is repeated for in its turn: training steps follow one another too
REST = 3e-3  # seconds before a turn, in which the threads of the one before stop spinning


@dataclass(frozen=True)
class Case:
    """The sizes of a workload."""

    name: str
    T: int
    B: int
    I: int
    H: int
    L: int

    def layer(self, cell: str) -> nn.RNNBase:
        """torch.nn's layer of these sizes."""
        kinds: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
        return kinds[cell](self.I, self.H, self.L)

    def flops(self, cell: str, mode: str) -> int:
        """Of the matrix products; the gradients with respect to the input and to the weights cost the same again.

        >>> CASES["curve"].flops("gru", "infer")
        99072000
        """
        forward = 2 * self.T * self.B * cost(self.layer(cell)).macs_per_step
        return forward * (3 if mode == "train" else 1)


CASES = {
    case.name: case
    for case in (
        Case("curve", 1000, 1, 1, 128, 1),
        Case("mnist-row", 28, 128, 28, 128, 2),
        Case("mnist-pixel", 784, 64, 1, 128, 1),
        Case("charlm", 128, 32, 256, 512, 1),
        Case("stream", 100, 1, 64, 256, 1),
        Case("big", 64, 64, 512, 1024, 1),
    )
}


@dataclass(frozen=True)
class Work:
    """What every implementation is given."""

    cell: str
    mode: str
    """train: the output and the gradients of the input and of all weights; infer: the output."""
    layer: nn.RNNBase
    """torch.nn's, whose weights all share."""
    x: Tensor
    """[T, B, I]"""
    d_out: Tensor
    """[T, B, H], the gradient that reaches the output."""

    @classmethod
    def of(cls, case: Case, cell: str, mode: str, seed: int = 0) -> Work:
        """Random weights and inputs."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layer = case.layer(cell)
            x, d_out = torch.randn(case.T, case.B, case.I), torch.randn(case.T, case.B, case.H)
        return cls(cell, mode, layer, x, d_out)

    def exact(self) -> dict[str, Tensor]:
        """The results of torch.nn in float64."""
        layer = like(self.layer, type(self.layer)).double()
        return torch_entry(Work(self.cell, self.mode, layer, self.x.double(), self.d_out.double())).results()


@dataclass(frozen=True)
class Entry:
    """One implementation, ready to run."""

    run: Callable[[], Any]
    """What is timed."""
    named: Callable[[Any], dict[str, Tensor]]
    """What it returned, as `output`, `gradient of x` and the gradients of the weights by torch.nn's names."""

    def results(self) -> dict[str, Tensor]:
        return self.named(self.run())


def torch_entry(work: Work, layer: nn.RNNBase | None = None) -> Entry:
    """torch.nn, or another layer that is called as it is."""
    layer = layer or work.layer
    weights = dict(layer.named_parameters())
    names = ["output", "gradient of x", *(f"gradient of {name}" for name in weights)]
    x = work.x.clone().requires_grad_(work.mode == "train")
    leaves = [x, *weights.values()]

    def train() -> tuple[Tensor, ...]:
        output, _ = layer(x)
        return output.detach(), *torch.autograd.grad(output, leaves, work.d_out)

    @torch.inference_mode()
    def infer() -> tuple[Tensor, ...]:
        return (layer(x)[0],)

    return Entry(train if work.mode == "train" else infer, lambda found: dict(zip(names, found, strict=False)))


def tidegate_entry(work: Work) -> Entry:
    """Our layer as users call it; raises BackendError where that would not be on the fused kernels."""
    layer = like(work.layer, layer_of(work.cell))
    request = Request.of(layer, weights_of(layer), work.x, None)
    if choose(request) is not choose(request, "cpu"):
        raise BackendError(got=f"the backend {wanted_backend()!r}", wanted="'cpu'", do="unset TIDEGATE_BACKEND")
    return torch_entry(work, layer)


def like(layer: nn.RNNBase, kind: Callable[..., nn.RNNBase]) -> nn.RNNBase:
    """A layer of a class, with this one's sizes and weights."""
    other = kind(layer.input_size, layer.hidden_size, layer.num_layers)
    other.load_state_dict(layer.state_dict())
    return other


ENTRIES: dict[str, Callable[[Work], Entry]] = {"tidegate": tidegate_entry, "torch": torch_entry}


def errors(found: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> dict[str, float]:
    """How far each result is from the exact one, as a share of its norm.

    >>> errors({"output": torch.tensor([3.0, 4.4])}, {"output": torch.tensor([3.0, 4.0])})["output"]
    0.08
    """
    if found.keys() != exact.keys():
        raise BackendError(
            got=f"results named {', '.join(found)}", wanted=", ".join(exact), do="correct the implementation"
        )
    distances = {name: float((found[name].double() - value).norm() / value.norm()) for name, value in exact.items()}
    return {name: float(f"{distance:.4g}") for name, distance in distances.items()}


def check(name: str, found: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> None:
    """Raise BackendError where a result is not right: its time would mean nothing."""
    for result, error in errors(found, exact).items():
        if not error <= TOLERANCE:
            raise BackendError(
                got=f"{name}: {result} {error:.1e} of its norm away from float64",
                wanted=f"at most {TOLERANCE:.0e}",
                do="correct the implementation before timing it",
            )


def beside_torch(cases: Sequence[str], cells: Sequence[str], *, seconds: float) -> Iterator[dict[str, Any]]:
    """Race our layer against torch.nn's on every case, cell and mode: a row each with the quantiles of both.

    Raises ConfigError for an unknown name, and BackendError where the kernels cannot run or a result is not right.
    """
    for name, given, known in (("case", cases, tuple(CASES)), ("cell", cells, CELLS)):
        for one in given:
            if one not in known:
                raise ConfigError(
                    got=f"the {name} {one!r}", wanted=f"one of {', '.join(known)}", do=f"correct the {name}"
                )
    races = [(case, cell, mode) for case in cases for cell in cells for mode in MODES]
    for case, cell, mode in races:
        work = Work.of(CASES[case], cell, mode)
        times = checked_race(work, ENTRIES, seconds=seconds / len(races), rounds=200)
        yield {
            "case": case,
            "cell": cell,
            "mode": mode,
            "ms": {name: quantiles(taken) for name, taken in times.items()},
            "repeats": {name: len(taken) for name, taken in times.items()},
        }


def checked_race(
    work: Work,
    makers: Mapping[str, Callable[[Work], Entry]],
    *,
    seconds: float,
    rounds: int,
    beside: Mapping[str, Entry] | None = None,
) -> dict[str, list[float]]:
    """Check every implementation on this work, and run them in turns with what is `beside` them; see `race`.

    Raises BackendError where a result is not right.
    """
    entries, exact = {name: make(work) for name, make in makers.items()}, work.exact()
    for name, entry in entries.items():
        check(name, entry.results(), exact)
    return race({**entries, **(beside or {})}, seconds=seconds, rounds=rounds)


def race(entries: Mapping[str, Entry], *, seconds: float, rounds: int) -> dict[str, list[float]]:
    """Run the entries in turns and return the seconds of every call.

    In its turn, a call that is short is repeated, after one that is not counted. Threads that still spin, and a hot
    processor, disturb whoever comes next: so each round begins with the next entry, and every other one goes backwards.
    There are as many rounds as fit into the time, but at least 3 and at most `rounds`.
    """
    for entry in entries.values():
        entry.run()
    repeats = {name: min(200, int(BURST / timed(entry.run)) + 1) for name, entry in entries.items()}
    times: dict[str, list[float]] = {name: [] for name in entries}
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        for n in range(rounds):
            if n >= 3 and time.perf_counter() - started > seconds:
                break
            for name, entry in turns(list(entries.items()), n):
                time.sleep(REST)
                if repeats[name] > 1:
                    entry.run()
                times[name] += [timed(entry.run) for _ in range(repeats[name])]
    finally:
        gc.enable()
    return times


def turns(entries: list[Any], n: int) -> list[Any]:
    """Who comes when in round n.

    >>> turns(["a", "b", "c"], 0), turns(["a", "b", "c"], 1)
    (['a', 'b', 'c'], ['a', 'c', 'b'])
    """
    first = n % len(entries)
    order = entries[first:] + entries[:first]
    return order if n % 2 == 0 else order[::-1]


def quantiles(seconds: list[float]) -> dict[str, float]:
    """The 20th, 50th and 80th percentile in milliseconds.

    >>> quantiles([0.001, 0.002, 0.003])
    {'p20': 1.4, 'p50': 2.0, 'p80': 2.6}
    """
    values = 1e3 * np.quantile(seconds, (0.2, 0.5, 0.8))
    return {name: float(f"{value:.4g}") for name, value in zip(("p20", "p50", "p80"), values, strict=True)}


def machine_entry(threads: int, peaks: list[float], handovers: list[float]) -> Entry:
    """Looks at each call what the machine allows at that time.

    Adds to `peaks` the GFLOP/s of float32 multiply-adds at best, each counted as two operations, and to `handovers` the
    nanoseconds until what one thread writes is seen by another.
    """
    from tidegate.kernels.cpu.layer import engine

    def look() -> None:
        peaks.append(engine.fma_peak(threads, 8))  # of 8 tries the best
        handovers.append(engine.handover_ns(threads))

    return Entry(look, lambda result: {})


def timed(run: Callable[[], Any]) -> float:
    """Seconds of one call, without what it takes to free the result."""
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    del result
    return seconds
