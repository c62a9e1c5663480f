"""Tables as series: what is understood, and what is refused in a sentence."""

import numpy as np
import pandas as pd
import pytest

from tidegate.errors import DataError
from tidegate.preparation.reading import Reading
from tidegate.preparation.series import read_panel

DAYS = pd.date_range("2020-01-01", periods=30)


def table(**columns):
    return pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "y": np.arange(30.0), **columns})


def saved(tmp_path, frame, name="a.csv"):
    frame.to_csv(tmp_path / name, index=False)
    return tmp_path / name


def test_a_file_and_a_dataframe_are_read_alike(tmp_path):
    of_file = read_panel(saved(tmp_path, table())).train
    of_frame = read_panel(table()).train
    of_series = read_panel(pd.Series(np.arange(30.0), index=DAYS, name="y")).train
    for panel in (of_file, of_frame, of_series):
        assert (panel.target, panel.frequency.name, len(panel.y[0])) == ("y", "day", 30)
        np.testing.assert_array_equal(panel.times(0, np.arange(30)), DAYS.to_numpy())


def test_columns_are_static_known_in_the_past_or_ahead(tmp_path):
    parts = [
        table(shop=s, place=p, price=np.arange(30) % 4, rain=np.arange(30) / 7) for s, p in (("A", "N"), ("B", "S"))
    ]
    frame = pd.concat(parts)
    frame.loc[frame["date"] > "2020-01-25", "y"] = np.nan
    panel = read_panel(saved(tmp_path, frame), Reading(id="shop", future="price")).train
    assert (panel.static_names, panel.past_names, panel.future_names) == (("place",), ("rain",), ("price",))
    assert panel.lengths.tolist() == [25, 25]
    assert [len(one) for one in panel.future] == [30, 30]
    assert panel.ids.tolist() == ["A", "B"]


def test_a_series_in_each_column(tmp_path):
    frame = pd.DataFrame({"date": DAYS, "a": np.arange(30.0), "b": 2 * np.arange(30.0)})
    read = read_panel(saved(tmp_path, frame), Reading(target="a,b"))
    assert read.train.ids.tolist() == ["a", "b"]
    assert read.train.y[1].tolist() == frame["b"].tolist()


def test_gaps_are_told_and_missing(tmp_path):
    read = read_panel(saved(tmp_path, table().drop(index=[4, 5])))
    assert np.flatnonzero(np.isnan(read.train.y[0])).tolist() == [4, 5]
    assert any("2 of 30 steps are missing" in note for note in read.notes)


def test_years_months_and_days_in_columns_make_dates(tmp_path):
    frame = pd.DataFrame({"No": np.arange(30), "year": DAYS.year, "month": DAYS.month, "day": DAYS.day, "y": 1.5})
    read = read_panel(saved(tmp_path, frame))
    np.testing.assert_array_equal(read.train.times(0, np.arange(30)), DAYS.to_numpy())
    assert read.train.past_names == ()


def test_the_m4_files_belong_together(tmp_path):
    (tmp_path / "Weekly-train.csv").write_text("V1,V2,V3,V4\nW1,1,2,3\nW2,4,5,\n")
    (tmp_path / "Weekly-test.csv").write_text("V1,V2,V3\nW2,6,7\nW1,4,5\n")
    read = read_panel(tmp_path / "Weekly-train.csv")
    assert [one.tolist() for one in read.test] == [[4, 5], [6, 7]]
    assert (read.horizon, read.train.seasons) == (2, (52,))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: pd.concat([frame, frame.tail(1)]), "twice"),
        (lambda frame: frame.iloc[::-1], "go backwards"),
        (lambda frame: frame.assign(y="a"), "'a' in row 2, column 'y'"),
        (lambda frame: frame.assign(y=np.nan), "no value of the target"),
        (lambda frame: frame.rename(columns={"y": "a"}).assign(b=1.0), "2 columns of numbers"),
        (lambda frame: frame.assign(y=[np.inf, *[1.0] * 29]), "infinity in 'y'"),
        (lambda frame: frame.iloc[:0], "without rows"),
        (lambda frame: frame.iloc[[0, 1, 2, 4, 6, 8, 10]], "two frequencies"),
    ],
    ids=["twice", "backwards", "text", "empty", "two targets", "infinite", "no rows", "two frequencies"],
)
def test_what_is_no_series_is_refused(tmp_path, change, says):
    with pytest.raises(DataError, match=says):
        read_panel(saved(tmp_path, change(table())))


@pytest.mark.parametrize("option", ["id", "time", "target", "future", "channels"])
def test_an_unknown_column_is_refused_by_its_option(tmp_path, option):
    with pytest.raises(DataError, match=f"--{option}"):
        read_panel(saved(tmp_path, table()), Reading(**{option: "nothing"}))
