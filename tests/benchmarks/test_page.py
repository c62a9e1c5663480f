"""The page says what the rows say."""

from benchmarks.models import FIT, STEP
from benchmarks.page import IN_README, MODELS_IN_README, PAGE, README, page, with_summary
from benchmarks.rows import RESULTS, read

BIRTHPLACE = {
    "T": 1000, "B": 1, "I": 1, "H": 128, "L": 1, "dtype": "float32", "threads": 2, "cpu": "a processor", "cores": 2,
    "torch": "2.13.0", "commit": "1a2b3c4", "dirty": False,
}  # fmt: skip


def row(backend, p50, mode="train", what="gru", when="2026-01-01T00:00:00Z", **more):
    ms = {"p20": p50, "p50": p50, "p80": p50}
    case = {"case": "curve", "what": what, "mode": mode, "backend": backend, "ms": ms, "when": when}
    return BIRTHPLACE | case | more


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_the_page_is_written_from_the_results():
    assert PAGE.read_text() == page(read(RESULTS))


def test_the_table_of_the_readme_is_made_from_the_results():
    text = README.read_text()
    assert text == with_summary(text, read(RESULTS))


def test_a_loss_is_shown():
    text = page([row("tidegate", 8.0, gflops=50.0, peak_gflops=500.0), row("torch", 90.0), row("jax", 4.0)])
    assert "| 90.0 ms | 4.00 ms | 8.00 ms | 0.50× **slower** | 10% |" in text
    worst = "| train, every case, against the best of torch.nn and JAX |"
    assert "| 0.50× (curve, GRU) | **missed** on 1 of 18 |" in line_of(text, worst)


def test_a_goal_that_is_reached_says_so():
    text = page([row("tidegate", 2.0), row("torch", 90.0)])
    assert line_of(text, "| train, curve with GRU").endswith("| 45.00× | reached |")


def test_only_the_last_run_of_a_race_counts():
    later = "2026-01-02T00:00:00Z"
    again = [row("tidegate", 3.0, when=later), row("torch", 30.0, when=later)]
    text = page([row("tidegate", 2.0), row("torch", 90.0), row("jax", 1.0), *again])
    assert "| 30.0 ms | 3.00 ms | 10.00× |" in text
    assert "| JAX |" not in text


def test_every_place_of_birth_is_told_with_what_came_from_it():
    text = page([row("tidegate", 2.0), row("tidegate", 3.0, "infer", commit="5d6e7f8"), row("tidegate", 1.0, "step")])
    assert "commit 1a2b3c4, 2 cores, 2 threads, torch 2.13.0: step; train\n" in text
    assert "commit 5d6e7f8, 2 cores, 2 threads, torch 2.13.0: infer\n" in text


def test_each_machine_stands_for_itself():
    other = {"cpu": "another", "when": "2026-01-02T00:00:00Z"}
    text = page([row("tidegate", 2.0), row("torch", 90.0), row("tidegate", 2.0, **other), row("torch", 3.0, **other)])
    assert text.index("## another\n") < text.index("| 3.00 ms | 2.00 ms | 1.50× |")
    assert text.index("| 1.50× |") < text.index("## a processor\n") < text.index("| 90.0 ms | 2.00 ms | 45.00× |")


def test_what_is_measured_with_memory_kept_stands_apart():
    kept = "train, memory kept"
    rows = [row("tidegate", 2.0), row("torch", 90.0), row("tidegate", 2.0, kept), row("torch", 1.0, kept)]
    text = page(rows)
    assert "### Training where memory is kept\n" in text
    assert "| 45.00× (curve, GRU) | reached on 1 of 18 |" in line_of(text, "| train, every case")
    assert "| 0.50× (curve, GRU) | **missed** on 1 of 18 |" in line_of(text, "| the same where memory is kept")


def test_every_part_has_its_section():
    error = {"output": 1e-7, "gradient of x": 4e-7}
    rows = [
        *(row(name, 1.0, "ragged") for name in ("tidegate", "tidegate padded", "torch")),
        *(row(name, 0.02, "one step", case="step-16-1") for name in ("tidegate", "torch", "torch cell")),
        row("tidegate cell", 0.01, "one step", case="step-16-1"),
        *(row(name, 9.0, "loop", case="loop-32-1") for name in ("tidegate", "torch")),
        row("tidegate", 1.0, "memory", mib=3.0),
        row("torch", 1.0, "memory", mib=2.0),
        row("tidegate", 1.0, "accuracy", error=error),
        row("torch", 1.0, "accuracy", error=error | {"gradient of x": 1e-7}),
        row("tidegate", 9.0, "import", "import tidegate", case=""),
        row("tidegate", 1.0, "example", "curve", case="", seconds=30.0, steps=5000),
        row("torch", 1.0, "example", "curve", case="", seconds=600.0, steps=5000, timed_steps=500),
    ]
    text = page(rows)
    for title in (
        "Training on ragged batches",
        "Memory",
        "Accuracy",
        "One step",
        "Training through a loop of steps",
        "From start to end",
    ):
        assert f"### {title}\n" in text
    assert line_of(text, "| error over").endswith("| 4.00 (curve, GRU, gradient of x) | **missed** on 1 of 18 |")
    assert line_of(text, "| peak memory").endswith("| 1.50 (curve, GRU) | **missed** on 1 of 18 |")
    assert line_of(text, "| curve example").endswith("| 20.00× | reached |")
    assert "600.0 s (scaled from 500 steps)" in text


def row_of_a_model(backend, p50, mode=STEP, what="stanza"):
    about = {"title": f"A model of {what}", "version": "1.2", "sizes": "LSTM 3 to 5", "error": 2.4e-6, "package": what}
    return row(backend, p50, mode, what, case="", **about)


def test_models_are_shown_before_and_after():
    rows = [row_of_a_model("torch", 90.0), row_of_a_model("tidegate", 30.0)]
    assert "| A model of stanza 1.2: LSTM 3 to 5 | 90.0 ms | 30.0 ms | 3.00× | 2e-06 |  |  |  |" in page(rows)
    assert line_of(page(rows), "| published packages").endswith("| 1 | **missed** |")
    rows += [row_of_a_model("torch", 10.0, FIT), row_of_a_model("tidegate", 20.0, FIT)]
    assert "| 2e-06 | 10.0 ms | 20.0 ms | 0.50× **slower** |" in page(rows)


def test_the_readme_shows_three_models_where_one_machine_ran_them():
    cases = [row(name, 9.0, what=what, case=case) for case, what, _ in IN_README for name in ("tidegate", "torch")]
    cases += [row(name, 9.0, what=cell) for cell in ("rnn", "lstm") for name in ("tidegate", "torch")]
    three = [row_of_a_model(name, 9.0, what=what) for what in MODELS_IN_README for name in ("torch", "tidegate")]
    marks = "<!-- benchmarks -->\n<!-- /benchmarks -->"
    assert "published model" not in with_summary(marks, [*cases, *three[2:]])
    shown = with_summary(marks, [*cases, *three])
    assert [line_of(shown, f"| A model of {what} ").count("9.00 ms") for what in MODELS_IN_README] == [2, 2, 2]
