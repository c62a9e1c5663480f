import pytest

from tidegate.errors import ConfigError
from tidegate.training import Plan, Settings


@pytest.mark.parametrize(
    ("options", "n", "plan"),
    [
        ({"epochs": 10}, 54_000, Plan(steps=4220, per_epoch=422, per_check=422)),
        ({"steps": 600, "checks": 20}, 54_000, Plan(steps=600, per_epoch=422, per_check=30)),
        ({"steps": 7}, 1000, Plan(steps=7, per_epoch=8, per_check=7)),
        ({}, 1, Plan(steps=1000, per_epoch=1, per_check=10)),
        ({}, 54_000, Plan(steps=4220, per_epoch=422, per_check=422)),
    ],
)
def test_the_plan_follows_from_settings_and_data(options, n, plan):
    assert Plan.of(Settings(**options), n) == plan


def test_checks_end_with_the_run():
    plan = Plan(steps=10, per_epoch=4, per_check=4)
    assert [plan.next_check(step) for step in (0, 3, 4, 8, 9)] == [4, 4, 8, 10, 10]


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
    ],
)
def test_a_value_that_cannot_work_is_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Settings(**options)
