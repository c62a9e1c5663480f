"""A person's own table, from the raw file to predictions with its ids; and what each command says on the way."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from tests.cli.test_bad_input import refused
from tidegate.cli import run

COLUMNS = ["--id", "recording", "--time", "timestamp", "--target", "activity"]
SMALL = ["--hidden-size", "8", "--steps", "40"]


def recordings(n=40, holes=True):
    """What a phone writes: a row a reading, with row numbers, holes and a text column."""
    noise = np.random.default_rng(0)
    tables = []
    for k in range(n):
        T = int(noise.integers(6, 10))
        start = pd.Timestamp("2020-09-28 23:59:55") + pd.Timedelta(days=k)
        tables.append(
            pd.DataFrame(
                {
                    "recording": f"{k:03d}",
                    "timestamp": (start + pd.to_timedelta(np.arange(T), unit="s")).strftime("%m/%d/%Y %H:%M:%S"),
                    "acceleration": (noise.normal(size=T) + 3 * (k % 2)).round(4),
                    "phone": ["nokia", "pixel"][k // 2 % 2],
                    "activity": ["sitting", "walking"][k % 2],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    if holes:
        table.loc[::11, "acceleration"] = np.nan
    return table


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "recordings.csv"
    recordings().to_csv(path)
    return path


@pytest.fixture(scope="module")
def finished(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "own"
    command = ["fit", "classification", str(source), *COLUMNS, "--missing", "interpolate", *SMALL]
    assert run([*command, "--out", str(folder)]) == 0
    return folder


def predicted(arguments, capsys):
    assert run(["predict", *map(str, arguments)]) == 0
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def labels(rows):
    return {row["recording"]: row["label"] for row in rows}


# What is understood


def test_describe_tells_what_is_understood(source, capsys):
    assert run(["describe", str(source), *COLUMNS, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sequences"] == 40
    assert found["time"] == {
        "column": "timestamp", "kind": "date", "format": "%m/%d/%Y %H:%M:%S", "step": "1 s", "regular": True,
    }  # fmt: skip
    kinds = {channel["name"]: channel["kind"] for channel in found["channels"]}
    assert kinds == {"acceleration": "number", "phone": "text"}
    assert found["channels"][0]["missing"] == pytest.approx(1 / 11, abs=0.01)
    assert found["target"]["classes"] == {"sitting": 20, "walking": 20}
    assert found["split"] == {"training": 32, "test": 8, "test_is": "a fixed fifth"}
    assert run(["describe", str(source), *COLUMNS]) == 0
    assert "timestamp" in capsys.readouterr().out


@pytest.mark.parametrize("data", ["digits", "curve", "adding"])
def test_describe_tells_of_built_in_data(data, capsys):
    assert run(["describe", data]) == 0
    assert "sequences" in capsys.readouterr().out


def test_describe_asks_for_what_it_cannot_tell(source, capsys):
    said = refused(["describe", str(source), "--task", "classification"], capsys)
    assert "--id recording --time timestamp --target activity" in said


def test_fit_says_in_a_line_how_it_understood(source, tmp_path, capsys):
    command = ["fit", "classification", str(source), *COLUMNS, "--missing", "mask", *SMALL]
    assert run([*command, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("recordings: 40 sequences of 6 to 9 steps by 'recording'; in order of 'timestamp'")
    assert any("without a name is left out: it holds row numbers" in line for line in said)


def test_missing_values_are_refused_with_row_column_and_option(source, tmp_path, capsys):
    said = refused(["fit", "classification", str(source), *COLUMNS, "--out", str(tmp_path / "out")], capsys)
    assert "an empty cell in" in said and "row 2, column 'acceleration'" in said and "--missing interpolate" in said
    assert not (tmp_path / "out").exists()


# Predictions


def test_predictions_have_the_ids_of_the_file(finished, source, capsys):
    rows = predicted([finished, source], capsys)
    assert [row["recording"] for row in rows] == [f"{k:03d}" for k in range(40)]
    assert list(rows[0]) == ["recording", "label", "probability"]


def test_probabilities_of_all_classes(finished, source, capsys):
    rows = predicted([finished, source, "--probabilities"], capsys)
    assert list(rows[0]) == ["recording", "label", "probability_sitting", "probability_walking"]
    for row in rows:
        shares = [float(row["probability_sitting"]), float(row["probability_walking"])]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert row["label"] == ["sitting", "walking"][int(np.argmax(shares))]


CHANGES = {
    "shuffled rows": lambda table, path: table.sample(frac=1, random_state=0).to_csv(path, index=False),
    "turned columns": lambda table, path: table[table.columns[::-1]].to_csv(path, index=False),
    "decimal commas": lambda table, path: table.to_csv(path, index=False, sep=";", decimal=","),
    "tabs in UTF-16": lambda table, path: table.to_csv(path, index=False, sep="\t", encoding="utf-16"),
    "other times": lambda table, path: table.assign(
        timestamp=pd.to_datetime(table["timestamp"]).dt.tz_localize("Europe/Berlin").map(lambda t: t.isoformat())
    ).to_csv(path, index=False),
    "no target": lambda table, path: table.drop(columns="activity").to_csv(path, index=False),
    "an empty target": lambda table, path: table.assign(activity="").to_csv(path, index=False),
    "a placeholder as target": lambda table, path: table.assign(activity="?").to_csv(path, index=False),
    "with row numbers": lambda table, path: table.to_csv(path),
    "names in capitals": lambda table, path: table.rename(columns=str.upper).to_csv(path, index=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_how_the_file_is_written_does_not_matter(finished, source, tmp_path, capsys, change):
    change(recordings(), tmp_path / "new.csv")
    rows = predicted([finished, tmp_path / "new.csv"], capsys)
    given = {next(iter(row.values())): row["label"] for row in rows}
    assert given == labels(predicted([finished, source], capsys))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop(columns="acceleration"), "without the channel 'acceleration'"),
        (lambda table: table.rename(columns={"acceleration": "speed"}), "without the channel 'acceleration'"),
        (lambda table: table.assign(weight=1.0), "the unknown channel 'weight'"),
        (lambda table: table.assign(acceleration="fast"), "text in the channel 'acceleration'"),
    ],
)
def test_other_columns_than_in_training_are_refused_by_name(finished, tmp_path, capsys, change, says):
    change(recordings()).to_csv(tmp_path / "new.csv", index=False)
    assert says in refused(["predict", str(finished), str(tmp_path / "new.csv")], capsys)


def test_a_step_has_its_time_in_predictions_of_regression(tmp_path, capsys):
    times = [f"2020-01-01T00:00:{s:02d}+01:00" for s in range(20)]
    table = pd.DataFrame({"when": times, "x": np.arange(20.0) ** 2, "load": np.sin(np.arange(20.0))})
    table.to_csv(tmp_path / "load.csv", index=False)
    out = tmp_path / "out"
    command = ["fit", "regression", str(tmp_path / "load.csv"), "--time", "when", "--target", "load", *SMALL]
    assert run([*command, "--out", str(out)]) == 0
    capsys.readouterr()
    table.drop(columns="load").sample(frac=1, random_state=0).to_csv(tmp_path / "new.csv", index=False)
    rows = predicted([out, tmp_path / "new.csv"], capsys)
    assert [row["when"] for row in rows] == times
    assert list(rows[0]) == ["sequence", "when", "load"]


def test_one_target_a_sequence_is_one_row_a_sequence(tmp_path, capsys):
    table = recordings(holes=False)
    table["age"] = table["recording"].astype(int) % 5
    table.drop(columns="activity").to_csv(tmp_path / "age.csv", index=False)
    options = ["--id", "recording", "--time", "timestamp", "--target", "age"]
    out = tmp_path / "out"
    assert run(["fit", "regression", str(tmp_path / "age.csv"), *options, *SMALL, "--out", str(out)]) == 0
    assert "one target a sequence" in capsys.readouterr().err
    rows = predicted([out, tmp_path / "age.csv"], capsys)
    assert len(rows) == 40 and list(rows[0]) == ["recording", "age"]


def test_csv_parquet_and_dataframes_make_the_same_model(tmp_path):
    import tidegate as tg

    table = recordings(holes=False)
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    for ending in ("csv", "parquet"):
        command = ["fit", "classification", str(tmp_path / f"a.{ending}"), *COLUMNS, *SMALL]
        assert run([*command, "--out", str(tmp_path / ending)]) == 0
    a, b = (load_file(tmp_path / ending / "model" / "model.safetensors") for ending in ("csv", "parquet"))
    assert all((a[name] == b[name]).all() for name in a)

    said = {"id": "recording", "time": "timestamp", "target": "activity"}
    frames = [frame.drop(columns=list(said.values())) for _, frame in table.groupby("recording")]
    labels = table.groupby("recording")["activity"].first().tolist()
    settings = {"hidden_size": 4, "steps": 3}
    models = [
        tg.SequenceClassifier(**settings).fit(tg.read_dataset(str(tmp_path / "a.csv"), **said).train),
        tg.SequenceClassifier(**settings).fit(tg.read_dataset(table, **said).train),
        tg.SequenceClassifier(**settings).fit(frames, labels),
    ]
    bits = [[value.numpy().tobytes() for value in model.network_.state_dict().values()] for model in models]
    assert bits[0] == bits[1] == bits[2]


def test_a_folder_is_a_sequence_a_file_for_a_model_of_one_table(finished, tmp_path, capsys):
    for name, table in recordings(n=3).groupby("recording"):
        table.drop(columns=["recording", "activity"]).to_csv(tmp_path / f"{name}.csv", index=False)
    rows = predicted([finished, tmp_path], capsys)
    assert [next(iter(row.values())) for row in rows] == ["000", "001", "002"]


def test_row_numbers_that_were_left_out_are_left_out_again(tmp_path, capsys):
    table = recordings(holes=False)
    assert run(fit(tmp_path / "out", table.assign(No=range(len(table))))) == 0
    capsys.readouterr()
    table.assign(No=7).to_csv(tmp_path / "new.csv", index=False)
    assert len(predicted([tmp_path / "out", tmp_path / "new.csv"], capsys)) == 40


def test_predictions_do_not_overwrite_their_input(finished, tmp_path, capsys):
    path = tmp_path / "new.csv"
    recordings(n=3).to_csv(path, index=False)
    before = path.read_text()
    assert "the input itself" in refused(["predict", str(finished), str(path), "--out", str(path)], capsys)
    assert path.read_text() == before


# Scores


def test_a_run_tells_scores_by_class_with_their_numbers(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["test"]["n"] == 8
    assert set(metrics["test"]["classes"]["walking"]) == {"precision", "recall", "f1", "n"}
    assert np.sum(metrics["test"]["confusion_matrix"]) == 8
    page = (finished / "report.html").read_text()
    assert "8 sequences" in page and "macro F1" in page
    assert f"tg.load(&#39;{finished}&#39;)" in page


def test_evaluate_says_where_the_data_has_changed(source, tmp_path, capsys):
    path, out = tmp_path / "own.csv", tmp_path / "out"
    recordings(holes=False).to_csv(path, index=False)
    assert run(["fit", "classification", str(path), *COLUMNS, *SMALL, "--out", str(out)]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(out)]) == 0
    before = capsys.readouterr()
    assert before.err == ""
    recordings(holes=False).iloc[20:].to_csv(path, index=False)
    assert run(["evaluate", str(out)]) == 0
    assert "has changed since the model was trained" in capsys.readouterr().err

    recordings(holes=False).to_csv(path, index=False)
    path.rename(tmp_path / "moved.csv")
    assert "name its new place" in refused(["evaluate", str(out)], capsys)
    assert run(["evaluate", str(out), str(tmp_path / "moved.csv")]) == 0
    moved = capsys.readouterr()
    assert moved.out == before.out
    assert "its test part is scored" in moved.err


# What cannot be trained on leaves nothing behind, and what scores do not show is said


def fit(path, table, *options):
    table.to_csv(path.with_suffix(".csv"), index=False)
    return ["fit", "classification", str(path.with_suffix(".csv")), *COLUMNS, *SMALL, "--out", str(path), *options]


def test_a_class_with_one_example_stays_in_training(tmp_path, capsys):
    table = recordings(holes=False)
    for k in range(5):
        table.loc[table["recording"] == f"{k:03d}", "activity"] = f"rare {k}"
    assert run(fit(tmp_path / "out", table)) == 0
    assert "without an example in the test part" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.assign(activity="sitting"), "single class"),
        (lambda table: table.assign(activity=table["recording"]), None),
    ],
)
def test_a_refused_run_leaves_nothing_behind(tmp_path, capsys, change, says):
    command = fit(tmp_path / "out", change(recordings(holes=False)))
    if says is None:
        assert run(command) == 0
        return
    assert says in refused(command, capsys)
    assert not (tmp_path / "out").exists()
    assert run(fit(tmp_path / "out", recordings(holes=False))) == 0


def test_a_loss_that_is_not_finite_leaves_no_folder_in_the_way(tmp_path, capsys):
    out = str(tmp_path / "out")
    command = ["fit", "regression", "curve", "--cell", "rnn", "--hidden-size", "4", "--steps", "50"]
    assert run([*command, "--learning-rate", "1e30", "--out", out]) == 2
    assert not (tmp_path / "out").exists()
    assert run([*command, "--out", out]) == 0


def test_constant_channels_few_sequences_and_no_test_part_are_said(tmp_path, capsys):
    table = recordings(n=8, holes=False).assign(acceleration=1.0, phone="pixel")
    assert run(fit(tmp_path / "out", table)) == 0
    said = capsys.readouterr()
    assert "all channels are constant" in said.err
    assert "no test part of 8 sequences" in said.err
    assert "the training data chooses the kept model" in said.err
    assert "test" not in said.out.split("\n")[0].replace("no test set", "")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "8 sequences of the training set" in page
    assert "all channels are constant" in page
    capsys.readouterr()
    assert run(["evaluate", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("training accuracy") and "scores are of the training data" in said.err


@pytest.mark.parametrize(
    ("lost", "command", "says"),
    [
        ("run.json", "evaluate", "without run.json, although it holds model"),
        ("run.json", "report", "without run.json"),
        ("history.csv", "report", "history.csv that cannot be read"),
        ("metrics.json", "report", "metrics.json"),
        ("model/model.safetensors", "evaluate", "model.safetensors"),
        ("model/config.json", "predict", "config.json"),
    ],
)
def test_a_lost_file_is_named(finished, source, tmp_path, capsys, lost, command, says):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    (folder / lost).unlink()
    capsys.readouterr()
    arguments = [command, str(folder), *([str(source)] if command == "predict" else [])]
    assert says in refused(arguments, capsys)


def test_a_model_without_its_run_still_predicts(finished, source, tmp_path, capsys):
    shutil.copytree(finished / "model", tmp_path / "model")
    assert labels(predicted([tmp_path / "model", source], capsys)) == labels(predicted([finished, source], capsys))


def test_a_folder_of_files_is_fitted_and_predicted(tmp_path, capsys):
    for name, table in recordings(holes=False).groupby("recording"):
        folder = tmp_path / "data" / table["activity"].iloc[0]
        folder.mkdir(parents=True, exist_ok=True)
        table.drop(columns=["recording", "activity"]).to_csv(folder / f"{name}.csv", index=False)
    out = tmp_path / "out"
    options = ["--time", "timestamp", *SMALL, "--out", str(out)]
    assert run(["fit", "classification", str(tmp_path / "data"), *options]) == 0
    assert "labels are the names of the folders (sitting, walking)" in capsys.readouterr().err
    rows = predicted([out, tmp_path / "data" / "walking"], capsys)
    assert [row["file"] for row in rows][:2] == ["001", "003"]


def test_resume_needs_the_same_columns(finished, source, capsys):
    command = ["fit", "classification", str(source), "--id", "recording", "--resume", "--out", str(finished)]
    assert run(command) == 0
    capsys.readouterr()
    assert "time='phone'" in refused([*command, "--time", "phone"], capsys)
