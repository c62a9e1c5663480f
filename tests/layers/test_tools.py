"""PyTorch's tools see our layers as torch.nn's: export, ONNX, TorchScript, fx, quantization, counting, compilers."""

import itertools
import os
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

import tidegate
from tests.close import flat
from tidegate.errors import ShapeError, TidegateError
from tidegate.kernels.cpu import layer as kernels

CELLS = [nn.RNN, nn.LSTM, nn.GRU]
NAMES = ["RNN", "LSTM", "GRU"]
OPERATORS = {nn.RNN: "rnn_tanh", nn.LSTM: "lstm", nn.GRU: "gru"}
compiled_kernels = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))

cpp_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")


class Model(nn.Module):
    """The last step of a layer, read out."""

    def __init__(self, cell, **options):
        super().__init__()
        self.rnn = cell(3, 5, batch_first=True, **options)
        self.head = nn.Linear(10 if options.get("bidirectional") else 5, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Ragged(nn.Module):
    """A layer whose lengths are an input, with or without a state."""

    def __init__(self, layer):
        super().__init__()
        self.rnn = layer

    def forward(self, x, lengths, *state):
        hx = None if not state else state if self.rnn.mode == "LSTM" else state[0]
        return flat(self.rnn(x, hx, lengths=lengths))


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def run(code, *arguments):
    """Run a program in a process of its own."""
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


# Compilers.


def test_no_setting_of_the_compiler_is_changed():
    code = """
import torch, torch._dynamo.config as config
before = dict(config.get_config_copy())
import tidegate
tidegate.LSTM, tidegate.accelerate
import torch._dynamo.variables.builder
assert config.get_config_copy() == before
torch._dynamo.reset()
layer = torch.nn.LSTM(8, 16, batch_first=True)
x = torch.randn(2, 5, 8)
compiled = torch.compile(layer, backend="eager")(x)
torch.testing.assert_close(compiled[0], layer(x)[0])
"""
    run(code)


@compiled_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_an_accelerated_model_compiles_in_one_graph(cell, fresh_compiler):
    model, x = tidegate.accelerate(Model(cell, num_layers=2)), torch.randn(2, 7, 3)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), model(x))


def test_a_plain_layer_beside_ours_breaks_the_graph_as_ever(fresh_compiler):
    model = nn.Sequential(tidegate.GRU(3, 5), nn.Identity())
    assert torch.compile(model[0], fullgraph=True, backend="eager")(torch.randn(7, 2, 3)) is not None
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(nn.GRU(3, 5), fullgraph=True, backend="eager")(torch.randn(7, 2, 3))


class Unhashable:
    """A forward that compares by value, as a dataclass does."""

    __hash__ = None

    def __call__(self, x, hx=None):
        return x


@pytest.mark.parametrize("make", [lambda: nn.Linear(3, 3), lambda: nn.GRU(3, 3)])
def test_a_forward_that_has_no_hash_is_passed_over(make):
    model = make()
    model.forward = Unhashable()
    tidegate.accelerate(nn.ModuleList([model]))
    assert not any(row.backend for row in tidegate.explain(model))


@compiled_kernels
@cpp_compiler
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inductor_needs_no_implicit_fallback(fresh_compiler):
    import torch._inductor.config as inductor

    layer, x = tidegate.accelerate(nn.LSTM(3, 5)), torch.randn(7, 2, 3)
    with inductor.patch(implicit_fallbacks=False):
        output, _ = torch.compile(layer, fullgraph=True)(x)
        output.sum().backward()
    torch.testing.assert_close(output, layer(x)[0])
    assert layer.weight_hh_l0.grad is not None


# Export.


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_an_exported_model_holds_atens_operators(cell, strict):
    model, x = tidegate.accelerate(Model(cell, bidirectional=True)), torch.randn(2, 7, 3)
    program = torch.export.export(model, (x,), strict=strict)
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert f"aten.{OPERATORS[cell]}.input" in called
    assert not any("tidegate" in name for name in called)
    torch.testing.assert_close(program.module()(x), model(x))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
