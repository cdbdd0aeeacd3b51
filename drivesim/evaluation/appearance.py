"""What drifts in long rollouts: luma, saturation, sharpness and motion of frames, in 8-bit units."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Per-frame curves (T,): mean luma (BT.601), mean HSV saturation, sharpness, and motion.

    ``sharpness`` is the mean absolute top level of a Laplacian pyramid of luma; ``motion`` the mean absolute luma
    difference to the frame before (the first frame repeats the second's).
    """

    luma: np.ndarray
    saturation: np.ndarray
    sharpness: np.ndarray
    motion: np.ndarray


def appearance(frames: np.ndarray) -> Appearance:
    """The curves of uint8 frames (T, H, W, 3), T >= 2."""
    if len(frames) < 2:
        raise ValueError(f"motion needs two frames, got {len(frames)}")
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    motion = np.array([np.mean(cv2.absdiff(after, before)) for before, after in itertools.pairwise(grey)])
    return Appearance(
        luma=np.array([plane.mean() for plane in grey]),
        saturation=np.array([cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 1].mean() for frame in frames]),
        sharpness=np.array([_sharpness(plane) for plane in grey]),
        motion=np.concatenate([motion[:1], motion]),
    )


def _sharpness(grey: np.ndarray) -> float:
    plane = grey.astype(np.float32)
    height, width = plane.shape
    blurred = cv2.pyrUp(cv2.pyrDown(plane), dstsize=(width, height))
    return float(np.mean(np.abs(plane - blurred)))
