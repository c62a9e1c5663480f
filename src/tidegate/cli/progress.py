"""Progress on standard error: a bar on a terminal, a line for every tenth of the work elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

AT_ONCE = 0.05
"""Seconds: what is reported sooner than that after the last was not worked on, but kept from an earlier run."""


@contextmanager
def progress(verb: str, unit: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function to call with the units done, the units in all, and what was done last."""
    if not sys.stderr.isatty():
        yield _Lines(unit).tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    clock = Clock()
    with Progress(
        TextColumn(verb),
        BarColumn(bar_width=20),
        MofNCompleteColumn(separator=" of "),
        TextColumn(f"{unit}{{task.fields[left]}}"),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("", total=None, left="")

        def tell(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what, left=clock.left(done, total))

        yield tell


class Clock:
    """Estimates the time left from the time that the units so far took."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.started = self.last = now()
        self.worked = 0

    def left(self, done: int, total: int) -> str:
        """The time left in words, after a comma; empty before the first unit that took time, and after the last."""
        now = self.now()
        if now - self.last > AT_ONCE:
            self.worked += 1
        elif not self.worked:
            self.started = now
        self.last = now
        if not self.worked or done >= total:
            return ""
        return f", about {in_words((now - self.started) / self.worked * (total - done))} left"


def in_words(seconds: float) -> str:
    """A duration as a person would say it.

    >>> in_words(8), in_words(42), in_words(130), in_words(8000)
    ('10 s', '40 s', '2 min', '2 h 13 min')
    """
    if seconds < 55:
        return f"{max(10, 10 * round(seconds / 10))} s"
    minutes = round(seconds / 60)
    return f"{max(1, minutes)} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class _Lines:
    def __init__(self, unit: str) -> None:
        self.unit, self.told, self.clock = unit, 0, Clock()

    def tell(self, done: int, total: int, what: str) -> None:
        left = self.clock.left(done, total)
        if done == total or done * 10 // total > self.told:
            self.told = done * 10 // total
            print(f"{what}: {done} of {total} {self.unit}{left}", file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def comparison_progress(
    seeds: int = 3, first_seed: int = 0, verb: str = "comparing"
) -> Iterator[Callable[[int, int, str], None]]:
    """Yield the function that `tidegate.compare.compare` takes as `tell`."""
    with progress(verb, "units") as tell:
        yield lambda done, total, key: tell(done, total, unit_in_words(key, seeds, first_seed))


TRAINING = re.compile(r"(search|score|share)-(\w+)-h(\d+)-lr([\d.]+(?:e-?\d+)?)-.*?(?:-of([\d.]+))?-seed(\d+)")
RECALL = re.compile(r"recall-(\w+)-(\w+)-lag(\d+)-\d+-seed(\d+)")
SPEED = re.compile(r"speed-(\w+)-seed(\d+)")
FIRST_OF_SEARCH = 1000
"""The first seed of the search for a learning rate."""


def unit_in_words(key: str, seeds: int, first_seed: int = 0) -> str:
    """What a unit of a comparison did.

    >>> unit_in_words("score-gru-h64-lr0.005-600x128-seed1", seeds=3)
    'trained GRU with 64 hidden features, seed 2 of 3, learning rate 0.005'
    >>> unit_in_words("recall-lstm-torch-lag100-600-seed0", seeds=3)
    'LSTM with default weights, recall over 100 steps, seed 1 of 3'
    """
    if match := TRAINING.fullmatch(key):
        purpose, cell, size, rate, share, seed = match.groups()
        network = f"{cell.upper()} with {size} hidden features"
        if purpose == "search":
            return f"tried learning rate {rate} for {network}, run {int(seed) - FIRST_OF_SEARCH + 1}"
        of_data = f" on {100 * float(share):g} % of the data" if share else ""
        return f"trained {network}{of_data}, seed {int(seed) - first_seed + 1} of {seeds}, learning rate {rate}"
    if match := RECALL.fullmatch(key):
        cell, name, lag, seed = match.groups()
        weights = "default" if name == "torch" else name
        return (
            f"{cell.upper()} with {weights} weights, recall over {int(lag):,} steps, "
            f"seed {int(seed) - first_seed + 1} of {seeds}"
        )
    if match := SPEED.fullmatch(key):
        return f"timed {match[1].upper()}, round {int(match[2]) - first_seed + 1} of {seeds}"
    return key


LARGE = 50_000_000
"""Bytes of a file from which reading it shows progress."""


@contextmanager
def reading_progress(source: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function to call with the bytes of a table that are read and the bytes in all; none for a small file."""
    path = Path(source)
    if not path.is_file() or path.stat().st_size < LARGE:
        yield None
        return
    with progress("reading", "MB") as tell:
        yield lambda done, total: tell(done // 10**6, max(1, total // 10**6), path.name)
