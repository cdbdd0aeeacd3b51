"""Training the box-conditioned image LDM with the EDM loss; controls are withheld at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivesim.clip import tensor_to_frames
from drivesim.controls import RASTER_CHANNELS
from drivesim.datasets.store import ClipStore
from drivesim.diffusion.edm import NoiseDistribution, Preconditioning, add_noise
from drivesim.diffusion.sampler import SamplerConfig, sample
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.image_unet import with_scenery
from drivesim.models.video_ldm.parts import image_denoiser
from drivesim.training.latents import LatentClips, example_latents, load_latents, prepare_latents
from drivesim.training.parts import Dtype, Parts
from drivesim.training.schedule import Schedule
from drivesim.training.stage import Batch, Stage
from drivesim.training.stream import Draw, draw_generator

#: What a single frame is told: everything but the motion.
FRAME_CONTROLS = (*(kind.value for kind in RASTER_CHANNELS), "attributes")


class ImageBatches:
    """Single frames, drawn at random from their clips, with their controls."""

    def __init__(self, clips: LatentClips) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """The rows of :meth:`LatentClips.gather` for one frame each: latents (N, C, h, w), map (N, 4, 128, 256), ..."""
        count = self.clips.frames_per_clip
        frames = [int(draw_generator(13, draw.position).integers(count)) for draw in draws]
        rows = self.clips.gather([draw.sample for draw in draws], frames)
        return {**rows, "position": torch.tensor([draw.position for draw in draws])}


class ImageStage(Stage):
    """Trains an image UNet on the latents of a finished codec."""

    part = "image"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=6e-4),
        layout_dropout: float = 0.1,
        raster_dropout: float = 0.08,
        attribute_dropout: float = 0.1,
        noise_mean: float = 0.4,
        noise_std: float = 1.4,
    ) -> None:
        """See the recipes; ``noise_mean`` and ``noise_std`` are those of ln(sigma).

        ``layout_dropout`` is the share of frames of which no raster is told, ``raster_dropout`` that of each raster alone.

        An initial network that was trained without scenery gets a stem for it.
        """
        parts = Parts(Path(work), initial, dtype)
        image = with_scenery(parts.fresh("image", network or {}))
        super().__init__(parts.placed(image).train().requires_grad_(True), parts, schedule)
        self.compute_dtype = parts.computes_in
        self.layout_dropout = layout_dropout
        self.raster_dropout = raster_dropout
        self.attribute_dropout = attribute_dropout
        self.preconditioning = Preconditioning()
        self.noise_levels = NoiseDistribution(mean=noise_mean, std=noise_std)

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Encode the store once."""
        prepare_latents(self.parts.finished("codec"), store, folder.parent / "latents")

    def batches(self, store: ClipStore, folder: Path) -> ImageBatches:
        """Frames of the encoded store."""
        return ImageBatches(load_latents(self.parts.finished("codec"), store, folder.parent / "latents"))

    def example_batch(self, count: int) -> Batch:
        """Empty latents, of which everything is known."""
        return example_latents((count,), self.network.config.latent_channels)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """EDM loss of eq. 8 (Karras et al. 2022), unit weight on the raw output."""
        clean = batch["latents"].float()
        count = len(clean)
        sigma = self.noise_levels.sample(count, generator).to(clean.device)
        noisy = add_noise(clean, torch.randn(clean.shape, generator=generator).to(clean.device), sigma)
        layout = _kept(count, self.layout_dropout, generator)
        told = {kind.value: layout * _kept(count, self.raster_dropout, generator) for kind in RASTER_CHANNELS}
        told["attributes"] = _kept(count, self.attribute_dropout, generator)
        controls = self.controls(batch, told)
        scaled = (noisy * self.preconditioning.input_scale(sigma)).to(self.compute_dtype)
        raw = self.network(
            scaled.contiguous(memory_format=torch.channels_last), self.preconditioning.noise_condition(sigma), controls
        )
        return (raw.float() - self.preconditioning.target(clean, noisy, sigma)).square().mean()

    def controls(self, batch: Batch, told: dict[str, Tensor]) -> ControlTensors:
        """Controls of a batch of frames by their flags (N,), told where those are 1 and the source knew them."""
        return frame_controls(batch, told).to(self.device, self.compute_dtype)

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Four encoded frames as the codec decodes them; below, samples for their layouts (12 steps, no guidance)."""
        few = {name: value[:4] for name, value in batch.items()}
        controls = self.controls(few, dict.fromkeys(FRAME_CONTROLS, torch.ones(len(few["latents"]))))
        noise = torch.randn(few["latents"].shape, generator=self._generator(batch)).to(self.device)
        drawn = sample(image_denoiser(self.network, controls), noise, SamplerConfig(steps=12, sigma_max=80.0))
        return decoded_rows(self.parts, few["latents"].float(), drawn)


def frame_controls(batch: Batch, told: dict[str, Tensor]) -> ControlTensors:
    """Controls of the N frames of a batch, on its CPU: those named in ``told`` where their flag (N,) is 1 and known."""
    arrays = {name: batch[name].cpu() for name in told}
    given = {name: flag * batch[f"{name}_given"].cpu() for name, flag in told.items()}
    return ControlTensors.assemble(len(batch["position"]), arrays, given)


def _kept(count: int, dropout: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) >= dropout).float()


def decoded_rows(parts: Parts, *rows: Tensor) -> np.ndarray:
    """Rows of latents (N, C, h, w) as one picture, decoded by the finished codec at half size."""
    codec = parts.finished("codec").to(rows[0].device)
    pictures = [np.concatenate(list(tensor_to_frames(codec.decode(row).cpu())), axis=1) for row in rows]
    return np.concatenate(pictures)[::2, ::2]
