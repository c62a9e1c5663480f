"""A source by name or path: what it is, is told by its name, its ending or its content."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tidegate.data import adding, curve, digits, idx, images, mnist, npz, recall, table, ts
from tidegate.data.sequences import Dataset, Sequences
from tidegate.errors import DataError

BUILT_IN: dict[str, Callable[[], Dataset]] = {
    "digits": digits.digits,
    "mnist": mnist.mnist,
    "curve": curve.curve,
    "recall": recall.recall,
    "adding": adding.adding,
}
"""The datasets that have a name."""


PARTS = ("train", "test")
"""Folders in a folder that are its training part and its test part, where it has both and no other."""


@dataclass(frozen=True)
class TableFolder:
    """A folder whose tables are a sequence each; the folders between are their labels."""

    path: Path
    files: tuple[Path, ...]

    def label_of(self, file: Path) -> str | None:
        """The folder that a file lies in, but for the whole one and its parts train and test."""
        inside = file.relative_to(self.path).parts[:-1]
        return inside[-1] if len(inside) > 1 or (inside and inside[0].lower() not in PARTS) else None

    def name_of(self, file: Path) -> str:
        """A file's name in the folder, without its ending."""
        inside = file.relative_to(self.path)
        return str(inside.with_name(inside.name.split(".")[0]))


def open_source(source: str, table_format: table.TableFormat | None = None) -> Dataset | table.Table | TableFolder:
    """Return what a source holds: sequences, or a table, or a folder of tables whose meaning is not told yet.

    Args:
        source: a name of BUILT_IN, or a path.
        table_format: how a text table is written, as far as a person has said.

    Raises DataError where there is no such source, or it cannot be read.
    """
    if source in BUILT_IN:
        return BUILT_IN[source]()
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise _no_such(source)
        if path.stat().st_size == 0:
            raise DataError(got=f"{source}, an empty file", wanted="data", do="check how it was made")
        return _open_file(path, table_format or table.TableFormat())
    except OSError as error:
        raise DataError(
            got=f"{source} that cannot be opened ({error.strerror})", wanted="a readable file", do="check its rights"
        ) from None


def _open_folder(path: Path) -> Dataset | TableFolder:
    found = [file for file in path.iterdir() if not file.name.startswith(".")]
    if any(file.suffix.lower() in images.ENDINGS for file in found):
        return images.read_image(path)
    if any(idx.NAME.match(file.name) for file in found):
        return idx.read_idx_folder(path)
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and table.is_table(file) and not any(part.startswith(".") for part in file.parts)
    ]
    if files:
        return TableFolder(path, tuple(files))
    if any(file.suffix.lower() in images.ENDINGS for file in path.rglob("*")):
        found_images = images.read_image_folders(path)
        train, test = parts_of(found_images.train)
        return replace(found_images, train=train, test=test)
    raise DataError(
        got=f"the folder {path} without tables, images or IDX files",
        wanted="a table a sequence (CSV and the like), in folders named by label; images; or IDX files as MNIST's",
        do="check the path",
    )


def parts_of(sequences: Sequences) -> tuple[Sequences, Sequences | None]:
    """The training part and the test part of sequences named by their paths; no test part where there are no such."""
    assert sequences.ids is not None
    tops = [Path(str(name)).parts[0].lower() for name in sequences.ids]
    if set(tops) != set(PARTS):
        named = sorted({"train", "training", "test", "testing", "val", "valid", "validation"} & set(tops))
        if len(named) > 1:
            raise DataError(
                got=f"the folders {', '.join(sorted(set(tops)))}",
                wanted="train and test, and no other beside them",
                do="rename or move the others; a part of train chooses the best checkpoint by itself",
            )
        return sequences, None
    of_test = np.array([top == "test" for top in tops])
    return sequences[~of_test], sequences[of_test]


def _open_file(path: Path, table_format: table.TableFormat) -> Dataset | table.Table:
    ending = path.suffix.lower()
    if ending == ".npz":
        return npz.read_npz(path)
    if ending == ".npy":
        return npz.read_npy(path)
    if ending == ".ts":
        return ts.read_ts(path)
    if ending in images.ENDINGS:
        return images.read_image(path)
    if idx.NAME.match(path.name):
        raise DataError(
            got=f"{path}, one IDX file", wanted="the folder with its images and labels", do=f"pass {path.parent}"
        )
    if table.is_table(path):
        return table.open_table(path, table_format)
    raise DataError(
        got=f"{path}, a file of an unknown kind",
        wanted=f"a table ({', '.join(table.ENDINGS)}), .npz, .npy, .ts, an image, or a folder of these",
        do="convert it to one of these",
    )


def _no_such(source: str) -> DataError:
    if "/" in source or Path(source).suffix:
        return DataError(got=f"{source}, a path where nothing is", wanted="a file or folder", do="check the path")
    near = difflib.get_close_matches(source, BUILT_IN, n=1, cutoff=0.4)
    remedy = f"try {near[0]!r}" if near else "correct the name, or pass a path"
    return DataError(
        got=f"the unknown dataset {source!r}", wanted=f"one of {', '.join(BUILT_IN)}, or a path", do=remedy
    )
