"""Training the box-conditioned image LDM with the EDM loss; layout and attributes are dropped at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivesim.clip import tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.diffusion.edm import NoiseDistribution, Preconditioning, add_noise
from drivesim.diffusion.sampler import SamplerConfig, sample
from drivesim.models.video_ldm.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.image_unet import with_scenery
from drivesim.training.latents import LatentClips, load_latents, prepare_latents
from drivesim.training.parts import DTYPES, Dtype, Parts
from drivesim.training.stage import Batch, Stage
from drivesim.training.stream import Draw, draw_generator


class ImageBatches:
    """Single frames, drawn at random from their clips, with their controls."""

    def __init__(self, clips: LatentClips) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """The rows of :meth:`LatentClips.gather` for one frame each: latents (N, C, h, w), layout (N, 19, 64, 128), ..."""
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
        dtype: Dtype = "bfloat16",
        network: dict[str, Any] | None = None,
        learning_rate: float = 6e-4,
        warmup_steps: int = 100,
        average_decay: float = 0.999,
        weight_decay: float = 1e-3,
        layout_dropout: float = 0.12,
        scenery_dropout: float = 0.12,
        attribute_dropout: float = 0.1,
        noise_mean: float = 0.4,
        noise_std: float = 1.4,
    ) -> None:
        """See the recipes; ``noise_mean`` and ``noise_std`` are those of ln(sigma).

        An initial network that was trained without scenery gets a stem for it.
        """
        parts = Parts(Path(work), initial, dtype)
        image = with_scenery(parts.fresh("image", network or {}))
        super().__init__(
            parts.placed(image).train().requires_grad_(True),
            parts,
            learning_rate=learning_rate,
            warmup_steps=warmup_steps,
            average_decay=average_decay,
            weight_decay=weight_decay,
        )
        self.compute_dtype = DTYPES[dtype]
        self.layout_dropout = layout_dropout
        self.scenery_dropout = scenery_dropout
        self.attribute_dropout = attribute_dropout
        self.preconditioning = Preconditioning()
        self.noise_levels = NoiseDistribution(mean=noise_mean, std=noise_std)

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Encode the store once."""
        prepare_latents(self.parts.finished("codec"), store, folder.parent / "latents")

    def batches(self, store: ClipStore, folder: Path) -> ImageBatches:
        """Frames of the encoded store."""
        return ImageBatches(load_latents(self.parts.finished("codec"), store, folder.parent / "latents"))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """EDM loss of eq. 8 (Karras et al. 2022), unit weight on the raw output."""
        clean = batch["latents"].float()
        count = len(clean)
        sigma = self.noise_levels.sample(count, generator).to(clean.device)
        noisy = add_noise(clean, torch.randn(clean.shape, generator=generator).to(clean.device), sigma)
        controls = self.controls(
            batch,
            layout=(torch.rand(count, generator=generator) >= self.layout_dropout).float(),
            attributes=(torch.rand(count, generator=generator) >= self.attribute_dropout).float(),
            scenery=(torch.rand(count, generator=generator) >= self.scenery_dropout).float(),
        )
        scaled = (noisy * self.preconditioning.input_scale(sigma)).to(self.compute_dtype)
        raw = self.network(
            scaled.contiguous(memory_format=torch.channels_last), self.preconditioning.noise_condition(sigma), controls
        )
        return (raw.float() - self.preconditioning.target(clean, noisy, sigma)).square().mean()

    def controls(self, batch: Batch, *, layout: Tensor, attributes: Tensor, scenery: Tensor) -> ControlTensors:
        """Controls of a batch of frames, told where the flags (N,) are 1 and the source knew them; never the motion."""
        count = len(batch["latents"])
        return ControlTensors.assemble(
            batch["layout"].cpu().numpy(),
            np.zeros((count, 6), np.float32),
            batch["attributes"].cpu().numpy(),
            layout_given=layout * batch["layout_given"].cpu(),
            motion_given=torch.zeros(count),
            attributes_given=attributes * batch["attributes_given"].cpu(),
            scenery=batch["scenery"].cpu().numpy(),
            scenery_given=scenery * batch["scenery_given"].cpu(),
        ).to(self.device, self.compute_dtype)

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Four encoded frames as the codec decodes them; below, samples for their layouts (12 steps, no guidance)."""
        few = {name: value[:4] for name, value in batch.items()}
        told = torch.ones(len(few["latents"]))
        controls = self.controls(few, layout=told, attributes=told, scenery=told)

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            scaled = (noisy * self.preconditioning.input_scale(sigma)).to(self.compute_dtype)
            raw = self.network(scaled, self.preconditioning.noise_condition(sigma), controls)
            return self.preconditioning.denoised(noisy, raw.float(), sigma)

        noise = torch.randn(few["latents"].shape, generator=self._generator(batch)).to(self.device)
        drawn = sample(denoise, noise, SamplerConfig(steps=12, sigma_max=80.0))
        return decoded_rows(self.parts, few["latents"].float(), drawn)


def decoded_rows(parts: Parts, *rows: Tensor) -> np.ndarray:
    """Rows of latents (N, C, h, w) as one picture, decoded by the finished codec at half size."""
    codec = parts.finished("codec").to(rows[0].device)
    pictures = [np.concatenate(list(tensor_to_frames(codec.decode(row).cpu())), axis=1) for row in rows]
    return np.concatenate(pictures)[::2, ::2]
