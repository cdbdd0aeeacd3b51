"""Each metric moves the right way when a picture is damaged in the way it is meant for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.metrics.appearance import appearance
from drivesim.metrics.box_colour import box_colour_error
from drivesim.metrics.psnr import psnr_db


@pytest.fixture
def frames() -> np.ndarray:
    """A textured pattern that moves two pixels a frame."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (64, 160, 3)).astype(np.float32), (0, 0), 1.0).astype(np.uint8)
    return np.stack([texture[:, 2 * step : 2 * step + 128] for step in range(8)])


def test_psnr_of_known_noise(frames: np.ndarray) -> None:
    grey = np.full((50, 50, 3), 100, np.uint8)
    assert psnr_db(grey, grey) == float("inf")
    assert psnr_db(grey + np.uint8(10), grey) == pytest.approx(10 * np.log10(255**2 / 100))
    with pytest.raises(ValueError, match="cannot be compared"):
        psnr_db(grey, frames[0])


def test_each_curve_catches_its_own_damage(frames: np.ndarray) -> None:
    clean = appearance(frames)
    blurred = appearance(np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in frames]))
    darker = appearance(frames // 2)
    grey = appearance(np.repeat(frames.mean(-1, keepdims=True).astype(np.uint8), 3, -1))
    frozen = appearance(np.repeat(frames[:1], 8, 0))
    assert blurred.sharpness.mean() < 0.5 * clean.sharpness.mean()
    assert darker.luma.mean() < 0.6 * clean.luma.mean()
    assert grey.saturation.max() == 0.0 < clean.saturation.min()
    assert frozen.motion.max() == 0.0 < clean.motion.min()
    with pytest.raises(ValueError, match="two frames, got 1"):
        appearance(frames[:1])


def test_box_colour_error_looks_inside_the_box_only() -> None:
    truth = np.zeros((40, 60, 3), np.uint8)
    picture = truth.copy()
    picture[10:20, 10:30] = 50
    inside, outside, half = box_colour_error(picture, truth, [(10, 10, 30, 20), (40, 10, 50, 20), (10, 10, 30, 30)])
    assert inside == 50.0
    assert outside == 0.0
    assert half == 25.0
