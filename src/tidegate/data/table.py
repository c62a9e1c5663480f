"""Files that hold a table, text or typed, as named columns; what a column means is decided elsewhere."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.data.encoding import is_encoding
from tidegate.data.separator import WORDS
from tidegate.data.unpack import COMPRESSED, empty_file, ending_of, listed, refused
from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
JSON_LINES = (".jsonl", ".ndjson")
TYPED = (".parquet", ".pq", ".feather", ".arrow", ".xlsx")
ENDINGS: tuple[str, ...] = (
    *TEXT,
    *JSON_LINES,
    *TYPED,
    *(ending + packed for ending in (*TEXT, *JSON_LINES) for packed in COMPRESSED),
)
"""What the name of a table ends in, in lower case; upper case counts as well."""

Tell = Callable[[int, int], None]
"""Is told the bytes of the file that are read, and all that it has."""


@dataclass(frozen=True)
class TableFormat:
    """How a text table is written; None is found from the file.

    >>> TableFormat(separator="semicolon", decimal=",").character
    ';'
    """

    separator: str | None = None
    """One character, or tab, comma, semicolon or space; space is any run of spaces and tabs."""
    decimal: str | None = None
    """`.` or `,`"""
    encoding: str | None = None
    """A name that Python knows, such as utf-8, cp1252 or utf-16."""

    def __post_init__(self) -> None:
        character = self.character
        if character is not None and (
            len(character) != 1 or not character.isascii() or character.isalnum() or character in "\"\r\n.+-'"
        ):
            raise DataError(
                got=f"--separator {self.separator!r}",
                wanted="one ASCII character that is no letter, digit, quote or sign, or tab, comma, semicolon or space",
                do="correct --separator, or leave it out to have it found",
            )
        if self.decimal not in (None, ".", ","):
            raise DataError(
                got=f"--decimal {self.decimal!r}",
                wanted="'.' or ','",
                do="correct --decimal, or leave it out to have it found",
            )
        if self.encoding is not None and not is_encoding(self.encoding):
            raise DataError(
                got=f"--encoding {self.encoding!r}",
                wanted="an encoding of text, such as utf-8, cp1252 or utf-16",
                do="correct --encoding, or leave it out to have it found",
            )

    @property
    def character(self) -> str | None:
        """The separator without words; a space stands for runs of them."""
        return None if self.separator is None else WORDS.get(self.separator.lower(), self.separator)


def is_table(path: Path) -> bool:
    """Whether the name is that of a table.

    >>> is_table(Path("a/LONG.CSV.gz")), is_table(Path("a/image.png"))
    (True, False)
    """
    return path.name.lower().endswith(ENDINGS)


def open_table(path: Path, given: TableFormat = TableFormat()) -> Table:
    """Find how a table is written and which columns it has; a name of another ending is taken for a text table.

    A text table and JSON lines are gone through once, which finds damage and wrong encodings early.

    Raises:
        DataError: the file cannot be read, is empty, is none of its kind, or can be understood in two ways.
        MissingExtraError: it is an Excel sheet and openpyxl is not installed.
    """
    from tidegate.data import arrow, jsonl, text, xlsx

    with refused(path):
        ending = ending_of(path)
        if ending not in (*TYPED, *JSON_LINES):
            return text.TextTable(path, given)
        for option in ("separator", "decimal", "encoding"):
            if getattr(given, option) is not None:
                raise DataError(
                    got=f"--{option} for {path}", wanted="a text table such as .csv", do=f"leave out --{option}"
                )
        if path.stat().st_size == 0:
            raise empty_file(path)
        if ending in JSON_LINES:
            return jsonl.JsonLines(path)
        if ending == ".xlsx":
            return xlsx.Sheet(path)
        return arrow.ParquetTable(path) if ending in (".parquet", ".pq") else arrow.ArrowTable(path)


class Table:
    """A table in a file, opened; its rows are read by `read`."""

    path: Path
    columns: list[str]
    """Names as in the header, without surrounding whitespace; "" where there is none; 0, 1, … without a header."""
    header: bool = True
    """False for a text table whose first line holds only numbers and cells that stand for a missing one."""
    index: list[str]
    """Names of the columns that were the index of a pandas DataFrame; an index that only counts is no column."""
    written: bool = False
    """Whether cells are text that was written, which may mean numbers."""
    found: str = ""
    """In words, what was found about the format; empty for commas, decimal points and UTF-8."""

    def __init__(self, path: Path, columns: Sequence[str], index: Sequence[str] = ()) -> None:
        self.path, self.columns, self.index = path, list(columns), list(index)
        self._positions = {name: position for position, name in enumerate(columns)}
        for name, count in Counter(columns).items():
            if count > 1:
                what = f"columns named {name!r}" if name else "columns without a name"
                raise DataError(
                    got=f"{count} {what} in {path}",
                    wanted="a name of its own for each column",
                    do="rename them in the file",
                )

    def read(
        self, *, text: Collection[str] = (), columns: Sequence[str] | None = None, tell: Tell | None = None
    ) -> pandas.DataFrame:
        """Return all rows, of `columns` only where given and in their order.

        In a text table a column is int64 if every cell is a whole number without `.` or exponent that fits; float64
        if every cell is a number or one of `MISSING`, and where all are empty; bool if every cell is True or False;
        and else text without surrounding whitespace, of which only an empty cell is missing. Text whose values
        repeat has the dtype category, other text that of pandas' strings. The columns of typed files have their
        types: `text` does nothing to them.

        Args:
            text: columns of a text table that stay text, 007 and NA included.
            columns: names; all where None.
            tell: called with the bytes read and the bytes of the file; they begin anew where a column of numbers
                turns out to be text further down, which is then read again.

        Raises:
            DataError: a row cannot be read, there is no such column, or the sign of decimals is unclear.
        """
        wanted = self.columns if columns is None else list(columns)
        for name in wanted:
            if name not in self._positions:
                near = difflib.get_close_matches(name, self.columns, n=1)
                raise DataError(
                    got=f"the unknown column {name!r}",
                    wanted=f"one of {listed(self.columns)} in {self.path}",
                    do=f"try {near[0]!r}" if near else "correct the name",
                )
        with refused(self.path):
            frame = self._read(wanted, text, tell)
            if tell is not None:
                size = self.path.stat().st_size
                tell(size, size)
        return frame

    def place(self, row: int) -> str:
        """Where a person finds row `row` of the DataFrame.

        In text and Excel it is the line, of which the header is one; blank lines below the header and line breaks
        in quotes do not count. In other files it is the number of the row, from 1.
        """
        return f"row {row + 1}"

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        raise NotImplementedError
