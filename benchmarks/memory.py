"""Peak memory of a training step, each in its own process: what it adds to the layer and its input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.rows import REPOSITORY, Recorder, chosen, parser, use_threads
from tidegate.probes.race import CASES, ENTRIES, Case, Work

STEPS = 3


def measure(case: Case, cell: str, backend: str) -> float:
    """MiB by which the peak of a few training steps exceeds what was there before; for a process of its own."""
    # The libraries' own first-time allocations happen on a small layer, and their threads start.
    torch.rand(1 << 22).sum()
    ENTRIES[backend](Work.of(Case("small", 2, 2, 4, 4, case.L), cell, "train")).run()
    entry = ENTRIES[backend](Work.of(case, cell, "train"))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = status("VmRSS")
    for _ in range(STEPS):
        entry.run()
    return status("VmHWM") - before


def status(name: str) -> float:
    """A line of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main(arguments: list[str] | None = None) -> None:
    given = parser("memory", __doc__).parse_args(arguments)
    threads = use_threads(given.threads)
    recorder = Recorder(given.out)
    for case, cell in chosen(given):
        line = f"{case.name:<12}{cell:<5}"
        for backend in ENTRIES:
            command = [sys.executable, "-m", "benchmarks.memory", "--one", case.name, cell, backend, str(threads)]
            said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
            recorder.add(cell, "memory", backend, case, mib=float(said))
            line += f"  {backend} {float(said):.1f} MiB"
        print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        name, cell, backend, threads = sys.argv[2:]
        use_threads(int(threads))
        print(round(measure(CASES[name], cell, backend), 2))
    else:
        main()
