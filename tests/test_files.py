"""Files are written whole or not at all, and what stands in the way is one sentence that names the file asked for."""

import errno
import io
import os
import shutil
from pathlib import Path

import pytest
import torch

from tidegate import bundle, files
from tidegate.bundle import read_bundle, write_bundle
from tidegate.cli import run
from tidegate.errors import BundleError, RunError
from tidegate.files import write_whole
from tidegate.training.fit import step_of

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
FORBIDDEN = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
FAILURES = [
    pytest.param(FULL, r"No space left on device\).*free some space", id="full"),
    pytest.param(FORBIDDEN, r"Permission denied\).*choose another", id="forbidden"),
]


class Broken(io.FileIO):
    """A file of which half can be written."""

    error: OSError = FULL

    def write(self, content):
        super().write(bytes(content)[: len(content) // 2])
        raise self.error


@pytest.fixture
def breaking(monkeypatch):
    """Make files of a given ending fail in the middle of being written."""

    def breaks(error, at=""):
        opened = Path.open

        def broken(self, mode="r", *args, **options):
            if "w" in mode and at in self.name:
                file = Broken(self, "w")
                file.error = error
                return file
            return opened(self, mode, *args, **options)

        monkeypatch.setattr(Path, "open", broken)

    return breaks


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", ["σ ⊙ τ", b"\x00\xff", memoryview(b"\x01"), ""])
def test_text_and_bytes_are_what_the_file_holds(tmp_path, content):
    path = write_whole(tmp_path / "new" / "file", content, parents=True)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else bytes(content))
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize(("error", "says"), FAILURES)
def test_an_older_file_outlives_a_failure(tmp_path, breaking, error, says):
    path = tmp_path / "file.csv"
    path.write_text("older")
    breaking(error)
    with pytest.raises(RunError, match=says) as caught:
        write_whole(path, "a newer content")
    assert f"{path}," in str(caught.value)
    assert ".writing" not in str(caught.value)
    assert (path.read_text(), names(tmp_path)) == ("older", ["file.csv"])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: shutil.rmtree(path.parent), "No such file"),
        (lambda path: (shutil.rmtree(path.parent), path.parent.write_text("")), "Not a directory"),
    ],
    ids=["a folder", "a folder that vanished", "a folder that became a file"],
)
def test_a_path_that_cannot_be_written(tmp_path, make, says):
    path = tmp_path / "folder" / "file.csv"
    path.parent.mkdir()
    make(path)
    with pytest.raises(RunError, match=says) as caught:
        write_whole(path, "content")
    assert str(path) in str(caught.value)


def test_a_link_keeps_pointing_to_the_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", "content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "content"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, "content")
    assert os.read(reader, 100) == b"content"
    assert path.is_fifo()
    os.close(reader)


TENSORS = {"w": torch.ones(3)}


@pytest.mark.parametrize(("error", "says"), FAILURES)
@pytest.mark.parametrize("at", [bundle.CONFIG, bundle.WEIGHTS])
def test_an_older_bundle_outlives_a_failure(tmp_path, breaking, error, says, at):
    folder = tmp_path / "model"
    write_bundle(folder, {"task": "older"}, TENSORS)
    breaking(error, at)
    with pytest.raises(BundleError, match=says) as caught:
        write_bundle(folder, {"task": "newer"}, TENSORS)
    assert f"{folder}," in str(caught.value)
    assert read_bundle(folder)[0]["task"] == "older"
    assert names(tmp_path) == ["model"]


def test_an_older_bundle_comes_back_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    write_bundle(folder, {"task": "older"}, TENSORS)
    rename = Path.rename

    def refuse(self, target):
        if self.name == "new":
            raise FORBIDDEN
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BundleError, match="Permission denied"):
        write_bundle(folder, {"task": "newer"}, TENSORS)
    assert read_bundle(folder)[0]["task"] == "older"
    assert names(tmp_path) == ["model"]


def test_a_bundle_in_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"file/model, which cannot be written"):
        write_bundle(tmp_path / "file" / "model", {}, TENSORS)


@pytest.mark.parametrize("broken", ["last.ckpt", "history.csv"])
def test_a_disk_that_fills_up_during_training_keeps_the_last_checkpoint(tmp_path, capsys, monkeypatch, broken):
    folder = tmp_path / "run"
    written, whole = [], files.write_whole

    def fill_up(path, *args, **options):
        if path.name == broken and len(written) >= 2:
            monkeypatch.setattr(files, "write_through", no_room)
        written.append(path.name)
        return whole(path, *args, **options)

    def no_room(path, content):
        path.write_bytes(bytes(content)[:10])
        raise FULL

    monkeypatch.setattr("tidegate.training.callbacks.write_whole", fill_up)
    command = ["fit", "classification", "digits", "--hidden-size", "4", "--epochs", "5", "--out", str(folder)]
    assert run(command) == 2
    error = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("error"))
    path = folder / "checkpoints" / broken if broken == "last.ckpt" else folder / broken
    assert error == (
        f"error: got {path}, which cannot be written (No space left on device); wanted a writable path; "
        "do free some space, then pass --resume to go on with the run"
    )
    assert names(folder / "checkpoints") == ["last.ckpt"]
    assert step_of(folder / "checkpoints" / "last.ckpt") > 0
    monkeypatch.undo()
    assert run([*command, "--resume"]) == 0


def test_a_checkpoint_is_written_by_nobody_else(tmp_path, monkeypatch):
    """Lightning writes to a temporary folder first, which may be on another disk."""
    monkeypatch.setattr("lightning.fabric.plugins.io.torch_io._atomic_save", lambda *given: pytest.fail("Lightning's"))
    command = ["fit", "classification", "digits", "--hidden-size", "4", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert run(command) == 0
    assert step_of(tmp_path / "run" / "checkpoints" / "last.ckpt") > 0


def test_no_room_on_standard_output_is_one_sentence(capfd, monkeypatch):
    def full(*given, **options):
        raise FULL

    monkeypatch.setattr("typer.echo", full)
    assert run(["draw", "gru"]) == 2
    assert capfd.readouterr().err.startswith("error: got a disk without space left")
