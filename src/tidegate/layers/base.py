"""What the three layers share: the border where input is checked, put time first, and handed to a backend."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from tidegate.errors import ShapeError
from tidegate.kernels.cpu import layer as kernels
from tidegate.kernels.dispatch import choose, wanted_backend
from tidegate.kernels.request import Request, is_recorded
from tidegate.kernels.stack import NOTHING, Extras, check_range, weights_of
from tidegate.layers import tools
from tidegate.layers.noise import check_rate, check_zoneout, is_noisy, noise_of
from tidegate.layers.resets import Pieces, check_resets

State = tuple[Tensor, ...]


class RecurrentLayer(tools.Ours, nn.RNNBase):
    """Mixed in before torch.nn.RNN, LSTM or GRU; replaces their `forward` and adds noise on the state.

    Args:
        args, kwargs: those of the torch.nn layer.
        recurrent_dropout: probability of dropping a feature of h in the recurrent product, the same features at all
            steps of a sequence (Gal & Ghahramani 2016), in training.
        zoneout: probability with which a feature of the state keeps its value over a step (Krueger et al. 2017); for an
            LSTM one for both h and c, or the pair of them. In evaluation the state moves by the expected amount. Both
            draw from torch's generator: the same seed gives the same noise.
    """

    recurrent_dropout: float
    zoneout: tuple[float, float]

    def __init__(
        self,
        *args: Any,
        recurrent_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        dropout, rates = check_rate("recurrent_dropout", recurrent_dropout), check_zoneout(self.mode, zoneout)
        if dropout:
            self.recurrent_dropout = dropout
        if any(rates):
            self.zoneout = rates

    def extra_repr(self) -> str:
        options = vars(self)
        shown = [f"{name}={options[name]}" for name in ("recurrent_dropout", "zoneout") if name in options]
        return ", ".join([super().extra_repr(), *shown])

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | tuple[Tensor, Tensor] | None = None,
        *,
        lengths: Tensor | list[int] | None = None,
        resets: Tensor | None = None,
        reset_to: Tensor | tuple[Tensor, Tensor] | None = None,
        return_states: bool = False,
    ) -> Any:
        """Run the layer as torch.nn does, and over ragged batches without packing.

        Args:
            input: [T, B, I], [B, T, I] with batch_first, [T, I] unbatched, or a PackedSequence.
            hx: the state before step 0, [L*D, B, H] ([L*D, H] unbatched); for an LSTM the tuple (h0, c0). Zero if
                omitted.
            lengths: the number of real steps of each sequence [B], for a batched tensor. Steps after the end of a
                sequence never change a result or a gradient: the output is 0 there, the final state is the one after
                the last real step, and the reverse direction starts at that step.
            resets: boolean [T, B], [B, T] with batch_first, [T] unbatched: before such a step the state is reset, and
                no gradient passes. The parts between resets are independent sequences: the reverse direction starts
                anew after the last step of each.
            reset_to: the state after a reset, in the form of hx or with one sequence for all; zero if omitted.
            return_states: whether to return the states of all steps and layers too.

        Returns:
            The output, in the form of the input with D*H features, and the state after the last step. With
            `return_states` also the states of all steps: h [L*D, T, B, H] ([L*D, B, T, H] with batch_first), for an
            LSTM the tuple (h, c).

        Raises:
            ShapeError: a shape, dtype or length does not fit.
            BackendError: the backend selected by name cannot run the call.
        """
        return run_layer(self, input, hx, lengths, resets, reset_to, return_states)


tools.FORWARDS.append(RecurrentLayer.forward)


def run_layer(
    layer: nn.RNNBase,
    input: Tensor | PackedSequence,
    hx: Tensor | tuple[Tensor, Tensor] | None = None,
    lengths: Tensor | list[int] | None = None,
    resets: Tensor | None = None,
    reset_to: Tensor | tuple[Tensor, Tensor] | None = None,
    return_states: bool = False,
) -> Any:
    """Run any torch.nn layer as `RecurrentLayer.forward` describes."""
    weights = weights_of(layer)
    as_torchs = lengths is None and resets is None and reset_to is None and not return_states and not is_noisy(layer)
    if as_torchs and not torch.is_grad_enabled() and (found := _run_directly(layer, input, hx, weights)) is not None:
        return found
    watched = tools.is_watched(input, hx, weights)
    if as_torchs and (watched or (isinstance(input, PackedSequence) and is_recorded())):
        return tools.run_as_torch(layer, input, hx)
    if reset_to is not None and resets is None:
        raise ShapeError(got="reset_to without resets", wanted="both, or none", do="pass resets, or leave it out")
    if isinstance(input, PackedSequence):
        if resets is not None or return_states:
            raise ShapeError(
                got=f"{'return_states' if resets is None else 'resets'} with a PackedSequence",
                wanted="a tensor",
                do="pass the padded tensor and lengths",
            )
        return _run_packed(layer, input, hx, lengths, weights)
    if not isinstance(input, Tensor):
        raise ShapeError(got=f"an input of {type(input)}", wanted="a tensor or a PackedSequence", do="convert it")
    if input.dim() not in (2, 3):
        raise ShapeError(
            got=f"input of {input.dim()} dimensions",
            wanted=f"Expected input to be 2D or 3D, got {input.dim()}D tensor instead",
            do="pass [T, B, I], [B, T, I] with batch_first=True, or [T, I]",
        )
    batched = input.dim() == 3
    batch_first = layer.batch_first and batched
    x = input.unsqueeze(1) if not batched else input.transpose(0, 1) if batch_first else input
    T, B, _ = x.shape
    state = _state_of(layer, hx, x, batched)
    if lengths is not None:
        if not batched:
            raise ShapeError(
                got="lengths with an unbatched input", wanted="a batch", do="cut the input to its real steps instead"
            )
        lengths = check_lengths(lengths, T, B)
    pieces, to = None, None
    if resets is not None:
        if not batched:
            resets = torch.as_tensor(resets).unsqueeze(-1)
        pieces = Pieces.of(check_resets(resets, T, B, batch_first), lengths, T, B)
        if reset_to is not None:
            to = _state_of(layer, _for_all(layer, reset_to, B), x, batched)
    if pieces is not None:
        state, lengths = pieces.before(state, to), pieces.pieces
    output, final, states = _run(layer, x, state, lengths, weights, return_states, watched)
    if pieces is not None:
        final = pieces.after(final)
    if not batched:
        output, final = output.squeeze(1), tuple(s.squeeze(1) for s in final)
        states = states and tuple(s.squeeze(2) for s in states)
    if batch_first:
        output, states = output.transpose(0, 1), states and tuple(s.transpose(1, 2) for s in states)
    found = output, _final_of(layer, final)
    return (*found, _final_of(layer, states)) if states else found


def _for_all(layer: nn.RNNBase, state: Any, B: int) -> Any:
    """A state with one sequence as the state of B sequences; any other as it is."""
    if isinstance(state, Tensor):
        return state.expand(-1, B, -1) if state.dim() == 3 and state.shape[1] == 1 else state
    return tuple(_for_all(layer, part, B) for part in state) if isinstance(state, (tuple, list)) else state


def _run_directly(layer: nn.RNNBase, input: Any, hx: Any, weights: list[Tensor]) -> tuple[Any, Any] | None:
    """The call that is made most often where every microsecond counts: one layer in one direction without gradients.

    The kernels check the tensors; none, and nothing done, where they do not fit, or where the call is another.
    """
    if layer.num_layers != 1 or layer.bidirectional or layer.proj_size or type(input) is not Tensor or input.dim() != 3:
        return None
    if wanted_backend() not in ("auto", "cpu") or tools.is_looked_at():
        return None
    x = input.transpose(0, 1) if layer.batch_first else input
    is_lstm = layer.mode == "LSTM"
    if hx is None:
        h0 = x.new_zeros(1, x.shape[1], layer.hidden_size)
        hx = (h0, h0) if is_lstm else h0
    state = tuple(hx) if is_lstm and isinstance(hx, (tuple, list)) else (hx,)
    if len(state) != 1 + is_lstm:
        return None
    found = kernels.forward_directly(layer.mode, x, state, weights if layer.bias else [*weights, None, None])
    if found is None:
        return None
    output, *final = found
    return output.transpose(0, 1) if layer.batch_first else output, tuple(final) if is_lstm else final[0]


def _run_packed(
    layer: nn.RNNBase, packed: PackedSequence, hx: Any, lengths: Any, weights: list[Tensor]
) -> tuple[PackedSequence, Any]:
    if lengths is not None:
        raise ShapeError(
            got="lengths with a PackedSequence, which has its own",
            wanted="one of the two",
            do="leave lengths out",
        )
    if packed.data.dim() != 2:
        raise ShapeError(
            got=f"a PackedSequence of {packed.data.dim()}-dimensional data",
            wanted="2 dimensions, steps and features",
            do="pack a tensor [T, B, I]",
        )
    order, back = packed.sorted_indices, packed.unsorted_indices
    if order is not None and (back is None or not torch.equal(order[back].cpu(), torch.arange(len(back)))):
        raise ShapeError(
            got="a PackedSequence whose sorted_indices do not undo its unsorted_indices",
            wanted="each sequence once",
            do="pack with torch.nn.utils.rnn.pack_padded_sequence",
        )
    x, steps = pad_packed_sequence(packed)
    output, final, _ = _run(layer, x, _state_of(layer, hx, x, batched=True), steps, weights)
    # The caller's order is restored, so that equal lengths keep the places that the caller gave them.
    if order is not None:
        output, steps = output.index_select(1, order), steps[order.cpu()]
    data = pack_padded_sequence(output, steps).data
    return packed._replace(data=data), _final_of(layer, final)


def _run(
    layer: nn.RNNBase,
    x: Tensor,
    state: State,
    lengths: Tensor | None,
    weights: list[Tensor],
    return_states: bool = False,
    watched: bool = False,
) -> tuple[Tensor, State, State | None]:
    weight = weights[0]
    if x.shape[0] == 0:
        raise ShapeError(
            got=f"an input of shape {tuple(x.shape)} (time, batch, features)",
            wanted="Expected sequence length to be larger than 0 in RNN",
            do="leave sequences of no steps out, or pass `lengths` that say so",
        )
    if x.shape[-1] != layer.input_size:
        raise ShapeError(
            got=f"an input of shape {tuple(x.shape)} (time, batch, features)",
            wanted=f"input.size(-1) must be equal to input_size. Expected {layer.input_size}, got {x.size(-1)}",
            do="check the last axis, and batch_first",
        )
    if x.dtype != weight.dtype and not (x.is_floating_point() and torch._C._is_any_autocast_enabled()):
        raise ShapeError(
            got=f"input of {x.dtype}",
            wanted=f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). "
            f"Convert input: input.to({weight.dtype}), or convert model: model.to({x.dtype})",
            do="convert one of the two",
        )
    pieces = lengths is not None and lengths.dim() == 2
    if lengths is not None and not pieces and not torch.compiler.is_compiling() and int(lengths.min()) == x.shape[0]:
        lengths = None
    extras = NOTHING
    if return_states or is_noisy(layer):
        extras = Extras(noise_of(layer, x), return_states)
    request = Request.of(layer, weights, x, lengths, extras)
    if request.recorded and pieces:
        raise ShapeError(
            got="resets while the layer is exported or traced",
            wanted="none: the program would hold the resets of this call",
            do="export the model without resets, and reset the state between calls",
        )
    if request.recorded and extras is NOTHING and tools.is_exported_to_onnx(layer, x):
        return *tools.run_onnx(layer, weights, x, state, lengths), None
    backend = None if not watched else "torch" if extras is NOTHING else "reference"
    return choose(request, backend).run(layer, x, state, lengths, extras)


def _state_of(layer: nn.RNNBase, hx: Any, x: Tensor, batched: bool) -> State:
    """The state before step 0 as a tuple of [L*D, B, H] tensors, checked."""
    width, layers = layer.proj_size or layer.hidden_size, layer.num_layers * (2 if layer.bidirectional else 1)
    if hx is None:
        h0 = x.new_zeros(layers, x.shape[1], width)
        return (h0, x.new_zeros(layers, x.shape[1], layer.hidden_size)) if layer.mode == "LSTM" else (h0,)
    sizes = [width, layer.hidden_size] if layer.mode == "LSTM" else [width]
    given = tuple(hx) if layer.mode == "LSTM" and isinstance(hx, (tuple, list, Tensor)) else (hx,)
    if len(given) != len(sizes) or not all(isinstance(state, Tensor) for state in given):
        raise ShapeError(
            got=f"a state of {', '.join(type(state).__name__ for state in given)}",
            wanted="the tuple (h0, c0) of tensors" if layer.mode == "LSTM" else "the tensor h0",
            do="pass it, or leave hx out",
        )
    for name, state, size in zip(("h0", "c0"), given, sizes, strict=False):
        expected = (layers, x.shape[1], size) if batched else (layers, size)
        if state.shape != expected:
            raise ShapeError(
                got=f"{name} of shape {tuple(state.shape)}",
                wanted=f"{expected} for an input {'with' if batched else 'without'} a batch axis. "
                f"Expected hidden size {expected}, got {list(state.shape)}",
                do="pass (layers * directions, batch, hidden), or leave hx out for zeros",
            )
        converted = state.is_floating_point() and torch._C._is_any_autocast_enabled()
        if (state.dtype != x.dtype or state.device != x.device) and not converted:
            raise ShapeError(
                got=f"{name} of {state.dtype} on {state.device}",
                wanted=f"{x.dtype} on {x.device}, as the input",
                do="convert the state",
            )
    return given if batched else tuple(state.unsqueeze(1) for state in given)


def _final_of(layer: nn.RNNBase, final: State) -> Any:
    return final if layer.mode == "LSTM" else final[0]


def check_lengths(lengths: Tensor | list[int], T: int, B: int) -> Tensor | None:
    """Return lengths as an int64 tensor on the CPU, checked against a batch of B sequences of T steps."""
    try:
        lengths = torch.as_tensor(lengths).cpu()
    except (ValueError, TypeError, RuntimeError) as error:
        raise ShapeError(
            got=f"lengths that are no tensor: {error}",
            wanted=f"{B} whole numbers, one a sequence",
            do="pass the number of real steps of each sequence",
        ) from None
    if B == 0 and lengths.shape == (0,):
        return None
    if lengths.shape != (B,) or lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise ShapeError(
            got=f"lengths of shape {tuple(lengths.shape)} and {lengths.dtype}",
            wanted=f"{B} whole numbers, one a sequence",
            do="pass the number of real steps of each sequence",
        )
    lengths = lengths.to(torch.int64, copy=True).contiguous()  # backward reads them too, and they may be reused by then
    if torch.compiler.is_compiling():  # the operator checks the values when it runs
        return lengths
    check_range(lengths, T, B)
    return lengths
