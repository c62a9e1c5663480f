"""A run that was killed and resumed ends with the bits of one that never was."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.stopped import stop_after
from tidegate.cli import run
from tidegate.errors import TidegateError
from tidegate.training.fit import step_of

COMMAND = [
    "fit", "classification", "digits", "--cell", "gru", "--hidden-size", "16", "--num-layers", "2", "--patch", "2",
    "--readout", "last,attention", "--initialization", "chrono", "--dropout", "0.2", "--noise", "0.1", "--shift", "1",
    "--epochs", "12",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of the run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run([*COMMAND, "--out", str(folder)]) == 0
    return load_file(folder / "model" / "model.safetensors")


def start(folder, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "tidegate", *COMMAND, "--out", str(folder), *options],
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


def history_rows(folder):
    path = folder / "history.csv"
    return path.read_text().count("\n") - 1 if path.exists() else 0


def assert_same_weights(folder, whole):
    resumed = load_file(folder / "model" / "model.safetensors")
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.parametrize("rows", [0, 1, 9], ids=lambda rows: f"after-{rows}-checks")
def test_killed_at_any_moment(tmp_path, whole, rows):
    folder = tmp_path / "run"
    process = start(folder)
    wait_for(lambda: (folder / "run.json").exists() and history_rows(folder) >= rows, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert run([*COMMAND, "--out", str(folder), "--resume"]) == 0
    assert_same_weights(folder, whole)


def test_ctrl_c_leaves_a_checkpoint_and_exits_with_130(tmp_path, whole):
    folder = tmp_path / "run"
    process = start(folder)
    wait_for(lambda: history_rows(folder) >= 2, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said
    assert run([*COMMAND, "--out", str(folder), "--resume"]) == 0
    assert_same_weights(folder, whole)


def test_stopped_between_two_checks(tmp_path, whole, monkeypatch):
    folder = tmp_path / "run"
    stop_after(19, [*COMMAND, "--out", str(folder)], monkeypatch)
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["RecurrentData"]["step"] == 19
    assert run([*COMMAND, "--out", str(folder), "--resume"]) == 0
    assert_same_weights(folder, whole)


def test_a_finished_run_stays_as_it_is(tmp_path):
    folder = tmp_path / "run"
    assert run(["fit", "classification", "digits", "--steps", "3", "--out", str(folder)]) == 0
    before = (folder / "model" / "model.safetensors").stat().st_mtime_ns
    assert run(["fit", "classification", "digits", "--steps", "3", "--out", str(folder), "--resume"]) == 0
    assert (folder / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_another_command_is_not_resumed(tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert run(["fit", "classification", "digits", "--steps", "3", "--out", folder]) == 0
    assert run(["fit", "classification", "digits", "--steps", "4", "--out", folder, "--resume"]) == 2
    assert "error: got steps=4 for a run that began with 3" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"nonsense")
    with pytest.raises(TidegateError, match="cannot be read"):
        step_of(path)


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory):
    """Distributed data parallel on the same global batches, without what is drawn by each process."""
    still = {"--dropout": "0", "--noise": "0", "--patch": "1"}
    plain = [still.get(before, part) for before, part in pairwise(["", *COMMAND])]
    folder = tmp_path_factory.mktemp("processes")
    one, two = folder / "one", folder / "two"
    assert run([*plain, "--out", str(one)]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*torchrun, "-m", "tidegate", *plain, "--out", str(two)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("test accuracy") == 1
    return one, two


def test_two_processes_match_one(one_and_two):
    a, b = (load_file(folder / "model" / "model.safetensors") for folder in one_and_two)
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4)


def test_the_training_loss_is_that_of_all_processes(one_and_two):
    one, two = (pd.read_csv(folder / "history.csv")["train_loss"] for folder in one_and_two)
    assert two.tolist() == pytest.approx(one.tolist(), rel=1e-3)
