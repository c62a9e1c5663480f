"""Resets inside a sequence, judged by running each part of it alone."""

from itertools import pairwise

import pytest
import torch
from torch import nn

import tidegate
from tests.close import assert_matches, flat, outputs_and_gradients
from tidegate.errors import ShapeError
from tidegate.kernels import use_backend
from tidegate.kernels.cpu import layer as kernels

CELLS = ["RNN", "LSTM", "GRU"]
BACKENDS = [
    pytest.param("cpu", marks=pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))),
    *("torch", "reference"),
]


def double(cell, **options):
    return getattr(tidegate, cell)(3, 5, dtype=torch.float64, **options)


def state_for(layer, B):
    L = layer.num_layers * (1 + layer.bidirectional)
    h = torch.randn(L, B, layer.proj_size or 5, dtype=torch.float64)
    return (h, torch.randn(L, B, 5, dtype=torch.float64)) if layer.mode == "LSTM" else h


def one_by_one(layer, x, hx, resets, lengths, to=None):
    """x [T, B, I]: every part between two resets run by itself, without resets and lengths."""
    T, B, _ = x.shape
    states = hx if isinstance(hx, tuple) else (hx,)
    to = tuple(map(torch.zeros_like, states)) if to is None else to if isinstance(to, tuple) else (to,)
    columns, finals = [], []
    for b in range(B):
        state, length, parts = tuple(s[:, b : b + 1] for s in states), int(lengths[b]), []
        edges = [0, *(t for t in range(1, length) if resets[t, b]), length] if length else []
        for first, end in pairwise(edges):
            if resets[first, b]:
                state = tuple(s[:, b : b + 1] for s in to)
            part, state = layer(x[first:end, b : b + 1], state if layer.mode == "LSTM" else state[0])
            state = state if isinstance(state, tuple) else (state,)
            parts.append(part)
        parts.append(x.new_zeros(T - length, 1, (1 + layer.bidirectional) * (layer.proj_size or 5)))
        columns.append(torch.cat(parts))
        finals.append(state)
    unused = sum(0 * s.sum() for s in (*states, *to))
    return torch.cat(columns, dim=1) + unused, *(torch.cat(parts, dim=1) for parts in zip(*finals, strict=True))


class Whole(nn.Module):
    """The layer over the whole batch."""

    def __init__(self, layer):
        super().__init__()
        self.rnn = layer

    def forward(self, x, hx, to, resets, lengths):
        return flat(self.rnn(x, hx, resets=resets, reset_to=to, lengths=lengths))


class InParts(Whole):
    """The layer over each part alone."""

    def forward(self, x, hx, to, resets, lengths):
        return one_by_one(
            self.rnn, x, hx, resets, lengths if lengths is not None else torch.full((x.shape[1],), len(x)), to
        )


def agrees(layer, resets, lengths, to, backend):
    T, B = resets.shape
    names = ["h", "c"] if layer.mode == "LSTM" else ["h"]
    given = {"x": torch.randn(T, B, 3, dtype=torch.float64)}
    for kind in ["from", "to"] if to else ["from"]:
        state = state_for(layer, B)
        given |= {
            f"{kind} {name}": s for name, s in zip(names, state if layer.mode == "LSTM" else (state,), strict=True)
        }
    weights = {f"rnn.{name}": weight.detach() for name, weight in layer.named_parameters()}

    def call(module, backend):
        def run(**leaves):
            def state(kind):
                parts = tuple(leaves[f"{kind} {name}"] for name in names if f"{kind} {name}" in leaves)
                return parts if len(parts) == 2 else parts[0] if parts else None

            args = (leaves["x"], state("from"), state("to"), resets, lengths)
            with use_backend(backend):
                return torch.func.functional_call(module, {name: leaves[name] for name in weights}, args)

        return run

    actual = outputs_and_gradients(call(Whole(layer), backend), given | weights)
    assert_matches(actual, outputs_and_gradients(call(InParts(layer), "reference"), given | weights), torch.float64)


OPTIONS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "bias": False},
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("ragged", "to"), [(False, False), (True, True)], ids=["full, to zero", "ragged, to a state"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_parts_between_resets_run_as_if_alone(cell, options, ragged, to, backend):
    resets = torch.rand(6, 4) < 0.3
    lengths = torch.tensor([6, 0, 3, 5]) if ragged else None
    agrees(double(cell, **options), resets, lengths, to, backend)


def test_a_projected_layer_is_reset_too():
    agrees(
        double("LSTM", proj_size=2, bidirectional=True),
        torch.rand(6, 4) < 0.3,
        torch.tensor([6, 0, 3, 5]),
        True,
        "auto",
    )


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["at no step", "at every step"])
@pytest.mark.parametrize("cell", CELLS)
def test_resets_at_every_step_or_at_none(cell, share):
    agrees(double(cell), torch.rand(5, 3) < share, None, False, "auto")


