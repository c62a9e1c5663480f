"""Pairs of texts: two files whose lines belong together, or the columns of a table or of JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.data.documents import read_text
from tidegate.data.parts import beside
from tidegate.data.unpack import COMPRESSED, ending_of
from tidegate.errors import DataError

TABLES = (".tsv", ".csv", ".jsonl", ".ndjson", ".json")
SOURCES = ("source", "src", "input", "from")
TARGETS = ("target", "tgt", "trg", "translation", "output", "to")
"""What a column is called where nobody names it."""
LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")


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

    Raises DataError where the files do not have the same number of lines.
    """
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
    path: Path, source: str | None = None, target: str | None = None, encoding: str | None = None
) -> PairParts:
    """Read the pairs of a file of tab-separated values, CSV or JSON lines, and of the other parts beside it.

    Args:
        path: the file.
        source, target: the columns or keys; those that have the usual names, or the first two.
        encoding: of the text; none to find it.
    """
    notes: list[str] = []
    train = _table_pairs(path, source, target, encoding, notes)
    parts: dict[str, Pairs] = {}
    for part, files in beside(path, _stem(path)).items():
        if len(files) == 1:
            parts[part] = _table_pairs(files[0], source, target, encoding, notes)
            notes.append(f"{files[0].name} is the {part} part")
        else:
            notes.append(f"left out, as several could be the {part} part: {', '.join(one.name for one in files)}")
    return PairParts(train, parts.get("validation"), parts.get("test"), tuple(notes), path.name)


def is_pair_table(path: Path) -> bool:
    """Whether a file holds both sides, as its ending says."""
    return ending_of(path) in TABLES


def read_lines(path: Path, encoding: str | None = None) -> tuple[tuple[str, ...], list[str]]:
    """The lines of a text file, and what is told of it."""
    text, notes = read_text(path, encoding)
    return tuple(text.removesuffix("\n").split("\n")), notes


def _stem(path: Path) -> str:
    """The name without the ending of a packed file, and without the one before, which may be a language."""
    return Path(path.stem if path.suffix.lower() in COMPRESSED else path.name).stem


def _file_pairs(source: Path, target: Path, encoding: str | None, notes: list[str]) -> Pairs:
    sides = []
    for path in (source, target):
        lines, said = read_lines(path, encoding)
        notes += [one for one in said if one not in notes]
        sides.append(lines)
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            got=f"{len(sides[0]):,} lines in {source.name} and {len(sides[1]):,} in {target.name}",
            wanted="as many, line n of one beside line n of the other",
            do="pass two files that belong together",
        )
    return _whole(Pairs(*sides), source.name, notes)


def _whole(pairs: Pairs, name: str, notes: list[str]) -> Pairs:
    """The pairs of which no side is empty."""
    kept = pairs.without_empty()
    if not len(kept):
        raise DataError(got=f"{name} without a pair of texts", wanted="a pair a line", do="check how it was made")
    if left := len(pairs) - len(kept):
        notes.append(f"{left:,} pairs of {name} are left out, as a side is empty")
    return kept


def _table_pairs(path: Path, source: str | None, target: str | None, encoding: str | None, notes: list[str]) -> Pairs:
    text, said = read_text(path, encoding)
    notes += [one for one in said if one not in notes]
    ending = ending_of(path)
    if ending in (".tsv", ".csv"):
        pairs = _cell_pairs(path, _cells(path, text, ending), source, target, notes)
    else:
        pairs = _object_pairs(path, list(_objects(path, text)), source, target)
    return _whole(pairs, path.name, notes)


def _cells(path: Path, text: str, ending: str) -> list[list[str]]:
    # Sentences hold quotation marks, and in tab-separated files these are not doubled.
    if ending == ".tsv":
        return [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=separator, strict=True) if row]
    except csv.Error as error:
        raise DataError(
            got=f"{path} that is no CSV ({error})", wanted="cells in double quotes where they hold commas", do="mend it"
        ) from None


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
                do="pass two files with --source and --target, or another separator",
            )
        notes.append(f"{path.name} has no header: its first column is the source, its second the target")
        body, places = rows, (0, 1)
    else:
        body, places = rows[1:], (head.index(named[0]), head.index(named[1]))
    short = next((n for n, row in enumerate(body, start=1 + (named is not None)) if len(row) <= max(places)), None)
    if short is not None:
        raise DataError(
            got=f"{path} with {len(body[short - 1 - (named is not None)])} cell in row {short}",
            wanted=f"{max(places) + 1} at least",
            do="mend that row",
        )
    return Pairs(*(tuple(" ".join(row[place].split("\n")).strip() for row in body) for place in places))


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
            raise DataError(got=f"{path} that is no JSON ({error})", wanted="a list of objects", do="mend it") from None
    else:
        found = []
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    found.append(json.loads(line))
                except ValueError as error:
                    raise DataError(
                        got=f"{path} whose line {number} is no JSON ({error})", wanted="an object a line", do="mend it"
                    ) from None
    for number, one in enumerate(found, start=1):
        if not isinstance(one, dict):
            raise DataError(got=f"{path} whose item {number} is no object", wanted="an object a pair", do="mend it")
        # Data sets of the Hugging Face hub hold both sides in one object.
        nested = one.get("translation")
        yield nested if isinstance(nested, dict) else one


def _object_pairs(path: Path, objects: list[dict[str, Any]], source: str | None, target: str | None) -> Pairs:
    if not objects:
        raise DataError(got=f"{path} without objects", wanted="an object a pair", do="check how it was made")
    texts = [name for name, value in objects[0].items() if isinstance(value, str)]
    named = _named(texts, source, target)
    if named is None:
        if source is not None or target is not None or len(texts) != 2:
            raise _no_such(path, list(objects[0]), source or "source", target or "target")
        named = texts[0], texts[1]
    for number, one in enumerate(objects, start=1):
        for name in named:
            if not isinstance(one.get(name), str):
                raise DataError(
                    got=f"{path} whose pair {number} has {name!r}: {str(one.get(name))[:40]!r}",
                    wanted="text",
                    do="mend it, or leave that pair out",
                )
    return Pairs(*(tuple(" ".join(one[name].split("\n")).strip() for one in objects) for name in named))
