import numpy as np
import pytest

from tidegate.errors import ConfigError
from tidegate.training import Plan, Settings


@pytest.mark.parametrize(
    ("options", "n", "plan"),
    [
        ({"epochs": 10}, 54_000, Plan(4220, per_epoch=422, per_check=422, batch_size=128)),
        ({"steps": 600, "checks": 20}, 54_000, Plan(600, per_epoch=422, per_check=30, batch_size=128)),
        ({"steps": 7}, 1000, Plan(7, per_epoch=8, per_check=7, batch_size=128)),
        ({}, 1, Plan(1000, per_epoch=1, per_check=10, batch_size=16)),
        ({}, 50, Plan(1000, per_epoch=4, per_check=12, batch_size=16)),
        ({}, 200, Plan(1000, per_epoch=4, per_check=12, batch_size=50)),
        ({"batch_size": 200}, 200, Plan(1000, per_epoch=1, per_check=10, batch_size=200)),
        ({}, 54_000, Plan(4220, per_epoch=422, per_check=422, batch_size=128)),
    ],
)
def test_the_plan_follows_from_settings_and_data(options, n, plan):
    assert Plan.of(Settings(**options), n) == plan


def test_checks_end_with_the_run():
    plan = Plan(steps=10, per_epoch=4, per_check=4, batch_size=1)
    assert [plan.next_check(step) for step in (0, 3, 4, 8, 9)] == [4, 4, 8, 10, 10]


NO_WHOLE = [np.True_, np.float64(2), float("nan"), "2", np.array([1, 2]), np.array(2), 10**30, [2]]
NO_NUMBER = [True, np.False_, float("inf"), "0.1", np.array(0.1), np.complex128(0.1), 10**400, [0.1]]


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"steps": 0},
        {"epochs": 1, "steps": 1},
        {"steps": 1.5},
        {"batch_size": 0},
        {"batch_size": True},
        {"learning_rate": -1e-3},
        {"learning_rate": float("nan")},
        {"learning_rate": "fast"},
        {"clip": 0},
        {"weight_decay": -1},
        {"validation_share": 1},
        {"schedule": "linear"},
        {"seed": -1},
        *({name: value} for name in ("steps", "batch_size", "patience", "checks", "seed") for value in NO_WHOLE),
        *(
            {name: value}
            for name in ("learning_rate", "clip", "weight_decay", "validation_share")
            for value in NO_NUMBER
        ),
    ],
)
def test_a_value_that_cannot_work_is_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Settings(**options)


@pytest.mark.parametrize("value", [np.int8(2), np.uint64(2), np.int64(2)], ids=repr)
def test_whole_numbers_of_numpy_are_taken_for_all_that_counts(value):
    settings = Settings(steps=value, batch_size=value, patience=value, checks=value, seed=value)
    assert type(settings.steps) is int and settings == Settings(steps=2, batch_size=2, patience=2, checks=2, seed=2)


@pytest.mark.parametrize("value", [np.float16(0.5), np.float32(0.5), np.float64(0.5)], ids=repr)
def test_numbers_of_numpy_are_taken_for_all_that_is_measured(value):
    settings = Settings(learning_rate=value, clip=value, weight_decay=value, validation_share=value)
    assert settings == Settings(learning_rate=0.5, clip=0.5, weight_decay=0.5, validation_share=0.5)
