"""The column that orders steps: read as what it says, or refused with the cell that does not say it."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import DataError
from tidegate.preparation.time import Times, read_times

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def place(row: int) -> str:
    return f"recordings.csv, row {row + 2}"


def read(cells: object, time_format: str | None = None) -> Times:
    column = cells.rename("when") if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object, name="when")
    return read_times(column, place, time_format)


def refusal(cells: object, time_format: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(cells, time_format)
    return str(caught.value)


def outcome(cells: object) -> Times | DataError:
    try:
        return read(cells)
    except DataError as error:
        return error


def ns(*moments: str) -> list[int]:
    return np.array(moments, dtype="datetime64[ns]").astype(np.int64).tolist()


# What every reading keeps

UNAMBIGUOUS = (
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%dT%H:%M:%S.%f+0000",
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y.%m.%d, %H:%M:%S.%f",
    "%Y%m%dT%H%M%S.%f",
    "%d %b %Y %H:%M:%S.%f",
    "%d-%B-%Y %I:%M:%S.%f %p",
    "%b %d, %Y %H:%M:%S.%f",
    "%A, %d %B %Y %H:%M:%S.%f",
)
# strftime writes years before 1000 without their zeros on some systems.
moments = st.datetimes(min_value=datetime.datetime(1000, 1, 1))


@settings(deadline=None)
@given(st.lists(moments, min_size=1), st.sampled_from(UNAMBIGUOUS))
def test_datetimes_written_in_an_unambiguous_format_come_back(written, time_format):
    times = read([moment.strftime(time_format) for moment in written])
    assert times.kind == "date"
    scale = {"ns": 1000, "us": 1}[times.unit]
    epoch = datetime.datetime(1970, 1, 1)
    assert times.values.tolist() == [(m - epoch) // datetime.timedelta(microseconds=1) * scale for m in written]


@settings(deadline=None)
@given(
    st.lists(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2060, 1, 1)), min_size=1),
    st.sampled_from(["%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d-%m-%y %H:%M:%S", "%m/%d/%y %H:%M:%S"]),
)
def test_a_column_whose_day_and_month_could_change_places_is_read_right_or_refused(written, time_format):
    written = [moment.replace(microsecond=0) for moment in written]
    texts = [moment.strftime(time_format) for moment in written]
    expected = ns(*(moment.isoformat() for moment in written))
    found = outcome(texts)
    if isinstance(found, DataError):
        assert "--time-format" in str(found)
        found = read(texts, time_format)
    assert found.values.tolist() == expected


@settings(deadline=None)
@given(st.lists(st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)), min_size=1), st.randoms())
def test_shuffled_rows_keep_their_own_times(written, random):
    order = list(range(len(written)))
    random.shuffle(order)
    texts = [moment.isoformat(" ") for moment in written]
    values = read(texts).values
    assert read([texts[n] for n in order]).values.tolist() == values[order].tolist()


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1))
def test_whole_numbers_of_any_size_are_exact(numbers):
    numbers.append(0)  # or all could look like UNIX times in several units
    assert read([str(number) for number in numbers]).values.tolist() == numbers
    assert read(pd.Series(numbers, dtype="int64")).values.tolist() == numbers


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_decimal_numbers_are_the_nearest_floats(numbers):
    numbers.append(0.0)  # or all could look like UNIX times in several units
    values = read([repr(number) for number in numbers]).values
    assert values.tolist() == numbers
    assert values.dtype in (np.int64, np.float64)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_is_read_or_refused_with_a_data_error(texts):
    found = outcome(texts)
    if isinstance(found, DataError):
        assert "column 'when'" in str(found)
    else:
        assert len(found.values) == len(texts)


@settings(deadline=None)
@given(st.lists(moments, min_size=1))
def test_the_format_that_was_found_reads_the_same_when_given(written):
    for time_format in ("%Y-%m-%d %H:%M:%S", "%d %b %Y %I:%M %p", "%Y%m%dT%H%M%S.%fZ", "%Y.%m.%d, %H:%M:%S +0100"):
        texts = [moment.strftime(time_format) for moment in written]
        found = read(texts)
        again = read(texts, found.format)
        assert (again.values.tolist(), again.unit) == (found.values.tolist(), found.unit)


# Numbers


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "02", "10"], [1, 2, 10]),
        ([" 3 ", "+4"], [3, 4]),
        (["1.0", "2e3"], [1, 2000]),
        (["0.5", "1"], [0.5, 1.0]),
        (["9007199254740993", "9007199254740992"], [9007199254740993, 9007199254740992]),
        (["20200131", "20200201"], [20200131, 20200201]),
        ([1, "2", 3.5], [1.0, 2.0, 3.5]),
        ([Decimal("1.5"), Decimal("2")], [1.5, 2.0]),
        ([2**60 + 1, 2**60], [2**60 + 1, 2**60]),
        (pd.Series([3, 1], dtype="uint64"), [3, 1]),
        (pd.Series([3, 1], dtype="Int64"), [3, 1]),
        (pd.Series([0.5, 1.0], dtype="float32"), [0.5, 1.0]),
        (pd.Series([2.0, 1.0]), [2, 1]),
        (pd.Series(["10", "9"], dtype="category"), [10, 9]),
        (pd.Series([10, 9], dtype="category"), [10, 9]),
        (pd.Series(["10", "9"], dtype="string"), [10, 9]),
        (pd.Series(pd.array([10, 9], dtype=pd.ArrowDtype(pa.int16()))), [10, 9]),
        ([], []),
    ],
)
def test_numbers_are_read_as_numbers(cells, values):
    times = read(cells)
    assert (times.kind, times.format, times.unit) == ("number", None, None)
    assert times.values.tolist() == values
    assert times.values.dtype == (np.float64 if any(isinstance(value, float) for value in values) else np.int64)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (pd.Series([1.0, math.inf]), "got inf in recordings.csv, row 3, column 'when'"),
        (pd.Series([1.0, math.nan]), "got an empty cell in recordings.csv, row 3, column 'when'"),
        (pd.Series([1, None], dtype="Int64"), "got an empty cell in recordings.csv, row 3"),
        (pd.Series([1, 2**64 - 1], dtype="uint64"), "got 18446744073709551615 in recordings.csv, row 3"),
        (["1", str(2**63)], "got '9223372036854775808' in recordings.csv, row 3"),
        (["1", "1e999"], "got '1e999' in recordings.csv, row 3"),
        (["1", "nan"], "got 'nan' in recordings.csv, row 3"),
        (["1", "-inf"], "got '-inf' in recordings.csv, row 3"),
        (["1580457600.123456789", "1580457600.123456788"], "cannot tell from '1580457600.123456789'"),
        (["1", "2", "  "], "got an empty cell in recordings.csv, row 4"),
        (["1", None], "got an empty cell in recordings.csv, row 3"),
        (pd.Series([True, False]), "got True in recordings.csv, row 2"),
        (pd.Series([1j, 2j]), "got the column 'when' of type complex128"),
        ([True, False], "got True in recordings.csv, row 2"),
        (["1,5", "2,5"], "got '1,5' in recordings.csv, row 2"),
    ],
)
def test_what_is_no_finite_number_is_refused_by_its_place(cells, words):
    assert words in refusal(cells)


@pytest.mark.parametrize(
    ("cells", "time_format"),
    [
        (["12.2019", "01.2020"], "%m.%Y"),
        (["31.01", "01.02"], "%d.%m"),
        (["31012020", "01022020"], "%d%m%Y"),
        (["01312020", "02012020"], "%m%d%Y"),
    ],
)
def test_dates_that_would_be_numbers_in_another_order_are_refused_until_a_format_is_given(cells, time_format):
    assert f'pass --time-format "{time_format}"' in refusal(cells)
    assert (np.diff(read(cells, time_format).values) > 0).all()


@pytest.mark.parametrize("cells", [["0.01", "0.10"], ["10.05", "11.10"], ["01", "02"], ["10000", "20000"]])
def test_numbers_that_no_one_takes_for_dates_are_numbers(cells):
    assert read(cells).values.tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "one", "two", "remedy"),
    [
        (["2024.9", "2024.10", "2024.11"], "'2024.9' in recordings.csv, row 2", "'2024.10' in", '"%Y.%m"'),
        (["2023.12", "2024.12", "2024.2"], "'2024.2' in recordings.csv, row 4", "'2024.12' in", '"%Y.%m"'),
        (["1.8", "1.9", "1.10"], "'1.9' in recordings.csv, row 3", "'1.10' in", "number the steps"),
    ],
)
def test_numbers_that_count_on_behind_the_point_are_refused_with_both_cells(cells, one, two, remedy):
    message = refusal(cells)
    for words in (one, two, remedy):
        assert words in message


@pytest.mark.parametrize(
    "cells",
    [
        ["2024.1", "2024.25"],
        ["2024.08", "2024.1"],
        ["2023.12", "2024.1"],
        ["2024.10", "2024.11"],
        ["2024.1", "2024.2"],
        ["1.0", "1.25"],
        ["1.05", "1.1", "1.10001"],
        ["1.9", "2.10"],
    ],
)
def test_decimal_numbers_of_unequal_length_are_numbers(cells):
    assert read(cells).values.tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "time_format", "shown"), [([2024.1], "%Y.%m", "2024.1"), ([9.15, 8.3], "%H.%M", "8.3")]
)
def test_a_number_that_may_have_lost_its_zero_is_refused_for_a_given_format(cells, time_format, shown):
    for column in (pd.Series(cells), pd.Series([Decimal(str(cell)) for cell in cells])):
        message = refusal(column, time_format)
        assert f"got the number {shown} in recordings.csv, row {len(cells) + 1}" in message
        assert "as text" in message


@pytest.mark.parametrize("kind", [str, int, float])
def test_unix_times_in_two_units_are_refused_with_both_cells(kind):
    message = refusal(pd.Series([kind(1_706_700_000), kind(1_706_700_001), kind(1_706_700_002_000)]))
    assert "got 1706700002000" in message
    assert "row 4, column 'when', milliseconds since 1970 beside 1706700000" in message
    assert "row 2, column 'when', seconds" in message


@pytest.mark.parametrize(
    "cells", [[1_706_700_000, 1_706_700_001], [1_706_700_000_000, 1_706_700_000_500], [0, 1_706_700_000_000, 2**31]]
)
def test_numbers_in_one_unit_are_numbers(cells):
    assert read(pd.Series(cells)).values.tolist() == cells


# Dates


@pytest.mark.parametrize(
    ("cells", "found", "expected"),
    [
        (["2020-01-31", "2020-02-01 08:00"], "ISO 8601", ["2020-01-31", "2020-02-01T08:00"]),
        (["2020-01", "2020-02"], "ISO 8601", ["2020-01", "2020-02"]),
        (
            ["2020-01-31T08:00:00.5", "2020-01-31T08:00:00.123456789"],
            "ISO 8601",
            ["2020-01-31T08:00:00.5", "2020-01-31T08:00:00.123456789"],
        ),
        (["2020-01-31T08:00:00,25"], "ISO 8601", ["2020-01-31T08:00:00.25"]),
        (["2020-01-31 08:00:00 UTC"], "ISO 8601", ["2020-01-31T08:00"]),
        (["2020-01-31T08+01", "2020-01-31 08:00-0530"], "ISO 8601", ["2020-01-31T07:00", "2020-01-31T13:30"]),
        (["2020-1-5", "2020-10-10"], "ISO 8601", ["2020-01-05", "2020-10-10"]),
        (["2020-01-31 24:00"], "ISO 8601", ["2020-02-01"]),
        (["2020/01/31", "2020/2/1"], "%Y/%m/%d", ["2020-01-31", "2020-02-01"]),
        (["2020.01.31"], "%Y.%m.%d", ["2020-01-31"]),
        (["2020/01"], "%Y/%m", ["2020-01"]),
        (["1.2.2020", "31.01.2020"], "%d.%m.%Y", ["2020-02-01", "2020-01-31"]),
        (["1-2-2020 8:05", "31-01-2020 10:00"], "%d-%m-%Y %H:%M", ["2020-02-01T08:05", "2020-01-31T10:00"]),
        (["1/2/2020", "1/31/2020"], "%m/%d/%Y", ["2020-01-02", "2020-01-31"]),
        (["1/31/2020 12:30 AM", "1/31/2020 8:00 pm"], "%m/%d/%Y %I:%M %p", ["2020-01-31T00:30", "2020-01-31T20:00"]),
        (["1/31/2020, 8:00:00\u202fPM"], "%m/%d/%Y, %I:%M:%S %p", ["2020-01-31T20:00"]),
        (["2024-W09", "2024-w10"], "%G-W%V", ["2024-02-26", "2024-03-04"]),
        (["2020W537", "2021W011"], "%GW%V%u", ["2021-01-03", "2021-01-04"]),
        (["2024-W09-3T08:00"], "%G-W%V-%uT%H:%M", ["2024-02-28T08:00"]),
        (["31/01/2020T08:00:00.25"], "%d/%m/%YT%H:%M:%S.%f", ["2020-01-31T08:00:00.25"]),
        (
            ["31.1.2020 8:00:00", "31.1.2020 8:00:00.5"],
            "%d.%m.%Y %H:%M:%S.%f",
            ["2020-01-31T08:00:00", "2020-01-31T08:00:00.5"],
        ),
        (["31.01.2020 08:00 +02:00"], "%d.%m.%Y %H:%M %z", ["2020-01-31T06:00"]),
        (["31.01.99"], "%d.%m.%y", ["1999-01-31"]),
        (["1/31/20", "2/1/20"], "%m/%d/%y", ["2020-01-31", "2020-02-01"]),
        (["68-01-31", "69-01-31"], "%y-%m-%d", ["2068-01-31", "1969-01-31"]),
        (["1/1/2020", "2/2/2020"], "%d/%m/%Y", ["2020-01-01", "2020-02-02"]),
        (["02/2020"], "%m/%Y", ["2020-02"]),
        (["31 Jan 2020", "1 feb 2020"], "%d %b %Y", ["2020-01-31", "2020-02-01"]),
        (["Jan 31, 2020"], "%b %d, %Y", ["2020-01-31"]),
        (["January 31 2020", "May 1 2020"], "%B %d %Y", ["2020-01-31", "2020-05-01"]),
        (["31-Jan-2020 10:00"], "%d-%b-%Y %H:%M", ["2020-01-31T10:00"]),
        (["31-Jan-20"], "%d-%b-%y", ["2020-01-31"]),
        (["31JAN2020:08:00:00"], "%d%b%Y:%H:%M:%S", ["2020-01-31T08:00"]),
        (["Fri, 31 Jan 2020 10:00:00 GMT"], "%a, %d %b %Y %H:%M:%S %Z", ["2020-01-31T10:00"]),
        (["20200131T080000", "20200131T080001"], "%Y%m%dT%H%M%S", ["2020-01-31T08:00:00", "2020-01-31T08:00:01"]),
    ],
)
def test_text_is_read_as_dates_in_the_one_format_that_fits(cells, found, expected):
    times = read(cells)
    assert (times.kind, times.unit, times.format) == ("date", "ns", found)
    assert times.describe() == f"dates ({found})"
    assert times.values.tolist() == ns(*expected)


@pytest.mark.parametrize(
    ("cells", "readings"),
    [
        (["1/1/2020", "3/4/2020"], ["2020-04-03 (%d/%m/%Y)", "2020-03-04 (%m/%d/%Y)"]),
        (["1.1.2020 8:00", "3.4.2020 8:00"], ["2020-04-03 (%d.%m.%Y %H:%M)", "2020-03-04 (%m.%d.%Y %H:%M)"]),
        (["01.01.01", "31.01.20"], ["2020-01-31 (%d.%m.%y)", "2031-01-20 (%y.%m.%d)"]),
        (["01/01/01", "03/04/05"], ["2005-04-03 (%d/%m/%y)", "2005-03-04 (%m/%d/%y)", "2003-04-05 (%y/%m/%d)"]),
        (["01.01.01", "31.06.20"], ["no date (%d.%m.%y)", "2031-06-20 (%y.%m.%d)"]),
    ],
)
def test_the_first_cell_that_can_be_read_in_two_ways_is_named_with_its_readings(cells, readings):
    message = refusal(cells)
    assert f"got '{cells[1]}' in recordings.csv, row 3, column 'when', which is " in message
    for reading in readings:
        assert reading in message
        assert f'--time-format "{reading[reading.index("(") + 1 : -1]}"' in message


@pytest.mark.parametrize(
    ("cells", "row", "words"),
    [
        (["1.2.2020", "31.02.2020"], 3, "does not exist (%d.%m.%Y)"),
        (["2020-01-01", "2020-02-30"], 3, "does not exist (ISO 8601)"),
        (["2021-02-29"], 2, "does not exist"),
        (["2020-13-01"], 2, "does not exist"),
        (["0000-01-01"], 2, "does not exist"),
        (["2020-01-01 24:01"], 2, "does not exist"),
        (["2020-01-01 08:60"], 2, "does not exist"),
        (["2020-01-01 08:00+24:00"], 2, "does not exist"),
        (["13/31/2020"], 2, "does not exist"),
        (["1/31/2020 13:00 PM"], 2, "does not exist"),
        (["31.06.31"], 2, "does not exist"),
        (["8:61", "9:00"], 2, "does not exist"),
        (
            ["31/01/2020", "30/01/2020", "01/31/2020"],
            4,
            "fits %m/%d/%Y alone, and '31/01/2020' in recordings.csv, row 2",
        ),
    ],
)
def test_a_date_that_does_not_exist_is_named(cells, row, words):
    message = refusal(cells)
    assert f"got '{cells[row - 2]}' in recordings.csv, row {row}, column 'when', which " in message
    assert words in message


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        (["2020-01-31 08:00Z", "2020-01-31 09:00"], 3),
        (["2020-01-31", "2020-01-31 09:00", "2020-01-31 09:00+01:00"], 4),
        (["31.01.2020 08:00", "31.01.2020 08:00 +01:00"], 3),
        ([datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)], 3),
    ],
)
def test_the_first_cell_that_differs_in_having_a_utc_offset_is_named(cells, row):
    message = refusal(cells)
    assert f"in recordings.csv, row {row}, column 'when', with" in message
    assert "a UTC offset in every cell or in none" in message


@pytest.mark.parametrize(
    ("cells", "time_format"),
    [
        (["Fri, 31 Jan 2020", "Fri, 1 Feb 2020"], None),
        (["Friday 2020-01-31", "friday 2020-02-01"], "%A %Y-%m-%d"),
        (["2020-01-31 5", "2020-02-01 5"], "%Y-%m-%d %u"),
        (["2020-01-31 5", "2020-02-01 5"], "%Y-%m-%d %w"),
    ],
)
def test_a_weekday_that_is_not_that_of_the_date_is_named(cells, time_format):
    message = refusal(cells, time_format)
    assert f"got '{cells[1]}' in recordings.csv, row 3, column 'when', a date that is a Saturday" in message


def test_the_weekday_of_a_date_without_a_year_is_left_unchecked():
    assert np.diff(read(["Tue 3 Mar", "Wed 4 Mar"], "%a %d %b").values).tolist() == [DAY]


@pytest.mark.parametrize(
    ("cells", "time_format", "lacks", "note"),
    [
        (["28 Feb", "29 Feb"], "%d %b", "year", "dates without their year (%d %b): all are taken as of one year"),
        (["12-30", "12-31"], "%m-%d", "year", "dates without their year"),
        (["30.", "31."], "%d.", "month and year", "dates without their month and year (%d.)"),
        (["2024-W09", "2024-W10"], None, "", "weeks (%G-W%V): each is taken as its Monday"),
        (["2024-02-26"], None, "", ""),
        (["12:30"], None, "", ""),
    ],
)
def test_what_a_format_leaves_open_is_told(cells, time_format, lacks, note):
    times = read(cells, time_format)
    assert times.lacks == lacks
    assert note in times.note
    assert bool(times.note) == bool(note)


@pytest.mark.parametrize(
    ("column", "zoned"),
    [
        (pd.Series(pd.to_datetime(["2020-01-31T01:00+01:00"])), True),
        ([datetime.datetime(2020, 1, 31, tzinfo=datetime.timezone.utc)], True),
        (["2020-01-31 08:00Z"], True),
        (["2020-01-31 08:00"], False),
        (pd.Series(pd.to_datetime(["2020-01-31"])), False),
    ],
)
def test_dates_with_a_utc_offset_are_told_from_local_ones(column, zoned):
    assert read(column).zoned == zoned


def test_one_instant_is_equal_in_every_notation():
    instant = ns("2020-01-31T08:00")
    for cell, time_format in [
        ("2020-01-31T08:00:00Z", None),
        ("2020-01-31T09:00:00+01:00", None),
        ("2020-01-31T02:30-0530", None),
        ("31.01.2020 08:00", None),
        ("1/31/2020 8:00 AM", "%m/%d/%Y %I:%M %p"),
        ("31 January 2020, 08:00", None),
        ("20200131T100000+0200", None),
        (datetime.datetime(2020, 1, 31, 8), None),
        (pd.Timestamp("2020-01-31 17:00", tz="Asia/Tokyo"), None),
        (np.datetime64("2020-01-31T08:00"), None),
    ]:
        assert read([cell], time_format).values.tolist() == instant, cell


@pytest.mark.parametrize(
    "column",
    [
        *(pd.Series(np.array(["2020-01-31", "2020-01-01"], dtype=f"datetime64[{unit}]")) for unit in ("s", "us", "ns")),
        pd.Series(pd.to_datetime(["2020-01-31T01:00+01:00", "2020-01-01T01:00+01:00"])),
        pd.Series(pd.PeriodIndex(["2020-01-31", "2020-01-01"], freq="D")),
        pd.Series([datetime.date(2020, 1, 31), datetime.datetime(2020, 1, 1)], dtype=object),
        pd.Series([pd.Period("2020-01-31", "D"), pd.Timestamp("2020-01-01")], dtype=object),
        pd.Series(["2020-01-31", "2020-01-01"], dtype="category"),
        pd.Series(pd.array([datetime.date(2020, 1, 31), datetime.date(2020, 1, 1)], dtype=pd.ArrowDtype(pa.date32()))),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_of_dates_of_any_type_are_nanoseconds_of_utc(column):
    times = read(column)
    assert (times.kind, times.unit) == ("date", "ns")
    assert times.values.dtype == np.int64
    assert times.values.tolist() == ns("2020-01-31", "2020-01-01")


@pytest.mark.parametrize(
    "cells",
    [
        ["1500-01-01", "2020-01-01"],
        pd.Series(np.array(["1500-01-01", "2020-01-01"], dtype="datetime64[s]")),
        [datetime.date(1500, 1, 1), datetime.date(2020, 1, 1)],
        pd.Series(pd.PeriodIndex(["1500-01-01", "2020-01-01"], freq="D")),
    ],
)
def test_dates_that_nanoseconds_do_not_reach_are_microseconds(cells):
    times = read(cells)
    assert times.unit == "us"
    assert times.values.tolist() == np.array(["1500-01-01", "2020-01-01"], dtype="datetime64[us]").astype(int).tolist()


def test_nanoseconds_beside_a_date_that_they_do_not_reach_are_refused():
    message = refusal(["2020-01-01T00:00:00.123456789", "1500-01-01"])
    assert "got '1500-01-01' in recordings.csv, row 3" in message


# Times of day and durations


@pytest.mark.parametrize(
    ("cells", "kind", "words", "values"),
    [
        (["8:00", "10:00", "9:00"], "time of day", "times of day (%H:%M)", [8 * HOUR, 10 * HOUR, 9 * HOUR]),
        (
            ["8:00:00.5", "8:00:01"],
            "time of day",
            "times of day (%H:%M:%S.%f)",
            [8 * HOUR + 5 * 10**8, 8 * HOUR + 10**9],
        ),
        (["8:00 PM", "12:00 AM"], "time of day", "times of day (%I:%M %p)", [20 * HOUR, 0]),
        ([datetime.time(8), datetime.time(9, 30)], "time of day", "times of day", [8 * HOUR, 9 * HOUR + 30 * MINUTE]),
        (["8:00", "25:10"], "duration", "durations", [8 * HOUR, 25 * HOUR + 10 * MINUTE]),
        (["25:10:00", "100:00:00"], "duration", "durations", [25 * HOUR + 10 * MINUTE, 100 * HOUR]),
        (["1 day 02:00:00", "0 days 00:00:00.5"], "duration", "durations", [26 * HOUR, 5 * 10**8]),
        (["8:00:00", "1 day, 2:00:00"], "duration", "durations", [8 * HOUR, 26 * HOUR]),
        (["-1 days +23:00:00", "2 days"], "duration", "durations", [-HOUR, 2 * DAY]),
        (pd.Series(pd.to_timedelta(["1h", "2h"])), "duration", "durations", [HOUR, 2 * HOUR]),
        ([datetime.timedelta(1), pd.Timedelta(1, "ns")], "duration", "durations", [DAY, 1]),
    ],
)
def test_times_of_day_and_durations_are_nanoseconds(cells, kind, words, values):
    times = read(cells)
    assert (times.kind, times.unit, times.describe()) == (kind, "ns", words)
    assert times.values.tolist() == values


@settings(deadline=None)
@given(st.lists(st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999)), min_size=1))
def test_durations_as_pandas_and_python_write_them_come_back(durations):
    values = [duration // datetime.timedelta(microseconds=1) * 1000 for duration in durations]
    assert read([str(pd.Timedelta(duration)) for duration in durations]).values.tolist() == values
    assert read([str(duration) for duration in durations]).values.tolist() == values


# Text that is neither, and columns that are not of one kind


@pytest.mark.parametrize("cells", [[f"t{n}" for n in range(1, 13)], ["Monday", "Tuesday"], ["Q1", "Q2"], ["Q1", "7"]])
def test_text_that_is_neither_number_nor_date_is_refused_by_its_first_cell(cells):
    message = refusal(cells)
    assert message.startswith(f"got '{cells[0]}' in recordings.csv, row 2, column 'when'; wanted numbers or dates; ")
    assert "--time-format" in message
    assert "number the steps" in message


@pytest.mark.parametrize("dtype", [object, "string", "category"])
@pytest.mark.parametrize(
    ("cells", "row", "among"),
    [
        (["1", "2", "x", "4"], 4, "numbers"),
        (["x", "2", "3"], 2, "numbers"),
        (["2020-01-01", "5", "2020-01-03"], 3, "dates (ISO 8601)"),
        (["5", "2020-01-01", "2020-01-01"], 2, "dates (ISO 8601)"),
        (["2020-01-01", "2020-01-02", "31.12.2019"], 4, "dates (ISO 8601)"),
        (["31.12.2019", "30.12.2019 08:00", "30.12.2019 09:00"], 2, "dates (%d.%m.%Y %H:%M or %m.%d.%Y %H:%M)"),
        (["8:00", "9:00", "10"], 4, "times of day (%H:%M)"),
        (["1", "2", "n/a"], 4, "numbers"),
    ],
)
def test_the_odd_cell_is_named_and_not_the_first(cells, row, among, dtype):
    message = refusal(pd.Series(cells, dtype=dtype))
    assert message.startswith(f"got '{cells[row - 2]}' in recordings.csv, row {row}, column 'when', among {among}; ")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([1, 2.5, "x"], "got 'x' in recordings.csv, row 4, column 'when', among numbers"),
        ([datetime.date(2020, 1, 1), 5, datetime.date(2020, 1, 2)], "got 5 in recordings.csv, row 3"),
        ([pd.Timestamp("2020-01-31"), "13.01.2020", "14.01.2020"], "row 2, column 'when', among text"),
        ([datetime.time(8), datetime.time(9), datetime.date(2020, 1, 1)], "row 4, column 'when', among times of day"),
        ([True, 1, 2], "got True in recordings.csv, row 2, column 'when', among numbers"),
        ([b"1", b"2"], "got b'1' in recordings.csv, row 2"),
    ],
)
def test_the_odd_object_is_named(cells, words):
    assert words in refusal(cells)


# A given format


@pytest.mark.parametrize(
    ("cells", "time_format", "expected"),
    [
        (["3/4/2020", "5/6/2020"], "%d/%m/%Y", ["2020-04-03", "2020-06-05"]),
        (["3/4/2020", "5/6/2020"], "%m/%d/%Y", ["2020-03-04", "2020-05-06"]),
        (pd.Series([20200131, 20200201]), "%Y%m%d", ["2020-01-31", "2020-02-01"]),
        (pd.Series([20200131.0]), "%Y%m%d", ["2020-01-31"]),
        (pd.Series([1022020, 31012020]), "%d%m%Y", ["2020-02-01", "2020-01-31"]),
        ([20200131], "%Y%m%d", ["2020-01-31"]),
        (["2020-01-31", "2020-02-01 08:00"], "ISO8601", ["2020-01-31", "2020-02-01T08:00"]),
        (["20200131"], "ISO8601", ["2020-01-31"]),
        (["2020-W05-1"], "%G-W%V-%u", ["2020-01-27"]),
        (["2020-W05-0", "2020-W05-1"], "%Y-W%W-%w", ["2020-02-09", "2020-02-03"]),
        (["202053"], "%G%V", ["2020-12-28"]),
        (["2020.9", "2020.10"], "%Y.%m", ["2020-09", "2020-10"]),
        (pd.Series([2020.09, 2020.11]), "%Y.%m", ["2020-09", "2020-11"]),
        ([2020.9, 2020.11], "%Y.%m", ["2020-09", "2020-11"]),
        ([Decimal("12.2019"), Decimal("11.2021")], "%m.%Y", ["2019-12", "2021-11"]),
        (["2020 031"], "%Y %j", ["2020-01-31"]),
        (["31/Jan/2020:10:00:00 +0100"], "%d/%b/%Y:%H:%M:%S %z", ["2020-01-31T09:00"]),
        (["68", "69"], "%y", ["2068", "1969"]),
        (["(31. 1. 2020)"], "(%d. %m. %Y)", ["2020-01-31"]),
        (pd.Series(pd.to_datetime(["2020-01-31"])), "%d/%m/%Y", ["2020-01-31"]),
    ],
)
def test_a_given_format_reads_the_column(cells, time_format, expected):
    times = read(cells, time_format)
    assert times.kind == "date"
    assert times.values.tolist() == ns(*expected)


def test_minutes_and_seconds_are_durations_where_they_have_a_fraction_or_a_format_says_so():
    expected = [12 * MINUTE + 30 * 10**9 + 5 * 10**8, 75 * MINUTE + 10**9]
    found = read(["12:30.5", "75:01.0"])
    assert (found.kind, found.format, found.values.tolist()) == ("duration", "%M:%S.%f", expected)
    assert found.note == "the column 'when' is minutes and seconds (%M:%S.%f)"
    assert read(["12:30,5", "75:01,0"]).format == "%M:%S,%f"
    given = read(["12:30.5", "75:01"], found.format)
    assert (given.kind, given.format, given.values.tolist()) == ("duration", "%M:%S.%f", expected)
    assert read(["12:30"], "%M:%S").values.tolist() == [12 * MINUTE + 30 * 10**9]


def test_minutes_and_seconds_beside_hours_are_refused():
    assert "got '1:00:00.5' in recordings.csv, row 4" in refusal(["58:30.5", "59:59.5", "1:00:00.5"])


def test_a_given_format_of_the_clock_makes_times_of_day():
    times = read(["08.30", "9.05"], "%H.%M")
    assert (times.kind, times.values.tolist()) == ("time of day", [8 * HOUR + 30 * MINUTE, 9 * HOUR + 5 * MINUTE])


@pytest.mark.parametrize(
    ("cells", "time_format"),
    [
        (["31/01/2020", "2020-01-31", "x"], "%d/%m/%Y"),
        (["31/01/2020", "01/31/2020"], "%d/%m/%Y"),
        (["28/02/2020", "31/02/2020"], "%d/%m/%Y"),
        (["20200131", "2020111"], "%Y%m%d"),
        (["23:59", "24:00"], "%H:%M"),
        (["2020-01-31", "31.01.2020"], "ISO8601"),
        (["2020-W05-1", "2020-W99-1"], "%G-W%V-%u"),
        (["2020-W05", "2021-W53"], "%G-W%V"),
        (["2020-W05", "2021-W00"], "%G-W%V"),
        (["59:30", "59:60"], "%M:%S"),
        (["2020-01-31 +0100", "2020-01-31"], "%Y-%m-%d %z"),
    ],
)
def test_the_first_cell_that_does_not_fit_a_given_format_is_named(cells, time_format):
    message = refusal(cells, time_format)
    assert f"got '{cells[1]}' in recordings.csv, row 3, column 'when'" in message
    assert "--time-format" in message


@pytest.mark.parametrize(
    "time_format",
    [
        *("%Q", "%", "", "day", "%S", "%b %B %Y", "%Y-%m-%d %j", "%S.%f %f", "%-d.%-m.%Y", "%I:%M", "%H:%M %p"),
        *("%A", "%a %H:%M", "%w", "%u %H:%M", "%Y-%U", "%W", "W%V", "%G", "%G-W%V-%m"),
    ],
)
def test_an_invalid_format_is_refused_with_the_option_that_gave_it(time_format):
    assert f"got --time-format '{time_format}'" in refusal(["1"], time_format)
