"""Training with resets, with the states of all steps, with recurrent dropout and with zoneout, beside the plain layer.

A state is reset before one step in twenty. The peer is a loop over the steps with torch.nn's cell, which multiplies the
state by zero before a reset: how it is done without us.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.rows import Recorder, parser, times, use_threads
from benchmarks.step import same_weights
from tidegate.layers import layer_of
from tidegate.probes.race import CASES, Case, Entry, check, race

SHARE = 1 / 20
ROLLOUT = Case("rollout", 64, 8, 64, 256, 1)
STATES = {case.name: case for case in (ROLLOUT, *CASES.values()) if case.L == 1}
NOISE = {"recurrent dropout": {"recurrent_dropout": 0.25}, "zoneout": {"zoneout": 0.1}}


def main(arguments: list[str] | None = None) -> None:
    options = parser("state", __doc__, rounds=50, seconds=2.0)
    options.set_defaults(cases=["rollout", "stream", "mnist-pixel", "charlm"])
    given = options.parse_args(arguments)
    use_threads(given.threads)
    recorder = Recorder(given.out)
    for name in given.cases:
        if (case := STATES.get(name)) is None:
            raise SystemExit(f"got --cases {name}; wanted some of {', '.join(STATES)}")
        for cell in given.cells:
            entries = state_entries(case, cell)
            exact = entries.pop("exact").results()
            for checked in ("resets", "torch"):
                check(checked, entries[checked].results(), exact)
            line = f"{case.name:<12}{cell:<5}"
            for backend, seconds in race(entries, seconds=given.seconds, rounds=given.rounds).items():
                row = recorder.add(cell, "state", backend, case, **times(seconds))
                line += f"  {backend} {row['ms']['p50']:.4g} ms"
            print(line, flush=True)


def state_entries(case: Case, cell: str) -> dict[str, Entry]:
    """A training step of everyone, and with resets in float64."""
    modules = same_weights(case, cell)
    plain, exact = modules["tidegate"], modules["exact"]
    generator = torch.Generator().manual_seed(0)
    x, d_out = torch.randn(case.T, case.B, case.I), torch.randn(case.T, case.B, case.H)
    resets = torch.rand(case.T, case.B, generator=generator) < SHARE

    def entry(module: nn.Module, run: Callable[[Tensor], Tensor], dtype: torch.dtype = torch.float32) -> Entry:
        leaf, wanted = x.to(dtype).requires_grad_(), d_out.to(dtype)
        names = [key.removesuffix("_l0") for key, _ in module.named_parameters()]

        def train() -> tuple[Tensor, ...]:
            output = run(leaf)
            return (output.detach(), *torch.autograd.grad(output, [leaf, *module.parameters()], wanted))

        return Entry(train, lambda found: dict(zip(["output", "gradient of x", *names], found, strict=True)))

    def ours(**options: Any) -> Entry:
        return entry(plain, lambda leaf: plain(leaf, **options)[0])

    def noisy(**rates: float) -> Entry:
        module = layer_of(cell)(case.I, case.H, **rates)
        module.load_state_dict(plain.state_dict())
        return entry(module, lambda leaf: module(leaf)[0])

    def loop(leaf: Tensor) -> Tensor:
        return over_steps(modules["torch cell"], leaf, resets)

    precise = type(modules["torch cell"])(case.I, case.H, dtype=torch.float64)
    precise.load_state_dict({key.removesuffix("_l0"): value for key, value in exact.state_dict().items()})
    return {
        "tidegate": ours(),
        "resets": ours(resets=resets),
        "states": ours(return_states=True),
        **{name: noisy(**rates) for name, rates in NOISE.items()},
        "torch": entry(modules["torch cell"], loop),
        "exact": entry(precise, lambda leaf: over_steps(precise, leaf, resets), torch.float64),
    }


def over_steps(cell: nn.Module, x: Tensor, resets: Tensor) -> Tensor:
    """The output [T, B, H] of a cell of torch.nn's that is called step by step."""
    keep, outputs = (~resets).to(x.dtype).unsqueeze(-1), []
    state: Any = None
    for t in range(len(x)):
        if state is not None:
            state = tuple(s * keep[t] for s in state) if isinstance(state, tuple) else state * keep[t]
        state = cell(x[t], state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs)


if __name__ == "__main__":
    main()
