"""Excel files."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.data.separator import SAMPLE
from tidegate.data.table import Tell
from tidegate.data.unpack import empty_file, in_a_line, listed
from tidegate.data.values import Values, ValuesTable, in_parts
from tidegate.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import pandas

SHEET_ERRORS = frozenset({"#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"})
"""What Excel shows where a formula has no value; #N/A is a missing one."""


class Sheet(ValuesTable):
    """The one sheet of an Excel file that holds a table; its header is the first line that is not empty."""

    def __init__(self, path: Path) -> None:
        self.path, self._first = path, 1
        names: list[str] = []
        with self._opened() as sheets:
            self._sheet = self._choose(sheets)
            for line in _lines_of(sheets[self._sheet]):
                self._first += 1
                names = ["" if cell is None else str(cell).strip() for cell in line]
                if any(names):
                    break
        if not any(names):
            raise empty_file(path)
        while not names[-1]:
            names.pop()
        super().__init__(path, names)
        self.found = f"sheet {sheets[self._sheet].title!r} of {len(sheets)}" if len(sheets) > 1 else ""

    def _choose(self, sheets: list[Any]) -> int:
        """The number of the sheet that holds a table, else of the first that is not empty."""
        tables, filled = [], []
        for number, sheet in enumerate(sheets):
            lines = ([cell for cell in line if cell is not None] for line in _lines_of(sheet))
            some = list(islice(filter(None, lines), SAMPLE))
            filled += [number] if some else []
            tables += [number] if len(some) > 1 and _may_be_table(some) else []
        if len(tables) > 1:
            raise DataError(
                got=f"{self.path} with tables in {len(tables)} sheets ({listed([sheets[n].title for n in tables])})",
                wanted="one table",
                do="save the sheet that is meant as a file of its own, as .csv for one",
            )
        return next(iter([*tables, *filled]), 0)

    def place(self, row: int) -> str:
        return f"row {self._first + row}"

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pandas as pd

        positions = [self._positions[name] for name in columns]
        values = {name: Values() for name in columns}
        with self._opened() as sheets:
            for rows in in_parts(self._rows(_lines_of(sheets[self._sheet]), positions)):
                for name, position in zip(columns, positions, strict=True):
                    values[name].add([row[position] for row in rows])
        self.refuse_truths_among_numbers(values, text)
        return pd.DataFrame({name: values[name].finish() for name in columns}, copy=False)

    def _rows(self, lines: Iterator[tuple[Any, ...]], positions: Sequence[int]) -> Iterator[list[Any]]:
        """The cells of each line, without the empty lines at the end."""
        width = len(self.columns)
        empty = 0
        for number, line in enumerate(islice(lines, self._first - 1, None), start=self._first):
            row = [None if cell in ("", "#N/A") else cell for cell in line]
            if all(cell is None for cell in row):
                empty += 1
                continue
            for cell in row[width:]:
                if cell is not None:
                    raise DataError(
                        got=f"{cell!r} in {self.path}, row {number}, in a column without a name",
                        wanted="a name in the header for every column that is not empty",
                        do="name the column, or clear the cell",
                    )
            yield from ([None] * width for _ in range(empty))
            empty = 0
            row = [*row[:width], *[None] * (width - len(row))]
            for position in positions:
                if row[position] in SHEET_ERRORS:
                    raise DataError(
                        got=f"the error {row[position]} in {self.path}, cell {_cell_name(position, number)}",
                        wanted="a value",
                        do="correct its formula, or clear the cell",
                    )
            yield row

    @contextmanager
    def _opened(self) -> Iterator[list[Any]]:
        """The sheets of the file."""
        try:
            import openpyxl
        except ImportError:
            raise MissingExtraError(
                got=f"{self.path} without openpyxl, which reads Excel files",
                wanted="that package",
                do="run: pip install openpyxl",
            ) from None
        try:
            with closing(openpyxl.load_workbook(self.path, read_only=True, data_only=True)) as book:
                if not book.worksheets:
                    raise empty_file(self.path)
                yield book.worksheets
        except DataError:
            raise
        except (KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
            raise DataError(
                got=f"{self.path} that cannot be read ({in_a_line(error)})",
                wanted="an Excel file without a password",
                do="save it again as .xlsx, or as .csv",
            ) from None


def _lines_of(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()  # some programs write wrong ones
    lines: Iterator[tuple[Any, ...]] = sheet.iter_rows(values_only=True)
    return lines


def _may_be_table(lines: list[list[Any]]) -> bool:
    """Whether there are lines of several cells, or numbers."""
    numbers = any(type(cell) in (int, float) for cell in chain.from_iterable(lines))
    return numbers or sum(len(line) > 1 for line in lines) > 1


def _cell_name(column: int, row: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column + 1)}{row}"
