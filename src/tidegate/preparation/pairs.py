"""Pairs of texts to what is learned from and what is scored; and what is understood of a source of pairs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import is_built_in
from tidegate.data.documents import TEXT, existing, with_line_feeds
from tidegate.data.encoding import is_encoding
from tidegate.data.pairs import (
    TABLES,
    PairParts,
    Pairs,
    has_columns,
    is_pair_table,
    is_writable,
    read_lines,
    read_pair_files,
    read_pair_table,
)
from tidegate.data.unpack import COMPRESSED
from tidegate.errors import ConfigError, DataError
from tidegate.preparation.reading import Reading
from tidegate.preparation.texts import fingerprint

TEST_SHARE, MOST_TESTED = 0.05, 1000
"""Of the pairs, at random; at most so many."""
SAID = ("source", "target", "encoding", "separator")
"""What can be said of pairs."""


def read_pairs(data: str, reading: Reading) -> PairParts:
    """The pairs of a source, by part; a test part is held out at random where there is none.

    Args:
        data: a file of both sides, a folder, or the file of the source, with `reading.target` that of the target.
        reading: the columns of a file of both sides, the endings of a folder's files, or the file of the target.
    """
    read = with_test(read_parts(data, reading))
    if read.test is None:
        different = len(set(read.train.source))
        raise DataError(
            got=f"{len(read.train):,} pairs of {different:,} different source{'s'[: different != 1]}",
            wanted="a few hundred",
            do="pass more pairs",
        )
    return read


def with_test(read: PairParts) -> PairParts:
    """The same with a test part, where there is none and the pairs are enough to hold some out."""
    if read.test is not None:
        return read
    train, test = held_out(read.train, TEST_SHARE, MOST_TESTED, seed=0)
    if test is None:
        return read
    note = f"{len(test):,} pairs, drawn at random, are the test part"
    return replace(read, train=train, test=test, notes=(*read.notes, note))


def read_parts(data: str, reading: Reading) -> PairParts:
    """The pairs of a source, as they are; see `read_pairs`."""
    _check_said(reading, SAID)
    if is_built_in(data):
        raise DataError(got=f"the built-in dataset {data}", wanted="pairs of texts", do="pass two files or a table")
    path = existing(data, "a file of texts")
    target = None if reading.target is None else ",".join(reading.target)
    if path.is_dir():
        sides = [_in_folder(path, side, name) for side, name in _sides(path, reading, target)]
        return read_pair_files(sides[0], sides[1], reading.encoding)
    if is_pair_table(path) or (target is None and has_columns(path, reading.encoding)):
        return read_pair_table(path, reading.source, target, reading.encoding, reading.format.separator)
    if target is None:
        raise ConfigError(
            got=f"{data}, texts alone", wanted="their translations too", do="name that file with --target"
        )
    return read_pair_files(path, existing(target, "the file of the translations"), reading.encoding)


def _check_said(reading: Reading, known: Sequence[str]) -> None:
    """Raise ConfigError where more is said than is asked."""
    for name in reading.to_config():
        if name not in known:
            raise ConfigError(
                got=f"--{name.replace('_', '-')} for texts", wanted="no option of tables", do="leave it out"
            )


def with_whole_paths(data: str, reading: Reading) -> Reading:
    """The same, the file of the translations by its whole path, so that it is found from anywhere."""
    if reading.target is None or len(reading.target) != 1 or is_built_in(data):
        return reading
    with suppress(OSError, ValueError, RuntimeError):
        source, target = Path(data).expanduser(), Path(reading.target[0]).expanduser()
        if source.is_file() and not is_pair_table(source) and target.is_file():
            return replace(reading, target=(str(target.resolve()),))
    return reading


def _sides(folder: Path, reading: Reading, target: str | None) -> list[tuple[str, str]]:
    if reading.source is None or target is None:
        raise ConfigError(
            got=f"the folder {folder} and not both languages",
            wanted="the endings of its files",
            do="pass --source en --target de, for train.en and train.de",
        )
    return [("source", reading.source), ("target", target)]


def _in_folder(folder: Path, side: str, ending: str) -> Path:
    """The training file of a folder for one side."""
    names = [f"train.{ending}{packed}" for packed in ("", *COMPRESSED)]
    found = next((folder / name for name in (ending, *names) if (folder / name).is_file()), None)
    if found is None:
        raise DataError(
            got=f"the folder {folder} without {names[0]}", wanted=f"a file for --{side}", do="correct that ending"
        )
    return found


def held_out(pairs: Pairs, share: float, most: int, seed: int) -> tuple[Pairs, Pairs | None]:
    """Pairs without a random share of them, and those; none where that is less than one.

    The same text with several translations stays in one part.
    """
    groups: dict[str, list[int]] = {}
    for n, text in enumerate(pairs.source):
        groups.setdefault(text, []).append(n)
    size = min(round(share * len(pairs)), most)
    rows: list[int] = []
    members = list(groups.values())
    for n in np.random.default_rng(seed).permutation(len(members)).tolist():
        if len(rows) + len(members[n]) <= size:
            rows += members[n]
    if not rows or len(rows) == len(pairs):
        return pairs, None
    held = set(rows)
    return pairs[[n for n in range(len(pairs)) if n not in held]], pairs[sorted(rows)]


def lines_of(X: Any, name: str) -> tuple[str, ...]:
    """A list of texts as a tuple; DataError for anything else."""
    ordered = hasattr(X, "__iter__") and not isinstance(X, (str, bytes, Mapping, Set)) and not hasattr(X, "columns")
    if not ordered or getattr(X, "ndim", 1) != 1:
        raise DataError(got=f"{name} of {type(X).__name__}", wanted="a list of texts", do=f"pass [{name}] for one text")
    found = tuple(X)
    for one in found:
        if not isinstance(one, str):
            raise DataError(got=f"{type(one).__name__} in {name}", wanted="texts", do="pass strings")
        if not is_writable(one):
            raise DataError(got=f"an unpaired surrogate in {name}", wanted="text", do="read the file in its encoding")
    return tuple(str(one) for one in found)


def texts_in(source: str, reading: Reading) -> tuple[tuple[str, ...], list[str]]:
    """The lines of a file, or of standard input for -, or else the text itself; and what is told of it."""
    _check_said(reading, ("encoding",))
    if source == "-":
        return _standard_input(reading.encoding), []
    kind = ""
    with suppress(OSError, ValueError, RuntimeError):
        path = Path(source).expanduser()
        kind = "file" if path.is_file() else "folder" if source and path.is_dir() else ""
    if kind == "file":
        if is_pair_table(path):
            raise DataError(
                got=f"{source}, a table", wanted="texts alone, one a line", do="write its texts into a file of lines"
            )
        return read_lines(path, reading.encoding)
    if kind == "folder":
        raise DataError(
            got=f"the folder {source}", wanted="a text or a file of texts", do="name a file, or pass the text by -"
        )
    if not source.strip():
        raise DataError(got="an empty text", wanted="a text or a file of texts", do="write what to translate")
    if len(source.split()) == 1 and ("/" in source or Path(source).suffix.lower() in (*TEXT, *TABLES, *COMPRESSED)):
        raise DataError(got=f"{source}, which does not exist", wanted="a file of texts", do="check the path")
    if reading.encoding is not None:
        raise ConfigError(got="--encoding for a text", wanted="it for a file alone", do="leave it out")
    return lines_of((source,), "the text"), []


def _standard_input(encoding: str | None) -> tuple[str, ...]:
    if encoding is not None and not is_encoding(encoding):
        raise DataError(got=f"--encoding {encoding}", wanted="the name of an encoding", do="write utf-8 or cp1252")
    try:
        text = sys.stdin.buffer.read().decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            got=f"standard input that is no {error.encoding}", wanted="text", do="pass --encoding, such as cp1252"
        ) from None
    text = with_line_feeds(text.removeprefix("\ufeff"), False)
    if not text:
        return ()
    return tuple(line.replace("\r", " ") for line in text.removesuffix("\n").split("\n"))


def fingerprint_of(read: PairParts) -> str:
    """Changes with the pairs."""
    parts = (part for part in (read.train, read.validation, read.test) if part is not None)
    return fingerprint([side for part in parts for side in (part.source, part.target)])


def describe_pairs(data: str, reading: Reading | None = None) -> dict[str, Any]:
    """What is understood of a source of pairs, as JSON."""
    read = read_pairs(data, reading or Reading())
    everything = [part for part in (read.train, read.validation, read.test) if part is not None]
    sides = {side: [text for part in everything for text in getattr(part, side)] for side in ("source", "target")}
    return {
        "name": read.name,
        "pairs": sum(map(len, everything)),
        **{side: _side(texts) for side, texts in sides.items()},
        "split": {
            "training": len(read.train),
            "validation": len(read.validation) if read.validation is not None else None,
            "test": len(read.test) if read.test is not None else None,
        },
        "notes": list(read.notes),
    }


def _side(texts: Sequence[str]) -> dict[str, Any]:
    words = [len(text.split()) for text in texts]
    return {
        "words": sum(words),
        "words_a_text": float(np.median(words)),
        "longest": max(words),
        "different": len({word for text in texts for word in text.split()}),
        "first": texts[0],
    }
