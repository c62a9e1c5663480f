"""The latency of one step of one sequence, 16 features in and out, in inference mode."""

from __future__ import annotations

from benchmarks.rows import Recorder, parser, times, use_threads
from tidegate.probes.race import ENTRIES, Case, Work, checked_race


def main(arguments: list[str] | None = None) -> None:
    given = parser("step", __doc__, rounds=200, seconds=5.0).parse_args(arguments)
    use_threads(given.threads)
    recorder, case = Recorder(given.out), Case("step", 1, 1, 16, 16, 1)
    for cell in given.cells:
        work = Work.of(case, cell, "infer")
        for name, seconds in checked_race(work, ENTRIES, seconds=given.seconds, rounds=given.rounds).items():
            row = recorder.add(cell, "step", name, case, **times(seconds))
            print(f"{cell:<5}{name:<10}{1e3 * row['ms']['p50']:.1f} µs", flush=True)


if __name__ == "__main__":
    main()
