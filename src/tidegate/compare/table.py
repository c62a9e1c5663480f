"""The rows of the table: common claims about the cells, how each is measured, and when a measurement confirms it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.layers import weights_called

Measured = Mapping[str, Mapping[str, Any] | None]
"""By cell: value, low, high and seeds; none where a cell failed or was not compared."""


@dataclass(frozen=True)
class Row:
    """A property of the cells, a common claim about it, and how it is measured here."""

    name: str
    title: str
    unit: str
    claim: Mapping[str, str | None]
    how: str
    judge: Callable[[Measured], tuple[str, str]]
    """From the measured values to the agreement with the claim, and a remark."""
    measure: str = ""
    """The quantity that the numbers give, where the title does not name it."""
    sources: str = ""
    """Publications that the claim goes back to; see REFERENCES."""


CONFIRMED, CONTRADICTED, NOT_MEASURED = "confirmed", "contradicted", "not measured"


def judged(row: Row, measured: Measured) -> tuple[str, str]:
    """The agreement of the measured values with the claim, and a remark."""
    if all(value is None for value in measured.values()):
        return NOT_MEASURED, row.judge({})[1]
    return row.judge(measured)


def _value(measured: Measured, cell: str) -> float | None:
    entry = measured.get(cell)
    return None if entry is None else entry["value"]


def _apart(measured: Measured, more: str, less: str) -> bool | None:
    """Whether one cell's interval lies above another's; none where either is missing."""
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
    return (
        CONFIRMED if values and max(values) < 1e-4 else CONTRADICTED
    ), "the output equals the equation up to rounding"


def _horizon(measured: Measured) -> tuple[str, str]:
    """Compare with the claims: RNN below 10 steps, LSTM above 1,000, GRU about 100."""
    wrong, open_ = [], []
    for cell, fits in {"rnn": lambda v: v < 10, "lstm": lambda v: v >= 1000, "gru": lambda v: 30 <= v <= 300}.items():
        entry = measured.get(cell)
        if entry is None:
            continue
        if not fits(entry["value"]):
            beyond = " or more" if entry.get("at_least") else ""
            # Where every lag that was tried is solved, a claim of more steps is not contradicted.
            if cell == "lstm" and entry.get("at_least"):
                open_.append(cell)
            else:
                weights = weights_called(entry["initialization"])
                wrong.append(f"{cell.upper()} {entry['value']:,.0f}{beyond} with {weights} weights")
    if wrong:
        return CONTRADICTED, "; ".join(wrong) + "; the initial weights decide how far a cell remembers"
    return (NOT_MEASURED, "no lag as long as the claim was tried") if open_ else (CONFIRMED, "")


def _half_life(measured: Measured) -> tuple[str, str]:
    orders = [_apart(measured, cell, "rnn") for cell in ("lstm", "gru") if measured.get(cell) is not None]
    if not orders or None in orders:
        return NOT_MEASURED, "needs the RNN and a gated cell"
    if all(orders):
        return CONFIRMED, "the gradients of the gated cells decay more slowly"
    reverse = [_apart(measured, "rnn", cell) for cell in ("lstm", "gru") if measured.get(cell) is not None]
    if any(reverse):
        return CONTRADICTED, "on this data the RNN's gradient decays more slowly than a gated cell's"
    return NOT_MEASURED, "the intervals overlap"


def _speed(measured: Measured) -> tuple[str, str]:
    pairs = [("rnn", "gru"), ("rnn", "lstm"), ("gru", "lstm")]
    found = {pair: _apart(measured, *pair) for pair in pairs if None not in map(measured.get, pair)}
    if not found:
        return NOT_MEASURED, "needs two cells"
    if all(found.values()):
        return CONFIRMED, ""
    if any(_apart(measured, slow, fast) for fast, slow in found):
        return CONTRADICTED, ""
    return NOT_MEASURED, "the intervals overlap"


def _gap(measured: Measured) -> tuple[str, str]:
    gru, others = measured.get("gru"), [measured.get("rnn"), measured.get("lstm")]
    if gru is None or None in others:
        return NOT_MEASURED, "needs all three cells"
    low, high = sorted((entry for entry in others if entry is not None), key=lambda entry: entry["value"])
    if low["high"] < gru["low"] and gru["high"] < high["low"]:
        return CONFIRMED, ""
    if gru["high"] < low["low"] or gru["low"] > high["high"]:
        return CONTRADICTED, "the GRU's gap does not lie between those of the others"
    return NOT_MEASURED, "the intervals overlap"


def _no_claim(remark: str) -> Callable[[Measured], tuple[str, str]]:
    return lambda measured: (NOT_MEASURED, remark)


def _claims(rnn: str | None, lstm: str | None, gru: str | None) -> dict[str, str | None]:
    return {"rnn": rnn, "lstm": lstm, "gru": gru}


ROWS = (
    Row(
        "gates", "Gates", "gates",
        _claims("0", "3 (input, forget, output)", "2 (update, reset)"),
        "The number of weight blocks in the layer's tensors, minus the one that makes the new state or candidate.",
        _equals({"rnn": 0, "lstm": 3, "gru": 2}),
        sources="Hochreiter & Schmidhuber 1997; Gers et al. 2000; Cho et al. 2014",
    ),
    Row(
        "memory", "Memory", "states",
        _claims(
            "hidden state h only", "explicit cell state c and hidden state h", "implicit, in the gated update of h"
        ),
        "The number of state tensors that the layer passes from step to step.",
        _equals({"rnn": 1, "lstm": 2, "gru": 1}),
        sources="Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014",
    ),
    Row(
        "core_operation", "Core operation", "largest distance",
        _claims("direct state transfer", "gated cell-state update", "gated mixing with a candidate state"),
        "The largest difference between the layer's output over a sequence and the output that the cell's equation "
        "gives for the recorded gates.",
        _small,
        sources="Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014",
    ),
    Row(
        "macs_per_step", "Cost of a step", "multiply-adds",
        _claims("O(d²), 1 set of weights", "O(4d²), 4 sets", "O(3d²), 3 sets"),
        "Multiply-adds of the matrix products for one step of one sequence, counted from the tensors.",
        _ratios({"rnn": 1, "lstm": 4, "gru": 3}, ""),
        sources="none needed: it follows from the equations",
    ),
    Row(
        "memory_horizon", "Long-range dependence", "steps",
        _claims("poor (< 10)", "excellent (> 1000)", "good (~100)"),
        "The recall task: the first step shows one of 8 symbols, and after a lag of blank steps the cell must name it. "
        "The longest lag solved within the budget of updates, the median over seeds, for the initialization with the "
        "longest lag (64 hidden features, Adam with a learning rate of 1e-2, then 3e-3).",
        _horizon,
        measure="longest lag recalled",
        sources="Bengio et al. 1994 for the RNN; Hochreiter & Schmidhuber 1997 for the LSTM's 1,000 steps; none known "
        "for the GRU's 100: Chung et al. 2014 found it comparable to the LSTM",
    ),
    Row(
        "gradient_half_life", "Vanishing gradient", "steps",
        _claims("severe", "much relieved", "well relieved"),
        "The number of steps over which the norm of ∂h(T)/∂s(T−k) halves, after training (without data: before "
        "training), as a geometric mean over seeds; s is the whole state, for an LSTM h and c.",
        _half_life,
        measure="half-life of the gradient",
        sources="Bengio et al. 1994; Hochreiter & Schmidhuber 1997; Pascanu et al. 2013; Chung et al. 2014",
    ),
    Row(
        "parameters", "Parameters", "numbers",
        _claims("fewest", "most (“3× RNN”)", "medium (“2× RNN”)"),
        "Weights and biases of the recurrent layer, counted from the tensors.",
        _ratios({"rnn": 1, "lstm": 3, "gru": 2}, ", not 1 : 3 : 2"),
        sources="none known for 3× and 2×; the equations give 4× and 3×",
    ),
    Row(
        "training_speed", "Training speed", "sequences/s",
        _claims("fastest", "slowest", "faster than LSTM"),
        "Forward and backward pass over a batch of the data's shape on this machine. A round takes the median of at "
        "least 20 repetitions for each cell in turn, one round per seed. The number is the median round.",
        _speed,
        sources="Chung et al. 2014 for GRU against LSTM",
    ),
    Row(
        "streaming_latency", "Streaming latency", "µs/step",
        _claims(None, None, None),
        "One step of one sequence in inference mode on this machine, measured in rounds like the training speed.",
        _no_claim("no common claim"),
        measure="time per step",
    ),
    Row(
        "generalization_gap", "Risk of overfitting", "score",
        _claims(None, None, "medium"),
        "The training score minus the test score after training on the smallest share of the data; for regression, the "
        "test error divided by the training error.",
        _gap,
        measure="gap between training and test",
        sources="none known",
    ),
    Row(
        "score", "Score", "",
        _claims(None, None, None),
        "On the test set, at equal hidden size, with the learning rate that was best in validation.",
        _no_claim("see the verdict"),
        sources="Chung et al. 2014 and Jozefowicz et al. 2015 find no cell that is best on every task; Greff et al. "
        "2017 find no variant of the LSTM that is clearly better",
    ),
    Row(
        "typical_use", "Typical use", "",
        _claims(
            "simple sequence classification",
            "translation, speech recognition",
            "text generation, time-series forecasting",
        ),
        "Not measured: a habit rather than a property. The scores on your data are the better guide.",
        _no_claim("a habit, not a property"),
        sources="for the LSTM, Sutskever et al. 2014 (translation) and Graves et al. 2013 (speech); none known for the "
        "others",
    ),
)  # fmt: skip
"""In the order of the table. The claims are those of a survey article; `sources` name the original publications."""

REFERENCES = (
    "Bengio, Simard & Frasconi 1994. Learning long-term dependencies with gradient descent is difficult. IEEE "
    "Transactions on Neural Networks 5(2).",
    "Cho et al. 2014. Learning phrase representations using RNN encoder–decoder for statistical machine translation. "
    "EMNLP.",
    "Chung, Gulcehre, Cho & Bengio 2014. Empirical evaluation of gated recurrent neural networks on sequence modeling. "
    "arXiv:1412.3555.",
    "Elman 1990. Finding structure in time. Cognitive Science 14(2).",
    "Gers, Schmidhuber & Cummins 2000. Learning to forget: continual prediction with LSTM. Neural Computation 12(10).",
    "Graves, Mohamed & Hinton 2013. Speech recognition with deep recurrent neural networks. ICASSP.",
    "Greff, Srivastava, Koutník, Steunebrink & Schmidhuber 2017. LSTM: a search space odyssey. IEEE Transactions on "
    "Neural Networks and Learning Systems 28(10).",
    "Hochreiter & Schmidhuber 1997. Long short-term memory. Neural Computation 9(8).",
    "Jozefowicz, Zaremba & Sutskever 2015. An empirical exploration of recurrent network architectures. ICML.",
    "Pascanu, Mikolov & Bengio 2013. On the difficulty of training recurrent neural networks. ICML.",
    "Sutskever, Vinyals & Le 2014. Sequence to sequence learning with neural networks. NeurIPS.",
    "Tallec & Ollivier 2018. Can recurrent neural networks warp time? ICLR.",
)
"""The publications that the page names."""
