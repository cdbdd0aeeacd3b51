"""Cuts polygons at a plane in front of the camera, so that what lies behind it is never projected."""

from __future__ import annotations

import numpy as np


def clip_near(points: np.ndarray, near_m: float) -> np.ndarray:
    """The part (M, 3) of a convex polygon (N, 3), optical frame, with z >= ``near_m``; M is 0 when all lies behind."""
    kept = []
    for first, second in zip(points, np.roll(points, -1, axis=0), strict=True):
        if first[2] >= near_m:
            kept.append(first)
        if (first[2] >= near_m) != (second[2] >= near_m):
            share = (near_m - first[2]) / (second[2] - first[2])
            kept.append(first + share * (second - first))
    return np.array(kept).reshape(-1, 3)
