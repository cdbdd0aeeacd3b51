"""The spectrum's slope of pictures with a known one, and its answer to blur and noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.metrics.spectrum import power_spectrum, spectrum_slope


def _picture(power: float, seed: int = 0) -> np.ndarray:
    """Uint8 (128, 256, 3) with a power spectrum that falls with frequency to the ``power``."""
    rng = np.random.default_rng(seed)
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(512)[None, :])
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.normal(size=(256, 512))) * radius ** (power / 2.0)
    field = np.fft.irfft2(spectrum)[:128, :256]
    grey = np.clip(128.0 + 45.0 * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("power", [-1.0, -2.0, -2.5])
def test_known_slopes_are_found(power: float) -> None:
    found = spectrum_slope(np.stack([_picture(power, seed) for seed in range(5)])).mean()
    assert found == pytest.approx(power, abs=0.2)


def test_white_noise_is_flat_at_its_variance() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (128, 256), dtype=np.uint8)
    _, power = power_spectrum(np.repeat(noise[..., None], 3, axis=2))
    assert power == pytest.approx(np.full(len(power), (256**2 - 1) / 12.0), rel=0.5)


def test_blur_is_steeper_and_noise_flatter_in_order() -> None:
    clean = _picture(-2.0)
    blurred = np.stack([clean, *(cv2.GaussianBlur(clean, (0, 0), sigma) for sigma in (0.6, 1.2, 2.4))])
    noise = np.random.default_rng(2).normal(size=clean.shape)
    noisy = np.stack([np.clip(clean + amount * noise, 0, 255).astype(np.uint8) for amount in (0, 15, 40, 100)])
    assert (np.diff(spectrum_slope(blurred)) < -0.2).all()
    assert (np.diff(spectrum_slope(noisy)) > 0.02).all()


def test_a_picture_without_structure_has_no_slope() -> None:
    flat = np.full((2, 64, 64, 3), 7, np.uint8)
    assert np.isnan(spectrum_slope(flat)).all()
    with pytest.raises(ValueError, match="at least 32 x 32"):
        spectrum_slope(np.zeros((1, 16, 64, 3), np.uint8))
