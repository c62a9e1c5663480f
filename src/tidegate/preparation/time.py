"""The column that orders the steps of sequences: numbers, dates, times of day or durations, never letters.

Text is read in one format for the whole column. Where day and month could change places, all cells decide, and a
column that fits both readings is refused.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.errors import DataError
from tidegate.preparation.formats import (
    DATE_FIELDS,
    ISO,
    ISO_BASIC,
    ISO_TEXT,
    MONTHS,
    NUMBER,
    WEEKDAYS,
    WIDTH,
    check_format,
    formats_of,
    kinds_of,
    lacking,
    loose_pattern,
    pattern_of,
)

if TYPE_CHECKING:
    import pandas
    import pyarrow

_PLURAL = {"number": "numbers", "date": "dates", "time of day": "times of day", "duration": "durations"}
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
HOUR = 3600 * 10**9
DAY = 24 * HOUR
_EPOCHS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_LAST_DAY_IN_NS = 106_750  # days from 1970 that int64 nanoseconds reach, either way
_LARGEST = 2**63 - 1
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class Times:
    """The times of a column's rows, as comparable numbers.

    `values` holds one number a row: int64 or float64 for numbers; for dates int64 since 1970 UTC, for times of day
    int64 since midnight, for durations int64, the last three in `unit`: "ns", or "us" where nanoseconds do not reach.
    `kind` is "number", "date", "time of day" or "duration". `format` is the strptime format by which text was read,
    or "ISO 8601"; None for what was no text, and for durations in hours.
    """

    values: np.ndarray
    kind: str
    format: str | None = None
    unit: str | None = None
    zoned: bool = False
    """Whether dates are instants, of a known UTC offset."""
    lacks: str = ""
    """What dates were written without and need for an order of their own: "year", "month and year" or ""."""
    note: str = ""
    """What a person should know of the reading."""

    def describe(self) -> str:
        """What was read, in words.

        >>> Times(np.array([0]), "date", "%m/%d/%Y", "ns").describe()
        'dates (%m/%d/%Y)'
        """
        return _PLURAL[self.kind] + (f" ({self.format})" if self.format else "")


def read_times(column: pandas.Series, place: Callable[[int], str], given: str | None = None) -> Times:
    """Read a column of numbers, dates, times of day or durations.

    `place(row)` says where the 0-based row stands, for messages. `given` is the strptime format of text, or "ISO8601";
    it is applied to numbers as to their digits, and has nothing to do for a column that holds dates already.

    Raises DataError that names the first cell that cannot be read, that does not fit the other cells or `given`, or
    that could be read in two ways.

    >>> import pandas as pd
    >>> times = read_times(pd.Series(["31.1.2020", "1.2.2020"], name="day"), "row {}".format)
    >>> times.describe(), int(np.diff(times.values)[0]) == 24 * 3600 * 10**9
    ('dates (%d.%m.%Y)', True)
    """
    import pandas as pd
    import pyarrow as pa

    if given is not None:
        given = ISO if given.replace(" ", "").upper() == "ISO8601" else given.strip()
        check_format(given)
    cells = _Column(column.name, place)
    missing = np.flatnonzero(column.isna().to_numpy(dtype=bool))
    if len(missing):
        raise cells.empty(int(missing[0]))
    if isinstance(column.dtype, pd.ArrowDtype):
        column = pa.array(column).to_pandas().rename(column.name)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.dtype.categories.dtype)
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return replace(_rescaled(column.to_numpy(), "date", cells), zoned=True)
    if isinstance(dtype, pd.PeriodDtype):
        in_range = len(column) == 0 or bool(column.dt.year.between(1678, 2261).all())
        unit = "ns" if in_range else "us"
        starts = pd.PeriodIndex(column).asfreq(unit, how="start").asi8
        return Times(starts, "date", None, unit)
    if pd.api.types.is_datetime64_dtype(dtype):
        return _rescaled(column.to_numpy(), "date", cells)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return _rescaled(column.to_numpy(), "duration", cells)
    if pd.api.types.is_bool_dtype(dtype) and len(column):
        raise cells.refuse(0, repr(bool(column.iloc[0])))
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype):
        numbers = _numbers(column.to_numpy(), cells)
        return numbers if given is None else _read_digits(numbers.values, cells, given)
    if isinstance(dtype, pd.StringDtype):
        return _read_text(_Texts.of(column, cells), given)
    if pd.api.types.is_object_dtype(dtype):
        return _read_objects(column.to_numpy(dtype=object), cells, given)
    raise DataError(
        got=f"the column {column.name!r} of type {dtype}",
        wanted="numbers or dates",
        do="number the steps",
    )


# Messages


@dataclass(frozen=True)
class _Column:
    """What messages need to know of a column."""

    name: Any
    place: Callable[[int], str]

    def __str__(self) -> str:
        return f"the column {self.name!r}"

    def at(self, row: int) -> str:
        return f"in {self.place(row)}, column {self.name!r}"

    def empty(self, row: int) -> DataError:
        return DataError(
            got=f"an empty cell {self.at(row)}",
            wanted="a time in every row",
            do="fill the cell, or leave the row out",
        )

    def refuse(self, row: int, value: str, among: str | None = None) -> DataError:
        if among is None:
            return DataError(
                got=f"{value} {self.at(row)}",
                wanted="numbers or dates",
                do='pass --time-format (such as "%d.%m.%Y %H:%M"), or number the steps',
            )
        return DataError(
            got=f"{value} {self.at(row)}, among {among}",
            wanted="numbers, or dates in one format",
            do="correct the cell, or number the steps",
        )

    def too_large(self, row: int, value: str) -> DataError:
        return DataError(
            got=f"{value} {self.at(row)}, too large to be kept exactly",
            wanted="whole numbers below 2**63",
            do="count the steps from a later start",
        )

    def out_of_range(self, row: int, value: str) -> DataError:
        return DataError(
            got=f"{value} {self.at(row)}, too far from 1970 to be kept exactly",
            wanted="dates from 1678 to 2261 where some have nanoseconds",
            do="correct the cell, or round all to microseconds",
        )

    def zones_mixed(self, row: int, value: str, aware: bool) -> DataError:
        mine, others = ("with", "without") if aware else ("without", "with")
        return DataError(
            got=f"{value} {self.at(row)}, {mine} a UTC offset after times {others} one",
            wanted="a UTC offset in every cell or in none",
            do="write all cells alike",
        )


# Columns that are no text


def _rescaled(values: np.ndarray, kind: str, cells: _Column) -> Times:
    """datetime64 or timedelta64 of any unit as int64 nanoseconds, or microseconds where those do not reach."""
    have = np.datetime_data(values.dtype)[0]
    counts = values.astype(np.int64)
    for unit in ("ns", "us"):
        factor = NANOSECONDS[have] // NANOSECONDS[unit]
        if factor == 1 or (factor and bool((np.abs(counts) <= _LARGEST // factor).all())):
            return Times(counts * factor, kind, None, unit)
    row = int(np.abs(counts).argmax())
    raise cells.out_of_range(row, str(values[row]))


def _numbers(values: np.ndarray, cells: _Column) -> Times:
    if values.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            row = int(bad[0])
            raise cells.empty(row) if np.isnan(values[row]) else cells.refuse(row, str(values[row]), "numbers")
        numbers = _whole(values.astype(np.float64))
        _refuse_epochs_mixed(numbers, cells)
        return Times(numbers, NUMBER)
    if values.dtype.kind == "u" and len(large := np.flatnonzero(values > _LARGEST)):
        raise cells.too_large(int(large[0]), str(values[large[0]]))
    numbers = values.astype(np.int64)
    _refuse_epochs_mixed(numbers, cells)
    return Times(numbers, NUMBER)


def _refuse_epochs_mixed(values: np.ndarray, cells: _Column) -> None:
    """Refuse times that all count from 1970, by their number of digits, but not all in one unit."""
    if not len(values) or values.min() < 10**9 or values.max() < 10**12:
        return
    unit = np.full(len(values), -1)
    for n, finer in enumerate(_EPOCHS.values()):
        unit[(values >= 1e9 * finer) & (values < 1e10 * finer)] = n
    other = unit != unit[0]
    if other.any() and (unit >= 0).all():
        row = int(other.argmax())
        one, two = (list(_EPOCHS)[unit[n]] for n in (0, row))
        raise DataError(
            got=f"{values[row]} {cells.at(row)}, {two} since 1970 beside {values[0]} {cells.at(0)}, {one}",
            wanted="one unit",
            do="write all times in the same unit",
        )


def _whole(values: np.ndarray) -> np.ndarray:
    """Floats as int64 where all are whole and fit."""
    fits = (values == np.floor(values)) & (np.abs(values) < 2.0**63)
    return values.astype(np.int64) if fits.all() else values


def _read_digits(values: np.ndarray, cells: _Column, given: str) -> Times:
    texts = _Texts.of(_digits(values, given), cells)
    times = _read_given(texts, given)
    pattern = pattern_of(given)
    if values.dtype.kind == "f" and pattern is not None:
        # As a number, 2024.10 has lost its zero.
        longer = _Texts.of(np.array([f"{text}0" for text in texts.distinct.to_pylist()], dtype=object), cells)
        short, long = (_parse(one.distinct, pattern, clock=True) for one in (texts, longer))
        doubtful = long.exists & ((long.days != short.days) | (long.within != short.within))
        if doubtful.any():
            row = texts.first_row(doubtful)
            text = texts.distinct[int(texts.of_row[row])].as_py()
            raise DataError(
                got=f"the number {text} {cells.at(row)}, which is {text}0 as well",
                wanted=f"text where --time-format is {given}",
                do="read the column as text, which keeps its zeros",
            )
    return times


def _digits(values: np.ndarray, given: str) -> np.ndarray:
    """Numbers as the text they were, with the leading zeros that a format of nothing but digits requires."""
    texts = values.astype(str)
    if re.fullmatch(f"(%[{''.join(WIDTH)}])+", given):
        texts = np.char.zfill(texts, sum(WIDTH[name] for name in given[1::2]))
    return texts.astype(object)


def _read_objects(values: np.ndarray, cells: _Column, given: str | None) -> Times:
    kinds = {kind: _kind_of_type(kind) for kind in set(map(type, values))}
    if set(kinds.values()) <= {"text", NUMBER}:
        texts = values if set(kinds.values()) == {"text"} else np.array([str(value) for value in values], dtype=object)
        if given is not None and set(kinds.values()) == {NUMBER}:
            written = _Texts.of(texts, cells)
            return _read_digits(_as_numbers(written)[written.of_row], cells, given)
        return _read_text(_Texts.of(texts, cells), given)
    of_row = np.array([kinds[type(value)] for value in values], dtype=object)
    names, first, counts = np.unique(of_row, return_index=True, return_counts=True)
    main = min(range(len(names)), key=lambda n: (-counts[n], first[n]))
    kind = str(names[main])
    if kind == "other":
        raise cells.refuse(int(first[main]), repr(values[first[main]]))
    if len(names) > 1:
        row = int(np.flatnonzero(of_row != kind)[0])
        raise cells.refuse(row, _shown(values[row]), "text" if kind == "text" else _PLURAL[kind])
    if kind == "duration":
        import pandas as pd

        return _rescaled(pd.Series([pd.Timedelta(value) for value in values]).to_numpy(), kind, cells)
    aware = np.array([_is_aware(value) for value in values], dtype=bool)
    if len(mixed := np.flatnonzero(aware != aware[0])):
        raise cells.zones_mixed(int(mixed[0]), _shown(values[mixed[0]]), bool(aware[mixed[0]]))
    if kind == "time of day":
        if aware[0]:
            raise cells.refuse(0, f"{_shown(values[0])}, a time of day with a UTC offset,")
        counted = [
            (value.hour * 3600 + value.minute * 60 + value.second) * 10**9 + value.microsecond * 1000
            for value in values
        ]
        return Times(np.array(counted, dtype=np.int64), kind, None, "ns")
    instants = [_nanoseconds(value) for value in values]
    if all(abs(instant) <= _LARGEST for instant in instants):
        return Times(np.array(instants, dtype=np.int64), kind, None, "ns", bool(aware[0]))
    if any(instant % 1000 for instant in instants):
        row = next(row for row, instant in enumerate(instants) if abs(instant) > _LARGEST)
        raise cells.out_of_range(row, _shown(values[row]))
    return Times(np.array([instant // 1000 for instant in instants], dtype=np.int64), kind, None, "us", bool(aware[0]))


def _kind_of_type(kind: type) -> str:
    import pandas as pd

    if issubclass(kind, str):
        return "text"
    if issubclass(kind, (bool, np.bool_)):
        return "other"
    if issubclass(kind, (datetime.date, np.datetime64, pd.Period)):
        return "date"
    if issubclass(kind, datetime.time):
        return "time of day"
    if issubclass(kind, (datetime.timedelta, np.timedelta64)):
        return "duration"
    return NUMBER if issubclass(kind, (int, float, Decimal, np.integer, np.floating)) else "other"


def _is_aware(value: Any) -> bool:
    return getattr(value, "tzinfo", None) is not None


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _nanoseconds(value: Any) -> int:
    """A date, datetime, Timestamp, Period or datetime64 as nanoseconds since 1970 UTC, of any size."""
    import pandas as pd

    if isinstance(value, pd.Period):
        value = value.to_timestamp(how="start")
    elif isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    elif not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    finer = value.nanosecond if isinstance(value, pd.Timestamp) else 0
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.timezone.utc)
    return (value - _EPOCH) // datetime.timedelta(microseconds=1) * 1000 + finer


# Text


@dataclass(frozen=True)
class _Texts:
    """The distinct texts of a column, stripped, and the text of each row."""

    distinct: pyarrow.Array
    of_row: np.ndarray
    cells: _Column

    @classmethod
    def of(cls, column: pandas.Series | np.ndarray, cells: _Column) -> _Texts:
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = pa.array(column, type=pa.large_string(), from_pandas=True)
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        if not pc.all(pc.string_is_ascii(texts)).as_py():
            texts = pc.replace_substring_regex(texts, r"\p{Zs}", " ")
        encoded = pc.utf8_trim_whitespace(texts).dictionary_encode()
        made = cls(encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), cells)
        empty = _as_mask(pc.equal(made.distinct, ""))
        if empty.any():
            raise cells.empty(made.first_row(empty))
        return made

    def first_row(self, mask: np.ndarray) -> int:
        """The first row whose text is in `mask`, bool over the distinct texts."""
        return int(mask[self.of_row].argmax())

    def shown(self, row: int) -> str:
        return repr(self.distinct[int(self.of_row[row])].as_py())


@dataclass(frozen=True)
class _Parsed:
    """Distinct texts read by one format, a value each."""

    possible: np.ndarray  # bool: the text has the format, and month and day are numbers that some date has
    exists: np.ndarray  # bool: the calendar and the clock have such a time
    days: np.ndarray  # int64 since 1970 UTC; of durations, the days
    within: np.ndarray  # int64 nanoseconds to add to the days
    aware: np.ndarray  # bool: it has a UTC offset
    weekday: np.ndarray | None  # int64 from Monday, 0, where it stands beside a date
    fractions: bool
    kind: str


# Numbers whose order is not that of the dates they look like: the form of every cell, and the format to ask about.
_DATES_AS_NUMBERS = (
    (r"(?:0[1-9]|1[0-2])\.(?:19|20)\d{2}", "%m.%Y"),
    (r"(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])", "%d.%m"),
    (r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d{2}", "%d%m%Y"),
    (r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d{2}", "%m%d%Y"),
)


def _read_text(texts: _Texts, given: str | None) -> Times:
    if given is not None:
        return _read_given(texts, given)
    cells = texts.cells
    if not len(texts.of_row):
        return Times(np.empty(0, dtype=np.int64), NUMBER)
    groups, of_text = _groups(texts.distinct)
    counts = np.bincount(of_text[texts.of_row], minlength=len(groups))
    main = int(counts.argmax())  # of equal ones the first
    formats = groups[main]
    if not formats:
        row = texts.first_row(of_text == main)
        raise cells.refuse(row, texts.shown(row))
    if len(groups) > 1:
        row = texts.first_row(of_text != main)
        what = "numbers" if formats[0] == NUMBER else f"{kinds_of(formats[0])} ({' or '.join(formats)})"
        raise cells.refuse(row, texts.shown(row), what)
    if formats[0] == NUMBER:
        numbers = _text_numbers(texts)[texts.of_row]
        _refuse_epochs_mixed(numbers, cells)
        return Times(numbers, NUMBER)

    readings = {form: _parse(texts.distinct, loose_pattern(form)) for form in formats}
    # A 31.06.20 does not turn its column into years 2031: what no date could be rules a reading out, and that alone.
    fitting = {form: parsed for form, parsed in readings.items() if parsed.possible.all()}
    if not np.any([parsed.exists for parsed in fitting.values()], axis=0).all():
        raise _nonexistent(texts, fitting or readings)
    form, parsed = next(iter(fitting.items()))
    _check_zones(texts, parsed)
    labels = {form: _label(form, texts, parsed) for form in fitting}
    differ = np.zeros(len(parsed.days), dtype=bool)
    for other in fitting.values():
        differ |= other.days != parsed.days
    if differ.any():
        row = texts.first_row(differ)
        which = int(texts.of_row[row])
        words = [f"{_day_in_words(other, which)} ({labels[form]})" for form, other in fitting.items()]
        raise DataError(
            got=f"{texts.shown(row)} {cells.at(row)}, which is {' or '.join(words)}, and no other cell tells",
            wanted="dates that can be read in one way",
            do="pass " + " or ".join(f'--time-format "{label}"' for label in labels.values()),
        )
    _check_weekdays(texts, parsed)
    times = _times(texts, parsed, labels[form])
    return replace(times, note=f"{cells} is minutes and seconds ({times.format})") if form == "%M:%S" else times


def _read_given(texts: _Texts, given: str) -> Times:
    parsed: _Parsed | None = None
    if given == ISO:
        parsed = _parse(texts.distinct, ISO_TEXT)
        if not parsed.exists.all() and (basic := _parse(texts.distinct, ISO_BASIC)).exists.all():
            parsed = basic
    elif (pattern := pattern_of(given)) is not None:
        parsed = _parse(texts.distinct, pattern, clock=True)
    if parsed is None:
        return _read_by_strptime(texts, given)
    if not parsed.exists.all():
        raise _misfit(texts, texts.first_row(~parsed.exists), given)
    _check_zones(texts, parsed)
    _check_weekdays(texts, parsed)
    return _times(texts, parsed, given)


def _read_by_strptime(texts: _Texts, given: str) -> Times:
    read = []
    for n, text in enumerate(texts.distinct.to_pylist()):
        try:
            read.append(datetime.datetime.strptime(text, given))
        except ValueError:
            # Distinct texts stand in the order of their first rows.
            raise _misfit(texts, int((texts.of_row == n).argmax()), given) from None
    times = _read_objects(np.array(read, dtype=object), texts.cells, None)
    lacks, note = _told(given, texts.cells)
    return replace(times, values=times.values[texts.of_row], format=given, lacks=lacks, note=note)


def _misfit(texts: _Texts, row: int, given: str) -> DataError:
    return DataError(
        got=f"{texts.shown(row)} {texts.cells.at(row)}",
        wanted=f"times of the format {given}, as --time-format says",
        do="correct the cell or --time-format",
    )


def _nonexistent(texts: _Texts, readings: dict[str, _Parsed]) -> DataError:
    """Each reading fails somewhere: the best one's first failure is named, and the best other way to read that cell."""
    rows = np.bincount(texts.of_row, minlength=len(texts.distinct))
    form = min(readings, key=lambda form: int(rows[~readings[form].exists].sum()))
    row = texts.first_row(~readings[form].exists)
    which = int(texts.of_row[row])
    others = [other for other, parsed in readings.items() if parsed.exists[which]]
    got = f"{texts.shown(row)} {texts.cells.at(row)}"
    if others:
        first = texts.first_row(~readings[others[0]].exists)
        got += f", which fits {others[0]} alone, and {texts.shown(first)} {texts.cells.at(first)}, which does not"
    else:
        got += f", which does not exist ({form})"
    return DataError(got=got, wanted=f"{kinds_of(form)} that exist, in one format", do="correct the cell")


