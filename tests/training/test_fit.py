"""What training promises: it learns, it repeats, it stops when the loss does not make sense."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tidegate.data import as_sequences
from tidegate.errors import TrainingError
from tidegate.tasks import SequenceClassifier, SequenceRegressor


def two_classes(n=40, T=5):
    noise = np.random.default_rng(0)
    y = np.arange(n) % 2
    return noise.normal(size=(n, T, 2)) + 2 * y[:, None, None] - 1, y


def weights_of(model):
    return {name: value.clone() for name, value in model.network_.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns():
    X, y = two_classes()
    model = SequenceClassifier(hidden_size=8, steps=60, learning_rate=2e-2).fit(X, y)
    assert model.history_[-1]["train_loss"] < 0.3 * model.history_[0]["train_loss"]


def test_same_seed_same_bits_other_seed_other_bits():
    X, y = two_classes()
    runs = [SequenceClassifier(hidden_size=4, steps=5, dropout=0.5, seed=seed).fit(X, y) for seed in (1, 1, 2)]
    first, again, other = map(weights_of, runs)
    assert same(first, again)
    assert not same(first, other)


def test_the_global_random_state_is_left_alone():
    X, y = two_classes()
    before = torch.get_rng_state()
    SequenceClassifier(hidden_size=4, steps=3).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)


def fit_in_threads(seeds):
    X, y = two_classes()

    def fitted(seed):
        return weights_of(SequenceClassifier(hidden_size=8, steps=30 * seed, dropout=0.5, seed=seed).fit(X, y))

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(fitted, seeds)), [fitted(seed) for seed in seeds]


def test_fits_in_threads_give_the_bits_of_fits_one_after_the_other():
    together, apart = fit_in_threads((1, 2, 1, 2))
    assert all(same(a, b) for a, b in zip(together, apart, strict=True))


def test_fits_in_threads_leave_the_global_random_state_alone():
    before = torch.get_rng_state()
    fit_in_threads((1, 6))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_a_check_scores_targets_of_any_size_in_their_own_unit(scale):
    X = np.random.default_rng(0).normal(size=(20, 6, 1))
    plain, scaled = (
        SequenceRegressor(hidden_size=4, steps=5).fit(X, unit * np.cumsum(X, axis=1)).history_[-1]
        for unit in (1.0, scale)
    )
    assert scaled["validation_mse"] == plain["validation_mse"] * scale**2
    assert scaled["validation_mae"] == plain["validation_mae"] * scale


@pytest.mark.parametrize(("n", "schedule"), [(1, "constant"), (2, "one-cycle")])
def test_the_rate_falls_unless_there_is_but_one_sequence(n, schedule):
    X = np.linspace(-1, 1, 20 * n).reshape(n, 20, 1)
    by_itself, named = (
        SequenceRegressor(hidden_size=4, steps=20, **given).fit(X, np.sin(3 * X))
        for given in ({}, {"schedule": schedule})
    )
    assert same(weights_of(by_itself), weights_of(named))


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 1e-2},
        {"schedule": "constant"},
        {"batch_size": 8},
        {"clip": 1e-3},
        {"weight_decay": 0.5},
        {"validation_share": 0.3},
        {"shift": 1},
        {"dropout": 0.5},
        {"standardize": False},
        {"num_layers": 2},
        {"bidirectional": False},
        {"readout": "last"},
        {"readout": "mean"},
        {"readout": "max"},
        {"readout": "attention"},
        {"patch": 2},
        {"noise": 0.5},
        {"initialization": "orthogonal"},
        {"cell": "lstm"},
        {"cell": "rnn"},
        {"hidden_size": 5},
        {"steps": 9},
    ],
    ids=lambda options: next(iter(options.items())).__repr__(),
)
def test_every_option_changes_something(options):
    X, y = two_classes()
    base = {"hidden_size": 4, "steps": 8}
    plain = SequenceClassifier(**base).fit(X, y)
    changed = SequenceClassifier(**(base | options)).fit(X, y)
    a, b = weights_of(plain), weights_of(changed)
    assert a.keys() != b.keys() or any(a[name].shape != b[name].shape for name in a) or not same(a, b)


def test_an_lstm_begins_with_open_forget_gates():
    X, y = two_classes()
    model = SequenceClassifier("lstm", hidden_size=4, num_layers=2, steps=1, learning_rate=1e-12).fit(X, y)
    for name, bias in model.network_.rnn.named_parameters():
        if "bias" in name:
            torch.testing.assert_close(bias[4:8], torch.full((4,), 1.0 if "_ih" in name else 0.0))


def test_a_loss_that_is_not_finite_stops_with_step_and_rate():
    X, _ = two_classes()
    model = SequenceRegressor(hidden_size=4, steps=5, learning_rate=1e30, schedule="constant")
    with pytest.raises(TrainingError, match=r"loss of (nan|inf) at step \d with learning rate 1e\+30.*such as 1e\+29"):
        model.fit(X, X)


@pytest.mark.parametrize("patch", [1, 2, 3])
@pytest.mark.parametrize("readout", ["all", "attention"])
def test_padding_never_matters(readout, patch):
    X, y = two_classes()
    options = {"hidden_size": 4, "steps": 5, "readout": readout, "patch": patch, "noise": 0.0, "dropout": 0.0}
    lengths = np.arange(40) % 5 + 1
    as_list = SequenceClassifier(**options).fit([x[:n] for x, n in zip(X, lengths, strict=True)], y)
    longer = np.full((40, 9, 2), 7.0)
    longer[:, :5] = X
    padded = SequenceClassifier(**options)
    padded.train(*padded.set_up(padded._with_targets(as_sequences(longer, lengths), y)))
    a, b = weights_of(as_list), weights_of(padded)
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-5, atol=1e-6)


def test_a_plain_loop_trains_the_network_too():
    X, y = two_classes()
    model = SequenceClassifier(hidden_size=8, steps=1).fit(X, y)
    network, x, target = model.network_.train(), torch.tensor(X).float(), torch.tensor(y)
    optimizer = torch.optim.Adam(network.parameters(), 2e-2)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(network(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
