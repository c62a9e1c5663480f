"""The page of forecasts is what the rows say, and every method is asked the same."""

import argparse

import numpy as np
import pandas as pd
import pytest

from benchmarks.forecasting import PAGE, ROWS, Set, measured, page, task_of
from benchmarks.rows import read_file


@pytest.fixture
def task(tmp_path):
    days = pd.date_range("2020-01-01", periods=80)
    y = 10 + np.sin(np.arange(80) * 2 * np.pi / 7)
    pd.DataFrame({"date": days, "y": y}).to_csv(tmp_path / "a.csv", index=False)
    return task_of(Set("a", "a.csv", 7, 3), tmp_path)


def test_the_page_is_what_the_rows_say():
    assert PAGE.read_text() == page(read_file(ROWS))


@pytest.mark.parametrize("method", ["lstm", "AutoETS", "AutoTheta"])
def test_a_method_forecasts_from_every_origin(task, method):
    if method != "lstm":
        pytest.importorskip("statsforecast")
    assert task.ends.tolist() == [59, 66, 73] and task.train.lengths.tolist() == [59]
    row = measured(task, method, 0, argparse.Namespace(steps=2, minutes=1))
    assert np.isfinite([row[name] for name in ("mase", "smape", "rmse", "owa", "coverage_80", "seconds")]).all()
