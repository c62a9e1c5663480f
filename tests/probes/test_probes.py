"""The probes against what can be known otherwise: autograd, a FLOP counter, the layers themselves."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import tidegate
from tidegate.kernels import use_backend
from tidegate.layers import INITIALIZATIONS, initialize, layer_of
from tidegate.probes import cost, gradient_flow, memory_horizon, saturation, solve_recall, speed, trace_gates
from tidegate.probes.memory import horizon_of

CELLS = ["rnn", "lstm", "gru"]


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_cost_is_what_a_flop_counter_counts(cell, options):
    layer = layer_of(cell)(input_size=3, hidden_size=5, **options)
    with FlopCounterMode(display=False) as counter, use_backend("reference"):
        layer(torch.randn(7, 2, 3))
    assert cost(layer).macs_per_step == counter.get_total_flops() / 2 / 7 / 2
    assert cost(layer).parameters == sum(p.numel() for p in layer.parameters())


def test_the_cells_cost_1_4_3():
    macs = [cost(layer_of(cell)(input_size=6, hidden_size=10)).macs_per_step for cell in CELLS]
    assert [m / macs[0] for m in macs] == [1, 4, 3]


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_is_autograds(cell):
    layer = layer_of(cell)(input_size=2, hidden_size=4, dtype=torch.float64)
    x = torch.randn(6, 2, dtype=torch.float64)
    flow = gradient_flow(layer, x, lags=4)
    _, state = layer(x[:3])
    state = tuple(s.detach().requires_grad_() for s in (state if cell == "lstm" else (state,)))

    def last(*state):
        return layer(x[3:], state if cell == "lstm" else state[0])[0][-1]

    jacobians = torch.autograd.functional.jacobian(last, state)
    exact = torch.cat([jacobian.reshape(4, 4) for jacobian in jacobians], dim=1).norm()
    assert flow.norms[3] == pytest.approx(float(exact) / 2, rel=1e-9)  # the identity's norm is √4


def test_half_life_is_that_of_a_known_decay():
    layer = nn.RNN(1, 3, bias=False)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(0.5 * torch.eye(3))
        layer.weight_ih_l0.zero_()
    flow = gradient_flow(layer, torch.zeros(20, 1), lags=15)
    assert flow.half_life == pytest.approx(1)
    assert flow.norms[:4] == pytest.approx([1, 0.5, 0.25, 0.125])


@pytest.mark.parametrize("cell", CELLS)
def test_traces_end_in_the_layers_own_states(cell):
    layer = layer_of(cell)(input_size=2, hidden_size=4, num_layers=2, bidirectional=True)
    x = torch.randn(9, 3, 2)
    output, final = layer(x)
    traces = trace_gates(layer, x, index=1)
    torch.testing.assert_close(traces["h"], output[:, :, :4])
    if cell == "lstm":
        torch.testing.assert_close(traces["c"][-1], final[1][2])
        torch.testing.assert_close(traces["o"] * traces["c"].tanh(), traces["h"])
        kept = traces["f"][1:] * traces["c"][:-1] + traces["i"][1:] * traces["g"][1:]
        torch.testing.assert_close(kept, traces["c"][1:])
    if cell == "gru":
        z, n, h = traces["z"][1:], traces["n"][1:], traces["h"]
        torch.testing.assert_close((1 - z) * n + z * h[:-1], h[1:])


def test_saturation_counts_gates_and_not_states():
    traces = {"i": torch.tensor([0.0, 0.5]), "h": torch.tensor([0.0, 0.0]), "z": torch.tensor([0.5])}
    assert saturation(traces) == {"i": 0.5, "z": 0.0}


def test_recall_is_not_solved_by_chance():
    attempt = solve_recall("rnn", lag=200, hidden_size=8, updates=20, initialization="torch")
    assert not attempt.solved
    assert attempt.accuracy < 0.6


def test_the_climb_ends_where_it_fails():
    attempts = memory_horizon("rnn", lags=[2, 400, 800], hidden_size=16, updates=100, learning_rates=[1e-2])
    assert [attempt.lag for attempt in attempts] == [2, 400]
    assert horizon_of(attempts) == 2


def test_chrono_remembers_longer_than_torchs_own():
    lags = {
        name: horizon_of(
            memory_horizon(
                "lstm", initialization=name, lags=[5, 60], hidden_size=32, updates=200, learning_rates=[1e-2]
            )
        )
        for name in ("torch", "chrono")
    }
    assert lags["chrono"] == 60
    assert lags["torch"] < 60


@pytest.mark.parametrize(("name", "cell"), [(name, cell) for name, cells in INITIALIZATIONS.items() for cell in cells])
def test_every_initialization_gives_finite_weights_of_its_own(name, cell):
    layer = initialize(layer_of(cell)(input_size=3, hidden_size=8, num_layers=2, bidirectional=True), name, horizon=50)
    assert all(torch.isfinite(p).all() for p in layer.parameters())
    if name in ("orthogonal", "identity"):
        block = layer.weight_hh_l1_reverse[:8]
        torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=0)
    if name == "chrono":
        keep = layer.bias_ih_l0[8:16]
        assert keep.min() >= 0
        assert keep.max() <= np.log(49)


def test_an_initialization_of_another_cell_is_refused():
    with pytest.raises(tidegate.TidegateError, match="chrono.*for rnn; wanted one of torch, orthogonal, identity"):
        initialize(tidegate.RNN(1, 2), "chrono")


def test_speed_is_measured_in_either_layout():
    for batch_first in (False, True):
        measured = speed(tidegate.GRU(2, 4, batch_first=batch_first), seq_len=5, batch_size=3, repeats=3)
        low, mid, high = measured.sequences_per_second
        assert 0 < low <= mid <= high
