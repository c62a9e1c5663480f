"""Each claim can be confirmed and contradicted by what is measured."""

import pytest

from tidegate.compare.table import ROWS, judged

CELLS = ("rnn", "lstm", "gru")
NAMES = [
    "gates", "memory", "core_operation", "macs_per_step", "memory_horizon", "gradient_half_life", "parameters",
    "training_speed", "streaming_latency", "generalization_gap", "score", "typical_use",
]  # fmt: skip


def entries(*values, spread=0.0, **more):
    return {
        cell: {"value": value, "low": value - spread, "high": value + spread, "seeds": 3, **more}
        for cell, value in zip(CELLS, values, strict=True)
    }


def agreement(name, measured):
    return judged(next(row for row in ROWS if row.name == name), measured)[0]


def test_the_rows_in_their_order():
    assert [row.name for row in ROWS] == NAMES


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("gates", (0, 3, 2), "confirmed"),
        ("gates", (0, 4, 3), "contradicted"),
        ("memory", (1, 2, 1), "confirmed"),
        ("core_operation", (1e-7, 0, 1e-7), "confirmed"),
        ("core_operation", (1e-7, 0.1, 1e-7), "contradicted"),
        ("macs_per_step", (10, 40, 30), "confirmed"),
        ("parameters", (10, 40, 30), "contradicted"),
        ("parameters", (10, 30, 20), "confirmed"),
        ("gradient_half_life", (2, 9, 8), "confirmed"),
        ("gradient_half_life", (9, 2, 2), "contradicted"),
        ("training_speed", (900, 200, 300), "confirmed"),
        ("training_speed", (900, 300, 200), "contradicted"),
        ("generalization_gap", (0.1, 0.3, 0.2), "confirmed"),
        ("generalization_gap", (0.1, 0.2, 0.3), "contradicted"),
        ("score", (0.9, 0.9, 0.9), "not measured"),
        ("streaming_latency", (9, 9, 9), "not measured"),
    ],
)
def test_what_was_measured_decides(name, values, expected):
    assert agreement(name, entries(*values, spread=values[0] * 0.01)) == expected


@pytest.mark.parametrize("name", ["gradient_half_life", "training_speed", "generalization_gap"])
def test_intervals_that_overlap_decide_nothing(name):
    assert agreement(name, entries(1.0, 1.1, 1.05, spread=0.5)) == "not measured"


@pytest.mark.parametrize(
    ("lags", "beyond", "expected"),
    [
        ((3, 3000, 100), False, "confirmed"),
        ((100, 3000, 100), False, "contradicted"),
        ((3, 300, 100), False, "contradicted"),
        ((3, 300, 100), True, "not measured"),
        ((3, 3000, 1000), False, "contradicted"),
    ],
)
def test_the_memory_horizon(lags, beyond, expected):
    assert agreement("memory_horizon", entries(*lags, at_least=beyond, initialization="chrono")) == expected


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_column_may_be_missing(row):
    assert judged(row, dict.fromkeys(CELLS))[0] == "not measured"
    judged(row, {"rnn": None} | {cell: {"value": 1, "low": 1, "high": 1, "at_least": True, "initialization": "torch"}
                                 for cell in ("lstm", "gru")})  # fmt: skip
