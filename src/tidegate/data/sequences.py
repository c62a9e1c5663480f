"""Sequences of equal or unequal length as one padded array, checked once at the border."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidegate.errors import DataError


@dataclass(frozen=True)
class Sequences:
    """N sequences, padded with zeros to the longest."""

    x: np.ndarray
    """[N, T, I] float32."""
    lengths: np.ndarray
    """[N] int64, the real steps of each, at least 1."""
    y: np.ndarray | None = None
    """[N] labels, or [N, T, O] float32 targets; none where they are not known."""

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Sequences:
        return Sequences(self.x[rows], self.lengths[rows], None if self.y is None else self.y[rows])

    def fingerprint(self) -> str:
        """A checksum of all that the sequences hold."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.x, self.lengths, self.y):
            if array is not None:
                digest.update(f"{array.shape}{array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def with_targets(self, y: np.ndarray | None) -> Sequences:
        return replace(self, y=y)


@dataclass(frozen=True)
class Dataset:
    """What a source holds: a training part, and a test part where the source has one."""

    name: str
    train: Sequences
    test: Sequences | None = None
    image: bool = False
    """Each sequence is an image, read row by row."""

    @property
    def shift(self) -> int:
        """Pixels by which its images can be moved and still show the same: 2 of 28, none of a sequence."""
        return min(self.train.x.shape[1:]) // 14 if self.image else 0


def as_sequences(X: Any, lengths: Any = None, what: str = "X") -> Sequences:
    """Return X as float32 sequences.

    Args:
        X: an array [N, T, I], or a list of arrays [T_i, I] of unequal length.
            Whole numbers of 8 bits (uint8) are taken as the pixels of an image and scaled to 0..1.
        lengths: the real steps of each sequence [N], where X is a padded array.
        what: the name of X in a message.

    Raises:
        DataError: a wrong shape, a sequence of no steps, text, or a number that is not finite.

    >>> as_sequences([[[1.0], [2.0]], [[3.0]]]).lengths.tolist()
    [2, 1]
    """
    if isinstance(X, np.ndarray) and X.dtype != object:
        padded, steps = _from_array(X, what), None
    elif isinstance(X, (list, tuple, np.ndarray)):
        padded, steps = _from_list(X, what)
    elif hasattr(X, "__array__"):
        padded, steps = _from_array(np.asarray(X), what), None
    else:
        raise DataError(
            got=f"{what} of type {type(X).__name__}",
            wanted="an array (n, time, channels) or a list of arrays (time_i, channels)",
            do="convert it",
        )
    if lengths is None:
        lengths = steps if steps is not None else np.full(len(padded), padded.shape[1], dtype=np.int64)
    else:
        lengths = _checked_lengths(lengths, padded, what)
    real = np.arange(padded.shape[1]) < lengths[:, None]
    _refuse_not_finite(padded, real, what)
    if not real.all():
        padded = np.where(real[:, :, None], padded, np.float32(0))
    return Sequences(padded, lengths)


def as_targets(y: Any, sequences: Sequences, what: str = "y") -> np.ndarray:
    """Return a target for every step as float32 [N, T, O], padded like its sequences.

    `y` is an array [N, T] or [N, T, O], or a list of arrays [T_i] or [T_i, O].

    Raises DataError where a target is missing, not finite, or not as long as its sequence.
    """
    if not isinstance(y, np.ndarray) or y.dtype == object:
        y = [_with_channels(_numbers(target, f"{what}[{n}]"), f"{what}[{n}]") for n, target in enumerate(y)]
    elif y.ndim == 2:
        y = y[:, :, None]
    targets = as_sequences(y, lengths=sequences.lengths if isinstance(y, np.ndarray) else None, what=what)
    if len(targets) != len(sequences):
        raise DataError(
            got=f"{len(targets)} targets for {len(sequences)} sequences", wanted="one each", do=f"correct {what}"
        )
    if targets.x.shape[1] != sequences.x.shape[1] or not np.array_equal(targets.lengths, sequences.lengths):
        raise DataError(
            got=f"{what} that is not as long as its sequence",
            wanted="a target for every step",
            do=f"correct {what}, or fit a classifier if there is one label a sequence",
        )
    return targets.x


def _numbers(values: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(
            got=f"{what} with rows of unequal length", wanted="an array (time, channels)", do="correct it"
        ) from None
    if array.dtype.kind not in "biuf":
        raise DataError(got=f"{what} of type {array.dtype}", wanted="numbers", do="convert it to numbers")
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def _with_channels(array: np.ndarray, what: str) -> np.ndarray:
    return array[:, None] if array.ndim == 1 else array


def _from_array(X: np.ndarray, what: str) -> np.ndarray:
    if X.ndim != 3:
        remedy = f"write {what}[:, :, None] if there is one channel" if X.ndim == 2 else "reshape it"
        raise DataError(got=f"{what} of shape {X.shape}", wanted="(n, time, channels)", do=remedy)
    if 0 in X.shape:
        raise DataError(
            got=f"{what} of shape {X.shape}", wanted="at least one sequence, step and channel", do="check the data"
        )
    return _numbers(X, what)


def _from_list(X: Sequence[Any] | np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    if len(X) == 0:
        raise DataError(got=f"{what} without sequences", wanted="at least one", do="check the data")
    arrays = [_numbers(x, f"{what}[{n}]") for n, x in enumerate(X)]
    width = arrays[0].shape[-1] if arrays[0].ndim == 2 else 0
    for n, array in enumerate(arrays):
        if array.ndim != 2:
            raise DataError(got=f"{what}[{n}] of shape {array.shape}", wanted="(time, channels)", do="reshape it")
        if len(array) == 0:
            raise DataError(got=f"{what}[{n}] with no steps", wanted="at least one step", do="leave it out")
        if array.shape[1] != width or width == 0:
            raise DataError(
                got=f"{what}[{n}] with {array.shape[1]} channels",
                wanted=f"{max(width, 1)} like the first sequence",
                do="correct it",
            )
    lengths = np.array([len(array) for array in arrays], dtype=np.int64)
    padded = np.zeros((len(arrays), int(lengths.max()), width), dtype=np.float32)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded, lengths


def _checked_lengths(lengths: Any, padded: np.ndarray, what: str) -> np.ndarray:
    lengths = np.asarray(lengths)
    if lengths.shape != (len(padded),) or lengths.dtype.kind not in "iu":
        raise DataError(
            got=f"lengths of shape {lengths.shape} and type {lengths.dtype}",
            wanted=f"{len(padded)} whole numbers, one a sequence of {what}",
            do="correct the lengths",
        )
    low, high = int(lengths.min()), int(lengths.max())
    if low < 1:
        raise DataError(
            got=f"a length of {low} for sequence {int(lengths.argmin())}", wanted="at least one step", do="leave it out"
        )
    if high > padded.shape[1]:
        raise DataError(
            got=f"a length of {high} for sequence {int(lengths.argmax())}",
            wanted=f"at most {padded.shape[1]}, the steps of {what}",
            do="correct the lengths",
        )
    return lengths.astype(np.int64)


def _refuse_not_finite(padded: np.ndarray, real: np.ndarray, what: str) -> None:
    if np.isfinite(padded).all():
        return
    bad = ~np.isfinite(padded) & real[:, :, None]
    if bad.any():
        n, t, channel = (int(i[0]) for i in np.nonzero(bad))
        raise DataError(
            got=f"{padded[n, t, channel]} in {what} at sequence {n}, step {t}, channel {channel}",
            wanted="finite numbers within float32",
            do="fill or leave out what is missing",
        )
