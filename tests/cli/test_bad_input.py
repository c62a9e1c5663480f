"""Whatever a person types: status 2, one line `error: got …; wanted …; do …`, nothing half-written."""

import gzip
import os
import re

import numpy as np
import pytest

from tests.data.test_idx import write_folder
from tidegate.cli import run

LINE = re.compile(r"error: got .+; wanted .+; do .+\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert run(["fit", "classification", "digits", "--hidden-size", "4", "--steps", "1", "--out", str(folder)]) == 0
    return folder


def refused(arguments, capsys):
    """The one line that a command ends with."""
    status = run(arguments)
    said = capsys.readouterr()
    assert status == 2
    assert LINE.fullmatch(said.err), said.err
    assert said.out == ""
    return said.err


def damaged_gz(folder):
    write_folder(folder, zipped=True)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-30])
    return folder


def wrong_magic(folder):
    write_folder(folder)
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(b"\0\0\x07\x01" + path.read_bytes()[4:])
    return folder


def saved(**arrays):
    def write(path):
        np.savez(path.with_suffix(".npz"), **arrays)
        return path.with_suffix(".npz")

    return write


def written(name, content):
    def write(path):
        path.mkdir()
        (path / name).write_bytes(content)
        return path / name

    return write


X = np.zeros((20, 3, 2))
Y = np.arange(20) % 2
HOLE = X.copy()
HOLE[3, 1, 0] = np.nan
BAD_DATA = {
    "a missing path": (lambda path: path / "nowhere.npz", "nothing is"),
    "an empty file": (written("a.npz", b""), "an empty file"),
    "a truncated gz": (damaged_gz, "cannot be unpacked"),
    "a wrong magic number": (wrong_magic, "magic number"),
    "a truncated npz": (written("a.npz", b"PK\3\4 and no more"), "NumPy file"),
    "images and labels of different number": (
        lambda path: write_folder(path, labels=np.zeros(3, np.uint8)),
        "60 images .* 3 labels",
    ),
    "NaN": (saved(X=HOLE, y=Y), "NaN in X .*sequence 3, step 1, channel 0.*--missing"),
    "NaN as a label": (saved(X=X, y=np.where(Y, np.nan, 0.0)), "y in .*with NaN or infinity, at sequence 1"),
    "a different number for each label": (saved(X=X, y=np.arange(20) / 7), "y of kind continuous"),
    "infinity": (saved(X=X + np.inf, y=Y), "inf in X"),
    "zero-length sequences": (saved(X=X, y=Y, lengths=np.zeros(20, int)), "length of 0"),
    "lengths beyond the data": (saved(X=X, y=Y, lengths=np.full(20, 4)), "length of 4"),
    "text in a number column": (written("a.csv", b"id,x,y\n1,2,a\n1,two,a\n"), "'two' .*row 3, column 'x'"),
    "an unknown dataset": (lambda path: "mnits", "try 'mnist'"),
    "one class": (saved(X=X, y=np.zeros(20)), "single class"),
    "an empty folder": (lambda path: path.mkdir() or path, "without tables, audio, images or IDX files"),
}


