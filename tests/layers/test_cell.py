"""The one-step cells are torch.nn's: same arguments, weights, results, gradients and errors. torch.nn judges."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import tidegate
from tidegate.errors import BackendError, ShapeError, TidegateError
from tidegate.kernels import use_backend
from tidegate.kernels.cpu import layer as kernels
from tidegate.kernels.cpu import step

CELLS = [nn.RNNCell, nn.LSTMCell, nn.GRUCell]
SIZES = [  # B, I, H: within and beyond the few rows that are not packed, none a whole number of vectors
    pytest.param(1, 1, 1, id="smallest"),
    pytest.param(3, 5, 17, id="odd"),
    pytest.param(32, 33, 70, id="many rows"),
    pytest.param(33, 9, 12, id="packed"),
    pytest.param(2, 300, 257, id="wide"),
    pytest.param(4, 520, 600, id="beyond the second cache"),
]
compiled_kernels = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))


def pair(cell, I=3, H=5, **options):
    """Our cell and torch's, with the same weights."""
    theirs = cell(I, H, dtype=torch.float64, **options)
    ours = getattr(tidegate, cell.__name__)(I, H, dtype=torch.float64, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def inputs(cell, B=2, I=3, H=5, batched=True):
    shape = (B,) if batched else ()
    x, h, c = (torch.randn(*shape, n, dtype=torch.float64, requires_grad=True) for n in (I, H, H))
    return x, (h, c) if cell is nn.LSTMCell else h


def leaves(x, hx):
    return [x, *hx] if isinstance(hx, tuple) else [x, hx]


def flat(state):
    return state if isinstance(state, tuple) else (state,)


def results(module, x, hx, leave_out=()):
    """Every output and the gradient of every input and weight, under one random loss."""
    outputs = flat(module(x, hx))
    noise = torch.Generator().manual_seed(0)
    used = [o for k, o in enumerate(outputs) if k not in leave_out]
    loss = sum((o * torch.randn(o.shape, generator=noise, dtype=o.dtype)).sum() for o in used)
    return [*outputs, *torch.autograd.grad(loss, [*leaves(x, hx), *module.parameters()])]


def assert_same(found, expected, tolerance=1e-10):
    for actual, value in zip(found, expected, strict=True):
        torch.testing.assert_close(actual, value, rtol=tolerance, atol=tolerance)


@pytest.fixture
def kernels_only(monkeypatch):
    """Fails where torch.nn computes a step."""
    for cell in CELLS:
        monkeypatch.setattr(cell, "forward", None)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("B", "I", "H"), SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_agrees_with_torch_forward_and_every_gradient(cell, B, I, H, threads):
    ours, theirs = pair(cell, I, H)
    x, hx = inputs(cell, B, I, H)
    torch.set_num_threads(threads)
    try:
        assert_same(results(ours, x, hx), results(theirs, x, hx))
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("cell", CELLS)
def test_single_precision_is_as_near_as_torchs(cell):
    ours, theirs = pair(cell, 100, 90)
    x, hx = inputs(cell, 5, 100, 90)
    exact = results(theirs, x, hx)
    x, hx = x.detach().float().requires_grad_(), None
    state = [t.detach().float().requires_grad_() for t in leaves(*inputs(cell, 5, 100, 90))[1:]]
    hx = tuple(state) if cell is nn.LSTMCell else state[0]
    expected = results(theirs.float(), x, hx)
    assert len(exact) == len(expected)
    assert_same(results(ours.float(), x, hx), expected, 2e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_relu_is_another_cell(cell):
    if cell is nn.RNNCell:
        ours, theirs = pair(cell, nonlinearity="relu")
        x, hx = inputs(cell)
        assert_same(results(ours, x, hx), results(theirs, x, hx))


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("options", [{}, {"bias": False}])
@pytest.mark.parametrize("cell", CELLS)
def test_without_a_state_it_is_zero(cell, options, batched):
    ours, theirs = pair(cell, **options)
    x, _ = inputs(cell, batched=batched)
    assert_same(flat(ours(x)), flat(theirs(x)))
    with torch.no_grad():
        assert_same(flat(ours(x)), flat(theirs(x)))


@pytest.mark.parametrize("cell", CELLS)
def test_unbatched_agrees_with_torch(cell):
    ours, theirs = pair(cell)
    x, hx = inputs(cell, batched=False)
    assert_same(results(ours, x, hx), results(theirs, x, hx))


@pytest.mark.parametrize("used", [0, 1])
def test_a_loss_of_one_of_the_states_alone(used):
    ours, theirs = pair(nn.LSTMCell)
    x, hx = inputs(nn.LSTMCell)
    found, expected = (results(cell, x, hx, leave_out=(1 - used,)) for cell in (ours, theirs))
    assert_same(found, expected)


@compiled_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_the_kernels_run_it(cell, kernels_only):
    ours = getattr(tidegate, cell.__name__)(3, 5)
    flat(ours(torch.randn(2, 3)))[0].sum().backward()
    with torch.no_grad():
        ours(torch.randn(2, 3))


@pytest.mark.parametrize("cell", CELLS)
def test_a_loop_of_steps_is_the_layer(cell):
    layer = getattr(tidegate, cell.__name__.removesuffix("Cell"))(3, 5, dtype=torch.float64)
    ours, _ = pair(cell)
    ours.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x, state, outputs = torch.randn(7, 2, 3, dtype=torch.float64), None, []
    for t in range(7):
        state = ours(x[t], state)
        outputs.append(flat(state)[0])
    together = torch.stack(outputs)
    torch.testing.assert_close(together, layer(x)[0], rtol=1e-10, atol=1e-10)
    together.sum().backward()
    layer(x)[0].sum().backward()
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, getattr(layer, f"{name}_l0").grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_strided_tensors_are_read(cell):
    ours, theirs = pair(cell)
    x = torch.randn(6, 2, dtype=torch.float64).T[:, ::2].requires_grad_()
    h = torch.randn(5, 2, dtype=torch.float64).T.requires_grad_()
    hx = (h, h.detach().clone().T.contiguous().T.requires_grad_()) if cell is nn.LSTMCell else h
    assert_same(results(ours, x, hx), results(theirs, x, hx))
    with torch.no_grad():
        assert_same(flat(ours(x, hx)), flat(theirs(x, hx)))


@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives(cell):
    ours, _ = pair(cell)
    x, hx = inputs(cell)
    assert torch.autograd.gradgradcheck(
        lambda *given: flat(ours(given[0], given[1:] if cell is nn.LSTMCell else given[1])),
        leaves(x, hx),
        fast_mode=True,
    )


@pytest.mark.parametrize("cell", CELLS)
def test_vmap_is_a_loop(cell):
    ours, _ = pair(cell)
    xs = torch.randn(4, 2, 3, dtype=torch.float64)
    for k, found in enumerate(flat(torch.vmap(ours)(xs))):
        torch.testing.assert_close(found, torch.stack([flat(ours(x))[k] for x in xs]), rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("cell", CELLS)
def test_forward_mode_agrees_with_reverse_mode(cell):
    ours, _ = pair(cell)
    x, direction = torch.randn(2, 2, 3, dtype=torch.float64)
    _, found = torch.func.jvp(lambda x: flat(ours(x))[0], (x,), (direction,))
    jacobian = torch.autograd.functional.jacobian(lambda x: flat(ours(x))[0], x)
    torch.testing.assert_close(found, torch.einsum("bhci,ci->bh", jacobian, direction), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_every_backend_agrees(cell):
    ours, theirs = pair(cell)
    x, hx = inputs(cell)
    for backend in ("torch", "reference"):
        with use_backend(backend):
            assert_same(results(ours, x, hx), results(theirs, x, hx))
            assert_same(flat(ours(x[0])), flat(theirs(x[0])))


@pytest.mark.parametrize("cell", CELLS)
def test_compiled_and_exported_it_is_torchs(cell):
    torch._dynamo.reset()
    model, x = tidegate.accelerate(cell(3, 5)), torch.randn(2, 3)
    expected = flat(model(x))
    assert_same(flat(torch.compile(model, fullgraph=True, backend="aot_eager")(x)), expected, 1e-5)
    program = torch.export.export(model, (x,))
    assert not any("tidegate" in str(node.target) for node in program.graph.nodes)
    assert_same(flat(program.module()(x)), expected, 1e-5)
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("cell", CELLS)
def test_an_accelerated_cell_scripts_and_stays_as_it_was(cell):
    model, x = tidegate.accelerate(nn.ModuleList([cell(3, 5)]))[0], torch.randn(2, 3)
    expected = flat(model(x))
    assert_same(flat(torch.jit.script(model)(x)), expected, 1e-5)
    assert tidegate.explain(model).layers[0].backend is not None


@pytest.mark.parametrize("cell", CELLS)
def test_accelerate_and_restore(cell):
    module, x = cell(3, 5), torch.randn(2, 3)
    expected = flat(module(x))
    assert type(tidegate.accelerate(module)) is cell
    assert_same(flat(module(x)), expected, 1e-6)
    tidegate.restore(module)
    assert all(torch.equal(a, b) for a, b in zip(flat(module(x)), expected, strict=True))


def test_a_subclass_of_a_cell_that_calls_super_is_made_fast(kernels_only):
    class Doubling(nn.LSTMCell):
        def forward(self, input, hx=None):
            return super().forward(2 * input, hx)

    if kernels.MISSING is None:
        tidegate.accelerate(Doubling(3, 5))(torch.randn(2, 3))


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))])
def test_a_copy_gives_the_same_bits(copier):
    cell, x = tidegate.accelerate(nn.GRUCell(3, 5)), torch.randn(2, 3)
    copied = copier(cell)
    assert torch.equal(copied(x), cell(x))
    assert tidegate.explain(copied).layers[0].backend == tidegate.explain(cell).layers[0].backend


