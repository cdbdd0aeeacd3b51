"""What lies over the finished picture: halos of lamps, rain streaks and snow flakes, all soft and sparse."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from drivesim.noise import NoiseStream
from drivesim.renderer.lighting import Lighting


@lru_cache(maxsize=64)
def _halo(radius: int, stretch: int) -> np.ndarray:
    y, x = np.mgrid[-radius * stretch : radius * stretch + 1, -radius : radius + 1].astype(np.float32)
    distance = np.hypot(x / (radius + 0.5), y / (radius * stretch + 0.5))
    return (np.clip(1.0 - distance, 0.0, 1.0) ** 2)[..., None]


def _add_spot(picture: np.ndarray, u: float, v: float, radius: float, colour: np.ndarray, stretch: int) -> None:
    size = int(np.clip(round(radius), 1, 90))
    spot = _halo(size, stretch)
    height, width = picture.shape[:2]
    top, left = round(v) - size * stretch, round(u) - size
    y0, y1 = max(top, 0), min(top + spot.shape[0], height)
    x0, x1 = max(left, 0), min(left + spot.shape[1], width)
    if y1 <= y0 or x1 <= x0:
        return
    light = spot[y0 - top : y1 - top, x0 - left : x1 - left] * colour.astype(np.float32)
    target = picture[y0:y1, x0:x1]
    if picture.dtype == np.uint8:
        picture[y0:y1, x0:x1] = cv2.add(target, np.round(light * 255.0).astype(np.uint8))
    else:
        target += light


def add_halos(picture: np.ndarray, lights: np.ndarray, lighting: Lighting, focal: float) -> None:
    """Add a soft halo to each of ``Polygons.lights`` that shows in ``picture`` uint8 (H, W, 3), in place."""
    strength = 0.65 * lighting.darkness
    if strength < 0.05:
        return
    height, width = picture.shape[:2]
    for u, v, _, depth, red, green, blue in lights.tolist():
        if not (0 <= u < width and 0 <= v < height):
            continue
        colour = np.array([red, green, blue])
        if np.abs(picture[int(v), int(u)] / 255.0 - colour).max() < 0.25:
            bright = float(colour.mean())
            _add_spot(picture, u, v, focal * (0.2 + 0.35 * bright) / depth + 0.006 * height, colour * strength, 1)


def reflect_lights(picture: np.ndarray, lights: np.ndarray, lighting: Lighting, focal: float) -> None:
    """Add the long reflections of lamps on a wet road to ``picture`` float32 (H, W, 3), in place."""
    strength = 0.45 * lighting.wetness * (0.25 + 0.65 * lighting.darkness)
    if strength < 0.05:
        return
    for u, _, mirror_v, depth, red, green, blue in lights.tolist():
        if depth < 90.0:
            radius = 0.16 * focal / depth + 0.8
            _add_spot(picture, u, mirror_v, radius, np.array([red, green, blue]) * strength, 5)


def precipitation(picture: np.ndarray, rain: float, snow: float, seed: int, frame: int) -> None:
    """Draw a few soft streaks of rain or flakes of snow over ``picture`` uint8 (H, W, 3), in place."""
    if rain < 0.05 and snow < 0.05:
        return
    height, width = picture.shape[:2]
    rng = NoiseStream(seed).named("precipitation").child(frame).rng()
    veil = picture.copy()
    if rain >= 0.05:
        for _ in range(int(26 * rain)):
            x, y = rng.uniform(0, width), rng.uniform(-0.1, 0.9) * height
            length = rng.uniform(0.04, 0.09) * height
            slant = 0.12 * (x - 0.5 * width) / width * length
            _line(veil, x, y, x + slant, y + length, max(1, height // 300), (205, 210, 216))
    if snow >= 0.05:
        for _ in range(int(70 * snow)):
            x, y, size = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.7, 1.9) * height / 256
            centre = (round(x * 16), round(y * 16))
            cv2.circle(veil, centre, max(12, round(size * 16)), (238, 240, 244), -1, cv2.LINE_AA, 4)
    share = 0.30 if rain >= 0.05 else 0.55
    cv2.addWeighted(veil, share, picture, 1.0 - share, 0.0, dst=picture)


def _line(
    canvas: np.ndarray, x0: float, y0: float, x1: float, y1: float, thickness: int, colour: tuple[int, int, int]
) -> None:
    first, second = (round(x0 * 16), round(y0 * 16)), (round(x1 * 16), round(y1 * 16))
    cv2.line(canvas, first, second, colour, thickness, cv2.LINE_AA, 4)
