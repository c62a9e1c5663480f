"""Tables whose cells are Python values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tidegate.data.table import Table
from tidegate.errors import DataError


class _First(NamedTuple):
    row: int
    value: Any


class Values:
    """A column of Python values, part after part; they keep their type where all have one."""

    def __init__(self) -> None:
        self.first: dict[type, _First] = {}
        """The first number and the first truth value."""
        self._parts: list[Any] = []
        self._kinds: set[str] = set()
        self._rows = 0

    def add(self, values: list[Any]) -> None:
        import pyarrow as pa

        types = {type(value) for value in values if value is not None}
        for kinds, name in (({bool}, bool), ({int, float}, float)):
            if name not in self.first and types & kinds:
                at = next(n for n, value in enumerate(values) if type(value) in kinds)
                self.first[name] = _First(self._rows + at, values[at])
        self._rows += len(values)
        kind = "object"
        part: Any = values
        if not types:
            kind, part = "missing", np.full(len(values), np.nan)
        elif types <= {int, float}:
            kind, part = "number", _number_array(values, types)
        elif types == {bool} and None not in values:
            kind, part = "bool", np.array(values)
        elif types == {str}:
            kind, part = "text", pa.array(values, pa.string())
        elif types <= {datetime, date}:
            kind = "time"
        self._kinds.add(kind)
        self._parts.append(part)

    def finish(self) -> Any:
        import pandas as pd
        import pyarrow as pa

        kinds = self._kinds - {"missing"}
        if kinds <= {"number"} or self._kinds == {"bool"}:
            return np.concatenate(self._parts) if self._parts else np.empty(0)
        if kinds == {"text"}:
            parts = (pa.nulls(len(p), pa.string()) if isinstance(p, np.ndarray) else p for p in self._parts)
            return pa.chunked_array(parts, pa.string()).to_pandas()
        values = [value for part in self._parts for value in _as_list(part)]
        if kinds == {"time"}:
            return pd.to_datetime(pd.Series(values))
        return pd.Series(values, dtype=object)


def _number_array(values: list[Any], types: set[type]) -> np.ndarray:
    if types == {int} and None not in values:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            pass
    # By way of text, since float() refuses whole numbers that are too large for a double.
    return np.array([np.nan if v is None else float(str(v) if isinstance(v, int) else v) for v in values])


def _as_list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else part.tolist()


def in_parts(items: Iterator[Any], size: int = 50_000) -> Iterator[list[Any]]:
    while part := list(islice(items, size)):
        yield part


class ValuesTable(Table):
    """A table whose cells are Python values."""

    def refuse_truths_among_numbers(self, columns: Mapping[str, Values], text: Collection[str]) -> None:
        for name, column in columns.items():
            if name not in text and len(column.first) == 2:
                number, truth = column.first[float], column.first[bool]
                raise DataError(
                    got=f"{str(truth.value).lower()} in {self.path}, {self.place(truth.row)}, column {name!r}, and "
                    f"{number.value} in {self.place(number.row)}",
                    wanted="numbers alone, or true and false alone",
                    do="write the one as the other",
                )
