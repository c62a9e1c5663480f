"""The steps of sequences: told in words, and dates that the order of the file belies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tidegate.errors import DataError
from tidegate.preparation import Reading, read_source
from tidegate.preparation.steps import step_of

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE


# One sequence


def dates(start: str, periods: int, freq: str) -> np.ndarray:
    return pd.date_range(start, periods=periods, freq=freq).as_unit("ns").asi8


@pytest.mark.parametrize(
    ("values", "kind", "words", "regular"),
    [
        (np.arange(5) * HOUR, "time of day", "1 h", True),
        (np.array([0, 15, 30, 60]) * MINUTE, "date", "15 min", False),
        (np.array([0, 90]) * MINUTE, "duration", "90 min", True),
        (np.arange(3) * 5 * 10**6, "duration", "5 ms", True),
        (np.array([0, 1_234_567_891]), "duration", "1.235 s", True),
        (dates("2020-01-01", 9, "D"), "date", "1 day", True),
        (dates("2020-01-01", 30, "B"), "date", "1 day", False),
        (dates("2020-01-01", 9, "7D"), "date", "7 days", True),
        (dates("2020-01-01", 9, "MS"), "date", "1 month", True),
        (dates("2020-01-01", 9, "MS")[::-1], "date", "1 month", True),
        (dates("2020-01-01", 9, "MS")[[0, 1, 2, 5]], "date", "1 month", False),
        (dates("2020-01-31", 9, "ME"), "date", "1 month", True),
        (dates("2020-01-15", 2, "31D"), "date", "1 month", True),
        (dates("2020-01-01", 9, "QS"), "date", "3 months", True),
        (dates("2020-01-01", 9, "YS"), "date", "1 year", True),
        (np.array([1, 2, 3]), "number", "1", True),
        (np.array([1, 2, 3, 7]), "number", "1", False),
        (np.array([-(2**63), 2**63 - 1]), "number", "18446744073709551615", True),
        (np.arange(9) * 0.02, "number", "0.02", True),
        (1.6e9 + np.arange(99) * 0.02, "number", "0.02", True),
        (np.array([0.0, 0.5, 1.0, 3.0]), "number", "0.5", False),
        (np.array([7]), "number", "no step", True),
    ],
)
def test_the_usual_step_is_told_in_words(values, kind, words, regular):
    assert step_of(values, kind) == (words, regular)


def test_the_step_of_microseconds_is_told_in_their_unit():
    assert step_of(np.array([0, 3_600_000_000]), "date", "us") == ("1 h", True)


# The order in the file


@pytest.fixture
def rows_in_order(tmp_path):
    """The rows of a CSV file of times, and of ids where given, in the order in which they are read."""

    def read(times, time_format=None, ids=None):
        path = tmp_path / "recordings.csv"
        frame = pd.DataFrame({"time": times, "x": np.arange(len(times)) % 3, "y": np.arange(len(times)) % 2})
        (frame if ids is None else frame.assign(id=ids)).to_csv(path, index=False)
        return read_source(path, "regression", Reading(time_format=time_format)).dataset.train.rows.tolist()

    return read


@pytest.mark.parametrize(
    ("times", "time_format", "row", "remedy"),
    [
        (["30 Dec", "31 Dec", "1 Jan"], "%d %b", 4, "add the year to each date"),
        (["12-30", "01-01", "12-30"], "%m-%d", 3, "add the year to each date"),
        (["30.", "1."], "%d.", 3, "add the month and year to each date"),
        (["2020-01-31 11:00", "2020-01-31 12:00", "2020-01-31 01:00"], None, 4, "add AM or PM"),
        (
            ["1/31/2020 12:30", "1/31/2020 1:30", "1/31/2020 11:30", "1/31/2020 12:30", "1/31/2020 1:30"],
            "%m/%d/%Y %H:%M",
            3,
            "add AM or PM",
        ),
        (["2020-10-25 01:55", "2020-10-25 02:30", "2020-10-25 02:05", "2020-10-25 03:00"], None, 4, "UTC"),
        (["2020-11-01 01:00", "2020-11-01 01:30", "2020-11-01 01:00", "2020-11-01 01:30"], None, 4, "UTC"),
    ],
)
def test_dates_that_go_back_for_want_of_a_part_are_refused_with_the_part(
    rows_in_order, times, time_format, row, remedy
):
    with pytest.raises(DataError, match=f"earlier than the row before, in .*row {row}, column 'time'.*{remedy}"):
        rows_in_order(times, time_format)


@pytest.mark.parametrize(
    ("times", "time_format"),
    [
        (["2020-01-31 11:00", "2020-01-31 13:00", "2020-01-31 01:00"], None),
        (["2020-01-31 11:00", "2020-01-31 12:00", "2020-01-31 09:00"], None),
        (["2020-01-31 11:00 AM", "2020-01-31 12:00 PM", "2020-01-31 01:00 AM"], None),
        (["2020-01-31 11:00Z", "2020-01-31 12:00Z", "2020-01-31 01:00Z"], None),
        (["2020-10-25 02:30Z", "2020-10-25 02:45Z", "2020-10-25 02:05Z"], None),
        (["2020-10-26 02:30", "2020-10-26 02:45", "2020-10-26 02:05"], None),
        (["2020-10-25 04:30", "2020-10-25 04:45", "2020-10-25 04:05"], None),
        (["2020-10-25 02:40", "2020-10-25 02:20", "2020-10-25 02:10"], None),
        (["2020-10-26", "2020-10-25", "2020-10-24"], None),
    ],
)
def test_rows_that_are_only_unsorted_are_sorted(rows_in_order, times, time_format):
    moments = pd.to_datetime(pd.Series(times)).to_numpy()
    assert rows_in_order(times, time_format) == (np.argsort(moments) + 2).tolist()


def test_each_sequence_may_begin_anew(rows_in_order):
    assert rows_in_order(["30 Dec", "31 Dec", "1 Jan", "2 Jan"], "%d %b", list("aabb")) == [2, 3, 4, 5]
