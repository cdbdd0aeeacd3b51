"""EDM preconditioning and loss (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models").

With ``sigma_data`` = 1 the network's target is v-prediction up to sign, the parametrisation of the driving models of
Video LDM (Blattmann et al. 2023). Noise levels may differ per frame: every function takes ``sigma`` of shape (N,).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange


@dataclass(frozen=True, kw_only=True)
class NoiseDistribution:
    """Training noise levels: ln(sigma) is normal with ``mean`` and ``std`` (EDM table 1)."""

    mean: float = 0.4
    std: float = 1.4

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """``count`` noise levels (count,), float32."""
        return torch.exp(self.mean + self.std * torch.randn(count, generator=generator))


@dataclass(frozen=True, kw_only=True)
class Preconditioning:
    """The scalings of EDM section 5 for data of standard deviation ``sigma_data``."""

    sigma_data: float = 1.0

    def input_scale(self, sigma: torch.Tensor) -> torch.Tensor:
        """c_in (N, 1, 1, 1)."""
        return _column(1.0 / torch.sqrt(sigma**2 + self.sigma_data**2))

    def noise_condition(self, sigma: torch.Tensor) -> torch.Tensor:
        """c_noise (N,) = ln(sigma) / 4."""
        return torch.log(sigma) / 4.0

    def denoised(self, noisy: torch.Tensor, output: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The estimate of the clean latents from the network's raw output (EDM eq. 7)."""
        total = sigma**2 + self.sigma_data**2
        skip = _column(self.sigma_data**2 / total)
        out = _column(sigma * self.sigma_data / torch.sqrt(total))
        return skip * noisy + out * output

    def target(self, clean: torch.Tensor, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """What the raw network output should be; its mean squared error is the EDM loss with unit weight."""
        total = sigma**2 + self.sigma_data**2
        skip = _column(self.sigma_data**2 / total)
        out = _column(sigma * self.sigma_data / torch.sqrt(total))
        return (clean - skip * noisy) / out


def add_noise(clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Latents (N, C, H, W) at noise levels ``sigma`` (N,)."""
    return clean + _column(sigma) * noise


def _column(values: torch.Tensor) -> torch.Tensor:
    return rearrange(values, "n -> n 1 1 1")
