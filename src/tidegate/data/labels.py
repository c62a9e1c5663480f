"""Labels: the types they mean, nothing missing, nothing that a saved model could not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidegate.errors import DataError


def labels_from_text(text: np.ndarray) -> np.ndarray:
    """Labels written as text [N]: whole numbers, numbers or truth values where that loses nothing, else the text.

    >>> labels_from_text(np.array(["10", "9"])).tolist(), labels_from_text(np.array(["007", "7"])).tolist()
    ([10, 9], ['007', '7'])
    """
    found = set(text.tolist())
    if found <= {"True", "False"}:
        return text == "True"
    for kind in (int, float):
        if all(_is_written(one, kind) for one in found):
            return np.array([kind(one) for one in text], dtype=np.int64 if kind is int else np.float64)
    return text.astype(str)


def _is_written(text: str, kind: Callable[[str], Any]) -> bool:
    """Whether a number of this kind is written just so."""
    try:
        return str(kind(text)) == text and abs(kind(text)) < 2**63
    except ValueError:
        return False


def as_labels(y: Any, what: str = "y") -> np.ndarray:
    """Labels [N] given in Python as bool, int, float or text, whatever array holds them.

    Raises DataError where a label is missing, of a type that cannot be saved, or of another type than the others.

    >>> as_labels(np.array([1, 2], dtype=object)).dtype.kind
    'i'
    """
    if isinstance(y, np.ma.MaskedArray) and np.ma.getmaskarray(y).any():
        raise _missing(int(np.ma.getmaskarray(y).ravel().argmax()), "a masked entry", what)
    if hasattr(y, "to_numpy") and not isinstance(y, np.ndarray):
        labels = y.to_numpy(dtype=object) if str(getattr(y, "dtype", "object")) not in _PLAIN else y.to_numpy()
    else:
        try:
            labels = np.asarray(y)
        except ValueError:
            raise DataError(
                got=f"{what} with rows of unequal length", wanted="one label a sequence", do="correct it"
            ) from None
        if isinstance(y, (list, tuple)) and labels.dtype.kind in "US":
            # NumPy writes numbers and None as text where they stand beside text in a list.
            labels = np.array(y, dtype=object) if labels.ndim == 1 else labels
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = _raveled(labels)
    if labels.dtype.kind in "OT" and labels.ndim == 1:
        labels = _inferred(labels, what)
    if labels.dtype.kind == "f" and labels.ndim == 1 and not np.isfinite(labels).all():
        n = int((~np.isfinite(labels)).argmax())
        raise DataError(
            got=f"{what} with NaN or infinity, at sequence {n}",
            wanted="a label for every sequence",
            do="leave those out",
        )
    if labels.dtype.kind not in "biufU":
        example = labels.ravel()[0] if labels.size else labels
        raise DataError(
            got=f"{what} of type {labels.dtype}, such as {example!r}",
            wanted="labels that are text, numbers or truth values",
            do="decode bytes, and write others as text, with y.astype(str)",
        )
    if labels.dtype.kind == "u" and labels.size and int(labels.max()) >= 2**63:
        raise DataError(got=f"{what} beyond 64 bits", wanted="smaller numbers", do="write them as text")
    plain = {"i": np.int64, "u": np.int64, "f": np.float64}
    return labels.astype(plain[labels.dtype.kind]) if labels.dtype.kind in plain else labels


_PLAIN = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")


def _raveled(labels: np.ndarray) -> np.ndarray:
    import warnings

    from sklearn.exceptions import DataConversionWarning

    warnings.warn(
        "A column-vector y was passed when a 1d array was expected: y of shape (n, 1) is taken as (n,)",
        DataConversionWarning,
        stacklevel=3,
    )
    return labels[:, 0]


def _inferred(labels: np.ndarray, what: str) -> np.ndarray:
    kinds: dict[type, Any] = {}
    for n, label in enumerate(labels):
        if label is None or type(label).__name__ in ("NAType", "NaTType") or label != label:
            raise _missing(n, repr(label), what)
        kinds.setdefault(_kind(label), label)
    if len(kinds) > 1 and set(kinds) != {int, float}:
        (one, a), (other, b) = list(kinds.items())[:2]
        raise DataError(
            got=f"{what} with labels of several types, {a!r} of {one.__name__} and {b!r} of {other.__name__}",
            wanted="one type",
            do="write all as text, or all as numbers",
        )
    kind = next(iter(kinds), str) if len(kinds) < 2 else float
    if kind not in (bool, int, float, str):
        raise DataError(
            got=f"{what} with labels of type {kind.__name__}, such as {kinds[kind]!r}",
            wanted="labels that are text, numbers or truth values",
            do="decode bytes, and write others as text, with y.astype(str)",
        )
    try:
        return np.array(labels.tolist(), dtype={bool: bool, int: np.int64, float: np.float64, str: str}[kind])
    except OverflowError:
        raise DataError(got=f"{what} beyond 64 bits", wanted="smaller numbers", do="write them as text") from None


def _kind(label: Any) -> type:
    for kind, numpy in ((bool, np.bool_), (int, np.integer), (float, np.floating), (str, np.str_)):
        if isinstance(label, (kind, numpy)):
            return kind
    return type(label)


def _missing(n: int, value: str, what: str) -> DataError:
    return DataError(
        got=f"{value} as the label of sequence {n} in {what}",
        wanted="a label for every sequence",
        do="leave those sequences out",
    )
