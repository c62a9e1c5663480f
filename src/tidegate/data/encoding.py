"""The encoding in which all of a file is text."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tidegate.data.unpack import Source, empty_file, split_lines, whole_lines
from tidegate.errors import DataError


def is_encoding(name: str) -> bool:
    try:
        return getattr(codecs.lookup(name), "_is_text_encoding", True)
    except (LookupError, ValueError):
        return False


class _Scanned(NamedTuple):
    encoding: str
    said: str
    """What is told of it; empty for UTF-8."""
    quotes: bool


def scan(path: Path, given: str | None) -> _Scanned:
    """Find the encoding in which all of the file is text."""
    start = next(Source(path).raw(), b"")
    if not start:
        raise empty_file(path)
    marks = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}  # the first begins like that of utf-16
    marks |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8"}
    marked = next((encoding for mark, encoding in marks.items() if start.startswith(mark)), None)
    encoding = marked or "utf-8"
    if given is not None:
        encoding = codecs.lookup(given).name
        encoding = "utf-8" if encoding in ("utf-8", "utf-8-sig", "ascii") else encoding
    try:
        quotes = _check_text(Source(path, encoding))
        return _Scanned(encoding, "" if given or encoding == "utf-8" else encoding, quotes)
    except UnicodeDecodeError:
        bad = find_bad_byte(path) if encoding == "utf-8" else None
        if given is not None:
            raise DataError(
                got=f"{path} that cannot be decoded as --encoding {given}" + (f" ({bad.place})" if bad else ""),
                wanted="the encoding in which it is written",
                do="pass another --encoding, or leave it out to have it found",
            ) from None
        if bad is None:
            raise
        if marked or bad.in_utf8:
            raise DataError(
                got=f"{path} with {bad.place}, in a file that else is UTF-8",
                wanted="text in one encoding",
                do="mend that byte, or pass --encoding cp1252 if all of the file is in it",
            ) from None
    try:
        return _Scanned("cp1252", "cp1252", _check_text(Source(path, "cp1252")))
    except UnicodeDecodeError:
        raise DataError(
            got=f"{path} with bytes that are text neither in utf-8 nor in cp1252",
            wanted="text",
            do="pass its --encoding, or check what the file is",
        ) from None


class _BadByte(NamedTuple):
    """The first byte of a file that is no UTF-8."""

    place: str
    in_utf8: bool
    """Whether there are characters of several bytes elsewhere, or nothing is wrong but the last, which is cut off."""


def find_bad_byte(path: Path) -> _BadByte:
    place, cut, several = "", False, False
    line, start = 1, 0
    for piece in whole_lines(Source(path).raw()):
        several = several or not piece.decode("utf-8", "ignore").isascii()
        try:
            piece.decode("utf-8")
        except UnicodeDecodeError as error:
            if not place:
                bad = piece[error.start]
                at = line + len(split_lines(piece[: error.start])) - 1
                place = f"a byte that is no UTF-8, 0x{bad:02x} in line {at} at offset {start + error.start}"
                cut = error.reason == "unexpected end of data"
        line, start = line + len(split_lines(piece)) - 1, start + len(piece)
    return _BadByte(place, several or cut)


def _check_text(source: Source) -> bool:
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
                wanted="text",
                do="pass its --encoding if it is text (utf-16-le, for one), or check what the file is",
            )
        if not piece.isascii() or decoder.getstate()[0]:
            decoder.decode(piece)
        size += len(piece)
    decoder.decode(b"", True)
    return quotes
