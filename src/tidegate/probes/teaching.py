"""Measurements that need no data, behind the plots that explain the cells: gradients, memory and gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tidegate.data.adding import adding
from tidegate.layers import initialize, layer_of, weights_called
from tidegate.probes.gates import trace_gates
from tidegate.probes.gradients import gradient_flow
from tidegate.probes.memory import solve_recall

LONG_MEMORY = {"rnn": "orthogonal", "lstm": "chrono", "gru": "chrono"}
"""The initialization of each cell with which it remembers longer than with torch.nn's."""
UPDATES = 300
"""Of a network that learns to recall, at most."""
Tell = Callable[[int, int, str], None]
"""Called with the networks done, the networks in all at most, and the last one."""


def _silent(done: int, total: int, what: str) -> None:
    """Report nothing."""


def initializations_of(cell: str) -> tuple[str, str]:
    """torch.nn's weights, and those for a long memory."""
    return "torch", LONG_MEMORY[cell]


def gradients_by_lag(
    cells: Sequence[str], *, lags: int = 50, hidden_size: int = 64, seeds: Sequence[int] = (0, 1, 2)
) -> dict[str, dict[str, np.ndarray]]:
    """The gradient norm against the lag of fresh layers over noise, by cell and initialization [seeds, lags + 1].

    >>> gradients_by_lag(["gru"], lags=3, hidden_size=4)["gru"]["chrono"].shape
    (3, 4)
    """
    return {
        cell: {
            name: np.stack([_flow_of_fresh(cell, name, lags, hidden_size, seed) for seed in seeds])
            for name in initializations_of(cell)
        }
        for cell in cells
    }


def _flow_of_fresh(cell: str, initialization: str, lags: int, hidden_size: int, seed: int) -> np.ndarray:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = initialize(layer_of(cell)(8, hidden_size), initialization, horizon=lags)
        return gradient_flow(layer, torch.randn(lags + 1, 8), lags).norms


@dataclass(frozen=True)
class Level:
    """How well networks recalled over one lag."""

    lag: int
    accuracies: tuple[float, ...]
    """By seed."""
    solved: int
    """How many of them."""


def recall_by_lag(
    cells: Sequence[str],
    *,
    lags: Sequence[int] = (10, 30, 100, 300),
    updates: int = UPDATES,
    hidden_size: int = 64,
    seeds: Sequence[int] = (0, 1, 2),
    tell: Tell = _silent,
) -> dict[str, dict[str, list[Level]]]:
    """Train networks to recall over longer and longer lags, until no seed solves one; by cell and initialization.

    >>> levels = recall_by_lag(["gru"], lags=[2], updates=40, hidden_size=8, seeds=[0])["gru"]["torch"]
    >>> [level.lag for level in levels]
    [2]
    """
    found: dict[str, dict[str, list[Level]]] = {cell: {} for cell in cells}
    done, total = 0, 2 * len(cells) * len(lags) * len(seeds)
    for cell in cells:
        for name in initializations_of(cell):
            levels = found[cell][name] = []
            for position, lag in enumerate(lags):
                attempts = []
                for seed in seeds:
                    attempts.append(
                        solve_recall(
                            cell, lag, initialization=name, hidden_size=hidden_size, updates=updates, seed=seed
                        )
                    )
                    done += 1
                    tell(done, total, f"{cell.upper()} with {weights_called(name)} weights over {lag:,} steps")
                solved = sum(attempt.solved for attempt in attempts)
                levels.append(Level(lag, tuple(attempt.accuracy for attempt in attempts), solved))
                if not solved:
                    total -= (len(lags) - position - 1) * len(seeds)
                    break
    return found


@dataclass(frozen=True)
class Adder:
    """A network that was trained to add the marked numbers of a sequence, over one sequence that it has not seen."""

    traces: dict[str, np.ndarray]
    """The input x [steps, 2], numbers and marks, and every gate and state [steps, hidden_size]."""
    target: np.ndarray
    output: np.ndarray
    """The sum so far, and the network's answer [steps]."""
    error: float
    """The mean absolute error over 200 sequences that it has not seen."""


def train_adder(
    cell: str, *, steps: int = 30, hidden_size: int = 16, updates: int = 600, batch_size: int = 64, seed: int = 0
) -> Adder:
    """Train a fresh network on the adding problem (Hochreiter & Schmidhuber 1997), asked for the sum at every step.

    Adam with a learning rate of 1e-2 that falls to zero on a cosine, gradients clipped at norm 1.

    >>> sorted(train_adder("gru", steps=6, hidden_size=4, updates=1).traces)
    ['h', 'n', 'r', 'x', 'z']
    """
    drawn = adding(length=steps, n=2000, n_test=200)
    assert drawn.test is not None
    (x, y), (x_test, y_test) = (
        (_steps_first(part.values, steps), _steps_first(np.asarray(part.y), steps))
        for part in (drawn.train, drawn.test)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rnn, readout = layer_of(cell)(2, hidden_size), nn.Linear(hidden_size, 1)
        parameters = [*rnn.parameters(), *readout.parameters()]
        optimizer = torch.optim.Adam(parameters, 1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
        for _ in range(updates):
            rows = torch.randint(x.shape[1], (batch_size,))
            loss = F.mse_loss(readout(rnn(x[:, rows])[0]), y[:, rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        output = readout(rnn(x_test)[0])
    one = x_test[:, 0]
    return Adder(
        {"x": one.numpy(), **{name: trace.numpy() for name, trace in trace_gates(rnn, one).items()}},
        y_test[:, 0, 0].numpy(),
        output[:, 0, 0].numpy(),
        float((output - y_test).abs().mean()),
    )


def _steps_first(values: np.ndarray, steps: int) -> torch.Tensor:
    """Sequences of one length, one after the other, as [steps, sequences, channels]."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).view(-1, steps, values.shape[-1]).transpose(0, 1)
