"""How PyTorch's tools see our layers: as torch.nn's own, or as one operator.

| who looks on | what it finds |
| --- | --- |
| `torch.compile` | the operator `tidegate::layer`, in one graph |
| `torch.export`, AOTInductor | aten's operators, which run where tidegate is not installed |
| `torch.onnx.export` | ONNX's own RNN, LSTM and GRU, with `sequence_lens` where there are lengths |
| `torch.jit.trace` | torch.nn's operators |
| `torch.fx.symbolic_trace` | a leaf |
| a `TorchFunctionMode`, other kinds of tensors, `call_for_per_sample_grads` | torch.nn's calls |
| `FlopCounterMode` | the multiply-adds of the products, as for torch.nn's layers on a GPU |
| whatever goes by class | torch.nn's class, where `accelerate` made the layer fast (see `accelerate`) |

All that makes it so is in this file, except `torch.jit.script`, which reads the forward that `accelerate` puts on a
layer, and the operator itself (kernels/cpu/ops.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import has_torch_function
from torch.utils._device import DeviceContext

from tidegate.errors import ConfigError
from tidegate.kernels.cpu import layer as kernels
from tidegate.kernels.request import is_recorded, is_transformed
from tidegate.kernels.stack import weights_of_direction

State = tuple[Tensor, ...]

TORCH: tuple[Any, ...] = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
"""The layers and cells that tidegate runs."""

PLAIN = {*kernels.PLAIN, tuple, list, PackedSequence}


def torch_class(layer: nn.Module) -> Any:
    """torch.nn's class of a layer or cell, whatever was derived from it."""
    return next(base for base in type(layer).__mro__ if base in TORCH)


class Ours(nn.Module):
    """Mixed in before a class of torch.nn's: what our layers and cells have in common."""

    refused: tuple[type[Exception], ...] = (ValueError, TypeError)
    """What torch.nn raises for arguments that it does not take."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except self.refused as error:
            raise ConfigError(
                got=f"arguments that torch.nn refuses: {error}",
                wanted="arguments as torch.nn describes them",
                do="correct the argument named here",
            ) from None

    def __prepare_scriptable__(self) -> nn.Module:
        """What torch.jit.script meets: to give it a layer of torch.nn's would change the model that holds this one."""
        raise ConfigError(
            got=f"torch.jit.script on a tidegate.{type(self).__name__}, which TorchScript cannot compile",
            wanted="a layer of torch.nn's",
            do="script inside `with tidegate.restored(model):`",
        )


# Who looks on at a call.


def is_watched(input: Any, hx: Any, weights: Sequence[Tensor]) -> bool:
    """Whether somebody looks on at the functions that are called: a TorchFunctionMode, or a tensor with a
    `__torch_function__` of its own. The context of a default device is no such thing.
    """
    if torch.compiler.is_compiling():
        return False
    given = (input, *hx) if isinstance(hx, (tuple, list)) else (input, hx)
    if not has_torch_function(given) and PLAIN.issuperset(map(type, weights)):
        return False
    modes = (torch._C._get_function_stack_at(i) for i in range(torch._C._len_torch_function_stack()))
    if not all(isinstance(mode, DeviceContext) for mode in modes):
        return True
    others = tuple(tensor for tensor in (*given, *weights) if type(tensor) not in PLAIN)
    return bool(others) and has_torch_function(others)


def is_looked_at() -> bool:
    """Whether anybody may look on at all, or the operators matter: a compiler, a mode, a transformation, autocast."""
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._len_torch_function_stack() > 0
        or torch._C._is_any_autocast_enabled()
        or is_recorded()
        or is_transformed()
    )


def run_as_torch(layer: nn.Module, input: Any, hx: Any) -> Any:
    """Call the functions that torch.nn would call; under `torch.fx` the layer is a leaf."""
    fx = sys.modules.get("torch.fx")
    if fx is not None and isinstance(input, fx.Proxy):
        tracer = input.tracer
        return tracer.create_proxy("call_module", tracer.path_of_module(layer), (input, hx), {})
    return torch_class(layer).forward(layer, input, hx)


# ONNX.

ONNX_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
"""Where ONNX's gates stand among torch.nn's: i, o, f, c and z, r, h."""


def is_exported_to_onnx(layer: nn.RNNBase, x: Tensor) -> bool:
    """Whether `torch.onnx.export` is at work and has an operator for this layer; with `dynamo=False` it has its own
    for what torch.nn calls.
    """
    onnx = sys.modules.get("torch.onnx")
    exports = onnx is not None and onnx.is_in_onnx_export() and torch._C._get_tracing_state() is None
    return exports and hasattr(onnx, "ops") and not layer.proj_size and x.dtype in (torch.float32, torch.float64)


