"""Obedience of colour: how far the pictures inside the boxes are from the renderer's, region by region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.judges.probe.labels import FrameLabels
from drivesim.metrics.obedience import TALL_PX

#: Corners of a box in pixels: x_min, y_min, x_max, y_max.
PixelBox = tuple[float, float, float, float]


def box_colour_error(picture: np.ndarray, truth: np.ndarray, boxes: Sequence[PixelBox]) -> np.ndarray:
    """Mean absolute difference per channel and pixel (N,), 8-bit units, inside each box of two uint8 pictures."""
    errors = []
    for x_min, y_min, x_max, y_max in boxes:
        window = (
            slice(round(y_min), max(round(y_max), round(y_min) + 1)),
            slice(round(x_min), max(round(x_max), round(x_min) + 1)),
        )
        errors.append(np.mean(np.abs(picture[window].astype(np.float64) - truth[window].astype(np.float64))))
    return np.array(errors)


def colour_sums(frames: np.ndarray, truth: np.ndarray, labels: Sequence[FrameLabels]) -> np.ndarray:
    """Sums (T, 2) of the error inside the boxes that count, and their number, for each frame of two videos (T, H, W, 3).

    Boxes below TALL_PX are left out: they are mostly edge.
    """
    sums = np.zeros((len(frames), 2))
    height, width = frames.shape[1:3]
    for index, label in enumerate(labels):
        if label.boxes is None:
            continue
        boxes = label.boxes.resized(width, height)
        inside = np.clip(
            boxes.xyxy[boxes.counts & (boxes.heights_px >= TALL_PX)], 0.0, [width - 1, height - 1, width, height]
        )
        errors = box_colour_error(frames[index], truth[index], [tuple(row) for row in inside.tolist()])
        sums[index] = float(errors.sum()), len(errors)
    return sums
