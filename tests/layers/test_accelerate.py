"""accelerate replaces the forward of a layer and nothing else; restore gives it back; explain says who runs it."""

import copy
import io
import pickle
from abc import ABC

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
    """Prepares the input and the output, and leaves the rest to torch.nn."""

    def forward(self, x):
        return super().forward(2 * x)[0]


class OwnName(nn.GRU):
    """A class that adds nothing to forward."""


class Base(ABC, nn.RNNBase):
    """As in pytorch-forecasting: what several cells share stands before torch.nn's class in the order."""

    def forward(self, x, hx=None, scale=1.0):
        return super().forward(scale * x, hx)


class FromAbstract(Base, nn.LSTM):
    pass


class Reimplemented(nn.LSTM):
    def forward(self, x):
        return torch._VF.lstm(
            x, (x.new_zeros(1, x.shape[1], 5),) * 2, self._flat_weights, True, 1, 0.0, False, False, False
        )[0]


class OwnCheck(nn.GRU):
    def check_forward_args(self, input, hidden, batch_sizes):
        pass


class DPLSTM(nn.Module):
    """As opacus's: an LSTM out of linear layers."""

    def __init__(self):
        super().__init__()
        self.cell = DPLSTMCell()


class DPLSTMCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.ih, self.hh = nn.Linear(3, 20), nn.Linear(5, 20)


def is_ours(layer):
    return tidegate.explain(layer).layers[0].backend is not None


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
    assert type(layer) is cell
    assert is_ours(layer)


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
    assert type(layer) is nn.LSTM
    assert is_ours(layer)


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
        (lambda: Reimplemented(3, 5), "Reimplemented has a forward of its own, which does not call super().forward"),
        (lambda: OwnCheck(3, 5), "OwnCheck has its own check_forward_args"),
        (scripted, "TorchScript"),
        (quantized, "quantized"),
        (with_its_own_forward_on_the_object, "replaced on the object"),
    ],
    ids=["own forward", "own check", "script", "quantized", "replaced"],
)
def test_what_cannot_be_swapped_is_left_with_its_reason(make, why):
    model = make()
    classes = [type(layer) for layer in model.modules()]
    tidegate.accelerate(model)
    assert [type(layer) for layer in model.modules()] == classes
    (row,) = tidegate.explain(model)
    assert row.backend is None
    assert why in row.why


@pytest.mark.parametrize("cls", [OwnForward, OwnName, FromAbstract])
def test_a_subclass_that_calls_super_is_made_fast(cls):
    layer, x = cls(3, 5).double(), torch.randn(7, 2, 3).double()
    expected = layer(x)
    assert is_ours(tidegate.accelerate(layer))
    assert isinstance(layer, cls)
    for actual, value in zip(layer(x), expected, strict=True):
        torch.testing.assert_close(actual, value, rtol=1e-10, atol=1e-10)
    assert type(tidegate.restore(layer)) is cls


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_of_a_fast_subclass_is_fast(copier):
    layer, x = tidegate.accelerate(FromAbstract(3, 5)), torch.randn(7, 2, 3)
    copied = copier(layer)
    assert is_ours(copied)
    assert isinstance(copied, FromAbstract)
    assert torch.equal(copied(x, scale=0.5)[0], layer(x, scale=0.5)[0])


def test_accelerating_twice_is_once():
    model = tidegate.accelerate(nn.ModuleList([nn.LSTM(3, 5), OwnForward(3, 5)]))
    before = [(type(layer), vars(layer).get("forward")) for layer in model]
    tidegate.accelerate(model)
    assert [(type(layer), vars(layer).get("forward")) for layer in model] == before


def layers_of_every_kind():
    parametrized = nn.GRU(3, 5)
    parametrizations.weight_norm(parametrized, "weight_hh_l0")
    ours_parametrized = tidegate.RNN(3, 5)
    parametrizations.weight_norm(ours_parametrized, "weight_hh_l0")
    plain = [nn.RNN(3, 5), nn.LSTM(3, 5), nn.GRU(3, 5)]
    return nn.ModuleList([*plain, tidegate.LSTM(3, 5), OwnName(3, 5), parametrized, ours_parametrized])


