"""Recurrent dropout and zoneout, judged by the equations, and the states of all steps beside them."""

import copy
import pickle

import pytest
import torch
from torch import nn

import tidegate
from tests.close import assert_matches, outputs_and_gradients
from tidegate.errors import BackendError, ConfigError, ShapeError
from tidegate.kernels import use_backend
from tidegate.kernels.cpu import layer as kernels

CELLS = ["RNN", "LSTM", "GRU"]
compiled_kernels = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))
NOISE = {
    "none": {},
    "dropout": {"recurrent_dropout": 0.4},
    "zoneout": {"zoneout": 0.3},
    "both": {"recurrent_dropout": 0.25, "zoneout": 0.2},
}
CALLS = [  # T, B, I, H
    *(((7, 3, 5, 17), kind) for kind in ("full", "ragged", "resets")),
    *(((1, 2, 3, 4), "full"), ((20, 1, 2, 40), "resets"), ((6, 40, 30, 70), "ragged"), ((4, 20, 9, 130), "full")),
]


class Everything(nn.Module):
    """A layer's output, final state, and states of all steps, as it draws them from a seed."""

    def __init__(self, layer, **options):
        super().__init__()
        self.rnn, self.options = layer, options

    def forward(self, x, *state):
        torch.manual_seed(5)
        hx = None if not state else state if len(state) == 2 else state[0]
        output, *others = self.rnn(x, hx, **self.options)
        return output, *(part for other in others for part in (other if isinstance(other, tuple) else (other,)))


def results(layer, backend, dtype, given, **options):
    model = Everything(layer, **options)
    weights = {f"rnn.{name}": weight.detach() for name, weight in layer.named_parameters()}

    def run(**leaves):
        own = {name: leaves.pop(name) for name in weights}
        with use_backend(backend):
            return torch.func.functional_call(model, own, tuple(leaves.values()))

    return outputs_and_gradients(run, {name: value.to(dtype) for name, value in (given | weights).items()})


def inputs(layer, T, B):
    L = layer.num_layers * (1 + layer.bidirectional)
    given = {"x": torch.randn(T, B, layer.input_size), "h0": torch.randn(L, B, layer.hidden_size) / 2}
    return given | ({"c0": torch.randn(L, B, layer.hidden_size) / 2} if layer.mode == "LSTM" else {})


@compiled_kernels
@pytest.mark.parametrize(("sizes", "kind"), CALLS, ids=str)
@pytest.mark.parametrize("noise", list(NOISE))
@pytest.mark.parametrize("cell", [*CELLS, "RELU"])
def test_the_kernels_agree_with_the_equations(cell, noise, sizes, kind):
    T, B, I, H = sizes
    options = {"nonlinearity": "relu"} if cell == "RELU" else {}
    make = tidegate.RNN if cell == "RELU" else getattr(tidegate, cell)
    layer = make(I, H, num_layers=2, bidirectional=B < 20, **NOISE[noise], **options)
    call = {
        "full": {},
        "ragged": {"lengths": torch.randint(0, T + 1, (B,))},
        "resets": {"resets": torch.rand(T, B) < 0.3},
    }[kind] | {"return_states": True}
    given = inputs(layer, T, B)
    exact = results(layer, "reference", torch.float64, given, **call)
    assert_matches(results(layer, "cpu", torch.float64, given, **call), exact, torch.float64)


@compiled_kernels
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("zoneout", [0.3, (0.5, 0.05), (0.0, 0.4)], ids=str)
def test_an_lstm_holds_h_and_c_each_at_its_rate(zoneout, training):
    layer = tidegate.LSTM(4, 9, zoneout=zoneout).train(training)
    given = inputs(layer, 6, 3)
    exact = results(layer, "reference", torch.float64, given)
    assert_matches(results(layer, "cpu", torch.float64, given), exact, torch.float64)


def test_zoneout_holds_the_values_of_the_state():
    layer, x = tidegate.GRU(3, 200, zoneout=0.3), torch.randn(10, 4, 3)
    h = layer(x)[0]
    held = h[1:] == h[:-1]
    assert 0.25 < held.float().mean() < 0.35


def test_recurrent_dropout_drops_the_same_features_at_every_step():
    layer = tidegate.RNN(1, 6, nonlinearity="relu", recurrent_dropout=0.5, bias=False)
    nn.init.eye_(layer.weight_hh_l0)
    nn.init.ones_(layer.weight_ih_l0)
    h = layer(torch.ones(5, 3, 1))[0]  # without dropout 1, 2, 3, …; a feature that is dropped stays at 1
    dropped = h[1] == 1
    assert dropped.any() and not dropped.all()
    assert torch.equal(h[4] == 1, dropped)
    assert (h[1][~dropped] == 3).all()  # the others are doubled


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_draws_the_same_noise(cell):
    layer, x = getattr(tidegate, cell)(3, 5, recurrent_dropout=0.3, zoneout=0.2), torch.randn(6, 2, 3)

    def run(seed):
        torch.manual_seed(seed)
        return layer(x)[0]

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


