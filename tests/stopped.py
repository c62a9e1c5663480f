"""What every task must hold: a run that was stopped ends with the same bits, and two processes learn what one does."""

import subprocess
import sys

import torch
from safetensors.torch import load_file

from tidegate.cli import run
from tidegate.training.callbacks import Checkpoints


def weights_of(folder):
    return folder / "model" / "model.safetensors"


def stop_after(step, command, monkeypatch):
    """Run a command that Ctrl-C stops after a step of training."""
    honored = Checkpoints.on_train_batch_end

    def interrupt(self, trainer, module, *args):
        self.interrupted = self.interrupted or trainer.datamodule.step == step
        honored(self, trainer, module, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "on_train_batch_end", interrupt)
        assert run(command) == 130


def check_resumed(command, folder, monkeypatch, step):
    """A run that is interrupted after a step and resumed has the weights of one that was not, to the bit.

    Returns the checkpoint as the interruption left it.
    """
    assert run([*command, "--out", str(folder / "whole")]) == 0
    stop_after(step, [*command, "--out", str(folder / "stopped")], monkeypatch)
    last = torch.load(folder / "stopped" / "checkpoints" / "last.ckpt", weights_only=True)
    assert run([*command, "--out", str(folder / "stopped"), "--resume"]) == 0
    assert weights_of(folder / "whole").read_bytes() == weights_of(folder / "stopped").read_bytes()
    return last


def check_two_processes(command, folder):
    """Two processes of torchrun learn what one does."""
    assert run([*command, "--out", str(folder / "one")]) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "tidegate"]
    subprocess.run([*launch, *command, "--out", str(folder / "two")], check=True, capture_output=True)
    one, two = (load_file(weights_of(folder / name)) for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-4)
