"""Augmentation keeps shape and range, follows its generator, and each change does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.judges.probe.augment import AugmentationConfig, add_noise, augment, blur, compress, recolour
from drivesim.metrics.appearance import appearance
from drivesim.metrics.psnr import psnr_db

ALWAYS = AugmentationConfig(
    clean_share=0.0, round_trip_share=1.0, blur_share=1.0, noise_share=1.0, compress_share=1.0, colour_share=1.0
)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    rows, columns = np.mgrid[0:64, 0:128]
    picture = np.stack([(rows * 4) % 256, (columns * 2) % 256, ((rows // 8 + columns // 8) % 2) * 200 + 20], axis=-1)
    return np.stack([picture, np.roll(picture, 3, axis=1)]).astype(np.uint8)


@pytest.mark.parametrize("config", [AugmentationConfig(), ALWAYS])
def test_shape_range_and_repeatability(frames: np.ndarray, config: AugmentationConfig) -> None:
    before = frames.copy()
    for seed in range(12):
        first = augment(frames, np.random.default_rng(seed), config, lambda x: x[:, ::-1])
        again = augment(frames, np.random.default_rng(seed), config, lambda x: x[:, ::-1])
        assert first.shape == frames.shape and first.dtype == np.uint8
        np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(frames, before)


def test_some_calls_leave_frames_alone_and_others_do_not(frames: np.ndarray) -> None:
    equal = [np.array_equal(augment(frames, np.random.default_rng(seed)), frames) for seed in range(60)]
    assert 5 <= sum(equal) <= 40


def test_blur_softens_more_the_wider_it_is(frames: np.ndarray) -> None:
    sharpness = [appearance(blur(frames, sigma)).sharpness.mean() for sigma in (0.0, 0.7, 1.6)]
    assert sharpness[0] > sharpness[1] > sharpness[2]


def test_noise_has_the_deviation_asked_for(frames: np.ndarray) -> None:
    grey = np.full_like(frames, 128)
    noisy = add_noise(grey, 9.0, np.random.default_rng(0)).astype(float)
    assert noisy.std() == pytest.approx(9.0, rel=0.03) and noisy.mean() == pytest.approx(128.0, abs=0.3)


def test_compression_costs_more_at_lower_quality(frames: np.ndarray) -> None:
    assert psnr_db(compress(frames, 90), frames) > psnr_db(compress(frames, 15), frames) + 3.0


def test_colours_change_by_the_factors_given(frames: np.ndarray) -> None:
    grey = np.full_like(frames, 100)
    np.testing.assert_array_equal(recolour(grey, 1.2, 0.5, np.array([1.0, 0.9, 1.1]))[0, 0, 0], [120, 108, 132])
    assert recolour(frames, 1.0, 0.5, np.ones(3)).std() < 0.6 * frames.std()


def test_a_round_trip_must_keep_the_frames_shape(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"the round trip gave uint8 \(2, 32, 128, 3\)"):
        augment(frames, np.random.default_rng(0), ALWAYS, lambda x: x[:, ::2])
