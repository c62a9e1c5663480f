"""JSON lines: an object a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.data.encoding import find_bad_byte
from tidegate.data.table import Tell
from tidegate.data.unpack import Source, empty_file, in_a_line
from tidegate.data.values import Values, ValuesTable, in_parts
from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas


class _Object(dict[str, Any]):
    """A JSON object that knows a key which was written twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(pairs) > len(self) else {}
        self.repeated = next((key for key, count in counts.items() if count > 1), None)


class JsonLines(ValuesTable):
    """An object a line; its columns are all keys, a missing key is a missing cell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        names: dict[str, None] = {}
        for row in self._rows(Source(path)):
            names |= dict.fromkeys(row)
        if not names:
            raise empty_file(path)
        super().__init__(path, list(names))

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pandas as pd

        values = {name: Values() for name in columns}
        size = self.path.stat().st_size
        source = Source(self.path)
        for rows in in_parts(self._rows(source)):
            for name in columns:
                values[name].add([row.get(name) for row in rows])
            if tell is not None:
                tell(source.done, size)
        self.refuse_truths_among_numbers(values, text)
        return pd.DataFrame({name: values[name].finish() for name in columns}, copy=False)

    def _rows(self, source: Source) -> Iterator[dict[str, Any]]:
        try:
            with source.lines() as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield self._row(line, number)
        except UnicodeDecodeError:
            raise DataError(
                got=f"{self.path} with {find_bad_byte(self.path).place}",
                wanted="JSON in UTF-8",
                do="mend that byte, or convert the file",
            ) from None

    def _row(self, line: str, number: int) -> dict[str, Any]:
        try:
            row = json.loads(line, object_pairs_hook=_Object)
        except (ValueError, RecursionError) as error:
            raise DataError(
                got=f"{self.path}, line {number}, that is no JSON ({in_a_line(error)})",
                wanted="a JSON object a line",
                do="correct that line",
            ) from None
        if not isinstance(row, _Object):
            raise DataError(
                got=f"{line.strip()[:40]!r} in {self.path}, line {number}",
                wanted='a JSON object a line, such as {"time": 0, "x": 1.5}',
                do="write each row so",
            )
        if row.repeated is not None:
            raise DataError(
                got=f"the key {row.repeated!r} twice in {self.path}, line {number}",
                wanted="each key once",
                do="rename or remove one",
            )
        for name, value in row.items():
            if isinstance(value, (dict, list)):
                raise DataError(
                    got=f"the nested value {str(value)[:40]} in {self.path}, line {number}, column {name!r}",
                    wanted="a number, text, true, false or null",
                    do="give each of its values a key of its own",
                )
        return row
