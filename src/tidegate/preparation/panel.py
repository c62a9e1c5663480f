"""Series on a grid of regular steps, with what is known beside them; the past, and what is known of the future."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tidegate.data.sequences import numbers
from tidegate.errors import DataError
from tidegate.preparation.frequency import Frequency

LISTS = ("past_names", "future_names", "static_names", "seasons")


@dataclass(frozen=True, eq=False)
class Panel:
    """N series, each of its own length, on one grid of times."""

    y: Sequence[np.ndarray]
    """Of each series its target [n], float64; NaN where missing, but not at its ends."""
    starts: np.ndarray
    """[N] int64, which step of the grid is the first of each."""
    ids: np.ndarray
    """[N] what names each series."""
    frequency: Frequency | None = None
    """The grid; none where steps have no times."""
    past: Sequence[np.ndarray] = ()
    """Of each series what is known up to its end [n, P]; none where there are no such columns."""
    future: Sequence[np.ndarray] = ()
    """Of each series what is known ahead too [n + ahead, F]; none where there are no such columns."""
    static: np.ndarray | None = None
    """[N, K] what stays the same in a series."""
    past_names: tuple[str, ...] = ()
    future_names: tuple[str, ...] = ()
    static_names: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each text column its categories; the arrays hold the index of one."""
    target: str = "y"
    """What the target is called."""
    id_name: str = "series"
    time_name: str = "time"
    seasons: tuple[int, ...] = ()
    """After how many steps things come around, the shortest first."""
    source: str = "X"
    """What it is called in messages."""
    named: bool = True
    """Whether the series have names, rather than numbers."""

    def __len__(self) -> int:
        return len(self.y)

    @property
    def lengths(self) -> np.ndarray:
        """[N] the steps of each."""
        return np.array([len(y) for y in self.y], dtype=np.int64)

    def name(self, n: int) -> str:
        """Series n, in words."""
        return f"the series {self.ids[n]} of {self.source}" if self.named else f"{self.target!r} of {self.source}"

    def until(self, ends: np.ndarray) -> Panel:
        """The first steps of each series; what is known of the future after them stays known.

        >>> Panel([np.arange(5.0)], np.array([0]), np.array(["a"])).until(np.array([3])).y
        [array([0., 1., 2.])]
        """
        return replace(
            self,
            y=[y[:end] for y, end in zip(self.y, ends, strict=True)],
            past=[past[:end] for past, end in zip(self.past, ends, strict=True)] if len(self.past) else (),
        )

    def __getitem__(self, rows: np.ndarray) -> Panel:
        def some(parts: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
            return [parts[n] for n in rows] if len(parts) else ()

        return replace(
            self,
            y=some(self.y),
            starts=self.starts[rows],
            ids=self.ids[rows],
            past=some(self.past),
            future=some(self.future),
            static=None if self.static is None else self.static[rows],
        )

    def times(self, n: int, steps: np.ndarray) -> np.ndarray:
        """When these steps of series n are: dates, or numbers."""
        steps = self.starts[n] + steps
        return steps if self.frequency is None else self.frequency.dates(steps)

    def to_config(self) -> dict[str, Any]:
        """All but the arrays, as JSON."""
        return {
            "ids": self.ids.tolist(),
            "lengths": self.lengths.tolist(),
            "known": [len(one) for one in self.future],
            "frequency": None if self.frequency is None else self.frequency.to_config(),
            "categories": {name: list(values) for name, values in self.categories.items()},
            **{name: list(getattr(self, name)) for name in LISTS},
            **{name: getattr(self, name) for name in ("target", "id_name", "time_name", "source", "named")},
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, by name; series one after the other."""
        found = {"y": np.concatenate(self.y), "starts": self.starts}
        found |= {name: np.concatenate(parts) for name in ("past", "future") if len(parts := getattr(self, name))}
        return found if self.static is None else {**found, "static": self.static}

    @classmethod
    def from_config(cls, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Panel:
        """The panel that `to_config` and `arrays` told of."""
        frequency = config["frequency"]

        def parts(name: str, lengths: list[int]) -> Sequence[np.ndarray]:
            return np.split(arrays[name], np.cumsum(lengths)[:-1]) if name in arrays else ()

        return cls(
            y=parts("y", config["lengths"]),
            starts=arrays["starts"],
            ids=np.array(config["ids"], dtype=object),
            frequency=None if frequency is None else Frequency(**frequency),
            past=parts("past", config["lengths"]),
            future=parts("future", config["known"]),
            static=arrays.get("static"),
            categories={name: tuple(values) for name, values in config["categories"].items()},
            **{name: tuple(config[name]) for name in LISTS},
            target=config["target"],
            id_name=config["id_name"],
            time_name=config["time_name"],
            source=config["source"],
            named=config["named"],
        )

    def fingerprint(self) -> str:
        """A checksum of what is learned from."""
        digest = hashlib.blake2b(digest_size=16)
        names = (self.past_names, self.future_names, self.static_names, sorted(self.categories.items()))
        digest.update(repr((names, self.frequency, self.ids.tolist())).encode())
        for array in (self.starts, self.lengths, self.static, *self.y, *self.past, *self.future):
            if array is not None:
                digest.update(f"{array.shape}{array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def carried(values: np.ndarray) -> np.ndarray:
    """Missing values [S] or [S, K] as the last before them; at the beginning they stay missing.

    >>> carried(np.array([np.nan, 1.0, np.nan, 2.0])).tolist()
    [nan, 1.0, 1.0, 2.0]
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    steps = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    last = np.maximum.accumulate(np.where(missing, 0, steps), axis=0)
    return np.take_along_axis(values, last, axis=0)


def as_panel(X: Any, covariates: Any = None, source: str = "X") -> Panel:
    """Arrays as series: one [time], several [n, time], or a list of arrays [time_i]; covariates [n, time, P].

    >>> len(as_panel(np.zeros((3, 20)))), as_panel([1.0, 2.0, 3.0]).lengths.tolist()
    (3, [3])
    """
    several = isinstance(X, (list, tuple)) and len(X) > 0 and np.ndim(X[0]) == 1
    if several:
        series = [numbers(one, source).astype(np.float64) for one in X]
    else:
        array = numbers(X, source).astype(np.float64)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        if array.ndim not in (1, 2) or array.size == 0:
            raise DataError(
                got=f"{source} of shape {array.shape}",
                wanted="a series (time,), several (n, time), or a list of arrays (time_i,)",
                do="pass the series, and what is known beside them as covariates",
            )
        series = [array] if array.ndim == 1 else list(array)
    past: list[np.ndarray] = []
    names: tuple[str, ...] = ()
    if covariates is not None:
        listed = covariates if several else [numbers(covariates, "covariates")]
        if not several and np.ndim(listed[0]) == 3:
            listed = list(listed[0])
        past = [np.asarray(numbers(one, "covariates"), dtype=np.float64) for one in listed]
        past = [one[:, None] if one.ndim == 1 else one for one in past]
        if [len(one) for one in past] != [len(one) for one in series] or len({one.shape[1] for one in past}) != 1:
            raise DataError(
                got=f"covariates of shapes {[one.shape for one in past][:3]} for {source} of lengths "
                f"{[len(one) for one in series][:3]}",
                wanted="as many steps in both",
                do="correct one of them",
            )
        names = tuple(f"x{k}" for k in range(past[0].shape[1]))
    n = len(series)
    ids = np.arange(n).astype(object)
    panel = Panel(series, np.zeros(n, dtype=np.int64), ids, past=past, past_names=names, source=source, named=False)
    return trimmed(panel)[0]


def trimmed(panel: Panel) -> tuple[Panel, int]:
    """The panel without missing targets at the ends of its series, and without series that have no target at all.

    Returns it, and how many series were left out.
    """
    y, past, future, starts, kept = [], [], [], [], []
    for n, one in enumerate(panel.y):
        bad = np.isinf(one)
        if bad.any():
            raise DataError(got=f"infinity in {panel.name(n)}", wanted="finite numbers", do="correct it")
        seen = np.flatnonzero(~np.isnan(one))
        if not len(seen):
            continue
        first, end = int(seen[0]), int(seen[-1]) + 1
        kept.append(n)
        y.append(one[first:end])
        starts.append(int(panel.starts[n]) + first)
        if len(panel.past):
            past.append(panel.past[n][first:end])
        if len(panel.future):
            future.append(panel.future[n][first:])
    if not kept:
        raise DataError(
            got=f"no value of the target in {panel.source}", wanted="series of numbers", do="name the right column"
        )
    rows = np.array(kept)
    static = None if panel.static is None else panel.static[rows]
    found = replace(
        panel, y=y, past=past, future=future, starts=np.array(starts, dtype=np.int64), ids=panel.ids[rows],
        static=static,
    )  # fmt: skip
    return found, len(panel) - len(kept)
