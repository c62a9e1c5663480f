"""The regular step of dates or numbers: found from them, counted along, and what comes around with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tidegate.errors import DataError
from tidegate.preparation.time import DAY, HOUR

YEAR = 365.25 * DAY
LONGEST_SEASON = 1000
"""Steps; what comes around later is left to the calendar."""
REPEATS = 3
"""Larger steps of one size, one after the other, are another frequency and no gap."""
NAMES = {DAY: "day", 7 * DAY: "week", HOUR: "hour", 60 * 10**9: "minute", 10**9: "second"}


@dataclass(frozen=True)
class Frequency:
    """A grid of times, on which each step has a number.

    >>> monthly = Frequency("month", 1)
    >>> monthly.dates(np.array([0, 13])).astype("datetime64[D]").tolist()
    [datetime.date(1970, 1, 1), datetime.date(1971, 2, 1)]
    >>> monthly.name, monthly.seasons
    ('month', (12,))
    """

    kind: str
    """number, fixed (nanoseconds), month, or weekday (Monday to Friday)."""
    step: int
    """Numbers, nanoseconds or months from one step to the next."""
    offset: int = 0
    """Where step 0 lies: a number, or nanoseconds from 1970; of months, how many of them from January 1970."""
    day: int = 1
    """Of months: the day; 0 for the last one."""
    clock: int = 0
    """Of months and weekdays: nanoseconds from midnight."""

    def steps(self, values: np.ndarray) -> np.ndarray:
        """The numbers of times that lie on the grid."""
        if self.kind in ("number", "fixed"):
            return (values - self.offset) // self.step
        days = values // DAY
        if self.kind == "month":
            return (_months(days) - self.offset) // self.step
        return np.busday_count("1970-01-01", days.astype("datetime64[D]"))

    def times(self, steps: np.ndarray) -> np.ndarray:
        """The times of these numbers, int64."""
        if self.kind in ("number", "fixed"):
            return steps * self.step + self.offset
        if self.kind == "month":
            months = steps * self.step + self.offset + (self.day == 0)
            days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + self.day - 1
        else:
            days = np.busday_offset(np.full(steps.shape, np.datetime64("1970-01-01")), steps).astype(np.int64)
        return days * DAY + self.clock

    def dates(self, steps: np.ndarray) -> np.ndarray:
        """The times of these numbers as people write them: dates in nanoseconds, or numbers."""
        times = self.times(np.asarray(steps, dtype=np.int64))
        return times if self.kind == "number" else times.astype("datetime64[ns]")

    @property
    def name(self) -> str:
        """What lies between two steps, in words."""
        if self.kind == "number":
            return f"{self.step:g}"
        if self.kind == "weekday":
            return "weekday"
        if self.kind == "month":
            named = {1: "month", 3: "quarter", 12: "year"}
            return named.get(self.step) or (
                f"{self.step // 12} years" if self.step % 12 == 0 else f"{self.step} months"
            )
        for size, name in sorted(NAMES.items(), reverse=True):
            if self.step % size == 0:
                n = self.step // size
                return name if n == 1 else f"{n} {name}s"
        return f"{self.step / 1e9:g} seconds"

    @property
    def seasons(self) -> tuple[int, ...]:
        """After how many steps things come around, the shortest first: a day, a week, a year."""
        if self.kind == "number":
            return ()
        if self.kind == "weekday":
            return (5, 261)
        if self.kind == "month":
            return (12 // self.step,) if 12 % self.step == 0 and self.step < 12 else ()
        found = []
        for period in (HOUR, DAY, 7 * DAY, YEAR):
            steps = round(period / self.step)
            whole = period == YEAR or period % self.step == 0
            rare = period == HOUR and self.step >= 15 * 60 * 10**9
            if whole and not rare and 3 < steps <= LONGEST_SEASON:
                found.append(steps)
        return tuple(found[:2])

    def calendar(self, steps: np.ndarray) -> np.ndarray:
        """Where in the day, the week and the year these steps lie, as far as steps differ in it [S, 2 or more]."""
        if self.kind == "number":
            return np.empty((len(steps), 0))
        times = self.times(steps)
        length = {"fixed": self.step, "weekday": DAY}.get(self.kind, self.step * 30 * DAY)
        days = times // DAY
        in_year = days - days.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
        shares = []
        if length < DAY:
            shares.append(times % DAY / DAY)
        if length < 7 * DAY:
            shares.append((days + 3) % 7 / 7)
        if length < 365 * DAY:
            shares.append(in_year / 365.25)
        angles = 2 * np.pi * np.array([k * share for share in shares for k in (1, 2)])
        waves = np.concatenate([np.sin(angles), np.cos(angles)]) if len(angles) else np.empty((0, len(steps)))
        return waves.T

    def to_config(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def find_frequency(series: list[np.ndarray], dates: bool, what: str) -> Frequency:
    """The step of series of times, each in order and without repeats.

    Args:
        series: of each the times, int64; of dates nanoseconds from 1970.
        dates: whether they are dates.
        what: the column, for messages.

    Raises DataError where there is no regular step, or more than one.

    >>> find_frequency([np.array([3, 5, 7, 11])], dates=False, what="the column 't'").step
    2
    """
    pieces = [np.diff(times) for times in series if len(times) > 1]
    if not pieces:
        raise DataError(
            got=f"one time a series in {what}", wanted="series of several steps", do="name the right columns"
        )
    differences = np.concatenate(pieces)
    every = np.concatenate(series)
    if dates and differences.min() >= 28 * DAY:
        monthly = _monthly(series, every)
        if monthly is not None:
            _refuse_second(monthly.name, [np.diff(monthly.steps(times)) for times in series], what)
            return monthly
    step = int(differences.min())
    if dates and step == DAY and not (differences % DAY).any() and len(every) > 10:
        weekday = (every // DAY + 3) % 7
        if weekday.max() < 5 and len(set((every % DAY).tolist())) == 1:
            frequency = Frequency("weekday", 1, clock=int(every[0] % DAY))
            _refuse_second(frequency.name, [np.diff(frequency.steps(times)) for times in series], what)
            return frequency
    off = differences % step != 0
    if off.any():
        one, two = (_size(int(d), dates) for d in (step, differences[int(off.argmax())]))
        raise DataError(
            got=f"steps of {one} and of {two} in {what}",
            wanted="a regular step, with or without gaps",
            do="bring the times to a grid, such as with pandas' resample",
        )
    offset = int(every.min() % step)
    if ((every - offset) % step).any():
        raise DataError(
            got=f"series that lie beside each other's steps of {_size(step, dates)} in {what}",
            wanted="one grid for all",
            do="round the times",
        )
    frequency = Frequency("fixed" if dates else "number", step, offset)
    _refuse_second(frequency.name, [np.diff(frequency.steps(times)) for times in series], what)
    return frequency


def _monthly(series: list[np.ndarray], every: np.ndarray) -> Frequency | None:
    """The grid of months, quarters or years on which all times lie, if there is one."""
    days, clocks = every // DAY, every % DAY
    months = _months(days)
    of_month = days - months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 1
    last = _months(days + 1) != months
    if len(set(clocks.tolist())) > 1 or not (last.all() or (of_month == of_month[0]).all()):
        return None
    steps = np.concatenate([np.diff(_months(times // DAY)) for times in series])
    step = int(np.gcd.reduce(steps))
    offset = int(months[0] % step)
    if ((months - offset) % step).any():
        return None
    day = int(of_month[0]) if (of_month == of_month[0]).all() else 0
    return Frequency("month", step, offset, day, int(clocks[0]))


def _refuse_second(name: str, gaps: list[np.ndarray], what: str) -> None:
    """Refuse larger steps that repeat: what follows another step is no gap."""
    for steps in gaps:
        repeated = steps > 1
        for k in range(1, REPEATS):
            repeated = repeated[:-1] & (steps[k:] == steps[: len(steps) - k]) if len(steps) > k else repeated[:0]
        if repeated.any():
            n = int(steps[int(repeated.argmax())])
            raise DataError(
                got=f"two frequencies in {what}: steps of one {name} and, again and again, of {n}",
                wanted="one",
                do="split the data, or bring all to one step, such as with pandas' resample",
            )


def _months(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _size(step: int, dates: bool) -> str:
    if not dates:
        return f"{step:g}"
    name = Frequency("fixed", step).name
    return name if name[0].isdigit() else f"1 {name}"
