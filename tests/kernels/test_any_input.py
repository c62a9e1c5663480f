"""Any shape, option and layout gives the right answer; any wrong input gives a Python error."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import tidegate
from tests.close import assert_matches, call_args, flat, outputs_and_gradients
from tidegate.kernels import use_backend
from tidegate.kernels.cpu import layer as kernels

pytestmark = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))

search = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

LAYOUTS = {
    "contiguous": lambda x: x,
    "batch first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "features apart": lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
    "every other": lambda x: torch.stack([x, x + 1], dim=3).flatten(2)[..., ::2],
    "with gaps": lambda x: torch.cat([x, x + 1], dim=2)[..., : x.shape[2]],
    "one step repeated": lambda x: x[:1].expand_as(x),
    "one sequence repeated": lambda x: x[:, :1].expand_as(x),
    "one feature repeated": lambda x: x[..., :1].expand_as(x),
    "misaligned": lambda x: torch.cat([x.new_zeros(1), x.flatten()])[1:].view_as(x),
}
layouts = st.sampled_from(list(LAYOUTS))


@search
@given(
    cell=st.sampled_from(["RNN", "LSTM", "GRU"]),
    relu=st.booleans(),
    T=st.integers(1, 9),
    B=st.integers(0, 9),
    I=st.integers(1, 35),
    H=st.integers(1, 35),
    num_layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    x_layout=layouts,
    state_layout=layouts,
    weight_transposed=st.booleans(),
    output_layout=layouts,
    data=st.data(),
)
def test_agrees_with_the_reference(
    cell, relu, T, B, I, H, num_layers, bidirectional, bias, dtype, x_layout, state_layout, weight_transposed,
    output_layout, data,
):  # fmt: skip
    torch.manual_seed(T + 10 * B + 100 * I)
    ragged = data.draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B), label="lengths")
    options = {"nonlinearity": "relu"} if relu and cell == "RNN" else {}
    options |= {"num_layers": num_layers, "bidirectional": bidirectional, "bias": bias}
    layer = getattr(tidegate, cell)(I, H, dtype=torch.float64, **options)
    lengths = None if ragged is None else torch.tensor(ragged, dtype=torch.int64)
    L = num_layers * (1 + bidirectional)
    leaves = {"x": torch.randn(T, B, I), "h0": torch.randn(L, B, H) / 2}
    if cell == "LSTM":
        leaves["c0"] = torch.randn(L, B, H) / 2
    names = [name for name, _ in layer.named_parameters()]
    leaves |= {name: parameter.detach() for name, parameter in layer.named_parameters()}
    leaves = {name: value.to(dtype) for name, value in leaves.items()}

    def run(**given):
        weights = {name: given.pop(name) for name in names}
        if weight_transposed:
            weights = {name: w.T.contiguous().T if w.dim() == 2 else w for name, w in weights.items()}
        given = {name: LAYOUTS[x_layout if name == "x" else state_layout](value) for name, value in given.items()}
        outputs = torch.func.functional_call(layer, weights, call_args(given), {"lengths": lengths})
        return tuple(LAYOUTS[output_layout](o) for o in flat(outputs))

    with use_backend("cpu" if B else "auto"):
        actual = outputs_and_gradients(run, leaves)
    with use_backend("reference"):
        expected = outputs_and_gradients(run, {name: value.double() for name, value in leaves.items()})
    assert_matches(actual, expected, dtype)


WRONG = {
    "a large weight_hh": lambda layer, call: setattr(layer, "weight_hh_l0", nn.Parameter(torch.zeros(9, 9))),
    "a small weight_ih": lambda layer, call: setattr(layer, "weight_ih_l0", nn.Parameter(torch.zeros(1, 3))),
    "a small bias": lambda layer, call: setattr(layer, "bias_hh_l0", nn.Parameter(torch.zeros(1))),
    "a weight in double": lambda layer, call: setattr(
        layer, "weight_hh_l0", nn.Parameter(layer.weight_hh_l0.detach().double())
    ),
    "a bias in half": lambda layer, call: setattr(layer, "bias_ih_l0", nn.Parameter(layer.bias_ih_l0.detach().half())),
    "a sparse weight": lambda layer, call: setattr(
        layer, "weight_hh_l0", nn.Parameter(layer.weight_hh_l0.detach().to_sparse())
    ),
    "a weight without data": lambda layer, call: setattr(
        layer, "weight_hh_l0", nn.Parameter(layer.weight_hh_l0.detach().to("meta"))
    ),
    "too few features": lambda layer, call: call.update(x=torch.zeros(4, 2, 2)),
    "input in double": lambda layer, call: call.update(x=torch.zeros(4, 2, 3, dtype=torch.float64)),
    "input of whole numbers": lambda layer, call: call.update(x=torch.zeros(4, 2, 3, dtype=torch.int64)),
    "a small state": lambda layer, call: call.update(h=(1, 1, 5)),
    "a narrow state": lambda layer, call: call.update(h=(1, 2, 4)),
    "a state in double": lambda layer, call: call.update(h_dtype=torch.float64),
    "too great a length": lambda layer, call: call.update(lengths=[5, 1]),
    "a negative length": lambda layer, call: call.update(lengths=[-1, 1]),
    "a huge length": lambda layer, call: call.update(lengths=torch.tensor([2**62, 1])),
    "too few lengths": lambda layer, call: call.update(lengths=[4]),
    "too many lengths": lambda layer, call: call.update(lengths=[4, 4, 4]),
    "broken lengths": lambda layer, call: call.update(lengths=torch.tensor([4.0, 2.0])),
}


@pytest.mark.parametrize("wrong", list(WRONG))
@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_a_wrong_input_is_a_python_error(cell, wrong):
    layer, call = getattr(tidegate, cell)(3, 5), {"x": torch.zeros(4, 2, 3)}
    WRONG[wrong](layer, call)
    h = torch.zeros(call.get("h", (1, 2, 5)), dtype=call.get("h_dtype", torch.float32))
    with use_backend("cpu"), pytest.raises((RuntimeError, ValueError, TypeError)):
        layer(call["x"], (h, torch.zeros(1, 2, 5)) if cell == "LSTM" else h, lengths=call.get("lengths"))


def test_lengths_may_have_gaps():
    layer, x = tidegate.GRU(3, 5), torch.randn(4, 2, 3)
    apart = torch.tensor([4, 0, 2, 0])[::2]
    assert torch.equal(layer(x, lengths=apart)[0], layer(x, lengths=[4, 2])[0])
