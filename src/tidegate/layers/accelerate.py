"""Make torch.nn's recurrent layers inside any model fast, give them back, and tell which backend runs each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from inspect import signature, unwrap
from threading import Lock
from types import FunctionType
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from tidegate.errors import ConfigError
from tidegate.kernels.dispatch import BACKENDS, choose
from tidegate.kernels.request import Request
from tidegate.kernels.stack import weights_of
from tidegate.layers import tools
from tidegate.layers.base import run_layer
from tidegate.layers.cell import mode_of, run_cell
from tidegate.layers.gru import GRU, GRUCell
from tidegate.layers.lstm import LSTM, LSTMCell
from tidegate.layers.noise import is_noisy
from tidegate.layers.rnn import RNN, RNNCell

Module = TypeVar("Module", bound=nn.Module)

OURS: dict[type[nn.Module], type[nn.Module]] = {
    **{nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU},
    **{nn.RNNCell: RNNCell, nn.LSTMCell: LSTMCell, nn.GRUCell: GRUCell},
}


def accelerate(module: Module) -> Module:
    """Make every torch.nn.RNN, LSTM, GRU and one-step cell inside a module faster, in place, and return the module.

    A layer remains the same object of the same class with the same parameters, so optimizers, hooks, parametrizations,
    `state_dict` and code that checks the class of a layer continue to work; only its `forward` is replaced, on the
    object. It also takes `lengths`, `resets` and `return_states` (see `tidegate.LSTM`). A class derived from torch.nn's
    whose forward calls `super().forward` becomes one derived from both. A layer that cannot be accelerated is left
    unchanged; `explain` states the reason, and `restore` undoes everything.

    Args:
        module: any torch.nn.Module, or a recurrent layer itself.

    Returns:
        The same module.

    Raises:
        ConfigError: it is not a torch.nn.Module.

    >>> import torch, tidegate
    >>> model = tidegate.accelerate(torch.nn.Sequential(torch.nn.LSTM(3, 5)))
    >>> print(tidegate.explain(model))
    0  LSTM  cpu  tidegate's fused C++ kernels
    """
    _check(module)
    for layer in module.modules():
        _accelerate(layer)
    return module


def restore(module: Module) -> Module:
    """Turn every layer inside a module back into torch.nn's, in place, and return the module.

    Undoes `accelerate`, and turns a tidegate.RNN, LSTM or GRU into torch.nn's. Parameters, hooks and results are kept;
    a restored model can be pickled and loaded without tidegate.

    Args:
        module: any torch.nn.Module, or a recurrent layer itself.

    Returns:
        The same module.

    Raises:
        ConfigError: a layer has recurrent dropout or zoneout, which torch.nn's layers do not have; nothing is changed.

    >>> import tidegate
    >>> type(tidegate.restore(tidegate.LSTM(3, 5)))
    <class 'torch.nn.modules.rnn.LSTM'>
    """
    _check(module)
    for name, layer in module.named_modules():
        if isinstance(layer, nn.RNNBase) and is_noisy(layer):
            raise ConfigError(
                got=f"{name or 'a layer'} with recurrent dropout or zoneout",
                wanted="a layer that torch.nn has too",
                do="delete its attributes recurrent_dropout and zoneout first, or leave it as it is",
            )
    for layer in module.modules():
        _restore(layer)
    return module


@contextmanager
def restored(module: Module) -> Iterator[Module]:
    """Turn every layer inside a module back into torch.nn's within the block, as `restore` does.

    Args:
        module: any torch.nn.Module, or a recurrent layer itself.

    Raises:
        ConfigError: a layer has recurrent dropout or zoneout, which torch.nn's layers do not have; nothing is changed.

    >>> import torch, tidegate
    >>> model = tidegate.accelerate(torch.nn.Sequential(torch.nn.LSTM(3, 5)))
    >>> with tidegate.restored(model):
    ...     print(tidegate.explain(model))
    0  LSTM  not tidegate  it is torch.nn's; tidegate.accelerate makes it fast
    """
    _check(module)
    before = [(layer, type(layer), vars(layer).get("forward")) for layer in module.modules() if tools.is_ours(layer)]
    restore(module)
    try:
        yield module
    finally:
        for layer, cls, forward in before:
            layer.__class__ = cls
            if forward is not None:
                layer.forward = forward


@contextmanager
def patch() -> Iterator[None]:
    """Accelerate every torch.nn.RNN, LSTM, GRU and cell that is created within the block, for example by a package's
    `fit`.

    This includes unpickled and copied layers. The layers stay accelerated after the block. The block applies to the
    whole process, including layers that other threads create; blocks may overlap.

    >>> import torch, tidegate
    >>> with tidegate.patch():
    ...     layer = torch.nn.GRU(3, 5)
    >>> print(tidegate.explain(layer))
    (itself)  GRU  cpu  tidegate's fused C++ kernels
    """
    with _PATCHED.lock:
        if _PATCHED.blocks == 0:
            _PATCHED.begin()
        _PATCHED.blocks += 1
    try:
        yield
    finally:
        with _PATCHED.lock:
            _PATCHED.blocks -= 1
            if _PATCHED.blocks == 0:
                _PATCHED.end()


class _Patched:
    """torch.nn's methods that make a layer, of which ours take the place while any block of `patch` lasts."""

    def __init__(self) -> None:
        self.lock, self.blocks = Lock(), 0
        self.before: list[tuple[type, str, Any]] = []

    def begin(self) -> None:
        for base in (nn.RNNBase, nn.RNNCellBase):
            for name in ("__init__", "__setstate__"):
                self.before.append((base, name, vars(base).get(name)))
                setattr(base, name, _create_fast(getattr(base, name)))

    def end(self) -> None:
        for base, name, method in self.before:
            if method is None:  # inherited
                delattr(base, name)
            else:
                setattr(base, name, method)
        self.before.clear()


