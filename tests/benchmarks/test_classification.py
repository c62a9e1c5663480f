"""The benchmark of classification: it measures what it finds in a folder, and its page says what the rows say."""

import numpy as np
import pytest

from benchmarks.classification import main, page
from benchmarks.defaults import main as measure_defaults
from benchmarks.rows import read_file

BIRTHPLACE = {
    "cpu": "a processor", "cores": 2, "threads": 2, "torch": "2.13.0", "commit": "1a2b3c4", "dirty": False,
    "train": 50, "test": 10, "channels": 1, "longest": 9, "shortest": 9, "classes": 2,
}  # fmt: skip


def row(name, method, accuracy, seed=0, when="2026-01-01T00:00:00Z", seconds=1.0):
    return BIRTHPLACE | {
        "what": name, "method": method, "accuracy": accuracy, "seed": seed, "when": when, "seconds": seconds,
    }  # fmt: skip


ROWS = [
    *(row("A", "gru", accuracy, seed) for seed, accuracy in enumerate((0.8, 0.9))),
    row("A", "dtw", 0.7),
    row("B", "gru", 0.5),
    row("B", "dtw", 0.5),
    row("C", "gru", 0.2),
    row("C", "dtw", 0.6),
]


def cells_of(text, start):
    line = next(line for line in text.splitlines() if line.startswith(f"| {start} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_set_has_the_mean_of_the_seeds_and_the_best_in_bold():
    text = page(ROWS)
    assert cells_of(text, "A") == ["50 × 9 × 1, 2 classes", "**0.850** (0.800 to 0.900)", "0.700"]
    assert cells_of(text, "C") == ["50 × 9 × 1, 2 classes", "0.200", "**0.600**"]


def test_means_ranks_and_wins():
    text = page(ROWS)
    assert cells_of(text, "mean accuracy") == ["0.5167", "0.6000"]
    assert cells_of(text, "mean rank") == ["1.50", "1.50"]
    assert cells_of(text, "wins, ties, losses against 1-NN DTW") == ["1, 1, 1", ""]


def test_the_last_row_of_a_seed_counts():
    text = page([*ROWS, row("A", "dtw", 0.95, when="2026-01-02T00:00:00Z")])
    assert cells_of(text, "A")[-1] == "**0.950**"


def test_a_set_without_a_method_stays_out_of_the_means():
    assert cells_of(page([*ROWS, row("D", "gru", 1.0)]), "mean accuracy") == ["0.5167", "0.6000"]


def changed(change, name, right):
    return BIRTHPLACE | {
        "change": change, "what": name, "right": right, "count": 50, "folds": 4, "steps": None, "when": "2026",
    }  # fmt: skip


def test_what_a_default_is_worth_is_a_mean_over_sets():
    rows = [changed("all defaults", "A", 40), changed("all defaults", "B", 50), changed("no noise", "A", 45)]
    text = page(ROWS, [*rows, changed("no noise", "B", 30)])
    assert cells_of(text, "all defaults") == ["0.900", "0.800", "1.000"]
    assert cells_of(text, "no noise") == ["0.750", "0.900", "0.600"]
    assert "no noise" not in page(ROWS, rows)


def write_set(folder, name, values, labels):
    for part in ("TRAIN", "TEST"):
        lines = [f"{','.join(map(str, row))}:{label}" for row, label in zip(values.round(3), labels, strict=True)]
        head = "@problemName x\n@timeStamps false\n@univariate true\n@classLabel true a b\n@data\n"
        (folder / f"{name}_{part}.ts").write_text(head + "\n".join(lines) + "\n")


def test_a_folder_is_measured(tmp_path, capsys, monkeypatch):
    values = np.repeat([[0.0], [5.0]], 8, axis=0) + np.random.default_rng(0).normal(size=(16, 12))
    write_set(tmp_path, "Easy", values, np.repeat(["a", "b"], 8))
    (tmp_path / "Alone_TRAIN.ts").write_text((tmp_path / "Easy_TRAIN.ts").read_text())
    out, written = tmp_path / "rows.jsonl", tmp_path / "page.md"
    # The cores of this process are left to the tests after it.
    monkeypatch.setattr("benchmarks.classification.use_threads", lambda count: 1)
    main([str(tmp_path), "--methods", "rnn", "--seeds", "1", "--out", str(out), "--page", str(written)])
    assert [(one["what"], one["method"], one["accuracy"]) for one in read_file(out)] == [("Easy", "rnn", 1.0)]
    assert "left out" in capsys.readouterr().out
    assert cells_of(written.read_text(), "Easy")[-1] == "**1.000**"


def test_a_folder_without_sets_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="without such sets"):
        main([str(tmp_path), "--methods", "rnn"])


def test_a_change_is_cross_validated_on_the_training_part_alone(tmp_path, monkeypatch):
    values = np.repeat([[0.0], [5.0]], 8, axis=0) + np.random.default_rng(0).normal(size=(16, 12))
    write_set(tmp_path, "Easy", values, np.repeat(["a", "b"], 8))
    monkeypatch.setattr("benchmarks.defaults.use_threads", lambda count: 1)
    out, written = tmp_path / "rows.jsonl", tmp_path / "page.md"
    arguments = ["--changes", "RNN", "--folds", "2", "--steps", "60", "--out", str(out), "--page", str(written)]
    measure_defaults([str(tmp_path), *arguments])
    assert [(one["what"], one["change"], one["right"], one["count"]) for one in read_file(out)] == [
        ("Easy", "RNN", 16, 16)
    ]
