"""Backend `torch`: torch.nn's own implementation, cuDNN on a GPU, oneDNN or ATen on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import _VF, Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tidegate.kernels.stack import weights_of, weights_of_direction, without_padding

if TYPE_CHECKING:
    from tidegate.kernels.dispatch import Request

State = tuple[Tensor, ...]


def why_not(request: Request) -> str | None:
    if request.transformed:
        return "torch.nn's operators have no batching rule and no forward-mode derivative"
    return None


def run(module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """Run torch.nn's operator on a dense batch, or on a packed one where `lengths` are given."""
    operator = getattr(_VF, module.mode.lower())
    weights = weights_of(module)
    options = (module.bias, module.num_layers, module.dropout, module.training, module.bidirectional)
    hx = state if module.mode == "LSTM" else state[0]
    if lengths is None:
        output, *final = operator(x, hx, weights, *options, False)
        return output, tuple(final)

    if torch.compiler.is_compiling():
        return run_without_packing(module, weights, x, state, lengths)

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
    return output, tuple(final)


def run_without_packing(
    module: nn.RNNBase, weights: list[Tensor], x: Tensor, state: State, lengths: Tensor
) -> tuple[Tensor, State]:
    """The same with operators whose sizes do not depend on the lengths, which a compiler does not know.

    Every sequence runs all T steps, in the reverse direction after its real steps were turned around, and what lies
    behind them is cut off. The last real output is the final h. The final c of an LSTM has no such place: one more
    input feature, 1 behind the end of a sequence, closes its input gate and opens its forget gate there.
    """
    D, H, finals = 2 if module.bidirectional else 1, module.hidden_size, []
    operator = getattr(_VF, module.mode.lower())
    is_lstm = module.mode == "LSTM"
    lengths = lengths.to(x.device)
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)  # [T, 1]
    padding = (steps >= lengths).unsqueeze(-1)  # [T, B, 1]
    turned = torch.where(steps < lengths, lengths - 1 - steps, steps).unsqueeze(-1)  # [T, B, 1]
    last = (lengths - 1).clamp(min=0).view(1, -1, 1)
    none = (lengths == 0).unsqueeze(-1)  # [B, 1]
    gate = x.new_ones(H, 1) * KEEP
    keep = torch.cat([-gate, gate, gate * 0, gate * 0])
    x = x.masked_fill(padding, 0)
    for k in range(module.num_layers):
        if k > 0 and module.dropout > 0:
            x = F.dropout(x, module.dropout, module.training)
        outputs = []
        for d in range(D):
            w_ih, *others = (w for w in weights_of_direction(module, weights, k, d == 1) if w is not None)
            given = x.gather(0, turned.expand_as(x)) if d else x
            if is_lstm:
                given, w_ih = (
                    torch.cat([given, padding.to(x.dtype)], dim=-1),
                    torch.cat([w_ih, keep.to(w_ih.dtype)], dim=1),
                )
            before = tuple(s[k * D + d : k * D + d + 1] for s in state)
            out, *final = operator(
                given,
                before if is_lstm else before[0],
                [w_ih, *others],
                module.bias,
                1,
                0.0,
                module.training,
                False,
                False,
            )
            final[0] = out.gather(0, last.expand(1, -1, out.shape[2]))
            finals.append(tuple(torch.where(none, old, new) for old, new in zip(before, final, strict=True)))
            out = out.gather(0, turned.expand_as(out)) if d else out
            outputs.append(out.masked_fill(padding, 0))
        x = torch.cat(outputs, dim=-1)
    return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


KEEP = 1e4
"""A gate's sum at which it is exactly 0 or 1 in every floating dtype."""
