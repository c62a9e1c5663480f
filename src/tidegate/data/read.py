"""A source by name or path: what it is, is told by its name, its ending or its content."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tidegate.data import adding, audio, curve, digits, idx, images, mnist, npz, recall, table, ts
from tidegate.data.folder import SoundFiles, TableFolder, files_in, files_of_kind, parts_of
from tidegate.data.sequences import Dataset
from tidegate.errors import DataError

BUILT_IN: dict[str, Callable[..., Dataset]] = {
    "digits": digits.digits,
    "mnist": mnist.mnist,
    "curve": curve.curve,
    "recall": recall.recall,
    "adding": adding.adding,
}
"""The datasets that have a name."""
LENGTHS = (2, 20_000)
"""Steps that `recall` and `adding` can be asked for, as in `recall:1000`."""


def is_built_in(source: str) -> bool:
    """Whether a source is a name of BUILT_IN, alone or with a length.

    >>> is_built_in("digits"), is_built_in("recall:1000"), is_built_in("recall.csv")
    (True, True, False)
    """
    return source.partition(":")[0] in BUILT_IN


def _built_in(source: str) -> Dataset:
    name, colon, length = source.partition(":")
    if not colon:
        return BUILT_IN[name]()
    if name not in ("recall", "adding"):
        raise DataError(got=f"{source!r}", wanted=f"{name!r}, which has no length to choose", do=f"write {name}")
    if not (length.isascii() and length.isdigit() and LENGTHS[0] <= int(length) <= LENGTHS[1]):
        raise DataError(
            got=f"{source!r}", wanted=f"a number of steps from {LENGTHS[0]} to {LENGTHS[1]:,}", do=f"write {name}:1000"
        )
    return BUILT_IN[name](int(length))


def open_source(
    source: str, table_format: table.TableFormat | None = None
) -> Dataset | table.Table | TableFolder | SoundFiles:
    """Return what a source holds: sequences, or a table, a folder of tables or audio whose meaning is not told yet.

    Args:
        source: a name of BUILT_IN, for `recall` and `adding` also with a length, as in `recall:1000`; or a path.
        table_format: how a text table is written, as far as a person has said.

    Raises DataError where there is no such source, or it cannot be read.
    """
    if is_built_in(source):
        return _built_in(source)
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


def _open_folder(path: Path) -> Dataset | TableFolder | SoundFiles:
    if any(idx.NAME.match(file.name) for file in path.iterdir()):
        return idx.read_idx_folder(path)
    files = files_in(path)
    if any(images.is_image(file) and file.parent == path for file in files):
        files_of_kind(path, files, images.is_image, "images")
        return images.read_image(path)
    sound = tuple(file for file in files if audio.is_sound(file))
    # A table at the top tells of recordings; one beside them in the folder of a label is a sequence, too.
    if sound and not any(table.is_table(file) and file.parent != path for file in files):
        return SoundFiles(path, sound, tuple(file for file in files if not audio.is_sound(file)))
    if any(table.is_table(file) for file in files):
        return TableFolder(path, tuple(files_of_kind(path, files, table.is_table, "tables")))
    if any(images.is_image(file) for file in files):
        found = images.read_image_folders(path, files_of_kind(path, files, images.is_image, "images"))
        train, test = parts_of(found.train)
        return replace(found, train=train, test=test)
    raise DataError(
        got=f"the folder {path} without tables, audio, images or IDX files",
        wanted="a table a sequence (CSV and the like), in folders named by label; audio or images, too; or IDX files "
        "as MNIST's",
        do="check the path",
    )


def _open_file(path: Path, table_format: table.TableFormat) -> Dataset | table.Table | SoundFiles:
    ending = path.suffix.lower()
    if ending == ".npz":
        return npz.read_npz(path)
    if ending == ".npy":
        return npz.read_npy(path)
    if ending == ".ts":
        return ts.read_ts(path)
    if images.is_image(path):
        return images.read_image(path)
    if audio.is_sound(path):
        return SoundFiles(path.parent, (path,))
    if idx.NAME.match(path.name):
        raise DataError(
            got=f"{path}, one IDX file", wanted="the folder with its images and labels", do=f"pass {path.parent}"
        )
    if table.is_table(path):
        return table.open_table(path, table_format)
    raise DataError(
        got=f"{path}, a file of an unknown kind",
        wanted=f"a table ({', '.join(table.ENDINGS)}), .npz, .npy, .ts, an image, audio, or a folder of these",
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
