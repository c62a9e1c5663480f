"""A comparison as a whole, with budgets of seconds."""

import json

import joblib
import numpy as np
import pytest

from tests.compare.test_table import NAMES
from tidegate.cli import run
from tidegate.compare import COMPARISON, compare
from tidegate.compare.subject import parameters_of
from tidegate.compare.units import Training
from tidegate.errors import TidegateError
from tidegate.layers import layer_of

pytestmark = pytest.mark.usefixtures("tiny")
TIMED = ("training_speed", "streaming_latency")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    noise = np.random.default_rng(0)
    y = np.arange(60) % 3
    path = tmp_path_factory.mktemp("data") / "waves.npz"
    np.savez(path, X=noise.normal(size=(60, 7, 2)) + y[:, None, None], y=y)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compared") / "whole"


@pytest.fixture(scope="module")
def whole(data, folder, tiny):
    """A comparison that was not interrupted."""
    return as_json(compare("classification", str(data), folder=folder, budget="tiny"))


def as_json(comparison):
    return json.loads(json.dumps(comparison))


def untimed(comparison):
    """All but what a clock says, as JSON has it."""
    kept = as_json(comparison)
    kept["rows"] = [row for row in kept["rows"] if row["name"] not in TIMED]
    return kept


def test_every_row_has_every_cell(whole):
    assert whole["format"] == 1
    assert [row["name"] for row in whole["rows"]] == NAMES
    for row in whole["rows"]:
        assert set(row["measured"]) == set(row["claim"]) == {"rnn", "lstm", "gru"}
        assert row["agreement"] in ("confirmed", "contradicted", "not measured")
        for entry in filter(None, row["measured"].values()):
            assert entry["low"] <= entry["value"] <= entry["high"]
            assert entry["seeds"] == 3
    assert set(whole["baselines"]) - {"MiniRocket"} == {"most frequent class", "linear model"}
    assert whole["verdict"]["sentence"]


def test_the_file_says_what_was_returned(whole, folder):
    assert json.loads((folder / COMPARISON).read_text()) == whole


@pytest.mark.parametrize("after", [1, 14, 40])
def test_interrupted_and_resumed_it_is_the_same(whole, data, tmp_path, after):
    def stop(done, total, what):
        if done == after:
            raise KeyboardInterrupt

    ask = {"task": "classification", "data": str(data), "folder": tmp_path / "resumed", "budget": "tiny"}
    with pytest.raises(KeyboardInterrupt):
        compare(**ask, tell=stop)
    ran = []
    again = compare(**ask, resume=True, tell=lambda done, total, what: ran.append((done, total)))
    assert untimed(again) == untimed(whole)
    assert ran[-1][0] == ran[-1][1] == len(ran)


def test_what_is_finished_is_not_run_again(whole, data, folder, monkeypatch):
    monkeypatch.setattr(Training, "run", lambda self, dataset: pytest.fail("ran again"))
    again = compare("classification", str(data), folder=folder, budget="tiny", resume=True)
    assert as_json(again) == whole


def test_other_seeds_are_other_trainings(whole, data, tmp_path):
    other = compare("classification", str(data), folder=tmp_path / "other", budget="tiny", first_seed=3)
    assert other["details"]["curves"] != whole["details"]["curves"]


def test_a_cell_that_fails_is_reported_and_the_others_go_on(data, tmp_path, monkeypatch, capsys):
    train = Training.run
    failing = {"failed": "got a loss of nan at step 3 with learning rate 0.01"}
    monkeypatch.setattr(Training, "run", lambda self, d: failing if self.cell == "lstm" else train(self, d))
    out = tmp_path / "out"
    command = ["compare", "classification", str(data), "--budget", "tiny", "--jobs", "1", "--out", str(out), "--json"]
    assert run(command) == 0
    comparison = json.loads(capsys.readouterr().out)
    score = next(row for row in comparison["rows"] if row["name"] == "score")["measured"]
    assert "not finite" in score["lstm"]["failed"]
    assert score["gru"]["value"] is not None
    assert "failed: every learning rate" in (out / "report.html").read_text()


