"""Colour distance: 1-D Wasserstein distances of RGB and CIELAB channels between sets of clips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.metrics.estimate import Estimate
from drivesim.metrics.wasserstein import wasserstein_estimate

CHANNELS = ("red", "green", "blue", "lightness", "green_red", "blue_yellow")


@dataclass(frozen=True, kw_only=True)
class ColourDistance:
    """``rgb``: mean over the three channels, in 8-bit levels. ``channels``: each of CHANNELS by name.

    Lightness L* is in its unit of 0 to 100, ``green_red`` a* and ``blue_yellow`` b* in theirs.
    """

    rgb: Estimate
    channels: dict[str, Estimate]


def colour_histogram(frames: np.ndarray) -> np.ndarray:
    """Counts int64 (6, 256) of the values of CHANNELS over all pixels of uint8 RGB frames (T, H, W, 3).

    Rows 3 to 5 are OpenCV's 8-bit CIELAB (D65): L* * 2.55, a* + 128, b* + 128. Histograms add up over clips.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        raise ValueError(f"expected uint8 frames (T, H, W, 3), got {frames.dtype} {frames.shape}")
    counts = np.zeros((6, 256), dtype=np.int64)
    for frame in frames:
        for offset, planes in ((0, frame), (3, cv2.cvtColor(frame, cv2.COLOR_RGB2Lab))):
            for channel in range(3):
                counts[offset + channel] += np.bincount(planes[..., channel].ravel(), minlength=256)
    return counts


def colour_distance(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, resamples: int = 300
) -> ColourDistance:
    """Distance of two sets of clips by their :func:`colour_histogram` (N, 6, 256) and (M, 6, 256), intervals over clips.

    Weather and time of day move it more than a model does: compare sets of the same scenes, or with the floor.
    """
    first, second = np.asarray(first), np.asarray(second)
    for counts in (first, second):
        if counts.ndim != 3 or counts.shape[1:] != (6, 256):
            raise ValueError(f"expected colour histograms (N, 6, 256), got {counts.shape}")
    units = (1.0, 1.0, 1.0, 100.0 / 255.0, 1.0, 1.0)
    return ColourDistance(
        rgb=wasserstein_estimate(first[:, :3], second[:, :3], 1.0, rng, resamples),
        channels={
            name: wasserstein_estimate(first[:, row], second[:, row], unit, rng, resamples)
            for row, (name, unit) in enumerate(zip(CHANNELS, units, strict=True))
        },
    )
