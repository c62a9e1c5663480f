"""Swap torch.nn's recurrent layers inside any model for tidegate's, and tell which backend runs each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from tidegate.errors import ConfigError
from tidegate.kernels.dispatch import BACKENDS, Request, choose
from tidegate.layers.base import RecurrentLayer
from tidegate.layers.gru import GRU
from tidegate.layers.lstm import LSTM
from tidegate.layers.rnn import RNN

Module = TypeVar("Module", bound=nn.Module)

OURS: dict[type[nn.Module], type[nn.Module]] = {nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU}


def accelerate(module: Module) -> Module:
    """Swap every torch.nn.RNN, LSTM and GRU inside a module for tidegate's, in place, and return the module.

    Only the class of a layer changes: it stays the same object with the same parameters, so optimizers, hooks,
    parametrizations, `state_dict` and references to it go on. A layer that cannot be swapped is left as it is;
    `explain` says why.

    >>> model = nn.Sequential(nn.LSTM(3, 5))
    >>> accelerate(model)[0]
    LSTM(3, 5)
    >>> type(model[0]).__module__
    'tidegate.layers.lstm'
    """
    _check(module)
    for layer in module.modules():
        if _is_recurrent(layer) and _why_left(layer) is None and not isinstance(layer, RecurrentLayer):
            layer.__class__ = _our_class(type(layer))
    return module


@dataclass(frozen=True)
class LayerExplanation:
    """Who runs one recurrent layer, and why."""

    name: str
    """Where it is in the module, as `named_modules` says; empty for the module itself."""
    kind: str
    """The layer's class."""
    backend: str | None
    """The backend that a dense batch of the weights' dtype runs on; none where tidegate does not run the layer."""
    why: str


@dataclass(frozen=True)
class Explanation:
    """Who runs each recurrent layer of a module. Prints as a table."""

    layers: tuple[LayerExplanation, ...]

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
    """Tell, layer by layer, which backend will run it and why.

    What a call decides (ragged batches, torch.func, autocast) is not known here: this is the answer for a plain call.

    >>> print(explain(accelerate(nn.Sequential(nn.Linear(2, 2), nn.GRU(2, 3, dtype=torch.float16)))))
    1  GRU  torch  cpu: the kernels compute in float32 and float64, not in torch.float16
    """
    _check(module)
    return Explanation(tuple(_explain(name, layer) for name, layer in module.named_modules() if _is_recurrent(layer)))


def _explain(name: str, layer: nn.Module) -> LayerExplanation:
    kind = getattr(layer, "original_name", type(layer).__name__)
    if reason := _why_left(layer):
        return LayerExplanation(name, kind, None, reason)
    if not isinstance(layer, RecurrentLayer):
        return LayerExplanation(name, kind, None, "it is torch.nn's; tidegate.accelerate would swap it")
    weight = getattr(layer, layer._flat_weights_names[0])
    request = Request(layer.mode, weight.device.type, weight.dtype, layer.proj_size)
    backend = choose(request)
    refused = []
    for other in BACKENDS.values():
        if other is backend:
            break
        refused.append(f"{other.name}: {other.why_not(request) or 'another was asked for by name'}")
    return LayerExplanation(name, kind, backend.name, "; ".join(refused) or backend.what)


def _check(module: nn.Module) -> None:
    if not isinstance(module, nn.Module):
        raise ConfigError(got=f"a {type(module).__name__}", wanted="a torch.nn.Module", do="pass the model itself")


CELLS = (nn.RNNCell, nn.LSTMCell, nn.GRUCell)
NAMES = {*(cls.__name__ for cls in OURS), *(cls.__name__ for cls in CELLS)}


def _is_recurrent(layer: nn.Module) -> bool:
    """Whether it is a recurrent layer of any kind, swapped or not."""
    if isinstance(layer, torch.jit.ScriptModule):
        return getattr(layer, "original_name", "") in NAMES
    if type(layer).__module__.startswith("torch.ao.nn."):
        return type(layer).__name__ in NAMES
    return isinstance(layer, (nn.RNNBase, nn.RNNCellBase))


def _why_left(layer: nn.Module) -> str | None:
    """The reason why a recurrent layer stays torch.nn's; none where it is tidegate's or can become so."""
    if isinstance(layer, torch.jit.ScriptModule):
        return "TorchScript has compiled it already; accelerate the model before scripting or tracing"
    if type(layer).__module__.startswith("torch.ao.nn."):
        return "it is quantized, and the kernels compute in floating point"
    if isinstance(layer, nn.RNNCellBase):
        return "it runs one step a call; a whole layer in its place can be accelerated"
    if "forward" in vars(layer):
        return "its forward was replaced on the object"
    if isinstance(layer, RecurrentLayer) or _plain(type(layer)) in OURS:
        return None
    if type(layer).forward not in {cls.forward for cls in OURS}:
        return f"{type(layer).__qualname__} has a forward of its own"
    return f"{type(layer).__qualname__} is a class of its own; derive it from tidegate's layer instead"


def _plain(cls: type) -> type:
    """The class that torch's parametrizations derived this one from, else the class itself."""
    base = cls.__bases__[0]
    parametrized = cls.__name__ == f"Parametrized{base.__name__}" and cls.__module__ == parametrize.__name__
    return base if parametrized else cls


def _our_class(cls: type[nn.Module]) -> type[nn.Module]:
    plain = _plain(cls)
    if plain is cls:
        return OURS[cls]
    # The properties through which torch computes parametrized weights live in the class that it derived.
    own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return type(cls.__name__, (OURS[plain],), own)
