"""Discrete diffusion as in PVDM and LVDM: noise prediction (Ho et al. 2020) on 1,000 levels, sampled by DDIM (Song et al. 2021).

The schedule is the "scaled linear" one of latent diffusion (Rombach et al. 2022): square roots of beta lie on a line.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch

#: Takes noisy latents and one level (N,) of the schedule per row, returns the estimate of the noise in them.
PredictNoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class NoiseSchedule:
    """Levels 0 to ``levels`` - 1 with betas from ``beta_start`` to ``beta_end``; the defaults are PVDM's."""

    beta_start: float = 0.0015
    beta_end: float = 0.0195
    levels: int = 1000

    def kept(self) -> torch.Tensor:
        """Share of the variance that is signal at every level, float32 (levels,); diffusers' ``alphas_cumprod``."""
        roots = torch.linspace(self.beta_start**0.5, self.beta_end**0.5, self.levels, dtype=torch.float64)
        return torch.cumprod(1.0 - roots**2, dim=0).float()

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Latents (N, ...) at the levels (N,): sqrt(kept) clean + sqrt(1 - kept) noise."""
        kept = self.kept().to(clean.device)[level].reshape(-1, *[1] * (clean.ndim - 1))
        return kept.sqrt() * clean + (1.0 - kept).sqrt() * noise

    def places(self, steps: int) -> list[int]:
        """The levels that a sampler of so many steps stops at, evenly from the last to -1, which is clean."""
        places: list[int] = torch.linspace(-1, self.levels - 1, steps + 1, dtype=torch.float64).round().int().tolist()
        return places[::-1]


@dataclass(frozen=True, kw_only=True)
class DDIMConfig:
    """How DDIM samples: ``eta`` 0 is deterministic, 1 adds as much noise as DDPM; estimates are held to +- ``limit``."""

    steps: int = 20
    eta: float = 1.0
    limit: float = 1.0


def ddim_sample(
    predict: PredictNoise,
    start: torch.Tensor,
    fresh: Callable[[int], torch.Tensor],
    schedule: NoiseSchedule,
    config: DDIMConfig,
) -> torch.Tensor:
    """Clean latents (N, ...) from standard normal ``start``, float32; ``fresh(index)`` gives the noise of step ``index``.

    DDIM eq. 12, with the estimate of the clean latents clipped and the estimate of the noise as it is, as PVDM does.
    """
    kept = schedule.kept().to(start.device)
    latents = start.float()
    for index, (level, following) in enumerate(itertools.pairwise(schedule.places(config.steps))):
        noise = predict(latents, torch.full((len(latents),), level, device=latents.device)).float()
        here = kept[level]
        clean = ((latents - (1.0 - here).sqrt() * noise) / here.sqrt()).clamp(-config.limit, config.limit)
        if following < 0:
            return clean
        there = kept[following]
        deviation = config.eta * ((1.0 - here / there) * (1.0 - there) / (1.0 - here)).sqrt()
        latents = there.sqrt() * clean + (1.0 - there - deviation**2).clamp_min(0.0).sqrt() * noise
        if config.eta > 0.0:
            latents = latents + deviation * fresh(index).to(latents.device)
    return latents


def steered(conditional: PredictNoise, unconditional: PredictNoise, weight: float) -> PredictNoise:
    """Classifier-free guidance as PVDM and LVDM write it: (1 + w) conditional - w unconditional; 0 asks only the first."""
    if weight == 0.0:
        return conditional

    def predict(latents: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return (1.0 + weight) * conditional(latents, level) - weight * unconditional(latents, level)

    return predict
