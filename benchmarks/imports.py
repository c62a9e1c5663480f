"""What `import tidegate` takes beyond `import torch`, by itself and with a layer, in fresh processes."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.rows import Recorder, parser, times

WHAT = {"import tidegate": "import tidegate", "tidegate.GRU": "import tidegate; tidegate.GRU"}


def seconds_of(code: str) -> float:
    """How long a line takes in a process that has imported torch."""
    program = f"import time, torch; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def main(arguments: list[str] | None = None) -> None:
    given = parser("imports", __doc__, rounds=10).parse_args(arguments)
    recorder = Recorder(given.out)
    for what, code in WHAT.items():
        row = recorder.add(what, "import", "tidegate", **times([seconds_of(code) for _ in range(given.rounds)]))
        print(f"{what:<20}{row['ms']['p50']:.1f} ms")


if __name__ == "__main__":
    main()
