"""The network of the tasks: what is behind the end of a sequence never shows, and every readout is what it says."""

import numpy as np
import pytest
import torch

from tests.close import assert_matches
from tidegate.errors import ConfigError
from tidegate.tasks import SequenceClassifier, SequenceRegressor
from tidegate.tasks.network import READOUTS, SequenceNetwork


def network(**options):
    torch.manual_seed(0)
    arguments = {
        "cell": "gru", "hidden_size": 4, "num_layers": 1, "bidirectional": True, "dropout": 0.0, "noise": 0.0,
        "readout": ("last", "mean", "max"), "patch": 1, "initialization": "torch", "horizon": 9, "per_step": False,
    }  # fmt: skip
    return SequenceNetwork(3, 5, **(arguments | options)).double().eval()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("readout", READOUTS)
def test_a_sequence_in_a_batch_is_read_as_alone(readout, patch, cell):
    made = network(readout=(readout,), patch=patch, cell=cell)
    x, lengths = torch.full((4, 9, 3), 1e6, dtype=torch.float64), torch.tensor([9, 1, 4, 6])
    alone = []
    for row, n in zip(x, lengths, strict=True):
        row[:n] = torch.randn(int(n), 3, dtype=torch.float64)
        alone.append(made(row[None, :n]))
    assert_matches({"outputs": made(x, lengths)}, {"outputs": torch.cat(alone)}, dtype=torch.float64)


def test_noise_behind_the_end_does_not_show():
    made = network(patch=2, noise=1e6).train()
    made._late = lambda x, lengths: (x, lengths)
    x, lengths = torch.zeros(2, 8, 3, dtype=torch.float64), torch.tensor([8, 3])
    made.rnn = Seen()
    with pytest.raises(StopIteration):
        made(x, lengths)
    first, second = made.rnn.x
    assert first.all()
    assert second[0].all() and second[1, :3].all() and not second[1, 3:].any() and not second[2:].any()


def test_in_training_a_patch_begins_anywhere():
    made = network(patch=3).train()
    made.rnn = Seen()
    x, begins = torch.arange(8.0, dtype=torch.float64).reshape(1, 8, 1).expand(1, 8, 3), set()
    for _ in range(50):
        with pytest.raises(StopIteration):
            made(x)
        begins.add(made.rnn.x[0, 0, 0].item())
    assert begins == {0, 1, 2}


def test_a_sequence_shorter_than_a_patch_keeps_a_step_in_training():
    made = network(patch=5).train()
    outputs = [made(torch.randn(3, 9, 3, dtype=torch.float64), torch.tensor([9, 1, 4])) for _ in range(20)]
    assert all(output.isfinite().all() for output in outputs)


class Seen(torch.nn.Module):
    def forward(self, x, lengths):
        self.x = x
        raise StopIteration


@pytest.mark.parametrize(("readout", "states"), [("mean", lambda h: h.mean(1)), ("max", lambda h: h.amax(1))])
def test_a_readout_is_what_it_says(readout, states):
    made = network(readout=(readout,))
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    expected = made.readout(states(made.rnn(x)[0]))
    assert_matches({"outputs": made(x)}, {"outputs": expected}, dtype=torch.float64)


def test_attention_without_preference_is_the_mean():
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    attends, means = network(readout=("attention",)), network(readout=("mean",))
    torch.nn.init.zeros_(attends.attention.weight)
    assert_matches({"outputs": attends(x)}, {"outputs": means(x)}, dtype=torch.float64)


LONG = np.random.default_rng(0).normal(size=(20, 200, 1))


def test_one_target_a_sequence_is_read_from_both_ends_in_about_60_patches():
    model = SequenceClassifier(hidden_size=2, steps=1).fit(LONG, np.arange(20) % 2)
    assert (model.design_["patch"], model.design_["bidirectional"]) == (3, True)
    assert model.network_.rnn.input_size == 3


def test_one_long_sequence_does_not_blur_the_others():
    X = [np.ones((20, 1)) * (k % 2) for k in range(40)] + [np.ones((3_000, 1))]
    assert SequenceClassifier(hidden_size=2, steps=1).fit(X, np.arange(41) % 2).design_["patch"] == 1


def test_a_target_of_a_step_is_told_from_what_came_before():
    model = SequenceRegressor(hidden_size=2, steps=1).fit(LONG, LONG)
    changed = LONG.copy()
    changed[:, 100:] += 1
    assert np.array_equal(model.predict(changed)[:, :100], model.predict(LONG)[:, :100])


@pytest.mark.parametrize("options", [{"patch": 2}, {"readout": "mean"}])
def test_a_target_of_a_step_has_no_readout_or_patches(options):
    with pytest.raises(ConfigError, match=rf"got {next(iter(options))}=.* for a target of every step"):
        SequenceRegressor(hidden_size=2, steps=1, **options).fit(LONG, LONG)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"readout": "first"}, "got readout='first'; wanted all, or some of last, mean, max, attention by commas"),
        ({"readout": "last,last"}, "readout='last,last'"),
        ({"readout": ["last"]}, "readout="),
        ({"patch": 0}, "got patch=0; wanted a whole number of at least 1"),
        ({"noise": -1}, "got noise=-1; wanted a number at least 0"),
        ({"cell": "gru", "initialization": "identity"}, "'identity' for gru; wanted one of torch, chrono, orthogonal"),
        ({"bidirectional": "yes"}, "bidirectional='yes'"),
    ],
)
def test_what_cannot_be_built_is_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        SequenceClassifier(**options).fit(LONG, np.arange(20) % 2)


def test_chrono_begins_with_a_memory_as_long_as_the_sequences():
    model = SequenceClassifier("lstm", hidden_size=64, initialization="chrono", patch=2, steps=1, learning_rate=1e-9)
    bias = model.fit(LONG, np.arange(20) % 2).network_.rnn.bias_ih_l0[64:128].exp()
    assert 50 < bias.max() < 100
