"""Forecasts from the command line: fit, evaluate, predict, report; refused in one line; resumed to the bit."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from tidegate.cli import run

LINE = re.compile(r"error: got .+; wanted .+; do .+\n")
SMALL = ["--hidden-size", "4", "--steps", "2", "--window", "10", "--members", "1"]


def sales(n=60, shops=2):
    days = pd.date_range("2020-01-01", periods=n)
    level = 10 + 3 * np.sin(np.arange(n) * 2 * np.pi / 7)
    parts = [pd.DataFrame({"shop": f"s{k}", "date": days, "sold": level * (k + 1), "price": 1.0}) for k in range(shops)]
    return pd.concat(parts)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecasts")
    sales().to_csv(folder / "sales.csv", index=False)
    command = ["fit", "forecasting", str(folder / "sales.csv"), "--id", "shop", "--target", "sold", "--horizon", "5"]
    assert run([*command, "--windows", "2", *SMALL, "--out", str(folder / "run")]) == 0
    return folder


def test_a_run_says_first_where_a_simple_method_wins(tmp_path, capsys):
    sales(shops=1).drop(columns="shop").to_csv(tmp_path / "a.csv", index=False)
    command = ["fit", "forecasting", str(tmp_path / "a.csv"), "--target", "sold", "--horizon", "5", *SMALL]
    assert run([*command, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("LSTM on a: not better than the baseline “seasonal naive”: test MASE ")
    assert "a step a day, 2020-01-01 to 2020-02-29" in said.err
    assert (tmp_path / "run" / "report.html").exists()


def test_evaluate_sets_the_simplest_methods_beside(finished, capsys):
    assert run(["evaluate", str(finished / "run"), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["test"]
    assert set(scored["baselines"]) == {"naive", "seasonal naive", "drift"}
    assert (scored["n"], scored["forecasts"]) == (2, 4)
    assert scored == json.loads((finished / "run" / "metrics.json").read_text())["test"]
    assert run(["evaluate", str(finished / "run")]) == 0
    assert "baseline “seasonal naive”: MASE" in capsys.readouterr().out


def test_predict_goes_on_after_the_end(finished, capsys):
    assert run(["predict", str(finished / "run"), "--out", str(finished / "f.csv")]) == 0
    assert run(["predict", str(finished / "run"), "--out", str(finished / "f.parquet")]) == 0
    table, typed = pd.read_csv(finished / "f.csv", parse_dates=["date"]), pd.read_parquet(finished / "f.parquet")
    assert table["date"].tolist() == 2 * pd.date_range("2020-03-01", periods=5).tolist()
    assert table["sold"].to_numpy() == pytest.approx(typed["sold"].to_numpy())
    sales(n=70).to_csv(finished / "later.csv", index=False)
    capsys.readouterr()
    assert run(["predict", str(finished / "run"), str(finished / "later.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("s0,2020-03-11,")


def test_the_page_shows_forecasts_and_what_came(finished):
    page = (finished / "run" / "report.html").read_text()
    for words in ("forecasts and actual values", "Error by horizon", "Baselines", "largest errors"):
        assert words in page
    assert run(["report", str(finished / "run")]) == 0
    assert (finished / "run" / "report.html").read_text() == page


def test_columns_go_by_name_without_case(finished, capsys):
    command = ["describe", str(finished / "sales.csv"), "--task", "forecasting", "--json", "--id", "SHOP"]
    assert run([*command, "--target", "Sold", "--future", "Price"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["target"], told["known ahead"]) == ("sold", ["price"])


def test_evaluate_tells_how_another_table_was_understood(finished, tmp_path, capsys):
    table = sales(n=70)
    table[table["date"] != "2020-03-01"].to_csv(tmp_path / "later.csv", index=False)
    assert run(["evaluate", str(finished / "run"), str(tmp_path / "later.csv")]) == 0
    assert "2 of 140 steps of 2 series are missing" in capsys.readouterr().err


def test_describe_tells_of_series(finished, capsys):
    command = ["describe", str(finished / "sales.csv"), "--task", "forecasting", "--id", "shop", "--target", "sold"]
    assert run(command) == 0
    assert "a step a day, 2020-01-01 to 2020-02-29" in capsys.readouterr().out
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seasons"] == [7, 365]


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (lambda f: f, ["--horizon", "70"], "60 steps at most"),
        (lambda f: f, [], "no horizon"),
        (lambda f: f.head(3), ["--horizon", "2"], "3 steps at most"),
        (lambda f: pd.concat([f, f.tail(1)]), ["--horizon", "2"], "twice"),
        (lambda f: f.iloc[::-1], ["--horizon", "2"], "backwards"),
        (lambda f: f.assign(sold=-f["sold"]), ["--horizon", "2", "--log"], "logarithm"),
        (lambda f: f, ["--horizon", "2", "--class-weight", "balanced"], "--class-weight for forecasting"),
        (lambda f: f, ["--horizon", "2", "--future", "rain"], "without the column 'rain'"),
        (lambda f: f, ["--horizon", "2", "--future", "pryce"], "--future price"),
        (lambda f: f, ["--horizon", "2", "--windows", "0"], "windows=0"),
        (
            lambda f: f.assign(sold=f["sold"].map("{:.0f} USD".format)),
            ["--horizon", "2"],
            "USD' in row 2, column 'sold'",
        ),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_a_line(tmp_path, capsys, change, options, says):
    change(sales(shops=1)).to_csv(tmp_path / "a.csv", index=False)
    command = ["fit", "forecasting", str(tmp_path / "a.csv"), "--target", "sold", *options]
    assert run([*command, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert LINE.fullmatch(said) and says in said, said
    assert not (tmp_path / "run").exists()


def test_other_tasks_know_no_horizon(tmp_path, capsys):
    assert run(["fit", "classification", "digits", "--horizon", "3", "--out", str(tmp_path / "run")]) == 2
    assert "--horizon for classification" in capsys.readouterr().err


def test_killed_and_resumed_it_has_the_same_bits(tmp_path):
    sales().to_csv(tmp_path / "sales.csv", index=False)
    command = ["fit", "forecasting", str(tmp_path / "sales.csv"), "--id", "shop", "--target", "sold", "--horizon", "5"]
    command += ["--hidden-size", "8", "--window", "10", "--steps", "120"]
    assert run([*command, "--out", str(tmp_path / "whole")]) == 0
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", *command, "--out", str(folder)], stderr=subprocess.DEVNULL
    )
    history, end = folder / "history.csv", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        if history.exists() and history.read_text().count("\n") > 3:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert run([*command, "--out", str(folder), "--resume"]) == 0
    weights = [(one / "model" / "model.safetensors").read_bytes() for one in (tmp_path / "whole", folder)]
    assert weights[0] == weights[1]
