"""Sampling: Euler steps along the probability-flow ODE over any denoiser, with optional guidance in a noise interval."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch

#: Takes noisy latents and one noise level per row (N,), returns the estimate of the clean latents.
Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """Noise levels of a sampler: ``steps`` Euler steps from ``sigma_max`` to ``sigma_min`` on Karras' rho schedule, then to 0."""

    steps: int = 4
    sigma_min: float = 0.02
    sigma_max: float = 20.0
    rho: float = 7.0

    def levels(self) -> torch.Tensor:
        """Noise levels float32 (steps + 1,), the last 0 (Karras et al. 2022, eq. 5)."""
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        ramp = torch.linspace(0, 1, self.steps, dtype=torch.float64)
        return torch.cat([(high + ramp * (low - high)) ** self.rho, torch.zeros(1)]).float()


def sample(denoise: Denoise, noise: torch.Tensor, config: SamplerConfig) -> torch.Tensor:
    """Clean latents (N, C, H, W) from standard normal ``noise`` of the same shape, in float32.

    Euler's method on dx/dsigma = (x - D(x; sigma)) / sigma (Karras et al. 2022, algorithm 1 without churn).
    """
    levels = config.levels().to(noise.device)
    latents = noise.float() * levels[0]
    for sigma, following in itertools.pairwise(levels):
        clean = denoise(latents, sigma.expand(len(latents)))
        slope = (latents - clean) / sigma
        latents = latents + slope * (following - sigma)
    return latents


def guided(
    conditional: Denoise,
    unconditional: Denoise,
    scale: float,
    sigma_low: float,
    sigma_high: float,
    bound: torch.Tensor | None = None,
) -> Denoise:
    """Classifier-free guidance (Ho & Salimans 2022) inside a noise interval (Kynkäänniemi et al. 2024).

    With ``bound``, latents of one row, no estimate leaves the values between the conditional one and those.
    """

    def denoise(latents: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        told = conditional(latents, sigma)
        if scale == 1.0 or not sigma_low <= float(sigma[0]) <= sigma_high:
            return told
        untold = unconditional(latents, sigma)
        estimate = untold + scale * (told - untold)
        if bound is None:
            return estimate
        return estimate.clamp(torch.minimum(told, bound), torch.maximum(told, bound))

    return denoise