def run_onnx(
    layer: nn.RNNBase, weights: list[Tensor], x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """The layer as ONNX's operators, one for each of its layers: x [T, B, I] to the output and the final state."""
    D, H, finals = 2 if layer.bidirectional else 1, layer.hidden_size, []
    name = layer.mode.split("_")[0]
    attributes: dict[str, Any] = {"hidden_size": H, "direction": "bidirectional" if D == 2 else "forward"}
    if layer.mode == "GRU":
        attributes["linear_before_reset"] = 1
    if layer.mode == "RNN_RELU":
        attributes["activations"] = ["Relu"] * D
    T, B, _ = x.shape
    steps = None if lengths is None else lengths.to(torch.int32)
    for k in range(layer.num_layers):
        if k > 0 and layer.dropout > 0:
            x = F.dropout(x, layer.dropout, layer.training)
        directions = [weights_of_direction(layer, weights, k, d == 1) for d in range(D)]
        w_ih, w_hh, b_ih, b_hh = (
            None if parts[0] is None else torch.stack([_onnx_gates(layer.mode, part, H) for part in parts])
            for parts in zip(*directions, strict=True)
        )
        b = None if b_ih is None or b_hh is None else torch.cat([b_ih, b_hh], dim=1)
        before = tuple(s[k * D : (k + 1) * D] for s in state)
        shapes = [(T, D, B, H), *((D, B, H) for _ in before)]
        out, *final = torch.onnx.ops.symbolic_multi_out(
            name, (x, w_ih, w_hh, b, steps, *before), attributes, dtypes=[x.dtype] * len(shapes), shapes=shapes
        )
        if lengths is not None:  # ONNX does not say what becomes of a sequence of no steps
            alive = (lengths > 0).to(x.device).unsqueeze(-1)
            final = [torch.where(alive, new, old) for new, old in zip(final, before, strict=True)]
        x = out.transpose(1, 2).reshape(T, B, D * H)
        finals.append(tuple(final))
    return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def _onnx_gates(mode: str, weight: Tensor, H: int) -> Tensor:
    gates = weight.split(H)
    return torch.cat([gates[k] for k in ONNX_GATES.get(mode, (0,))])


# The parts of PyTorch that are told of our layers as soon as they are imported: to import them here would cost every
# program a second.


class _WhenImported(MetaPathFinder):
    """Does something with a module when it is imported."""

    def __init__(self, name: str, do: Callable[[ModuleType], None]) -> None:
        self.name, self.do = name, do

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_tell(module: ModuleType) -> None:
                load(module)
                self.do(module)

            spec.loader.exec_module = load_and_tell  # type: ignore[method-assign]
        return spec


def when_imported(name: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Call the decorated function with a module: now, or when it is imported."""

    def register(do: Callable[[Any], None]) -> Callable[[Any], None]:
        if name in sys.modules:
            do(sys.modules[name])
        else:
            sys.meta_path.insert(0, _WhenImported(name, do))
        return do

    return register


FORWARDS: list[Any] = []
"""The functions that run a layer of ours."""


def is_ours(module: nn.Module) -> bool:
    """Whether a call of this layer comes to tidegate."""
    if not isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return False
    found = [vars(module).get("forward"), *(vars(cls).get("forward") for cls in type(module).__mro__)]
    return any(map(is_forward_of_ours, found))


def is_forward_of_ours(forward: Any) -> bool:
    """Whether it runs a layer of ours; told by identity, as it may be anything."""
    function = getattr(forward, "__func__", forward)
    return any(function is ours for ours in FORWARDS)


@when_imported("torch._dynamo.variables.builder")
def _let_dynamo_in(builder: Any) -> None:
    """Dynamo refuses every class derived from torch.nn's recurrent layers, because it would unroll them. Ours are one
    operator: for them, and for no other module, it looks inside.
    """
    wrap = getattr(builder.VariableBuilder, "wrap_module", None)
    if wrap is None or not hasattr(builder.config, "allow_rnn"):
        return

    @wraps(wrap)
    def wrap_module(self: Any, value: nn.Module) -> Any:
        if not is_ours(value):
            return wrap(self, value)
        with builder.config.patch(allow_rnn=True):
            return wrap(self, value)

    builder.VariableBuilder.wrap_module = wrap_module


@when_imported("torch._inductor.lowering")
def _tell_inductor(lowering: Any) -> None:
    for operator in (torch.ops.tidegate.layer.default, torch.ops.tidegate.layer_backward.default):
        lowering.make_fallback(operator)


@when_imported("torch.utils.flop_counter")
def _tell_the_flop_counter(flop_counter: Any) -> None:
    def products(x: Sequence[int], weights: Sequence[Sequence[int] | None]) -> int:
        T, B, _ = x
        return 2 * T * B * sum(weight[0] * weight[1] for weight in weights if weight is not None and len(weight) == 2)

    @flop_counter.register_flop_formula(torch.ops.tidegate.layer)
    def forward(x: Any, h0: Any, c0: Any, weights: Any, *others: Any, **named: Any) -> int:
        return products(x, weights)

    @flop_counter.register_flop_formula(torch.ops.tidegate.layer_backward)
    def backward(x: Any, h0: Any, c0: Any, weights: Any, *others: Any, **named: Any) -> int:
        return 2 * products(x, weights)
