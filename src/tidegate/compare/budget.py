"""How much a comparison may cost."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.errors import ConfigError


@dataclass(frozen=True)
class Budget:
    """What every cell is given, the same for each."""

    hidden_size: int
    """Of the LSTM, whose number of parameters is the equal one of the second setting."""
    steps: int
    """Optimizer steps of a training."""
    learning_rates: tuple[float, ...]
    """Tried for every cell and size, on seeds that no result comes from."""
    shares: tuple[float, ...]
    """Of the training data, besides all of it, for the generalization gap."""
    lags: tuple[int, ...]
    """Of the recall task, climbed until one is not solved."""
    updates: int
    """Given to a cell to solve a lag."""
    batch_size: int = 128


BUDGETS = {
    "quick": Budget(32, 200, (5e-3, 1.5e-2), (0.3,), (10, 30, 100), 200),
    "normal": Budget(64, 600, (2e-3, 5e-3, 1e-2), (0.1, 0.3), (10, 30, 100, 300, 1000), 600),
    "thorough": Budget(128, 3000, (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2), (0.05, 0.1, 0.3), (10, 30, 100, 300, 1000), 600),
}
"""By name."""

FAR_LAGS = (3000, 10_000)
"""Climbed too when the probes are run alone, with the first of the learning rates only: they cost minutes."""


def budget_of(name: str) -> Budget:
    """The budget of a name; ConfigError where there is none."""
    if name not in BUDGETS:
        raise ConfigError(got=f"the budget {name!r}", wanted=f"one of {', '.join(BUDGETS)}", do="correct the name")
    return BUDGETS[name]
