"""The table: what is commonly said of the cells, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Measured = Mapping[str, Mapping[str, Any] | None]
"""By cell: value, low, high and seeds; none where a cell failed or was not asked for."""


@dataclass(frozen=True)
class Row:
    """A property of the cells, what is commonly said of it, and how it is measured here."""

    name: str
    title: str
    unit: str
    claim: Mapping[str, str | None]
    how: str
    judge: Callable[[Measured], tuple[str, str]]
    """From the measured values to the agreement with the claim, and a remark."""


CONFIRMED, CONTRADICTED, NOT_MEASURED = "confirmed", "contradicted", "not measured"


def judged(row: Row, measured: Measured) -> tuple[str, str]:
    """The agreement of what was measured with what is said, and a remark."""
    if all(value is None for value in measured.values()):
        return NOT_MEASURED, row.judge({})[1]
    return row.judge(measured)


def _value(measured: Measured, cell: str) -> float | None:
    entry = measured.get(cell)
    return None if entry is None else entry["value"]


def _apart(measured: Measured, more: str, less: str) -> bool | None:
    """Whether one cell's interval lies above another's; none where either is not there."""
    a, b = measured.get(more), measured.get(less)
    return None if a is None or b is None else a["low"] > b["high"]


def _equals(expected: Mapping[str, float], remark: str = "") -> Callable[[Measured], tuple[str, str]]:
    def judge(measured: Measured) -> tuple[str, str]:
        found = {cell: _value(measured, cell) for cell in expected if _value(measured, cell) is not None}
        if not found:
            return NOT_MEASURED, ""
        return (CONFIRMED if all(found[cell] == expected[cell] for cell in found) else CONTRADICTED), remark

    return judge


def _ratios(expected: Mapping[str, float], remark: str) -> Callable[[Measured], tuple[str, str]]:
    """Multiples of the RNN's value."""

    def judge(measured: Measured) -> tuple[str, str]:
        rnn = _value(measured, "rnn")
        found = {cell: value / rnn for cell in expected if rnn and (value := _value(measured, cell)) is not None}
        if len(found) < 2:
            return NOT_MEASURED, "the ratio needs the RNN and another cell"
        says = " : ".join(f"{ratio:.3g}" for ratio in found.values())
        fits = all(abs(found[cell] - expected[cell]) < 0.05 * expected[cell] for cell in found)
        return (CONFIRMED if fits else CONTRADICTED), f"{' : '.join(c.upper() for c in found)} is {says}{remark}"

    return judge


def _small(measured: Measured) -> tuple[str, str]:
    values = [entry["value"] for entry in measured.values() if entry is not None]
    return (CONFIRMED if values and max(values) < 1e-4 else CONTRADICTED), "rounding alone lies between them"


def _horizon(measured: Measured) -> tuple[str, str]:
    """The claims: RNN below 10 steps, LSTM above 1000, GRU about 100."""
    wrong, open_ = [], []
    for cell, fits in {"rnn": lambda v: v < 10, "lstm": lambda v: v >= 1000, "gru": lambda v: 30 <= v <= 300}.items():
        entry = measured.get(cell)
        if entry is None:
            continue
        if not fits(entry["value"]):
            beyond = " or more" if entry.get("at_least") else ""
            # A horizon that the climb did not reach says nothing against a claim of more.
            if cell == "lstm" and entry.get("at_least"):
                open_.append(cell)
            else:
                wrong.append(f"{cell.upper()} {entry['value']:.0f}{beyond} with {entry['initialization']}")
    if wrong:
        return CONTRADICTED, "; ".join(wrong) + ": what is remembered depends on the first weights"
    return (NOT_MEASURED, "the climb ended before the claim") if open_ else (CONFIRMED, "")


def _half_life(measured: Measured) -> tuple[str, str]:
    orders = [_apart(measured, cell, "rnn") for cell in ("lstm", "gru") if measured.get(cell) is not None]
    if not orders or None in orders:
        return NOT_MEASURED, "needs the RNN and a gated cell"
    if all(orders):
        return CONFIRMED, "gradients of the gated cells live longer"
    reverse = [_apart(measured, "rnn", cell) for cell in ("lstm", "gru") if measured.get(cell) is not None]
    if any(reverse):
        return CONTRADICTED, "on this data the RNN's gradients live longer than a gated cell's"
    return NOT_MEASURED, "measured, but the intervals overlap"


def _speed(measured: Measured) -> tuple[str, str]:
    pairs = [("rnn", "gru"), ("rnn", "lstm"), ("gru", "lstm")]
    found = {pair: _apart(measured, *pair) for pair in pairs if None not in map(measured.get, pair)}
    if not found:
        return NOT_MEASURED, "needs two cells"
    if all(found.values()):
        return CONFIRMED, ""
    if any(_apart(measured, slow, fast) for fast, slow in found):
        return CONTRADICTED, ""
    return NOT_MEASURED, "measured, but the intervals overlap"