_PATCHED = _Patched()


def _create_fast(create: Callable[..., None]) -> Callable[..., None]:
    @wraps(create)
    def create_fast(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        _accelerate(self)

    return create_fast


# What stands on a layer of torch.nn's class in place of its forward.


def _forward_like(torchs: Callable[..., Any], layer: Any = run_layer, cell: Any = run_cell) -> Any:
    """A method that runs the layer or cell it was made for, and shows torch.nn's source to whoever reads it."""

    def forward_layer(
        self: Any,
        input: Any,
        hx: Any = None,
        *,
        lengths: Any = None,
        resets: Any = None,
        reset_to: Any = None,
        return_states: bool = False,
    ) -> Any:
        return layer(self.layer, input, hx, lengths, resets, reset_to, return_states)

    def forward_cell(self: Any, input: Any, hx: Any = None) -> Any:
        return cell(self.layer, input, hx)

    forward: Any = forward_cell if "Cell" in torchs.__qualname__ else forward_layer

    # TorchScript compiles the source that `__wrapped__` leads to, and looks up its names among these globals.
    made = FunctionType(forward.__code__, torchs.__globals__, closure=forward.__closure__)
    made.__defaults__, made.__kwdefaults__ = forward.__defaults__, forward.__kwdefaults__
    wraps(torchs)(made)
    made.__signature__ = signature(forward)  # type: ignore[attr-defined]
    tools.FORWARDS.append(made)
    return made


class FastForward:
    """Runs one layer or cell of torch.nn's class on tidegate's backends."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer


class RNNForward(FastForward):
    forward = _forward_like(nn.RNN.forward)


class LSTMForward(FastForward):
    forward = _forward_like(nn.LSTM.forward)


class GRUForward(FastForward):
    forward = _forward_like(nn.GRU.forward)


class RNNCellForward(FastForward):
    forward = _forward_like(nn.RNNCell.forward)


class LSTMCellForward(FastForward):
    forward = _forward_like(nn.LSTMCell.forward)


class GRUCellForward(FastForward):
    forward = _forward_like(nn.GRUCell.forward)


FORWARDS: dict[type[nn.Module], type[FastForward]] = {
    **{nn.RNN: RNNForward, nn.LSTM: LSTMForward, nn.GRU: GRUForward},
    **{nn.RNNCell: RNNCellForward, nn.LSTMCell: LSTMCellForward, nn.GRUCell: GRUCellForward},
}


def _accelerate(layer: nn.Module) -> None:
    if not _is_recurrent(layer) or tools.is_ours(layer) or _why_left(layer) is not None:
        return
    if (plain := _plain(type(layer))) in FORWARDS:
        layer.forward = FORWARDS[plain](layer).forward  # type: ignore[attr-defined]
    else:
        layer.__class__ = _derived(type(layer))  # type: ignore[arg-type]


def _restore(layer: nn.Module) -> None:
    if not tools.is_ours(layer):
        return
    if tools.is_forward_of_ours(vars(layer).get("forward")):
        del layer.forward
    cls, plain = type(layer), _plain(type(layer))
    if issubclass(plain, Derived):
        layer.__class__ = _with_base(cls, plain.__bases__[0])
    elif plain in OURS.values():
        layer.__class__ = _with_base(cls, next(torchs for torchs, ours in OURS.items() if ours is plain))


# Classes derived from torch.nn's.


class Derived:
    """Marks a class that was derived from a user's class and from ours, and pickles its objects as the user's."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (type(self).__bases__[0],), self.__getstate__()  # type: ignore[attr-defined]


def _rebuild(cls: type[nn.Module]) -> nn.Module:
    layer = cls.__new__(cls)
    layer.__class__ = _derived(cls)  # type: ignore[arg-type]
    return layer


@cache
def _derived(cls: Any) -> Any:
    """The class whose `super().forward` is ours."""
    ours = next(OURS[base] for base in cls.__mro__ if base in OURS)
    return type(cls)(cls.__name__, (cls, Derived, ours), {"__module__": __name__, "__doc__": cls.__doc__})


CALLED_BY_FORWARD = (
    *("check_input", "check_forward_args", "check_hidden_size", "get_expected_hidden_size", "permute_hidden"),
    *("_update_flat_weights", "_weights_have_changed", "_init_flat_weights", "__call__", "_call_impl"),
)
"""What torch.nn's forward, or the way to it, calls on a layer."""


def _why_not_derived(cls: type[nn.Module]) -> str | None:
    """The reason why `super().forward` of a class derived from torch.nn's is not known to be all that it needs."""
    own = cls.__mro__[: next(n for n, base in enumerate(cls.__mro__) if base.__module__ == nn.RNNBase.__module__)]
    for base in own:
        for name in CALLED_BY_FORWARD:
            if name in vars(base):
                return f"{cls.__qualname__} has its own {name}, which torch.nn's forward calls"
        if (forward := vars(base).get("forward")) is not None:
            code = getattr(unwrap(forward), "__code__", None)
            if code is None or "forward" not in code.co_names or "super" not in code.co_names:
                return f"{cls.__qualname__} has a forward of its own, which does not call super().forward"
        if "__init_subclass__" in vars(base):
            return f"{cls.__qualname__} has its own __init_subclass__; derive it from tidegate's layer instead"
    return None


@dataclass(frozen=True)
class LayerExplanation:
    """The backend of one recurrent layer, and why."""

    name: str
    """Its name in the module, as in `named_modules`; empty for the module itself."""
    kind: str
    """The name of the layer's class."""
    backend: str | None
    """The backend that runs a dense batch of the weights' dtype; None if tidegate does not run the layer."""
    why: str
    """What the backend is, or why those before it, or tidegate as a whole, do not run the layer."""


@dataclass(frozen=True)
class Explanation:
    """The backend of each recurrent layer of a module; prints as a table."""

    layers: tuple[LayerExplanation, ...]
    """One entry for each layer."""

    def __iter__(self) -> Iterator[LayerExplanation]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        if not self.layers:
            return "no recurrent layers"
        rows = [(row.name or "(itself)", row.kind, row.backend or "not tidegate", row.why) for row in self.layers]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = ("  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows)
        return "\n".join(lines)

    __repr__ = __str__


def explain(module: nn.Module) -> Explanation:
    """State for each recurrent layer of a module which backend runs it, and why.

    The answer is for a plain call on a dense batch of the weights' dtype; ragged batches, torch.func and autocast may
    select another backend.

    Args:
        module: any torch.nn.Module, or a recurrent layer itself.

    Returns:
        A sequence of `LayerExplanation`, which prints as a table.

    Raises:
        ConfigError: it is not a torch.nn.Module.

    >>> import torch, tidegate
    >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.GRU(2, 3, dtype=torch.float16))
    >>> print(tidegate.explain(tidegate.accelerate(layers)))
    1  GRU  torch  cpu: the kernels compute in float32 and float64, not in torch.float16
    """
    _check(module)
    return Explanation(tuple(_explain(name, layer) for name, layer in _explained(module)))


def _explain(name: str, layer: nn.Module) -> LayerExplanation:
    kind = getattr(layer, "original_name", type(layer).__name__)
    if not _is_recurrent(layer):
        return LayerExplanation(name, kind, None, IN_PYTHON)
    if reason := _why_left(layer):
        return LayerExplanation(name, kind, None, reason)
    if not tools.is_ours(layer):
        return LayerExplanation(name, kind, None, "it is torch.nn's; tidegate.accelerate makes it fast")
    if isinstance(layer, nn.RNNCellBase):
        request = Request(mode_of(layer), layer.weight_ih.device.type, layer.weight_ih.dtype)
    else:
        assert isinstance(layer, nn.RNNBase)
        weight = weights_of(layer)[0]
        request = Request(layer.mode, weight.device.type, weight.dtype, layer.proj_size, noisy=is_noisy(layer))
    backend = choose(request)
    refused = []
    for other in BACKENDS.values():
        if other is backend:
            break
        refused.append(f"{other.name}: {other.why_not(request) or 'another was asked for by name'}")
    return LayerExplanation(name, kind, backend.name, "; ".join(refused) or backend.what)


IN_PYTHON = (
    "a recurrent network written in Python, by its name: each step runs by itself; where its equations are torch.nn's, "
    "a tidegate layer with its weights in its place is fast"
)


def _check(module: nn.Module) -> None:
    if not isinstance(module, nn.Module):
        raise ConfigError(got=f"a {type(module).__name__}", wanted="a torch.nn.Module", do="pass the model itself")


def _explained(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The recurrent layers of a module by name, and those in Python that hold no such layer."""
    inside: list[str] = []
    for name, layer in module.named_modules():
        if any(name.startswith(outer) for outer in inside):
            continue
        if _is_recurrent(layer):
            yield name, layer
        elif _is_recurrent_in_python(layer):
            inside.append(f"{name}." if name else "")
            yield name, layer


def _is_recurrent_in_python(layer: nn.Module) -> bool:
    """Whether it calls itself a recurrent network and has weights, but no recurrent layer of torch.nn's."""
    named = re.search("RNN|LSTM|GRU", type(layer).__name__) is not None
    return named and next(layer.parameters(), None) is not None and not any(map(_is_recurrent, layer.modules()))


NAMES = {cls.__name__ for cls in OURS}


def _is_recurrent(layer: nn.Module) -> bool:
    """Whether it is a recurrent layer of any kind, swapped or not."""
    if isinstance(layer, torch.jit.ScriptModule):
        return getattr(layer, "original_name", "") in NAMES
    if type(layer).__module__.startswith("torch.ao.nn."):
        return type(layer).__name__ in NAMES
    return isinstance(layer, (nn.RNNBase, nn.RNNCellBase))


def _why_left(layer: nn.Module) -> str | None:
    """The reason why a recurrent layer stays torch.nn's; none where it is fast or can become so."""
    if isinstance(layer, torch.jit.ScriptModule):
        return "TorchScript has compiled it already; accelerate the model before tracing"
    if type(layer).__module__.startswith("torch.ao.nn."):
        return "it is quantized, and the kernels compute in floating point"
    if tools.is_ours(layer):
        return None
    if "forward" in vars(layer):
        return "its forward was replaced on the object"
    plain = _plain(type(layer))
    if plain in OURS:
        return None
    if plain is not type(layer):
        return f"{type(layer).__qualname__} is parametrized; accelerate the model before"
    if not isinstance(layer, tuple(OURS)):
        return f"{type(layer).__qualname__} is derived from torch.nn's base class itself"
    return _why_not_derived(type(layer))


def _plain(cls: type) -> type:
    """The class that torch's parametrizations derived this one from, else the class itself."""
    base = cls.__bases__[0]
    parametrized = cls.__name__ == f"Parametrized{base.__name__}" and cls.__module__ == parametrize.__name__
    return base if parametrized else cls


def _with_base(cls: Any, base: Any) -> Any:
    """Another class in place of the plain one, with the parametrizations that torch derived it for."""
    if _plain(cls) is cls:
        return base
    # The properties through which torch computes parametrized weights live in the class that it derived.
    own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return type(cls)(cls.__name__, (base,), own)
