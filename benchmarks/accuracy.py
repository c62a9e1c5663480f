"""How far the output and every gradient are from float64, ours and torch.nn's on the same input.

Errors are shares of the norm of the exact result.
"""

from __future__ import annotations

from benchmarks.rows import Recorder, chosen, parser, use_threads
from tidegate.probes.race import ENTRIES, Work, errors


def main(arguments: list[str] | None = None) -> None:
    given = parser("accuracy", __doc__).parse_args(arguments)
    use_threads(given.threads)
    recorder = Recorder(given.out)
    for case, cell in chosen(given):
        work = Work.of(case, cell, "train")
        exact, line = work.exact(), f"{case.name:<12}{cell:<5}"
        found = {name: errors(make(work).results(), exact) for name, make in ENTRIES.items()}
        for name, error in found.items():
            recorder.add(cell, "accuracy", name, case, error=error)
        for result, error in found["tidegate"].items():
            line += f"  {result.removeprefix('gradient of ')} {error / found['torch'][result]:.2f}"
        print(f"{line}  (ours / torch.nn's)", flush=True)


if __name__ == "__main__":
    main()
