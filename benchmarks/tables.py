"""Reading a long CSV in a process of its own: how long it takes, and the peak memory against the size of the file."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tidegate.preparation import read_dataset

STEPS = 500
"""Rows of a sequence."""


def write(path: Path, megabytes: float) -> None:
    """Write a table of id, time, four channels and a label, of at least that many MiB."""
    import pandas as pd

    random = np.random.default_rng(0)
    rows = 200 * STEPS
    first = 0
    with path.open("w", newline="") as file:
        while file.tell() < megabytes * 2**20:
            sequence = first + np.arange(rows) // STEPS
            frame = pd.DataFrame({"id": [f"s{i:06d}" for i in sequence], "time": np.arange(rows) % STEPS})
            for name in "abcd":
                frame[name] = random.standard_normal(rows)
            frame.assign(y=sequence % 5).to_csv(file, header=first == 0, index=False)
            first += rows // STEPS


def measure(path: Path) -> dict[str, float]:
    """Seconds and peak MiB of a process that reads a table as sequences with their labels."""
    begun = time.perf_counter()
    dataset = read_dataset(str(path), "classification")
    return {
        "sequences": len(dataset.train),
        "steps": len(dataset.train.values),
        "seconds": round(time.perf_counter() - begun, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    options.add_argument("--megabytes", type=float, default=1024, help="of the file (default: %(default)s)")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        write(path, given.megabytes)
        size = path.stat().st_size / 2**20
        command = [sys.executable, "-m", "benchmarks.tables", "--one", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    measured = json.loads(said)
    print(json.dumps({"file_mib": round(size, 1), **measured, "ratio": round(measured["peak_mib"] / size, 2)}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