@pytest.mark.parametrize(("make", "says"), BAD_DATA.values(), ids=list(BAD_DATA))
def test_data_that_cannot_be_used(tmp_path, capsys, make, says):
    out = tmp_path / "out"
    source = make(tmp_path / "data")
    assert re.search(says, refused(["fit", "classification", str(source), "--steps", "1", "--out", str(out)], capsys))
    assert not (out / "model").exists()
    assert not (out / "metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden-size", "0"], "hidden_size=0"),
        (["--hidden-size", "many"], "--hidden-size"),
        (["--num-layers", "-1"], "num_layers=-1"),
        (["--learning-rate", "-1"], "learning_rate=-1.0"),
        (["--learning-rate", "nan"], "learning_rate=nan"),
        (["--epochs", "1", "--steps", "1"], "both epochs and steps"),
        (["--batch-size", "0"], "batch_size=0"),
        (["--cell", "lstn"], "the cell 'lstn'"),
        (["--dropout", "2"], "dropout=2.0"),
        (["--seed", "-1"], "seed=-1"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_options_that_cannot_work(tmp_path, capsys, options, says):
    assert says in refused(["fit", "classification", "digits", "--out", str(tmp_path / "out"), *options], capsys)


def test_a_loss_that_is_not_finite(tmp_path, capsys):
    command = ["fit", "regression", "curve", "--cell", "rnn", "--hidden-size", "4", "--learning-rate", "1e30"]
    assert run([*command, "--steps", "20", "--out", str(tmp_path / "out")]) == 2
    assert re.search("error: got a loss of .* at step .*; wanted a finite loss; do choose", capsys.readouterr().err)


def test_an_unknown_task(capsys):
    assert "'clasification'" in refused(["fit", "clasification", "digits"], capsys)


def test_data_of_the_other_task(tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    assert "one label a sequence" in refused(["fit", "regression", "digits", *out], capsys)
    assert "a target for every step" in refused(["fit", "classification", "curve", *out], capsys)


def test_a_run_folder_that_exists(finished, capsys):
    said = refused(["fit", "classification", "digits", "--out", str(finished)], capsys)
    assert "--resume" in said
    assert "--out" in said


def test_a_file_where_the_run_folder_would_be(tmp_path, capsys):
    (tmp_path / "out").write_text("years of work")
    refused(["fit", "classification", "digits", "--out", str(tmp_path / "out")], capsys)
    assert (tmp_path / "out").read_text() == "years of work"


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="no folder here that nobody can write to")  # noqa: PTH110
def test_an_unwritable_output_folder(capsys):
    assert "cannot be written" in refused(["fit", "classification", "digits", "--out", "/proc/self/run"], capsys)


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_folder_that_is_no_run(tmp_path, capsys, command):
    refused([command, str(tmp_path)], capsys)
    refused([command, str(tmp_path / "nowhere")], capsys)


def test_a_run_that_is_not_finished(finished, tmp_path, capsys):
    (tmp_path / "run.json").write_text((finished / "run.json").read_text())
    assert "--resume" in refused(["report", str(tmp_path)], capsys)


def test_data_unlike_the_training_data(finished, tmp_path, capsys):
    np.savez(tmp_path / "wide.npz", X=np.zeros((2, 8, 9)), y=[0, 1])
    np.savez(tmp_path / "new.npz", X=np.zeros((2, 8, 8)), y=[0, 99])
    np.save(tmp_path / "flat.npy", np.zeros(8))
    assert "9 channels; wanted 8" in refused(["predict", str(finished), str(tmp_path / "wide.npz")], capsys)
    assert "9 channels; wanted 8" in refused(["evaluate", str(finished), str(tmp_path / "wide.npz")], capsys)
    assert "class 99" in refused(["evaluate", str(finished), str(tmp_path / "new.npz")], capsys)
    refused(["predict", str(finished), str(tmp_path / "flat.npy")], capsys)


def test_an_unwritable_prediction_file(finished, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8)))
    refused(["predict", str(finished), str(tmp_path / "x.npy"), "--out", str(tmp_path / "no" / "p.csv")], capsys)


def test_a_cell_that_cannot_be_drawn(capsys):
    assert "try 'lstm'" in refused(["draw", "lstn"], capsys)
    assert "CELL" in refused(["draw"], capsys).upper()


def test_a_drawing_that_cannot_be_written(tmp_path, capsys):
    assert "cannot be written" in refused(["draw", "gru", "--out", str(tmp_path / "no" / "gru.svg")], capsys)
    assert "ends in .svg, .pdf or .png" in refused(["draw", "gru", "--out", str(tmp_path)], capsys)
    assert not list(tmp_path.iterdir())


def test_a_bundle_of_a_newer_format(finished, tmp_path, capsys):
    for name in ("config.json", "model.safetensors"):
        content = (finished / "model" / name).read_bytes()
        (tmp_path / name).write_bytes(content.replace(b'"format": 2', b'"format": 9'))
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8)))
    assert "format 9" in refused(["predict", str(tmp_path), str(tmp_path / "x.npy")], capsys)


def test_gz_that_is_whole_is_read(tmp_path):
    folder = write_folder(tmp_path / "own", zipped=True)
    assert gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
    assert run(["fit", "classification", str(folder), "--steps", "1", "--out", str(tmp_path / "out")]) == 0
