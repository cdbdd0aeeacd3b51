"""Cast shadows: footprints swept along the sun's direction over the ground, and contact shadows under bodies."""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.renderer.clipping import clip_near
from drivesim.renderer.lighting import Lighting
from drivesim.renderer.view import CameraView
from drivesim.scene import Box

_NEAR_M = 0.4
_FAR_M = 130.0
_CONTACT = 0.45
#: No shadow of a box reaches farther than this, and no principal point is so far off centre as to double a half-width.
_REACH_M = 32.0
_OFF_CENTRE = 2.0
_SHIFT = 4


def shadow_reach(lighting: Lighting) -> np.ndarray | None:
    """How far (2,) a shadow moves over the ground per metre of height, or None where the sun casts none."""
    if lighting.shadow_share() < 0.04 or lighting.sun_direction[2] < 0.05:
        return None
    return -lighting.sun_direction[:2] / lighting.sun_direction[2]


def swept_shadow(footprint: np.ndarray, reach: np.ndarray, low: float, high: float) -> np.ndarray:
    """Outline (N, 2) of the shadow of a footprint (M, 2), world metres, swept from height ``low`` to ``high``."""
    swept = np.concatenate([footprint + reach * low, footprint + reach * high]).astype(np.float32)
    return cv2.convexHull(swept)[:, 0].astype(np.float64)


def shadow_mask(
    view: CameraView, optical: np.ndarray, boxes: list[Box], cast: list[np.ndarray], lighting: Lighting
) -> np.ndarray:
    """Share (rows, W) float32 of the ground's light that shadows take away; ``optical`` (4, 4) maps world to camera.

    ``cast`` holds the outlines of the shadows of scenery; those of ``boxes`` are worked out here.
    """
    mask = np.zeros((view.camera.height, view.camera.width), dtype=np.uint8)
    reach = shadow_reach(lighting)
    outlines = list(cast)
    contact = []
    for box in boxes:
        place = optical[:3, :3] @ (box.x, box.y, box.z) + optical[:3, 3]
        aside = max(float(place[2]), 0.0) * 0.5 * view.camera.width / view.camera.fx
        hidden = place[2] < -_REACH_M or abs(place[0]) > aside * _OFF_CENTRE + _REACH_M
        if hidden or np.linalg.norm(place) > _FAR_M + box.length:
            continue
        foot = box.corners()[:4, :2]
        low = box.z - 0.5 * box.height
        if reach is not None:
            outlines.append(swept_shadow(foot, reach, low, low + 0.9 * box.height))
        middle = foot.mean(0)
        contact.append(middle + (foot - middle) * 1.03)
    _paint(mask, outlines, optical, view, round(255 * lighting.shadow_share()))
    _paint(mask, contact, optical, view, round(255 * _CONTACT))
    return mask[view.top :].astype(np.float32) / np.float32(255.0)


def _paint(mask: np.ndarray, outlines: list[np.ndarray], optical: np.ndarray, view: CameraView, value: int) -> None:
    if not outlines:
        return
    camera = view.camera
    counts = [len(outline) for outline in outlines]
    place = np.concatenate(outlines) @ optical[:3, :2].T + optical[:3, 3]
    start = 0
    for count in counts:
        corners = place[start : start + count]
        start += count
        nearest = corners[:, 2].min()
        if corners[:, 2].max() < _NEAR_M or nearest > _FAR_M:
            continue
        if nearest < _NEAR_M:
            corners = clip_near(corners, _NEAR_M)
        pixels = corners[:, :2] / corners[:, 2:] * (camera.fx, camera.fy) + (camera.cx - 0.5, camera.cy - 0.5)
        if pixels[:, 0].max() < 0 or pixels[:, 0].min() > camera.width or pixels[:, 1].min() > camera.height:
            continue
        fixed = np.clip(pixels * (1 << _SHIFT), -240000, 240000).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, (value,), cv2.LINE_AA, _SHIFT)
