from __future__ import annotations

import os

# The tests' networks are small: a second thread costs more than it brings, here and in the processes they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch


@pytest.fixture(autouse=True)
def repeatable():
    """One seed a test; deterministic operators, which also fill `torch.empty` with NaN."""
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def tiny():
    """The name of the smallest budget with which a comparison does everything."""
    from tidegate.compare import BUDGETS, Budget

    BUDGETS["tiny"] = Budget(4, 6, (1e-3, 1e-2), (0.5,), (1, 2), 20, batch_size=16)
    yield "tiny"
    del BUDGETS["tiny"]
