"""What else PyTorch does with a layer: compile, export, autocast, transforms, second derivatives."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

import tidegate
from tests.close import flat, module_outputs_and_gradients
from tidegate.kernels import use_backend
from tidegate.kernels.cpu import layer as kernels

CELLS = ["RNN", "LSTM", "GRU"]
compiled_kernels = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))


def double(cell, **options):
    return getattr(tidegate, cell)(3, 5, dtype=torch.float64, **options)


def sequence(T=7, B=2):
    return torch.randn(T, B, 3, dtype=torch.float64)


@pytest.fixture
def compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@compiled_kernels
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("mode", ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"])
def test_the_operator_keeps_torchs_rules(mode, ragged):
    T, B, I, H, D = 3, 2, 4, 5, 2
    G = {"LSTM": 4, "GRU": 3}.get(mode, 1)

    def leaf(*shape):
        return torch.randn(*shape, requires_grad=True)

    weights = [leaf(*s) for _ in range(D) for s in ((G * H, I), (G * H, H), (G * H,), (G * H,))]
    c0 = leaf(D, B, H) if mode == "LSTM" else None
    lengths = torch.tensor([3, 1]) if ragged else None
    torch.library.opcheck(
        torch.ops.tidegate.layer.default, (leaf(T, B, I), leaf(D, B, H), c0, weights, lengths, mode, True, [], False)
    )


WRONG = {
    "lengths beyond the input": {"lengths": torch.tensor([1, 9])},
    "too few lengths": {"lengths": torch.tensor([4])},
    "lengths of int32": {"lengths": torch.tensor([4, 2], dtype=torch.int32)},
    "a small state": {"h0": torch.zeros(1, 1, 5)},
    "a state in double": {"h0": torch.zeros(1, 2, 5, dtype=torch.float64)},
    "two directions": {"h0": torch.zeros(2, 2, 5)},
}


@compiled_kernels
@pytest.mark.parametrize("wrong", list(WRONG))
def test_the_operator_refuses_what_it_would_read_beyond(wrong):
    weights = [p.detach() for p in tidegate.GRU(3, 5).parameters()]
    given = {"x": torch.randn(4, 2, 3), "h0": torch.zeros(1, 2, 5), "c0": None, "weights": weights, "lengths": None}
    with pytest.raises(tidegate.TidegateError, match=r"^got .*; wanted .*; "):
        torch.ops.tidegate.layer(**given | WRONG[wrong], mode="GRU", save=False, noise=[], c_of_all_steps=False)


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("cell", CELLS)
def test_compiled_in_one_graph_it_gives_the_same_bits(cell, ragged, compiler):
    layer, inputs = double(cell, num_layers=2, bidirectional=True), {"x": sequence()}
    lengths = {"lengths": torch.tensor([7, 3])} if ragged else {}
    expected = module_outputs_and_gradients(layer, inputs, **lengths)
    torch_compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    leaves = [inputs["x"].requires_grad_(), *layer.parameters()]
    outputs = flat(torch_compiled(inputs["x"], **lengths))
    noise = torch.Generator().manual_seed(0)
    loss = sum((o * torch.randn(o.shape, generator=noise, dtype=torch.float64)).sum() for o in outputs)
    actual = [*outputs, *torch.autograd.grad(loss, leaves)]
    named = [name for name in expected if "output" in name] + ["gradient of x"]
    named += [f"gradient of {name}" for name, _ in layer.named_parameters()]
    for name, value in zip(named, actual, strict=True):
        assert torch.equal(value, expected[name]), name


def test_a_compiled_layer_takes_any_number_of_steps(compiler):
    layer = double("GRU")
    f = torch.compile(layer, fullgraph=True, backend="aot_eager", dynamic=True)
    for T in (5, 9, 30):
        x = sequence(T)
        assert torch.equal(f(x)[0], layer(x)[0])


@pytest.mark.parametrize("cell", CELLS)
def test_the_graph_is_independent_of_the_number_of_steps(cell):
    layer = double(cell, num_layers=2)
    sizes = {len(torch.export.export(layer, (sequence(T),)).graph.nodes) for T in (10, 200)}
    assert len(sizes) == 1


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_an_exported_layer_takes_any_batch(cell, strict):
    layer, x = double(cell, bidirectional=True), sequence()
    batch = {1: torch.export.Dim("B", min=2)}
    program = torch.export.export(layer, (x,), dynamic_shapes=(batch,), strict=strict).module()
    other = sequence(B=20)
    torch.testing.assert_close(program(other)[0], layer(other)[0], rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_layer_computes():
    layer, x = double("LSTM"), sequence()
    with torch.no_grad():
        traced = torch.jit.trace(layer, (x,), check_trace=False)
    other = sequence()
    torch.testing.assert_close(traced(other)[0], layer(other)[0])


@pytest.mark.parametrize("cell", CELLS)
def test_autocast_computes_in_the_weights_dtype(cell):
    layer, x = getattr(tidegate, cell)(3, 5), torch.randn(7, 2, 3)
    state = torch.randn(1, 2, 5)
    state = (state, state) if cell == "LSTM" else state
    expected = layer(x.bfloat16().float(), state)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = layer(x.bfloat16(), state)
    for a, b in zip(flat(actual), flat(expected), strict=True):
        assert torch.equal(a, b)


def test_autocast_does_not_make_numbers_of_other_kinds():
    with torch.autocast("cpu"), pytest.raises(tidegate.TidegateError, match="complex64"):
        tidegate.LSTM(3, 5)(torch.ones(4, 2, 3, dtype=torch.complex64))


@pytest.mark.parametrize("cell", CELLS)
def test_autocast_brings_gradients_back_to_every_input(cell):
    layer, x = getattr(tidegate, cell)(3, 5), torch.randn(7, 2, 3).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x)[0].sum().backward()
    assert x.grad.dtype == torch.bfloat16
    assert all(p.grad.dtype == torch.float32 and p.grad.abs().sum() > 0 for p in layer.parameters())


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives(cell, ragged):
    layer = double(cell, num_layers=2, bidirectional=True)
    names = [name for name, _ in layer.named_parameters()]
    weights = [p.detach().requires_grad_() for p in layer.parameters()]
    lengths = {"lengths": [3, 1]} if ragged else {}

    def run(x, *weights):
        return flat(torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,), lengths))

    x = sequence(T=3).requires_grad_()
    assert torch.autograd.gradgradcheck(run, (x, *weights), fast_mode=True)


def test_a_second_derivative_where_one_input_is_made_from_another():
    layer = double("GRU")
    names = [name for name, _ in layer.named_parameters()]
    weights = [p.detach().requires_grad_() for p in layer.parameters()]

    def run(*weights):
        x = weights[0].sum() * torch.ones(3, 2, 3, dtype=torch.float64)
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))[0]

    def first(create_graph):
        return torch.autograd.grad(run(*weights).sum(), weights, create_graph=create_graph)

    for a, b in zip(first(True), first(False), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    assert torch.autograd.gradgradcheck(run, weights, fast_mode=True)


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("cell", CELLS)
def test_many_gradients_at_once_are_a_loop(cell, ragged):
    layer, x = double(cell, bidirectional=True), sequence().requires_grad_()
    output, _ = layer(x, lengths=[7, 2] if ragged else None)
    directions = torch.randn(3, *output.shape, dtype=torch.float64)
    leaves = [x, *layer.parameters()]
    at_once = torch.autograd.grad(output, leaves, directions, retain_graph=True, is_grads_batched=True)
    for n, direction in enumerate(directions):
        one = torch.autograd.grad(output, leaves, direction, retain_graph=True)
        for a, b in zip(at_once, one, strict=True):
            assert not a.requires_grad
            torch.testing.assert_close(a[n], b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_a_gradient_that_reaches_padding_never_matters(cell, create_graph):
    layer, x = double(cell), sequence().requires_grad_()
    output, _ = layer(x, lengths=[7, 2])
    real = torch.randn_like(output)
    broken = real.clone()
    broken[2:, 1] = float("nan")
    leaves, again = [x, *layer.parameters()], {"retain_graph": True, "create_graph": create_graph}
    gradients = [torch.autograd.grad(output, leaves, d, **again) for d in (real, broken)]
    for a, b in zip(*gradients, strict=True):
        assert torch.equal(a, b)


@compiled_kernels
@pytest.mark.parametrize("which", ["state", "a weight", "gradient"])
def test_other_kinds_of_tensors_are_seen_wherever_they_are(which):
    from torch.testing._internal.two_tensor import TwoTensor

    layer, x, h, d = double("GRU"), sequence(), torch.randn(1, 2, 5).double(), torch.randn(7, 2, 5).double()
    weights = {name: p.detach().requires_grad_() for name, p in layer.named_parameters()}

    def results(h, d, **weights):
        output, _ = torch.func.functional_call(layer, weights, (x, h))
        return output, torch.autograd.grad(output, weights["weight_hh_l0"], d)[0]

    expected = results(h, d, **weights)
    if which == "state":
        h = TwoTensor(h, h)
    elif which == "a weight":
        weights["weight_ih_l0"] = TwoTensor(w := weights["weight_ih_l0"], w)
    else:
        d = TwoTensor(d, d)
    for a, b in zip(results(h, d, **weights), expected, strict=True):
        torch.testing.assert_close(getattr(a, "a", a), b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_vmap_over_batches_is_a_loop(cell):
    layer, xs = double(cell), torch.stack([sequence() for _ in range(3)])
    actual = torch.vmap(lambda x: layer(x)[0])(xs)
    torch.testing.assert_close(actual, torch.stack([layer(x)[0] for x in xs]), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_by_sample(cell):
    layer, x = double(cell), sequence(B=4)
    weights = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(weights, x):
        return torch.func.functional_call(layer, weights, (x,))[0].pow(2).sum()

    by_sample = torch.vmap(torch.func.grad(loss), in_dims=(None, 1))(weights, x)
    layer(x)[0].pow(2).sum().backward()
    for name, p in layer.named_parameters():
        torch.testing.assert_close(by_sample[name].sum(0), p.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("cell", CELLS)
def test_forward_mode_agrees_with_reverse_mode(cell):
    layer, x, direction = double(cell), sequence(), sequence()
    _, by_func = torch.func.jvp(lambda x: layer(x)[0], (x,), (direction,))
    with forward_ad.dual_level():
        dual = layer(forward_ad.make_dual(x, direction))[0]
        by_level = forward_ad.unpack_dual(dual).tangent
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0], x)
    expected = torch.einsum("tbhsci,sci->tbh", jacobian, direction)
    for actual in (by_func, by_level):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_backward_in_eval_mode(cell):
    layer, x = double(cell).eval(), sequence()
    layer(x)[0].sum().backward()
    with use_backend("reference"):
        expected = torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))
    for p, gradient in zip(layer.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=1e-10, atol=1e-10)


@compiled_kernels
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("cell", CELLS)
def test_without_gradients_nothing_is_saved(cell, context, monkeypatch):
    asked = []
    monkeypatch.setattr(kernels, "buffer", lambda *args: asked.append(args))
    layer = double(cell)
    layer(sequence())
    assert len(asked) == 1
    with context():
        assert layer(sequence())[0].grad_fn is None
    assert len(asked) == 1


def test_frozen_weights_save_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(kernels, "buffer", lambda *args: asked.append(args))
    double("LSTM").requires_grad_(False)(sequence())
    assert asked == []


def test_fake_tensors_get_shapes():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        layer = nn.LSTM(3, 5, num_layers=2)
        output, (h, c) = tidegate.accelerate(layer)(torch.randn(7, 2, 3))
    assert (output.shape, h.shape, c.shape) == ((7, 2, 5), (2, 2, 5), (2, 2, 5))


def test_lengths_may_be_a_view():
    layer, x = double("GRU"), sequence()
    view = torch.tensor([7, 99, 2, 99])[::2]
    torch.testing.assert_close(layer(x, lengths=view)[0], layer(x, lengths=[7, 2])[0], rtol=0, atol=0)


@compiled_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_a_compiled_layer_takes_an_empty_batch(cell, compiler):
    compiled = torch.compile(double(cell), backend="aot_eager")
    assert compiled(sequence(B=0))[0].shape == (7, 0, 5)
