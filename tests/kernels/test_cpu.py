"""The C++ kernels, judged by the equations in cells/ at double precision."""

import pytest
import torch

from tests.close import assert_matches, outputs_and_gradients
from tidegate.kernels import reference
from tidegate.kernels.cpu import layer as kernels
from tidegate.kernels.stack import Direction

pytestmark = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))

MODES = ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"]
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
SIZES = [  # T, B, I, H: chosen to miss every block size
    pytest.param((1, 1, 1, 1), id="smallest"),
    pytest.param((7, 3, 5, 17), id="odd"),
    pytest.param((33, 5, 20, 100), id="medium"),
    pytest.param((150, 1, 2, 40), id="long"),
    pytest.param((5, 37, 70, 67), id="wide"),
    pytest.param((9, 130, 3, 24), id="many"),
    pytest.param((12, 16, 33, 128), id="blocked"),
    pytest.param((4, 700, 3, 20), id="in waves"),
]


def inputs(mode, T, B, I, H, D=1, bias=True, proj=0, dtype=torch.float64):
    """x, the state and the weights of one layer by name, at the scale at which layers work."""
    G, P = GATES[mode], proj or H
    shapes = {"x": (T, B, I), "h0": (D, B, P)} | ({"c0": (D, B, H)} if mode == "LSTM" else {})
    for d in range(D):
        shapes |= {f"w_ih{d}": (G * H, I), f"w_hh{d}": (G * H, P)}
        if bias:
            shapes |= {f"b_ih{d}": (G * H,), f"b_hh{d}": (G * H,)}
        if proj:
            shapes |= {f"w_hr{d}": (P, H)}
    scale = {"x": 1.0, "h0": 0.5, "c0": 0.5}
    return {k: (torch.randn(s, dtype=torch.float64) * scale.get(k, H**-0.5 / 2)).to(dtype) for k, s in shapes.items()}


def parts(leaves, D):
    state = tuple(leaves[k] for k in ("h0", "c0") if k in leaves)
    names = ("w_ih", "w_hh", "b_ih", "b_hh", *(["w_hr"] if "w_hr0" in leaves else []))
    weights = [leaves.get(f"{k}{d}") for d in range(D) for k in names]
    return leaves["x"], state, weights


def ours(mode, lengths=None, D=1):
    return lambda **leaves: kernels.layer(mode, *parts(leaves, D), lengths)


def judge(mode, lengths=None, D=1):
    def run(**leaves):
        x, state, weights = parts(leaves, D)
        runs = [
            reference.recur(
                mode, Direction(*kernels.of_direction(weights, d, D)), x, tuple(s[d] for s in state), lengths, d == 1
            )
            for d in range(D)
        ]
        finals = zip(*(final for _, final in runs), strict=True)
        return torch.cat([states[0] for states, _ in runs], dim=-1), *(torch.stack(f) for f in finals)

    return run


def assert_agrees(mode, sizes, dtype, lengths=None, **options):
    D = options.get("D", 1)
    given = inputs(mode, *sizes, dtype=dtype, **options)
    expected = outputs_and_gradients(judge(mode, lengths, D), {k: v.double() for k, v in given.items()})
    assert_matches(outputs_and_gradients(ours(mode, lengths, D), given), expected, dtype)


@pytest.fixture(params=kernels.engine.choices() if kernels.engine else [])
def isa(request):
    before = kernels.engine.isa()
    kernels.choose_isa(request.param)
    yield request.param
    kernels.choose_isa(before)


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("mode", MODES)
def test_agrees_with_the_reference(mode, sizes, dtype, isa):
    T, B, *_ = sizes
    assert_agrees(mode, sizes, dtype)
    assert_agrees(mode, sizes, dtype, torch.randint(0, T + 1, (B,)), D=2)


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("sizes", [(40, 2, 3, 160), (20, 40, 30, 70), (6, 24, 5, 520), (3, 300, 5, 520)], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_agrees_with_any_number_of_threads(mode, sizes, ragged, threads):
    T, B, *_ = sizes
    assert_agrees(mode, sizes, torch.float64, torch.randint(1, T + 1, (B,)) if ragged else None, bias=not ragged)


@pytest.mark.parametrize("mode", MODES)
def test_a_ragged_output_too_large_for_the_caches(mode):
    assert_agrees(mode, (60, 48, 3, 400), torch.float32, torch.randint(0, 61, (48,)))  # 4.6 MB


@pytest.mark.parametrize("proj", [1, 5, 33, 100])
@pytest.mark.parametrize("sizes", [(7, 3, 5, 101), (20, 1, 4, 160), (5, 40, 30, 128)], ids=str)
def test_projects_the_state_of_an_lstm(sizes, proj, isa, threads):
    T, B, *_ = sizes
    assert_agrees("LSTM", sizes, torch.float64, proj=proj)
    assert_agrees("LSTM", sizes, torch.float64, torch.randint(0, T + 1, (B,)), D=2, proj=proj)