def test_in_evaluation_dropout_is_off_and_zoneout_is_its_mean():
    layer, x = tidegate.GRU(3, 5, recurrent_dropout=0.5), torch.randn(6, 2, 3)
    plain = tidegate.GRU(3, 5)
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(layer.eval()(x)[0], plain(x)[0])
    held = tidegate.GRU(3, 5, zoneout=0.25).eval()
    held.load_state_dict(layer.state_dict())
    first, _ = plain(x[:1])
    torch.testing.assert_close(held(x[:1])[0], 0.75 * first)
    with torch.no_grad():
        torch.testing.assert_close(held(x[:1])[0], 0.75 * first)


def test_noise_survives_copies_and_shows_in_the_text():
    layer = tidegate.LSTM(3, 5, recurrent_dropout=0.25, zoneout=(0.1, 0.2))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert (other.recurrent_dropout, other.zoneout) == (0.25, (0.1, 0.2))
    assert "recurrent_dropout=0.25, zoneout=(0.1, 0.2)" in repr(layer)
    assert "zoneout" not in repr(tidegate.LSTM(3, 5))


@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives_pass_through_noise(cell):
    layer = getattr(tidegate, cell)(3, 5, recurrent_dropout=0.3, zoneout=0.2, dtype=torch.float64)
    x = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x):
        torch.manual_seed(0)
        return layer(x)[0]

    assert torch.autograd.gradgradcheck(run, (x,))


def test_compiled_in_one_graph_it_learns():
    torch._dynamo.reset()
    layer, x = tidegate.LSTM(3, 5, recurrent_dropout=0.3, zoneout=0.2), torch.randn(6, 2, 3)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    compiled(x)[0].sum().backward()
    assert layer.weight_hh_l0.grad.any()


@pytest.mark.parametrize("arguments", [
    {"recurrent_dropout": 1.0}, {"recurrent_dropout": "a half"}, {"recurrent_dropout": True}, {"zoneout": -0.1},
    {"zoneout": (0.1, 0.2)}, {"zoneout": None},
], ids=str)  # fmt: skip
def test_rates_that_are_none_are_refused(arguments):
    with pytest.raises(ConfigError, match=r"^got .*; wanted .*; "):
        tidegate.GRU(3, 5, **arguments)


def test_torchs_operators_have_no_noise_and_say_so():
    with use_backend("torch"), pytest.raises(BackendError, match="zoneout"):
        tidegate.GRU(3, 5, zoneout=0.1)(torch.randn(6, 2, 3))


def test_a_layer_with_noise_is_not_made_torchs():
    model = nn.Sequential(tidegate.GRU(3, 5), tidegate.GRU(5, 5, zoneout=0.1))
    with pytest.raises(ConfigError, match="zoneout"):
        tidegate.restore(model)
    assert all(type(layer) is tidegate.GRU for layer in model)


def test_a_projection_beside_noise_runs_by_the_equations():
    layer = tidegate.LSTM(3, 5, proj_size=2, recurrent_dropout=0.3)
    assert tidegate.explain(layer).layers[0].backend == "reference"
    assert layer(torch.randn(6, 2, 3))[0].shape == (6, 2, 2)


@pytest.mark.parametrize("cell", CELLS)
def test_the_states_of_all_layers(cell):
    layer, x = getattr(tidegate, cell)(3, 5, num_layers=2, bidirectional=True, batch_first=True), torch.randn(2, 6, 3)
    output, final, states = layer(x, return_states=True)
    h, last = (states[0], final[0]) if cell == "LSTM" else (states, final)
    assert h.shape == (4, 2, 6, 5)
    torch.testing.assert_close(torch.cat([h[2], h[3]], dim=-1), output)
    for k, end in enumerate([5, 0, 5, 0]):
        torch.testing.assert_close(h[k, :, end], last[k])
        if cell == "LSTM":
            torch.testing.assert_close(states[1][k, :, end], final[1][k])


def test_the_states_of_one_sequence():
    layer, x = tidegate.LSTM(3, 5), torch.randn(6, 3)
    output, _, (h, c) = layer(x, return_states=True)
    assert h.shape == c.shape == (1, 6, 5)
    torch.testing.assert_close(h[0], output)


def test_c_is_zero_behind_the_end_of_a_sequence():
    _, _, (_, c) = tidegate.LSTM(3, 5)(torch.randn(6, 2, 3), lengths=[6, 2], return_states=True)
    assert not c[0, 2:, 1].any()


def test_the_states_of_a_packed_sequence_are_refused():
    packed = nn.utils.rnn.pack_sequence([torch.randn(3, 3), torch.randn(2, 3)])
    with pytest.raises(ShapeError, match="return_states"):
        tidegate.GRU(3, 5)(packed, return_states=True)
