"""Paints projected polygons far to near with OpenCV, at twice the image size; labels are painted at the image size."""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.renderer.projection import Polygons

_SHIFT = 4
SUPERSAMPLE = 2


def _fixed_point(corners: np.ndarray, scale: int) -> np.ndarray:
    """OpenCV fixed-point positions int32 of pixel positions on a canvas ``scale`` times as large."""
    canvas = np.clip(corners * scale - 0.5, -15000.0, 15000.0)
    return np.round(canvas * (1 << _SHIFT)).astype(np.int32)


def paint_rgb(background: np.ndarray, polygons: Polygons) -> np.ndarray:
    """The picture uint8 (H, W, 3) with all polygons over ``background`` uint8 (H, W, 3)."""
    height, width = background.shape[:2]
    canvas = cv2.resize(background, (width * SUPERSAMPLE, height * SUPERSAMPLE), interpolation=cv2.INTER_NEAREST)
    colours = np.round(polygons.rgb * 255.0).tolist()
    corners = _fixed_point(polygons.corners, SUPERSAMPLE)
    for outline, count, colour in zip(corners, polygons.count.tolist(), colours, strict=True):
        cv2.fillConvexPoly(canvas, outline[:count], colour, cv2.LINE_8, _SHIFT)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)


def paint_labels(polygons: Polygons, depth: np.ndarray, semantic: np.ndarray, instance: np.ndarray) -> None:
    """Write depth, class and instance of all polygons over those of the ground, in place."""
    number = np.zeros(depth.shape, dtype=np.int32)
    corners = _fixed_point(polygons.corners, 1)
    for index, (outline, count) in enumerate(zip(corners, polygons.count.tolist(), strict=True)):
        cv2.fillConvexPoly(number, outline[:count], (index + 1,), cv2.LINE_8, _SHIFT)
    v, u = np.nonzero(number)
    polygon = number[v, u] - 1
    plane = polygons.plane[polygon]
    inverse = plane[:, 0] * (u + 0.5) + plane[:, 1] * (v + 0.5) + plane[:, 2]
    inverse = np.clip(inverse, 1.0 / polygons.farthest[polygon], 1.0 / polygons.nearest[polygon])
    depth[v, u] = 1.0 / inverse
    semantic[v, u] = polygons.semantic[polygon]
    instance[v, u] = polygons.instance[polygon]
