"""Every command as typed: what it prints, what it writes, how it ends."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.data.test_idx import write_folder
from tidegate.cli import run
from tidegate.preparation import read_dataset


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert run(["fit", "classification", "digits", "--hidden-size", "32", "--steps", "300", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def curve(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "curve"
    command = ["fit", "regression", "curve", "--cell", "rnn", "--hidden-size", "8", "--steps", "20"]
    assert run([*command, "--out", str(folder)]) == 0
    return folder


def test_fit_writes_a_run_folder(digits):
    names = {path.name for path in digits.iterdir()}
    assert names == {"run.json", "checkpoints", "history.csv", "model", "metrics.json", "baselines.json", "report.html"}
    assert {path.name for path in (digits / "model").iterdir()} == {"config.json", "model.safetensors"}
    assert json.loads((digits / "metrics.json").read_text())["test"]["accuracy"] > 0.9
    rows = list(csv.DictReader((digits / "history.csv").read_text().splitlines()))
    assert int(rows[-1]["step"]) == 300
    assert set(rows[0]) >= {"step", "epoch", "train_loss", "validation_loss", "validation_accuracy", "learning_rate"}


def test_regression_scores_what_it_was_trained_on(curve):
    assert set(json.loads((curve / "metrics.json").read_text())["train"]) == {"mse", "mae", "r2", "n", "targets"}


def test_evaluate_gives_the_same_score_again(digits, capsys):
    assert run(["evaluate", str(digits), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["test"] == json.loads((digits / "metrics.json").read_text())["test"]
    assert said.err == ""


def test_evaluate_takes_other_data_and_a_bundle(digits, tmp_path, capsys):
    part = read_dataset("digits").test
    np.savez(tmp_path / "some.npz", X=part.x[:50], y=part.y[:50])
    assert run(["evaluate", str(digits / "model"), str(tmp_path / "some.npz")]) == 0
    assert capsys.readouterr().out.startswith("test accuracy: ")


def test_predict_reads_arrays_and_images_alike(digits, tmp_path, capsys):
    x = read_dataset("digits").test.x[:3]
    pixels = np.round(x * 255).astype(np.uint8)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", X=pixels)
    (tmp_path / "a").mkdir()
    for n, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "a" / f"{n}.png")
    answers = []
    for name in ("a.npy", "a.npz", "a"):
        assert run(["predict", str(digits), str(tmp_path / name)]) == 0
        answers.append([row["label"] for row in csv.DictReader(capsys.readouterr().out.splitlines())])
    assert answers[0] == answers[1] == answers[2]
    assert run(["predict", str(digits), str(tmp_path / "a" / "0.png"), "--out", str(tmp_path / "p.csv")]) == 0
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "sequence,label,probability"


def test_predict_gives_a_row_a_step(curve, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.linspace(-1, 1, 5)[:, None])
    assert run(["predict", str(curve), str(tmp_path / "x.npy")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_any_folder_of_idx_files_is_a_dataset(tmp_path):
    out = tmp_path / "run"
    assert run(["fit", "classification", str(write_folder(tmp_path / "own")), "--steps", "2", "--out", str(out)]) == 0


def test_the_report_is_drawn_again(digits, capsys):
    before = (digits / "report.html").read_text()
    (digits / "report.html").unlink()
    assert run(["report", str(digits)]) == 0
    assert capsys.readouterr().out.strip() == str(digits / "report.html")
    assert (digits / "report.html").read_text() == before


def test_info_names_the_backend_of_every_cell(capsys):
    assert run(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    cells = facts["cells"]
    assert facts["kernels"] in ("avx512", "avx2", "generic", "not compiled")
    assert set(cells) == {"rnn", "lstm", "gru"}
    assert all(sum(backend["runs"] for backend in backends) == 1 for backends in cells.values())
    assert run(["info"]) == 0


def test_draw_writes_what_it_prints(tmp_path, capsys):
    assert run(["draw", "gru"]) == 0
    said = capsys.readouterr()
    (tmp_path / "gru.svg").write_text("an older drawing")
    assert run(["draw", "gru", "--out", str(tmp_path / "gru.svg")]) == 0
    assert (tmp_path / "gru.svg").read_text(encoding="utf-8") == said.out
    assert [path.name for path in tmp_path.iterdir()] == ["gru.svg"]
    assert said.out.startswith("<svg")
    assert said.err == ""


def test_help_answers_without_torch():
    code = """
import sys
from tidegate.cli import run
assert run(["--help"]) == 0 and run(["fit", "--help"]) == 0 and run(["draw", "--help"]) == 0
sys.exit(any(name in sys.modules for name in ("torch", "lightning", "sklearn", "pandas", "matplotlib")))
"""
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_a_missing_extra_is_one_sentence():
    code = """
import sys
sys.modules["lightning"] = None
from tidegate.cli import run
sys.exit(run(["fit", "classification", "digits"]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("error: got no package 'lightning'")
    assert 'pip install "tidegate[tasks]"' in result.stderr
