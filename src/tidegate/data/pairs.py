"""Pairs of texts: two files whose lines belong together, or the columns of a table or of JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.data.documents import read_text
from tidegate.data.parts import beside, part_of, without_packing
from tidegate.data.unpack import ending_of
from tidegate.errors import DataError

JSON = (".jsonl", ".ndjson", ".json")
TABLES = (".tsv", ".csv", *JSON)
SOURCES = ("source", "src", "input", "from")
TARGETS = ("target", "tgt", "trg", "translation", "output", "to")
"""What a column is called where nobody names it."""
LANGUAGE = re.compile(r"([a-z]{2}|eng|deu|fra|spa|ita|por|rus|zho|jpn|kor|ara)([-_][A-Za-z]{2,4})?")
SAMPLE = 100_000
"""Characters by which the separator of a CSV file is found."""
MOST_CELL = 2**31 - 1
"""Characters of a cell that Python's csv takes on every system."""


@dataclass(frozen=True)
class Pairs:
    """Texts and their translations."""

    source: tuple[str, ...]
    target: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: Sequence[int]) -> Pairs:
        return Pairs(tuple(self.source[n] for n in rows), tuple(self.target[n] for n in rows))

    def without_empty(self) -> Pairs:
        """Those of which both sides say something."""
        return self[[n for n in range(len(self)) if self.source[n].strip() and self.target[n].strip()]]


@dataclass(frozen=True)
class PairParts:
    """Pairs by part, as the names of files tell."""

    train: Pairs
    validation: Pairs | None = None
    test: Pairs | None = None
    notes: tuple[str, ...] = ()
    name: str = "pairs"


def read_pair_files(source: Path, target: Path, encoding: str | None = None) -> PairParts:
    """Read two files, line n of one beside line n of the other, and those of the other parts beside them.

    `train.en` and `train.de` are joined by `valid.en` and `valid.de`, and by `test.en` and `test.de`, where these are
    there.

    Raises DataError where the files do not have the same number of lines, or are one.
    """
    if source.samefile(target):
        raise DataError(got=f"{source} as both sides", wanted="texts and their translations", do="pass two files")
    others = beside(source, _stem(source)), beside(target, _stem(target))
    notes: list[str] = []
    parts: dict[str, Pairs] = {"train": _file_pairs(source, target, encoding, notes)}
    for part in ("validation", "test"):
        of_source, of_target = (found.get(part, []) for found in others)
        pairs = [(s, t) for s in of_source for t in of_target]
        if len(pairs) > 1:
            pairs = [(s, t) for s, t in pairs if _stem(s) == _stem(t)]
        if len(pairs) == 1:
            parts[part] = _file_pairs(*pairs[0], encoding, notes)
            notes.append(f"{pairs[0][0].name} and {pairs[0][1].name} are the {part} part")
        elif pairs:
            notes.append(f"left out, as several could be the {part} part: {', '.join(s.name for s, _ in pairs)}")
    return PairParts(
        parts["train"], parts.get("validation"), parts.get("test"), tuple(notes), f"{source.name} and {target.name}"
    )


def read_pair_table(
    path: Path,
    source: str | None = None,
    target: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
) -> PairParts:
    """Read the pairs of a file of tab-separated values, CSV or JSON lines, and of the other parts beside it.

    Args:
        path: the file.
        source, target: the columns or keys; those that have the usual names, or the first two.
        encoding: of the text; none to find it.
        separator: of the cells; none to find it.
    """
    notes: list[str] = []
    train = _table_pairs(path, source, target, encoding, separator, notes)
    parts: dict[str, Pairs] = {}
    for part, files in beside(path, _stem(path)).items():
        if len(files) == 1:
            parts[part] = _table_pairs(files[0], source, target, encoding, separator, notes)
            notes.append(f"{files[0].name} is the {part} part")
        else:
            notes.append(f"left out, as several could be the {part} part: {', '.join(one.name for one in files)}")
    return PairParts(train, parts.get("validation"), parts.get("test"), tuple(notes), path.name)


def is_pair_table(path: Path) -> bool:
    """Whether a file holds both sides, as its ending says."""
    return ending_of(path) in TABLES


