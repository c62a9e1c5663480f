"""Backend `torch`: torch.nn's own implementation, cuDNN on a GPU, oneDNN or ATen on a CPU."""

from __future__ import annotations

from functools import partial

import torch
from torch import _VF, Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tidegate.kernels.request import Request
from tidegate.kernels.stack import NOTHING, Direction, Extras, Noise, places_of, run_stack, weights_of, without_padding

State = tuple[Tensor, ...]


def why_not(request: Request) -> str | None:
    if request.transformed:
        return "torch.nn's operators have no batching rule and no forward-mode derivative"
    if request.noisy:
        return "torch.nn's operators know neither recurrent dropout nor zoneout"
    if request.states:
        return "torch.nn's operators do not tell the states of all steps and layers"
    return None


def run(
    module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None, extras: Extras = NOTHING
) -> tuple[Tensor, State, State | None]:
    """Run torch.nn's operator on a dense batch, or on a packed one where `lengths` are given."""
    operator = getattr(_VF, module.mode.lower())
    weights = weights_of(module)
    options = (module.bias, module.num_layers, module.dropout, module.training, module.bidirectional)
    hx = state if module.mode == "LSTM" else state[0]
    if lengths is None:
        output, *final = operator(x, hx, weights, *options, False)
        return output, tuple(final), None

    if torch.compiler.is_compiling():
        return run_without_packing(module, x, state, lengths)

    if lengths.dim() == 2:
        return run_pieces(module, x, state, lengths)

    # torch.nn refuses sequences of no steps: they run one step whose result is then put aside.
    packed = pack_padded_sequence(without_padding(x, lengths), lengths.clamp(min=1), enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and back is not None
    ordered = tuple(s.index_select(1, order) for s in state)
    data, *final = operator(
        packed.data, packed.batch_sizes, ordered if module.mode == "LSTM" else ordered[0], weights, *options
    )
    output, _ = pad_packed_sequence(packed._replace(data=data), total_length=x.shape[0])
    final = [s.index_select(1, back) for s in final]
    if bool((lengths == 0).any()):
        alive = (lengths > 0).to(x.device).unsqueeze(-1)
        output = output * alive
        final = [torch.where(alive, new, old) for new, old in zip(final, state, strict=True)]
    return output, tuple(final), None


def run_pieces(module: nn.RNNBase, x: Tensor, state: State, pieces: Tensor) -> tuple[Tensor, State, None]:
    """The steps of all pieces packed, the longest piece first, without room for what they do not have."""
    T, B, _ = x.shape
    length = pieces[2]
    order = length.argsort(descending=True, stable=True)
    order = order[: int((length > 0).sum())]
    places, real = places_of(pieces[:, order], B)
    places, sizes, at = places[real].to(x.device), real.sum(1), order.to(x.device)
    ordered = tuple(s.index_select(1, at) for s in state)
    options = (module.bias, module.num_layers, module.dropout, module.training, module.bidirectional)
    data, *final = getattr(_VF, module.mode.lower())(
        x.flatten(0, 1)[places], sizes, ordered if module.mode == "LSTM" else ordered[0], weights_of(module), *options
    )
    output = data.new_zeros(T * B, data.shape[1]).index_put((places,), data).unflatten(0, (T, B))
    return output, tuple(old.index_copy(1, at, new) for old, new in zip(state, final, strict=True)), None


def run_without_packing(
    module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor
) -> tuple[Tensor, State, State | None]:
    """The same with operators whose sizes do not depend on the lengths, which a compiler does not know."""
    return run_stack(partial(recur_without_packing, module), module, without_padding(x, lengths), state, lengths)


def recur_without_packing(
    module: nn.RNNBase,
    weights: Direction,
    x: Tensor,
    state: State,
    lengths: Tensor | None,
    reverse: bool,
    noise: Noise,
) -> tuple[State, State]:
    """Run one direction of one layer: x [T, B, I] and a state of [B, H] tensors to [T, B, H] and the final state.

    Every sequence runs all T steps, in the reverse direction after its real steps were turned around, and what lies
    behind them is cut off. The last real output is the final h. The final c of an LSTM has no such place: one more
    input feature, 1 behind the end of a sequence, closes its input gate and opens its forget gate there.
    """
    assert lengths is not None
    is_lstm, w_ih = module.mode == "LSTM", weights.w_ih
    lengths = lengths.to(x.device)
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)  # [T, 1]
    padding = (steps >= lengths).unsqueeze(-1)  # [T, B, 1]
    turned = torch.where(steps < lengths, lengths - 1 - steps, steps).unsqueeze(-1)  # [T, B, 1]
    if reverse:
        x = x.gather(0, turned.expand_as(x))
    if is_lstm:
        gate = w_ih.new_full((module.hidden_size, 1), KEEP)
        x = torch.cat([x, padding.to(x.dtype)], dim=-1)
        w_ih = torch.cat([w_ih, torch.cat([-gate, gate, gate * 0, gate * 0])], dim=1)
    others = [w for w in weights[1:] if w is not None]
    before = tuple(s.unsqueeze(0) for s in state)
    options = (module.bias, 1, 0.0, module.training, False, False)
    operator = getattr(_VF, module.mode.lower())
    out, *final = operator(x, before if is_lstm else before[0], [w_ih, *others], *options)
    last = (lengths - 1).clamp(min=0).view(1, -1, 1).expand(1, -1, out.shape[2])
    ended = (out.gather(0, last)[0], *(s[0] for s in final[1:]))
    none = (lengths == 0).unsqueeze(-1)  # [B, 1]
    out = out.gather(0, turned.expand_as(out)) if reverse else out
    kept = tuple(torch.where(none, old, new) for old, new in zip(state, ended, strict=True))
    return (out.masked_fill(padding, 0),), kept


KEEP = 1e4
"""A gate's sum at which it is exactly 0 or 1 in every floating dtype."""