def _check_zones(texts: _Texts, parsed: _Parsed) -> None:
    mixed = parsed.aware != parsed.aware[texts.of_row[:1]]
    if mixed.any():
        row = texts.first_row(mixed)
        raise texts.cells.zones_mixed(row, texts.shown(row), bool(parsed.aware[texts.of_row[row]]))


def _check_weekdays(texts: _Texts, parsed: _Parsed) -> None:
    if parsed.weekday is None:
        return
    of_date = (parsed.days + 3) % 7
    if (wrong := parsed.weekday != of_date).any():
        row = texts.first_row(wrong)
        raise DataError(
            got=f"{texts.shown(row)} {texts.cells.at(row)}, a date that is a {WEEKDAYS[of_date[texts.of_row[row]]]}",
            wanted="the weekday of the date",
            do="correct the cell",
        )


def _times(texts: _Texts, parsed: _Parsed, label: str) -> Times:
    unit, days, within = "ns", parsed.days, parsed.within
    far = np.abs(days) > _LAST_DAY_IN_NS
    if far.any():
        if (within % 1000).any():
            row = texts.first_row(far)
            raise texts.cells.out_of_range(row, texts.shown(row))
        unit, within = "us", within // 1000
    values = days * (DAY // NANOSECONDS[unit]) + within
    form = None if parsed.kind == "duration" and "%H" in label else label
    zoned = bool(parsed.aware.any())
    return Times(values[texts.of_row], parsed.kind, form, unit, zoned, *_told(label, texts.cells))


def _told(form: str, cells: _Column) -> tuple[str, str]:
    """What dates of a format lack, and what is said of them."""
    lacks, note = lacking(form), ""
    if lacks:
        note = f"{cells} holds dates without their {lacks} ({form}): all are taken as of one {lacks.split()[0]}"
    elif "%V" in form and not re.search("%[aAuw]", form):
        note = f"{cells} holds weeks ({form}): each is taken as its Monday"
    return lacks, note


def _text_numbers(texts: _Texts) -> np.ndarray:
    for pattern, form in _DATES_AS_NUMBERS:
        if re.fullmatch(pattern, texts.distinct[0].as_py()) and _matches(texts.distinct, pattern).all():
            if form == "%d.%m" and not _matches(texts.distinct, "0.*").any():
                continue
            raise DataError(
                got=f"{texts.shown(0)} {texts.cells.at(0)}, which could be a date ({form}) or a number",
                wanted="dates, or numbers that do not look like dates",
                do=f'pass --time-format "{form}", or number the steps',
            )
    _refuse_versions(texts)
    return _as_numbers(texts)


def _as_numbers(texts: _Texts) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.utf8_ltrim(texts.distinct, "+")
    if _matches(plain, r"-?\d+").all():
        try:
            return pc.cast(plain, pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            large = np.array([abs(int(text)) > _LARGEST for text in plain.to_pylist()])
            row = texts.first_row(large)
            raise texts.cells.too_large(row, texts.shown(row)) from None
    numbers = np.array(plain.to_pylist(), dtype=object).astype(np.float64)
    if not np.isfinite(numbers).all():
        row = texts.first_row(~np.isfinite(numbers))
        raise texts.cells.too_large(row, texts.shown(row))
    order = np.argsort(numbers, kind="stable")
    for n in np.flatnonzero(numbers[order[1:]] == numbers[order[:-1]]):
        one, two = int(order[n]), int(order[n + 1])
        if Decimal(plain[one].as_py()) != Decimal(plain[two].as_py()):
            row = texts.first_row(np.arange(len(numbers)) == two)
            raise DataError(
                got=f"{texts.shown(row)} {texts.cells.at(row)}, which a float cannot tell from {plain[one].as_py()!r}",
                wanted="numbers of 15 digits, or whole numbers",
                do="count the steps from a later start, or in a smaller unit without decimals",
            )
    return _whole(numbers)


def _refuse_versions(texts: _Texts) -> None:
    """Refuse 1.9 beside 1.10, and 2024.9 beside 2024.11: they count behind the point, unlike decimal numbers."""
    if not _matches(texts.distinct, r"\d+\.(?:0|[1-9]\d*)").all():
        return
    are_months = _matches(texts.distinct, r"(?:19\d\d|20\d\d|2100)\.(?:[1-9]|1[0-2])").all()
    parts = [text.split(".") for text in texts.distinct.to_pylist()]
    short = {whole: n for n, (whole, part) in enumerate(parts) if len(part) == 1}
    for n, (whole, part) in enumerate(parts):
        if len(part) > 1 and whole in short and (are_months or part.endswith("0")):
            one, two = (int((texts.of_row == k).argmax()) for k in (short[whole], n))
            raise DataError(
                got=f"{texts.shown(two)} {texts.cells.at(two)}, beside {texts.shown(one)} {texts.cells.at(one)}, "
                f"which could be {'years and months' if are_months else 'numbers of versions'} or decimals",
                wanted="dates or numbers that can be read in one way",
                do=('pass --time-format "%Y.%m", or ' if are_months else "number the steps, or ")
                + "write all decimals with as many digits",
            )


def _groups(distinct: pyarrow.Array) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Part the texts by their form: the candidate formats of each group, none for what is no time, and text → group.

    The first text decides on the first group, the first of those left on the next, so that a column of one format is
    gone through once.
    """
    import pyarrow as pa

    groups: list[tuple[str, ...]] = []
    of_text = np.zeros(len(distinct), dtype=np.int64)
    left = np.arange(len(distinct))
    while len(left):
        formats = formats_of(distinct[int(left[0])].as_py())
        if formats:
            rest = distinct if len(left) == len(distinct) else distinct.take(pa.array(left))
            fits = _matches(rest, loose_pattern(formats[0]))
        else:
            known = next((n for n, k in enumerate(left) if formats_of(distinct[int(k)].as_py())), len(left))
            fits = np.arange(len(left)) < known
        if formats not in groups:
            groups.append(formats)
        of_text[left[fits]] = groups.index(formats)
        left = left[~fits]
    return groups, of_text


def _label(form: str, texts: _Texts, parsed: _Parsed) -> str:
    """The whole strptime format: with the fraction and the offset that the cells have."""
    if form == ISO:
        return ISO
    if parsed.fractions:
        mark = "," if _matches(texts.distinct, r".*\d,\d.*").any() else "."
        form = form.replace("%S", f"%S{mark}%f")
    if parsed.aware.any():
        zone = re.search(r"( ?)(?:([a-z]{3})|z|[+-][\d:]+)$", texts.distinct[0].as_py(), re.IGNORECASE)
        form += (zone[1] + ("%Z" if zone[2] else "%z")) if zone else "%z"
    return form


# Values


def _as_mask(array: pyarrow.Array) -> np.ndarray:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


def _matches(texts: pyarrow.Array, pattern: str) -> np.ndarray:
    import pyarrow.compute as pc

    return _as_mask(pc.match_substring_regex(texts, f"^(?i:{pattern})$"))


def _parse(texts: pyarrow.Array, pattern: str, clock: bool = False) -> _Parsed:
    """Read texts by a pattern whose groups are named as strptime's directives, and D for days of a duration.

    `clock` keeps a time of day below 24 hours, which are a duration otherwise.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(texts, f"^(?i:{pattern})$")
    groups = {field.name for field in found.type}

    def text(group: str) -> pyarrow.Array:
        return pc.fill_null(pc.struct_field(found, group), "")

    def number(group: str, default: int) -> np.ndarray:
        if group not in groups:
            return np.full(len(texts), default, dtype=np.int64)
        digits = text(group)
        return pc.cast(pc.if_else(pc.equal(digits, ""), str(default), digits), pa.int64()).to_numpy()

    def place(words: pyarrow.Array, names: Sequence[str]) -> np.ndarray:
        begin = pc.utf8_lower(pc.utf8_slice_codeunits(words, 0, 3))
        places = pc.index_in(begin, value_set=pa.array(names, type=begin.type))
        return pc.fill_null(places, 0).to_numpy().astype(np.int64)

    exists = _as_mask(pc.is_valid(found))
    kind = "date" if groups & DATE_FIELDS else "time of day" if groups & {"H", "I"} else "duration"

    year = number("Y", 2000)  # a leap year
    if "y" in groups:
        year = number("y", 0)
        year = year + np.where(year < 69, 2000, 1900)  # strptime's pivot
    weekday: np.ndarray | None = None
    if "a" in groups:
        weekday = place(text("a"), [name[:3].lower() for name in WEEKDAYS])
    elif groups & {"u", "w"}:
        weekday = number("u", 1) - 1 if "u" in groups else (number("w", 1) + 6) % 7
    month = number("m", 1)
    if "b" in groups:
        month = place(text("b"), MONTHS) + 1
    first = (year - 1970) * 12 + month - 1
    day = number("d", 1)
    begins, ends = _first_days(first), _first_days(first + 1)
    if "j" in groups:
        day, ends = number("j", 1), _first_days(first + 12)
    exists &= (month >= 1) & (month <= 12) & (day >= 1)
    possible = exists & (day <= 31)
    exists = exists & (year > 0) & (begins + day <= ends)
    if "G" in groups:
        year, week = number("G", 2000), number("V", 1)
        begins = _first_days((year - 1970) * 12) + 3  # 4 January, of the first week
        begins += 7 * (week - 1) - (begins + 3) % 7
        thursday = (begins + 3).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        exists &= (year > 0) & (week >= 1) & (thursday == year)
        day = np.ones_like(week) if weekday is None else weekday + 1
    days = begins + day - 1 if kind == "date" else number("D", 0)

    hour, minute, second = number("H", 0), number("M", 0), number("S", 0)
    if "I" in groups:
        hour = number("I", 12)
        exists &= (hour >= 1) & (hour <= 12)
        is_pm = _as_mask(pc.match_substring(pc.utf8_lower(text("p")), "p"))
        hour = hour % 12 + 12 * is_pm
    fraction = np.zeros(len(texts), dtype=np.int64)
    if has_fractions := "f" in groups and bool(pc.any(pc.not_equal(text("f"), "")).as_py()):
        fraction = pc.cast(pc.utf8_rpad(text("f"), 9, "0"), pa.int64()).to_numpy()
    within = ((hour * 60 + minute) * 60 + second) * 10**9 + fraction
    exists &= ((minute < 60) | (kind == "duration")) & (second < 60)
    if kind == "date":
        exists &= within <= DAY  # 24:00 is the next day's 0:00
    elif clock and kind == "time of day":
        exists &= within < DAY
    elif (within >= DAY).any() or ("D" in groups and pc.any(pc.not_equal(text("D"), "")).as_py()):
        kind = "duration"

    aware = np.zeros(len(texts), dtype=bool)
    if "z" in groups:
        zones = text("z").dictionary_encode()
        names = zones.dictionary.to_pylist()
        of_text = zones.indices.to_numpy()
        offsets = [_offset(name) for name in names]
        aware = np.array([bool(name) for name in names], dtype=bool)[of_text]
        exists &= np.array([offset is not None for offset in offsets], dtype=bool)[of_text]
        within = within - np.array([offset or 0 for offset in offsets], dtype=np.int64)[of_text]
    if not groups & {"Y", "y"}:
        weekday = None
    return _Parsed(possible, exists, days, within, aware, weekday, has_fractions, kind)


def _first_days(months: np.ndarray) -> np.ndarray:
    """The first days of months, both counted from 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _offset(zone: str) -> int | None:
    """Nanoseconds east of UTC; None where the clock has no such offset."""
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (1 if zone[0] == "+" else -1) * (hours * 60 + minutes) * 60 * 10**9


def _day_in_words(parsed: _Parsed, n: int) -> str:
    return str(np.datetime64(int(parsed.days[n]), "D")) if parsed.exists[n] else "no date"
