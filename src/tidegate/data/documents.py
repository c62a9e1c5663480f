"""Text files: one, or a folder of them, with the parts that their names tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tidegate.data.encoding import is_encoding, scan
from tidegate.data.unpack import Source
from tidegate.errors import DataError

TEXT = (".txt", ".text", ".md", ".tokens", ".raw", ".tex", ".py", ".c", ".h")
"""Endings that a folder's documents have; .gz may stand behind."""
PARTS = re.compile(r"(?:.*[._-])?(train|training|valid|validation|val|dev|test|eval)", re.IGNORECASE)
PART_OF = {
    "train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
    "dev": "validation", "test": "test", "eval": "test",
}  # fmt: skip


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
    `train.txt`, `valid.txt` and `test.txt`. Line endings become \\n, and encodings other than UTF-8 are told.

    Raises DataError where there is no text, or it cannot be decoded.
    """
    if encoding is not None and not is_encoding(encoding):
        raise DataError(got=f"--encoding {encoding}", wanted="the name of an encoding", do="write utf-8 or cp1252")
    path = Path(source).expanduser()
    if not path.exists():
        raise DataError(got=f"{source}, which does not exist", wanted="a text file or a folder", do="check the path")
    files = _files(path)
    parts: dict[str, list[Path]] = {}
    for file in files:
        hit = PARTS.fullmatch(_stem(file))
        parts.setdefault(PART_OF[hit[1].lower()] if hit else "", []).append(file)
    if "train" in parts and "" not in parts:
        notes = [f"{name} is the {part} part" for part, some in parts.items() for name in (one.name for one in some)]
    else:
        parts, notes = {"train": files}, []
    read: dict[str, tuple[str, ...]] = {}
    for part, some in parts.items():
        texts = []
        for file in some:
            text, said = _read(file, encoding)
            texts.append(text)
            notes += [one for one in said if one not in notes]
        read[part] = tuple(text for text in texts if text)
    if not read.get("train"):
        raise DataError(got=f"{source} without text", wanted="a text to learn from", do="check how it was made")
    if len(read["train"]) > 1:
        notes.append(f"{len(read['train']):,} documents, each begins from nothing")
    return Documents(
        read["train"], read.get("validation", ()), read.get("test", ()), tuple(notes), _stem(path) or "text"
    )


def _stem(path: Path) -> str:
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem if Path(name).suffix.lower() in TEXT else name


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [one for one in path.rglob("*") if one.is_file() and not one.name.startswith(".")]
        files = [one for one in found if Path(one.name.removesuffix(".gz")).suffix.lower() in TEXT]
        if not files:
            raise DataError(
                got=f"the folder {path} without text files", wanted=f"files {', '.join(TEXT)}", do="name one file"
            )
        return sorted(files)
    hit = PARTS.fullmatch(_stem(path))
    if hit is None or PART_OF[hit[1].lower()] != "train":
        return [path]
    # Its name without the word for the part, which the others of the same kind have in its place.
    frame = re.escape(path.name[: hit.start(1)]), re.escape(path.name[hit.end(1) :])
    words = "|".join(sorted(PART_OF, key=len, reverse=True))
    alike = re.compile(f"{frame[0]}({words}){frame[1]}", re.IGNORECASE)
    beside = sorted(one for one in path.parent.iterdir() if alike.fullmatch(one.name) and one != path)
    return [path, *(one for one in beside if PART_OF[alike.fullmatch(one.name)[1].lower()] != "train")]  # type: ignore[index]


def _read(path: Path, encoding: str | None) -> tuple[str, list[str]]:
    """The text of a file, and what is told of it."""
    try:
        if path.stat().st_size == 0:
            raise DataError(got=f"{path}, an empty file", wanted="text", do="leave it out, or check how it was made")
        found = scan(path, encoding)
        text = b"".join(Source(path, found.encoding).pieces()).decode("utf-8")
    except OSError as error:
        raise DataError(
            got=f"{path} that cannot be opened ({error.strerror})", wanted="a readable file", do="check its rights"
        ) from None
    notes = [f"{path.name} is read as {found.said}"] if found.said else []
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        notes.append(f"the line endings of {path.name} become \\n")
    if not text.strip():
        raise DataError(got=f"{path}, which holds white space alone", wanted="text", do="check how it was made")
    return text, notes
