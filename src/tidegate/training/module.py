"""The one LightningModule: optimizer, schedule, and what happens at a step and at a check."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torchmetrics import MeanMetric, MetricCollection

from tidegate.errors import RunError, TrainingError
from tidegate.training.data import Batch
from tidegate.training.settings import Plan, Settings


class Learner(ABC):
    """What a task gives to be trained: a network, its loss and its metrics. A part is one that `Examples` give."""

    monitor: str = "loss"
    """The metric that chooses the kept model."""
    mode: str = "min"
    """max or min."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def output(self, part: Any) -> Any:
        """What the network says of a part."""
        return self.network(part.x, part.lengths)

    @abstractmethod
    def losses(self, output: Any, part: Any) -> Tensor:
        """The sum of the losses of a part."""

    def metrics(self, device: torch.device) -> MetricCollection:
        """Fresh metrics on a device, to be updated by `update`; none where the loss says all."""
        return MetricCollection({})

    def update(self, metrics: MetricCollection, output: Any, part: Any) -> None:  # noqa: B027
        """Count a part."""

    def state_dict(self) -> dict[str, Any]:
        """What goes from one step of training to the next beside the weights."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Go on from there."""


class RecurrentModule(lightning.LightningModule):
    """Trains a learner's network by the plan."""

    def __init__(self, learner: Learner, plan: Plan, settings: Settings) -> None:
        super().__init__()
        self.network = learner.network
        self.learner, self.plan, self.settings = learner, plan, settings
        self.validation_loss = MeanMetric()
        self.last_loss = float("nan")
        self.checked: dict[str, float] = {}

    @property
    def data(self) -> Any:
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Randomness of a step follows from the seed and the step alone: a run can go on from any step.
        step_seed = (self.settings.seed * 1_000_003 + self.data.step) * 1_009 + self.trainer.global_rank
        # torch.manual_seed writes down the stack for every kind of device that is not there: longer than a small step.
        seed = torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed
        seed(step_seed % 2**63)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        losses = [self.learner.losses(self.learner.output(part), part) for part in batch.parts]
        loss = sum(losses[1:], losses[0]) * batch.weight
        self.last_loss = self._over_processes(loss)
        if not math.isfinite(self.last_loss):
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            raise TrainingError(
                got=f"a loss of {self.last_loss} at step {self.data.step + 1} with learning rate {rate:.3g}",
                wanted="a finite loss",
                do=f"choose a smaller learning rate, such as {self.settings.learning_rate / 10:.3g}, or clip gradients",
            )
        return loss

    def _over_processes(self, loss: Tensor) -> float:
        """The mean over all processes, so that they agree on it, and on whether it is finite."""
        world = self.trainer.world_size
        if world == 1:
            return loss.item()
        total = loss.detach().clone()
        torch.distributed.all_reduce(total)
        return total.item() / world

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.data.step += 1

    def on_validation_epoch_start(self) -> None:
        self.metrics = self.learner.metrics(self.device)
        self.validation_loss.reset()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        losses = []
        for part in batch.parts:
            output = self.learner.output(part)
            losses.append(self.learner.losses(output, part))
            if batch.weight:
                self.learner.update(self.metrics, output, part)
        if batch.weight:
            self.validation_loss.update(sum(losses) / batch.items, weight=batch.items)

    def on_validation_epoch_end(self) -> None:
        values = {name: value.item() for name, value in self.metrics.compute().items()}
        self.checked = {"loss": self.validation_loss.compute().item(), **values}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        settings = self.settings
        optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        schedule: LRScheduler
        if settings.schedule == "one-cycle":
            # Under 10 steps there is no cycle to speak of, and OneCycleLR divides by the length of its phases.
            schedule = OneCycleLR(optimizer, settings.learning_rate, total_steps=max(10, self.plan.steps + 1))
        else:
            schedule = LambdaLR(optimizer, lambda step: 1.0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # The data module's step says all about where the run stands; Lightning's own counters would contradict it.
        checkpoint.pop("loops", None)
        own, world = self.learner.state_dict(), self.trainer.world_size
        states: list[Any] = [own] * world
        if world > 1:
            torch.distributed.all_gather_object(states, own)
        checkpoint["learner"] = states

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        states = checkpoint.get("learner") or [{}]
        if len(states) != self.trainer.world_size and any(states):
            raise RunError(
                got=f"{self.trainer.world_size} processes for a run that {len(states)} began",
                wanted="as many",
                do=f"start it with torchrun --nproc-per-node {len(states)}",
            )
        if any(states):
            self.learner.load_state_dict(states[self.trainer.global_rank])
