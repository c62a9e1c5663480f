"""When a difference stands, and what is then said."""

import numpy as np
import pytest

from tidegate.compare.verdict import Contestant, decide, difference, interval

NOISE = np.random.default_rng(0)


def answers(name, rate, seeds=3, n=400, noise=NOISE):
    """A cell whose every seed is wrong at a rate, on sequences of its own."""
    return Contestant(name, [(noise.random(n) < rate).astype(float) for _ in range(seeds)], "accuracy")


def baseline(rate, noise=NOISE):
    return {"most frequent class": answers("most frequent class", rate, seeds=1, noise=noise)}


def cells(**rates):
    return {name: answers(name, rate) for name, rate in rates.items()}


def test_a_contestant_does_not_differ_from_itself():
    a = answers("lstm", 0.2)
    assert difference(a, a).value == 0
    assert not difference(a, a).stands


def test_a_difference_has_a_sign_and_an_opposite():
    a, b = answers("lstm", 0.05), answers("rnn", 0.4)
    assert difference(a, b).value > difference(a, b).margin
    assert difference(b, a).value == pytest.approx(-difference(a, b).value)
    assert difference(b, a).margin == pytest.approx(difference(a, b).margin)


def test_equal_rates_are_seldom_told_apart():
    noise = np.random.default_rng(1)
    told = [difference(answers("a", 0.1, noise=noise), answers("b", 0.1, noise=noise)).stands for _ in range(600)]
    assert np.mean(told) < 0.07


def test_a_spread_between_seeds_widens_the_margin():
    steady = Contestant("lstm", [np.repeat([0.0, 1.0], [90, 10])] * 3, "accuracy")
    unsteady = Contestant("gru", [np.repeat([0.0, 1.0], [100 - k, k]) for k in (1, 10, 19)], "accuracy")
    other = answers("rnn", 0.1, n=100)
    assert difference(unsteady, other).margin > difference(steady, other).margin


def test_errors_of_steps_are_compared_as_ratios():
    errors = np.random.default_rng(2).exponential(size=(3, 50))
    a, b = Contestant("gru", list(errors / 10), "mse"), Contestant("rnn", list(errors), "mse")
    assert difference(a, b).value == pytest.approx(1)
    scaled = [Contestant(c.name, [1e-6 * e for e in c.errors], "mse") for c in (a, b)]
    assert difference(*scaled).margin == pytest.approx(difference(a, b).margin)


def test_the_interval_of_a_mean_is_students():
    from scipy.stats import ttest_1samp

    values = [0.9, 0.93, 0.95]
    assert interval(values) == pytest.approx(ttest_1samp(values, 0).confidence_interval())
    assert interval([0.5]) == (0.5, 0.5)


def test_the_best_cell_is_named_where_it_leads_in_both_settings():
    both = cells(rnn=0.4, lstm=0.05, gru=0.2)
    verdict = decide(both, both, baseline(0.6))
    assert verdict["cell"] == "lstm"
    assert verdict["sentence"].startswith("LSTM (9")


def test_a_lead_by_size_alone_names_no_cell():
    verdict = decide(cells(rnn=0.3, lstm=0.05), cells(rnn=0.05, lstm=0.05), baseline(0.6))
    assert verdict["cell"] is None
    assert "the size makes the difference, not the kind of cell" in verdict["sentence"]


def test_cells_that_cannot_be_told_apart_are_all_named_with_the_cheapest():
    both = cells(rnn=0.4, lstm=0.1, gru=0.1)
    verdict = decide(both, both, baseline(0.6))
    assert verdict["cell"] is None
    assert "the GRU is the cheapest of them" in verdict["sentence"]
    assert "RNN (" in verdict["sentence"]


def test_noise_needs_no_recurrent_network():
    both = cells(rnn=2 / 3, lstm=2 / 3, gru=2 / 3)
    verdict = decide(both, both, baseline(2 / 3))
    assert verdict["cell"] is None
    assert verdict["sentence"].startswith("No cell beats the baseline “most frequent class”")


def test_nothing_left_to_compare():
    assert decide({}, {}, baseline(0.5))["cell"] is None
    alone = cells(gru=0.1)
    assert "Only one cell was compared" in decide(alone, alone, baseline(0.6))["sentence"]
