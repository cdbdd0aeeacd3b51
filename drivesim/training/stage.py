"""One training stage: a Lightning module with master weights, a wall-time budget and a cosine over that budget."""

from __future__ import annotations

import math
import os
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, TQDMProgressBar
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from drivesim.training.master_weights import MasterWeights

Batch = dict[str, Tensor]


class Stage(pl.LightningModule):
    """Base of all stages: subclasses give the network and the loss of one batch.

    ``budget_s`` is wall time over all runs of the stage: the learning rate warms up over ``warmup_steps``, then falls
    on a cosine to 10 % at the end of the budget. A checkpoint holds the elapsed time, so a stage that was stopped
    continues with what is left.
    """

    def __init__(self, network: nn.Module, *, learning_rate: float, budget_s: float, decay: float = 0.999) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network = network
        self.masters = MasterWeights(network.named_parameters(), decay)
        self.learning_rate = learning_rate
        self.budget_s = budget_s
        self.warmup_steps = 100
        self.elapsed_before_s = 0.0
        self.started = time.monotonic()

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Scalar loss of a batch; every random number comes from ``generator``."""

    @property
    def elapsed_s(self) -> float:
        """Wall time spent in this stage so far, over all its runs."""
        return self.elapsed_before_s + time.monotonic() - self.started

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW on the master weights."""
        return torch.optim.AdamW(
            self.masters.weights, lr=self.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
        )

    def on_train_start(self) -> None:
        """The clock runs from the first batch."""
        self.started = time.monotonic()

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Forward, backward, clip, step, publish."""
        generator = torch.Generator().manual_seed(1_000_003 + self.global_step)
        loss = self.loss(batch, generator)
        if not torch.isfinite(loss):
            torch.save({"batch": batch, "step": self.global_step}, Path(self.trainer.default_root_dir) / "nan_batch.pt")
            raise FloatingPointError(
                f"the loss became {loss.item()} at step {self.global_step}; the batch is saved as nan_batch.pt"
            )
        self.manual_backward(loss)
        optimizer = self.optimizers()
        for group in optimizer.optimizer.param_groups:
            group["lr"] = self._rate()
        norm = self.masters.take_gradients(max_norm=1.0)
        optimizer.step()
        self.masters.publish()
        self.log_dict({"loss": loss.detach(), "gradient_norm": norm, "hours": self.elapsed_s / 3600.0}, prog_bar=True)
        if self.elapsed_s > self.budget_s:
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the clock."""
        checkpoint["elapsed_s"] = self.elapsed_s

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue the clock."""
        self.elapsed_before_s = float(checkpoint["elapsed_s"])

    def _rate(self) -> float:
        warmup = min(1.0, (self.global_step + 1) / self.warmup_steps)
        share = min(1.0, self.elapsed_s / self.budget_s)
        return self.learning_rate * warmup * (0.1 + 0.9 * 0.5 * (1.0 + math.cos(math.pi * share)))


class TimedCheckpoint(Callback):
    """Saves a checkpoint every ``interval_s``, at the end, and when training is interrupted; each replaces the last.

    Lightning's own ModelCheckpoint ignores time intervals under manual optimisation.
    """

    def __init__(self, path: Path, interval_s: float) -> None:
        self.path = path
        self.interval_s = interval_s
        self.saved = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save when the interval is over."""
        if time.monotonic() - self.saved >= self.interval_s:
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save the end."""
        self._save(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Save what an interrupt or a signal stopped between two steps; a broken step is not worth keeping."""
        if not isinstance(exception, FloatingPointError) and trainer.global_step > 0:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        unfinished = self.path.with_suffix(".unfinished")
        trainer.save_checkpoint(unfinished)
        os.replace(unfinished, self.path)
        self.saved = time.monotonic()


class Endless(IterableDataset[int]):
    """Indices 0, 1, 2, ...: batches are pure functions of the index."""

    def __init__(self, make: Any, first: int = 0) -> None:
        self.make = make
        self.first = first

    def __iter__(self) -> Any:
        index = self.first
        while True:
            yield self.make(index)
            index += 1


def train_stage(stage: Stage, make_batch: Any, folder: Path) -> None:
    """Train until the stage's budget is spent, continuing from ``folder``/last.ckpt when it is there.

    ``make_batch(index)`` gives batch ``index``, so a continued run sees the batches that an undisturbed one would see.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / "last.ckpt"
    first = 0
    if last.exists():
        first = int(torch.load(last, map_location="cpu", weights_only=False)["global_step"])
    trainer = pl.Trainer(
        accelerator="cpu" if not torch.cuda.is_available() else "gpu",
        devices=1,
        max_steps=-1,
        max_epochs=-1,
        default_root_dir=folder,
        logger=CSVLogger(folder, name="log", version=f"from-step-{first:07d}", flush_logs_every_n_steps=20),
        callbacks=[
            TimedCheckpoint(last, interval_s=240.0),
            TQDMProgressBar(refresh_rate=20),
        ],
        log_every_n_steps=20,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    loader = DataLoader(Endless(make_batch, first), batch_size=None)
    trainer.fit(stage, loader, ckpt_path=last if last.exists() else None, weights_only=False)
