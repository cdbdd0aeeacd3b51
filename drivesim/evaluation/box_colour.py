"""Obedience of colour: how far the pictures inside the boxes are from the renderer's, region by region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
