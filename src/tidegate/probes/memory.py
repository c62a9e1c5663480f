"""The longest lag over which a cell learns to recall, within a stated number of updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tidegate.data.recall import SYMBOLS, draw_recall
from tidegate.layers import initialize, layer_of

LAGS = (10, 30, 100, 300, 1000, 3000, 10000)
"""The lags that are tried, in order."""


@dataclass(frozen=True)
class Recall:
    """The result of training one network at one lag."""

    lag: int
    """Number of steps to remember."""
    solved: bool
    """Whether at least 95 % of 64 new sequences were recalled."""
    updates: int
    """Updates until it was solved, or the whole budget."""
    accuracy: float
    """Accuracy at the last check; chance is 1/8."""


def solve_recall(
    cell: str,
    lag: int,
    *,
    initialization: str = "torch",
    hidden_size: int = 64,
    updates: int = 400,
    learning_rate: float = 1e-2,
    batch_size: int = 32,
    seed: int = 0,
) -> Recall:
    """Train a new network to recall one of 8 symbols after `lag` silent steps.

    Adam, gradients clipped at norm 1, a new batch at every update. The task is solved when at least 95 % of 64 new
    sequences are recalled at a check, every 20 updates; training then stops, as it does if the loss is not finite.

    Args:
        cell: rnn, lstm or gru.
        lag: number of steps to remember.
        initialization: see `tidegate.layers.initialize`; the horizon of `chrono` is the lag.
        hidden_size: number of hidden units.
        updates: largest number of updates.
        learning_rate: of Adam.
        batch_size: sequences of an update.
        seed: seed of the initial weights and the data.

    >>> from tidegate.probes import solve_recall
    >>> solve_recall("gru", lag=3, hidden_size=16, updates=200).solved
    True
    """
    noise = np.random.default_rng((seed, lag))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rnn = initialize(layer_of(cell)(input_size=SYMBOLS, hidden_size=hidden_size), initialization, horizon=lag)
        readout = nn.Linear(hidden_size, SYMBOLS)
    parameters = [*rnn.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, learning_rate, fused=True)

    def logits_and_symbols(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = draw_recall(noise, n, lag)
        assert drawn.y is not None
        output, _ = rnn(torch.from_numpy(drawn.x).transpose(0, 1))
        return readout(output[-1]), torch.from_numpy(drawn.y)

    accuracy = 0.0
    for update in range(1, updates + 1):
        loss = F.cross_entropy(*logits_and_symbols(batch_size))
        if not torch.isfinite(loss):
            break
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if update % 20 == 0 or update == updates:
            with torch.no_grad():
                logits, symbols = logits_and_symbols(64)
            accuracy = float((logits.argmax(dim=1) == symbols).float().mean())
            if accuracy >= 0.95:
                return Recall(lag, True, update, accuracy)
    return Recall(lag, False, updates, accuracy)


def memory_horizon(
    cell: str,
    *,
    initialization: str = "torch",
    lags: Sequence[int] = LAGS,
    learning_rates: Sequence[float] = (1e-2, 3e-3),
    hidden_size: int = 64,
    updates: int = 400,
    seed: int = 0,
) -> list[Recall]:
    """Increase the lag until no learning rate solves the recall task; return the best attempt at each lag.

    The memory horizon is the lag of the last solved attempt, 0 if there is none. The arguments are those of
    `solve_recall`.

    Args:
        cell: rnn, lstm or gru.
        initialization: see `tidegate.layers.initialize`.
        lags: the lags to try, in increasing order.
        learning_rates: the learning rates to try at each lag, until one solves it.
        hidden_size: number of hidden units.
        updates: largest number of updates of an attempt.
        seed: seed of the initial weights and the data.

    >>> from tidegate.probes import memory_horizon
    >>> [attempt.lag for attempt in memory_horizon("gru", lags=[2, 4], hidden_size=16, updates=200)]
    [2, 4]
    """
    attempts: list[Recall] = []
    for lag in lags:
        best: Recall | None = None
        for learning_rate in learning_rates:
            attempt = solve_recall(
                cell,
                lag,
                initialization=initialization,
                hidden_size=hidden_size,
                updates=updates,
                learning_rate=learning_rate,
                seed=seed,
            )
            if best is None or attempt.accuracy > best.accuracy:
                best = attempt
            if attempt.solved:
                break
        assert best is not None
        attempts.append(best)
        if not best.solved:
            break
    return attempts


def horizon_of(attempts: Sequence[Recall]) -> int:
    """The longest lag that was solved, 0 where none was.

    >>> horizon_of([Recall(10, True, 40, 1.0), Recall(30, False, 400, 0.1)])
    10
    """
    return max((attempt.lag for attempt in attempts if attempt.solved), default=0)
