"""Colour distances of known shifts, and which channel answers to which tint."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.metrics.colour_distance import ColourDistance, colour_distance, colour_histogram


def _clips(seed: int, count: int = 6) -> list[np.ndarray]:
    """Clips (2, 16, 24, 3) of values 60 to 180."""
    return list(np.random.default_rng(seed).integers(60, 180, (count, 2, 16, 24, 3), dtype=np.uint8))


def _distance(first: list[np.ndarray], second: list[np.ndarray]) -> ColourDistance:
    histograms = (np.stack([colour_histogram(clip) for clip in clips]) for clips in (first, second))
    return colour_distance(*histograms, np.random.default_rng(0), resamples=50)


def test_a_known_shift_is_its_distance() -> None:
    clips = _clips(0)
    found = _distance(clips, [clip + np.array([30, 0, 0], np.uint8) for clip in clips])
    assert found.channels["red"].value == pytest.approx(30.0)
    assert found.channels["green"].value == found.channels["blue"].value == 0.0
    assert found.rgb.value == pytest.approx(10.0)
    assert found.rgb.low <= found.rgb.value <= found.rgb.high


def test_lightness_is_that_of_cielab() -> None:
    dark, bright = (np.full((1, 8, 8, 3), level, np.uint8) for level in (50, 200))
    found = _distance([dark], [bright]).channels
    expected = [cv2.cvtColor((x[0] / 255.0).astype(np.float32), cv2.COLOR_RGB2Lab)[0, 0, 0] for x in (dark, bright)]
    assert found["lightness"].value == pytest.approx(expected[1] - expected[0], abs=0.6)
    assert found["green_red"].value == pytest.approx(0.0, abs=0.01)


def test_tints_are_ranked_and_equal_sources_are_near_the_floor() -> None:
    found = [
        _distance(_clips(0), [clip + np.array([0, 0, tint], np.uint8) for clip in _clips(1)]) for tint in (0, 5, 20, 60)
    ]
    assert [d.rgb.value for d in found] == sorted(d.rgb.value for d in found)
    assert found[0].rgb.value < 1.0 < found[1].rgb.value
    assert found[3].channels["blue_yellow"].value > 10.0 > found[0].channels["blue_yellow"].high


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8 frames"):
        colour_histogram(np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match="colour histograms"):
        colour_distance(np.ones((6, 256)), np.ones((6, 256)), np.random.default_rng(0))
