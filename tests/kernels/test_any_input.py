"""The layers on the fused kernels over any shape, option and memory layout, judged by the equations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tidegate
from tests.close import assert_matches, flat
from tidegate.kernels.cpu import layer as kernels

pytestmark = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))


def contiguous(x):
    return x.clone()


def strided(x):
    """Every second number, row and step of a larger tensor."""
    wide = torch.full([2 * n for n in x.shape], float("nan"), dtype=x.dtype)
    wide[::2, ::2, ::2] = x
    return wide[::2, ::2, ::2]


def transposed(x):
    return x.transpose(0, 2).contiguous().transpose(0, 2)


def misaligned(x):
    """Not even on the boundary of one vector."""
    room = torch.full((x.numel() + 3,), float("nan"), dtype=x.dtype)
    room[3:] = x.flatten()
    return room[3:].view(x.shape)


def expanded(x):
    """One sequence that stands for the whole batch."""
    return x[:, :1].clone().expand(x.shape)


LAYOUTS = [contiguous, strided, transposed, misaligned, expanded]


@st.composite
def cases(draw):
    cell = draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    H = draw(st.integers(1, 70))
    options = {
        "num_layers": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "dtype": torch.float64,
    }
    if cell == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if cell == "LSTM" and H > 1 and draw(st.booleans()):
        options["proj_size"] = draw(st.integers(1, H - 1))
    T, B, I = draw(st.integers(1, 9)), draw(st.integers(0, 20)), draw(st.integers(1, 40))
    layer = getattr(tidegate, cell)(I, H, **options)
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B)) if B else None
    return layer, (T, B, I), lengths, draw(st.sampled_from(LAYOUTS)), draw(st.booleans())


def results(layer, backend, x, state, lengths, rearrange, d_outputs):
    x = rearrange(x).requires_grad_()
    state = [rearrange(s).requires_grad_() for s in state]
    hx = None if not state else tuple(state) if len(state) == 2 else state[0]
    with tidegate.use_backend(backend):
        outputs = flat(layer(x, hx, lengths=lengths))
    names = [f"output {n}" for n in range(len(outputs))]
    wanted = {"x": x} | {f"state {n}": s for n, s in enumerate(state)} | dict(layer.named_parameters())
    grads = torch.autograd.grad(outputs, list(wanted.values()), [rearrange(d) for d in d_outputs[: len(outputs)]])
    return dict(zip(names, (o.detach() for o in outputs), strict=True)) | dict(zip(wanted, grads, strict=True))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(case=cases())
def test_agrees_with_the_equations(case):
    layer, (T, B, I), lengths, rearrange, with_state = case
    D, P = 2 if layer.bidirectional else 1, layer.proj_size or layer.hidden_size
    sizes = [P, layer.hidden_size] if layer.mode == "LSTM" else [P]
    shapes = [(D * layer.num_layers, B, size) for size in sizes]
    state = [torch.randn(shape, dtype=torch.float64) for shape in shapes] if with_state else []
    d_outputs = [torch.randn(shape, dtype=torch.float64) for shape in [(T, B, D * P), *shapes]]
    given = (torch.randn(T, B, I, dtype=torch.float64), state, lengths, rearrange, d_outputs)
    backend = "auto" if B == 0 else "cpu"
    assert_matches(results(layer, backend, *given), results(layer, "reference", *given), torch.float64)