@pytest.mark.parametrize("name", NAMES)
def test_an_exported_layer_takes_any_lengths(name, options):
    layer, x = getattr(tidegate, name)(3, 5, dtype=torch.float64, **options), torch.randn(7, 4, 3).double()
    batch = torch.export.Dim("B", min=2)
    program = torch.export.export(
        Ragged(layer), (x, torch.tensor([7, 5, 4, 2])), dynamic_shapes=({1: batch}, {0: batch})
    )
    assert not any("tidegate" in str(node.target) for node in program.graph.nodes)
    x, lengths = torch.randn(7, 5, 3).double(), torch.tensor([2, 0, 7, 3, 1])
    x[3:, 0] = float("nan")
    for actual, expected in zip(program.module()(x, lengths), flat(layer(x, lengths=lengths)), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def test_a_projected_layer_is_exported_with_its_lengths():
    layer, x = tidegate.LSTM(3, 5, proj_size=2, bidirectional=True).double(), torch.randn(7, 3, 3).double()
    lengths = torch.tensor([7, 0, 4])
    program = torch.export.export(Ragged(layer), (x, lengths)).module()
    for actual, expected in zip(program(x, lengths), flat(layer(x, lengths=lengths)), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    "packaged",
    [pytest.param(False, id="exported program"), pytest.param(True, id="AOTInductor package", marks=cpp_compiler)],
)
def test_a_saved_program_runs_without_tidegate(packaged, tmp_path):
    model, x = tidegate.accelerate(Model(nn.GRU)).eval(), torch.randn(2, 7, 3)
    program, path = torch.export.export(model, (x,)), tmp_path / "model.pt2"
    with torch.no_grad():
        torch.save([x, model(x)], tmp_path / "tensors.pt")
        if packaged:
            torch._inductor.aoti_compile_and_package(program, package_path=str(path))
        else:
            torch.export.save(program, path)
    load = "torch._inductor.aoti_load_package(path)" if packaged else "torch.export.load(path).module()"
    code = f"""
import sys, torch
sys.modules["tidegate"] = None
path, tensors = sys.argv[1:]
x, expected = torch.load(tensors)
torch.testing.assert_close({load}(x), expected)
"""
    run(code, str(path), str(tmp_path / "tensors.pt"))


ONNX_OPTIONS = [
    {"num_layers": L, "bidirectional": bidirectional, "bias": bias, "batch_first": not bias}
    for L, bidirectional, bias in itertools.product((1, 2), (False, True), (True, False))
]


class EveryOption(nn.Module):
    """Layers of one cell with each combination of the options, exported at once, which takes half the time."""

    def __init__(self, cell, **options):
        super().__init__()
        self.layers = nn.ModuleList(cell(3, 5, **one, **options) for one in ONNX_OPTIONS)

    def forward(self, x, lengths, *state):
        results = []
        for layer in self.layers:
            rows = layer.num_layers * (2 if layer.bidirectional else 1)
            cut = [entry[:rows] for entry in state]
            hx = None if not cut else tuple(cut) if layer.mode == "LSTM" else cut[0]
            results += flat(layer(x.transpose(0, 1) if layer.batch_first else x, hx, lengths=lengths))
        return results


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("with_state", [False, True], ids=["no state", "state"])
@pytest.mark.parametrize("name", [*NAMES, "RELU"])
def test_onnx_runtime_agrees_for_every_option(name, with_state):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    relu = name == "RELU"
    model = EveryOption(tidegate.RNN if relu else getattr(tidegate, name), **{"nonlinearity": "relu"} if relu else {})
    state = [torch.randn(4, 4, 5) for _ in range(2 if name == "LSTM" else 1)] if with_state else []
    inputs = (torch.randn(7, 4, 3), torch.tensor([7, 3, 0, 5]), *state)
    exported = torch.onnx.export(model.eval(), inputs, verbose=False).model_proto
    operators = [node.op_type for node in exported.graph.node]
    assert operators.count("RNN" if relu else name) == sum(options["num_layers"] for options in ONNX_OPTIONS)
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    names = [entry.name for entry in session.get_inputs()]
    found = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    expected = model(*inputs)
    each = len(expected) // len(ONNX_OPTIONS)
    for i, (actual, wanted) in enumerate(zip(found, expected, strict=True)):
        options = ONNX_OPTIONS[i // each]
        actual = torch.from_numpy(actual)
        torch.testing.assert_close(actual, wanted, rtol=2e-5, atol=2e-5, msg=lambda said, of=options: f"{of}: {said}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", CELLS)
def test_an_accelerated_model_becomes_onnx_for_any_number_of_steps(cell):
    pytest.importorskip("onnxscript")
    model = tidegate.accelerate(Model(cell)).eval()
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("steps")}
    onnxruntime = pytest.importorskip("onnxruntime")
    exported = torch.onnx.export(model, (torch.randn(2, 7, 3),), verbose=False, dynamic_shapes=(sizes,)).model_proto
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    x = torch.randn(3, 20, 3)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), model(x), rtol=2e-5, atol=2e-5)


