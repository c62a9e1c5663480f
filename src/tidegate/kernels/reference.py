"""Backend `reference`: the equations of cells/, on any device, in any dtype, with any derivative."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.cells import gru_step, lstm_step, rnn_step, scan
from tidegate.cells.scan import Step
from tidegate.kernels.stack import Direction, run_stack, without_padding

State = tuple[Tensor, ...]


def run(module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """Run all layers and directions of `module` step by step."""
    return run_stack(partial(recur, module.mode), module, without_padding(x, lengths), state, lengths)


def recur(
    mode: str, weights: Direction, x: Tensor, state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """Run one direction of one layer: x [T, B, I] and a state of [B, H] tensors to [T, B, H] and the final state."""
    x_gates, b_hn = project(mode, weights, x)
    states, final = scan(step_of(mode, weights, b_hn), x_gates, state, lengths, reverse)
    return states[0], final


def step_of(mode: str, weights: Direction, b_hn: Tensor | None) -> Step:
    """The step of a cell with these weights, as `scan` takes it."""
    w_hh, w_hr = weights.w_hh, weights.w_hr

    def step(s: State, gates: Tensor) -> State:
        if mode == "LSTM":
            return lstm_step(s[0], s[1], gates, w_hh, w_hr)
        if mode == "GRU":
            return (gru_step(s[0], gates, w_hh, b_hn),)
        return (rnn_step(s[0], gates, w_hh, mode.removeprefix("RNN_").lower()),)

    return step


def project(mode: str, weights: Direction, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """W x with every bias that can be added beforehand, and b_hn, the hidden bias of a GRU's n, apart."""
    b_ih, b_hh = weights.b_ih, weights.b_hh
    if b_ih is None or b_hh is None:
        return F.linear(x, weights.w_ih), None
    if mode != "GRU":
        return F.linear(x, weights.w_ih, b_ih + b_hh), None
    H = weights.w_hh.shape[1]
    return F.linear(x, weights.w_ih, b_ih + F.pad(b_hh[: 2 * H], (0, H))), b_hh[2 * H :]


def step(mode: str, x: Tensor, state: State | None, weights: list[Tensor | None]) -> State:
    """One step of x [B, I] or [I] from a state, zero if none."""
    w_ih, w_hh, b_ih, b_hh = weights
    assert w_ih is not None and w_hh is not None
    direction = Direction(w_ih, w_hh, b_ih, b_hh, None)
    gates, b_hn = project(mode, direction, x)
    if state is None:
        zeros = x.new_zeros(*x.shape[:-1], w_hh.shape[1])
        state = (zeros, zeros) if mode == "LSTM" else (zeros,)
    return step_of(mode, direction, b_hn)(state, gates)
