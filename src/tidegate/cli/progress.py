"""Progress on standard error: a bar on a terminal, a line for every tenth of the work elsewhere."""

from __future__ import annotations

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
