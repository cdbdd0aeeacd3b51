"""Cast shadows: footprints swept along the sun's direction over the ground, and soft contact shadows under bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesim.datasets.procedural.lighting import Lighting
from drivesim.datasets.procedural.painter import fill, fixed_point
from drivesim.datasets.procedural.view import CameraView
from drivesim.scene import Box

if TYPE_CHECKING:
    from drivesim.datasets.procedural.roadside import Standing

_NEAR_M = 0.4
_CONTACT = 0.45


def shadow_mask(
    view: CameraView, optical: np.ndarray, boxes: list[Box], casters: list[Standing], lighting: Lighting
) -> np.ndarray:
    """Share (rows, W) float32 of the ground's light that shadows take away; ``optical`` (4, 4) maps world to camera."""
    camera = view.camera
    mask = np.zeros((camera.height, camera.width), dtype=np.uint8)
    share = lighting.shadow_share()
    if share > 0.04 and lighting.sun_direction[2] > 0.05:
        reach = -lighting.sun_direction[:2] / lighting.sun_direction[2]
        for caster in casters:
            swept = np.concatenate([caster.footprint + reach * caster.low, caster.footprint + reach * caster.high])
            _paint(mask, swept, optical, view, share)
        for box in boxes:
            foot = box.corners()[:4, :2]
            low = box.z - 0.5 * box.height
            _paint(
                mask,
                np.concatenate([foot + reach * low, foot + reach * (low + 0.9 * box.height)]),
                optical,
                view,
                share,
            )
    for box in boxes:
        foot = box.corners()[:4, :2]
        middle = foot.mean(0)
        _paint(mask, middle + (foot - middle) * 1.03, optical, view, _CONTACT)
    return mask[view.top :].astype(np.float32) / np.float32(255.0)


def _paint(mask: np.ndarray, points: np.ndarray, optical: np.ndarray, view: CameraView, share: float) -> None:
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    camera = view.camera
    place = hull @ optical[:3, :2].T + optical[:3, 3]
    if place[:, 2].max() < _NEAR_M:
        return
    if place[:, 2].min() < _NEAR_M:
        place = _clip(place)
        if len(place) < 3:
            return
    pixels = place[:, :2] / place[:, 2:] * np.array([camera.fx, camera.fy]) + np.array([camera.cx, camera.cy])
    if pixels[:, 0].max() < 0 or pixels[:, 0].min() > camera.width or pixels[:, 1].min() > camera.height:
        return
    fill(mask, fixed_point(pixels, 1), round(255 * share), smooth=True)


def _clip(place: np.ndarray) -> np.ndarray:
    kept = []
    for first, second in zip(place, np.roll(place, -1, axis=0), strict=True):
        if first[2] >= _NEAR_M:
            kept.append(first)
        if (first[2] >= _NEAR_M) != (second[2] >= _NEAR_M):
            kept.append(first + (_NEAR_M - first[2]) / (second[2] - first[2]) * (second - first))
    return np.array(kept)
