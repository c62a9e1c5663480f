"""The page of text and sound is what the rows say, and both sides of a step do the same work."""

import pytest
import torch

from benchmarks import tasks
from benchmarks.rows import read_file
from benchmarks.tasks import PAGE, ROWS, USES, Use, main, page
from tidegate.tasks.run import fit_run


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """One use that takes no time; the process keeps its cores and threads."""
    (tmp_path / "input.txt").write_text("the tide comes and goes. " * 60)
    sizes = {"hidden_size": 8, "chunk": 16, "batch_size": 4, "steps": 3}
    use = Use(
        "language", "a tide", "nats_per_character", "command", lambda data, into: str(data / "input.txt"), {}, sizes
    )
    monkeypatch.setattr(tasks, "USES", {"language": use})
    monkeypatch.setattr(tasks, "use_threads", lambda threads: torch.get_num_threads())
    return tmp_path


def test_the_page_is_what_the_rows_say():
    assert PAGE.read_text() == page(read_file(ROWS))


def test_scores_and_steps_come_onto_the_page(tiny):
    main([str(tiny), "--cells", "gru", "--seconds", "0", "--out", str(tiny / "rows"), "--page", str(tiny / "page.md")])
    rows = read_file(tiny / "rows")
    assert [(row["mode"], row["backend"]) for row in rows] == [
        ("task", "tidegate"), ("task step", "tidegate"), ("task step", "torch"),
    ]  # fmt: skip
    assert rows[0]["steps"] == 3 and 0 < rows[0]["score"] < 4 and all(row["ms"]["p50"] > 0 for row in rows[1:])
    written = (tiny / "page.md").read_text()
    assert f"nats a character {rows[0]['score']:.3f}" in written
    assert "| a tide | GRU |" in written


def test_of_several_seeds_the_mean_is_shown_with_its_ends():
    place = {"cpu": "a processor", "cores": 2, "threads": 2, "torch": "2", "commit": "1a2b3c4", "dirty": False}
    row = {"what": "speech", "mode": "task", "backend": "tidegate", "cell": "lstm", "parameters": 10**6, "steps": 9}
    rows = [
        {**place, **row, "seed": seed, "score": score, "seconds": 60.0, "when": f"2026-01-0{seed + 1}T00:00:00Z"}
        for seed, score in enumerate((0.1, 0.2))
    ]
    assert "| word error rate 15.00% (10.00% to 20.00%, 2 seeds) | 1.0 |" in page(rows)


@pytest.mark.parametrize("option", ["--tasks", "--cells", "--what"])
def test_an_unknown_name_is_refused(tmp_path, option):
    with pytest.raises(SystemExit, match="wanted some of"):
        main([str(tmp_path), option, "chess"])


def test_every_use_is_of_a_task():
    from tidegate.tasks.load import TASKS

    assert {use.task for use in USES.values()} <= set(TASKS)


def test_a_finished_run_is_added_where_it_has_all_defaults(tiny):
    sizes = tasks.USES["language"].parameters
    for name, given in (("own", {}), ("other", {"dropout": 0.1})):
        fit_run("language", str(tiny / "input.txt"), {**sizes, **given}, tiny / name, progress=False)
    out = ["--out", str(tiny / "rows"), "--page", str(tiny / "page.md")]
    main(["--finished", f"language={tiny / 'own'}", *out])
    assert [row["score"] > 0 for row in read_file(tiny / "rows")] == [True]
    with pytest.raises(SystemExit, match="other parameters"):
        main(["--finished", f"language={tiny / 'other'}", *out])
