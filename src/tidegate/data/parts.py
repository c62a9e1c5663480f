"""Which part of the data a file is, as its name says: to train, to choose the kept weights, or to test."""

from __future__ import annotations

import re
from pathlib import Path

from tidegate.data.unpack import COMPRESSED

NAME = re.compile(r"(?:.*[._-])?(train|training|valid|validation|val|dev|test|eval)", re.IGNORECASE)
PART_OF = {
    "train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
    "dev": "validation", "test": "test", "eval": "test",
}  # fmt: skip
WORDS = "|".join(sorted(PART_OF, key=len, reverse=True))


def part_of(name: str) -> str:
    """The part that a name without its ending says; empty where it says none.

    >>> part_of("ptb.valid"), part_of("book")
    ('validation', '')
    """
    hit = NAME.fullmatch(name)
    return PART_OF[hit[1].lower()] if hit else ""


def without_packing(path: Path) -> str:
    """The name of a file without the ending of a packed one."""
    return path.stem if path.suffix.lower() in COMPRESSED else path.name


def beside(path: Path, stem: str) -> dict[str, list[Path]]:
    """Files whose names differ from that of a training file in the word for the part alone, by part.

    Where there is none for a part, those whose word is followed by more, as in test_2016. Files may be packed or not.

    Args:
        path: the training file.
        stem: its name without endings, which says so.
    """
    hit = NAME.fullmatch(stem)
    if hit is None or PART_OF[hit[1].lower()] != "train":
        return {}
    name = without_packing(path)
    before, behind = re.escape(name[: hit.start(1)]), re.escape(name[hit.end(1) :])
    found: dict[str, list[Path]] = {}
    for more in ("", "[._-].+"):
        alike = re.compile(f"{before}({WORDS}){more}{behind}", re.IGNORECASE)
        known = {"train", *found}
        for one in sorted(path.parent.iterdir()):
            match = alike.fullmatch(without_packing(one))
            if match and one.is_file() and (part := PART_OF[match[1].lower()]) not in known:
                found.setdefault(part, []).append(one)
    return found
