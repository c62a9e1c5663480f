"""The graph of a cell's equations, computed, is the cell."""

import pytest
import torch

from tests.close import assert_matches
from tidegate.cells import gru_step, lstm_step, rnn_step
from tidegate.cells.description import DESCRIPTIONS
from tidegate.report.wiring import wire

B, I, H = 2, 3, 5
SIGNS = {"×": torch.mul, "+": torch.add, "1−": lambda value: 1 - value, "tanh": torch.tanh, "σ": torch.sigmoid}


def compute(node, known):
    """The value of a node, from x, the old states, and the weights by their names."""
    if node.kind == "state":
        return known[node.label]
    inputs = [compute(operand, known) for operand in node.inputs]
    if node.kind == "operator":
        return SIGNS[node.label](*inputs)
    for term in node.terms.split(" + "):
        weight, _, value = term.partition(" ")
        inputs.append(known[value] @ known[weight].T if value else known[weight])
    return SIGNS.get(node.label, torch.clone)(sum(inputs))


def draws(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("cell", DESCRIPTIONS)
def test_the_graph_computes_the_cell(cell):
    symbols = [block.symbol for block in DESCRIPTIONS[cell].blocks]
    known = {"x": draws(B, I), "h": draws(B, H), "c": draws(B, H), "b_hn": draws(H)}
    for symbol in symbols:
        end = f"_{symbol}" if len(symbols) > 1 else ""
        known |= {f"W{end}": draws(H, I), f"U{end}": draws(H, H), f"b{end}": draws(H)}
    w_ih, w_hh, b = (
        torch.cat([value for name, value in known.items() if name[0] == part and name != "b_hn"]) for part in "WUb"
    )
    h, x_gates = known["h"], known["x"] @ w_ih.T + b
    if cell == "lstm":
        expected = dict(zip(("h'", "c'"), lstm_step(h, known["c"], x_gates, w_hh), strict=True))
    elif cell == "gru":
        expected = {"h'": gru_step(h, x_gates, w_hh, known["b_hn"])}
    else:
        expected = {"h'": rnn_step(h, x_gates, w_hh)}
    values = wire(DESCRIPTIONS[cell])
    assert_matches({name: compute(values[name], known) for name in expected}, expected, dtype=torch.float64)


@pytest.mark.parametrize("cell", DESCRIPTIONS)
def test_the_boxes_apply_what_the_description_says(cell):
    boxes = [node for node in wire(DESCRIPTIONS[cell]).values() if node.block]
    assert {node.block: node.label for node in boxes} == {b: b.activation for b in DESCRIPTIONS[cell].blocks}
