"""Sequences of equal or unequal length, one after the other in one array, checked once at the border."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences with S steps in total, stored one after the other; memory grows with the real steps only."""

    values: np.ndarray
    """[S, I] float32 or float64: the steps of the first sequence, then those of the second, ...; NaN where missing."""
    lengths: np.ndarray
    """[N] int64: the number of steps of each sequence, at least 1."""
    y: np.ndarray | None = None
    """[N] labels, [N, O] targets of sequences, or, with `per_step`, [S, O] targets of steps; None if unknown."""
    per_step: bool = False
    """Whether `y` holds a target for every step."""
    channels: tuple[str, ...] | None = None
    """[I] the names of the channels; None if they have no names."""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The categories of each text channel; `values` holds the index of one."""
    ids: np.ndarray | None = None
    """[N] the name of each sequence."""
    times: np.ndarray | None = None
    """[S] the time of each step, as it was written."""
    rows: np.ndarray | None = None
    """[S] where each step stands in its file, as a person counts."""
    weights: np.ndarray | None = None
    """[N] what each sequence counts in training, 1 on average."""
    source: str = "X"
    """What it is called in messages."""
    reading: Any = None
    """The `tidegate.preparation.Reading` by which a table was understood; none where it was no table."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: Any) -> Sequences:
        which = np.arange(len(self))[rows]
        if which.ndim == 0:
            which = which[None]
        steps = self.steps_of(which)

        def of_steps(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[steps]

        def of_sequences(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[which]

        return replace(
            self,
            values=self.values[steps],
            lengths=self.lengths[which],
            y=of_steps(self.y) if self.per_step else of_sequences(self.y),
            ids=of_sequences(self.ids),
            times=of_steps(self.times),
            rows=of_steps(self.rows),
            weights=of_sequences(self.weights),
        )

    def steps_of(self, which: np.ndarray) -> np.ndarray | slice:
        """Where the steps of these sequences lie in `values`, one sequence after the other."""
        if len(which) and np.array_equal(which, np.arange(which[0], which[0] + len(which))):
            start = int(self.starts[which[0]])
            return slice(start, start + int(self.lengths[which].sum()))
        lengths = self.lengths[which]
        before = np.cumsum(lengths) - lengths
        return np.repeat(self.starts[which] - before, lengths) + np.arange(int(lengths.sum()))

    @property
    def starts(self) -> np.ndarray:
        """[N] where each sequence begins in `values`."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def n_channels(self) -> int:
        return self.values.shape[1]

    @property
    def longest(self) -> int:
        """The steps of the longest sequence."""
        return int(self.lengths.max())

    @property
    def ragged(self) -> bool:
        """Whether the lengths differ."""
        return bool((self.lengths != self.lengths[0]).any())

    @property
    def x(self) -> Any:
        """The values as an array (n, time, channels), or a list of arrays (time_i, channels) if the lengths differ."""
        return self.by_sequence(self.values)

    def by_sequence(self, steps: np.ndarray) -> Any:
        """An array with an entry a step [S, …] as an array (n, time, …), or as a list of arrays where ragged."""
        if not self.ragged:
            return steps.reshape(len(self), -1, *steps.shape[1:])
        return np.split(steps, self.starts[1:])

    def sequence_of(self, step: int) -> tuple[int, int]:
        """The sequence to which step `step` of `values` belongs, and its number in it."""
        n = int(np.searchsorted(self.starts, step, side="right")) - 1
        return n, step - int(self.starts[n])

    def place(self, step: int, channel: int) -> str:
        """Where a value stands, in words."""
        n, t = self.sequence_of(step)
        name = repr(self.channels[channel]) if self.channels else str(channel)
        if self.rows is not None:
            return f"{self.source}, row {self.rows[step]}, column {name}"
        which = n if self.ids is None else self.ids[n]
        return f"{self.source} at sequence {which}, step {t}, channel {name}"

    def fingerprint(self) -> str:
        """A checksum of what is learned from: values, lengths, targets and names."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self.channels, sorted(self.categories.items()))).encode())
        for array in (self.values, self.lengths, self.y):
            if array is not None:
                plain = array.astype(str) if array.dtype == object else array
                digest.update(f"{plain.shape}{plain.dtype}".encode())
                digest.update(np.ascontiguousarray(plain).tobytes())
        return digest.hexdigest()

    def with_targets(self, y: np.ndarray | None, per_step: bool = False) -> Sequences:
        return replace(self, y=y, per_step=per_step)


@dataclass(frozen=True)
class Dataset:
    """What a source contains: a training part, and a test part if the source has one."""

    name: str
    train: Sequences
    """The sequences to train on."""
    test: Sequences | None = None
    """The sequences to test on; None if the source has none."""
    image: bool = False
    """Each sequence is an image, read row by row."""
    notes: tuple[str, ...] = ()
    """What was guessed or left out, each a sentence without a full stop."""

    @property
    def shift(self) -> int:
        """Pixels by which its images can be moved and still show the same: 2 of 28, none of a sequence."""
        if not self.image or self.train.ragged:
            return 0
        return min(self.train.longest, self.train.n_channels) // 14


def as_sequences(X: Any, lengths: Any = None, what: str = "X") -> Sequences:
    """Return X as sequences.

    Args:
        X: an array (n, time, channels); a list of arrays (time_i, channels) of unequal length; a list of DataFrames,
            whose columns are matched by name; a DataFrame whose index has two levels, sequence and time, for sequences
            in order of appearance with their steps in order of time; or Sequences.
            Arrays of uint8 hold the pixels of images and are scaled to 0..1; in a list, all are or none. NaN, and
            what is masked, is missing.
            Columns of text in DataFrames are categories.
        lengths: the real steps of each sequence [N], where X is a padded array.
        what: the name of X in a message.

    Raises:
        DataError: a wrong shape, a sequence of no steps, text, or a number that is infinite.

    >>> as_sequences([[[1.0], [2.0]], [[3.0]]]).lengths.tolist()
    [2, 1]
    """
    if isinstance(X, (list, tuple)) and len(X) and all(isinstance(one, Sequences) for one in X):
        return _joined(X)
    if isinstance(X, Sequences):
        if len(X) == 0:
            raise DataError(got=f"{what} without sequences", wanted="at least one", do="check the data")
        return X
    if hasattr(X, "tocsr"):
        raise DataError(
            got=f"{what}, a sparse {type(X).__name__}", wanted="a dense array", do="convert it, with X.toarray()"
        )
    if _is_frame(X):
        sequences = _from_indexed(X, what)
    elif isinstance(X, (list, tuple)) and len(X) and _is_frame(X[0]):
        sequences = _from_frames(X, what)
    elif isinstance(X, np.ndarray) and (X.dtype != object or X.ndim == 3):
        sequences = _from_array(X, lengths, what)
    elif isinstance(X, (list, tuple, np.ndarray)):
        sequences = _from_list(X, what)
    elif hasattr(X, "detach"):
        # A tensor of PyTorch: its pixels of 8 bits are an array's.
        plain = X.detach().cpu()
        plain = plain.float() if str(plain.dtype) == "torch.bfloat16" else plain
        sequences = _from_array(plain.numpy(), lengths, what)
    elif hasattr(X, "__array__"):
        sequences = _from_array(np.asarray(X), lengths, what)
    else:
        raise DataError(
            got=f"{what} of type {type(X).__name__}",
            wanted="an array (n, time, channels) or a list of arrays (time_i, channels)",
            do="convert it",
        )
    sequences = replace(sequences, source=what)
    refuse_infinite(sequences)
    return sequences


def as_targets(y: Any, sequences: Sequences, what: str = "y") -> np.ndarray:
    """Return a target for every step as float64 [S, O].

    `y` is an array (n, time) or (n, time, outputs), or a list of arrays (time_i) or (time_i, outputs).

    Raises DataError where a target is missing, not finite, or not as long as its sequence.
    """
    if isinstance(y, np.ndarray) and y.dtype != object and y.ndim == 2:
        y = y[:, :, None]
    if isinstance(y, np.ndarray) and y.dtype != object:
        y = numbers(y, what)
        fits = y.ndim == 3 and y.shape[1] == sequences.longest and len(y) == len(sequences)
        targets = as_sequences(y, lengths=sequences.lengths if fits else None, what=what)
    else:
        targets = as_sequences([_with_channels(numbers(one, f"{what}[{n}]")) for n, one in enumerate(y)], what=what)
    if len(targets) != len(sequences):
        raise DataError(
            got=f"{len(targets)} targets for {len(sequences)} sequences", wanted="one each", do=f"correct {what}"
        )
    if not np.array_equal(targets.lengths, sequences.lengths):
        raise DataError(
            got=f"{what} that is not as long as its sequence",
            wanted="a target for every step",
            do=f"correct {what}, or fit a classifier if there is one label a sequence",
        )
    refuse_missing(targets)
    return targets.values.astype(np.float64)


def refuse_missing(sequences: Sequences, do: str = "fill or leave out what is missing") -> None:
    """Raise DataError where a value is missing, with its place."""
    for channel in range(sequences.n_channels):
        holes = np.isnan(sequences.values[:, channel])
        if holes.any():
            step = int(holes.argmax())
            cell = "an empty cell" if sequences.rows is not None else "NaN"
            raise DataError(got=f"{cell} in {sequences.place(step, channel)}", wanted="finite numbers", do=do)


def refuse_infinite(sequences: Sequences) -> None:
    """Raise DataError where a value is infinite, or beyond float32, with its place."""
    for channel in range(sequences.n_channels):
        column = sequences.values[:, channel]
        with np.errstate(invalid="ignore", over="ignore"):
            bad = np.abs(column) > LARGEST
        if bad.any():
            step = int(bad.argmax())
            raise DataError(
                got=f"{column[step]} in {sequences.place(step, channel)}",
                wanted="finite numbers within float32",
                do="fill or leave out what is missing",
            )


def numbers(values: Any, what: str, pixels: bool = False) -> np.ndarray:
    """An array of float64, or float32 where it was of that precision or less; DataError where it holds no numbers.

    With `pixels`, uint8 is scaled to 0..1.
    """
    if hasattr(values, "detach"):
        # A tensor of PyTorch, wherever it lies and whatever gradients it has.
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind not in "biuf":
            return numbers(values.data, what)
        plain = numbers(values.data, what, pixels).copy()
        plain[np.ma.getmaskarray(values)] = np.nan
        return plain
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(
            got=f"{what} with rows of unequal length", wanted="an array (time, channels)", do="correct it"
        ) from None
    if array.dtype == object:
        array = _from_objects(array, what)
    if array.dtype.kind == "c":
        raise DataError(
            got=f"{what} with complex numbers",
            wanted="real numbers (Complex data not supported)",
            do="pass real and imaginary part as channels",
        )
    if array.dtype.kind not in "biuf":
        raise DataError(got=f"{what} of type {array.dtype}", wanted="numbers", do="convert it to numbers")
    if pixels and array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    narrow = array.dtype in (np.float16, np.float32)
    return np.ascontiguousarray(array, dtype=np.float32 if narrow else np.float64)


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Numbers that Python objects stand for: pd.NA, None and NaN are missing."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    flat = np.array([np.nan if _is_missing(value) else value for value in array.ravel()], dtype=object)
    try:
        if any(isinstance(value, (str, bytes)) for value in flat):
            raise ValueError
        return flat.astype(np.float64).reshape(array.shape)
    except (TypeError, ValueError):
        wrong = next((value for value in flat if not isinstance(value, (int, float, np.number))), array)
        raise DataError(
            got=f"{what} that holds {str(wrong)[:40]!r} of type {type(wrong).__name__}",
            wanted="an array of numbers (each argument must be a string of digits or a number)",
            do="convert it to numbers",
        ) from None


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (value != value) is True


def _joined(parts: Sequence[Sequences]) -> Sequences:
    """Parts of one whole as one again, as scikit-learn's cross-validation takes it apart."""
    first = parts[0]

    def together(name: str) -> np.ndarray | None:
        arrays = [getattr(part, name) for part in parts]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    if any(part.channels != first.channels or dict(part.categories) != dict(first.categories) for part in parts):
        raise DataError(
            got="Sequences of different channels", wanted="parts of one whole", do="read them from one source"
        )
    values = np.concatenate([part.values for part in parts])
    lengths = np.concatenate([part.lengths for part in parts])
    return replace(
        first,
        values=values,
        lengths=lengths,
        y=together("y"),
        ids=together("ids"),
        times=together("times"),
        rows=together("rows"),
        weights=together("weights"),
    )


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and hasattr(X, "iloc")


def _with_channels(array: np.ndarray) -> np.ndarray:
    return array[:, None] if array.ndim == 1 else array


def _from_array(X: np.ndarray, lengths: Any, what: str) -> Sequences:
    if X.dtype.kind == "c":
        numbers(X, what)
    if X.ndim != 3:
        remedy = f"write {what}[:, :, None] if there is one channel" if X.ndim == 2 else "reshape it"
        raise DataError(got=f"{what} of shape {X.shape}", wanted="(n, time, channels)", do=remedy)
    if 0 in X.shape:
        raise DataError(
            got=f"{what} of shape {X.shape}", wanted="at least one sequence, step and channel", do="check the data"
        )
    N, T, I = X.shape
    values = numbers(X, what, pixels=True)
    if lengths is None:
        return Sequences(values.reshape(N * T, I), np.full(N, T, dtype=np.int64))
    steps = _checked_lengths(lengths, X, what)
    real = np.arange(T) < steps[:, None]
    return Sequences(values.reshape(N * T, I) if real.all() else values[real], steps)


def _from_list(X: Sequence[Any] | np.ndarray, what: str) -> Sequences:
    if len(X) == 0:
        raise DataError(got=f"{what} without sequences", wanted="at least one", do="check the data")
    of_pixels = ["uint8" in str(getattr(x, "dtype", "")) for x in X]
    if any(of_pixels) and not all(of_pixels):
        raise DataError(
            got=f"{what}[{of_pixels.index(True)}] of uint8 and {what}[{of_pixels.index(False)}] of another type",
            wanted="pixels of uint8, which are scaled to 0..1, in all arrays or in none",
            do="convert all with astype(float), divided by 255 where they are pixels",
        )
    arrays = [numbers(x, f"{what}[{n}]", pixels=True) for n, x in enumerate(X)]
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
    return Sequences(np.concatenate(arrays), np.array([len(array) for array in arrays], dtype=np.int64))


def _from_frames(frames: Sequence[Any], what: str) -> Sequences:
    """One DataFrame a sequence; columns belong together by name, in the order of the first."""
    names = [str(name) for name in frames[0].columns]
    for n, frame in enumerate(frames):
        if not _is_frame(frame):
            raise DataError(got=f"{what}[{n}] of type {type(frame).__name__}", wanted="a DataFrame", do="convert it")
        if len(frame) == 0:
            raise DataError(got=f"{what}[{n}] with no steps", wanted="at least one step", do="leave it out")
        given = [str(name) for name in frame.columns]
        check_names(given, names, f"{what}[{n}]", "the first DataFrame")
    import pandas as pd

    together = pd.concat([frame.rename(columns=str)[names] for frame in frames], ignore_index=True)
    lengths = np.array([len(frame) for frame in frames], dtype=np.int64)
    values, categories = columns_as_values({name: together[name] for name in names}, what)
    return Sequences(values, lengths, channels=tuple(names), categories=categories)


def _from_indexed(frame: Any, what: str) -> Sequences:
    """A DataFrame whose index is (sequence, time): sequences in order of appearance, their steps in order of time."""
    if frame.index.nlevels != 2:
        raise DataError(
            got=f"{what}, a DataFrame whose index has {frame.index.nlevels} level{'s'[: frame.index.nlevels != 1]}",
            wanted="two, sequence and time; or a list of DataFrames, one a sequence",
            do="set_index([id, time]), or read it with tidegate.read_dataset(frame, id=..., time=...)",
        )
    if len(frame) == 0:
        raise DataError(got=f"{what} with 0 rows", wanted="at least one sequence and step", do="check the data")
    level = frame.index.get_level_values
    codes, ids = level(0).factorize()
    if (codes < 0).any():
        raise DataError(got=f"{what} with a missing sequence name in its index", wanted="one a row", do="fill it")
    times = level(1).to_numpy()
    if level(1).isna().any() or not (level(1).dtype.kind in "iufmM" or hasattr(level(1), "tz")):
        raise DataError(
            got=f"times of type {level(1).dtype}, or missing ones, in the index of {what}",
            wanted="numbers or dates",
            do="convert them with pandas.to_datetime or pandas.to_numeric",
        )
    by_time = level(1).argsort(kind="stable") if hasattr(level(1), "argsort") else np.argsort(times, kind="stable")
    by_time = np.asarray(by_time)
    order = by_time[np.argsort(codes[by_time], kind="stable")]
    same = (np.diff(codes[order]) == 0) & (times[order][1:] == times[order][:-1])
    if same.any():
        row = order[int(same.argmax()) + 1]
        raise DataError(
            got=f"the step {times[row]} twice in sequence {level(0)[row]!r} of {what}",
            wanted="each time once in a sequence",
            do="remove the repeated rows, or add what tells them apart to the sequence's name",
        )
    names = [str(name) for name in frame.columns]
    check_names(names, names, what, what)
    in_order = frame.iloc[order]
    values, categories = columns_as_values({name: in_order.iloc[:, k] for k, name in enumerate(names)}, what)
    return Sequences(
        values,
        np.bincount(codes).astype(np.int64),
        channels=tuple(names),
        categories=categories,
        ids=np.asarray(ids),
        times=times[order],
    )


def check_names(given: Sequence[str], wanted: Sequence[str], what: str, like: str) -> None:
    """Raise DataError unless both hold the same names, each once."""
    if repeated := sorted({name for name in given if list(given).count(name) > 1}):
        raise DataError(got=f"{what} with two columns {repeated[0]!r}", wanted="each name once", do="rename one")
    missing, unknown = set(wanted) - set(given), set(given) - set(wanted)
    if missing or unknown:
        name = min(missing or unknown)
        raise DataError(
            got=f"{what} {'without' if missing else 'with'} a column {name!r}",
            wanted=f"{', '.join(wanted)}, as in {like}",
            do="correct its columns",
        )


def columns_as_values(columns: Mapping[str, pandas.Series], what: str) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
    """Columns side by side [S, I] float64, text as the index of its category; and the categories, sorted.

    A column is text where its type is; times, dates and other objects are refused by name.
    """
    import pandas as pd

    values = np.empty((len(next(iter(columns.values()))), len(columns)))
    categories: dict[str, tuple[str, ...]] = {}
    for k, (name, series) in enumerate(columns.items()):
        where = f"column {name!r} of {what}"
        if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(series.dtype):
            objects = series.astype(object)
            if all(isinstance(value, str) or _is_missing(value) for value in objects):
                codes, found = pd.factorize(objects, sort=True)
                values[:, k] = np.where(codes < 0, np.nan, codes)
                if len(found) == 0:
                    continue
                categories[name] = tuple(str(one) for one in found)
                continue
            series = objects
        if pd.api.types.is_datetime64_any_dtype(series.dtype) or pd.api.types.is_timedelta64_dtype(series.dtype):
            raise DataError(
                got=f"{where} of type {series.dtype}", wanted="numbers or text", do="name it as the time, or drop it"
            )
        if pd.api.types.is_numeric_dtype(series.dtype) and series.dtype.kind != "c":
            values[:, k] = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values[:, k] = numbers(series.to_numpy(dtype=object), where)
    return values, categories


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


def batches_by_length(lengths: np.ndarray, size: int, most_steps: int) -> Iterator[np.ndarray]:
    """Rows of sequences in batches of at most `size`, similar lengths together and few of the long ones.

    Padded to its longest, a batch holds at most `most_steps` steps, or one sequence.

    >>> [rows.tolist() for rows in batches_by_length(np.array([1, 9, 1, 1]), size=2, most_steps=10)]
    [[0, 2], [3], [1]]
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < min(len(order), start + size) and lengths[order[stop]] * (stop + 1 - start) <= most_steps:
            stop += 1
        yield order[start:stop]
        start = stop
