"""Text files: one, or a folder of them, with the parts that their names tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tidegate.data.encoding import is_encoding, scan
from tidegate.data.parts import beside, part_of
from tidegate.data.unpack import COMPRESSED, Source, ending_of, refused
from tidegate.errors import DataError

TEXT = (".txt", ".text", ".md", ".tokens", ".raw", ".tex", ".py", ".c", ".h")
"""Endings that a folder's documents have; that of a packed file may stand behind."""


@dataclass(frozen=True)
class Documents:
    """Texts that have nothing to do with each other, in their order."""

    train: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    """Both empty where the source does not say; then they are the ends of the text."""
    notes: tuple[str, ...] = ()
    name: str = "text"


def read_documents(source: str | Path, encoding: str | None = None) -> Documents:
    """Read a text file or a folder of text files.

    A file whose name says train, valid or test is a part, with the others beside it: `ptb.train.txt`, or a folder of
    `train.txt`, `valid.txt` and `test.txt`, or folders with these names. Line endings become \\n, and encodings other
    than UTF-8 are told.

    Raises DataError where there is no text, or it cannot be decoded.
    """
    path = existing(source, "a text file or a folder")
    files = _files(path)
    parts: dict[str, list[Path]] = {}
    for file in files:
        parts.setdefault(_part_of(file, path), []).append(file)
    others = parts.pop("", [])
    if "train" not in parts and others:
        # A lone test.txt among others is a document, as they are.
        parts, others = {"train": files}, []
    if "train" not in parts:
        raise DataError(
            got=f"{source} with files for {' and '.join(parts)}, and none to train on",
            wanted="a file whose name says train, or names that say nothing",
            do="rename one, or name the file to learn from",
        )
    notes = []
    if len(parts) > 1:
        notes = [f"{_some(some)} {'is' if len(some) == 1 else 'are'} the {part} part" for part, some in parts.items()]
    if others:
        notes.append(
            f"left out, as {'its name says' if len(others) == 1 else 'their names say'} no part: {_some(others)}"
        )
    read: dict[str, tuple[str, ...]] = {}
    for part, some in parts.items():
        texts = []
        for file in some:
            text, said = read_text(file, encoding)
            texts.append(text)
            notes += [one for one in said if one not in notes]
        read[part] = tuple(texts)
    if len(read["train"]) > 1:
        notes.append(f"{len(read['train']):,} documents, each begins from nothing")
    return Documents(
        read["train"], read.get("validation", ()), read.get("test", ()), tuple(notes), _stem(path) or "text"
    )


def existing(source: str | Path, wanted: str) -> Path:
    """The path of a source; DataError where nothing is there."""
    try:
        path = Path(source).expanduser()
        if str(source) and path.exists():
            return path
    except (OSError, RuntimeError, ValueError):
        pass
    shown = str(source) if len(str(source)) <= 200 else f"{str(source)[:200]}…"
    raise DataError(got=f"{shown!r}, which does not exist", wanted=wanted, do="check the path")


def _some(files: list[Path]) -> str:
    names = ", ".join(one.name for one in files[:3])
    return names if len(files) <= 3 else f"{names} and {len(files) - 3:,} more"


def _stem(path: Path) -> str:
    name = path.stem if path.suffix.lower() in COMPRESSED else path.name
    return Path(name).stem if Path(name).suffix.lower() in TEXT else name


def _part_of(file: Path, source: Path) -> str:
    """The part that the name of a file says, or that of the folder in which it lies; empty where none does."""
    folders = file.relative_to(source).parts[:-1] if source.is_dir() else ()
    return next((part for name in (*folders, _stem(file)) if (part := part_of(name))), "")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [
            one
            for one in path.rglob("*")
            if one.is_file() and not any(part.startswith(".") for part in one.relative_to(path).parts)
        ]
        files = [one for one in found if ending_of(one) in TEXT]
        if not files:
            raise DataError(
                got=f"the folder {path} without text files", wanted=f"files {', '.join(TEXT)}", do="name one file"
            )
        return sorted(files)
    return [path, *(one for some in beside(path, _stem(path)).values() for one in some)]


def read_text(path: Path, encoding: str | None, lone_returns: bool = True) -> tuple[str, list[str]]:
    """The text of a file, whose lines end in \\n, and what is told of it.

    Args:
        path: the file, packed or not.
        encoding: in which it is written; none to find it.
        lone_returns: whether a lone \\r ends a line beside \\n.
    """
    if encoding is not None and not is_encoding(encoding):
        raise DataError(got=f"--encoding {encoding}", wanted="the name of an encoding", do="write utf-8 or cp1252")
    with refused(path):
        if path.stat().st_size == 0:
            raise DataError(got=f"{path}, an empty file", wanted="text", do="leave it out, or check how it was made")
        found = scan(path, encoding)
        text = b"".join(Source(path, found.encoding).pieces()).decode("utf-8")
    notes = [f"{path.name} is read as {found.said}"] if found.said else []
    plain = with_line_feeds(text.removeprefix("\ufeff"), lone_returns)
    if plain != text.removeprefix("\ufeff"):
        notes.append(f"the line endings of {path.name} become \\n")
    text = plain
    if not text.strip():
        raise DataError(got=f"{path}, which holds white space alone", wanted="text", do="check how it was made")
    return text, notes


def with_line_feeds(text: str, lone_returns: bool) -> str:
    """A text whose lines end in \\n; whether a lone \\r ends a line too, is given where there is a \\n.

    >>> with_line_feeds("a\\r\\nb", False), with_line_feeds("a\\rb", False), with_line_feeds("a\\rb\\n", False)
    ('a\\nb', 'a\\nb', 'a\\rb\\n')
    """
    plain = text.replace("\r\n", "\n")
    return plain.replace("\r", "\n") if lone_returns or "\n" not in plain else plain
