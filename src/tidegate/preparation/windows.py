"""Series to windows of equal length, each scaled by what it contains."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tidegate.data import Sequences
from tidegate.errors import DataError, DataWarning
from tidegate.preparation.frequency import Frequency
from tidegate.preparation.panel import Panel, carried
from tidegate.preparation.scale import FAR, Scaler

LEAST_WINDOW, MOST_WINDOW = 48, 168
MOST_WINDOWS, FEW_WINDOWS = 16_384, 512
MOST_NUMBERS = 40_000_000
"""Of all windows together, which are held as float32."""
TARGET, SEEN, LEVEL = 0, 1, 2
"""The first channels: the target, whether it was observed, and how far zero lies from where the window ends."""
OWN = 3


class Cut(NamedTuple):
    """Windows with what brings their forecasts back to the unit of the data."""

    x: np.ndarray
    """[B, T, C] float32."""
    center: np.ndarray
    """[B] the last value of each."""
    scale: np.ndarray
    """[B] its mean step from one value to the next."""


@dataclass(frozen=True)
class Windows:
    """How windows are cut from series, as learned from the training data.

    A window has `history` steps to look back on, `length` steps that the network reads one after the other, and the
    `horizon` ahead of its last step. Its channels: the target, whether it was observed, the level, the calendar, what
    stays the same, what is known in the past, and last what is known ahead.
    """

    horizon: int
    length: int
    """Steps that the network reads."""
    seasons: tuple[int, ...] = ()
    """After how many steps things come around, the shortest first."""
    cycles: int = 1
    """How many of the last season a window looks back."""
    log: bool = False
    """Whether logarithms are forecast."""
    names: tuple[str, ...] = ()
    """Of what is known beside the target: static, past and future columns."""
    n_static: int = 0
    n_past: int = 0
    n_future: int = 0
    """Columns of each kind; the names are in this order."""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    """Of each name; 0 and 1 for categories."""
    calendar: int = 0
    """Channels of the calendar."""

    @classmethod
    def fit(cls, panel: Panel, horizon: int, length: int | None, season: int | None, log: bool) -> Windows:
        """Learn from a training panel how to cut windows."""
        longest = int(panel.lengths.max())
        seasons = panel.seasons if season is None else (season,) if season > 1 else ()
        # Of what came around less than twice, nothing can be said.
        seasons = tuple(m for m in seasons if 2 * m + horizon <= longest or (m == seasons[0] and m + 4 <= longest))
        cycles = 2 if seasons and 3 * seasons[-1] + horizon <= longest and seasons[-1] <= 60 else 1
        first = seasons[0] if seasons else 1
        length = length or int(np.clip(max(2 * first, 2 * horizon), LEAST_WINDOW, MOST_WINDOW))
        statics = [panel.static] if panel.static is not None else []
        parts = [(panel.static_names, statics), (panel.past_names, panel.past), (panel.future_names, panel.future)]
        mean: list[float] = []
        scale: list[float] = []
        for names, arrays in parts:
            together = np.concatenate(arrays) if len(names) else np.empty((0, 0))
            for k, name in enumerate(names):
                column = together[:, k]
                column = column[~np.isnan(column)]
                known = name not in panel.categories and len(column) > 0
                spread = Scaler.fit(column[:, None]) if known else Scaler.none(1)
                mean.append(float(spread.mean[0]))
                scale.append(float(spread.scale[0]))
        return cls(
            horizon, length, seasons, cycles, log, (*panel.static_names, *panel.past_names, *panel.future_names),
            len(panel.static_names), len(panel.past_names), len(panel.future_names), dict(panel.categories),
            tuple(mean), tuple(scale), _calendar(panel.frequency, np.zeros(1, dtype=np.int64)).shape[1],
        )  # fmt: skip

    @property
    def season(self) -> int:
        """The shortest season; 1 where nothing comes around."""
        return self.seasons[0] if self.seasons else 1

    @property
    def history(self) -> int:
        """Steps to look back on before the first that is read."""
        if not self.seasons:
            return 64
        last = self.seasons[-1]
        return max(last * self.cycles, 16) + 1

    @property
    def steps(self) -> int:
        """Of a window in all."""
        return self.history + self.length + self.horizon

    @property
    def widths(self) -> list[int]:
        """Channels of each name: one for a number, one for each category of a text."""
        return [len(self.categories.get(name, (0,))) for name in self.names]

    @property
    def ahead(self) -> int:
        """Channels that are known ahead."""
        return sum(self.widths[self.n_static + self.n_past :])

    @property
    def n_columns(self) -> int:
        """Channels of a window."""
        return OWN + self.calendar + sum(self.widths)

    @property
    def n_channels(self) -> int:
        """Columns of the data: the target, and what is known beside it."""
        return 1 + len(self.names)

    @property
    def channels(self) -> tuple[str, ...] | None:
        """The names of what is known beside the target."""
        return self.names or None

    @property
    def scaler(self) -> Scaler:
        """Leaves windows as they are: each is scaled when it is cut."""
        return Scaler.none(self.n_columns)

    def aligned(self, panel: Panel) -> Panel:
        """A panel with its columns as in training: a column may stay the same in new data that did not in training.

        Raises DataError where a column is missing, or there are others, or a logarithm cannot be taken.
        """
        names = (*panel.static_names, *panel.past_names, *panel.future_names)
        static, past, future = self._kinds()
        if set(names) != set(self.names) or set(panel.future_names) != set(future):
            odd = sorted(set(names) ^ set(self.names))
            raise DataError(
                got=f"other columns in {panel.source} than in training{f': {odd[0]!r} is in one alone' if odd else ''}",
                wanted=f"{', '.join(self.names) or 'none'} beside the target, as in training",
                do="correct the columns",
            )
        if self.log:
            for n, y in enumerate(panel.y):
                if (low := np.nanmin(y)) <= 0:
                    raise DataError(
                        got=f"{low:g} in {panel.name(n)}, of which a logarithm was asked for",
                        wanted="numbers above zero",
                        do="leave out log",
                    )
        if names == self.names and len(panel.static_names) == self.n_static:
            return panel

        def column(name: str, n: int) -> np.ndarray:
            if name in panel.static_names and panel.static is not None:
                return np.full(len(panel.y[n]), panel.static[n, panel.static_names.index(name)])
            return panel.past[n][:, panel.past_names.index(name)]

        series = range(len(panel))
        places = [panel.future_names.index(name) for name in future]
        return replace(
            panel,
            static=np.array([[column(name, n)[-1] for name in static] for n in series]) if static else None,
            past=[np.stack([column(name, n) for name in past], axis=1) for n in series] if past else (),
            future=[one[:, places] for one in panel.future],
            static_names=static,
            past_names=past,
            future_names=future,
        )

    def _kinds(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The names that are static, known in the past and known ahead."""
        first, second = self.n_static, self.n_static + self.n_past
        return self.names[:first], self.names[first:second], self.names[second:]

    def store(self, panel: Panel) -> Store:
        """A panel made ready to cut windows from."""
        return Store(self, self.aligned(panel))

    def to_config(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Windows:
        tuples = {name: tuple(value) for name, value in config.items() if isinstance(value, list)}
        categories = {name: tuple(values) for name, values in config["categories"].items()}
        return cls(**{**config, **tuples, "categories": categories})


class Store:
    """The series of a panel one after the other, from which windows are cut."""

    def __init__(self, windows: Windows, panel: Panel) -> None:
        self.windows, self.panel = windows, panel
        self.lengths = panel.lengths
        self.begins = np.cumsum(self.lengths) - self.lengths
        values = np.concatenate([np.asarray(y, dtype=np.float64) for y in panel.y])
        self.seen = ~np.isnan(values)
        values = carried(values)
        self.values = np.log(values) if windows.log else values
        self.past = self._columns(panel.past, windows.n_static, windows.n_past, panel)
        self.future = self._columns(panel.future, windows.n_static + windows.n_past, windows.n_future, panel)
        self.known = np.array([len(one) for one in panel.future]) if len(panel.future) else self.lengths
        self.known_begins = np.cumsum(self.known) - self.known
        static = [] if panel.static is None else [panel.static]
        self.static = self._columns(static, 0, windows.n_static, panel)

    def _columns(self, parts: Sequence[np.ndarray], first: int, count: int, panel: Panel) -> np.ndarray:
        """Numbers around 0 and categories as columns of 0 and 1, of all series [S, K] float32."""
        if not count:
            return np.empty((0, 0), dtype=np.float32)
        together = np.concatenate([carried(np.asarray(part, dtype=np.float64)) for part in parts])
        columns = []
        for k, name in enumerate(self.windows.names[first : first + count]):
            column = together[:, k]
            if name in self.windows.categories:
                mine = self.windows.categories[name]
                theirs = panel.categories.get(name, mine)
                used = {theirs[int(code)] for code in np.unique(column[~np.isnan(column)])}
                if strange := sorted(used - set(mine)):
                    warnings.warn(
                        f"{name} of {panel.source} is {strange[0]!r}, which training has not seen: read as none",
                        DataWarning,
                        stacklevel=2,
                    )
                place = np.array([mine.index(one) if one in mine else -1 for one in theirs] or [-1])
                codes = np.where(np.isnan(column), -1, place[np.nan_to_num(column).astype(np.int64)])
                columns += [(codes == category) for category in range(len(mine))]
            else:
                scaled = (column - self.windows.mean[first + k]) / self.windows.scale[first + k]
                columns.append(np.clip(np.nan_to_num(scaled), -FAR, FAR))
        return np.stack(columns, axis=1).astype(np.float32)

    def cut(self, rows: np.ndarray, ends: np.ndarray) -> Cut:
        """The windows whose last step that is read is the one before `ends` of the series `rows`."""
        w = self.windows
        context = w.history + w.length
        position = ends[:, None] + np.arange(-context, w.horizon)  # [B, T]
        last = self.lengths[rows][:, None] - 1
        inside = (position >= 0) & (position <= last)
        at = self.begins[rows][:, None] + np.clip(position, 0, last)
        values = self.values[at]
        seen = self.seen[at] & inside
        center = values[:, context - 1]
        paired = seen[:, 1:context] & seen[:, : context - 1]
        size = np.abs(np.diff(values[:, :context], axis=1))
        scale = (size * paired).sum(axis=1) / np.maximum(1, paired.sum(axis=1))
        least = 1e-9 * np.maximum(np.abs(center), 1e-9)
        scale = np.maximum(scale, least)
        x = np.empty((*position.shape, w.n_columns), dtype=np.float32)
        x[..., TARGET] = np.clip((values - center[:, None]) / scale[:, None], -1e6, 1e6)
        x[..., SEEN] = seen
        x[..., LEVEL] = np.clip(center / scale, -1e6, 1e6)[:, None]
        column = OWN + w.calendar
        if w.calendar:
            steps = self.panel.starts[rows][:, None] + position
            waves = _calendar(self.panel.frequency, steps.reshape(-1))
            x[..., OWN:column] = waves.reshape(*position.shape, -1)
        if w.n_static:
            x[..., column : column + self.static.shape[1]] = self.static[rows][:, None]
            column += self.static.shape[1]
        if w.n_past:
            x[..., column : column + self.past.shape[1]] = self.past[at]
            # What is known in the past alone ends with the window.
            x[:, context:, column : column + self.past.shape[1]] = 0
            column += self.past.shape[1]
        if w.n_future:
            at = self.known_begins[rows][:, None] + np.clip(position, 0, self.known[rows][:, None] - 1)
            x[..., column:] = self.future[at]
        return Cut(x, center, scale)

    def training(self) -> Sequences:
        """Windows over all series, each step in two of them or more."""
        w = self.windows
        stride = max(1, w.length // 2)
        most = max(64, min(MOST_WINDOWS, MOST_NUMBERS // (w.steps * w.n_columns)))
        while stride > 1 and int(np.ceil(self.lengths / stride).sum()) < FEW_WINDOWS:
            stride = max(1, stride // 2)
        rows, ends = [], []
        for n, length in enumerate(self.lengths):
            # A window of the first steps alone has nothing to look back on.
            some = np.arange(length - 1, min(8, length - 2), -stride)
            rows.append(np.full(len(some), n))
            ends.append(some)
        row, end = np.concatenate(rows), np.concatenate(ends)
        if not len(row):
            raise DataError(
                got=f"series of {int(self.lengths.max())} steps at most in {self.panel.source}",
                wanted="at least 4 steps to learn from",
                do="pass longer series",
            )
        if len(row) > most:
            some = np.sort(np.random.default_rng(0).permutation(len(row))[:most])
            row, end = row[some], end[some]
        return as_sequences(self.cut(row, end).x)


def as_sequences(x: np.ndarray) -> Sequences:
    """Windows [B, T, C] as sequences; what is predicted lies within them."""
    B, T, C = x.shape
    return Sequences(x.reshape(B * T, C), np.full(B, T, dtype=np.int64), source="windows")


def _calendar(frequency: Frequency | None, steps: np.ndarray) -> np.ndarray:
    return np.empty((len(steps), 0)) if frequency is None else frequency.calendar(steps)