def read_lines(path: Path, encoding: str | None = None) -> tuple[tuple[str, ...], list[str]]:
    """The lines of a text file, and what is told of it."""
    text, notes = read_text(path, encoding, lone_returns=False)
    return tuple(line.replace("\r", " ") for line in text.removesuffix("\n").split("\n")), notes


def has_columns(path: Path, encoding: str | None) -> bool:
    """Whether every line of a text file has a tab, as in tab-separated values."""
    lines = read_lines(path, encoding)[0]
    return all("\t" in line for line in lines if line.strip())


def _stem(path: Path) -> str:
    """The name up to the language, or up to the word for the part: train of train.en.gz and of train.de-en.en."""
    name = Path(without_packing(path)).stem
    first = name.partition(".")[0]
    return first if part_of(first) and not part_of(name) else name


def _file_pairs(source: Path, target: Path, encoding: str | None, notes: list[str]) -> Pairs:
    sides = []
    for path in (source, target):
        lines, said = read_lines(path, encoding)
        notes += [one for one in said if one not in notes]
        sides.append(lines)
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            got=f"{len(sides[0]):,} lines in {source.name} and {len(sides[1]):,} in {target.name}",
            wanted="equally many, line n of one beside line n of the other",
            do="pass two files that belong together",
        )
    return _whole(Pairs(*sides), source.name, notes)


def _whole(pairs: Pairs, name: str, notes: list[str]) -> Pairs:
    """The pairs of which no side is empty."""
    kept = pairs.without_empty()
    if not len(kept):
        raise DataError(got=f"{name} without a pair of texts", wanted="a pair a line", do="check how it was made")
    if left := len(pairs) - len(kept):
        pairs_are = "pair is" if left == 1 else "pairs are"
        notes.append(f"{left:,} {pairs_are} left out of {name}, as a side is empty")
    return kept


def _table_pairs(
    path: Path,
    source: str | None,
    target: str | None,
    encoding: str | None,
    separator: str | None,
    notes: list[str],
) -> Pairs:
    text, said = read_text(path, encoding)
    notes += [one for one in said if one not in notes]
    ending = ending_of(path)
    if ending in JSON:
        pairs = _object_pairs(path, list(_objects(path, text)), source, target, notes)
    else:
        pairs = _cell_pairs(path, _cells(path, text, separator), source, target, notes)
    return _whole(pairs, path.name, notes)


def _cells(path: Path, text: str, separator: str | None) -> list[list[str]]:
    """The rows of a table, which all have as many cells."""
    if separator is None:
        separator = "\t" if ending_of(path) != ".csv" else _separator_of(text)
    if separator == "\t":
        # Sentences hold quotation marks, and in tab-separated files these are not doubled.
        rows = [line.split("\t") for line in text.split("\n") if line.strip()]
    else:
        csv.field_size_limit(MOST_CELL)
        try:
            rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator, strict=True) if row]
        except csv.Error as error:
            raise DataError(
                got=f"{path}, which is not valid CSV ({error})",
                wanted=f"cells in double quotes where they hold {separator!r}",
                do="mend it",
            ) from None
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(
                got=f"{path} with {len(row)} cells in row {number}",
                wanted=f"{len(rows[0])} as in the first row",
                do="mend that row, with quotes around cells that hold the separator",
            )
    return rows


def _separator_of(text: str) -> str:
    """What stands between the cells of a CSV file: that by which the first rows have equally many."""
    some = text if len(text) <= SAMPLE else text[: text.rfind("\n", 0, SAMPLE) + 1]
    for separator in sorted(",;\t", key=some.count, reverse=True):
        with suppress(csv.Error):
            widths = {len(row) for row in csv.reader(io.StringIO(some), delimiter=separator, strict=True) if row}
            if len(widths) == 1 and widths != {1}:
                return separator
    return ","


