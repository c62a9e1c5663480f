"""Text files with a header of lines that begin with @, data after @data, and comments: `.ts` and `.tsf`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from tidegate.errors import DataError

Lines = list[tuple[int, str]]
"""Each with its number in the file."""


def split_at_data(path: Path, lines: Iterable[str]) -> tuple[Lines, Lines]:
    """The lines of the header and those of the data, without comments and empty ones.

    Raises DataError where the header has a line that is none.
    """
    header: Lines = []
    data: Lines = []
    in_data = False
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if in_data:
            data.append((number, line))
        elif line.lower() == "@data":
            in_data = True
        elif line.startswith("@"):
            header.append((number, line))
        else:
            raise bad_line(path, number, f"{line[:40]!r} before @data", "a line that begins with @, # or %")
    return header, data


def settings_of(header: Lines) -> dict[str, str]:
    """What the lines of a header set, by the word after @, in lower case.

    >>> settings_of([(1, "@classLabel true a b"), (2, "@equalLength")])
    {'classlabel': 'true a b', 'equallength': ''}
    """
    parts = (line[1:].partition(" ") for _, line in header)
    return {key.lower(): value.strip() for key, _, value in parts}


def as_numbers(cells: Sequence[str], missing: Collection[str]) -> np.ndarray:
    """Cells as numbers, NaN where missing; ValueError with the first cell that is neither."""
    found = np.empty(len(cells))
    for n, cell in enumerate(cells):
        try:
            found[n] = np.nan if cell in missing else float(cell)
        except ValueError:
            raise ValueError(cell) from None
    return found


def bad_line(path: Path, number: int, got: str, wanted: str) -> DataError:
    return DataError(got=f"{got} in {path}, line {number}", wanted=wanted, do="correct or fill that line")
