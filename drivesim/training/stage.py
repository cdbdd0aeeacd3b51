"""A training stage: a Lightning module around one network, whose weights proper and average live in the optimiser.

A new stage is one subclass: what a batch holds (``batches``, ``example_batch``), its loss, and what to look at (``pictures``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.training.optimizer import MasterAdamW
from drivesim.training.parts import Parts
from drivesim.training.schedule import Schedule
from drivesim.training.stream import Draw

Batch = dict[str, Tensor]


class NothingToLearn(InputError):
    """The store lacks what this stage learns from; a chain goes on with the next stage and says so."""


class Batches(Protocol):
    """Makes a batch of draws; a pure function of them."""

    def __len__(self) -> int:
        """Number of samples to draw from."""
        ...

    def __call__(self, draws: Sequence[Draw]) -> Batch: ...


class Stage(pl.LightningModule):
    """Base of all stages.

    ``part`` names the part of a model folder that the stage trains. The ``schedule`` ends at the trainer's ``max_steps`` or
    ``max_time``, whichever is nearer. Every random number of a step comes from the positions of its draws, so a continued
    run repeats an undisturbed one.
    """

    part: str
    #: Whether some step leaves trained weights out of its loss, which DDP must know: it waits for the gradient of each.
    leaves_weights_out: ClassVar[bool] = False
    #: The network that is trained; torch types what a module holds as "Tensor | Module", so its own class says more.
    network: Any

    def __init__(
        self,
        network: nn.Module,
        parts: Parts,
        schedule: Schedule,
    ) -> None:
        super().__init__()
        self.network = network
        self.parts = parts
        self.schedule = schedule
        self.draws_seen = 0
        self.measured: tuple[str, ...] = ()

    @abstractmethod
    def batches(self, store: ClipStore, folder: Path) -> Batches:
        """What the stage trains on; ``folder`` is its own, for caches made by :meth:`prepare`."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Scalar loss of a batch; every random number comes from ``generator`` (a CPU one)."""

    @abstractmethod
    def example_batch(self, count: int) -> Batch:
        """A batch of ``count`` samples in the shapes that the loss takes, without any data: what a dry run measures."""

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Make caches that all processes share; runs in one of them, before :meth:`batches`."""

    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Validation figures of a batch under the averaged weights, by name."""
        return {"validation_loss": self.loss(batch, generator)}

    def pictures(self, batch: Batch) -> np.ndarray | None:
        """A grid to look at, uint8 (H, W, 3), drawn with the averaged weights."""
        return None

    def finish(self, store: ClipStore) -> None:
        """Last changes to the averaged network before it is saved, such as latent statistics."""

    def trained(self) -> nn.Module:
        """The network whose averaged weights are saved as the stage's part."""
        return self.network

    def setup(self, stage: str) -> None:
        """Have DDP look for the weights that a step leaves out, before it wraps the network."""
        strategy = self.trainer.strategy
        if self.leaves_weights_out and isinstance(strategy, DDPStrategy):
            strategy._ddp_kwargs["find_unused_parameters"] = True

    def configure_optimizers(self) -> Any:
        """AdamW on float32 masters of all trainable parameters."""
        return MasterAdamW(
            [parameter for parameter in self.network.parameters() if parameter.requires_grad],
            lr=self.schedule.learning_rate,
            weight_decay=self.schedule.weight_decay,
            average_decay=self.schedule.average_decay,
        )

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """The loss, checked for being a number."""
        loss = self.loss(batch, self._generator(batch))
        self.refuse_nan(loss, batch)
        self.count(batch)
        self.log("loss", loss.detach(), prog_bar=True)
        return loss

    def refuse_nan(self, loss: Tensor, batch: Batch) -> None:
        """Raise FloatingPointError, with the batch saved, when the loss is not finite."""
        if torch.isfinite(loss):
            return
        saved = Path(self.trainer.default_root_dir) / f"nan_batch_rank{self.global_rank}.pt"
        torch.save({"batch": batch, "step": self.updates}, saved)
        raise FloatingPointError(
            f"the loss became {loss.item()} at step {self.updates}; the batch is saved as {saved}. Look at its frames "
            "(drivesim data check), lower the learning rate, or continue from the last checkpoint with other settings"
        )

    def count(self, batch: Batch) -> None:
        """Count the draws of all processes; within the step, as callbacks that save run before the module's own hooks."""
        self.draws_seen += len(batch["position"]) * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Set the learning rate of this step, and log it with the norm of the gradients before clipping."""
        rate = self.rate()
        for group in optimizer.param_groups:
            group["lr"] = rate
        gradients = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
        norm = nn.utils.get_total_norm([gradient for gradient in gradients if gradient is not None])
        self.log_dict({"gradient_norm": norm, "learning_rate": rate})

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Log the stage's measures, and keep their names for the curve."""
        found = self.measures(batch, self._generator(batch))
        self.measured = tuple(found)
        self.log_dict(found, batch_size=len(batch["position"]), sync_dist=True)

    def on_validation_start(self) -> None:
        """Validate the averaged weights."""
        self.swap_average()

    def on_validation_end(self) -> None:
        """Train on with the weights proper."""
        self.swap_average()

    def swap_average(self) -> None:
        """Exchange the network's weights with their average; called again, undo it."""
        for optimizer in self.trainer.optimizers:
            if isinstance(optimizer, MasterAdamW):
                optimizer.swap_average()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the place in the stream of draws."""
        checkpoint["draws_seen"] = self.draws_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on at the place in the stream of draws. Raises InputError for a checkpoint of another version."""
        if "draws_seen" not in checkpoint:
            raise InputError("last.ckpt was written by an older version of drivesim; start the stage in a new folder")
        self.draws_seen = int(checkpoint["draws_seen"])

    @property
    def updates(self) -> int:
        """Optimiser steps so far."""
        return self.trainer.global_step

    def rate(self) -> float:
        """Learning rate of the next step."""
        return self.schedule.rate(self.updates, self.share_done())

    def share_done(self) -> float:
        """How much of the trainer's steps or time is used, 0 to 1, over all runs of the stage."""
        share = 0.0
        if self.trainer.max_steps > 0:
            share = self.updates / self.trainer.max_steps
        for timer in self.trainer.callbacks:  # type: ignore[attr-defined]
            left = timer.time_remaining() if isinstance(timer, Timer) else None
            if isinstance(timer, Timer) and left is not None:
                spent = timer.time_elapsed()
                share = max(share, spent / max(spent + left, 1e-9))
        return min(1.0, share)

    @staticmethod
    def _generator(batch: Batch) -> torch.Generator:
        return torch.Generator().manual_seed(1_000_003 + int(batch["position"][0]))
