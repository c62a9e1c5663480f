"""Backend `torch`: torch.nn's own implementation, cuDNN on a GPU, oneDNN or ATen on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import _VF, Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tidegate.kernels.stack import without_padding

if TYPE_CHECKING:
    from tidegate.kernels.dispatch import Request

State = tuple[Tensor, ...]


def why_not(request: Request) -> str | None:
    if request.seq_len == 0:
        return "torch.nn has no result for a sequence of no steps"
    if request.transformed:
        return "torch.nn's operators have no batching rule and no forward-mode derivative"
    return None


def run(module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """Run torch.nn's operator on a dense batch, or on a packed one where `lengths` are given."""
    operator = getattr(_VF, module.mode.lower())
    weights = [getattr(module, name) for name in module._flat_weights_names]
    options = (module.bias, module.num_layers, module.dropout, module.training, module.bidirectional)
    hx = state if module.mode == "LSTM" else state[0]
    if lengths is None:
        output, *final = operator(x, hx, weights, *options, False)
        return output, tuple(final)

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
