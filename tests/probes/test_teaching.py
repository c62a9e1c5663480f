"""What the plots for slides are made of is what they say."""

import numpy as np
import pytest

from tidegate.probes.teaching import gradients_by_lag, recall_by_lag, train_adder

CELLS = ("rnn", "lstm", "gru")


def test_chrono_weights_pass_gradients_over_longer_lags_than_the_default():
    found = gradients_by_lag(["lstm", "gru"], lags=30, hidden_size=16)
    for by_weights in found.values():
        assert by_weights["chrono"][:, -1].min() > 100 * by_weights["torch"][:, -1].max()
        assert by_weights["torch"].shape == (3, 31)


def test_longer_lags_are_tried_until_no_network_solves_one():
    said = []
    found = recall_by_lag(
        ["gru"], lags=[2, 4000], updates=60, hidden_size=8, seeds=[0], tell=lambda *one: said.append(one)
    )
    for chain in found["gru"].values():
        assert chain[0].lag == 2
        assert all(level.solved for level in chain[:-1])
        assert len(chain) == 2 or not chain[0].solved
    done, total, _ = said[-1]
    assert done == total == len(said)


@pytest.mark.parametrize("cell", CELLS)
def test_an_adder_learns_and_its_traces_fit_together(cell):
    few, many = (train_adder(cell, steps=6, hidden_size=8, updates=updates) for updates in (2, 150))
    assert many.error < few.error / 2
    assert {trace.shape[0] for trace in many.traces.values()} == {6}
    x = many.traces["x"]
    assert many.target == pytest.approx(np.cumsum(x[:, 0] * x[:, 1]), abs=1e-6)


def test_the_seed_decides():
    a, b, c = (train_adder("gru", steps=4, hidden_size=4, updates=3, seed=seed).output for seed in (0, 0, 1))
    assert (a == b).all()
    assert (a != c).any()
