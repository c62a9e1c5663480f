"""`.tsf` files of the Monash forecasting archive: a header, then a series a line after its attributes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data.encoding import scan
from tidegate.data.header import as_numbers, bad_line, settings_of, split_at_data
from tidegate.data.unpack import Source
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
    """Read a `.tsf` file in UTF-8 or cp1252, `?` as missing.

    Raises DataError with the line of what cannot be read.
    """
    header, data = split_at_data(path, Source(path, scan(path, None).encoding).lines())
    kinds: dict[str, str] = {}
    for number, line in header:
        if line.lower().startswith("@attribute"):
            words = line.split()
            if len(words) != 3 or words[2].lower() not in TYPES:
                raise bad_line(path, number, repr(line[:60]), f"@attribute NAME and one of {', '.join(TYPES)}")
            kinds[words[1]] = words[2].lower()
    series: list[np.ndarray] = []
    rows: list[list[Any]] = []
    for number, line in data:
        *said, values = line.split(":")
        if len(said) != len(kinds):
            raise bad_line(path, number, f"{len(said)} attributes", f"{len(kinds)}, as the header says")
        rows.append([_attribute(one, kind, path, number) for one, kind in zip(said, kinds.values(), strict=True)])
        try:
            series.append(as_numbers([cell.strip() for cell in values.split(",")], MISSING))
        except ValueError as error:
            raise bad_line(path, number, f"{error.args[0][:40]!r} among the values", "numbers") from None
    if not series:
        raise DataError(got=f"{path} without series", wanted="a line for each after @data", do="check the file")
    attributes = {name: [row[k] for row in rows] for k, name in enumerate(kinds)}
    settings = settings_of(header)
    horizon = settings.get("horizon", "")
    return TsfFile(series, attributes, settings.get("frequency"), int(horizon) if horizon.isdigit() else None)


def _attribute(text: str, kind: str, path: Path, number: int) -> Any:
    if kind == "string":
        return text
    if kind == "numeric":
        try:
            return float(text)
        except ValueError:
            raise bad_line(path, number, f"{text!r} as a numeric attribute", "a number") from None
    for form in DATES:
        try:
            return np.datetime64(datetime.strptime(text, form), "ns")
        except ValueError:
            continue
    raise bad_line(path, number, f"the date {text!r}", "one such as 2000-01-31 23-59-59")