@pytest.mark.parametrize("cell", CELLS)
def test_no_gradient_passes_a_reset(cell):
    layer, x = double(cell), torch.randn(6, 2, 3, dtype=torch.float64, requires_grad=True)
    resets = torch.zeros(6, 2, dtype=torch.bool)
    resets[3] = True
    layer(x, resets=resets)[0][3:].sum().backward()
    assert not x.grad[:3].any()
    assert x.grad[3:].any()


def test_not_a_number_before_a_reset_stays_there():
    layer, x = tidegate.GRU(3, 5), torch.randn(6, 2, 3)
    resets = torch.zeros(6, 2, dtype=torch.bool)
    resets[0] = True
    output, h = layer(x, torch.full((1, 2, 5), float("nan")), resets=resets)
    output.sum().backward()
    assert output.isfinite().all() and h.isfinite().all()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_resets_have_the_axes_of_the_input():
    x, resets = torch.randn(6, 2, 3), torch.rand(6, 2) < 0.4
    layer, batch_first = tidegate.GRU(3, 5), tidegate.GRU(3, 5, batch_first=True)
    batch_first.load_state_dict(layer.state_dict())
    found = batch_first(x.transpose(0, 1), resets=resets.T)[0].transpose(0, 1)
    torch.testing.assert_close(found, layer(x, resets=resets)[0])


def test_one_sequence_without_a_batch_axis():
    layer, x, resets = tidegate.LSTM(3, 5), torch.randn(6, 3), torch.tensor([0, 0, 1, 0, 1, 0]).bool()
    output, (h, c) = layer(x, resets=resets)
    expected, (h1, c1) = layer(x.unsqueeze(1), resets=resets.unsqueeze(1))
    torch.testing.assert_close((output, h, c), (expected[:, 0], h1[:, 0], c1[:, 0]))


def test_a_learned_state_for_all_sequences():
    layer, x, resets = tidegate.GRU(3, 5), torch.randn(6, 4, 3), torch.rand(6, 4) < 0.4
    first = nn.Parameter(torch.randn(1, 1, 5))
    output, _ = layer(x, first.expand(1, 4, 5), resets=resets, reset_to=first)
    torch.testing.assert_close(
        output, layer(x, first.expand(1, 4, 5), resets=resets, reset_to=first.expand(1, 4, 5))[0]
    )
    output.sum().backward()
    assert first.grad.any()


def test_an_accelerated_layer_takes_resets():
    layer, x, resets = nn.GRU(3, 5), torch.randn(6, 4, 3), torch.rand(6, 4) < 0.4
    ours = tidegate.GRU(3, 5)
    ours.load_state_dict(layer.state_dict())
    torch.testing.assert_close(tidegate.accelerate(layer)(x, resets=resets)[0], ours(x, resets=resets)[0])


def test_second_derivatives_pass_through_parts():
    layer, resets = double("LSTM"), torch.tensor([[0, 0], [1, 0], [0, 1]]).bool()
    x = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x, resets=resets)[0], (x,))


def test_compiled_it_gives_the_same():
    torch._dynamo.reset()
    layer, x, resets = tidegate.GRU(3, 5), torch.randn(6, 4, 3), torch.rand(6, 4) < 0.4
    compiled = torch.compile(layer, backend="eager")
    torch.testing.assert_close(compiled(x, resets=resets)[0], layer(x, resets=resets)[0])


WRONG = {
    "numbers": {"resets": torch.zeros(6, 2)},
    "rows by their number": {"resets": [0, 1]},
    "other axes": {"resets": torch.zeros(2, 6, dtype=torch.bool)},
    "text": {"resets": "no"},
    "a state without resets": {"reset_to": torch.zeros(1, 2, 5)},
    "a state of another size": {"resets": torch.ones(6, 2, dtype=torch.bool), "reset_to": torch.zeros(1, 2, 4)},
    "a state of another size where nothing is reset": {
        "resets": torch.zeros(6, 2, dtype=torch.bool),
        "reset_to": torch.zeros(1, 2, 4),
    },
    "a pair of states": {"resets": torch.ones(6, 2, dtype=torch.bool), "reset_to": (torch.zeros(1, 2, 5),) * 2},
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_does_not_fit_is_refused_in_a_sentence(wrong):
    with pytest.raises(ShapeError, match=r"^got .*; wanted .*; "):
        tidegate.GRU(3, 5)(torch.randn(6, 2, 3), **WRONG[wrong])


def test_a_packed_sequence_has_no_resets():
    packed = nn.utils.rnn.pack_sequence([torch.randn(3, 3), torch.randn(2, 3)])
    with pytest.raises(ShapeError, match="PackedSequence"):
        tidegate.GRU(3, 5)(packed, resets=torch.zeros(3, 2, dtype=torch.bool))


def test_a_program_that_is_exported_has_no_resets():
    class Reset(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = tidegate.GRU(3, 5)

        def forward(self, x, resets):
            return self.rnn(x, resets=resets)[0]

    with pytest.raises(Exception, match="resets"):
        torch.export.export(Reset(), (torch.randn(6, 2, 3), torch.ones(6, 2, dtype=torch.bool)), strict=False)