def test_a_parametrized_weight_is_used():
    cell, x = nn.GRUCell(3, 5), torch.randn(2, 3)
    parametrizations.weight_norm(cell, "weight_hh")
    expected = cell(x)
    torch.testing.assert_close(tidegate.accelerate(cell)(x), expected)


def test_autocast_is_torchs():
    ours, theirs = tidegate.LSTMCell(3, 5), nn.LSTMCell(3, 5)
    ours.load_state_dict(theirs.state_dict())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, expected = ours(torch.ones(2, 3)), theirs(torch.ones(2, 3))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@compiled_kernels
def test_a_backend_named_runs_or_raises():
    cell = tidegate.GRUCell(3, 5)
    with use_backend("cpu"), pytest.raises(BackendError):
        cell.half()(torch.ones(2, 3, dtype=torch.float16))
    with use_backend("torch"):
        cell.float()(torch.ones(2, 3))


def torch_errors():
    for info in module_db:
        if info.module_cls in CELLS:
            yield from (
                (info.module_cls, error)
                for error in info.module_error_inputs_func(
                    info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
                )
            )


def test_torchs_own_error_inputs():
    count = 0
    for cls, error in torch_errors():
        construct, forward = error.module_error_input.constructor_input, error.module_error_input.forward_input
        with pytest.raises(error.error_type, match=error.error_regex) as caught:
            cell = getattr(tidegate, cls.__name__)(*construct.args, **construct.kwargs)
            assert error.error_on is ModuleErrorEnum.FORWARD_ERROR
            cell(*forward.args, **forward.kwargs)
        assert isinstance(caught.value, TidegateError)
        count += 1
    assert count > 10


