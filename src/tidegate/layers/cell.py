"""What the three one-step cells share: the border where a step is handed to the kernels, or to torch.nn."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tidegate.errors import BackendError, ShapeError
from tidegate.kernels import reference
from tidegate.kernels.cpu import step as kernels
from tidegate.kernels.dispatch import wanted_backend
from tidegate.kernels.request import is_transformed
from tidegate.layers import tools


class RecurrentCell(tools.Ours, nn.RNNCellBase):
    """Mixed in before torch.nn.RNNCell, LSTMCell or GRUCell; replaces their `forward` and nothing else."""

    refused = (ValueError, TypeError, RuntimeError)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """Run one step, as torch.nn's cell does.

        Args:
            input: [B, I], or [I] unbatched.
            hx: the state before the step, [B, H] or [H]; for an LSTM the tuple (h, c). Zero if omitted.

        Returns:
            The state after the step, in the same form: h, or for an LSTM the tuple (h, c).

        Raises:
            ShapeError: a shape or dtype does not fit.
            BackendError: the backend selected by name cannot run the call.
        """
        return run_cell(self, input, hx)


tools.FORWARDS.append(RecurrentCell.forward)


def run_cell(cell: nn.RNNCellBase, input: Any, hx: Any = None) -> Any:
    """Run any torch.nn cell as `RecurrentCell.forward` describes.

    What the kernels do not compute is torch.nn's, whose cells are a few operators; under torch.func, which has no rules
    for these, the equations in cells/.
    """
    parameters: dict[str, Any] = cell._parameters
    try:
        weights = [parameters[name] for name in NAMES]
    except KeyError:  # a hook, or a parametrization, makes one of them
        weights = [getattr(cell, name) for name in NAMES]
    backend, mode = wanted_backend(), mode_of(cell)
    if backend in ("auto", "cpu") and not tools.is_looked_at():
        state = hx if mode == "LSTM" and isinstance(hx, (tuple, list)) else (hx,)
        if len(state) == 2 or mode != "LSTM" or hx is None:
            found = kernels.step(mode, input, state, weights)
            if found is not None:
                return found
    if backend == "cpu":
        raise BackendError(
            got="a step that backend 'cpu' cannot run",
            wanted="plain tensors of float32 or float64 on the CPU, and no transformation",
            do="choose backend 'auto'",
        )
    _check_kinds(mode, input, hx)
    try:
        if backend == "reference" or (backend == "auto" and is_transformed()):
            given = None if hx is None else tuple(hx) if mode == "LSTM" else (hx,)
            new = reference.step(mode, input, given, weights)
            return new if mode == "LSTM" else new[0]
        return tools.run_as_torch(cell, input, hx)
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        if type(input) is not Tensor:
            raise
        raise ShapeError(
            got=f"an input of shape {tuple(input.shape)} and {input.dtype}",
            wanted=f"what torch.nn takes: {error}",
            do="correct what is named here",
        ) from error


def _check_kinds(mode: str, input: Any, hx: Any) -> None:
    """Refuse what is no tensor, nor answers for itself as one."""
    state = hx if mode == "LSTM" and isinstance(hx, (tuple, list)) else (hx,)
    known = all(isinstance(s, Tensor) or hasattr(type(s), "__torch_function__") for s in state)
    if hx is not None and (not known or len(state) != 1 + (mode == "LSTM")):
        raise ShapeError(
            got=f"a state of {', '.join(type(s).__name__ for s in state)}",
            wanted="the tuple (h, c) of tensors: LSTMCell expects two hidden states"
            if mode == "LSTM"
            else "the tensor h",
            do="pass it, or leave hx out",
        )
    if not (isinstance(input, Tensor) or hasattr(type(input), "__torch_function__")):
        raise ShapeError(got=f"an input of {type(input)}", wanted="a tensor", do="convert it")


NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def mode_of(cell: nn.RNNCellBase) -> str:
    """RNN_TANH, RNN_RELU, LSTM or GRU."""
    if isinstance(cell, nn.LSTMCell):
        return "LSTM"
    return "GRU" if isinstance(cell, nn.GRUCell) else f"RNN_{str(cell.nonlinearity).upper()}"
