"""A step, run over a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Step = Callable[[State, Tensor], State]


def scan(
    step: Step,
    x_gates: Tensor,
    state: State,
    lengths: Tensor | None = None,
    reverse: bool = False,
    held: Sequence[Tensor | None] = (),
) -> tuple[State, State]:
    """Run `step` over time and return the states after every step, and the final state.

    `step(state, x_gates[t])` returns the next state; a state is a tuple of [B, H] tensors.
    x_gates [T, B, G*H]; each of the returned states is [T, B, H].
    With `lengths` [B], sequence b stands still after `lengths[b]` steps: its states are 0 from there on,
    and its final state is the one after its last real step. `reverse` runs from the last real step to the first.
    `held` [T, B, H], one or none for each tensor of the state, is the share of the old state that stays at each step
    (zoneout, Krueger et al. 2017).

    >>> total = lambda state, x: (state[0] + x,)
    >>> states, final = scan(total, torch.ones(3, 2, 1), (torch.zeros(2, 1),), lengths=torch.tensor([3, 1]))
    >>> states[0][:, :, 0].T.tolist(), final[0][:, 0].tolist()
    ([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]], [3.0, 1.0])
    """
    T = x_gates.shape[0]
    order = range(T - 1, -1, -1) if reverse else range(T)
    if lengths is not None:
        lengths = lengths.to(x_gates.device)
    after: list[State] = []
    for t in order:
        new = step(state, x_gates[t])
        for n, share in enumerate(held):
            if share is not None:
                new = (*new[:n], share[t] * state[n] + (1 - share[t]) * new[n], *new[n + 1 :])
        if lengths is None:
            state = new
            after.append(state)
        else:
            alive = (t < lengths).unsqueeze(-1)
            state = tuple(torch.where(alive, n, s) for n, s in zip(new, state, strict=True))
            after.append(tuple(s * alive for s in state))
    if not after:
        return tuple(s.new_empty(0, *s.shape) for s in state), state
    if reverse:
        after.reverse()
    return tuple(torch.stack(steps) for steps in zip(*after, strict=True)), state
