"""What is kept during a run: the best weights, the history, checkpoints; and what a person sees of it."""

from __future__ import annotations

import csv
import io
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning import Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO

from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.training.module import RecurrentModule


class Interrupted(BaseException):
    """Ctrl-C, honored between two steps; Lightning ends the program on a KeyboardInterrupt."""


class KeepBest(lightning.Callback):
    """Keeps the weights that did best at a check, and a row of history for every check."""

    def __init__(self) -> None:
        self.best: dict[str, float] | None = None
        self.weights: dict[str, torch.Tensor] = {}
        self.improved = 0  # the step of the last check that was better than all before
        self.history: list[dict[str, float]] = []
        self.started = 0.0
        self.seconds = 0.0
        self.losses = [0.0, 0]  # sum and number since the last check

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        self.started = time.monotonic() - self.seconds

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        self.losses = [self.losses[0] + module.last_loss, self.losses[1] + 1]

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        checked, step = module.checked, trainer.datamodule.step  # type: ignore[attr-defined]
        self.seconds = time.monotonic() - self.started
        row = {
            "step": step,
            "epoch": step / module.plan.per_epoch,
            "train_loss": self.losses[0] / max(1, self.losses[1]),
            **{f"validation_{name}": value for name, value in checked.items()},
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(self.seconds, 3),
        }
        self.losses = [0.0, 0]
        self.history.append(row)
        if self.best is None or self._rank(module, checked) > self._rank(module, self.best):
            self.improved = step
        if self.best is None or self._rank(module, checked) >= self._rank(module, self.best):
            self.best = {"step": step, **checked}
            self.weights = {name: value.detach().cpu().clone() for name, value in module.network.state_dict().items()}

        if self.stalled(module.settings.patience):
            trainer.should_stop = True

    def stalled(self, patience: int | None) -> bool:
        """Whether the last `patience` checks brought no improvement."""
        best = self.best
        return (
            patience is not None
            and best is not None
            and sum(row["step"] > self.improved for row in self.history) >= patience
        )

    @staticmethod
    def _rank(module: RecurrentModule, checked: dict[str, float]) -> tuple[float, float]:
        sign = 1 if module.learner.mode == "max" else -1
        return sign * checked[module.learner.monitor], -checked["loss"]

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "improved": self.improved,
            "weights": self.weights,
            "history": self.history,
            "seconds": self.seconds,
            "losses": self.losses,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)


class Checkpoints(lightning.Callback):
    """Writes `last.ckpt` and `history.csv`, whole or not at all, after every check and every minute between them.

    The first Ctrl-C is honored after the step in progress, with a checkpoint; the second one at once, or when the
    checkpoint that is being written is whole. SIGTERM is taken for Ctrl-C where the program listens to it already.
    Raises RunError where the disk is full or the folder cannot be written.
    """

    EVERY = 60.0  # seconds between two checkpoints where no check comes sooner

    def __init__(self, folder: Path | None, history: Path | None, keep: KeepBest) -> None:
        self.folder, self.history, self.keep = folder, history, keep
        self.interrupted = False
        self.writing = False
        self.written = time.monotonic()
        self.previous: dict[int, Any] = {}

    def setup(self, trainer: Trainer, module: Any, stage: str) -> None:
        trainer.strategy.checkpoint_io = WholeFiles()
        if threading.current_thread() is threading.main_thread():
            # Before Lightning puts its own in the place of SIGTERM's.
            self.previous = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        for each, previous in self.previous.items():
            # Of several processes torchrun ends some sooner, and a checkpoint takes them all.
            if each == signal.SIGINT or (callable(previous) and trainer.world_size == 1):
                signal.signal(each, self._on_signal)

    def teardown(self, trainer: Trainer, module: Any, stage: str) -> None:
        for each, previous in self.previous.items():
            signal.signal(each, previous)
        self.previous = {}

    def on_exception(self, trainer: Trainer, module: Any, exception: BaseException) -> None:
        self.teardown(trainer, module, "fit")
        if isinstance(exception, KeyboardInterrupt):
            raise Interrupted from None

    def _on_signal(self, signum: int, frame: Any) -> None:
        again, self.interrupted = self.interrupted, True
        previous = self.previous.get(signum)
        if callable(previous):
            # Whoever listened before is told, and waits for the end of the step too.
            with suppress(KeyboardInterrupt):
                previous(signum, frame)
        if again and not self.writing:
            raise Interrupted

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        step = trainer.datamodule.step  # type: ignore[attr-defined]
        # At a check, the checkpoint waits for what the check says.
        if step != module.plan.next_check(step - 1) and (self.interrupted or self._is_due(trainer)):
            self._write(trainer)
            self._stop_if_interrupted()

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        self._write(trainer)
        self._stop_if_interrupted()

    def _is_due(self, trainer: Trainer) -> bool:
        # Every process takes part in a checkpoint, and their clocks differ.
        return trainer.world_size == 1 and time.monotonic() - self.written > self.EVERY

    def _stop_if_interrupted(self) -> None:
        if self.interrupted:
            raise Interrupted

    def _write(self, trainer: Trainer) -> None:
        if self.folder is None or self.history is None:
            return
        self.writing = True
        try:
            trainer.save_checkpoint(self.folder / "last.ckpt")
            if trainer.is_global_zero:
                write_history(self.history, self.keep.history)
        except RunError as error:
            raise RunError(
                got=error.got, wanted=error.wanted, do=f"{error.do}, then pass --resume to go on with the run"
            ) from None
        finally:
            self.writing = False
        self.written = time.monotonic()


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_whole(Path(path), content.getbuffer())


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the rows as CSV, whole or not at all."""
    if not history:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_whole(path, text.getvalue())


class Progress(lightning.Callback):
    """A bar on a terminal; a line every tenth of the run elsewhere. On standard error."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.told = 0

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        if not trainer.is_global_zero or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[score]}"),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task("", total=module.plan.steps, score="")
        self.bar.start()
        self.bar.update(self.task, completed=trainer.datamodule.step)  # type: ignore[attr-defined]

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        if self.bar:
            self.bar.update(self.task, advance=1)

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        name = module.learner.monitor
        score = f"{name} {module.checked[name]:.4g}"
        loss = "" if name == "loss" else f"loss {module.checked['loss']:.4g}  "
        step, steps = trainer.datamodule.step, module.plan.steps  # type: ignore[attr-defined]
        if self.bar:
            self.bar.update(self.task, score=score)
        elif trainer.is_global_zero and (step == steps or step * 10 // steps > self.told):
            self.told = step * 10 // steps
            print(f"step {step}/{steps}  {loss}{score}", file=sys.stderr)  # noqa: T201

    def teardown(self, trainer: Trainer, module: Any, stage: str) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None

    def on_exception(self, trainer: Trainer, module: Any, exception: BaseException) -> None:
        self.teardown(trainer, module, "fit")
