"""DDIM and its schedule against diffusers', and against a denoiser that is known exactly."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler

from drivesim.diffusion.ddim import DDIMConfig, NoiseSchedule, PredictNoise, ddim_sample, steered


def _theirs() -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=True, timestep_spacing="trailing"
    )


def _normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _exact(mean: float, deviation: float, schedule: NoiseSchedule) -> PredictNoise:
    """The best estimate of the noise in latents that are normal with ``mean`` and ``deviation``."""

    def predict(latents: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        kept = schedule.kept()[level].reshape(-1, 1, 1)
        return (1.0 - kept).sqrt() * (latents - kept.sqrt() * mean) / (kept * deviation**2 + 1.0 - kept)

    return predict


def test_schedule_and_noising_are_diffusers() -> None:
    schedule, theirs = NoiseSchedule(), _theirs()
    assert torch.allclose(schedule.kept(), theirs.alphas_cumprod, atol=1e-6)
    clean, noise, level = _normal(3, 4, 7, seed=1), _normal(3, 4, 7, seed=2), torch.tensor([0, 400, 999])
    assert torch.allclose(schedule.add_noise(clean, noise, level), theirs.add_noise(clean, noise, level), atol=1e-5)


@pytest.mark.parametrize(("steps", "eta"), [(1, 0.0), (10, 0.0), (20, 1.0), (50, 0.5)])
def test_the_steps_are_diffusers_steps(steps: int, eta: float) -> None:
    schedule, theirs = NoiseSchedule(), _theirs()
    predict = _exact(0.3, 0.4, schedule)
    start = _normal(2, 3, 5, seed=3)
    mine = ddim_sample(
        predict, start, lambda index: _normal(2, 3, 5, seed=100 + index), schedule, DDIMConfig(steps=steps, eta=eta)
    )
    theirs.set_timesteps(steps)
    assert theirs.timesteps.tolist() == schedule.places(steps)[:-1]
    latents = start
    for index, level in enumerate(theirs.timesteps):
        noise = predict(latents, level.expand(2))
        fresh = _normal(2, 3, 5, seed=100 + index) if eta > 0.0 else None
        latents = theirs.step(noise, int(level), latents, eta=eta, variance_noise=fresh).prev_sample
    assert torch.allclose(mine, latents, atol=2e-4)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_many_steps_sample_the_gaussian_of_an_exact_denoiser(eta: float) -> None:
    schedule = NoiseSchedule()
    drawn = ddim_sample(
        _exact(0.5, 0.6, schedule),
        _normal(64, 2, 256, seed=4),
        lambda index: _normal(64, 2, 256, seed=1000 + index),
        schedule,
        DDIMConfig(steps=500, eta=eta, limit=10.0),
    )
    assert abs(drawn.mean() - 0.5) < 0.02
    assert abs(drawn.std() - 0.6) < 0.02


def test_guidance_extrapolates_from_the_unconditional_estimate() -> None:
    told, untold = (lambda latents, level, value=value: latents * 0 + value for value in (2.0, 0.5))
    latents, level = torch.zeros(1, 1, 1), torch.tensor([5])
    assert steered(told, untold, 0.0) is told
    assert steered(told, untold, 0.1)(latents, level).item() == pytest.approx(1.1 * 2.0 - 0.1 * 0.5)
