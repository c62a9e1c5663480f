"""TIDEGATE_ISA chooses the instruction set when the kernels load."""

import os
import subprocess
import sys

import pytest

from tidegate.kernels.cpu import layer as kernels

pytestmark = pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING))


def loaded(isa: str) -> subprocess.CompletedProcess:
    code = "from tidegate.kernels.cpu.layer import instruction_set; print(instruction_set())"
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TIDEGATE_ISA": isa}, capture_output=True, text=True
    )


@pytest.mark.parametrize("isa", ["", *(kernels.engine.choices() if kernels.engine else [])])
def test_the_environment_chooses(isa):
    assert loaded(isa).stdout.strip() == (isa or kernels.engine.choices()[0])


def test_a_set_that_the_machine_lacks_is_refused_in_a_sentence():
    done = loaded("avx9")
    assert done.returncode == 1
    assert "ConfigError: got the instruction set 'avx9'; wanted one that this machine has: " in done.stderr
