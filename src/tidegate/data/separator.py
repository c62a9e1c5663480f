"""The first lines of a text table, and what separates their cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.data.cells import MISSING, is_number, only_numbers
from tidegate.data.unpack import Source, as_lines, empty_file, ending_of, tabs_for_spaces
from tidegate.errors import DataError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
WORDS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}
ONE_COLUMN = "\x1f"  # stands for no separator: control bytes do not occur in a text table
SAMPLE = 50  # lines


class Start(NamedTuple):
    """The first lines of a text table."""

    skipped: list[str]
    lines: list[str]
    whole: bool
    """Whether `lines` are all there are."""
    separator: str | None
    """What a first line `sep=;` says."""
    comments: int


def start_of(source: Source) -> Start:
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
                return Start(skipped, kept[:SAMPLE], len(kept) <= SAMPLE, separator, comments)
            skipped.append(line)
    if not comments and separator is None:
        raise empty_file(source.path)
    raise DataError(
        got=f"{source.path} without a line of a table", wanted="a header and rows", do="check how it was made"
    )


def reader_of(lines: Iterable[str], separator: str) -> Any:
    """Records of lines whose separator may be runs of spaces."""
    if separator == " ":
        lines, separator = as_lines(tabs_for_spaces(line.encode() for line in lines)), "\t"
    return csv.reader(lines, delimiter=separator)


def records_of(start: Start, separator: str) -> list[list[str]]:
    """The cells of the first lines, or none where they cannot be split so."""
    try:
        records = [record for record in reader_of(start.lines, separator) if record]
    except csv.Error:
        return []
    if _has_row_names(start, records):
        records[0].insert(0, "")
    # The last may go on in the next line.
    return records if start.whole or len(records) == 1 else records[:-1]


def _has_row_names(start: Start, records: list[list[str]]) -> bool:
    """Whether quoted names of rows come first, and none in the header, as R's write.table writes them."""
    quoted = all(line.startswith('"') for line in start.lines if line.strip())
    return quoted and len(records) > 1 and all(len(row) == len(records[0]) + 1 for row in records[1:])


def find_separator(path: Path, start: Start) -> str:
    """The character that splits the first lines into equally many fields, more than one."""
    split = {separator: records_of(start, separator) for separator in SEPARATORS}
    split = {separator: records for separator, records in split.items() if records}
    even = [s for s, records in split.items() if len(records[0]) > 1 and len({len(r) for r in records}) == 1]
    if len(even) > 1:
        even = [s for s in even if _is_clean(split[s], [other for other in even if other != s])] or even
    headed = even or [s for s, records in split.items() if len(records[0]) > 1]
    if ending_of(path) in (".tsv", ".tab") and "\t" in headed:
        return "\t"
    spaced = records_of(start, " ")
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
    return bool(records) and all(only_numbers(row) for row in records[1:] or records)


def _is_spaced(records: list[list[str]]) -> bool:
    """Whether spaces split the lines evenly, or split lines of numbers."""
    if not records or len(records[0]) == 1 or all(len(row) == 1 for row in records[1:] or records):
        return False
    return len({len(row) for row in records}) == 1 or _are_numbers(records)


def _is_clean(records: list[list[str]], others: list[str]) -> bool:
    """Whether every column is one of numbers, or free of the other characters."""
    for column in zip(*(records[1:] or records), strict=True):
        words = [cell for cell in column if cell.strip() not in MISSING and not is_number(cell)]
        if words and any(other in cell for other in others for cell in column):
            return False
    return True
