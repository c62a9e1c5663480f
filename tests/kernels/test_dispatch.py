import os
import subprocess
import sys

import pytest
import torch

import tidegate
from tidegate.errors import BackendError
from tidegate.kernels import BACKENDS, Request, choose, use_backend

CALL = Request(mode="GRU", device="cpu", dtype=torch.float32)
FORWARD_MODE = Request(mode="GRU", device="cpu", dtype=torch.float32, transformed=True)


def test_auto_takes_the_first_that_can():
    able = [name for name, backend in BACKENDS.items() if backend.why_not(CALL) is None]
    assert choose(CALL, "auto").name == able[0]


def test_auto_ends_at_the_reference():
    assert choose(FORWARD_MODE, "auto").name == "reference"
    assert list(BACKENDS)[-1] == "reference"


def test_a_named_backend_runs_or_raises_with_its_reason():
    assert choose(CALL, "reference").name == "reference"
    with pytest.raises(BackendError, match="no forward-mode derivative"):
        choose(FORWARD_MODE, "torch")


def test_an_unknown_name_is_refused():
    with pytest.raises(BackendError, match=r"'cuda_fused'.*auto, .*reference"), use_backend("cuda_fused"):
        pass


def test_the_choice_ends_with_its_block():
    layer, xs = tidegate.GRU(2, 3), torch.zeros(2, 1, 1, 2)
    with use_backend("torch"), pytest.raises(BackendError):
        torch.vmap(layer)(xs)
    torch.vmap(layer)(xs)


def test_the_environment_names_a_backend():
    code = "import torch, tidegate; tidegate.GRU(2, 3)(torch.zeros(1, 1, 2))"
    environment = os.environ | {"TIDEGATE_BACKEND": "nonsense"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "got the backend 'nonsense'" in ended.stderr
    assert "unset TIDEGATE_BACKEND" in ended.stderr
