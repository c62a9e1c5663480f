"""Backend `reference`: the equations of cells/, on any device, in any dtype, with any derivative."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.cells import gru_step, lstm_step, rnn_step, scan
from tidegate.cells.scan import Step
from tidegate.kernels.stack import NOTHING, QUIET, Direction, Extras, Noise, cut, join, run_stack, without_padding

State = tuple[Tensor, ...]


def run(
    module: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None, extras: Extras = NOTHING
) -> tuple[Tensor, State, State | None]:
    """Run all layers and directions of `module` step by step."""
    return run_stack(partial(recur, module.mode), module, without_padding(x, lengths), state, lengths, extras)


def recur(
    mode: str,
    weights: Direction,
    x: Tensor,
    state: State,
    lengths: Tensor | None,
    reverse: bool,
    noise: Noise = QUIET,
) -> tuple[State, State]:
    """Run one direction of one layer: x [T, B, I] and a state of [B, H] tensors to the states of all steps, of
    [T, B, H] tensors, and the final state.
    """
    if lengths is not None and lengths.dim() == 2:
        T, B, _ = x.shape
        held = [None if part is None else cut(part, lengths) for part in noise[1:]]
        drop = None if noise.drop is None else noise.drop[lengths[0].to(x.device)]
        states, final = recur(mode, weights, cut(x, lengths), state, lengths[2], reverse, Noise(drop, *held))
        return tuple(join(s, lengths, T, B) for s in states), final
    x_gates, b_hn = project(mode, weights, x)
    return scan(step_of(mode, weights, b_hn, noise.drop), x_gates, state, lengths, reverse, noise[1 : 1 + len(state)])


def step_of(mode: str, weights: Direction, b_hn: Tensor | None, drop: Tensor | None = None) -> Step:
    """The step of a cell with these weights, as `scan` takes it."""
    w_hh, w_hr = weights.w_hh, weights.w_hr

    def step(s: State, gates: Tensor) -> State:
        if mode == "LSTM":
            return lstm_step(s[0], s[1], gates, w_hh, w_hr, drop)
        if mode == "GRU":
            return (gru_step(s[0], gates, w_hh, b_hn, drop),)
        return (rnn_step(s[0], gates, w_hh, mode.removeprefix("RNN_").lower(), drop),)

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
