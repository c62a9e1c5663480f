"""Ctrl-C, SIGTERM and a reader who leaves: one line or none, the status that shells know, and nothing lost."""

import contextlib
import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tidegate import cli
from tidegate.cli import run
from tidegate.cli.interrupt import Listener
from tidegate.training.fit import step_of

FIT = ["fit", "classification", "digits", "--hidden-size", "16", "--epochs", "200"]
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def start(*arguments, code=None, **options):
    """The command in a process group of its own, as a terminal starts it."""
    program = ["-c", code] if code else ["-m", "tidegate"]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True, **options},
    )


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def ended(process, *signals, everyone=True):
    """Send signals, to the whole group as a terminal does, and return the status and what was said."""
    for each in signals:
        os.killpg(process.pid, each) if everyone else process.send_signal(each)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def last_words(err):
    """What is said beside the progress."""
    return [line for line in err.splitlines() if not line.startswith("step ") and " parts  " not in line]


IN_AN_IMPORT = """
import sys, time
from pathlib import Path

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            Path(sys.argv[1]).touch()
            time.sleep(100)

sys.meta_path.insert(0, Slow())
from tidegate.cli import main
main(["fit", "classification", "digits", "--out", sys.argv[2]])
"""


@pytest.mark.parametrize("sent", STATUS)
def test_while_libraries_are_imported(tmp_path, sent):
    process = start(tmp_path / "there", tmp_path / "run", code=IN_AN_IMPORT)
    wait_for((tmp_path / "there").exists, process)
    assert ended(process, sent) == (STATUS[sent], "", "interrupted\n")
    assert not (tmp_path / "run").exists()


def test_while_data_is_read(tmp_path):
    """A pipe that nobody writes to takes for ever to read."""
    os.mkfifo(tmp_path / "slow")
    code = f"""
import sys, tidegate.cli, tidegate.tasks.run as tasks
def slow(*args, **options):
    open({str(tmp_path / "there")!r}, "w").close()
    open({str(tmp_path / "slow")!r}).read()
import tidegate.cli.fit as fit
tasks.fit_run = slow
tidegate.cli.main({FIT!r})
"""
    process = start(code=code)
    wait_for((tmp_path / "there").exists, process)
    assert ended(process, signal.SIGINT) == (130, "", "interrupted\n")


@pytest.mark.parametrize("library", [RuntimeError("its own words"), SystemExit(1), ImportError("half a module")])
def test_whatever_a_library_makes_of_ctrl_c(monkeypatch, capsys, library):
    def swallow(arguments):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise library from None

    monkeypatch.setattr(cli, "run", swallow)
    before = {each: signal.getsignal(each) for each in STATUS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as end:
            cli.main([])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert (end.value.code, capsys.readouterr().err) == (130, "interrupted\n")


def test_a_defect_of_our_own_is_not_taken_for_ctrl_c(monkeypatch):
    def fail(arguments):
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli, "run", fail)
    monkeypatch.setattr(Listener, "listen", lambda self: None)
    with pytest.raises(RuntimeError, match="a defect"):
        cli.main([])


def test_nohup_stays_in_force():
    code = """
import signal, sys
from tidegate.cli.interrupt import Listener
signal.signal(signal.SIGINT, signal.SIG_IGN)
Listener().listen()
sys.exit(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("sent", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)], ids=str)
def test_in_training(tmp_path, sent):
    folder = tmp_path / "run"
    process = start(*FIT, "--out", folder)
    wait_for((folder / "checkpoints" / "last.ckpt").exists, process)
    status, out, err = ended(process, *sent)
    assert (status, out) == (STATUS[sent[0]], "")
    assert f"the same command with --resume goes on from {folder}" in "\n".join(last_words(err))
    assert "Traceback" not in err
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["last.ckpt"]
    assert step_of(folder / "checkpoints" / "last.ckpt") > 0
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert int(rows[-1]["step"]) <= step_of(folder / "checkpoints" / "last.ckpt")


STUCK = """
import sys, time
from pathlib import Path
from tidegate.training.module import RecurrentModule
from tidegate.training.callbacks import Checkpoints

steps = 0
step_once = RecurrentModule.training_step

def training_step(self, *args, **options):
    global steps
    steps += 1
    if steps == 60:
        Path(sys.argv[1]).touch()
        while True:
            time.sleep(0.01)
            if any(type(c) is Checkpoints and c.interrupted for c in self.trainer.callbacks):
                Path(sys.argv[2]).touch()
    return step_once(self, *args, **options)

RecurrentModule.training_step = training_step
from tidegate.cli import main
main(sys.argv[3:])
"""


def test_the_second_ctrl_c_does_not_wait_for_the_step(tmp_path):
    folder = tmp_path / "run"
    process = start(tmp_path / "stuck", tmp_path / "told", *FIT, "--out", folder, code=STUCK)
    wait_for((tmp_path / "stuck").exists, process)
    process.send_signal(signal.SIGINT)
    wait_for((tmp_path / "told").exists, process)
    status, _, err = ended(process, signal.SIGINT)
    assert status == 130
    assert f"--resume goes on from {folder}" in "\n".join(last_words(err))
    assert "Traceback" not in err
    assert 0 < step_of(folder / "checkpoints" / "last.ckpt") < 60


def test_a_checkpoint_that_is_being_written_is_finished_first(tmp_path):
    code = """
