"""Folders with a file a sequence: which files are data, which label each has, which are to train and to test with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidegate.data.sequences import Sequences
from tidegate.errors import DataError

PARTS = ("train", "test")
"""Folders in a folder that are its training part and its test part, where it has both and no other."""
SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation")
"""Names of folders that are no label where there are folders in them."""

ABOUT = ("readme", "license", "licence", "copying", "citation", "notice", "changelog", "thumbs", "desktop")
"""Names, without their endings, of files that are no data."""
ABOUT_ENDINGS = (".md", ".rst", ".pdf", ".html")


@dataclass(frozen=True)
class TableFolder:
    """A folder whose tables are a sequence each; the folders between are their labels."""

    path: Path
    files: tuple[Path, ...]

    def label_of(self, file: Path) -> str | None:
        return label_of(self.path, file)

    def name_of(self, file: Path) -> str:
        """A file's name in the folder, without its ending."""
        inside = file.relative_to(self.path)
        return str(inside.with_name(inside.name.split(".")[0]))


@dataclass(frozen=True)
class SoundFiles:
    """Audio files that are a sequence each: those of a folder, or one."""

    path: Path
    files: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    """Files of other kinds beside them."""


def label_of(folder: Path, file: Path) -> str | None:
    """The name of the folder in `folder` that a file lies in; none where it lies in no other than train and test.

    Raises DataError where it lies in several, one in the other.
    """
    between = _between(folder, file)
    if len(between) > 1:
        raise DataError(
            got=f"{file.relative_to(folder)} in {folder}, in {len(between)} folders, one in the other",
            wanted="each file in one folder, named by its label; train and test may be around these",
            do=f"move the files of each label into one folder, or pass one folder alone, such as "
            f"{file.parents[len(between) - 1]}",
        )
    return between[0] if between else None


def _between(folder: Path, file: Path) -> tuple[str, ...]:
    between = file.relative_to(folder).parts[:-1]
    is_part = bool(between) and between[0].lower() in (PARTS if len(between) == 1 else SPLITS)
    return between[1:] if is_part else between


def files_in(folder: Path) -> list[Path]:
    """The files in a folder and its folders by path, without hidden ones and those that only describe the others."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.name.split(".")[0].lower() not in ABOUT
        and file.suffix.lower() not in ABOUT_ENDINGS
    ]


def files_of_kind(folder: Path, files: Sequence[Path], is_of_kind: Callable[[Path], bool], kind: str) -> list[Path]:
    """The files, all of one kind, and either all in folders that may be labels or none.

    Raises DataError for others.
    """
    others = [str(file.relative_to(folder)) for file in files if not is_of_kind(file)]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise DataError(
            got=f"{len(others)} file{'s' * (len(others) > 1)} beside the {kind} in {folder} "
            f"({', '.join(others[:3])}{more})",
            wanted=f"{kind} alone",
            do="move the others away, or convert them",
        )
    unlabeled = [file for file in files if not _between(folder, file)]
    labeled = [file for file in files if _between(folder, file)]
    if unlabeled and labeled:
        one, other = unlabeled[0].relative_to(folder), labeled[0].relative_to(folder)
        raise DataError(
            got=f"{one} in {folder}, in no folder named by a label, and {other} in one",
            wanted=f"a sequence in each file, all in folders named by label or none ({kind} of labels are not read)",
            do=f"move {one.name} away, or into the folder of its label",
        )
    return list(files)


def parts_of(sequences: Sequences) -> tuple[Sequences, Sequences | None]:
    """The training part and the test part of sequences named by their paths; no test part where there are no such."""
    assert sequences.ids is not None
    tops = [Path(str(name)).parts[0].lower() for name in sequences.ids]
    if set(tops) != set(PARTS):
        named = sorted(set(SPLITS) & set(tops))
        if len(named) > 1:
            raise DataError(
                got=f"the folders {', '.join(sorted(set(tops)))}",
                wanted="train and test, and no other beside them",
                do="rename or move the others; a part of train chooses the best checkpoint by itself",
            )
        return sequences, None
    of_test = np.array([top == "test" for top in tops])
    return sequences[~of_test], sequences[of_test]
