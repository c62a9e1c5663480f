"""Rows of results: one JSON object a line, each with where and when it was measured."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from tidegate.probes import machine
from tidegate.probes.race import CASES, CELLS, Case, quantiles

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
SIZES = ("T", "B", "I", "H", "L")
SCORED = ("classification", "default", "forecasting", "task", "task step")
"""Modes whose rows have pages of their own."""

Row = dict[str, Any]


class Recorder:
    """Adds rows to a file, all with the birthplace of this run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = machine()
        self.birthplace: Row = {
            **({"held_to": "avx2"} if is_held_to_avx2() else {}),
            "threads": found["threads"],
            "cpu": found["cpu"],
            "cores": found["cores"],
            "torch": found["torch"],
            "commit": git("rev-parse", "--short", "HEAD"),
            # What a recording itself writes does not count.
            "dirty": bool(git("status", "--porcelain", "--", ".", ":!benchmarks/results", ":!docs/measured")),
            "load": round(os.getloadavg()[0], 2),
            "when": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def add(self, what: str, mode: str, backend: str, case: Case | None = None, **measured: Any) -> Row:
        """Write one row and return it."""
        sizes = {} if case is None else {"case": case.name, **{size: getattr(case, size) for size in SIZES}}
        row = {"what": what, "mode": mode, "backend": backend, **sizes, "dtype": "float32", **measured}
        row |= self.birthplace
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        return row


def times(seconds: list[float]) -> Row:
    """The part of a row that says how long it took."""
    return {"ms": quantiles(seconds), "repeats": len(seconds)}


def read(folder: Path) -> list[Row]:
    """All rows of the files in a folder."""
    return [row for path in sorted(folder.glob("*.jsonl")) for row in read_file(path)]


def read_file(path: Path) -> list[Row]:
    """All rows of a file; none where it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def beside_load(row: Row) -> str:
    """What else ran on the machine as a run began, of which its times then speak as well."""
    return f", beside a load of {row['load']:.0f}" if row.get("load", 0) >= 1 else ""


def git(*arguments: str) -> str | None:
    """What git says of this checkout; none where there is none."""
    try:
        result = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def parser(part: str, about: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """The options that all parts share; `defaults` are those of rounds and seconds, where a part has them."""
    options = argparse.ArgumentParser(prog=f"python -m benchmarks.{part}", description=about)
    options.add_argument("--cases", type=names, default=list(CASES), help=f"of {','.join(CASES)} (default: all)")
    options.add_argument("--cells", type=names, default=list(CELLS), help="of rnn,lstm,gru (default: all)")
    options.add_argument("--threads", type=int, help="of every implementation (default: one a core)")
    options.add_argument("--out", type=Path, default=RESULTS / f"{part}.jsonl", help="rows are added to this file")
    if "rounds" in defaults:
        options.add_argument("--rounds", type=int, default=defaults["rounds"], help="at most (default: %(default)s)")
    if "seconds" in defaults:
        options.add_argument(
            "--seconds",
            type=float,
            default=defaults["seconds"],
            help="of rounds for one case, cell and mode, and 3 rounds at least (default: %(default)s)",
        )
    return options


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def chosen(options: argparse.Namespace) -> Iterable[tuple[Case, str]]:
    """The cases and cells asked for, in the order of the table."""
    known = {"cases": CASES, "cells": CELLS}
    for option, among in known.items():
        if unknown := set(getattr(options, option)) - set(among):
            raise SystemExit(f"got --{option} {', '.join(sorted(unknown))}; wanted some of {', '.join(among)}")
    return [(case, cell) for case in CASES.values() if case.name in options.cases for cell in options.cells]


def use_threads(count: int | None) -> int:
    """The same number of threads for everyone, by the cores that this process may use; before a peer is imported."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        count = min(count or len(cores), len(cores))
        os.sched_setaffinity(0, cores[:count])
    count = count or os.cpu_count() or 1
    torch.set_num_threads(count)
    os.environ["NPROC"] = str(count)  # the size of JAX's pool
    return count


AVX2 = {
    "TIDEGATE_ISA": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}
"""What holds ours, oneDNN, MKL and ATen to the instructions that most laptops have."""


def is_held_to_avx2() -> bool:
    """Whether this process was started so."""
    return all(os.environ.get(name) == value for name, value in AVX2.items())


def hold_to_avx2(arguments: list[str]) -> None:
    """Begin this program again, held to AVX2, unless it is: libraries look at it once, when they are loaded."""
    if not is_held_to_avx2():
        os.environ.update(AVX2)
        os.execv(sys.executable, [sys.executable, *arguments])


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that only count beside this one."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


BESIDE = "{}, {} busy processes beside"
KEPT = "{}, memory kept"  # a mode that was measured after `keep_memory`


def keep_memory() -> None:
    """Let malloc of the GNU C library hold what programs free, instead of giving large blocks back to the system.

    The pages of such a block are cleared again at the next call: in some runs half the time of torch.nn's LSTM.
    """
    give_back_above, separate_blocks = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    malloc_options = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if malloc_options is None or not (malloc_options(separate_blocks, 0) and malloc_options(give_back_above, -1)):
        raise SystemExit("got --keep-memory; wanted the GNU C library, whose malloc can be told to")