def _cell_pairs(path: Path, rows: list[list[str]], source: str | None, target: str | None, notes: list[str]) -> Pairs:
    head = [cell.strip() for cell in rows[0]]
    named = _named(head, source, target)
    if named is None and (source is not None or target is not None):
        raise _no_such(path, head, source, target)
    if named is None:
        if len(head) < 2:
            raise DataError(
                got=f"{path} with {len(head)} column",
                wanted="a text and its translation in a row",
                do="pass two files with --source and --target, or another --separator",
            )
        notes.append(f"{path.name} has no header: its first column is the source, its second the target")
        return _in_lines(zip(*((row[0], row[1]) for row in rows), strict=True))
    _tell(path, named, notes)
    places = head.index(named[0]), head.index(named[1])
    sides = [[row[place] for row in rows[1:]] for place in places]
    return _in_lines(sides)


def _in_lines(sides: Iterable[Iterable[str]]) -> Pairs:
    """Texts without line breaks inside."""
    return Pairs(*(tuple(" ".join(text.split("\n")).strip() for text in side) for side in sides))


def _tell(path: Path, named: tuple[str, str], notes: list[str]) -> None:
    """Say which columns are taken, where their names do not say that they are these."""
    if named[0].lower() not in SOURCES or named[1].lower() not in TARGETS:
        notes.append(f"{path.name}: {named[0]!r} is the source, {named[1]!r} the target")


def _named(head: Sequence[str], source: str | None, target: str | None) -> tuple[str, str] | None:
    """The columns of both sides, by name; none where the first row is no header."""
    if len(set(head)) != len(head):
        return None
    lowered = {name.lower(): name for name in head}

    def of(given: str | None, usual: Sequence[str]) -> str | None:
        if given is not None:
            return given if given in head else lowered.get(given.lower())
        return next((lowered[name] for name in usual if name in lowered), None)

    found = of(source, SOURCES), of(target, TARGETS)
    if found[0] is not None and found[1] is not None:
        return (found[0], found[1]) if found[0] != found[1] else None
    if source is None and target is None and len(head) >= 2 and all(LANGUAGE.fullmatch(name) for name in head[:2]):
        return head[0], head[1]
    return None


def _no_such(path: Path, head: Sequence[str], source: str | None, target: str | None) -> DataError:
    asked = " and ".join(repr(one) for one in (source, target) if one is not None)
    shown = ", ".join(map(repr, [name[:30] for name in head[:10]]))
    return DataError(
        got=f"{path} with the columns {shown}, asked for {asked}",
        wanted="--source and --target among them",
        do="correct both names",
    )


def _objects(path: Path, text: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines, or of one JSON list."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise DataError(
                got=f"{path}, which is not valid JSON ({error})", wanted="a list of objects", do="mend it"
            ) from None
    else:
        found = []
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    found.append(json.loads(line))
                except ValueError as error:
                    raise DataError(
                        got=f"{path}, whose line {number} is not valid JSON ({error})",
                        wanted="an object a line",
                        do="mend it",
                    ) from None
    for number, one in enumerate(found, start=1):
        if not isinstance(one, dict):
            raise DataError(got=f"{path} whose item {number} is no object", wanted="an object a pair", do="mend it")
        # Data sets of the Hugging Face hub hold both sides in one object.
        nested = one.get("translation")
        yield nested if isinstance(nested, dict) else one


def _object_pairs(
    path: Path, objects: list[dict[str, Any]], source: str | None, target: str | None, notes: list[str]
) -> Pairs:
    if not objects:
        raise DataError(got=f"{path} without objects", wanted="an object a pair", do="check how it was made")
    keys = dict.fromkeys(name for one in objects[:100] for name, value in one.items() if isinstance(value, str))
    named = _named(list(keys), source, target)
    if named is None:
        if source is not None or target is not None or len(keys) != 2:
            raise _no_such(path, list(objects[0]), source or "source", target or "target")
        first, second = keys
        named = first, second
    _tell(path, named, notes)
    for number, one in enumerate(objects, start=1):
        for name in named:
            if not isinstance(one.get(name), str) or not is_writable(one[name]):
                raise DataError(
                    got=f"{path}, whose pair {number} has {name!r}: {ascii(one.get(name))[:40]}",
                    wanted="text",
                    do="mend it, or leave that pair out",
                )
    return _in_lines([one[name] for one in objects] for name in named)


def is_writable(text: str) -> bool:
    """Whether any encoding can write a text, as none can half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
