"""A sequence in one piece, in chunks and step by step: the same results, gradients cut where a chunk begins."""

import copy
import pickle
from threading import Barrier, Thread

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import tidegate
from tidegate.errors import ConfigError, ShapeError

CELLS = ["RNN", "LSTM", "GRU"]
OPTIONS = [
    *((cell, options) for cell in CELLS for options in ({}, {"num_layers": 2}, {"batch_first": True}, {"bias": False})),
    ("RNN", {"nonlinearity": "relu"}),
    ("LSTM", {"proj_size": 2}),
]


class Model(nn.Module):
    """Two layers of other kinds, and a cell in a loop."""

    def __init__(self):
        super().__init__()
        self.lower, self.upper, self.cell = tidegate.LSTM(3, 4), nn.GRU(4, 5), tidegate.RNNCell(5, 2)

    def forward(self, x):
        outputs, state = [], None
        for step in self.upper(self.lower(x)[0])[0]:
            state = self.cell(step, state)
            outputs.append(state)
        return torch.stack(outputs)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sizes", [[7], [4, 3], [1] * 7, [2, 1, 4]], ids=str)
@pytest.mark.parametrize(("cell", "options"), OPTIONS, ids=str)
def test_whole_chunks_and_steps_give_the_same(cell, options, sizes):
    layer = getattr(tidegate, cell)(3, 5, dtype=torch.float64, **options)
    x, axis = torch.randn(2, 7, 3) if layer.batch_first else torch.randn(7, 2, 3), 1 if layer.batch_first else 0
    x = x.double()
    stream = tidegate.Stream(layer)
    close(torch.cat([stream(piece)[0] for piece in x.split(sizes, axis)], axis), layer(x)[0])


def test_a_model_of_several_layers_keeps_the_state_of_each():
    model, x = Model().double(), torch.randn(6, 2, 3).double()
    stream = tidegate.Stream(model)
    close(torch.cat([stream(piece) for piece in x.split([3, 1, 2])]), model(x))
    assert set(stream.states) == {"lower", "upper", "cell"}


def test_a_layer_that_begins_twice_in_a_call_has_two_states():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = tidegate.GRU(3, 5)

        def forward(self, x, y):
            return self.rnn(x)[0], self.rnn(y)[0]

    model, x, y = Twice().double(), torch.randn(6, 2, 3).double(), torch.randn(6, 1, 3).double()
    stream = tidegate.Stream(model)
    pieces = [stream(x[:4], y[:4]), stream(x[4:], y[4:])]
    for whole, parts in zip(model(x, y), zip(*pieces, strict=True), strict=True):
        close(torch.cat(parts), whole)


def test_a_cell_that_is_called_step_by_step_goes_on():
    cell, x = tidegate.GRUCell(3, 5).double(), torch.randn(4, 2, 3).double()
    stream, state = tidegate.Stream(cell), None
    for step in x:
        state = cell(step, state)
        close(stream(step), state)


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_end_where_a_call_begins_unless_they_are_wanted(detach):
    layer, x = tidegate.LSTM(3, 5).double(), torch.randn(2, 1, 3).double().requires_grad_()
    stream = tidegate.Stream(layer, detach=detach)
    stream(x[:1])
    stream(x[1:])[0].sum().backward()
    assert bool(x.grad[0].abs().sum() > 0) is not detach
    assert x.grad[1].abs().sum() > 0


def test_the_model_itself_is_not_changed():
    layer, x = tidegate.GRU(3, 5), torch.randn(4, 2, 3)
    expected, stream = layer(x)[0], tidegate.Stream(layer)
    stream(x)
    stream(x)
    assert torch.equal(layer(x)[0], expected)
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize("rows", [[1], torch.tensor([False, True])])
@pytest.mark.parametrize("cell", CELLS)
def test_a_row_that_is_reset_begins_anew_and_the_others_go_on(cell, rows):
    layer, x = getattr(tidegate, cell)(3, 5).double(), torch.randn(6, 2, 3).double()
    stream = tidegate.Stream(layer)
    stream(x[:4])
    stream.reset(rows)
    later = stream(x[4:])[0]
    close(later[:, 0], layer(x)[0][4:, 0])
    close(later[:, 1], layer(x[4:])[0][:, 1])


