"""The CSV files of the M4 competition: a row a series, its name first, then its values, with V1, V2, … as header."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tidegate.data.encoding import scan
from tidegate.data.header import as_numbers, bad_line
from tidegate.data.unpack import Source
from tidegate.errors import DataError

MISSING = ("", "NA", "NaN", "nan")


def is_m4(path: Path) -> bool:
    """Whether the file is a CSV whose header says V1, V2, V3, …"""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.readline(200).decode("latin-1").replace('"', "").split(",")
    return begin[:3] == ["V1", "V2", "V3"]


def read_m4(path: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the names [N] and of each series its values; rows end where they end.

    Raises DataError with the line of what is no number, or of a row without values.
    """
    ids: list[str] = []
    series: list[np.ndarray] = []
    rows = csv.reader(Source(path, scan(path, None).encoding).lines())
    next(rows)
    for row in rows:
        if not row:
            continue
        name, *cells = row
        last = len(cells)
        while last and cells[last - 1] in MISSING:
            last -= 1
        try:
            values = as_numbers(cells[:last], MISSING)
        except ValueError as error:
            raise bad_line(path, rows.line_num, repr(error.args[0]), "a name, then numbers") from None
        if not last:
            raise DataError(
                got=f"the series {name!r} without values in {path}, line {rows.line_num}",
                wanted="numbers after its name",
                do="leave it out",
            )
        ids.append(name)
        series.append(values)
    if not series:
        raise DataError(got=f"{path} without rows", wanted="a row a series", do="check the file")
    return np.array(ids, dtype=object), series
