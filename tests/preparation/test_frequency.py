"""The regular step of times: found, counted along and told."""

import numpy as np
import pandas as pd
import pytest

from tidegate.errors import DataError
from tidegate.preparation.frequency import find_frequency


def ns(times):
    return pd.DatetimeIndex(times).as_unit("ns").asi8


@pytest.mark.parametrize(
    ("step", "name", "seasons"),
    [
        ("15min", "15 minutes", (96, 672)),
        ("h", "hour", (24, 168)),
        ("D", "day", (7, 365)),
        ("B", "weekday", (5, 261)),
        ("W-WED", "week", (52,)),
        ("MS", "month", (12,)),
        ("ME", "month", (12,)),
        ("QS", "quarter", (4,)),
        ("YS", "year", ()),
        ("36h", "36 hours", (244,)),
    ],
)
def test_steps_are_found_and_go_on_as_pandas_does(step, name, seasons):
    times = pd.date_range("1999-12-29 00:00", periods=150, freq=step)
    frequency = find_frequency([ns(times[:100])], dates=True, what="t")
    assert (frequency.name, frequency.seasons) == (name, seasons)
    numbers = frequency.steps(ns(times[:100]))
    assert np.diff(numbers).tolist() == [1] * 99
    np.testing.assert_array_equal(frequency.dates(numbers[-1] + 1 + np.arange(50)), times[100:].to_numpy())


def test_gaps_are_steps_that_are_not_there():
    times = ns(pd.date_range("2020-01-01", periods=20, freq="MS"))
    frequency = find_frequency([np.delete(times, [3, 4, 9])], dates=True, what="t")
    assert np.diff(frequency.steps(np.delete(times, [3, 4, 9]))).max() == 3


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([*pd.date_range("2020-01-01", periods=20), *pd.date_range("2020-02-01", periods=9, freq="7D")], "two freq"),
        ([*pd.date_range("2020-01-01", periods=9, freq="7D"), *pd.date_range("2021-01-01", periods=20)], "two freq"),
        (
            [*pd.date_range("2020-01-01", periods=9, freq="MS"), *pd.date_range("2021-01-01", periods=9, freq="QS")],
            "two",
        ),
        (pd.to_datetime(["2020-01-01 00:00", "2020-01-01 01:00", "2020-01-01 02:07"]), "steps of 1 hour and of 67 min"),
        (pd.to_datetime(["2020-01-01"]), "one time a series"),
    ],
)
def test_times_without_one_step_are_refused(times, says):
    with pytest.raises(DataError, match=says):
        find_frequency([ns(times)], dates=True, what="t")


def test_series_on_grids_of_their_own_are_refused():
    hours = ns(pd.date_range("2020-01-01", periods=20, freq="h"))
    with pytest.raises(DataError, match="beside each other"):
        find_frequency([hours, hours + 60 * 10**9], dates=True, what="t")
