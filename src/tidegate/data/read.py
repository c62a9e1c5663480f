"""A source by name or path: what it is, is told by its name, its ending or its content."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from tidegate.data import adding, curve, digits, idx, images, mnist, npz, recall, table, ts
from tidegate.data.sequences import Dataset
from tidegate.errors import DataError

BUILT_IN: dict[str, Callable[[], Dataset]] = {
    "digits": digits.digits,
    "mnist": mnist.mnist,
    "curve": curve.curve,
    "recall": recall.recall,
    "adding": adding.adding,
}
"""The datasets that have a name."""


def read_dataset(source: str, per_step: bool = False) -> Dataset:
    """Return a built-in dataset, or what a path holds, with its targets.

    Args:
        source: a name of BUILT_IN, a folder of IDX files, an `.npz`, `.csv`, `.parquet` or `.ts`.
        per_step: whether y is a target for every step, or else one label a sequence.

    Raises:
        DataError: there is no such source, it cannot be read, or it has no targets.
    """
    dataset = read_sequences(source, per_step)
    for part in (dataset.train, dataset.test):
        if part is not None and part.y is None:
            raise DataError(got=f"{source} without y", wanted="a target to learn", do="add y, or choose another file")
        if part is not None and part.y is not None and (part.y.ndim == 3) != per_step:
            asked, has = "a target for every step", "one label a sequence"
            if not per_step:
                asked, has = has, asked
            raise DataError(got=f"{source} with {has}", wanted=asked, do="choose another task or another y")
    return dataset


def read_sequences(source: str, per_step: bool = False) -> Dataset:
    """Return what `read_dataset` does, with or without targets; images too."""
    if source in BUILT_IN:
        return BUILT_IN[source]()
    path = Path(source)
    try:
        if path.is_dir():
            has_images = any(p.suffix.lower() in images.ENDINGS for p in path.iterdir())
            return images.read_image(path) if has_images else idx.read_idx_folder(path)
        if not path.exists():
            raise _no_such(source)
        if path.stat().st_size == 0:
            raise DataError(got=f"{source}, an empty file", wanted="data", do="check how it was made")
        return _read_file(path, per_step)
    except OSError as error:
        raise DataError(
            got=f"{source} that cannot be opened ({error.strerror})", wanted="a readable file", do="check its rights"
        ) from None


def _read_file(path: Path, per_step: bool) -> Dataset:
    ending = path.suffix.lower()
    if ending == ".npz":
        return npz.read_npz(path)
    if ending == ".npy":
        return npz.read_npy(path)
    if ending in (".csv", ".parquet"):
        return table.read_table(path, per_step)
    if ending == ".ts":
        return ts.read_ts(path)
    if ending in images.ENDINGS:
        return images.read_image(path)
    if idx.NAME.match(path.name):
        raise DataError(
            got=f"{path}, one IDX file", wanted="the folder with its images and labels", do=f"pass {path.parent}"
        )
    raise DataError(
        got=f"{path}, a file of an unknown kind",
        wanted=".npz, .npy, .csv, .parquet, .ts, an image, or a folder of IDX files",
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
