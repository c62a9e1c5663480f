"""The layers are torch.nn's: same arguments, weights, results and errors. torch.nn judges."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import tidegate
from tests.close import assert_matches, flat, module_outputs_and_gradients
from tidegate.errors import ShapeError, TidegateError
from tidegate.kernels import BACKENDS, Request, use_backend

PAIRS = [(tidegate.RNN, nn.RNN), (tidegate.LSTM, nn.LSTM), (tidegate.GRU, nn.GRU)]
CELLS = ["rnn", "lstm", "gru"]
VARIANTS = [
    pytest.param({}, id="plain"),
    pytest.param({"num_layers": 2, "bidirectional": True}, id="stacked"),
    pytest.param({"bias": False, "batch_first": True}, id="unbiased"),
]


def pair(cell: str, **options):
    """Our layer and torch's, with the same weights."""
    ours, theirs = ((getattr(package, cell.upper())) for package in (tidegate, nn))
    torchs = theirs(3, 5, dtype=torch.float64, **options)
    layer = ours(3, 5, dtype=torch.float64, **options)
    layer.load_state_dict(torchs.state_dict())
    return layer, torchs


def sequence(layer, T=7, B=4):
    """A batch with a state, as named inputs."""
    L = layer.num_layers * (2 if layer.bidirectional else 1)
    x = torch.randn(B, T, 3) if layer.batch_first else torch.randn(T, B, 3)
    inputs = {"x": x, "h0": torch.randn(L, B, layer.proj_size or 5)}
    if layer.mode == "LSTM":
        inputs["c0"] = torch.randn(L, B, 5)
    return {name: value.double() for name, value in inputs.items()}


@pytest.fixture(params=list(BACKENDS))
def backend(request):
    if reason := BACKENDS[request.param].why_not(Request(mode="GRU", device="cpu", dtype=torch.float64)):
        pytest.skip(reason)
    with use_backend(request.param):
        yield request.param


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("cell", CELLS)
def test_agrees_with_torch_forward_and_every_gradient(cell, options, backend):
    layer, torchs = pair(cell, **options)
    inputs = sequence(layer)
    assert_matches(
        module_outputs_and_gradients(layer, inputs), module_outputs_and_gradients(torchs, inputs), torch.float64
    )


