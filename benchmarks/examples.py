"""The two examples from start to end beside plain PyTorch scripts, each in its own process.

The plain curve may be timed on fewer steps: what a step takes, from the difference of two lengths, is scaled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import REPOSITORY, Recorder, parser

PLAIN_CURVE = "from benchmarks.plain import curve; print(curve({}))"


def seconds_of(*command: str) -> float:
    """How long a Python command takes, start and imports included."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "MPLBACKEND": "agg"}
    if data := os.environ.get("TIDEGATE_DATA"):
        environment["TIDEGATE_DATA"] = str(Path(data).resolve())
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr}")
    return seconds


def plain_curve(steps: int, timed_steps: int) -> float:
    """Seconds of the plain curve; two lengths tell what a step takes where not all are timed."""
    if timed_steps >= steps:
        return seconds_of("-c", PLAIN_CURVE.format(steps))
    short = max(1, timed_steps // 10)
    low, high = (seconds_of("-c", PLAIN_CURVE.format(n)) for n in (short, timed_steps))
    return low + (high - low) / (timed_steps - short) * (steps - short)


def main(arguments: list[str] | None = None) -> None:
    options = parser("examples", __doc__)
    options.add_argument("--which", choices=("mnist", "curve", "both"), default="both")
    options.add_argument("--data", default="mnist", help="what the first one reads (default: %(default)s)")
    options.add_argument("--epochs", type=int, default=10, help="of MNIST (default: %(default)s)")
    options.add_argument("--steps", type=int, default=5000, help="of the curve (default: %(default)s)")
    options.add_argument("--plain-steps", type=int, default=500, help="timed of the plain curve (default: %(default)s)")
    given = options.parse_args(arguments)
    recorder = Recorder(given.out)
    if given.which != "curve":
        ours = f"from examples.mnist_lstm import main; main({given.data!r}, {given.epochs})"
        record(recorder, given.data, "tidegate", seconds_of("-c", ours), epochs=given.epochs)
        plain = f"from benchmarks.plain import mnist; print(mnist({given.epochs}, {given.data!r}))"
        record(recorder, given.data, "torch", seconds_of("-c", plain), epochs=given.epochs)
    if given.which != "mnist":
        ours = f"from examples.curve_gru import main; main({given.steps})"
        record(recorder, "curve", "tidegate", seconds_of("-c", ours), steps=given.steps)
        timed = min(given.plain_steps, given.steps)
        seconds = plain_curve(given.steps, timed)
        record(recorder, "curve", "torch", seconds, steps=given.steps, timed_steps=timed)


def record(recorder: Recorder, what: str, backend: str, seconds: float, **sizes: int) -> None:
    """One row, and a line of it."""
    recorder.add(what, "example", backend, seconds=round(seconds, 2), **sizes)
    print(f"{what:<7}{backend:<10}{seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
