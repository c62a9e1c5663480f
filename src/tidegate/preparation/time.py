"""The column that orders the steps of sequences: numbers, dates, times of day or durations, never letters.

Text is read in one format for the whole column. Where day and month could change places, all cells decide, and a
column that fits both readings is refused.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas
    import pyarrow

ISO = "ISO 8601"
NUMBER = "number"

_PLURAL = {"number": "numbers", "date": "dates", "time of day": "times of day", "duration": "durations"}
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_HOUR = 3600 * 10**9
_DAY = 24 * _HOUR
_LAST_DAY_IN_NS = 106_750  # days from 1970 that int64 nanoseconds reach, either way
_LARGEST = 2**63 - 1
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class Times:
    """The times of a column's rows, as comparable numbers.

    `values` holds one number a row: int64 or float64 for numbers; for dates int64 since 1970 UTC, for times of day
    int64 since midnight, for durations int64, the last three in `unit`: "ns", or "us" where nanoseconds do not reach.
    `kind` is "number", "date", "time of day" or "duration". `format` is the strptime format by which text was read,
    or "ISO 8601"; None for what was no text, and for durations.
    """

    values: np.ndarray
    kind: str
    format: str | None = None
    unit: str | None = None

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
        _check_format(given)
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
        return _rescaled(column.to_numpy(), "date", cells)
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
        if given is None:
            return numbers
        return _read_given(_Texts.of(_digits(numbers.values, given), cells), given)
    if isinstance(dtype, pd.StringDtype):
        return _read_text(_Texts.of(column, cells), given)
    if pd.api.types.is_object_dtype(dtype):
        return _read_objects(column.to_numpy(dtype=object), cells, given)
    raise DataError(
        got=f"the column {column.name!r} of type {dtype}",
        wanted="numbers or dates",
        do="number the steps",
    )


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
    words = str(gap) if kind == NUMBER else _duration_in_words(gap * _NANOSECONDS[unit])
    return words, bool((gaps == gap).all())


# Messages


@dataclass(frozen=True)
class _Column:
    """What messages need to know of a column."""

    name: Any
    place: Callable[[int], str]

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
        factor = _NANOSECONDS[have] // _NANOSECONDS[unit]
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
        return Times(_whole(values.astype(np.float64)), NUMBER)
    if values.dtype.kind == "u" and len(large := np.flatnonzero(values > _LARGEST)):
        raise cells.too_large(int(large[0]), str(values[large[0]]))
    return Times(values.astype(np.int64), NUMBER)


def _whole(values: np.ndarray) -> np.ndarray:
    """Floats as int64 where all are whole and fit."""
    fits = (values == np.floor(values)) & (np.abs(values) < 2.0**63)
    return values.astype(np.int64) if fits.all() else values


def _digits(values: np.ndarray, given: str) -> np.ndarray:
    """Numbers as the text they were, with the leading zeros that a format of nothing but digits requires."""
    texts = values.astype(str)
    if re.fullmatch(f"(%[{''.join(_WIDTH)}])+", given):
        texts = np.char.zfill(texts, sum(_WIDTH[name] for name in given[1::2]))
    return texts.astype(object)


def _read_objects(values: np.ndarray, cells: _Column, given: str | None) -> Times:
    kinds = {kind: _kind_of_type(kind) for kind in set(map(type, values))}
    if set(kinds.values()) <= {"text", NUMBER}:
        texts = values if set(kinds.values()) == {"text"} else np.array([str(value) for value in values], dtype=object)
        if given is not None and set(kinds.values()) == {NUMBER}:
            texts = _digits(_read_text(_Texts.of(texts, cells), None).values, given)
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
        return Times(np.array(instants, dtype=np.int64), kind, None, "ns")
    if any(instant % 1000 for instant in instants):
        row = next(row for row, instant in enumerate(instants) if abs(instant) > _LARGEST)
        raise cells.out_of_range(row, _shown(values[row]))
    return Times(np.array([instant // 1000 for instant in instants], dtype=np.int64), kind, None, "us")


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
    fractions: bool
    kind: str


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = "(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_OFFSET = r"z|[+-]\d{2}(?::?\d{2})?"
_ZONE = rf"(?:\s?(?P<z>{_OFFSET}|utc|gmt))?"
_FRACTION = r"(?P<f>\d{1,9})0*"
_WIDTH = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "j": 3}
_WORDS = {
    "b": f"(?P<b>{_MONTH})",
    "B": f"(?P<b>{_MONTH})",
    "a": _WEEKDAY,
    "A": _WEEKDAY,
    "p": r"(?P<p>[ap]\.?m\.?)",
    "f": _FRACTION,
    "z": f"(?P<z>{_OFFSET})",
    "Z": "(?P<z>utc|gmt|z)",
    "%": "%",
}
_DATE_FIELDS = frozenset("Yymdbj")
_SAME_PART = {"b": "m", "B": "m", "j": "md", "y": "Y", "I": "H", "Z": "z", "A": "a"}

# Distinct texts are matched whole and without regard to case; RE2 has no flag for it, hence the prefix.
_ISO_TIME = r"(?P<H>\d{1,2})(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]" + _FRACTION + ")?)?)?"
_ISO_TEXT = r"(?P<Y>\d{4})-(?P<m>\d{1,2})(?:-(?P<d>\d{1,2})(?:[T ]" + _ISO_TIME + _ZONE + ")?)?"
_ISO_BASIC = (
    r"(?P<Y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
    r"(?:[T ](?P<H>\d{2})(?P<M>\d{2})(?:(?P<S>\d{2})(?:[.,]" + _FRACTION + ")?)?" + _ZONE + ")?"
)
_NUMBER_TEXT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
# As pandas and Python write durations, and times of day with hours that may go on beyond 24.
_CLOCK = (
    r"(?:(?P<D>-?\d{1,5}) days?(?:, ?| |$))?"
    r"(?:\+?(?P<H>\d{1,6}):(?P<M>\d{2}):(?P<S>\d{2})(?:[.,]" + _FRACTION + ")?)?"
)
_HOURS = r"(?P<H>\d{1,6}):(?P<M>\d{2})"

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
        what = "numbers" if formats[0] == NUMBER else f"{_what(formats[0])} ({' or '.join(formats)})"
        raise cells.refuse(row, texts.shown(row), what)
    if formats[0] == NUMBER:
        return Times(_text_numbers(texts)[texts.of_row], NUMBER)

    readings = {form: _parse(texts.distinct, _loose_pattern(form)) for form in formats}
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
    return _times(texts, parsed, labels[form])


def _read_given(texts: _Texts, given: str) -> Times:
    parsed: _Parsed | None = None
    if given == ISO:
        parsed = _parse(texts.distinct, _ISO_TEXT)
        if not parsed.exists.all() and (basic := _parse(texts.distinct, _ISO_BASIC)).exists.all():
            parsed = basic
    elif (pattern := _pattern(given)) is not None:
        parsed = _parse(texts.distinct, pattern, clock=True)
    if parsed is None:
        return _read_by_strptime(texts, given)
    if not parsed.exists.all():
        raise _misfit(texts, texts.first_row(~parsed.exists), given)
    _check_zones(texts, parsed)
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
    return Times(times.values[texts.of_row], times.kind, given, times.unit)


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
    return DataError(got=got, wanted=f"{_what(form)} that exist, in one format", do="correct the cell")


def _check_zones(texts: _Texts, parsed: _Parsed) -> None:
    mixed = parsed.aware != parsed.aware[texts.of_row[:1]]
    if mixed.any():
        row = texts.first_row(mixed)
        raise texts.cells.zones_mixed(row, texts.shown(row), bool(parsed.aware[texts.of_row[row]]))


def _times(texts: _Texts, parsed: _Parsed, label: str) -> Times:
    unit, days, within = "ns", parsed.days, parsed.within
    far = np.abs(days) > _LAST_DAY_IN_NS
    if far.any():
        if (within % 1000).any():
            row = texts.first_row(far)
            raise texts.cells.out_of_range(row, texts.shown(row))
        unit, within = "us", within // 1000
    values = days * (_DAY // _NANOSECONDS[unit]) + within
    return Times(values[texts.of_row], parsed.kind, None if parsed.kind == "duration" else label, unit)


def _text_numbers(texts: _Texts) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    for pattern, form in _DATES_AS_NUMBERS:
        if re.fullmatch(pattern, texts.distinct[0].as_py()) and _matches(texts.distinct, pattern).all():
            if form == "%d.%m" and not _matches(texts.distinct, "0.*").any():
                continue
            raise DataError(
                got=f"{texts.shown(0)} {texts.cells.at(0)}, which could be a date ({form}) or a number",
                wanted="dates, or numbers that do not look like dates",
                do=f'pass --time-format "{form}", or number the steps',
            )
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


# The form of a text


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
        formats = _formats_of(distinct[int(left[0])].as_py())
        if formats:
            rest = distinct if len(left) == len(distinct) else distinct.take(pa.array(left))
            fits = _matches(rest, _loose_pattern(formats[0]))
        else:
            known = next((n for n, k in enumerate(left) if _formats_of(distinct[int(k)].as_py())), len(left))
            fits = np.arange(len(left)) < known
        if formats not in groups:
            groups.append(formats)
        of_text[left[fits]] = groups.index(formats)
        left = left[~fits]
    return groups, of_text


# A date at the beginning of a text, and the formats it may have, {0} and {1} standing for what separates its parts.
_DATES = tuple(
    (re.compile(form + r"(?!\d)", re.IGNORECASE | re.ASCII), formats)
    for form, formats in (
        (r"\d{4}([-/.])\d{1,2}\1\d{1,2}", ("%Y{0}%m{0}%d",)),
        (r"\d{1,2}([-/.])\d{1,2}\1\d{4}", ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")),
        (r"\d{1,2}([-/.])\d{1,2}\1\d{2}", ("%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d")),
        (r"\d{8}", ("%Y%m%d",)),
        (r"\d{1,2}([-/])\d{4}", ("%m{0}%Y",)),
        (r"\d{4}(/)\d{1,2}", ("%Y{0}%m",)),
        (rf"\d{{1,2}}(\. ?|[-/ ]?){_MONTH}([-/ ]?|, )\d{{4}}", ("%d{0}%b{1}%Y",)),
        (rf"\d{{1,2}}([-/ ]?){_MONTH}\1\d{{2}}", ("%d{0}%b{0}%y",)),
        (rf"\d{{4}}([-/ ]){_MONTH}\1\d{{1,2}}", ("%Y{0}%b{0}%d",)),
        (rf"{_MONTH} \d{{1,2}}(,? )\d{{4}}", ("%b %d{0}%Y",)),
        (rf"{_MONTH}([-/ ])\d{{4}}", ("%b{0}%Y",)),
    )
)
_WEEKDAY_FIRST = re.compile(rf"({_WEEKDAY})(,? )", re.IGNORECASE)
_LONG_MONTH = re.compile("january|february|march|april|june|july|august|september|october|november|december", re.I)
_TIME = re.compile(
    r"(?P<between>, |[T :]|)"
    r"(?:(?P<colons>\d{1,2}:\d{2}(?P<seconds>:\d{2}(?:[.,]\d+)?)?)|(?P<digits>\d{4})(?P<more>\d{2}(?:[.,]\d+)?)?)"
    rf"(?:(?P<before_half> ?)[ap]\.?m\.?)?(?P<zone>{_ZONE.replace('?P<z>', '?:')})",
    re.IGNORECASE | re.ASCII,
)


def _formats_of(text: str) -> tuple[str, ...]:
    """The formats that one text may have: NUMBER, ISO, strptime formats without fractions and offsets, or none.

    >>> _formats_of("3/4/2020 8:00 PM")
    ('%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p')
    """
    for pattern, form in ((_NUMBER_TEXT, NUMBER), (_ISO_TEXT, ISO), (_CLOCK, "%H:%M:%S"), (_HOURS, "%H:%M")):
        if re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII):
            return (form,)
    before, rest = "", text
    if day := _WEEKDAY_FIRST.match(text):
        before, rest = ("%a" if len(day[1]) == 3 else "%A") + day[2], text[day.end() :]
    matches = ((form.match(rest), formats) for form, formats in _DATES)
    date, formats = next((match for match in matches if match[0]), (None, ("",)))
    after = rest[date.end() :] if date else rest
    clock = ""
    if after:
        time = _TIME.fullmatch(after)
        if time is None or bool(time["between"]) != bool(date):
            return ()
        seconds = time["seconds"] or time["more"]
        half = time["before_half"] is not None
        if date is None and (before or time["digits"] or time["zone"]):
            return ()
        clock = time["between"] + ("%I" if half else "%H")
        clock += ("%M%S" if seconds else "%M") if time["digits"] else (":%M:%S" if seconds else ":%M")
        clock += time["before_half"] + "%p" if half else ""
    elif date is None:
        return ()
    separators = date.groups() if date else ()
    made = tuple(before + form.format(*separators) + clock for form in formats)
    return tuple(form.replace("%b", "%B") for form in made) if date and _LONG_MONTH.search(date[0]) else made


def _pattern(form: str, loose: bool = False) -> str | None:
    """The regular expression of a strptime format; None where it has directives that only strptime knows.

    A fraction may be left out. Digits that follow each other without a mark between have their full number.
    `loose` allows what `_formats_of` leaves open: a fraction and an offset.
    """
    tokens = _tokens(form)
    parts = []
    for n, token in enumerate(tokens):
        name = token[1:2] if token.startswith("%") and len(token) > 1 else ""
        if name in _WIDTH:
            beside = [*tokens[max(n - 1, 0) : n], *tokens[n + 1 : n + 2]]
            exact = name in "Yy" or any(other[0] == "%" and other[1:2] in _WIDTH for other in beside)
            parts.append(rf"(?P<{name}>\d{{{'' if exact else '1,'}{_WIDTH[name]}}})")
            if len(token) > 2 or (loose and name == "S"):
                parts.append(f"(?:[.,]{_FRACTION})?")
        elif name in _WORDS:
            parts.append(_WORDS[name])
        elif name or token == "%":
            return None
        else:
            parts.append(r"\s+" if token.isspace() else re.escape(token))
    return "".join(parts) + (_ZONE if loose and "%M" in form else "")


def _loose_pattern(form: str) -> str:
    known = {NUMBER: _NUMBER_TEXT, ISO: _ISO_TEXT, "%H:%M:%S": _CLOCK, "%H:%M": _HOURS}
    return known.get(form) or _pattern(form, loose=True) or ""


def _tokens(form: str) -> list[str]:
    return re.findall(r"%S[.,]%f|%.|%|\s+|[^%\s]", form, re.DOTALL)


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


def _check_format(given: str) -> None:
    """Raise DataError where no text could be read by the format, or only by a guess at its meaning."""
    names = [name for name in re.findall("%(.)", given, re.DOTALL) if name != "%"]
    fault = ""
    if given == ISO:
        return
    if _pattern(given) is None:
        try:
            datetime.datetime.strptime(datetime.datetime(2020, 1, 31, 8).strftime(given), given)
        except ValueError as error:
            fault = str(error).split(",")[0]
    elif len(set(parts := "".join(_SAME_PART.get(name, name) for name in names))) < len(parts):
        fault = "it gives a part of the time twice"
    elif not set(names) & {*_DATE_FIELDS, "B", "H", "I"}:
        fault = "it names no year, month, day or hour"
    if not fault and ("I" in names) != ("p" in names):
        fault = "%I needs %p and %p needs %I"
    if fault:
        raise DataError(
            got=f"--time-format {given!r} ({fault})",
            wanted='"ISO8601" or a strptime format',
            do='pass one such as --time-format "%d.%m.%Y %H:%M"',
        )


def _what(form: str) -> str:
    is_date = form == ISO or any(token[1:2] in {*_DATE_FIELDS, "B"} for token in _tokens(form) if token[0] == "%")
    return "dates" if is_date else "times of day"


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

    exists = _as_mask(pc.is_valid(found))
    kind = "date" if groups & _DATE_FIELDS else "time of day"

    year = number("Y", 1900)
    if "y" in groups:
        year = number("y", 0)
        year = year + np.where(year < 69, 2000, 1900)  # strptime's pivot
    month = number("m", 1)
    if "b" in groups:
        names = pc.utf8_lower(pc.utf8_slice_codeunits(text("b"), 0, 3))
        places = pc.index_in(names, value_set=pa.array(_MONTHS, type=names.type))
        month = pc.fill_null(places, 0).to_numpy().astype(np.int64) + 1
    first = (year - 1970) * 12 + month - 1
    day = number("d", 1)
    begins, ends = _first_days(first), _first_days(first + 1)
    if "j" in groups:
        day, ends = number("j", 1), _first_days(first + 12)
    exists &= (month >= 1) & (month <= 12) & (day >= 1)
    possible = exists & (day <= 31)
    exists = exists & (year > 0) & (begins + day <= ends)
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
    exists &= (minute < 60) & (second < 60)
    if kind == "date":
        exists &= within <= _DAY  # 24:00 is the next day's 0:00
    elif clock:
        exists &= within < _DAY
    elif (within >= _DAY).any() or ("D" in groups and pc.any(pc.not_equal(text("D"), "")).as_py()):
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
    return _Parsed(possible, exists, days, within, aware, has_fractions, kind)


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


# Steps in words


def _day_in_words(parsed: _Parsed, n: int) -> str:
    return str(np.datetime64(int(parsed.days[n]), "D")) if parsed.exists[n] else "no date"


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
    units = (("day", _DAY), ("h", _HOUR), ("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("µs", 10**3), ("ns", 1))
    for name, size in units:
        if nanoseconds and nanoseconds % size == 0 and nanoseconds < 10_000 * size:
            return _counted(nanoseconds // size, name) if name == "day" else f"{nanoseconds // size} {name}"
    name, size = next((unit for unit in units if nanoseconds >= unit[1]), units[3])
    return f"{nanoseconds / size:.4g} {name}" + ("s" if name == "day" else "")
