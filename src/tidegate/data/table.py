"""Files that hold a table, text or typed, as named columns; what a column means is decided elsewhere.

Text tables are read by pyarrow in blocks, and the cells of each block become numbers at once. Every number is the
double nearest to what is written.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import difflib
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from tidegate.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
JSON_LINES = (".jsonl", ".ndjson")
TYPED = (".parquet", ".pq", ".feather", ".arrow", ".xlsx")
COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
ENDINGS: tuple[str, ...] = (
    *TEXT,
    *JSON_LINES,
    *TYPED,
    *(ending + packed for ending in (*TEXT, *JSON_LINES) for packed in COMPRESSED),
)
"""What the name of a table ends in, in lower case; upper case counts as well."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?", "-", "#N/A")
"""Cells that stand for no number, in a column whose other cells are numbers."""

Tell = Callable[[int, int], None]
"""Is told the bytes of the file that are read, and all that it has."""

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
WORDS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}
ONE_COLUMN = "\x1f"  # stands for no separator: control bytes do not occur in a text table
END = "\x03"  # fills a row after the last, which an open quote would swallow
SAMPLE = 50  # lines
BLOCK = 4 << 20  # bytes

_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
NUMBER = rf"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+){_EXPONENT}|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])$"
COMMA_NUMBER = rf"^[+-]?(?:[0-9]+,[0-9]*|,[0-9]+){_EXPONENT}$"
THOUSANDS = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"


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
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise DataError(
                got=f"--encoding {self.encoding!r}",
                wanted="an encoding of text, such as utf-8, cp1252 or utf-16",
                do="correct --encoding, or leave it out to have it found",
            )

    @property
    def character(self) -> str | None:
        """The separator without words; a space stands for runs of them."""
        return None if self.separator is None else WORDS.get(self.separator.lower(), self.separator)


def _is_encoding(name: str) -> bool:
    try:
        return getattr(codecs.lookup(name), "_is_text_encoding", True)
    except (LookupError, ValueError):
        return False


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
    with _refused(path):
        ending = _ending(path)
        if ending not in (*TYPED, *JSON_LINES):
            return _TextTable(path, given)
        for option in ("separator", "decimal", "encoding"):
            if getattr(given, option) is not None:
                raise DataError(
                    got=f"--{option} for {path}", wanted="a text table such as .csv", do=f"leave out --{option}"
                )
        if path.stat().st_size == 0:
            raise _empty(path)
        if ending in JSON_LINES:
            return _JsonLines(path)
        if ending == ".xlsx":
            return _Sheet(path)
        return _ParquetTable(path) if ending in (".parquet", ".pq") else _ArrowTable(path)


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
                    wanted=f"one of {_listed(self.columns)} in {self.path}",
                    do=f"try {near[0]!r}" if near else "correct the name",
                )
        with _refused(self.path):
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


# Bytes


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() in COMPRESSED


def _ending(path: Path) -> str:
    """What the name ends in before the ending of a packed file, in lower case."""
    return (path.with_suffix("") if _is_packed(path) else path).suffix.lower()


