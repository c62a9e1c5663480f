"""accelerate changes the class of a layer and nothing else; explain says who runs it."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, weight_norm
from torch.nn.utils.rnn import pack_sequence

import tidegate
from tests.close import flat
from tidegate.errors import ConfigError
from tidegate.kernels import use_backend

CELLS = [nn.RNN, nn.LSTM, nn.GRU]


class Model(nn.Module):
    """A model as people write them: a layer inside a container, dropout, a linear layer after the last step."""

    def __init__(self, cell):
        super().__init__()
        self.body = nn.ModuleDict({"rnn": cell(3, 5, num_layers=2, batch_first=True, dropout=0.2)})
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.body["rnn"](x)[0][:, -1])


class OwnForward(nn.LSTM):
    def forward(self, x):
        return super().forward(x)[0]


class OwnName(nn.GRU):
    """A class that adds nothing to forward."""


def is_ours(layer):
    return type(layer).__mro__[0].__module__.startswith("tidegate.")


@pytest.mark.parametrize("cell", CELLS)
def test_the_model_gives_the_same_results(cell):
    model, x = Model(cell).double().eval(), torch.randn(4, 7, 3, dtype=torch.float64)
    expected = model(x)
    assert tidegate.accelerate(model) is model
    assert is_ours(model.body["rnn"])
    torch.testing.assert_close(model(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_by_itself_stays_the_same_object(cell):
    layer = cell(3, 5)
    assert tidegate.accelerate(layer) is layer
    assert isinstance(layer, getattr(tidegate, cell.__name__))


def test_an_optimizer_made_before_goes_on_training_it():
    model, x = Model(nn.LSTM), torch.randn(4, 7, 3)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    tidegate.accelerate(model)(x).sum().backward()
    optimizer.step()
    assert list(model.state_dict()) == list(before)
    assert not any(torch.equal(value, before[name]) for name, value in model.state_dict().items() if "l0" in name)


def test_hooks_are_called():
    layer, called = nn.GRU(3, 5), []
    layer.register_forward_pre_hook(lambda *_: called.append("before"))
    layer.register_forward_hook(lambda *_: called.append("after"))
    layer.weight_hh_l0.register_hook(lambda _: called.append("gradient"))
    tidegate.accelerate(layer)(torch.randn(2, 1, 3))[0].sum().backward()
    assert called == ["before", "after", "gradient"]


def test_a_parametrized_weight_follows_its_original():
    layer, x = nn.LSTM(3, 5), torch.randn(7, 2, 3)
    parametrizations.weight_norm(layer, "weight_hh_l0")
    tidegate.accelerate(layer)
    plain = tidegate.LSTM(3, 5)
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original0.mul_(2)
        plain.load_state_dict({name: getattr(layer, name) for name in plain.state_dict()})
    torch.testing.assert_close(layer(x)[0], plain(x)[0])
    layer(x)[0].sum().backward()
    assert layer.parametrizations.weight_hh_l0.original0.grad is not None


def test_removing_a_parametrization_leaves_our_layer():
    layer = nn.LSTM(3, 5)
    parametrizations.weight_norm(layer, "weight_hh_l0")
    parametrize.remove_parametrizations(tidegate.accelerate(layer), "weight_hh_l0")
    assert type(layer) is tidegate.LSTM


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("reshape", [weight_norm, lambda *a: prune.l1_unstructured(*a, amount=0.5)])
def test_weights_made_by_a_hook_are_used(reshape):
    layer, x = nn.GRU(3, 5), torch.randn(7, 2, 3)
    reshape(layer, "weight_hh_l0")
    expected = layer(x)[0]
    torch.testing.assert_close(tidegate.accelerate(layer)(x)[0], expected)


def test_a_packed_sequence_goes_through():
    layer = nn.LSTM(3, 5, bidirectional=True)
    packed = pack_sequence([torch.randn(n, 3) for n in (2, 6, 4)], enforce_sorted=False)
    expected = flat(layer(packed))
    actual = flat(tidegate.accelerate(layer)(packed))
    torch.testing.assert_close(actual[0].data, expected[0].data)
    torch.testing.assert_close(actual[1:], expected[1:])


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_accelerated_too(copier):
    model, x = tidegate.accelerate(Model(nn.GRU)).eval(), torch.randn(4, 7, 3)
    copied = copier(model)
    assert is_ours(copied.body["rnn"])
    assert torch.equal(copied(x), model(x))


def scripted():
    return torch.jit.script(nn.Sequential(nn.LSTM(3, 5)))


def quantized():
    from torch.ao.nn.quantized.dynamic import LSTM

    return nn.Sequential(LSTM(3, 5))


def with_its_own_forward_on_the_object():
    layer = nn.LSTM(3, 5)
    layer.forward = layer.forward
    return layer


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*quantize:UserWarning")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: OwnForward(3, 5), "OwnForward has a forward of its own"),
        (lambda: OwnName(3, 5), "OwnName is a class of its own"),
        (lambda: nn.LSTMCell(3, 5), "one step a call"),
        (scripted, "TorchScript"),
        (quantized, "quantized"),
        (with_its_own_forward_on_the_object, "replaced on the object"),
    ],
    ids=["own forward", "own class", "cell", "script", "quantized", "replaced"],
)
def test_what_cannot_be_swapped_is_left_with_its_reason(make, why):
    model = make()
    classes = [type(layer) for layer in model.modules()]
    tidegate.accelerate(model)
    assert [type(layer) for layer in model.modules()] == classes
    (row,) = tidegate.explain(model)
    assert row.backend is None
    assert why in row.why


def test_a_subclass_with_its_own_forward_still_works_with_its_parts_swapped():
    model = nn.Sequential(OwnForward(3, 5), nn.GRU(5, 4))
    x = torch.randn(7, 2, 3)
    expected = model(x)[0]
    tidegate.accelerate(model)
    torch.testing.assert_close(model(x)[0], expected)
    assert [row.backend is None for row in tidegate.explain(model)] == [True, False]


def test_explain_names_the_backend_of_every_layer():
    model = Model(nn.LSTM)
    assert [(row.name, row.backend) for row in tidegate.explain(model)] == [("body.rnn", None)]
    tidegate.accelerate(model)
    with use_backend("reference"):
        (row,) = tidegate.explain(model)
    assert (row.backend, row.kind) == ("reference", "LSTM")
    assert "asked for by name" in row.why


def test_explain_gives_the_reason_of_every_backend_before():
    (row,) = tidegate.explain(tidegate.GRU(3, 5, dtype=torch.bfloat16))
    assert row.backend == "torch"
    assert row.why.startswith("cpu: the kernels")


def test_on_another_device_torch_runs_it():
    (row,) = tidegate.explain(tidegate.accelerate(nn.GRU(3, 5, device="meta")))
    assert row.backend == "torch"
    assert "the tensors are on meta" in row.why


def test_explain_prints_a_line_a_layer():
    lines = str(tidegate.explain(nn.ModuleList([tidegate.RNN(2, 3), nn.GRUCell(2, 3)]))).splitlines()
    assert [line.split()[:2] for line in lines] == [["0", "RNN"], ["1", "GRUCell"]]


def test_a_saved_torch_checkpoint_loads_into_an_accelerated_model():
    model, saved = Model(nn.LSTM), io.BytesIO()
    torch.save(model.state_dict(), saved)
    saved.seek(0)
    other = tidegate.accelerate(Model(nn.LSTM))
    other.load_state_dict(torch.load(saved), strict=True)
    assert torch.equal(other.body["rnn"].weight_hh_l1, model.body["rnn"].weight_hh_l1)


def test_what_is_no_module_is_refused():
    with pytest.raises(ConfigError, match="got a dict"):
        tidegate.accelerate({})
