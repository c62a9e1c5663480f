"""The latency of one step of one sequence, 16 features in and out, in inference mode."""

from __future__ import annotations

from benchmarks.rows import Recorder, parser, times, use_threads
from tidegate.probes.race import Case, Work, check, race, tidegate_entry, torch_entry


def main(arguments: list[str] | None = None) -> None:
    given = parser("step", __doc__, rounds=200, seconds=5.0).parse_args(arguments)
    use_threads(given.threads)
    recorder, case = Recorder(given.out), Case("step", 1, 1, 16, 16, 1)
    for cell in given.cells:
        work = Work.of(case, cell, "infer")
        entries, exact = {"tidegate": tidegate_entry(work), "torch": torch_entry(work)}, work.exact()
        for name, entry in entries.items():
            check(name, entry.results(), exact)
        for name, seconds in race(entries, seconds=given.seconds, rounds=given.rounds).items():
            row = recorder.add(cell, "step", name, case, **times(seconds))
            print(f"{cell:<5}{name:<10}{1e3 * row['ms']['p50']:.1f} µs", flush=True)


if __name__ == "__main__":
    main()
