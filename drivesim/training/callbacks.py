"""What happens beside the steps: checkpoints by the clock, a curve that survives kills, throughput, pictures."""

from __future__ import annotations

import csv
import os
import resource
import time
from pathlib import Path
from typing import Any, cast

import cv2
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from drivesim.storage import writing
from drivesim.training.stage import Stage


class TimedCheckpoint(Callback):
    """Saves last.ckpt every ``minutes`` or ``steps``, at the end, and when training is interrupted.

    Each replaces the one before by renaming, so a kill never leaves half a file. Lightning's ModelCheckpoint ignores time
    intervals under manual optimisation, which the adversarial stage needs.
    """

    def __init__(self, minutes: float = 4.0, steps: int | None = None) -> None:
        self.minutes = minutes
        self.steps = steps
        self.saved = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save when the interval is over; with several processes the first one's clock decides for all."""
        due = time.monotonic() - self.saved >= 60.0 * self.minutes
        if self.steps:
            due = due or trainer.global_step % self.steps == 0
        if trainer.world_size > 1:
            due = trainer.strategy.broadcast(due)
        if due:
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save the end."""
        self.save(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Save what an interrupt or a signal stopped between two steps; a broken step is not worth keeping."""
        interrupted = isinstance(exception, (KeyboardInterrupt, SystemExit)) or "SIGTERM" in type(exception).__name__
        if interrupted and trainer.global_step > 0 and trainer.world_size == 1:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write last.ckpt of the trainer's folder."""
        path = last_checkpoint(Path(trainer.default_root_dir))
        unfinished = path.with_suffix(".unfinished")
        try:
            trainer.save_checkpoint(unfinished)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        if trainer.is_global_zero:
            os.replace(unfinished, path)
        trainer.strategy.barrier()
        self.saved = time.monotonic()


#: What is kept of every few training steps; of a validation all of the stage's measures are.
TRAINING_FIGURES = (
    "loss", "gradient_norm", "learning_rate", "reconstruction", "feature_matching", "discriminator_loss",
)  # fmt: skip


class Curve(Callback):
    """Appends the logged figures to metrics.csv every ``every`` steps; a continued run cuts what it will repeat.

    Columns: step, name, value; one row per figure, so that figures of other intervals need no empty cells.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Cut rows after the checkpoint's step."""
        if not trainer.is_global_zero:
            return
        path = curve_file(trainer)
        rows = read_curve(path) if path.exists() else []
        first = _updates(pl_module)
        with writing(path) as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("step", "name", "value"))
            writer.writerows((step, name, repr(value)) for step, name, value in rows if step <= first)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Append the figures of this step."""
        step = _updates(pl_module)
        if step % self.every == 0 and step != getattr(self, "_written", -1):
            self._written = step
            self._append(trainer, step, TRAINING_FIGURES)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Append the validation figures."""
        if not trainer.sanity_checking:
            self._append(trainer, _updates(pl_module), cast(Any, pl_module).measured)

    def _append(self, trainer: pl.Trainer, step: int, names: tuple[str, ...]) -> None:
        if trainer.is_global_zero:
            figures = trainer.callback_metrics
            with curve_file(trainer).open("a", newline="") as file:
                csv.writer(file).writerows(
                    (step, name, repr(float(figures[name]))) for name in names if name in figures
                )


class Throughput(Callback):
    """Logs samples/s, the share of the time spent waiting for data, and peak memory, every ``every`` steps."""

    def __init__(self, every: int = 20) -> None:
        self.every = every
        self._ended = self._started = time.perf_counter()
        self._waited = self._spent = 0.0
        self._samples = 0

    def on_train_batch_start(self, *_: Any) -> None:
        """The wait since the last step's end was for data."""
        self._started = time.perf_counter()
        self._waited += self._started - self._ended

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        """Count, and log when due."""
        self._ended = time.perf_counter()
        self._spent += self._ended - self._started
        self._samples += len(batch["position"]) * trainer.world_size
        if (batch_index + 1) % self.every == 0:
            total = max(self._waited + self._spent, 1e-9)
            figures = {
                "samples_per_s": self._samples / total,
                "data_wait_share": self._waited / total,
                "memory_gb": _peak_memory_gb(),
            }
            pl_module.log_dict(figures, prog_bar=True)
            self._waited = self._spent = 0.0
            self._samples = 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation is no waiting."""
        self._ended = time.perf_counter()


class SampleGrid(Callback):
    """Writes the stage's pictures of a validation batch as samples/step-0000500.png after each validation."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw with the averaged weights."""
        if trainer.sanity_checking or not trainer.is_global_zero or not isinstance(pl_module, Stage):
            return
        batch = next(iter(trainer.val_dataloaders))  # type: ignore[arg-type]
        pl_module.swap_average()
        try:
            picture = pl_module.pictures(pl_module.transfer_batch_to_device(batch, pl_module.device, 0))
        finally:
            pl_module.swap_average()
        if picture is not None:
            folder = Path(trainer.default_root_dir) / "samples"
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / f"step-{_updates(pl_module):07d}.png"), picture[..., ::-1])


def last_checkpoint(folder: Path) -> Path:
    """The checkpoint that a stage's folder continues from."""
    return folder / "last.ckpt"


def curve_file(trainer: pl.Trainer) -> Path:
    """The stage's curve."""
    return Path(trainer.default_root_dir) / "metrics.csv"


def read_curve(path: Path) -> list[tuple[int, str, float]]:
    """Rows (step, name, value) of a metrics.csv; a row that a kill cut short is left out."""
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == 3 and row[0].isdigit()]
    return [(int(step), name, float(value)) for step, name, value in rows if value]


def _updates(module: pl.LightningModule) -> int:
    return module.updates if isinstance(module, Stage) else module.global_step


def _peak_memory_gb() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
