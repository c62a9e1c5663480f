"""The bytes of a file, unpacked and in UTF-8, in pieces and in lines; and what keeps them from being read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from tidegate.errors import DataError

COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
BLOCK = 4 << 20  # bytes


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() in COMPRESSED


def ending_of(path: Path) -> str:
    """What the name ends in before the ending of a packed file, in lower case."""
    return (path.with_suffix("") if _is_packed(path) else path).suffix.lower()


class Source:
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
                got=f"{self.path} with {len(names)} files" + (f" ({listed(names)})" if names else ""),
                wanted="a zip of one table",
                do="unpack it, and pass the table",
            )
        try:
            return archive.open(names[0])
        except RuntimeError as error:  # a password, or a compression that Python lacks
            raise DataError(
                got=f"{self.path} that cannot be unpacked ({in_a_line(error)})",
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


def without_start(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[size:]
        size = max(0, size - len(piece))


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
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


def split_lines(piece: bytes) -> list[bytes]:
    return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def tabs_for_spaces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in whole_lines(pieces):
        yield b"\n".join(
            b"\t".join(re.findall(rb'"[^"]*"|[^ \t]+', line) if b'"' in line else line.split())
            for line in split_lines(piece)
        )


def filled_lines(pieces: Iterator[bytes], separator: bytes, width: int) -> Iterator[bytes]:
    """Short lines get empty cells at their end."""
    for piece in whole_lines(pieces):
        yield b"\n".join(
            line + separator * (width - 1 - line.count(separator)) if line else line for line in split_lines(piece)
        )


@contextmanager
def refused(path: Path) -> Iterator[None]:
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
            got=f"{path} that cannot be read ({in_a_line(error)})", wanted="a whole table", do="check the file"
        ) from None


def in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def listed(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def empty_file(path: Path) -> DataError:
    return DataError(got=f"{path}, an empty file", wanted="a table", do="check how it was made")