class _Source:
    """The bytes of a file, unpacked and in UTF-8 without a mark at the start."""

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self.path, self.encoding, self.done = path, encoding, 0

    def raw(self) -> Iterator[bytes]:
        """Pieces of the unpacked file; `done` counts the bytes of the packed one."""
        with self.path.open("rb") as file, self._unpacked(file) as unpacked:
            while piece := unpacked.read(BLOCK):
                self.done = file.tell()
                yield piece

    def pieces(self) -> Iterator[bytes]:
        raw = self.raw()
        if self.encoding == "utf-8":
            yield next(raw, b"").removeprefix(codecs.BOM_UTF8)
            yield from raw
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        start = True
        for piece in chain((decoder.decode(piece) for piece in raw), (decoder.decode(b"", True) for _ in "1")):
            yield (piece.removeprefix("\ufeff") if start else piece).encode()
            start = start and not piece

    def lines(self) -> io.TextIOWrapper:
        return as_lines(self.pieces())

    def _unpacked(self, file: BinaryIO) -> IO[bytes]:
        ending = self.path.suffix.lower()
        if ending == ".gz":
            return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
        if ending == ".bz2":
            return bz2.BZ2File(file)
        if ending == ".xz":
            return lzma.LZMAFile(file)
        if ending == ".zst":
            import pyarrow as pa

            return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
        if ending == ".zip":
            return self._member(zipfile.ZipFile(file))
        return file

    def _member(self, archive: zipfile.ZipFile) -> IO[bytes]:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise DataError(
                got=f"{self.path} with {len(names)} files" + (f" ({_listed(names)})" if names else ""),
                wanted="a zip of one table",
                do="unpack it, and pass the table",
            )
        try:
            return archive.open(names[0])
        except RuntimeError as error:  # a password, or a compression that Python lacks
            raise DataError(
                got=f"{self.path} that cannot be unpacked ({_in_a_line(error)})",
                wanted="a plain zip of one table",
                do="unpack it, and pass the table",
            ) from None


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(into), len(self._rest))
        into[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def as_file(pieces: Iterator[bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Stream(pieces), 1 << 20)


def as_lines(pieces: Iterator[bytes]) -> io.TextIOWrapper:
    """Lines with their ends, as they are."""
    return io.TextIOWrapper(as_file(pieces), encoding="utf-8", newline="")


def _without_start(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[size:]
        size = max(0, size - len(piece))


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut at the ends of lines."""
    rest = b""
    for piece in pieces:
        head, end, tail = piece.rpartition(b"\n")
        if end:
            yield rest + head + end
            rest = tail
        else:
            rest += tail
    yield rest


def _split_lines(piece: bytes) -> list[bytes]:
    return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def _tabs_for_spaces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in _whole_lines(pieces):
        yield b"\n".join(
            b"\t".join(re.findall(rb'"[^"]*"|[^ \t]+', line) if b'"' in line else line.split())
            for line in _split_lines(piece)
        )


def _filled(pieces: Iterator[bytes], separator: bytes, width: int) -> Iterator[bytes]:
    """Short lines get empty cells at their end."""
    for piece in _whole_lines(pieces):
        yield b"\n".join(
            line + separator * (width - 1 - line.count(separator)) if line else line for line in _split_lines(piece)
        )


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """What reading the file raises becomes a DataError."""
    import pyarrow as pa

    try:
        yield
    except UnicodeError as error:
        named = getattr(error, "encoding", None) or "text in that encoding"
        raise DataError(
            got=f"{path} with bytes that are no {named}",
            wanted="text in the encoding that is given or that its first bytes declare",
            do="pass another --encoding, or check the file",
        ) from None
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise DataError(
            got=f"{path} that cannot be unpacked ({error})", wanted="a whole file", do="copy it or make it again"
        ) from None
    except OSError as error:
        if error.strerror is None and _is_packed(path):
            got, do = f"{path} that cannot be unpacked ({error})", "copy it or make it again"
        else:
            got, do = f"{path} that cannot be read ({error.strerror or error})", "check the path and its rights"
        raise DataError(got=got, wanted="a readable file", do=do) from None
    except pa.ArrowException as error:
        raise DataError(
            got=f"{path} that cannot be read ({_in_a_line(error)})", wanted="a whole table", do="check the file"
        ) from None


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _listed(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _empty(path: Path) -> DataError:
    return DataError(got=f"{path}, an empty file", wanted="a table", do="check how it was made")


# Text tables


class _Scanned(NamedTuple):
    encoding: str
    said: str
    """What is told of it; empty for UTF-8."""
    quotes: bool


def _scan(path: Path, given: str | None) -> _Scanned:
    """Find the encoding in which all of the file is text."""
    start = next(_Source(path).raw(), b"")
    if not start:
        raise _empty(path)
    marks = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}  # the first begins like that of utf-16
    marks |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8"}
    marked = next((encoding for mark, encoding in marks.items() if start.startswith(mark)), None)
    encoding = marked or "utf-8"
    if given is not None:
        encoding = codecs.lookup(given).name
        encoding = "utf-8" if encoding in ("utf-8", "utf-8-sig", "ascii") else encoding
    try:
        quotes = _check_text(_Source(path, encoding))
        return _Scanned(encoding, "" if given or encoding == "utf-8" else encoding, quotes)
    except UnicodeDecodeError:
        if given is not None:
            raise DataError(
                got=f"{path} that cannot be decoded as --encoding {given}",
                wanted="the encoding in which it is written",
                do="pass another --encoding, or leave it out to have it found",
            ) from None
        if marked is not None:
            raise
    try:
        return _Scanned("cp1252", "cp1252", _check_text(_Source(path, "cp1252")))
    except UnicodeDecodeError:
        raise DataError(
            got=f"{path} with bytes that are text neither in utf-8 nor in cp1252",
            wanted="a text table",
            do="pass its --encoding, or check that it is a text table",
        ) from None


def _check_text(source: _Source) -> bool:
    """Whether there are quotes; DataError for control bytes, UnicodeDecodeError for what is no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    quotes = False
    size = 0
    for piece in source.pieces():
        quotes = quotes or b'"' in piece
        values = np.frombuffer(piece, np.uint8)
        control = (values < 9) | (values - np.uint8(14) < 18)
        if control.any():
            at = int(control.argmax())
            raise DataError(
                got=f"{source.path} with the control byte 0x{piece[at]:02x} at {size + at}",
                wanted="a text table",
                do="pass its --encoding if it is text (utf-16-le, for one), or check what the file is",
            )
        if not piece.isascii() or decoder.getstate()[0]:
            decoder.decode(piece)
        size += len(piece)
    decoder.decode(b"", True)
    return quotes


class _Start(NamedTuple):
    """The first lines of a text table."""

    skipped: list[str]
    lines: list[str]
    whole: bool
    """Whether `lines` are all there are."""
    separator: str | None
    """What a first line `sep=;` says."""
    comments: int


def _start_of(source: _Source) -> _Start:
    skipped: list[str] = []
    separator, comments = None, 0
    with source.lines() as lines:
        for line in lines:
            said = re.fullmatch(r'"?sep=([^\w\s"]|\t)"?\s*', line) if not skipped else None
            if said:
                separator = said[1]
            elif line.startswith("#"):
                comments += 1
            elif line.strip():
                kept = [line, *islice(lines, SAMPLE)]
                return _Start(skipped, kept[:SAMPLE], len(kept) <= SAMPLE, separator, comments)
            skipped.append(line)
    if not comments and separator is None:
        raise _empty(source.path)
    raise DataError(
        got=f"{source.path} without a line of a table", wanted="a header and rows", do="check how it was made"
    )


def _reader(lines: Iterable[str], separator: str) -> Any:
    """Records of lines whose separator may be runs of spaces."""
    if separator == " ":
        lines, separator = as_lines(_tabs_for_spaces(line.encode() for line in lines)), "\t"
    return csv.reader(lines, delimiter=separator)


def _records(start: _Start, separator: str) -> list[list[str]]:
    """The cells of the first lines, or none where they cannot be split so."""
    try:
        records = [record for record in _reader(start.lines, separator) if record]
    except csv.Error:
        return []
    # The last may go on in the next line.
    return records if start.whole or len(records) == 1 else records[:-1]


def _is_number(cell: str) -> bool:
    return bool(re.match(NUMBER, cell.strip()) or re.match(COMMA_NUMBER, cell.strip()))


def _only_numbers(cells: Sequence[str]) -> bool:
    cells = [cell.strip() for cell in cells]
    numbers = [_is_number(cell) and cell not in MISSING for cell in cells]
    return any(numbers) and all(number or cell in MISSING for number, cell in zip(numbers, cells, strict=True))


def _find_separator(path: Path, start: _Start) -> str:
    """The character that splits the first lines into equally many fields, more than one."""
    split = {separator: _records(start, separator) for separator in SEPARATORS}
    split = {separator: records for separator, records in split.items() if records}
    even = [s for s, records in split.items() if len(records[0]) > 1 and len({len(r) for r in records}) == 1]
    if len(even) > 1:
        even = [s for s in even if _is_clean(split[s], [other for other in even if other != s])] or even
    headed = even or [s for s, records in split.items() if len(records[0]) > 1]
    if _ending(path) in (".tsv", ".tab") and "\t" in headed:
        return "\t"
    spaced = _records(start, " ")
    if not headed:
        return " " if _is_spaced(spaced) else ONE_COLUMN
    if not even:
        agreeing = {s: sum(len(r) == len(split[s][0]) for r in split[s]) / len(split[s]) for s in headed}
        even = [s for s in headed if agreeing[s] == max(agreeing.values())]
    if even == [","] and _is_spaced(spaced) and _are_numbers(spaced) and not _are_numbers(split[","]):
        even.append(" ")  # of decimal commas
    if len(even) == 1:
        return even[0]
    words = SEPARATORS | {" ": "spaces"}
    raise DataError(
        got=f"{path} whose first lines can be split at {' or at '.join(words[s] for s in even)}",
        wanted="one separator",
        do="pass --separator",
    )


def _are_numbers(records: list[list[str]]) -> bool:
    """Whether there are only numbers, below a header or without one."""
    return bool(records) and all(_only_numbers(row) for row in records[1:] or records)


def _is_spaced(records: list[list[str]]) -> bool:
    """Whether spaces split the lines evenly, or split lines of numbers."""
    if not records or len(records[0]) == 1 or all(len(row) == 1 for row in records[1:] or records):
        return False
    return len({len(row) for row in records}) == 1 or _are_numbers(records)


def _is_clean(records: list[list[str]], others: list[str]) -> bool:
    """Whether every column is one of numbers, or free of the other characters."""
    for column in zip(*(records[1:] or records), strict=True):
        words = [cell for cell in column if cell.strip() not in MISSING and not _is_number(cell)]
        if words and any(other in cell for other in others for cell in column):
            return False
    return True


class _Evidence(NamedTuple):
    """A cell that shows how decimals are written."""

    cell: str
    row: int
    column: str


class _TextTable(Table):
    written = True

    def __init__(self, path: Path, given: TableFormat) -> None:
        self.path, self._given = path, given
        self._encoding, said_encoding, self._quotes = _scan(path, given.encoding)
        start = _start_of(_Source(path, self._encoding))
        separator = given.character or start.separator or _find_separator(path, start)
        self._spaces, self._separator = separator == " ", "\t" if separator == " " else separator
        self._skip = sum(len(line.encode()) for line in start.skipped)
        self._first = len(start.skipped) + 1
        self._short = 0
        rows = _records(start, separator)
        self.header = not rows or not _only_numbers(rows[0])
        if self.header:
            names, rows = self._pass_header(start, separator), rows[1:]
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
        self._said.append(f"{self._short} short lines filled with empty cells" if self._short else "")
        self._sample: list[_Column] = []
        if self._decimal is None and any("," in cell for row in rows for cell in row):
            self._sample = [self._sampled(position, rows) for position in range(len(self.columns))]
        self._tell_format(self._evidence(self._sample))

    def place(self, row: int) -> str:
        return f"row {self._first + row}"

    def _refuse_commented_header(self, start: _Start, separator: str) -> None:
        """Refuse a comment above the table that has a word for each of its columns."""
        comments = [line for line in start.skipped if line.startswith("#")]
        if comments and len(self.columns) > 1:
            cells: list[str] = next(iter(_reader([comments[-1].lstrip("# ")], separator)), [])
            if len(cells) == len(self.columns) and not _only_numbers(cells):
                raise DataError(
                    got=f"{self.path} with names of columns in a comment, {comments[-1].strip()[:60]!r}",
                    wanted="a header",
                    do="remove the # from that line",
                )

    @property
    def _decimal(self) -> str | None:
        """The sign of decimals where it needs no finding."""
        return self._given.decimal or ("." if self._separator == "," and not self._quotes else None)

    def _pass_header(self, start: _Start, separator: str) -> list[str]:
        reader = _reader([*start.lines, *([END] if start.whole else [])], separator)
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
        for piece in _whole_lines(self._pieces(_Source(self.path, self._encoding))):
            lines = [line for line in _split_lines(piece) if line]
            counts.update(line.count(separator) for line in lines)
            ends = ends and all(line.endswith(separator) for line in lines)
        most = max(counts)
        self._short = counts.total() - counts[most]
        return most + 1, ends

    def _pieces(self, source: _Source) -> Iterator[bytes]:
        """The rows below the header."""
        pieces = _without_start(source.pieces(), self._skip)
        return _tabs_for_spaces(pieces) if self._spaces else pieces

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
    ) -> dict[int, _Column]:
        import pyarrow as pa

        if not positions:
            return {}
        block = min(16 * BLOCK, max(BLOCK, self._width << 13))
        while True:
            columns = {
                position: _Column(self.columns[position], is_text(self.columns[position]), self._decimal)
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

    def _fill(self, columns: dict[int, _Column], block: int, tell: Tell | None) -> None:
        import pyarrow as pa
        import pyarrow.csv

        source = _Source(self.path, self._encoding)
        pieces = self._pieces(source)
        if self._short:
            pieces = _filled(pieces, self._separator.encode(), self._width)
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
        with as_lines(self._pieces(_Source(self.path, self._encoding))) as lines:
            reader = csv.reader(chain(lines, [END]), delimiter=self._separator)
            line = self._first
            try:
                for record in reader:
                    if any(END in cell for cell in record):
                        if record != [END]:
                            raise self._open_quote(line)
                    elif record and len(record) != self._width:
                        raise DataError(
                            got=f"{len(record)} cell{'s' * (len(record) != 1)} in {self.path}, line {line}",
                            wanted=f"{self._width} as in the {'header' if self.header else 'first line'}",
                            do="correct that line, put quotes around cells that hold the separator, "
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

    def _sampled(self, position: int, rows: list[list[str]]) -> _Column:
        import pyarrow as pa

        column = _Column(self.columns[position], False, None)
        column.add(pa.array([row[position] for row in rows if len(row) > position], pa.string()), 0)
        column.pieces.clear()
        return column

    def _evidence(self, columns: Iterable[_Column]) -> dict[str, _Evidence]:
        """The first cell of each way to write decimals, in columns of numbers."""
        found: dict[str, _Evidence] = {}
        for column in columns:
            if column.kind == "number":
                found = column.evidence | found
        return found

    def _refuse_unclear(self, evidence: dict[str, _Evidence]) -> None:
        comma = evidence.get("comma") or evidence.get("thousands")
        point = evidence.get("point")
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

    def _tell_format(self, evidence: dict[str, _Evidence]) -> None:
        decimal = "decimal comma" if "comma" in evidence and "point" not in evidence else ""
        self.found = ", ".join(filter(None, [self._said_separator, decimal, *self._said]))


class _Column:
    """The cells of one column of a text table, block after block."""

    def __init__(self, name: str, text: bool, decimal: str | None) -> None:
        self.name = name
        self.kind = "text" if text else ""
        """number, bool or text; none while all cells are missing."""
        self.again = False
        """Whether it is text whose first blocks were taken for something else."""
        self.evidence: dict[str, _Evidence] = {}
        """Cells by the way in which they write decimals: point, comma, or thousands, which may be either."""
        self.pieces: list[Any] = []
        self._decimal = decimal
        self._text = _Text()
        self._whole = True

    def add(self, cells: pa.Array, row: int) -> None:
        """Take the cells of a block that begins at `row`."""
        if self.again:
            return
        if self.kind in ("", "number") and (numbers := self._numbers(cells, row)) is not None:
            self._whole = self._whole and numbers.dtype == np.int64
            if self.kind == "" and not np.isnan(numbers).all():
                self.kind = "number"
            self.pieces.append(numbers)
        elif (self.kind == "bool" or not (self.kind or self.pieces)) and (bools := _bools(cells)) is not None:
            self.kind = "bool"
            self.pieces.append(bools)
        elif self.pieces:
            self.kind, self.again = "text", True
            self.pieces.clear()
        else:
            self.kind = "text"
            self._text.add(cells)

    def finish(self) -> Any:
        if self.kind == "text":
            return self._text.finish()
        values = np.concatenate(self.pieces) if self.pieces else np.empty(0)
        self.pieces.clear()
        return values

    def _numbers(self, cells: pa.Array, row: int) -> np.ndarray | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(cells):
            return np.empty(0, np.int64 if self._whole else np.float64)
        if self._whole and (whole := _ints(cells)) is not None:
            return whole
        # A block of whole numbers, some of them with a plus, takes the long way.
        signed = self._whole and pc.any(pc.match_substring(cells, "+")).as_py()
        if self._decimal != "," and not signed and (numbers := _floats(cells)) is not None:
            self._find_point(cells, row)
            return numbers
        cells = pc.utf8_trim_whitespace(cells)
        missing = pc.is_in(cells, value_set=pa.array(MISSING))
        cells = pc.if_else(missing, pa.scalar(None, pa.string()), cells)
        cells = pc.replace_substring_regex(cells, r"^\+([^+-])", r"\1")
        if self._whole and not cells.null_count and (whole := _ints(cells)) is not None:
            return whole
        commas = pc.match_substring_regex(cells, COMMA_NUMBER)
        if self._decimal == ",":
            if pc.any(pc.match_substring(cells, ".")).as_py():
                return None
            return _floats(pc.replace_substring(cells, ",", "."))
        if self._decimal == "." or not pc.any(commas).as_py():
            numbers = _floats(cells)
        else:
            numbers = _floats(pc.if_else(commas, pc.replace_substring(cells, ",", "."), cells))
            if numbers is not None:
                thousands = pc.match_substring_regex(cells, THOUSANDS)
                self._note("thousands", cells, thousands, row)
                self._note("comma", cells, pc.and_not(commas, thousands), row)
        if numbers is not None:
            self._find_point(cells, row)
        return numbers

    def _find_point(self, cells: pa.Array, row: int) -> None:
        import pyarrow.compute as pc

        if self._decimal is None and "point" not in self.evidence:
            self._note("point", cells, pc.match_substring(cells, "."), row)

    def _note(self, way: str, cells: pa.Array, which: pa.Array, row: int) -> None:
        import pyarrow.compute as pc

        at = pc.index(which, True).as_py()
        if at >= 0:
            self.evidence.setdefault(way, _Evidence(cells[at].as_py(), row + at, self.name))


def _ints(cells: pa.Array) -> np.ndarray | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(cells, pa.int64())
    except pa.ArrowInvalid:
        return None
    # pyarrow reads 0x10 as 16.
    hexadecimal = pc.or_(pc.match_substring(cells, "x"), pc.match_substring(cells, "X"))
    return None if pc.any(hexadecimal).as_py() else numbers.to_numpy()


def _floats(cells: pa.Array) -> np.ndarray | None:
    """Cells with decimal points as numbers, None as NaN; none where a cell is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        if not pc.all(pc.match_substring_regex(cells, NUMBER)).as_py():
            return None
        # Some versions of pyarrow refuse numbers beyond the range of doubles.
        return np.array([np.nan if cell is None else float(cell) for cell in cells.to_pylist()])


def _bools(cells: pa.Array) -> np.ndarray | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pc.utf8_trim_whitespace(cells)
    true = pc.is_in(cells, value_set=pa.array(["True", "true", "TRUE"]))
    false = pc.is_in(cells, value_set=pa.array(["False", "false", "FALSE"]))
    return true.to_numpy(zero_copy_only=False) if pc.all(pc.or_(true, false)).as_py() else None


class _Text:
    """The cells of a column of text; where values repeat in the first block, each value is kept once."""

    def __init__(self) -> None:
        self.pieces: list[pa.Array] = []
        self.repeats: bool | None = None

    def add(self, cells: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = pc.utf8_trim_whitespace(cells)
        cells = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)
        if self.repeats is not False and len(cells):
            encoded = cells.dictionary_encode()
            if self.repeats is None:
                self.repeats = 2 * len(encoded.dictionary) <= len(cells)
            cells = encoded if self.repeats else cells
        self.pieces.append(cells)

    def finish(self) -> pandas.Series:
        import pandas as pd
        import pyarrow as pa

        kept = [piece for piece in self.pieces if len(piece)]
        self.pieces.clear()
        if not kept:
            return pd.Series([], dtype="str")
        column = pa.chunked_array(kept)
        return (column.unify_dictionaries() if self.repeats else column).to_pandas()


# JSON lines and Excel


class _Values:
    """A column of Python values, part after part; they keep their type where all have one."""

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._kinds: set[str] = set()

    def add(self, values: list[Any]) -> None:
        import pyarrow as pa

        types = {type(value) for value in values if value is not None}
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


def _in_parts(items: Iterator[Any], size: int = 50_000) -> Iterator[list[Any]]:
    while part := list(islice(items, size)):
        yield part


class _JsonLines(Table):
    """An object a line; its columns are all keys, a missing key is a missing cell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        names: dict[str, None] = {}
        for row in self._rows(_Source(path)):
            names |= dict.fromkeys(row)
        if not names:
            raise _empty(path)
        super().__init__(path, list(names))

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pandas as pd

        values = {name: _Values() for name in columns}
        size = self.path.stat().st_size
        source = _Source(self.path)
        for rows in _in_parts(self._rows(source)):
            for name in columns:
                values[name].add([row.get(name) for row in rows])
            if tell is not None:
                tell(source.done, size)
        return pd.DataFrame({name: values[name].finish() for name in columns}, copy=False)

    def _rows(self, source: _Source) -> Iterator[dict[str, Any]]:
        number = 0
        try:
            with source.lines() as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield self._row(line, number)
        except UnicodeDecodeError:
            raise DataError(
                got=f"{self.path}, after line {number}, bytes that are no UTF-8",
                wanted="JSON in UTF-8",
                do="convert it",
            ) from None

    def _row(self, line: str, number: int) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                got=f"{self.path}, line {number}, that is no JSON ({_in_a_line(error)})",
                wanted="a JSON object a line",
                do="correct that line",
            ) from None
        if not isinstance(row, dict):
            raise DataError(
                got=f"{line.strip()[:40]!r} in {self.path}, line {number}",
                wanted='a JSON object a line, such as {"time": 0, "x": 1.5}',
                do="write each row so",
            )
        for name, value in row.items():
            if isinstance(value, (dict, list)):
                raise DataError(
                    got=f"the nested value {str(value)[:40]} in {self.path}, line {number}, column {name!r}",
                    wanted="a number, text, true, false or null",
                    do="give each of its values a key of its own",
                )
        return row


class _Sheet(Table):
    """The first sheet of an Excel file; its header is the first line that is not empty."""

    def __init__(self, path: Path) -> None:
        self.path, self._first = path, 1
        names: list[str] = []
        with self._opened() as (lines, sheets):
            for line in lines:
                self._first += 1
                names = ["" if cell is None else str(cell).strip() for cell in line]
                if any(names):
                    break
        if not any(names):
            raise _empty(path)
        while not names[-1]:
            names.pop()
        super().__init__(path, names)
        self.found = f"sheet {sheets[0]!r}, the first of {len(sheets)}" if len(sheets) > 1 else ""

    def place(self, row: int) -> str:
        return f"row {self._first + row}"

    def _refuse_commented_header(self, start: _Start, separator: str) -> None:
        """Refuse a comment above the table that has a word for each of its columns."""
        comments = [line for line in start.skipped if line.startswith("#")]
        if comments and len(self.columns) > 1:
            cells: list[str] = next(iter(_reader([comments[-1].lstrip("# ")], separator)), [])
            if len(cells) == len(self.columns) and not _only_numbers(cells):
                raise DataError(
                    got=f"{self.path} with names of columns in a comment, {comments[-1].strip()[:60]!r}",
                    wanted="a header",
                    do="remove the # from that line",
                )

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pandas as pd

        positions = [self._positions[name] for name in columns]
        values = {name: _Values() for name in columns}
        with self._opened() as (lines, _):
            for rows in _in_parts(self._rows(lines)):
                for name, position in zip(columns, positions, strict=True):
                    values[name].add([row[position] for row in rows])
        return pd.DataFrame({name: values[name].finish() for name in columns}, copy=False)

    def _rows(self, lines: Iterator[tuple[Any, ...]]) -> Iterator[list[Any]]:
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
            yield [*row[:width], *[None] * (width - len(row))]

    @contextmanager
    def _opened(self) -> Iterator[tuple[Iterator[tuple[Any, ...]], list[str]]]:
        """The lines of the first sheet, and the names of all."""
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
                sheets = book.worksheets
                if not sheets:
                    raise _empty(self.path)
                sheets[0].reset_dimensions()  # some programs write wrong ones
                yield sheets[0].iter_rows(values_only=True), [sheet.title for sheet in sheets]
        except DataError:
            raise
        except (KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
            raise DataError(
                got=f"{self.path} that cannot be read ({_in_a_line(error)})",
                wanted="an Excel file without a password",
                do="save it again as .xlsx, or as .csv",
            ) from None


# Parquet and Arrow


def _names_of(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """The names of the fields, an unnamed index as "", and those of them that were an index in pandas."""
    about = schema.pandas_metadata or {}
    named = {column["field_name"]: column["name"] for column in about.get("columns", []) if "field_name" in column}
    fields = [field for field in about.get("index_columns", []) if isinstance(field, str)]
    index = {field: named.get(field) or "" for field in fields if field in schema.names}
    return [index.get(name, name) for name in schema.names], list(index.values())


def _as_frame(table: pa.Table, columns: Sequence[str]) -> pandas.DataFrame:
    return table.rename_columns(columns).to_pandas(ignore_metadata=True, split_blocks=True, self_destruct=True)


class _ParquetTable(Table):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            self._schema = file.schema_arrow
        super().__init__(path, *_names_of(self._schema))

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pyarrow.parquet as pq

        names = self._schema.names
        fields = [names[self._positions[name]] for name in columns]
        with pq.ParquetFile(self.path) as file:
            return _as_frame(file.read(columns=fields).select(fields), columns)


class _ArrowTable(Table):
    """Feather's second version, and Arrow's files and streams."""

    def __init__(self, path: Path) -> None:
        with self._opened(path) as reader:
            super().__init__(path, *_names_of(reader.schema))

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        with self._opened(self.path) as reader:
            return _as_frame(reader.read_all().select([self._positions[name] for name in columns]), columns)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Any]:
        import pyarrow as pa

        with pa.memory_map(str(path)) as file:
            try:
                reader = pa.ipc.open_file(file)
            except pa.ArrowInvalid:
                file.seek(0)
                reader = pa.ipc.open_stream(file)
            yield reader
