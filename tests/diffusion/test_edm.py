"""The EDM scalings against their definitions and the sampler against a denoiser that is known exactly."""

from __future__ import annotations

import pytest
import torch
from diffusers import EDMEulerScheduler

from drivesim.diffusion.edm import NoiseDistribution, Preconditioning, add_noise
from drivesim.diffusion.sampler import Denoise, SamplerConfig, guided, sample


def test_the_target_makes_the_denoised_estimate_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(5, 3, 4, 8, generator=generator)
    sigma = torch.tensor([0.02, 0.3, 1.0, 5.0, 80.0])
    noisy = add_noise(clean, torch.randn(clean.shape, generator=generator), sigma)
    scalings = Preconditioning()
    estimate = scalings.denoised(noisy, scalings.target(clean, noisy, sigma), sigma)
    assert torch.allclose(estimate, clean, atol=2e-4)


def test_network_input_and_target_have_unit_variance_at_every_noise_level() -> None:
    generator = torch.Generator().manual_seed(1)
    scalings = Preconditioning()
    for level in (0.05, 1.0, 20.0):
        clean = torch.randn(64, 4, 16, 16, generator=generator)
        sigma = torch.full((64,), level)
        noisy = add_noise(clean, torch.randn(clean.shape, generator=generator), sigma)
        assert abs((noisy * scalings.input_scale(sigma)).std() - 1.0) < 0.02
        assert abs(scalings.target(clean, noisy, sigma).std() - 1.0) < 0.02


def test_noise_levels_follow_their_log_normal_distribution() -> None:
    levels = NoiseDistribution(mean=0.4, std=1.4).sample(20_000, torch.Generator().manual_seed(2)).log()
    assert abs(levels.mean() - 0.4) < 0.05
    assert abs(levels.std() - 1.4) < 0.05


def _gaussian_denoiser(mean: float, std: float):
    """The exact denoiser of data that is normal with ``mean`` and ``std``."""

    def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        variance = std**2
        level = sigma[:, None, None, None] ** 2
        return (variance * noisy + level * mean) / (variance + level)

    return denoise


def _diffusers_sample(
    denoise: Denoise, noise: torch.Tensor, config: SamplerConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same steps by diffusers' scheduler, and its noise levels."""
    scheduler = EDMEulerScheduler(
        sigma_min=config.sigma_min, sigma_max=config.sigma_max, sigma_data=1.0, rho=config.rho
    )
    scheduler.set_timesteps(config.steps)
    scheduler.is_scale_input_called = True
    latents = noise * float(scheduler.sigmas[0])
    for index, timestep in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[index]
        clean = denoise(latents, sigma.expand(len(latents)))
        # It applies the output preconditioning itself, so it gets the raw output that gives `clean`.
        total = sigma**2 + 1.0
        raw = (clean - latents / total) * torch.sqrt(total) / sigma
        latents = scheduler.step(raw, timestep, latents).prev_sample
    return latents, scheduler.sigmas


@pytest.mark.parametrize("steps", [1, 2, 4, 18])
def test_euler_is_diffusers_euler(steps: int) -> None:
    noise = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(5))
    config = SamplerConfig(steps=steps, sigma_min=0.1, sigma_max=80.0)
    expected, levels = _diffusers_sample(_gaussian_denoiser(0.7, 0.5), noise, config)
    assert torch.equal(config.levels(), levels)
    assert torch.allclose(sample(_gaussian_denoiser(0.7, 0.5), noise, config), expected, atol=2e-6)


def test_many_steps_sample_the_gaussian_of_an_exact_denoiser() -> None:
    noise = torch.randn(64, 2, 16, 16, generator=torch.Generator().manual_seed(3))
    latents = sample(_gaussian_denoiser(0.7, 0.5), noise, SamplerConfig(steps=200))
    assert abs(latents.mean() - 0.7) < 0.02
    assert abs(latents.std() - 0.5) < 0.02


def test_a_point_mass_is_found_in_one_step() -> None:
    noise = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(4))
    latents = sample(_gaussian_denoiser(0.3, 1e-4), noise, SamplerConfig(steps=1))
    assert torch.allclose(latents, torch.full_like(latents, 0.3), atol=1e-3)


def test_guidance_acts_inside_its_noise_interval_only() -> None:
    told, untold = _gaussian_denoiser(1.0, 1e-4), _gaussian_denoiser(0.0, 1e-4)
    denoise = guided(told, untold, 2.0, sigma_low=0.5, sigma_high=2.0)
    noisy = torch.zeros(1, 1, 1, 1)
    assert denoise(noisy, torch.tensor([1.0])).item() > 1.9
    assert abs(denoise(noisy, torch.tensor([0.1])).item() - 1.0) < 1e-3
    assert abs(denoise(noisy, torch.tensor([9.0])).item() - 1.0) < 1e-3
