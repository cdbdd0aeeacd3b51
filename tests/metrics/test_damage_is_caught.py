"""Rendered video, damaged in one way at a time: the metric meant for it answers, and more damage gives more of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.metrics.colour_distance import colour_distance, colour_histogram
from drivesim.metrics.diversity import mean_diversity, mode_labels, noise_scale
from drivesim.metrics.frechet import frechet_distance
from drivesim.metrics.mmd import polynomial_mmd
from drivesim.metrics.motion_histogram import block_motion, motion_distance, motion_features, motion_histograms
from drivesim.metrics.spectrum import spectrum_slope
from drivesim.renderer import ProceduralWorld


@pytest.fixture(scope="module")
def video() -> np.ndarray:
    """Six frames (6, 128, 256, 3) of a rendered drive."""
    world = ProceduralWorld(sample_scene(3, 6), 3)
    return np.stack([world.render_rgb(frame, 256, 128) for frame in range(6)])


def _blur(frames: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames]) if sigma else frames


def _tint(frames: np.ndarray, levels: int) -> np.ndarray:
    return np.clip(frames + np.array([levels, 0, -levels]), 0, 255).astype(np.uint8)


def _crops(video: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Many small clips from one video, to have a set."""
    rng = np.random.default_rng(seed)
    corners = zip(rng.integers(64, size=count), rng.integers(192, size=count), strict=True)
    return [video[:, y : y + 64, x : x + 64] for y, x in corners]


def _random_features(clips: list[np.ndarray]) -> np.ndarray:
    """Fixed random filters, half-wave rectified and pooled: features without labels (N, 24)."""
    rng = np.random.default_rng(0)
    filters = rng.normal(size=(12, 5, 5))
    filters[:6] -= filters[:6].mean(axis=(1, 2), keepdims=True)
    rows = []
    for clip in clips:
        planes = [plane.astype(np.float64) / 64.0 for frame in clip[::3] for plane in (frame[..., 0], frame[..., 2])]
        answers = np.array([[np.maximum(cv2.filter2D(p, -1, f), 0.0).mean() for f in filters] for p in planes])
        rows.append(np.concatenate([answers[0::2].mean(axis=0), answers[1::2].mean(axis=0)]))
    return np.stack(rows)


def test_blur_is_caught_by_the_spectrum(video: np.ndarray) -> None:
    slopes = [spectrum_slope(_blur(video, sigma)).mean() for sigma in (0.0, 0.7, 1.5, 3.0)]
    assert (np.diff(slopes) < -0.1).all()
    assert spectrum_slope(_tint(video, 20)).mean() == pytest.approx(slopes[0], abs=0.1)


def test_tint_is_caught_by_colour(video: np.ndarray) -> None:
    def distance(frames: np.ndarray) -> float:
        first, second = colour_histogram(video)[None], colour_histogram(frames)[None]
        return colour_distance(first, second, np.random.default_rng(0), resamples=5).rgb.value

    found = [distance(_tint(video, levels)) for levels in (0, 5, 15, 40)]
    assert found == sorted(found) and found[0] == 0.0
    assert distance(_blur(video, 1.5)) < found[1]
    assert distance(np.repeat(video[:1], 6, axis=0)) < found[1]


def test_freezing_and_shuffling_are_caught_by_motion(video: np.ndarray) -> None:
    def distance(frames: np.ndarray) -> tuple[float, float]:
        first, second = motion_histograms([block_motion(video)]), motion_histograms([block_motion(frames)])
        found = motion_distance(first, second, np.random.default_rng(0), resamples=5)
        return found.displacement.value, found.acceleration.value

    frozen, half = distance(np.repeat(video[:1], 6, axis=0)), distance(video[[0, 1, 2, 2, 2, 2]])
    swapped, shuffled = distance(video[[0, 2, 1, 3, 4, 5]]), distance(video[[3, 0, 5, 1, 4, 2]])
    blurred, tinted = distance(_blur(video, 0.7)), distance(_tint(video, 15))
    assert max(blurred[0], tinted[0]) < half[0] < frozen[0]
    assert max(blurred[1], tinted[1]) < swapped[1] < shuffled[1]
    assert not motion_features([block_motion(np.repeat(video[:1], 6, axis=0))]).any()


def test_all_damage_raises_set_distances_in_order(video: np.ndarray) -> None:
    real, other = _crops(video, 24, seed=1), _crops(video, 24, seed=2)
    features = _random_features(real)
    for measure in (frechet_distance, polynomial_mmd):
        floor = measure(features, _random_features(other))
        for damage, amounts in ((_blur, (1.0, 3.0)), (_tint, (30, 70))):
            weak, strong = (measure(features, _random_features([damage(c, a) for c in other])) for a in amounts)
            assert floor < weak < strong, (measure.__name__, damage.__name__)


def test_duplicated_futures_are_caught_by_diversity(video: np.ndarray) -> None:
    moved = [np.roll(video, 8 * index, axis=2) for index in range(6)]
    small = np.stack([[cv2.resize(frame, (32, 16), interpolation=cv2.INTER_AREA) for frame in clip] for clip in moved])
    rng = np.random.default_rng(0)
    noisy = np.clip(small + rng.normal(size=small.shape) * 2.0, 0, 255)
    threshold = 3.0 * noise_scale(small, noisy)
    found, modes = [], []
    for distinct in (6, 3, 2, 1):
        futures = noisy[np.arange(6) % distinct]
        found.append(mean_diversity(futures, np.random.default_rng(0)).value)
        modes.append(int(mode_labels(futures[:, 0], threshold).max()) + 1)
    assert found == sorted(found, reverse=True) and found[-1] == 0.0
    assert modes == [6, 3, 2, 1]
