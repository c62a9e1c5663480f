"""Text tables, such as CSV, read by pyarrow in blocks whose cells become numbers at once."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.data import unpack
from tidegate.data.cells import Column, Evidence, only_numbers
from tidegate.data.encoding import scan
from tidegate.data.separator import ONE_COLUMN, SEPARATORS, Start, find_separator, reader_of, records_of, start_of
from tidegate.data.table import Table, TableFormat, Tell
from tidegate.data.unpack import (
    Source,
    as_file,
    as_lines,
    filled_lines,
    split_lines,
    tabs_for_spaces,
    whole_lines,
    without_start,
)
from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

END = "\x03"  # fills a row after the last, which an open quote would swallow


class TextTable(Table):
    written = True

    def __init__(self, path: Path, given: TableFormat) -> None:
        self.path, self._given = path, given
        self._encoding, said_encoding, self._quotes = scan(path, given.encoding)
        start = start_of(Source(path, self._encoding))
        separator = given.character or start.separator or find_separator(path, start)
        self._spaces, self._separator = separator == " ", "\t" if separator == " " else separator
        self._skip = sum(len(line.encode()) for line in start.skipped)
        self._first = len(start.skipped) + 1
        self._short = 0
        rows = records_of(start, separator)
        self.header = not rows or not only_numbers(rows[0])
        row_names = False
        if self.header:
            names = self._pass_header(start, separator)
            row_names = len(rows) > 1 and len(rows[0]) == len(names) + 1
            names, rows = [""] * row_names + names, rows[1:]
            ends = (
                len(names) > 1 and not names[-1] and not any(row[-1].strip() for row in rows if len(row) == len(names))
            )
        else:
            width, ends = self._measure_lines(len(rows[0]))
            names = [str(column) for column in range(width)]
        self._width = len(names)
        self._blank = len(names) - 1 if ends else None  # the column after the separator that ends every line
        super().__init__(path, names[: self._blank])
        self._refuse_commented_header(start, separator)

        words = SEPARATORS | {" ": "spaces", ONE_COLUMN: ""}
        self._said_separator = ""
        if given.separator is None and separator != ",":
            self._said_separator = f"separated by {words.get(separator, repr(separator))}"
            if separator == ONE_COLUMN:
                self._said_separator = "one column"
        self._said = [said_encoding]
        self._said.append(
            f"after {start.comments} line{'s' * (start.comments > 1)} of comments" if start.comments else ""
        )
        self._said.append("" if self.header else "no header")
        self._said.append("row names in a first column that the header leaves out" if row_names else "")
        self._said.append(f"{self._short} short lines filled with empty cells" if self._short else "")
        self._sample: list[Column] = []
        if self._decimal is None and any("," in cell or "." in cell for row in rows for cell in row):
            self._sample = [self._sampled(position, rows) for position in range(len(self.columns))]
        self._tell_format(self._evidence(self._sample))

    def place(self, row: int) -> str:
        return f"row {self._first + row}"

    def _refuse_commented_header(self, start: Start, separator: str) -> None:
        """Refuse a comment above the table that has a word for each of its columns."""
        comments = [line for line in start.skipped if line.startswith("#")]
        if comments and len(self.columns) > 1:
            cells: list[str] = next(iter(reader_of([comments[-1].lstrip("# ")], separator)), [])
            if len(cells) == len(self.columns) and not only_numbers(cells):
                raise DataError(
                    got=f"{self.path} with names of columns in a comment, {comments[-1].strip()[:60]!r}",
                    wanted="a header",
                    do="remove the # from that line",
                )

    @property
    def _decimal(self) -> str | None:
        """The sign of decimals where it needs no finding."""
        return self._given.decimal or ("." if self._separator == "," and not self._quotes else None)

    def _pass_header(self, start: Start, separator: str) -> list[str]:
        reader = reader_of([*start.lines, *([END] if start.whole else [])], separator)
        names = [name.strip() for name in next(reader)]
        if reader.line_num > len(start.lines) or (reader.line_num == len(start.lines) and not start.whole):
            raise self._open_quote(self._first)
        self._skip += sum(len(line.encode()) for line in start.lines[: reader.line_num])
        self._first += reader.line_num
        return names

    def _measure_lines(self, width: int) -> tuple[int, bool]:
        """The width of a table without a header, and whether every line ends in a separator."""
        if self._quotes:
            return width, False
        separator = self._separator.encode()
        counts: Counter[int] = Counter()
        ends = True
        for piece in whole_lines(self._pieces(Source(self.path, self._encoding))):
            lines = [line for line in split_lines(piece) if line]
            counts.update(line.count(separator) for line in lines)
            ends = ends and all(line.endswith(separator) for line in lines)
        most = max(counts)
        self._short = counts.total() - counts[most]
        return most + 1, ends

    def _pieces(self, source: Source) -> Iterator[bytes]:
        """The rows below the header."""
        pieces = without_start(source.pieces(), self._skip)
        return tabs_for_spaces(pieces) if self._spaces else pieces

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pandas as pd

        positions = [self._positions[name] for name in columns]
        read = self._collect(positions, lambda name: name in text, tell)
        again = [position for position in positions if read[position].again]
        read |= self._collect(again, lambda name: True, tell)
        known = {column.name for column in read.values()} | set(text)
        evidence = self._evidence([*read.values(), *(column for column in self._sample if column.name not in known)])
        self._refuse_unclear(evidence)
        self._tell_format(evidence)
        return pd.DataFrame({read[position].name: read[position].finish() for position in positions}, copy=False)

    def _collect(
        self, positions: Sequence[int], is_text: Callable[[str], bool], tell: Tell | None
    ) -> dict[int, Column]:
        import pyarrow as pa

        if not positions:
            return {}
        block = min(16 * unpack.BLOCK, max(unpack.BLOCK, self._width << 13))
        while True:
            columns = {
                position: Column(self.columns[position], is_text(self.columns[position]), self._decimal)
                for position in positions
            }
            try:
                self._fill(columns, block, tell)
            except pa.ArrowInvalid as error:
                self._explain()
                # A line longer than the block.
                if "straddl" not in str(error) or block >= 1 << 30:
                    raise
                block *= 4
            else:
                return columns

    def _fill(self, columns: dict[int, Column], block: int, tell: Tell | None) -> None:
        import pyarrow as pa
        import pyarrow.csv

        source = Source(self.path, self._encoding)
        pieces = self._pieces(source)
        if self._short:
            pieces = filled_lines(pieces, self._separator.encode(), self._width)
        if self._quotes:
            pieces = chain(pieces, [f"\n{self._separator.join([END] * self._width)}\n".encode()])
        file = as_file(pieces)
        if not file.peek(1):
            return
        names = [str(position) for position in range(self._width)]
        wanted = [names[position] for position in (*columns, *([] if self._blank is None else [self._blank]))]
        size = self.path.stat().st_size
        row, ended = 0, not self._quotes
        try:
            reader = pa.csv.open_csv(
                file,
                pa.csv.ReadOptions(column_names=names, block_size=block),
                pa.csv.ParseOptions(
                    delimiter=self._separator,
                    quote_char='"' if self._quotes else False,
                    newlines_in_values=self._quotes,
                ),
                pa.csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):  # blank lines only
                return
            raise
        with reader, file:
            for batch in reader:
                if self._quotes and batch.num_rows:
                    ended = batch.column(0)[-1].as_py() == END
                    batch = batch.slice(0, batch.num_rows - ended)
                for at, column in enumerate(columns.values()):
                    column.add(batch.column(at), row)
                if self._blank is not None:
                    self._check_blank(batch.column(len(columns)), row)
                row += batch.num_rows
                if tell is not None:
                    tell(source.done, size)
        if not ended:
            self._explain()

    def _check_blank(self, cells: pa.Array, row: int) -> None:
        import pyarrow.compute as pc

        at = pc.index(pc.equal(pc.utf8_trim_whitespace(cells), ""), False).as_py()
        if at >= 0:
            raise DataError(
                got=f"{cells[at].as_py()!r} in {self.path}, {self.place(row + at)}, in a last column without a name",
                wanted="a name in the header for every column that is not empty",
                do="name the column, or correct that line",
            )

    def _explain(self) -> None:
        """Raise a DataError that names the line which cannot be read, if one is found."""
        with as_lines(self._pieces(Source(self.path, self._encoding))) as lines:
            reader = csv.reader(chain(lines, [END]), delimiter=self._separator)
            line = self._first
            try:
                for record in reader:
                    if any(END in cell for cell in record):
                        if record != [END]:
                            raise self._open_quote(line)
                    elif record and len(record) != self._width:
                        unnamed = self.header and line == self._first and len(record) == self._width + 1
                        raise DataError(
                            got=f"{len(record)} cell{'s' * (len(record) != 1)} in {self.path}, line {line}",
                            wanted=f"{self._width} as in the {'header' if self.header else 'first line'}",
                            do="name every column in the header, as R's write.table does with col.names=NA"
                            if unnamed
                            else "correct that line, put quotes around cells that hold the separator, "
                            "or pass another --separator",
                        )
                    line = self._first + reader.line_num
            except csv.Error:
                raise self._open_quote(line) from None

    def _open_quote(self, line: int) -> DataError:
        return DataError(
            got=f'a quote (") in {self.path}, line {line}, that is not closed',
            wanted="cells with two quotes or none",
            do="correct that line; a quote inside quotes is written twice",
        )

    def _sampled(self, position: int, rows: list[list[str]]) -> Column:
        import pyarrow as pa

        column = Column(self.columns[position], False, None)
        column.add(pa.array([row[position] for row in rows if len(row) > position], pa.string()), 0)
        column.pieces.clear()
        return column

    def _evidence(self, columns: Iterable[Column]) -> dict[str, Evidence]:
        """The first cell of each way to write decimals, in columns of numbers."""
        found: dict[str, Evidence] = {}
        for column in columns:
            if column.kind == "number":
                found = column.evidence | found
        return found

    def _refuse_unclear(self, evidence: dict[str, Evidence]) -> None:
        comma = evidence.get("comma") or evidence.get("thousands")
        point = evidence.get("point") or evidence.get("grouped")
        if comma and point:
            one, other = (f"{e.cell!r} ({self.place(e.row)}, column {e.column!r})" for e in (comma, point))
            raise DataError(
                got=f"{one} and {other} in {self.path}",
                wanted="one sign of decimals",
                do="pass --decimal , or --decimal . for the sign that is meant, or correct the cells",
            )
        if comma and "comma" not in evidence:
            raise DataError(
                got=f"{comma.cell!r} in {self.path}, {self.place(comma.row)}, column {comma.column!r}, "
                "where every comma stands before three digits",
                wanted="cells that tell decimals from thousands",
                do="pass --decimal , if the comma is a decimal sign, or else write thousands without it",
            )
        if point and "point" not in evidence and self._separator == ";":
            raise DataError(
                got=f"{point.cell!r} in {self.path}, {self.place(point.row)}, column {point.column!r}, "
                "where every point stands before three digits, in a file with semicolons",
                wanted="cells that tell decimals from thousands",
                do="pass --decimal . if the point is a decimal sign, or --decimal , if it parts thousands",
            )

    def _tell_format(self, evidence: dict[str, Evidence]) -> None:
        decimal = "decimal comma" if "comma" in evidence and not evidence.keys() & {"point", "grouped"} else ""
        self.found = ", ".join(filter(None, [self._said_separator, decimal, *self._said]))
