"""Flicker: what changes from frame to frame although nothing moves it.

The warped difference takes away the motion first (Lai et al. 2018, "Learning blind video temporal consistency", eq. 11,
here as a mean absolute difference). Which flow is used decides what the figure means, so every figure names it: the
renderer's exact flow, or the flow of what was told.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np


class PixelFlow(Protocol):
    """``displacement`` (H, W, 2) from pixels of a frame to the frame before it, and where that is ``valid`` (H, W)."""

    @property
    def displacement(self) -> np.ndarray: ...
    @property
    def valid(self) -> np.ndarray: ...


def warp(before: np.ndarray, flow: PixelFlow) -> np.ndarray:
    """The frame before, uint8 (H, W, 3), sampled bilinearly where the flow of the frame after it points."""
    return _sampled(before, flow.displacement)


def warped_difference(before: np.ndarray, after: np.ndarray, flow: PixelFlow) -> float:
    """Mean |after - warp(before)| over valid pixels and channels, in 8-bit units; NaN without a valid pixel.

    ``flow`` leads from pixels of ``after`` to ``before``.
    """
    if before.shape != after.shape or flow.valid.shape != after.shape[:2]:
        raise ValueError(
            f"frames of {before.shape} and {after.shape} with a flow of {flow.valid.shape}; they must agree"
        )
    if not flow.valid.any():
        return float("nan")
    return float(cv2.absdiff(after, warp(before, flow))[flow.valid].mean())


def warped_flicker(frames: Iterable[np.ndarray], flows: Iterable[PixelFlow]) -> np.ndarray:
    """The warped difference (T - 1,) of each frame to the one before it, for T frames uint8 (H, W, 3).

    ``flows`` gives T - 1, the first from frame 1 to frame 0. Raises ValueError when there are fewer or more.
    """
    pairs = zip(itertools.pairwise(frames), flows, strict=True)
    return np.array([warped_difference(before, after, flow) for (before, after), flow in pairs])


@dataclass(frozen=True, kw_only=True, eq=False)
class PlainFlicker:
    """High frequencies in time, without regard to motion, in 8-bit units, (T - 2,) each, of frames 1 to T - 2.

    ``pixels`` mean |I(t-1) - 2 I(t) + I(t+1)| / 4 over all pixels: high also where textures move fast. ``brightness`` the
    same of the mean luma alone, which motion hardly changes.
    """

    pixels: np.ndarray
    brightness: np.ndarray


def plain_flicker(frames: Iterable[np.ndarray]) -> PlainFlicker:
    """Second differences in time of luma (BT.601) of frames uint8 (H, W, 3), three in memory. ValueError below three.

    0 for a video that stands still, and for one that brightens evenly; a frame-to-frame change of +a, -a, +a gives a.
    """
    window: list[np.ndarray] = []
    pixels, brightness = [], []
    for frame in frames:
        window = [*window[-2:], cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)]
        if len(window) == 3:
            second = (window[0] - 2.0 * window[1] + window[2]) / 4.0
            pixels.append(float(np.abs(second).mean()))
            brightness.append(abs(float(second.mean())))
    if not pixels:
        raise ValueError(f"flicker needs three frames, got {len(window)}")
    return PlainFlicker(pixels=np.array(pixels), brightness=np.array(brightness))


def _sampled(picture: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    places = displacement.astype(np.float32)
    return cv2.remap(
        picture, columns + places[..., 0], rows + places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
