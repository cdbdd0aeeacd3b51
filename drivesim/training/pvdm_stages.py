"""Training of PVDM: the autoencoder of three planes, then the denoiser, with and without a last clip at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from drivesim.datasets.store import ClipStore
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.pvdm.predictor import LATENT_LIMIT
from drivesim.training.clip_batches import (
    WindowLatents,
    example_controls,
    gathered_controls,
    latents_file,
    looked_at,
    prepare_windows,
    require_frames,
)
from drivesim.training.clip_gan_stage import ClipGanStage
from drivesim.training.clip_stages import (
    ClipAutoencoderStage,
    ControlDropout,
    clip_rows,
    drawn_latents,
    everything,
    told_controls,
)
from drivesim.training.parts import Dtype, Parts
from drivesim.training.schedule import Schedule
from drivesim.training.small_copies import SmallCopies
from drivesim.training.stage import Batch, Stage
from drivesim.training.stream import Draw, draw_generator


class PlaneAutoencoderStage(ClipAutoencoderStage):
    """Trains PVDM's autoencoder."""

    family = "pvdm"


class PlaneGanStage(ClipGanStage):
    """The adversarial phase of PVDM's autoencoder."""

    family = "pvdm"


class ClipPairBatches:
    """A window's latents, the latents of what comes before it, and its frames' controls."""

    def __init__(
        self, latents: WindowLatents, controls: SmallCopies, *, conditional_share: float, still_share: float
    ) -> None:
        self.latents = latents
        self.controls = controls
        self.conditional_share = conditional_share
        self.still_share = still_share
        starts = latents.starts
        self.after_frame = [index for index, start in enumerate(starts) if start > 0]
        self.after_clip = [index for index, start in enumerate(starts) if start - latents.count in starts]

    def __len__(self) -> int:
        return len(self.latents)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``latents`` and ``context`` (B, ...), and the controls of the window's frames; a context of zeros is none."""
        rows, context, places = zip(*(self._row(draw) for draw in draws), strict=True)
        return {
            "latents": torch.from_numpy(np.stack(rows)),
            "context": torch.from_numpy(np.stack(context)),
            "position": torch.tensor([draw.position for draw in draws]),
            **gathered_controls(self.controls, places),
        }

    def _row(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, tuple[int, range]]:
        rng, clip, latents = draw_generator(31, draw.position), draw.sample, self.latents
        kind = rng.uniform()
        if kind >= self.conditional_share:
            window = int(rng.integers(len(latents.starts)))
            clean = latents.of(clip, window)
            context = np.zeros_like(clean)
        elif kind < self.conditional_share * self.still_share:
            window = int(rng.choice(self.after_frame))
            clean, context = latents.of(clip, window), latents.still(clip, window)
        else:
            window = int(rng.choice(self.after_clip))
            before = latents.starts.index(latents.starts[window] - latents.count)
            clean, context = latents.of(clip, window), latents.of(clip, before)
        start = latents.starts[window]
        return clean, context, (clip, range(start, start + latents.count))


class PlaneDenoiserStage(Stage):
    """Trains PVDM's denoiser by the joint loss: lambda |e - e(z2, z1, t)|^2 + (1 - lambda) |e - e(z2, 0, t)|^2 (section 3.3)."""

    part = "denoiser"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=4e-4),
        conditional_share: float = 0.8,
        still_share: float = 0.3,
        window_stride: int = 4,
        error_power: Literal[1, 2] = 2,
        dropout: ControlDropout = ControlDropout(),
    ) -> None:
        """See the recipes.

        ``conditional_share`` is lambda: the share of windows that see the clip before them. For ``still_share`` of those it is the
        frame before the window, standing still, as a video begins with one frame. ``error_power`` 2 is the paper's formula, 1
        what its authors' code trains.
        """
        parts = Parts(Path(work), initial, dtype, "pvdm")
        autoencoder = parts.finished("autoencoder")
        sizes = autoencoder.sizes
        fitting = {
            "height": sizes.height,
            "width": sizes.width,
            "num_frames": sizes.frames,
            "latent_channels": autoencoder.latent_shape[0],
        }
        super().__init__(parts.fresh("denoiser", {**fitting, **(network or {})}), parts, schedule)
        self.compute_dtype = parts.computes_in
        self.shares = {"conditional_share": conditional_share, "still_share": still_share}
        self.window_stride = window_stride
        self.error_power = error_power
        self.dropout = dropout

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Encode the store once."""
        require_frames(store, 2 * self.network.sizes.frames)
        prepare_windows(self.parts.finished("autoencoder"), store, folder.parent / "latents", self.window_stride)
        looked_at(self.network, store, folder.parent / "latents").make()

    def batches(self, store: ClipStore, folder: Path) -> ClipPairBatches:
        """Pairs of windows of the encoded store."""
        autoencoder = self.parts.finished("autoencoder")
        file = latents_file(autoencoder, store, folder.parent / "latents", self.window_stride)
        latents = WindowLatents(store, file, self.network.sizes.frames, self.window_stride)
        return ClipPairBatches(latents, looked_at(self.network, store, file.parent), **self.shares)

    def example_batch(self, count: int) -> Batch:
        """Empty planes, of whose frames everything is known."""
        sizes, channels = self.network.sizes, self.network.config.latent_channels
        return {
            "latents": torch.zeros(count, channels, sizes.places),
            "context": torch.zeros(count, channels, sizes.places),
            "position": torch.zeros(count, dtype=torch.long),
            **example_controls(count, sizes.frames),
        }

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The error of the predicted noise; which windows have a context was drawn with the batch."""
        clean, schedule = batch["latents"], self.network.schedule
        level = torch.randint(schedule.levels, (len(clean),), generator=generator).to(clean.device)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        told = self._read(told_controls(batch, generator, self.dropout), len(clean))
        predicted = self.network(schedule.add_noise(clean, noise, level), level, batch["context"], told)
        return (predicted - noise).abs().pow(self.error_power).mean()

    def _read(self, controls: ControlTensors, count: int) -> Any:
        return self.network.read(controls.to(self.device, self.compute_dtype), count)

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """A window as the autoencoder decodes it; below, one that is drawn for its controls after its context."""
        one = {name: value[:1] for name, value in batch.items()}
        told = self._read(everything(one), 1)
        drawn = drawn_latents(
            lambda noisy, level: self.network(noisy, level, one["context"], told),
            one["latents"],
            self.network.schedule,
            self._generator(batch),
            limit=LATENT_LIMIT,
        )
        autoencoder = self.parts.finished("autoencoder").to(self.device)
        return clip_rows(autoencoder.decode(one["latents"]), autoencoder.decode(drawn))
