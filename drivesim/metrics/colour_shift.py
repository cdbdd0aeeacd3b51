"""How far the colours of a video's frames have moved from those of its first ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

#: CIE L*a*b* units in one step of OpenCV's 8-bit Lab: lightness is stored as 0-255, a* and b* as they are, plus 128.
_LAB_STEP = np.array([100.0 / 255.0, 1.0, 1.0])


def lab_histograms(frame: np.ndarray) -> np.ndarray:
    """Shares float32 (3, 256) of the pixels of a frame uint8 (H, W, 3) by L*, a* and b*, in steps of 8-bit Lab."""
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)
    counts = [np.bincount(lab[..., channel].ravel(), minlength=256) for channel in range(3)]
    return (np.stack(counts) / lab[..., 0].size).astype(np.float32)


def histogram_shift(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of two Lab histograms (3, 256), in CIE 1976 units of colour difference.

    The 1-D Wasserstein distance of each channel (the area between cumulative shares), joined as the three parts of a
    colour difference are, by the root of the sum of squares. A uniform shift of all pixels gives that shift.
    """
    areas = np.abs(np.cumsum(first.astype(np.float64) - second, axis=1)).sum(axis=1)
    return float(np.linalg.norm(areas * _LAB_STEP))


def shifts_from_first(histograms: Sequence[np.ndarray], num_reference: int) -> np.ndarray:
    """Distance (T,) of each Lab histogram (3, 256) to the mean of the first ``num_reference``, at least one.

    Raises ValueError without histograms.
    """
    if not histograms:
        raise ValueError("no histograms, and so no colours to compare")
    reference = np.mean(histograms[: max(1, num_reference)], axis=0)
    return np.array([histogram_shift(each, reference) for each in histograms])