@pytest.mark.parametrize("training", [True, False])
def test_torchs_own_samples(training):
    count = 0
    for info in module_db:
        if info.module_cls not in CELLS:
            continue
        samples = info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )
        for sample in samples:
            construct, forward = sample.constructor_input, sample.forward_input
            theirs = info.module_cls(*construct.args, dtype=torch.float64, **construct.kwargs)
            ours = getattr(tidegate, info.module_cls.__name__)(*construct.args, dtype=torch.float64, **construct.kwargs)
            ours.load_state_dict(theirs.state_dict())
            assert_same(flat(ours(*forward.args, **forward.kwargs)), flat(theirs(*forward.args, **forward.kwargs)))
            count += 1
    assert count >= 6


@pytest.mark.parametrize(
    ("x", "hx"),
    [
        (torch.zeros(2, 4), None),
        (torch.zeros(2, 3), torch.zeros(3, 5)),
        (torch.zeros(2, 3), torch.zeros(2, 6)),
        (torch.zeros(2, 3), torch.zeros(2, 5).double()),
        (torch.zeros(2, 3).double(), None),
        (torch.zeros(2, 2, 3), None),
    ],
)
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_what_does_not_fit_is_refused_in_a_sentence(cell, x, hx, grad):
    hx = (hx, hx) if cell is nn.LSTMCell and hx is not None else hx
    with torch.set_grad_enabled(grad), pytest.raises(ShapeError, match="got an input of shape"):
        getattr(tidegate, cell.__name__)(3, 5)(x, hx)


