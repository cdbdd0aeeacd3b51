"""Overlap of boxes in the picture."""

from __future__ import annotations

import numpy as np


def intersections(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Shared area (A, B) of boxes (A, 4) and (B, 4), each left, top, right, bottom."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.prod(np.maximum(high - low, 0.0), axis=2)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Area (A,) of boxes (A, 4)."""
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (A, B) of boxes (A, 4) and (B, 4); 0 where both are empty."""
    shared = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0)