def test_restore_gives_torchs_classes_and_bits():
    model, x = layers_of_every_kind(), torch.randn(7, 2, 3)
    model[3] = nn.LSTM(3, 5)
    model[6] = nn.RNN(3, 5)
    classes, expected = [type(layer) for layer in model], [layer(x)[0] for layer in model]
    parameters = dict(model.named_parameters())
    assert tidegate.restore(tidegate.accelerate(model)) is model
    assert [type(layer) for layer in model] == classes
    assert all(torch.equal(layer(x)[0], value) for layer, value in zip(model, expected, strict=True))
    assert all(value is parameters[name] for name, value in model.named_parameters())
    assert not any("forward" in vars(layer) for layer in model)


def test_restore_turns_our_classes_into_torchs():
    model, x = layers_of_every_kind(), torch.randn(7, 2, 3)
    expected = [layer(x)[0] for layer in model]
    tidegate.restore(model)
    assert not any(row.backend for row in tidegate.explain(model))
    for layer, value in zip(model, expected, strict=True):
        torch.testing.assert_close(layer(x)[0], value)


def test_restore_keeps_the_parametrization_of_a_fast_subclass():
    layer, x = tidegate.accelerate(OwnForward(3, 5)), torch.randn(7, 2, 3)
    parametrizations.weight_norm(layer, "weight_hh_l0")
    expected = layer(x)
    assert isinstance(tidegate.restore(layer), OwnForward)
    assert not is_ours(layer)
    torch.testing.assert_close(layer(x), expected)
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original0.zero_()
    assert not torch.allclose(layer(x), expected)


def test_restore_leaves_a_forward_that_somebody_else_put_on_the_object():
    class Replaced(OwnForward):
        def __init__(self):
            super().__init__(3, 5)
            self.forward = lambda x: x

    with tidegate.patch():
        layer = Replaced()
    assert tidegate.restore(layer)(1) == 1


def test_a_restored_model_is_pickled_without_tidegate():
    model = tidegate.restore(tidegate.accelerate(Model(nn.LSTM)).body)
    assert b"tidegate" not in pickle.dumps(model)


def test_restored_lasts_as_long_as_its_block():
    model, x = tidegate.accelerate(layers_of_every_kind()), torch.randn(7, 2, 3)
    before, expected = [(type(layer), vars(layer).get("forward")) for layer in model], [layer(x)[0] for layer in model]
    with pytest.raises(KeyError), tidegate.restored(model) as same:
        assert same is model
        assert not any(row.backend for row in tidegate.explain(model))
        raise KeyError
    assert [(type(layer), vars(layer).get("forward")) for layer in model] == before
    assert all(torch.equal(layer(x)[0], value) for layer, value in zip(model, expected, strict=True))


def test_patch_makes_layers_fast_that_are_created_within():
    with tidegate.patch():
        model, derived = Model(nn.LSTM), FromAbstract(3, 5)
    assert is_ours(model.body["rnn"])
    assert is_ours(derived)
    assert not is_ours(nn.LSTM(3, 5))
    assert tidegate.accelerate(Model(nn.LSTM)).body["rnn"].forward.__func__ is model.body["rnn"].forward.__func__


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRUCell, OwnForward])
def test_patch_makes_layers_fast_that_are_loaded_or_copied_within(make):
    layer = make(3, 5)
    saved = pickle.dumps(layer)
    with tidegate.patch():
        assert is_ours(pickle.loads(saved))
        assert is_ours(copy.deepcopy(layer))
    assert not is_ours(layer)


def methods_that_create():
    return [vars(base).get(name) for base in (nn.RNNBase, nn.RNNCellBase) for name in ("__init__", "__setstate__")]


def test_patch_ends_with_its_block_even_by_an_error():
    create = methods_that_create()
    with pytest.raises(KeyError), tidegate.patch():
        raise KeyError
    assert methods_that_create() == create


def test_blocks_of_patch_may_overlap_as_in_threads():
    create, first, second = methods_that_create(), tidegate.patch(), tidegate.patch()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert is_ours(nn.LSTM(3, 5))
    second.__exit__(None, None, None)
    assert methods_that_create() == create


def test_explain_tells_of_networks_in_python():
    (row,) = tidegate.explain(nn.Sequential(nn.Linear(3, 3), DPLSTM()))
    assert (row.name, row.kind, row.backend) == ("1", "DPLSTM", None)
    assert "Python" in row.why


def test_explain_does_not_take_a_wrapper_for_a_network_in_python():
    class EncoderLSTM(Model):
        pass

    assert [row.kind for row in tidegate.explain(EncoderLSTM(nn.LSTM))] == ["LSTM"]


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
