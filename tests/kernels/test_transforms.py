"""The kernels under torch.func give what the equations give."""

import pytest
import torch
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap

import tidegate
from tidegate.kernels.cpu import transforms

LAYERS = {
    "RNN": lambda: tidegate.RNN(3, 5),
    "RNN of relu, two layers": lambda: tidegate.RNN(3, 5, 2, nonlinearity="relu"),
    "LSTM": lambda: tidegate.LSTM(3, 5),
    "LSTM, both directions": lambda: tidegate.LSTM(3, 5, 2, bidirectional=True),
    "LSTM with a projection": lambda: tidegate.LSTM(3, 5, proj_size=2),
    "GRU without bias": lambda: tidegate.GRU(3, 5, bias=False),
    "GRU, batch first": lambda: tidegate.GRU(3, 5, batch_first=True),
}


def by_both(compute):
    """What the kernels give, and the equations; the kernels were asked."""
    calls = []
    applied = transforms.Transformed.apply
    transforms.Transformed.apply = lambda *given: (calls.append(1), applied(*given))[1]
    try:
        ours = compute()
    finally:
        transforms.Transformed.apply = applied
    assert calls
    with tidegate.use_backend("reference"):
        return ours, compute()


def assert_same(ours, theirs):
    for a, b in zip(torch.utils._pytree.tree_leaves(ours), torch.utils._pytree.tree_leaves(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.fixture(params=LAYERS, ids=lambda name: name.replace(" ", "-"))
def layer(request):
    torch.manual_seed(0)
    return LAYERS[request.param]().double()


def loss_of(layer, weights, x):
    output, final = functional_call(layer, weights, (x,))
    parts = (output, *final) if isinstance(final, tuple) else (output, final)
    return sum((part * torch.linspace(0.5, 1, part.numel(), dtype=part.dtype).view_as(part)).sum() for part in parts)


@pytest.mark.parametrize("detached", [False, True])
def test_gradients_of_each_sample(layer, detached):
    weights = {name: one.detach() if detached else one for name, one in layer.named_parameters()}
    x = torch.randn(4, 6, 2, 3, dtype=torch.float64)
    assert_same(*by_both(lambda: vmap(grad(lambda w, x: loss_of(layer, w, x)), in_dims=(None, 0))(weights, x)))


def test_samples_along_another_axis(layer):
    weights, x = dict(layer.named_parameters()), torch.randn(6, 4, 2, 3, dtype=torch.float64)
    assert_same(*by_both(lambda: vmap(grad(lambda w, x: loss_of(layer, w, x)), in_dims=(None, 1))(weights, x)))


def test_gradients_of_one_call(layer):
    weights, x = dict(layer.named_parameters()), torch.randn(6, 2, 3, dtype=torch.float64)
    assert_same(*by_both(lambda: grad(lambda w, x: loss_of(layer, w, x), argnums=(0, 1))(weights, x)))


def test_an_ensemble_of_weights():
    layers = [tidegate.GRU(3, 5).double() for _ in range(3)]
    weights, _ = stack_module_state(layers)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    assert_same(*by_both(lambda: vmap(lambda w: functional_call(layers[0], w, (x,))[0])(weights)))
    assert_same(*by_both(lambda: grad(lambda w: vmap(lambda w: loss_of(layers[0], w, x))(w).sum())(weights)))


def test_a_jacobian_row_by_row(layer):
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    assert_same(*by_both(lambda: jacrev(lambda x: layer(x)[0])(x)))


def test_a_penalty_on_gradients_is_derived_once_more(layer):
    x = torch.randn(4, 6, 2, 3, dtype=torch.float64)

    def penalty():
        layer.zero_grad()
        weights = dict(layer.named_parameters())
        found = vmap(grad(lambda w, x: loss_of(layer, w, x)), in_dims=(None, 0))(weights, x)
        sum(one.square().sum() for one in found.values()).backward()
        return [one.grad.clone() for one in layer.parameters()]

    assert_same(*by_both(penalty))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("transform", [lambda f: grad(lambda x: grad(f)(x).sum()), torch.func.hessian])
def test_second_derivatives_take_the_equations(transform):
    layer, x = tidegate.GRU(1, 3).double(), torch.randn(1, dtype=torch.float64)

    def both():
        return transform(lambda x: layer(x.expand(3, 1, 1))[0].sin().sum())(x)

    found = both()
    assert found.abs().sum() > 0
    with tidegate.use_backend("reference"):
        torch.testing.assert_close(found, both())