def test_reset_of_all_begins_anew_with_any_number_of_sequences():
    layer, x = tidegate.GRU(3, 5), torch.randn(4, 2, 3)
    stream = tidegate.Stream(layer)
    stream(x)
    stream.reset()
    assert torch.equal(stream(x[:, :1])[0], layer(x[:, :1])[0])


def test_streams_of_one_model_in_threads_keep_apart():
    model, ready = nn.Sequential(tidegate.GRU(3, 5)).double(), Barrier(2)

    def wait_for_the_other(*_):
        ready.wait(30)

    model[0].register_forward_pre_hook(wait_for_the_other)  # so both are within a call at once
    xs, found = torch.randn(2, 4, 2, 3).double(), [[], []]

    def follow(n):
        stream = tidegate.Stream(model)
        found[n] += [stream(x)[0] for x in xs[n].split(1)]

    threads = [Thread(target=follow, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ready = Barrier(1)
    for n in range(2):
        close(torch.cat(found[n]), model(xs[n])[0])


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_a_stream_in_use_is_copied_with_its_states(copier):
    stream, x = tidegate.Stream(tidegate.LSTM(3, 5)), torch.randn(4, 2, 3)
    stream(x)
    copied = copier(stream)
    assert torch.equal(copied(x)[0], stream(x)[0])


def test_a_state_that_is_given_is_kept():
    layer, x, h = tidegate.GRU(3, 5), torch.randn(4, 2, 3), torch.randn(1, 2, 5)
    stream = tidegate.Stream(layer)
    stream(x)
    assert torch.equal(stream(x, h)[0], layer(x, h)[0])


def test_an_error_leaves_the_states_as_they_were():
    layer, x = tidegate.GRU(3, 5), torch.randn(4, 2, 3)
    stream = tidegate.Stream(layer)
    stream(x)
    before = stream.states[""][0]
    with pytest.raises(ShapeError):
        stream(torch.randn(4, 2, 9))
    assert stream.states[""][0] is before
    assert not layer._forward_hooks


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: tidegate.Stream({}), "got a dict"),
        (lambda: tidegate.Stream(nn.Linear(2, 2)), "without recurrent layers"),
        (lambda: tidegate.Stream(nn.ModuleDict({"rnn": nn.GRU(2, 2, bidirectional=True)})), "both directions, rnn"),
    ],
)
def test_what_cannot_be_streamed_is_refused(make, says):
    with pytest.raises(ConfigError, match=says):
        make()


@pytest.mark.parametrize("rows", [[], (), torch.tensor([], dtype=torch.int64)])
def test_no_rows_are_no_reset(rows):
    stream = tidegate.Stream(tidegate.GRU(3, 5))
    stream(torch.randn(4, 2, 3))
    before = stream.states[""][0]
    stream.reset(rows)
    assert torch.equal(stream.states[""][0], before)


def test_a_reset_that_fits_one_layer_and_not_another_resets_none():
    model = nn.ModuleList([tidegate.GRU(3, 5), tidegate.GRU(3, 5)])
    stream, x = tidegate.Stream(model), torch.randn(4, 3, 3)
    model.forward = lambda x: (model[0](x), model[1](x[:, :2]))
    stream(x)
    before = stream.states["0"][0]
    with pytest.raises(ShapeError):
        stream.reset([2])
    assert torch.equal(stream.states["0"][0], before)


@pytest.mark.parametrize("rows", ["a", {0}, {"row": 0}, [None], 1])
def test_rows_that_are_no_rows_are_refused(rows):
    stream = tidegate.Stream(tidegate.GRU(3, 5))
    stream(torch.randn(4, 2, 3))
    with pytest.raises(ShapeError, match="got rows of"):
        stream.reset(rows)


@pytest.mark.parametrize("rows", [[2], [-1], [0.5], [[0]], torch.tensor([1j]), torch.tensor([True])])
def test_rows_that_are_not_there_are_refused(rows):
    stream = tidegate.Stream(tidegate.GRU(3, 5))
    stream(torch.randn(4, 2, 3))
    with pytest.raises(ShapeError, match="truth values"):
        stream.reset(rows)


def test_another_number_of_sequences_is_refused_with_the_remedy():
    stream = tidegate.Stream(tidegate.GRU(3, 5))
    stream(torch.randn(4, 2, 3))
    with pytest.raises(ShapeError, match=r"reset\(\)"):
        stream(torch.randn(4, 3, 3))
    with pytest.raises(ShapeError, match=r"reset\(\)"):
        stream(pack_sequence([torch.randn(4, 3)]))
