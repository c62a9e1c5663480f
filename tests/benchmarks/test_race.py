"""What is timed is right, and what is wrong is not timed."""

import json
import subprocess
import sys

import pytest
import torch

from benchmarks import accuracy, kernels, memory, ragged, state, step
from benchmarks.peers import PEERS
from tests.paths import REPOSITORY
from tidegate.cli import run
from tidegate.errors import BackendError
from tidegate.probes.race import CASES, CELLS, ENTRIES, MODES, Case, Entry, Work, check, checked_race, torch_entry

TINY = Case("tiny", 5, 2, 3, 4, 2)


@pytest.fixture
def only_tiny():
    """The workloads are replaced by one that takes no time, and come back in their order."""
    cases = dict(CASES)
    CASES.clear()
    CASES["tiny"] = TINY
    yield
    CASES.clear()
    CASES.update(cases)


@pytest.fixture(autouse=True)
def every_thread(monkeypatch):
    """The process keeps its cores and threads."""
    for part in (kernels, ragged, step, state, memory, accuracy):
        monkeypatch.setattr(part, "use_threads", lambda threads: torch.get_num_threads())


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", CELLS)
def test_every_implementation_is_right_and_timed(cell, mode):
    times = checked_race(Work.of(TINY, cell, mode), ENTRIES, seconds=0, rounds=3)
    assert set(times) == {"tidegate", "torch"}
    assert all(len(taken) >= 3 and min(taken) > 0 for taken in times.values())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("peer", ["jax", "onnxruntime"])
def test_the_peers_compute_the_same(peer, cell):
    pytest.importorskip(peer)
    for mode in MODES if peer == "jax" else ["infer"]:
        work = Work.of(TINY, cell, mode)
        check(peer, PEERS[peer](work).results(), work.exact())


@pytest.mark.parametrize("result", ["output", "gradient of x", "gradient of weight_hh_l1"])
def test_a_wrong_kernel_is_not_timed(result):
    def wrong(work):
        entry = torch_entry(work)
        return Entry(entry.run, lambda found: (named := entry.named(found)) | {result: named[result] * 1.001})

    with pytest.raises(BackendError, match=f"wrong: {result}"):
        checked_race(Work.of(TINY, "gru", "train"), {"torch": torch_entry, "wrong": wrong}, seconds=0, rounds=3)


def test_not_a_number_is_wrong():
    exact = {"output": torch.ones(3)}
    with pytest.raises(BackendError):
        check("broken", {"output": torch.full((3,), torch.nan)}, exact)


def test_kernels_writes_a_row_for_everyone(only_tiny, tmp_path):
    kernels.main(["--cases", "tiny", "--cells", "lstm", "--seconds", "0", "--out", str(tmp_path / "a.jsonl")])
    rows = rows_of(tmp_path / "a.jsonl")
    assert [(row["mode"], row["backend"]) for row in rows] == [
        (mode, backend) for mode in MODES for backend in ("tidegate", "torch")
    ]
    wanted = {"what", "mode", "backend", "T", "B", "I", "H", "L", "dtype", "threads", "ms", "repeats", "cpu", "torch"}
    assert wanted | {"commit", "dirty", "when", "gflops", "peak_gflops", "handover_ns"} <= set(rows[0])
    assert rows[0]["ms"]["p20"] <= rows[0]["ms"]["p50"] <= rows[0]["ms"]["p80"]


def test_kernels_run_beside_busy_processes(only_tiny, tmp_path):
    out = ["--out", str(tmp_path / "a.jsonl")]
    kernels.main(["--cells", "rnn", "--modes", "train", "--seconds", "0", "--beside", "1", *out])
    assert {row["mode"] for row in rows_of(tmp_path / "a.jsonl")} == {"train, 1 busy processes beside"}


def test_held_to_avx2_a_row_says_so(tmp_path):
    out = tmp_path / "a.jsonl"
    few = ["--cases", "curve", "--cells", "rnn", "--modes", "infer", "--seconds", "0", "--rounds", "3"]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.kernels", *few, "--avx2", "--out", out], cwd=REPOSITORY, check=True
    )
    assert {row["held_to"] for row in rows_of(out)} == {"avx2"}


def test_the_other_parts_write_rows(only_tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(state.STATES, "small", Case("small", 5, 2, 3, 4, 1))
    out = tmp_path / "a.jsonl"
    few = ["--cells", "gru", "--out", str(out)]
    ragged.main(["--cases", "tiny", "--seconds", "0", *few])
    step.main(["--cases", "step-16-1,loop-32-1", "--seconds", "0", *few])
    state.main(["--cases", "small", "--seconds", "0", *few])
    accuracy.main(["--cases", "tiny", *few])
    found = [(row["mode"], row["backend"]) for row in rows_of(out)]
    assert found == [
        ("ragged", "tidegate"),
        ("ragged", "tidegate padded"),
        ("ragged", "torch"),
        *(("one step", name) for name in ("torch", "torch cell", "tidegate", "tidegate cell")),
        ("loop", "torch"),
        ("loop", "tidegate"),
        *(("state", name) for name in ("tidegate", "resets", "states", "recurrent dropout", "zoneout", "torch")),
        ("accuracy", "tidegate"),
        ("accuracy", "torch"),
    ]


def test_memory_sees_what_a_step_allocates():
    code = """
from benchmarks.memory import measure
from tidegate.probes.race import Case
print(measure(Case("some", 200, 64, 8, 64, 1), "lstm", "torch"))
"""
    # In a process of its own, as the benchmark does: this one may hold freed memory that the step would use.
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert float(said) > 8  # four gates of 3 MiB each, and more


@pytest.mark.parametrize("arguments", [["--cases", "nothing"], ["--cells", "mamba"], ["--against", "nobody"]])
def test_an_unknown_name_is_told(arguments, tmp_path):
    with pytest.raises(SystemExit, match=r"got --\w+ \w+; wanted"):
        kernels.main([*arguments, "--out", str(tmp_path / "a.jsonl")])


def test_the_command_tells_both_times(capsys):
    arguments = ["bench", "--cases", "stream", "--cells", "rnn", "--seconds", "0"]
    assert run([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["mode"] for row in rows] == list(MODES)
    assert set(rows[0]["ms"]) == {"tidegate", "torch"}
    assert run(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run(["bench", "--cells", "mamba"]) == 2
    assert capsys.readouterr().out == ""
