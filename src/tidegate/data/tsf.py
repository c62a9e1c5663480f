"""`.tsf` files of the Monash forecasting archive: a header, then a series a line after its attributes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.errors import DataError

MISSING = ("?", "", "NaN", "nan", "NA")
TYPES = ("string", "numeric", "date")
DATES = ("%Y-%m-%d %H-%M-%S", "%Y-%m-%d")


@dataclass(frozen=True)
class TsfFile:
    """What a `.tsf` file says."""

    series: list[np.ndarray]
    """Of each its values, NaN where missing."""
    attributes: dict[str, list[Any]]
    """By name, of each series one: text, a number or a datetime64."""
    frequency: str | None
    """As it stands after @frequency: monthly, weekly, half_hourly …"""
    horizon: int | None
    """As it stands after @horizon."""

    def first(self, kind: type) -> str | None:
        """The first attribute that holds this type."""
        return next((name for name, values in self.attributes.items() if isinstance(values[0], kind)), None)


def read_tsf(path: Path) -> TsfFile:
    """Read a `.tsf` file, UTF-8 or else cp1252, `?` as missing.

    Raises DataError with the line of what cannot be read.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    kinds: dict[str, str] = {}
    header: dict[str, str] = {}
    series: list[np.ndarray] = []
    rows: list[list[Any]] = []
    in_data = False
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if in_data:
            fields = line.split(":")
            if len(fields) != len(kinds) + 1:
                raise _bad(path, number, f"{len(fields) - 1} attributes", f"{len(kinds)}, as the header says")
            *said, values = fields
            rows.append([_attribute(one, kind, path, number) for one, kind in zip(said, kinds.values(), strict=True)])
            series.append(_values(values, path, number))
        elif line.lower() == "@data":
            in_data = True
        elif line.lower().startswith("@attribute"):
            words = line.split()
            if len(words) != 3 or words[2].lower() not in TYPES:
                raise _bad(path, number, repr(line[:60]), f"@attribute NAME and one of {', '.join(TYPES)}")
            kinds[words[1]] = words[2].lower()
        elif line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            header[key.lower()] = value.strip()
        else:
            raise _bad(path, number, f"{line[:40]!r} before @data", "a line that begins with @ or #")
    if not series:
        raise DataError(got=f"{path} without series", wanted="a line for each after @data", do="check the file")
    attributes = {name: [row[k] for row in rows] for k, name in enumerate(kinds)}
    horizon = header.get("horizon", "")
    return TsfFile(series, attributes, header.get("frequency"), int(horizon) if horizon.isdigit() else None)


def _attribute(text: str, kind: str, path: Path, number: int) -> Any:
    if kind == "string":
        return text
    if kind == "numeric":
        try:
            return float(text)
        except ValueError:
            raise _bad(path, number, f"{text!r} as a numeric attribute", "a number") from None
    from datetime import datetime

    for form in DATES:
        try:
            return np.datetime64(datetime.strptime(text, form), "ns")
        except ValueError:
            continue
    raise _bad(path, number, f"the date {text!r}", "one such as 2000-01-31 23-59-59")


def _values(text: str, path: Path, number: int) -> np.ndarray:
    cells = [cell.strip() for cell in text.split(",")]
    try:
        return np.array([np.nan if cell in MISSING else float(cell) for cell in cells])
    except ValueError:
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                if cell not in MISSING:
                    raise _bad(path, number, f"{cell[:40]!r} among the values", "numbers") from None
        raise


def _bad(path: Path, number: int, got: str, wanted: str) -> DataError:
    return DataError(got=f"{got} in {path}, line {number}", wanted=wanted, do="correct that line")
