"""A model over a sequence in pieces: every recurrent layer inside goes on from the state in which it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tidegate.errors import ConfigError, ShapeError

State = Any  # a tensor, or for an LSTM the tuple (h, c)


class Stream:
    """Calls a model piece by piece; its recurrent layers and cells keep their states between the calls.

    For truncated backpropagation through time (Williams & Peng 1990) and for streaming: the results are the same in one
    piece, in chunks, and step by step. The model itself is not changed and can be used independently of the stream;
    each thread can have its own streams of the same model.

    Args:
        model: any module that contains unidirectional RNN, LSTM or GRU layers or cells of torch.nn or tidegate. A call
            that passes its own state to one of them keeps it, as a loop does from its second step on.
        detach: whether gradients stop at the beginning of each call, as in truncated backpropagation.

    Raises:
        ConfigError: the model has no recurrent layer, or a bidirectional one.

    >>> import torch, tidegate
    >>> layer = tidegate.GRU(3, 5)
    >>> stream = tidegate.Stream(layer)
    >>> x = torch.randn(7, 2, 3)
    >>> whole, _ = layer(x)
    >>> pieces = torch.cat([stream(x[:4])[0], stream(x[4:])[0]])
    >>> torch.allclose(whole, pieces, atol=1e-6)
    True
    """

    def __init__(self, model: nn.Module, *, detach: bool = True) -> None:
        if not isinstance(model, nn.Module):
            raise ConfigError(got=f"a {type(model).__name__}", wanted="a torch.nn.Module", do="pass the model itself")
        self.model, self.detach = model, detach
        self.layers = {
            name: layer for name, layer in model.named_modules() if isinstance(layer, (nn.RNNBase, nn.RNNCellBase))
        }
        if not self.layers:
            raise ConfigError(
                got=f"a {type(model).__name__} without recurrent layers",
                wanted="one that holds an RNN, LSTM, GRU or a cell",
                do="pass the model that holds them",
            )
        for name, layer in self.layers.items():
            if getattr(layer, "bidirectional", False):
                raise ConfigError(
                    got=f"a layer in both directions, {name or 'the model itself'}",
                    wanted="one direction: the other begins at the end of the sequence",
                    do="pass whole sequences to such a model",
                )
        self.states: dict[str, list[State]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model with these arguments and return its result.

        A layer that starts from zero several times within a call has a state for each time.

        Raises:
            ShapeError: the batch has another size than in the call before; call `reset` first.
        """
        with self._hooks():
            return self.model(*args, **kwargs)

    def reset(self, rows: Tensor | list[int] | None = None) -> None:
        """Reset the states to zero.

        Args:
            rows: the sequences to reset: a list of their numbers in the batch, or a boolean for each [B]; all if
                omitted.

        Raises:
            ShapeError: the rows are not numbers of the batch, or the input has no batch axis.
        """
        if rows is None:
            self.states = {}
            return
        try:
            chosen = torch.as_tensor(rows if isinstance(rows, Tensor) or len(rows) else torch.arange(0))
        except (ValueError, TypeError, RuntimeError):
            raise ShapeError(
                got=f"rows of {type(rows)}",
                wanted="a list or a tensor",
                do="pass the rows of the batch that begin anew",
            ) from None
        new: dict[str, list[State]] = {}
        for name, states in self.states.items():
            at = 1 if isinstance(self.layers[name], nn.RNNBase) else 0
            new[name] = [_map(lambda state, at=at: _without_rows(state, chosen, at), state) for state in states]
        self.states = new

    @contextmanager
    def _hooks(self) -> Iterator[None]:
        """Give every layer its state before its call, and keep the one after it."""
        new: dict[str, list[State]] = {name: [] for name in self.layers}
        names: dict[nn.Module, str] = {layer: name for name, layer in self.layers.items()}
        goes_on: dict[str, bool] = {}  # whether the call that runs was given the state of the one before
        thread = get_ident()
        # Another thread that calls the same model meets these hooks too, without kwargs where they are being removed.

        def before(layer: nn.Module, args: Any, *rest: Any) -> Any:
            if get_ident() != thread:
                return None
            (kwargs,), name = rest, names[layer]
            goes_on[name] = (len(args) > 1 and args[1] is not None) or kwargs.get("hx") is not None
            old, n = self.states.get(name, []), len(new[name])
            if goes_on[name] or n >= len(old):
                return None
            input = args[0] if args else kwargs["input"]
            _check_rows(name, layer, input, old[n])
            return (input, old[n]), {key: value for key, value in kwargs.items() if key not in ("hx", "input")}

        def after(layer: nn.Module, args: Any, *rest: Any) -> None:
            if get_ident() != thread:
                return
            *_, result = rest
            name, state = names[layer], result[1] if isinstance(layer, nn.RNNBase) else result
            if not goes_on[name]:
                new[name].append(state)
            elif new[name]:
                new[name][-1] = state

        handles = []
        for layer in self.layers.values():
            handles.append(layer.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(layer.register_forward_hook(after, with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        for name, states in new.items():
            if states:
                self.states[name] = [_map(Tensor.detach, state) for state in states] if self.detach else states


def _map(function: Any, state: State) -> State:
    return tuple(map(function, state)) if isinstance(state, (tuple, list)) else function(state)


def _without_rows(state: Tensor, chosen: Tensor, at: int) -> Tensor:
    """The state with zeros in some rows, of which the axis `at` counts them; the old one is not changed."""
    if state.dim() == at:
        raise ShapeError(
            got="rows to reset where the input has no batch axis", wanted="none", do="call reset() without rows"
        )
    B = state.shape[at]
    by_truth = chosen.dtype == torch.bool
    fits = chosen.dim() == 1 and (
        len(chosen) == B if by_truth else not (chosen.is_floating_point() or chosen.is_complex())
    )
    if not fits or (not by_truth and len(chosen) and not (int(chosen.min()) >= 0 and int(chosen.max()) < B)):
        raise ShapeError(
            got=f"rows {chosen.tolist()}",
            wanted=f"numbers from 0 to {B - 1}, or {B} truth values",
            do="pass the rows of the batch that begin anew",
        )
    keep = torch.ones(B, dtype=torch.bool)
    keep[chosen.cpu()] = False
    shape = [B if axis == at else 1 for axis in range(state.dim())]
    return torch.where(keep.view(shape).to(state.device), state, torch.zeros_like(state))


def _check_rows(name: str, layer: nn.Module, input: Any, state: State) -> None:
    """Refuse a batch of another size than the one before."""
    if not isinstance(input, (Tensor, PackedSequence)):
        return
    first = state[0] if isinstance(state, (tuple, list)) else state
    if isinstance(input, PackedSequence):
        rows: int | None = int(input.batch_sizes[0])
        before = first.shape[1] if first.dim() == 3 else None
    elif isinstance(layer, nn.RNNBase):
        rows = input.shape[0 if layer.batch_first else 1] if input.dim() == 3 else None
        before = first.shape[1] if first.dim() == 3 else None
    else:
        rows = input.shape[0] if input.dim() == 2 else None
        before = first.shape[0] if first.dim() == 2 else None
    if rows != before:
        raise ShapeError(
            got=f"{'no batch' if rows is None else f'{rows} sequences'} for {name or 'the layer'}",
            wanted=f"{'no batch' if before is None else before}, as in the call before",
            do="call reset() before other sequences",
        )
