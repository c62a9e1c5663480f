"""torch.nn judges one layer and one direction of every cell, in float64."""

import pytest
import torch
from torch import nn

from tests.close import assert_matches, flat, outputs_and_gradients
from tidegate.cells import gru_step, lstm_step, rnn_step, scan

SIZES = [pytest.param(1, 1, 1, id="smallest"), pytest.param(7, 3, 17, id="odd"), pytest.param(33, 5, 10, id="long")]
KINDS = ["rnn_tanh", "rnn_relu", "lstm", "lstm_projected", "gru"]


def gates_of(kind: str) -> int:
    return {"rnn": 1, "lst": 4, "gru": 3}[kind[:3]]


def cell_inputs(kind: str, T: int, B: int, H: int) -> dict[str, torch.Tensor]:
    G = gates_of(kind)
    P = max(1, H // 2) if kind == "lstm_projected" else H
    inputs = {
        "x": torch.randn(T, B, 3),
        "w_ih": torch.randn(G * H, 3) / 2,
        "w_hh": torch.randn(G * H, P) / H**0.5,
        "b_ih": torch.randn(G * H),
        "b_hh": torch.randn(G * H),
        "h0": torch.randn(B, P),
    }
    if kind.startswith("lstm"):
        inputs["c0"] = torch.randn(B, H)
    if kind == "lstm_projected":
        inputs["w_hr"] = torch.randn(P, H) / H**0.5
    return {name: value.double() for name, value in inputs.items()}


def ours(kind, x, w_ih, w_hh, b_ih, b_hh, h0, c0=None, w_hr=None):
    x_gates = x @ w_ih.T + b_ih
    if kind == "gru":
        H = w_hh.shape[1]
        x_gates = x_gates + torch.cat([b_hh[: 2 * H], torch.zeros(H, dtype=x.dtype)])
        states, final = scan(lambda s, g: (gru_step(s[0], g, w_hh, b_hh[2 * H :]),), x_gates, (h0,))
    elif kind.startswith("lstm"):
        states, final = scan(lambda s, g: lstm_step(*s, g, w_hh, w_hr), x_gates + b_hh, (h0, c0))
    else:
        nonlinearity = kind.removeprefix("rnn_")
        states, final = scan(lambda s, g: (rnn_step(s[0], g, w_hh, nonlinearity),), x_gates + b_hh, (h0,))
    return states[0], *final


def torchs(kind, x, w_ih, w_hh, b_ih, b_hh, h0, c0=None, w_hr=None):
    weights = {"weight_ih_l0": w_ih, "weight_hh_l0": w_hh, "bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    H = b_ih.shape[0] // gates_of(kind)
    if kind.startswith("lstm"):
        P = 0
        if w_hr is not None and H > 1:
            weights["weight_hr_l0"], P = w_hr, w_hr.shape[0]
        module = nn.LSTM(3, H, proj_size=P, dtype=torch.float64)
        state = (h0[None], c0[None])
    elif kind == "gru":
        module, state = nn.GRU(3, H, dtype=torch.float64), h0[None]
    else:
        module, state = nn.RNN(3, H, nonlinearity=kind.removeprefix("rnn_"), dtype=torch.float64), h0[None]
    output, *final = flat(torch.func.functional_call(module, weights, (x, state)))
    return output, *(f[0] for f in final)


@pytest.mark.parametrize(("T", "B", "H"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_torch_forward_and_every_gradient(kind, T, B, H):
    if kind == "lstm_projected":
        H += 1  # torch.nn wants a projection smaller than the state
    inputs = cell_inputs(kind, T, B, H)
    assert_matches(
        outputs_and_gradients(lambda **leaves: ours(kind, **leaves), inputs),
        outputs_and_gradients(lambda **leaves: torchs(kind, **leaves), inputs),
        dtype=torch.float64,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_are_right(kind):
    inputs = cell_inputs(kind, 3, 2, 2)
    if kind == "rnn_relu":
        inputs["b_ih"] += 5  # away from the kink
    names = list(inputs)
    leaves = tuple(value.requires_grad_() for value in inputs.values())
    assert torch.autograd.gradgradcheck(lambda *v: ours(kind, **dict(zip(names, v, strict=True))), leaves)