# TorchScript and fx.


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("cell", CELLS)
def test_an_accelerated_model_scripts_and_stays_as_it_was(cell, tmp_path):
    model, x = tidegate.accelerate(Model(cell, num_layers=2, bidirectional=True)), torch.randn(2, 7, 3)
    expected, layer = model(x), model.rnn
    scripted = torch.jit.script(model)
    torch.testing.assert_close(scripted(x), expected)
    assert model.rnn is layer
    assert tidegate.explain(model).layers[0].backend is not None
    assert torch.equal(model(x), expected)
    scripted.save(tmp_path / "model.pt")
    torch.testing.assert_close(torch.jit.load(tmp_path / "model.pt")(x), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_layer_of_ours_scripts_where_it_is_restored():
    model, x = Model(tidegate.LSTM), torch.randn(2, 7, 3)
    with pytest.raises(TidegateError, match=r"restored\(model\)"):
        torch.jit.script(model)
    with tidegate.restored(model):
        scripted = torch.jit.script(model)
    assert type(model.rnn) is tidegate.LSTM
    torch.testing.assert_close(scripted(x), model(x))


@pytest.mark.parametrize("make", [lambda: tidegate.accelerate(Model(nn.LSTM)), lambda: Model(tidegate.LSTM)])
def test_the_layer_is_a_leaf_to_fx(make):
    model, x = make(), torch.randn(2, 7, 3)
    traced = torch.fx.symbolic_trace(model)
    assert ("call_module", "rnn") in [(node.op, node.target) for node in traced.graph.nodes]
    assert torch.equal(traced(x), model(x))


# Quantization, and what else goes by class.


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*quant:UserWarning")
@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_dynamic_quantization_finds_an_accelerated_layer(cell):
    model, x = tidegate.accelerate(Model(cell)).eval(), torch.randn(2, 7, 3)
    quantized = torch.ao.quantization.quantize_dynamic(model, {cell})
    assert type(quantized.rnn).__module__.startswith("torch.ao.nn.quantized")
    torch.testing.assert_close(quantized(x), model(x), rtol=0.1, atol=0.02)


@pytest.mark.filterwarnings("ignore")
def test_fx_quantization_finds_an_accelerated_layer():
    from torch.ao.quantization import default_dynamic_qconfig, quantize_fx

    model, x = tidegate.accelerate(Model(nn.LSTM)).eval(), (torch.randn(2, 7, 3),)
    prepared = quantize_fx.prepare_fx(model, {"": default_dynamic_qconfig}, x)
    converted = quantize_fx.convert_fx(prepared)
    assert type(converted.rnn).__module__.startswith("torch.ao.nn.quantized")


@pytest.mark.parametrize("cell", CELLS)
def test_the_class_of_an_accelerated_layer_is_torchs(cell):
    assert type(tidegate.accelerate(cell(3, 5))) is cell


@compiled_kernels
@pytest.mark.parametrize("name", NAMES)
def test_operations_are_counted(name):
    T, B, I, H = 7, 2, 3, 5
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[name]
    layer, x = getattr(tidegate, name)(I, H), torch.randn(T, B, I, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        output = layer(x)[0]
    with FlopCounterMode(display=False) as backward:
        output.sum().backward()
    with FlopCounterMode(display=False) as both:
        layer(x)[0].sum().backward()
    assert forward.get_total_flops() == 2 * T * B * gates * H * (I + H)
    assert both.get_total_flops() == 3 * forward.get_total_flops()
    assert backward.get_total_flops() in (0, 2 * forward.get_total_flops())


# Those who look on at functions.


class Calls(TorchFunctionMode):
    """Notes every function that is called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.names.append(getattr(function, "__name__", ""))
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("cell", CELLS)
def test_a_function_mode_sees_the_call_of_the_layer(cell):
    layer, x = tidegate.accelerate(cell(3, 5)), torch.randn(7, 2, 3)
    with Calls() as calls:
        output, _ = layer(x)
    assert OPERATORS[cell] in calls.names
    torch.testing.assert_close(output, layer(x)[0])


def test_a_function_mode_sees_lengths_too():
    layer, x = tidegate.GRU(3, 5), torch.randn(7, 2, 3)
    with Calls() as calls:
        output, _ = layer(x, lengths=[7, 3])
    assert "gru" in calls.names
    torch.testing.assert_close(output, layer(x, lengths=[7, 3])[0])


@compiled_kernels
def test_a_default_device_is_no_onlooker(monkeypatch):
    ran = []
    forward = kernels.forward
    monkeypatch.setattr(kernels, "forward", lambda *args, **named: ran.append(1) or forward(*args, **named))
    layer, x = tidegate.GRU(3, 5), torch.randn(7, 2, 3)
    with torch.device("cpu"):
        layer(x)
    assert ran


class Wrapped:
    """An input that is no tensor and answers for itself."""

    def __init__(self, tensor):
        self.tensor = tensor

    def dim(self):
        return self.tensor.dim()

    def size(self, *axis):
        return self.tensor.size(*axis)

    @property
    def dtype(self):
        return self.tensor.dtype

    @property
    def device(self):
        return self.tensor.device

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return function(*(arg.tensor if isinstance(arg, cls) else arg for arg in args), **kwargs or {})


@pytest.mark.parametrize("cell", CELLS)
def test_an_input_that_answers_for_itself_is_taken_as_by_torch(cell):
    layer, x = tidegate.accelerate(cell(3, 5)), torch.randn(7, 2, 3)
    torch.testing.assert_close(layer(Wrapped(x))[0], layer(x)[0])


@pytest.mark.parametrize("cell", [nn.RNN, nn.GRU])  # torch.nn's LSTM has no such gradients on a CPU either
def test_per_sample_gradients_by_expanded_weights(cell):
    layer, x = tidegate.accelerate(cell(3, 5, batch_first=True)), torch.randn(4, 7, 3)
    call_for_per_sample_grads(layer)(x)[0].sum().backward()
    grads = {name: p.grad_sample for name, p in layer.named_parameters()}
    for p in layer.parameters():
        p.grad = None
    layer(x)[0].sum().backward()
    for name, p in layer.named_parameters():
        torch.testing.assert_close(grads[name].sum(0), p.grad, rtol=1e-4, atol=1e-5)


# Like torch.nn at its edges.


@pytest.mark.parametrize("cell", CELLS)
def test_no_steps_are_refused_as_by_torch(cell):
    with pytest.raises(RuntimeError, match="larger than 0"):
        cell(3, 5)(torch.randn(0, 2, 3))
    with pytest.raises(ShapeError, match="larger than 0"):
        tidegate.accelerate(cell(3, 5))(torch.randn(0, 2, 3))


@pytest.mark.parametrize("cell", CELLS)
def test_a_weight_written_into_the_flat_weights_is_used(cell):
    layer, x = cell(3, 5), torch.randn(7, 2, 3)
    layer._flat_weights[1] = nn.functional.dropout(layer.weight_hh_l0, 0.5)
    expected = flat(layer(x))
    for actual, value in zip(flat(tidegate.accelerate(layer)(x)), expected, strict=True):
        torch.testing.assert_close(actual, value)
