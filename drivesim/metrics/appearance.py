"""What drifts in long rollouts: luma, contrast, saturation, sharpness and motion of frames, in 8-bit units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Per-frame curves (T,): mean luma (BT.601), contrast, mean HSV saturation, sharpness, and motion.

    ``contrast`` is the standard deviation of luma; ``sharpness`` the mean absolute top level of a Laplacian pyramid of
    luma; ``motion`` the mean absolute luma difference to the frame before (the first frame repeats the second's).
    """

    luma: np.ndarray
    contrast: np.ndarray
    saturation: np.ndarray
    sharpness: np.ndarray
    motion: np.ndarray


def appearance(frames: Iterable[np.ndarray]) -> Appearance:
    """The curves of T >= 2 frames uint8 (H, W, 3), an array or a stream, of which two are held at a time."""
    rows: list[tuple[float, float, float, float]] = []
    motion: list[float] = []
    before: np.ndarray | None = None
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        saturation = float(cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 1].mean())
        rows.append((float(grey.mean()), float(grey.std()), saturation, _sharpness(grey)))
        if before is not None:
            motion.append(float(np.mean(cv2.absdiff(grey, before))))
        before = grey
    if len(rows) < 2:
        raise ValueError(f"motion needs two frames, got {len(rows)}")
    luma, contrast, saturations, sharpness = np.array(rows).T
    return Appearance(
        luma=luma,
        contrast=contrast,
        saturation=saturations,
        sharpness=sharpness,
        motion=np.array([motion[0], *motion]),
    )


def _sharpness(grey: np.ndarray) -> float:
    plane = grey.astype(np.float32)
    height, width = plane.shape
    blurred = cv2.pyrUp(cv2.pyrDown(plane), dstsize=(width, height))
    return float(np.mean(np.abs(plane - blurred)))
