"""NumPy files: `.npz` with X, y and lengths; `.npy` with X alone."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data.labels import as_labels
from tidegate.data.sequences import Dataset, Sequences, as_sequences, as_targets, numbers
from tidegate.errors import DataError


def read_npz(path: Path) -> Dataset:
    """Read X [n, time, channels], y and, for unequal lengths, `lengths`; X_test and its kin are the test set.

    y is one label or target a sequence [n], several targets [n, outputs], or a target for every step [n, time] or
    [n, time, outputs]. `channels` [channels] names the channels, `ids` [n] the sequences.
    """
    arrays = _load(path)
    if "X" not in arrays:
        raise DataError(
            got=f"{path} with the arrays {', '.join(sorted(arrays)) or 'none'}",
            wanted="X [n, time, channels], y and, for unequal lengths, lengths",
            do="save it with numpy.savez(path, X=X, y=y)",
        )
    test = _part(arrays, "_test", path) if "X_test" in arrays else None
    return Dataset(path.stem, _part(arrays, "", path), test)


def read_npy(path: Path) -> Dataset:
    """Read X [n, time, channels], or one sequence [time, channels]."""
    X = _load(path)["X"]
    if X.ndim == 2:
        X = X[None]
    return Dataset(path.stem, as_sequences(X, what=f"{path}"))


def _part(arrays: dict[str, np.ndarray], suffix: str, path: Path) -> Sequences:
    X, y = arrays["X" + suffix], arrays.get("y" + suffix)
    if X.ndim == 2 and y is None:
        X = X[None]
    sequences = as_sequences(X, arrays.get("lengths" + suffix), what=f"X{suffix} in {path}")
    sequences = _named(sequences, arrays, suffix, path)
    if y is None:
        return sequences
    if y.ndim == 0 or len(y) != len(sequences):
        raise DataError(
            got=f"{len(sequences)} sequences and {y.size if y.ndim < 1 else len(y)} entries of y{suffix} in {path}",
            wanted="as many of each",
            do="check how the file was saved",
        )
    if y.ndim == 1:
        return sequences.with_targets(as_labels(y, f"y{suffix} in {path}"))
    if y.ndim == 2 and y.shape[1] != X.shape[1]:
        return sequences.with_targets(numbers(y, f"y{suffix} in {path}").astype(np.float64))
    return sequences.with_targets(as_targets(y, sequences, what=f"y{suffix} in {path}"), per_step=True)


def _named(sequences: Sequences, arrays: dict[str, np.ndarray], suffix: str, path: Path) -> Sequences:
    """The sequences with the names that the file has for its channels and for them."""
    channels, ids = arrays.get("channels"), arrays.get("ids" + suffix)
    for name, given, wanted in (("channels", channels, sequences.n_channels), ("ids" + suffix, ids, len(sequences))):
        if given is not None and given.shape != (wanted,):
            raise DataError(
                got=f"{name} of shape {given.shape} in {path}", wanted=f"({wanted},)", do="check how the file was saved"
            )
        if given is not None and len(set(given.tolist())) < len(given):
            twice = next(one for one, count in Counter(given.tolist()).items() if count > 1)
            raise DataError(got=f"{twice!r} twice in {name} of {path}", wanted="each name once", do="rename one")
    return replace(sequences, channels=None if channels is None else tuple(map(str, channels)), ids=ids)


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            loaded: Any = np.load(file, allow_pickle=False)
            return {"X": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if "Object arrays" in str(error):
            raise DataError(
                got=f"{path} with an array of Python objects",
                wanted="arrays of numbers or text",
                do="save text with astype(str), and sequences of unequal length padded, beside their lengths",
            ) from None
        raise DataError(
            got=f"{path} that cannot be read as a NumPy file ({error})",
            wanted="arrays of numbers",
            do="save it again with numpy.savez or numpy.save",
        ) from None