import os, signal, sys
import tidegate.files as files
write, number = files.write_through, 0

def interrupted(path, content):
    global number
    number += path.name == ".last.ckpt.writing"
    if number == 3:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
    write(path, content)

files.write_through = interrupted
from tidegate.cli import main
main(sys.argv[1:])
"""
    folder = tmp_path / "run"
    process = start(*FIT, "--out", folder, code=code)
    status, _, err = ended(process)
    assert status == 130
    assert "Traceback" not in err
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["last.ckpt"]
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert int(rows[-1]["step"]) == step_of(folder / "checkpoints" / "last.ckpt")


def test_the_terminal_has_its_cursor_back(tmp_path):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    process = start(*FIT, "--out", tmp_path / "run", stderr=theirs, env=environment)
    os.close(theirs)
    os.set_blocking(ours, False)
    shown = b""

    def on_screen(text):
        def look():
            nonlocal shown
            with contextlib.suppress(BlockingIOError, OSError):
                shown += os.read(ours, 65536)
            return text in shown

        return look

    wait_for(on_screen(b"\x1b[?25l"), process)
    wait_for((tmp_path / "run" / "checkpoints" / "last.ckpt").exists, process)
    os.killpg(process.pid, signal.SIGINT)
    while process.poll() is None:
        on_screen(b"")()
    on_screen(b"")()
    os.close(ours)
    process.stdout.close()
    assert process.returncode == 130
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") >= 0


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    noise = np.random.default_rng(0)
    y = np.arange(60) % 3
    path = tmp_path_factory.mktemp("data") / "waves.npz"
    np.savez(path, X=noise.normal(size=(60, 7, 2)) + y[:, None, None], y=y)
    return path


@pytest.mark.parametrize(("jobs", "sent"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
def test_in_a_comparison(tmp_path, waves, jobs, sent):
    folder = tmp_path / "run"
    process = start("compare", "classification", waves, "--budget", "quick", "--jobs", jobs, "--out", folder)
    wait_for(lambda: folder.exists() and len(list((folder / "trials").glob("search*"))) >= 2, process)
    status, out, err = ended(process, sent, everyone=sent == signal.SIGINT)
    assert (status, out) == (STATUS[sent], "")
    assert last_words(err) == [f"interrupted; the same command with --resume goes on from {folder}"]
    assert not list(folder.rglob(".*"))


def test_before_its_workers_have_started(tmp_path, waves):
    """They print nothing, since a Ctrl-C in the terminal does not reach them."""
    folder = tmp_path / "run"
    process = start("compare", "classification", waves, "--budget", "quick", "--jobs", 2, "--out", folder)
    wait_for(lambda: workers_of(process.pid), process)
    status, _, err = ended(process, signal.SIGINT)
    assert status == 130
    assert last_words(err) == [f"interrupted; the same command with --resume goes on from {folder}"]


def workers_of(pid):
    listed = subprocess.run(["ps", "-o", "args=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return "loky.backend.popen" in listed


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_a_benchmark_gives_what_it_has_measured(monkeypatch, capsys, options):
    row = {"case": "curve", "cell": "rnn", "mode": "train", "ms": {"torch": {"p50": 2.0}, "tidegate": {"p50": 1.0}}}

    def beside_torch(*args, **options):
        yield row
        raise KeyboardInterrupt

    monkeypatch.setattr("tidegate.probes.race.beside_torch", beside_torch)
    assert run(["bench", *options]) == 130
    said = capsys.readouterr()
    assert said.err == "interrupted\n"
    if options:
        assert json.loads(said.out)["rows"] == [row]
    else:
        assert said.out.splitlines()[1].split() == ["curve", "rnn", "train", "2", "1", "2.00×"]


def test_a_benchmark_that_has_measured_nothing_prints_nothing(monkeypatch, capsys):
    def beside_torch(*args, **options):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("tidegate.probes.race.beside_torch", beside_torch)
    assert run(["bench", "--json"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize("arguments", [["draw", "lstm"], ["fit", "--help"], ["--version"]], ids=" ".join)
def test_a_reader_who_has_left(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdout=writing)
    os.close(writing)
    assert ended(process)[::2] == (141, "")


def test_a_reader_who_leaves_after_the_first_line():
    code = """
import sys, typer
from tidegate.cli import main
from tidegate.report import drawing
drawing.draw_cell = lambda *args, **options: "a line\\n" * 100_000
main(["draw", "lstm"])
"""
    # Unbuffered, Python leaves the rest of a long text unwritten by itself.
    process = start(code=code, env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"})
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()
