"""Training the box-conditioned image LDM with the EDM loss; layout and attributes are dropped at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from drivesim.diffusion.edm import NoiseDistribution, Preconditioning, add_noise
from drivesim.models.video_ldm.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.training.latents import LatentClips
from drivesim.training.stage import Batch, Stage

LAYOUT_DROPOUT = 0.12
ATTRIBUTE_DROPOUT = 0.1


class ImageBatches:
    """Batch ``index``: random single frames with their layout and attributes."""

    def __init__(self, clips: LatentClips, *, batch_size: int = 64) -> None:
        self.clips = clips
        self.batch_size = batch_size

    def __call__(self, index: int) -> Batch:
        """Latents, uint8 layout and attributes of N frames."""
        rng = np.random.default_rng([13, index])
        clip = rng.integers(0, len(self.clips), self.batch_size)
        frame = rng.integers(0, self.clips.frames_per_clip, self.batch_size)
        return {
            "latents": torch.from_numpy(self.clips.latents[clip, frame]),
            "layout": torch.from_numpy(self.clips.layout[clip, frame]),
            "attributes": torch.from_numpy(self.clips.attributes[clip, frame]),
        }


class ImageStage(Stage):
    """Trains an :class:`ImageUNet`."""

    def __init__(self, network: ImageUNet, *, budget_s: float, learning_rate: float = 6e-4) -> None:
        super().__init__(network, learning_rate=learning_rate, budget_s=budget_s, decay=0.999)
        self.preconditioning = Preconditioning()
        self.noise_levels = NoiseDistribution()

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """EDM loss of eq. 8 (Karras et al. 2022), unit weight on the raw output."""
        clean = batch["latents"].float()
        count = len(clean)
        sigma = self.noise_levels.sample(count, generator)
        noisy = add_noise(clean, torch.randn(clean.shape, generator=generator), sigma)
        controls = ControlTensors.assemble(
            batch["layout"].numpy(),
            np.zeros((count, 6), np.float32),
            batch["attributes"].numpy(),
            layout_given=(torch.rand(count, generator=generator) >= LAYOUT_DROPOUT).float(),
            motion_given=torch.zeros(count),
            attributes_given=(torch.rand(count, generator=generator) >= ATTRIBUTE_DROPOUT).float(),
        ).to(self.device, self.network.dtype)
        scaled = (noisy * self.preconditioning.input_scale(sigma)).to(self.network.dtype)
        raw = self.network(
            scaled.contiguous(memory_format=torch.channels_last), self.preconditioning.noise_condition(sigma), controls
        )
        return (raw.float() - self.preconditioning.target(clean, noisy, sigma)).square().mean()
