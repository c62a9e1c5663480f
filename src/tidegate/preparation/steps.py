"""The steps of sequences: how far apart they are, and whether their order in the file belies their times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tidegate.errors import DataError
from tidegate.preparation.time import DAY, HOUR, NANOSECONDS, Times


def step_of(values: np.ndarray, kind: str, unit: str = "ns") -> tuple[str, bool]:
    """The usual distance (the median) between successive times of one sequence, and whether all are equal.

    Dates that keep their day of the month, or are all the last of one, are a calendar month or more apart.

    >>> step_of(np.array([0, 15, 30, 60]) * 60 * 10**9, "time of day")
    ('15 min', False)
    >>> step_of(np.array([0.0, 0.02, 0.04]), "number")
    ('0.02', True)
    """
    if len(values) < 2:
        return "no step", True
    values = np.sort(values)
    if kind == "date" and (months := _months_between(values, unit)) is not None:
        usual = int(np.sort(months)[(len(months) - 1) // 2])
        words = _counted(usual // 12, "year") if usual % 12 == 0 else _counted(usual, "month")
        return words, bool((months == usual).all())
    if values.dtype.kind == "f":
        steps = np.diff(values)
        step = float(np.sort(steps)[(len(steps) - 1) // 2])
        blur = 1e-6 * step + 4 * float(np.spacing(np.abs(values).max()))
        texts = (f"{step:.{digits}g}" for digits in range(1, 17))
        words = next((text for text in texts if abs(float(text) - step) <= blur), repr(step))
        return words, bool((np.abs(steps - step) <= blur).all())
    # Unsigned, since the distance of two int64 may exceed an int64.
    gaps = values[1:].astype(np.uint64) - values[:-1].astype(np.uint64)
    gap = int(np.sort(gaps)[(len(gaps) - 1) // 2])
    words = str(gap) if kind == "number" else _duration_in_words(gap * NANOSECONDS[unit])
    return words, bool((gaps == gap).all())


def refuse_misread(times: Times, sequence: np.ndarray, cell: Callable[[int], str], at: Callable[[int], str]) -> None:
    """Refuse dates that go back in the file because they lack a part: the year, AM or PM, or summer time.

    `sequence` is the number of each row's sequence; `cell(row)` and `at(row)` are the cell and its place in messages.
    """
    if times.kind != "date" or times.zoned:
        return
    in_file = np.argsort(sequence, kind="stable")
    values, sequence = times.values[in_file], sequence[in_file]
    back = np.flatnonzero((sequence[1:] == sequence[:-1]) & (values[1:] < values[:-1]))
    if not len(back):
        return
    if times.lacks:
        wanted = f"dates that go on, or with their {times.lacks}: the next year or month may have begun"
        do = f"add the {times.lacks} to each date, or sort the rows of each sequence"
    elif _lack_am_and_pm(times, values, back):
        wanted = "AM or PM in each cell, or hours from 0 to 23: 12 is followed by 1"
        do = "add AM or PM to each time, or sort the rows of each sequence"
    elif _end_summer_time(times, values, sequence, back):
        wanted = "times that go on, or with a UTC offset: summer time may have ended"
        do = "write the times in UTC or with their offset, or sort the rows of each sequence"
    else:
        return
    row = int(in_file[back[0] + 1])
    raise DataError(got=f"{cell(row)}, earlier than the row before, {at(row)}", wanted=wanted, do=do)


def _lack_am_and_pm(times: Times, values: np.ndarray, back: np.ndarray) -> bool:
    """Whether a clock of 12 hours wrote the times: within a day 11 or 12 is followed by 1."""
    if "%p" in (times.format or ""):
        return False
    unit = NANOSECONDS[times.unit or "ns"]
    hours, days = values // (HOUR // unit) % 24, values // (DAY // unit)
    noon = (days[back] == days[back + 1]) & (hours[back] >= 10) & (hours[back + 1] <= 3)
    return bool(noon.all() and ((hours >= 1) & (hours <= 12)).all())


def _end_summer_time(times: Times, values: np.ndarray, sequence: np.ndarray, back: np.ndarray) -> bool:
    """Whether the times go back by no more than an hour, before 3 o'clock of a Sunday, once a night."""
    unit = NANOSECONDS[times.unit or "ns"]
    hour, day = HOUR // unit, DAY // unit
    before, after = values[back], values[back + 1]
    days, of_day = after // day, after % day
    once = len(np.unique(np.stack([sequence[back], days]), axis=1).T) == len(back)
    night = (days == before // day) & ((days + 3) % 7 == 6) & (before % day < 3 * hour)
    return bool(once and (night & (before - after <= hour) & (of_day < 3 * hour)).all())


def _months_between(values: np.ndarray, unit: str) -> np.ndarray | None:
    """Months between sorted dates that have one day of the month and time of day, or are all last of their months."""
    moments = values.astype(f"datetime64[{unit}]")
    days = moments.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    of_month = days - months.astype("datetime64[D]")
    is_last = (days + 1).astype("datetime64[M]") > months
    of_day = moments - days
    if not (of_day == of_day[0]).all() or not ((of_month == of_month[0]).all() or is_last.all()):
        return None
    between = np.diff(months.astype(np.int64))
    return between if (between > 0).all() else None


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" + ("s" if count != 1 else "")


def _duration_in_words(nanoseconds: int) -> str:
    units = (("day", DAY), ("h", HOUR), ("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("µs", 10**3), ("ns", 1))
    for name, size in units:
        if nanoseconds and nanoseconds % size == 0 and nanoseconds < 10_000 * size:
            return _counted(nanoseconds // size, name) if name == "day" else f"{nanoseconds // size} {name}"
    name, size = next((unit for unit in units if nanoseconds >= unit[1]), units[3])
    return f"{nanoseconds / size:.4g} {name}" + ("s" if name == "day" else "")
