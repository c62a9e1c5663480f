"""One step of few sequences, by layer and by cell, in inference mode; and training through a loop of 50 steps.

The step is what streaming, control and sampling call. torch.nn has a layer and a cell for it, and so have we.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import tidegate
from benchmarks.rows import Recorder, parser, times, use_threads
from tidegate.probes.race import Case, Entry, check, race

LOOP = 50
STEPS = [Case(f"step-{H}-{B}", 1, B, H, H, 1) for H in (16, 32, 64, 128, 256, 512, 1024) for B in (1, 4, 16)]
LOOPS = [Case(f"loop-{H}-{B}", LOOP, B, H, H, 1) for H in (32, 128, 512) for B in (1, 16, 128)]


def main(arguments: list[str] | None = None) -> None:
    options = parser("step", __doc__, rounds=200, seconds=1.0)
    options.set_defaults(cases=[case.name for case in (*STEPS, *LOOPS)])
    given = options.parse_args(arguments)
    use_threads(given.threads)
    recorder = Recorder(given.out)
    for mode, cases, entries in (("one step", STEPS, steps), ("loop", LOOPS, loops)):
        for case in cases:
            for cell in given.cells if case.name in given.cases else ():
                found = entries(case, cell)
                exact = found.pop("exact").results()
                for name, entry in found.items():
                    check(name, entry.results(), exact)
                for name, seconds in race(found, seconds=given.seconds, rounds=given.rounds).items():
                    row = recorder.add(cell, mode, name, case, **times(seconds))
                    print(f"{case.name:<12}{cell:<5}{name:<14}{1e3 * row['ms']['p50']:.1f} µs", flush=True)


def makers(cell: str) -> dict[str, type[nn.Module]]:
    """Everyone's class: torch.nn's layer and cell, and ours."""
    name = cell.upper()
    return {
        "torch": getattr(nn, name),
        "torch cell": getattr(nn, f"{name}Cell"),
        "tidegate": getattr(tidegate, name),
        "tidegate cell": getattr(tidegate, f"{name}Cell"),
    }


def same_weights(case: Case, cell: str) -> dict[str, nn.Module]:
    """Everyone's module, all with the weights of torch.nn's layer, and that one in float64."""
    torch.manual_seed(0)
    modules = {name: make(case.I, case.H) for name, make in makers(cell).items()}
    weights = modules["torch"].state_dict()
    for name, module in modules.items():
        cut = "_l0" if name.endswith("cell") else ""
        module.load_state_dict({key.removesuffix(cut): value for key, value in weights.items()})
    exact = makers(cell)["torch"](case.I, case.H, dtype=torch.float64)
    exact.load_state_dict(weights)
    return {**modules, "exact": exact}


def steps(case: Case, cell: str) -> dict[str, Entry]:
    """One step from a state in inference mode, by everyone."""
    modules = same_weights(case, cell)
    x, h, c = torch.randn(1, case.B, case.I), torch.randn(1, case.B, case.H), torch.randn(1, case.B, case.H)

    def entry(name: str, module: nn.Module) -> Entry:
        def given(t: Tensor) -> Tensor:
            t = t.double() if name == "exact" else t
            return t[0] if name.endswith("cell") else t

        input, hx = given(x), (given(h), given(c)) if cell == "lstm" else given(h)

        @torch.inference_mode()
        def run() -> object:
            return module(input, hx)

        def named(found: object) -> dict[str, Tensor]:
            state = found if name.endswith("cell") else found[1]  # type: ignore[index]
            return {"h": (state[0] if isinstance(state, tuple) else state).view(case.B, case.H)}  # type: ignore[attr-defined]

        return Entry(run, named)

    return {name: entry(name, module) for name, module in modules.items()}


def loops(case: Case, cell: str) -> dict[str, Entry]:
    """Forward and backward through a loop of calls of a cell: torch.nn's and ours."""
    modules = same_weights(case, cell)
    x, d_out = torch.randn(case.T, case.B, case.I), torch.randn(case.T, case.B, case.H)

    def entry(name: str, run: Callable[[Tensor], Tensor], module: nn.Module) -> Entry:
        exact = name == "exact"
        input, wanted = (x.double(), d_out.double()) if exact else (x, d_out)
        leaf = input.requires_grad_()

        def train() -> tuple[Tensor, ...]:
            output = run(leaf)
            return (output, *torch.autograd.grad(output, [leaf, *module.parameters()], wanted))

        names = [
            "output",
            "gradient of x",
            *(f"gradient of {key.removesuffix('_l0')}" for key, _ in module.named_parameters()),
        ]
        return Entry(train, lambda found: dict(zip(names, (t.detach() for t in found), strict=True)))

    def loop_of(module: nn.Module) -> Callable[[Tensor], Tensor]:
        def run(leaf: Tensor) -> Tensor:
            state, outputs = None, []
            for t in range(case.T):
                state = module(leaf[t], state)
                outputs.append(state[0] if isinstance(state, tuple) else state)
            return torch.stack(outputs)

        return run

    named = {"torch cell": "torch", "tidegate cell": "tidegate"}
    found = {short: entry(short, loop_of(modules[name]), modules[name]) for name, short in named.items()}
    exact = modules["exact"]
    return {**found, "exact": entry("exact", lambda leaf: exact(leaf)[0], exact)}


if __name__ == "__main__":
    main()