def _gap(measured: Measured) -> tuple[str, str]:
    gru, others = measured.get("gru"), [measured.get("rnn"), measured.get("lstm")]
    if gru is None or None in others:
        return NOT_MEASURED, "“medium” needs all three cells"
    low, high = sorted((entry for entry in others if entry is not None), key=lambda entry: entry["value"])
    if low["high"] < gru["low"] and gru["high"] < high["low"]:
        return CONFIRMED, ""
    if gru["high"] < low["low"] or gru["low"] > high["high"]:
        return CONTRADICTED, "the GRU's gap is not between the others'"
    return NOT_MEASURED, "measured, but the intervals overlap"


def _nothing_said(remark: str) -> Callable[[Measured], tuple[str, str]]:
    return lambda measured: (NOT_MEASURED, remark)


def _claims(rnn: str | None, lstm: str | None, gru: str | None) -> dict[str, str | None]:
    return {"rnn": rnn, "lstm": lstm, "gru": gru}


ROWS = (
    Row(
        "gates", "Gates", "gates",
        _claims("0", "3 (input, forget, output)", "2 (update, reset)"),
        "Blocks of weights in the layer's own tensors, less the one that makes the new state.",
        _equals({"rnn": 0, "lstm": 3, "gru": 2}),
    ),
    Row(
        "memory", "Memory", "states",
        _claims(
            "hidden state h only", "explicit cell state c and hidden state h", "implicit, in the gated update of h"
        ),
        "Tensors of state that the layer hands from step to step.",
        _equals({"rnn": 1, "lstm": 2, "gru": 1}),
    ),
    Row(
        "core_operation", "Core operation", "largest distance",
        _claims("direct state transfer", "gated cell-state update", "gated mixing with a candidate state"),
        "The layer's output over a real sequence against what the equation makes of its traced gates.",
        _small,
    ),
    Row(
        "macs_per_step", "Cost of a step", "multiply-adds",
        _claims("O(d²), 1 set of weights", "O(4d²), 4 sets", "O(3d²), 3 sets"),
        "Multiply-adds of the matrix products of one step of one sequence, counted from the tensors.",
        _ratios({"rnn": 1, "lstm": 4, "gru": 3}, ""),
    ),
    Row(
        "memory_horizon", "Long-range dependence", "steps",
        _claims("poor (< 10)", "excellent (> 1000)", "good (~100)"),
        "The longest lag at which one of 8 symbols is learned to be recalled within the budget of updates: the median "
        "over seeds, with the initialization that reaches farthest (64 hidden features, Adam at 1e-2, then 3e-3).",
        _horizon,
    ),
    Row(
        "gradient_half_life", "Vanishing gradient", "steps",
        _claims("severe", "much relieved", "well relieved"),
        "Steps in which the norm of ∂h(T)/∂s(T−k) halves, after training (geometric mean over seeds); s is all of "
        "the state.",
        _half_life,
    ),
    Row(
        "parameters", "Parameters", "numbers",
        _claims("fewest", "most (“3× RNN”)", "medium (“2× RNN”)"),
        "Weights and biases of the recurrent layer, counted from the tensors.",
        _ratios({"rnn": 1, "lstm": 3, "gru": 2}, ", not 1 : 3 : 2"),
    ),
    Row(
        "training_speed", "Training speed", "sequences/s",
        _claims("fastest", "slowest", "faster than LSTM"),
        "Forward and backward of a batch of the data's shape on this machine: the median of a time for every seed, the "
        "cells in turns, with the slowest and the fastest.",
        _speed,
    ),
    Row(
        "streaming_latency", "Streaming latency", "µs/step",
        _claims(None, None, None),
        "One step of one sequence in inference mode on this machine; as the training speed.",
        _nothing_said("nothing is commonly said of it"),
    ),
    Row(
        "generalization_gap", "Risk of overfitting", "score",
        _claims(None, None, "medium"),
        "Training score less test score after training on the smallest share of the data (for regression, log10 of the "
        "ratio of the errors).",
        _gap,
    ),
    Row(
        "score", "Score", "",
        _claims(None, None, None),
        "On the test part, at equal hidden size, with the learning rate that did best in validation.",
        _nothing_said("the verdict compares them"),
    ),
    Row(
        "typical_use", "Typical use", "",
        _claims(
            "simple sequence classification",
            "translation, speech recognition",
            "text generation, time-series forecasting",
        ),
        "A custom, not a property: the score on your data is what speaks.",
        _nothing_said("a custom, not a property"),
    ),
)  # fmt: skip
"""In the order of the table."""
