import pytest
import torch

from tests.close import assert_matches


def test_the_comparison_can_fail():
    good = {"output 0": torch.ones(3)}
    with pytest.raises(AssertionError, match="output 0"):
        assert_matches({"output 0": good["output 0"] * 1.01}, good, dtype=torch.float32)
