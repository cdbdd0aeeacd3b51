"""How a PVDM draws the planes of a clip from those of the last."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from drivesim.controls import Controls
from drivesim.diffusion.ddim import DDIMConfig, ddim_sample, steered
from drivesim.models.clip_family import ClipSampling
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.pvdm.denoiser import PlaneDenoiser
from drivesim.noise import NoiseStream

#: The planes are bounded by a tanh, so nothing lies further out.
LATENT_LIMIT = 1.0


class PlanePredictor:
    """Draws the planes of the clip after one (PVDM's algorithm 1)."""

    num_clips = 1

    def __init__(self, network: PlaneDenoiser, sampling: ClipSampling, device: torch.device) -> None:
        self.network: Any = network  # diffusers does not say that its modules can be called
        self.sampling = sampling
        self.device = device

    @torch.inference_mode()
    def predict(self, context: Tensor, controls: Controls, noise: NoiseStream, *, first: bool) -> Tensor:
        """Latents (1, C, places) after those of one clip."""
        told = self.network.read(ControlTensors.from_controls(controls).to(self.device, self.network.dtype), batch=1)
        known = context.to(self.device)

        def after(known: Tensor) -> Any:
            return lambda noisy, level: self.network(noisy, level, known, told)

        predict = steered(after(known), after(torch.zeros_like(known)), self.sampling.guidance)
        config = DDIMConfig(steps=self.sampling.steps(first), eta=self.sampling.eta, limit=LATENT_LIMIT)
        start = noise.child(0).normal(*context.shape).to(self.device)
        latents = ddim_sample(
            predict, start, lambda index: noise.child(1, index).normal(*context.shape), self.network.schedule, config
        )
        return latents.cpu()