def test_all_cells_may_fail(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Training, "run", lambda self, d: {"failed": "got a loss of nan"})
    comparison = compare("classification", str(data), folder=tmp_path / "out", budget="tiny")
    assert "No cell could be trained" in comparison["verdict"]["sentence"]


def test_a_dask_cluster_takes_the_work(whole, data, tmp_path):
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        there = compare("classification", str(data), folder=tmp_path / "dask", budget="tiny")
    assert untimed(there) == untimed(whole)


def test_processes_side_by_side_give_the_same(whole, data, tmp_path):
    two = compare("classification", str(data), folder=tmp_path / "two", budget="tiny", jobs=2)
    assert untimed(two) == untimed(whole)


def test_regression_is_compared_by_error(tmp_path):
    comparison = compare("regression", "curve", folder=tmp_path / "curve", budget="tiny", cells=["rnn", "gru"], seeds=2)
    score = next(row for row in comparison["rows"] if row["name"] == "score")
    assert score["unit"] == "mse"
    assert set(score["measured"]) == {"rnn", "gru"}
    assert set(comparison["baselines"]) == {"mean", "repeat the last", "linear model"}


def test_the_probes_alone_look_at_every_initialization(tmp_path):
    comparison = compare(folder=tmp_path / "probes", budget="tiny", seeds=2)
    assert set(comparison["details"]["horizons"]["rnn"]) == {"torch", "orthogonal", "identity"}
    assert {row["name"]: row["agreement"] for row in comparison["rows"]}["parameters"] == "contradicted"
    ratio = next(row for row in comparison["rows"] if row["name"] == "parameters")["measured"]
    assert [ratio[cell]["value"] / ratio["rnn"]["value"] for cell in ("rnn", "lstm", "gru")] == [1, 4, 3]


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_equal_parameters_are_as_equal_as_whole_sizes_can_be(whole, cell):
    sizes = whole["settings"]["sizes"]["equal parameters"]
    target = sum(p.numel() for p in layer_of("lstm")(2, sizes["lstm"]).parameters())
    off = {h: abs(parameters_of(cell, 2, h) - target) for h in (sizes[cell] - 1, sizes[cell], sizes[cell] + 1)}
    assert min(off, key=off.get) == sizes[cell]


def test_noise_needs_no_recurrent_network(tmp_path, capsys):
    noise = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", X=noise.normal(size=(90, 6, 2)), y=noise.integers(3, size=90))
    command = ["compare", "classification", str(tmp_path / "noise.npz"), "--budget", "tiny", "--jobs", "1"]
    assert run([*command, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "No cell beats the baseline" in said
    assert "| Gates | 0 gates " in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["classification"], "without data"),
        (["clasification", "digits"], "the task 'clasification'"),
        (["classification", "digitz"], "try 'digits'"),
        (["classification", "digits", "--cells", "rnn,lstn"], "the cell 'lstn'"),
        (["classification", "digits", "--cells", "rnn,rnn"], "each cell once"),
        (["classification", "digits", "--cells", ","], "each cell once"),
        (["classification", "digits", "--seeds", "0"], "0 seeds"),
        (["classification", "digits", "--budget", "huge"], "the budget 'huge'"),
        (["classification", "digits", "--jobs", "0"], "jobs=0"),
        (["regression", "digits"], "one label a sequence"),
    ],
)
def test_questions_that_cannot_be_asked(tmp_path, capsys, arguments, says):
    assert run(["compare", *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: got ")
    assert said.count("\n") == 1
    assert says in said
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TidegateError, match="already exists"):
        compare(folder=tmp_path, budget="tiny", resume=True)


def test_another_question_is_not_resumed(whole, data, folder):
    with pytest.raises(TidegateError, match="seeds=2 for a comparison that began with 3"):
        compare("classification", str(data), folder=folder, budget="tiny", seeds=2, resume=True)
