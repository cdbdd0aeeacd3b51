"""Sampling: diffusers' EDM Euler scheduler driven over any denoiser, with optional guidance in a noise interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import EDMEulerScheduler

#: Takes noisy latents and one noise level per row (N,), returns the estimate of the clean latents.
Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """Noise levels of a sampler: ``steps`` Euler steps from ``sigma_max`` to ``sigma_min`` on Karras' rho schedule."""

    steps: int = 4
    sigma_min: float = 0.02
    sigma_max: float = 20.0
    rho: float = 7.0

    def scheduler(self) -> Any:
        """A fresh diffusers ``EDMEulerScheduler``, which has no types, with its time steps set."""
        scheduler: Any = EDMEulerScheduler(
            sigma_min=self.sigma_min, sigma_max=self.sigma_max, sigma_data=1.0, rho=self.rho
        )
        scheduler.set_timesteps(self.steps)
        # The denoiser preconditions its own input; without this diffusers logs a warning at every step.
        scheduler.is_scale_input_called = True
        return scheduler


def sample(denoise: Denoise, noise: torch.Tensor, config: SamplerConfig) -> torch.Tensor:
    """Clean latents (N, C, H, W) from standard normal ``noise`` of the same shape, in float32."""
    scheduler = config.scheduler()
    latents = noise.float() * float(scheduler.sigmas[0])
    for index, timestep in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[index].to(latents.device)
        clean = denoise(latents, sigma.expand(len(latents)))
        # diffusers applies the output preconditioning itself, so hand it the raw output that gives `clean`.
        total = sigma**2 + 1.0
        raw = (clean - latents / total) * torch.sqrt(total) / sigma
        latents = scheduler.step(raw, timestep, latents).prev_sample
    return latents


def guided(conditional: Denoise, unconditional: Denoise, scale: float, sigma_low: float, sigma_high: float) -> Denoise:
    """Classifier-free guidance (Ho & Salimans 2022) inside a noise interval (Kynkäänniemi et al. 2024)."""

    def denoise(latents: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        told = conditional(latents, sigma)
        if scale == 1.0 or not sigma_low <= float(sigma[0]) <= sigma_high:
            return told
        untold = unconditional(latents, sigma)
        return untold + scale * (told - untold)

    return denoise