H = torch.zeros(2, 5)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize(
    ("cell", "hx", "says"),
    [
        (nn.LSTMCell, H, "a state of Tensor"),
        (nn.LSTMCell, (H,), "a state of Tensor"),
        (nn.LSTMCell, (H, H, H), "a state of Tensor, Tensor, Tensor"),
        (nn.LSTMCell, (H, None), "a state of Tensor, NoneType"),
        (nn.LSTMCell, (None, H), "a state of NoneType, Tensor"),
        (nn.GRUCell, (H,), "a state of tuple"),
        (nn.RNNCell, H.numpy(), "a state of ndarray"),
    ],
)
def test_a_state_of_another_kind_is_refused(cell, hx, says, grad):
    with torch.set_grad_enabled(grad), pytest.raises(ShapeError, match=says):
        getattr(tidegate, cell.__name__)(3, 5)(torch.zeros(2, 3), hx)


@pytest.mark.parametrize("input", [None, [1.0, 2.0, 3.0], torch.zeros(2, 3).numpy()])
@pytest.mark.parametrize("cell", CELLS)
def test_an_input_that_is_no_tensor_is_refused(cell, input):
    with pytest.raises(ShapeError, match="got an input of <class"):
        getattr(tidegate, cell.__name__)(3, 5)(input)


def test_an_unknown_nonlinearity_is_refused_as_by_torch():
    with pytest.raises(ShapeError, match="Unknown nonlinearity"):
        tidegate.RNNCell(3, 5, nonlinearity="gelu")(torch.zeros(2, 3))


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_of_ours_is_a_leaf_to_fx(cell):
    model, x = nn.Sequential(getattr(tidegate, cell.__name__)(3, 5)), torch.randn(2, 3)
    traced = torch.fx.symbolic_trace(model)
    assert ("call_module", "0") in [(node.op, node.target) for node in traced.graph.nodes]
    assert all(torch.equal(a, b) for a, b in zip(flat(traced(x)), flat(model(x)), strict=True))


@compiled_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_without_gradients_nothing_is_saved(cell, monkeypatch):
    monkeypatch.setattr(step, "Step", None)
    with torch.no_grad():
        assert flat(getattr(tidegate, cell.__name__)(3, 5)(torch.randn(2, 3)))[0].grad_fn is None


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell])
def test_the_new_state_may_be_changed_in_place(cell):
    ours, theirs = pair(cell)
    x, hx = inputs(cell)
    grads = []
    for module in (ours, theirs):
        h = flat(module(x, hx))[0]
        h.mul_(2)
        grads.append(torch.autograd.grad(h.sum(), [*leaves(x, hx), *module.parameters()], allow_unused=True))
    assert_same(*grads)
