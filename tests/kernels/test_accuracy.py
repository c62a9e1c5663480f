"""Single precision on the fused kernels, beside torch.nn's own error on the same input."""

import pytest
import torch

import tidegate
from tests.close import module_outputs_and_gradients
from tidegate.kernels.cpu import layer as kernels

pytestmark = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))


def error(actual, expected):
    return {name: float((actual[name].double() - expected[name]).norm()) for name in expected}


@pytest.mark.parametrize("sizes", [(28, 16, 28, 128), (200, 1, 1, 128), (100, 8, 1, 64), (30, 4, 64, 256)], ids=str)
@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_error_is_at_most_twice_that_of_torch(cell, sizes):
    T, B, I, H = sizes
    ours = getattr(tidegate, cell)(I, H)
    torchs = getattr(torch.nn, cell)(I, H)
    torchs.load_state_dict(ours.state_dict())
    given = {"x": torch.randn(T, B, I)}
    precise = getattr(tidegate, cell)(I, H).double()
    precise.load_state_dict(ours.state_dict())
    with tidegate.use_backend("reference"):
        expected = module_outputs_and_gradients(precise, {"x": given["x"].double()})
    with tidegate.use_backend("cpu"):
        our_error = error(module_outputs_and_gradients(ours, given), expected)
    torchs_error = error(module_outputs_and_gradients(torchs, given), expected)
    for name in expected:
        assert our_error[name] <= 2 * torchs_error[name], (name, our_error[name], torchs_error[name])