def test_a_projected_lstm_agrees_with_torch(backend):
    request = Request(mode="LSTM", device="cpu", dtype=torch.float64, proj_size=2)
    if reason := BACKENDS[backend].why_not(request):
        pytest.skip(reason)
    layer, torchs = pair("lstm", proj_size=2, num_layers=2, bidirectional=True)
    inputs = sequence(layer)
    assert_matches(
        module_outputs_and_gradients(layer, inputs), module_outputs_and_gradients(torchs, inputs), torch.float64
    )


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("cell", CELLS)
def test_lengths_agree_with_a_packed_sequence(cell, options, backend):
    layer, torchs = pair(cell, **options)
    inputs = sequence(layer)
    lengths = torch.tensor([3, 7, 1, 5])
    state = tuple(inputs[name] for name in ("h0", "c0") if name in inputs)
    packed = pack_padded_sequence(inputs["x"], lengths, layer.batch_first, enforce_sorted=False)
    output, *final = flat(torchs(packed, state if len(state) == 2 else state[0]))
    output, _ = pad_packed_sequence(output, layer.batch_first)
    ours = flat(layer(inputs["x"], state if len(state) == 2 else state[0], lengths=lengths))
    for a, b in zip(ours, (output, *final), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("filling", [0.0, 1e30, float("nan")])
@pytest.mark.parametrize("cell", CELLS)
def test_padding_never_matters(cell, filling, backend):
    layer, _ = pair(cell, num_layers=2, bidirectional=True)
    inputs = sequence(layer)
    lengths = torch.tensor([3, 7, 0, 5])
    clean = module_outputs_and_gradients(layer, inputs, lengths=lengths)
    for b, length in enumerate(lengths):
        inputs["x"][length:, b] = filling
    filled = module_outputs_and_gradients(layer, inputs, lengths=lengths)
    assert all(torch.equal(filled[name], clean[name]) for name in clean)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_of_no_steps_stands_still(cell, backend):
    layer, _ = pair(cell)
    inputs = sequence(layer, B=2)
    state = tuple(inputs[name] for name in ("h0", "c0") if name in inputs)
    output, *final = flat(layer(inputs["x"], state if len(state) == 2 else state[0], lengths=[0, 7]))
    assert (output[:, 0] == 0).all()
    assert all(torch.equal(f[:, 0], s[:, 0]) for f, s in zip(final, state, strict=True))


@pytest.mark.parametrize("sort", [True, False], ids=["sorted", "unsorted"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_packed_sequence_comes_back_packed(cell, sort, backend):
    layer, torchs = pair(cell, num_layers=2, bidirectional=True)
    lengths = torch.tensor([7, 5, 5, 2] if sort else [5, 2, 7, 5])
    packed = pack_padded_sequence(sequence(layer)["x"], lengths, enforce_sorted=sort)
    (ours, *final), (theirs, *theirs_final) = flat(layer(packed)), flat(torchs(packed))
    torch.testing.assert_close(ours.data, theirs.data, rtol=1e-10, atol=1e-10)
    assert torch.equal(ours.batch_sizes, theirs.batch_sizes)
    for a, b in zip(final, theirs_final, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_step_by_step_is_all_at_once(cell, backend):
    layer, _ = pair(cell, num_layers=2)
    x = sequence(layer)["x"]
    whole, *_ = flat(layer(x))
    state, steps = None, []
    for t in range(len(x)):
        output, state = layer(x[t : t + 1], state)
        steps.append(output)
    torch.testing.assert_close(torch.cat(steps), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_order_of_the_batch_does_not_matter(cell, backend):
    layer, _ = pair(cell, bidirectional=True)
    x, lengths, order = sequence(layer)["x"], torch.tensor([3, 7, 1, 5]), torch.tensor([2, 0, 3, 1])
    output, _ = layer(x, lengths=lengths)
    shuffled, _ = layer(x[:, order], lengths=lengths[order])
    torch.testing.assert_close(shuffled, output[:, order], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_acts_between_layers_in_training_only(cell, backend):
    layer, torchs = pair(cell, num_layers=2, dropout=0.5)
    x = sequence(layer)["x"]
    assert not torch.equal(layer(x)[0], layer(x)[0])
    torch.testing.assert_close(layer.eval()(x)[0], torchs.eval()(x)[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_is_torchs_in_type_signature_and_state_dict(ours, theirs):
    layer, torchs = ours(3, 5, 2), theirs(3, 5, 2)
    assert isinstance(layer, theirs)
    added = {"recurrent_dropout", "zoneout"}
    assert [p for p in inspect.signature(ours).parameters if p not in added] == list(
        inspect.signature(theirs).parameters
    )
    assert list(inspect.signature(ours.forward).parameters)[:3] == list(inspect.signature(theirs.forward).parameters)
    layer.load_state_dict(torchs.state_dict(), strict=True)
    torchs.load_state_dict(layer.state_dict(), strict=True)
    assert repr(layer) == repr(torchs)


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
@pytest.mark.parametrize("cell", CELLS)
def test_a_copy_gives_the_same_bits(cell, copier):
    layer, _ = pair(cell)
    x = sequence(layer)["x"]
    assert torch.equal(copier(layer)(x)[0], layer(x)[0])


def torch_samples(dtype, training):
    """Every sample input of torch's own module tests for the three layers."""
    for info in module_db:
        if info.module_cls in (nn.RNN, nn.LSTM, nn.GRU):
            ours = getattr(tidegate, info.module_cls.__name__)
            kwargs = {"with_packed_sequence": True} if info.module_cls is not nn.LSTM else {}
            samples = info.module_inputs_func(
                info, device="cpu", dtype=dtype, requires_grad=True, training=training, **kwargs
            )
            yield from ((ours, info.module_cls, sample) for sample in samples)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_torchs_own_samples(training, backend):
    count = 0
    for ours, theirs, sample in torch_samples(torch.float64, training):
        construct, forward = sample.constructor_input, sample.forward_input
        torchs = theirs(*construct.args, dtype=torch.float64, **construct.kwargs).train(training)
        layer = ours(*construct.args, dtype=torch.float64, **construct.kwargs).train(training)
        request = Request(mode=layer.mode, device="cpu", dtype=torch.float64, proj_size=layer.proj_size)
        if BACKENDS[backend].why_not(request):
            continue
        layer.load_state_dict(torchs.state_dict())
        results = []
        for module in (layer, torchs):
            args = copy.deepcopy(forward.args)
            output, *final = flat(module(*args, **forward.kwargs))
            output = getattr(output, "data", output)
            (output.sum() + sum(f.sum() for f in final)).backward()
            results.append([output, *final, *(p.grad for p in module.parameters())])
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        count += 1
    assert count > 50


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_torchs_own_error_inputs(training):
    count = 0
    for info in module_db:
        if info.module_cls not in (nn.RNN, nn.LSTM, nn.GRU):
            continue
        ours = getattr(tidegate, info.module_cls.__name__)
        errors = info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=training
        )
        for error in errors:
            construct, forward = error.module_error_input.constructor_input, error.module_error_input.forward_input
            with pytest.raises(error.error_type, match=error.error_regex) as caught:
                layer = ours(*construct.args, **construct.kwargs)
                assert error.error_on is ModuleErrorEnum.FORWARD_ERROR
                layer(*forward.args, **forward.kwargs)
            assert isinstance(caught.value, TidegateError)
            count += 1
    assert count > 20


@pytest.mark.parametrize(
    ("x", "hx", "lengths", "says"),
    [
        (torch.zeros(7), None, None, "input of 1 dimensions"),
        (torch.zeros(7, 2, 4), None, None, "Expected 3, got 4"),
        (PackedSequence(torch.zeros(5), torch.tensor([3, 2])), None, None, "1-dimensional data"),
        (torch.zeros(7, 2, 3), None, [8, 1], "lengths from 1 to 8; wanted 0 to 7"),
        (torch.zeros(7, 2, 3), None, [-1, 1], "lengths from -1"),
        (torch.zeros(7, 2, 3), None, [1], "wanted 2 whole numbers"),
        (torch.zeros(7, 2, 3), None, [1.5, 2.0], "wanted 2 whole numbers"),
        (torch.zeros(7, 3), None, [7], "unbatched"),
        (torch.zeros(7, 2, 3), torch.zeros(1, 2, 4), None, "h0 of shape"),
        (torch.zeros(7, 2, 3), torch.zeros(2, 5), None, "h0 of shape"),
        (torch.zeros(7, 2, 3), torch.zeros(1, 2, 5).double(), None, "h0 of torch.float64"),
        (torch.zeros(7, 2, 3).double(), None, None, "does not match weight dtype"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(x, hx, lengths, says):
    with pytest.raises(ShapeError, match=says):
        tidegate.GRU(3, 5)(x, hx, lengths=lengths)


def test_an_lstm_wants_both_states():
    with pytest.raises(ShapeError, match=r"\(h0, c0\)"):
        tidegate.LSTM(3, 5)(torch.zeros(7, 2, 3), (torch.zeros(1, 2, 5),))


@pytest.mark.parametrize("weight", [torch.zeros(15, 4), torch.zeros(15, 5).double(), torch.zeros(15, 5, device="meta")])
def test_a_weight_replaced_by_one_that_does_not_fit_is_refused(weight):
    layer = tidegate.GRU(3, 5)
    layer.weight_hh_l0 = nn.Parameter(weight)
    with pytest.raises((ShapeError, RuntimeError)):
        layer(torch.zeros(7, 2, 3))
