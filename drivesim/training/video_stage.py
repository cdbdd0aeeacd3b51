"""Training the temporal layers behind the frozen image LDM, with prediction conditioning.

Context frames (0, 1 or 2) are noised a little (conditional latent perturbation, LVDM, He et al. 2022) and, half of the
time, carry an error that the network made itself earlier (error recycling as in SVI, arXiv 2510.09212), so that the
network learns to continue its own output.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor

from drivesim.diffusion.edm import NoiseDistribution, add_noise
from drivesim.models.video_ldm.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.training.latents import LatentClips
from drivesim.training.stage import Batch, Stage

#: Probability of 0, 1 and 2 context frames (Video LDM uses these three; the last is what a rollout does).
CONTEXT_PROBABILITIES = (0.1, 0.2, 0.7)
LARGEST_CONTEXT_NOISE = 0.7
MOTION_DROPOUT = 0.15
ATTRIBUTE_DROPOUT = 0.1
#: Per clip: layout on all frames, on the context only, on none.
LAYOUT_PATTERNS = (0.55, 0.2, 0.25)


class VideoBatches:
    """Batch ``index``: windows of T frames, all with the same number of context frames."""

    def __init__(self, clips: LatentClips, *, batch_size: int = 8, num_frames: int = 8) -> None:
        self.clips = clips
        self.batch_size = batch_size
        self.num_frames = num_frames

    def __call__(self, index: int) -> Batch:
        """Latents (B, T, ...), layout, motion, attributes and the number of context frames."""
        rng = np.random.default_rng([17, index])
        clip = rng.integers(0, len(self.clips), self.batch_size)
        first = rng.integers(0, self.clips.frames_per_clip - self.num_frames + 1, self.batch_size)
        frames = first[:, None] + np.arange(self.num_frames)
        rows = clip[:, None]
        return {
            "latents": torch.from_numpy(self.clips.latents[rows, frames]),
            "layout": torch.from_numpy(self.clips.layout[rows, frames]),
            "motion": torch.from_numpy(self.clips.motion[rows, frames]),
            "attributes": torch.from_numpy(self.clips.attributes[rows, frames]),
            "num_context": torch.tensor(int(rng.choice(3, p=CONTEXT_PROBABILITIES))),
        }


class VideoStage(Stage):
    """Trains the temporal layers of a :class:`VideoUNet`; the image network stays as it is."""

    def __init__(self, network: VideoUNet, *, budget_s: float, learning_rate: float = 8e-4) -> None:
        network.image.requires_grad_(False)
        super().__init__(network, learning_rate=learning_rate, budget_s=budget_s, decay=0.999)
        self.noise_levels = NoiseDistribution(mean=0.5, std=1.5)
        self.errors = torch.zeros(0)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """EDM loss on the frames that are not context."""
        clean = batch["latents"].float()
        batch_size, num_frames = clean.shape[:2]
        num_context = int(batch["num_context"])
        is_context = torch.arange(num_frames) < num_context
        target_sigma = self.noise_levels.sample(batch_size, generator)
        context_sigma = 0.02 + LARGEST_CONTEXT_NOISE * torch.rand(batch_size, generator=generator)
        sigma = torch.where(is_context[None], context_sigma[:, None], target_sigma[:, None])
        source = clean + self._recycled_errors(clean, is_context, generator)
        flat_sigma = rearrange(sigma, "b t -> (b t)")
        noise = torch.randn(source.shape, generator=generator)
        noisy = add_noise(_flat(source), _flat(noise), flat_sigma)
        controls = self._controls(batch, num_context, generator)
        raw = _flat(self.network(_clips(noisy, batch_size), sigma, num_context, controls)).float()
        target = self.network.preconditioning.target(_flat(clean), noisy, flat_sigma)
        self._bank_errors(clean, noisy, raw, flat_sigma, target_sigma)
        squared = _clips((raw - target).square(), batch_size)
        return squared[:, num_context:].mean()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the bank of errors beside the clock."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["errors"] = self.errors

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue with the bank of errors."""
        super().on_load_checkpoint(checkpoint)
        self.errors = checkpoint["errors"]

    def _controls(self, batch: Batch, num_context: int, generator: torch.Generator) -> ControlTensors:
        batch_size, num_frames = batch["latents"].shape[:2]
        pattern = torch.multinomial(torch.tensor(LAYOUT_PATTERNS), batch_size, True, generator=generator)
        layout_given = (pattern == 0).float()[:, None].repeat(1, num_frames)
        layout_given[pattern == 1, :num_context] = 1.0
        motion_given = (torch.rand(batch_size, generator=generator) >= MOTION_DROPOUT).float()
        attributes_given = (torch.rand(batch_size, generator=generator) >= ATTRIBUTE_DROPOUT).float()
        return ControlTensors.assemble(
            _flat(batch["layout"]).numpy(),
            _flat(batch["motion"]).numpy(),
            _flat(batch["attributes"]).numpy(),
            layout_given=_flat(layout_given),
            motion_given=repeat(motion_given, "b -> (b t)", t=num_frames),
            attributes_given=repeat(attributes_given, "b -> (b t)", t=num_frames),
        ).to(self.device, self.network.image.dtype)

    def _recycled_errors(self, clean: Tensor, is_context: Tensor, generator: torch.Generator) -> Tensor:
        """Errors of earlier predictions for the context frames of about half of the clips, zero elsewhere."""
        batch_size = len(clean)
        if len(self.errors) < 64:
            return torch.zeros_like(clean)
        picked = self.errors[torch.randint(len(self.errors), (batch_size,), generator=generator)].float()
        share = torch.rand(batch_size, generator=generator) * (torch.rand(batch_size, generator=generator) < 0.5)
        scaled = picked * share[:, None, None, None]
        return scaled[:, None] * is_context[None, :, None, None, None]

    @torch.no_grad()
    def _bank_errors(self, clean: Tensor, noisy: Tensor, raw: Tensor, sigma: Tensor, target_sigma: Tensor) -> None:
        predicted = _clips(self.network.preconditioning.denoised(noisy, raw, sigma), len(clean))
        errors = (predicted - clean)[(target_sigma > 0.5) & (target_sigma < 8.0), -1]
        self.errors = torch.cat([self.errors.reshape(-1, *errors.shape[1:]), errors.half()])[-512:]


def _flat(clips: Tensor) -> Tensor:
    return rearrange(clips, "b t ... -> (b t) ...")


def _clips(frames: Tensor, batch_size: int) -> Tensor:
    return rearrange(frames, "(b t) ... -> b t ...", b=batch_size)
