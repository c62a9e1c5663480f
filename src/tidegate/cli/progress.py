"""A bar on a terminal; a line every tenth of the work elsewhere. On standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def progress(verb: str, unit: str) -> Iterator[Callable[[int, int, str], None]]:
    """Give a function to be told (done, total, what was done last)."""
    if not sys.stderr.isatty():
        yield _Lines(unit).tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


class _Lines:
    def __init__(self, unit: str) -> None:
        self.unit, self.told = unit, 0

    def tell(self, done: int, total: int, what: str) -> None:
        if done == total or done * 10 // total > self.told:
            self.told = done * 10 // total
            print(f"{done}/{total} {self.unit}  {what}", file=sys.stderr, flush=True)  # noqa: T201


LARGE = 50_000_000
"""Bytes of a file from which reading it shows progress."""


@contextmanager
def reading_progress(source: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function to be told the bytes of a table that are read, and all of them; none for what is read at once."""
    path = Path(source)
    if not path.is_file() or path.stat().st_size < LARGE:
        yield None
        return
    with progress("reading", "MB") as tell:
        yield lambda done, total: tell(done // 10**6, max(1, total // 10**6), path.name)
