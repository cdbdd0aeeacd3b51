"""Motion: known displacements and accelerations, and distances that catch frozen, slowed and shuffled clips."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.metrics.frechet import frechet_distance
from drivesim.metrics.motion_histogram import (
    BlockMotion,
    block_motion,
    motion_distance,
    motion_features,
    motion_histograms,
)


def _clip(seed: int, speed: float = 2.0, num_frames: int = 6, gain: float = 0.0) -> np.ndarray:
    """A texture (T, 64, 128, 3) that moves left by ``speed`` pixels a frame, growing by ``gain`` a frame."""
    texture = cv2.GaussianBlur(np.random.default_rng(seed).uniform(0, 255, (64, 260, 3)), (0, 0), 1.5)
    texture = np.clip((texture - texture.mean()) * 4.0 + 128.0, 0, 255).astype(np.uint8)
    at = np.cumsum([0.0, *(speed + gain * t for t in range(num_frames - 1))])
    shifted = [cv2.warpAffine(texture, np.array([[1.0, 0, -x], [0, 1.0, 0]]), (260, 64)) for x in at]
    return np.stack([frame[:, :128] for frame in shifted])


def test_displacement_and_acceleration_of_known_motion() -> None:
    found = block_motion(_clip(0, speed=2.0, gain=0.5))
    middle = found.displacement[:, :, 2:-2]
    assert found.displacement.shape == (5, 8, 16, 2) and found.acceleration.shape == (4, 8, 16, 2)
    assert np.median(middle[..., 0], axis=(1, 2)) == pytest.approx([-2.0, -2.5, -3.0, -3.5, -4.0], abs=0.1)
    assert np.abs(np.median(middle[..., 1])) < 0.05
    assert np.median(found.acceleration[:, :, 2:-2, 0]) == pytest.approx(-0.5, abs=0.1)


def test_pixels_are_those_of_the_reduced_size() -> None:
    large = np.stack([cv2.resize(frame, (256, 128)) for frame in _clip(0)])
    assert np.median(block_motion(large).displacement[..., 0]) == pytest.approx(-2.0, abs=0.1)


def test_features_hold_direction_and_a_frozen_clip_has_none() -> None:
    clip = _clip(0)
    left, right, still = motion_features(map(block_motion, [clip, clip[:, :, ::-1], np.repeat(clip[:1], 4, axis=0)]))
    regions = left[:32].reshape(4, 8)
    assert (regions.argmax(axis=1) == 4).all()
    assert regions[:, 4] == pytest.approx(np.log2(3.0), abs=0.2)
    assert (right[:32].reshape(4, 8).argmax(axis=1) == 0).all()
    assert not still.any()


def test_frozen_slowed_and_shuffled_clips_are_caught_in_order() -> None:
    def clips(first: int, speed: float = 3.0, order: tuple[int, ...] = (0, 1, 2, 3, 4)) -> list[BlockMotion]:
        return [block_motion(_clip(s, speed + 0.1 * (s % 3), 5)[list(order)]) for s in range(first, first + 3)]

    real = clips(0)
    rng = np.random.default_rng(0)

    def distance(made: list[BlockMotion]) -> tuple[float, float, float]:
        found = motion_distance(motion_histograms(real), motion_histograms(made), rng, resamples=20)
        frechet = frechet_distance(motion_features(real), motion_features(made))
        return found.displacement.value, found.acceleration.value, frechet

    equal, slower, frozen = distance(clips(3)), distance(clips(3, speed=1.5)), distance(clips(3, order=(0,) * 5))
    swapped, shuffled = distance(clips(3, order=(0, 2, 1, 3, 4))), distance(clips(3, order=(3, 0, 4, 1, 2)))
    assert equal[0] < slower[0] < frozen[0] and frozen[0] == pytest.approx(3.2, abs=0.4)
    assert equal[2] < slower[2] < frozen[2]
    assert equal[1] < swapped[1] < shuffled[1] and shuffled[1] > 5.0 * max(equal[1], frozen[1])
    assert equal[2] < swapped[2] < shuffled[2]


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="three uint8 frames"):
        block_motion(_clip(0)[:2])
    assert motion_features([]).shape == (0, 64) and motion_histograms([]).shape == (0, 2, 256)
