"""What PyTorch sees of the kernels: one operator, whatever looks at it."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap
from torch.library import opcheck

import tidegate
from tests.close import assert_matches, flat
from tidegate.kernels.cpu import layer as kernels

pytestmark = [
    pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING)),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),  # the compiler's own
]

LAYERS = [tidegate.RNN, tidegate.LSTM, tidegate.GRU]
OPTIONS = [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}, {"bias": False}]
BLOCKS = {"RNN_TANH": 1, "LSTM": 4, "GRU": 3}


class Ragged(nn.Module):
    """A layer called with lengths."""

    def __init__(self, layer=tidegate.LSTM):
        super().__init__()
        self.rnn = layer(3, 5)

    def forward(self, x, lengths):
        return self.rnn(x, lengths=lengths)


def both(module, *inputs):
    """Outputs and gradients of a call, by name."""
    module.zero_grad()
    inputs = [x.detach().requires_grad_(x.is_floating_point()) for x in inputs]
    outputs = flat(module(*inputs))
    sum((out * torch.linspace(-1, 1, out.numel()).view_as(out).to(out)).sum() for out in outputs).backward()
    found = {f"output {n}": out.detach() for n, out in enumerate(outputs)}
    found |= {f"gradient of input {n}": x.grad for n, x in enumerate(inputs) if x.grad is not None}
    parameters = dict(getattr(module, "_orig_mod", module).named_parameters())
    return found | {f"gradient of {name}": p.grad.clone() for name, p in parameters.items()}


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("mode", BLOCKS)
def test_the_registration_is_sound(mode, ragged, directions):
    def leaf(*shape):
        return torch.randn(*shape, requires_grad=True)

    G, H = BLOCKS[mode], 5
    weights = [leaf(*shape) for _ in range(directions) for shape in ((G * H, 3), (G * H, H), (G * H,), (G * H,))]
    state = leaf(directions, 2, H), leaf(directions, 2, H) if mode == "LSTM" else None
    lengths = torch.tensor([4, 2]) if ragged else None
    opcheck(
        torch.ops.tidegate.rnn_layer.default,
        (kernels.CELLS[mode], leaf(4, 2, 3), *state, weights, lengths, True),
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_compiled_whole_it_gives_the_same(layer, options):
    torch._dynamo.reset()
    module, x = layer(3, 5, **options), torch.randn(6, 4, 3)
    assert_matches(both(torch.compile(module, fullgraph=True), x), both(module, x), torch.float32)


@pytest.mark.parametrize("layer", LAYERS)
def test_compiled_with_lengths(layer):
    torch._dynamo.reset()
    module, x, lengths = Ragged(layer), torch.randn(6, 4, 3), torch.tensor([6, 1, 0, 3])
    assert_matches(both(torch.compile(module, fullgraph=True), x, lengths), both(module, x, lengths), torch.float32)


def test_an_exported_graph_does_not_grow_with_the_steps():
    graphs = {}
    for T in (10, 2000):
        module, x, lengths = Ragged(), torch.randn(T, 2, 3), torch.tensor([T, 3])
        exported = torch.export.export(module, (x, lengths))
        for ours, theirs in zip(flat(exported.module()(x, lengths)), flat(module(x, lengths)), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
        graphs[T] = len(exported.graph.nodes)
    assert graphs[10] == graphs[2000]


def double(layer, options=None):
    module = layer(3, 5, dtype=torch.float64, **(options or {}))
    return module, torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_second_derivatives_are_right(layer, options):
    module, x = double(layer, options)
    names, parameters = zip(*module.named_parameters(), strict=True)

    def call(x, *weights):
        return flat(functional_call(module, dict(zip(names, weights, strict=True)), (x,)))

    assert torch.autograd.gradgradcheck(call, (x, *parameters), atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_transforms_see_what_a_loop_sees(layer):
    module, _ = double(layer)
    many = torch.randn(3, 4, 2, 3, dtype=torch.float64)

    def loss(x):
        return module(x)[0].square().sum()

    def gradient(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(loss(x), x)[0]

    torch.testing.assert_close(vmap(lambda x: module(x)[0])(many), torch.stack([module(x)[0] for x in many]))
    torch.testing.assert_close(vmap(grad(loss))(many), torch.stack([gradient(x) for x in many]))
    x, along = many[:2]
    torch.testing.assert_close(jvp(loss, (x,), (along,))[1], (gradient(x) * along).sum())


@pytest.mark.parametrize("layer", LAYERS)
def test_backward_in_eval_mode(layer):
    module, x = double(layer)
    assert_matches(both(module.eval(), x), both(module.train(), x), torch.float64)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("layer", LAYERS)
def test_without_gradients_nothing_is_kept(layer, mode, monkeypatch):
    kept = []
    forward = kernels.forward
    monkeypatch.setattr(kernels, "forward", lambda *a, **k: kept.append(forward(*a, **k)) or kept[-1])
    with mode():
        output, _ = layer(3, 5)(torch.randn(4, 2, 3))
    assert [saved for *_, saved in kept] == [None]
    assert output.grad_fn is None


@pytest.mark.parametrize("layer", LAYERS)
def test_autocast_leaves_the_layer_in_the_precision_of_its_weights(layer):
    module, x = layer(3, 5), torch.randn(4, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        from_single, from_half = module(x)[0], module(x.bfloat16())[0]
    torch.testing.assert_close(from_single, module(x)[0], rtol=0, atol=0)
    torch.testing.assert_close(from_half, module(x.bfloat16().float())[0], rtol=0, atol=0)


def test_lengths_may_be_a_view():
    module, x = tidegate.GRU(3, 5), torch.randn(6, 2, 3)
    view = torch.tensor([6, 99, 2, 99])[::2]
    torch.testing.assert_close(module(x, lengths=view)[0], module(x, lengths=[6, 2])[0], rtol=0, atol=0)
