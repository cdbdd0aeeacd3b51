"""What lies over the finished picture: halos of lamps, rain streaks and snow flakes, all soft and sparse."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from drivesim.noise import NoiseStream


@lru_cache(maxsize=64)
def _halo(radius: int, stretch: int) -> np.ndarray:
    y, x = np.mgrid[-radius * stretch : radius * stretch + 1, -radius : radius + 1].astype(np.float32)
    distance = np.hypot(x / (radius + 0.5), y / (radius * stretch + 0.5))
    return (np.clip(1.0 - distance, 0.0, 1.0) ** 2)[..., None]


def add_halo(picture: np.ndarray, u: float, v: float, radius: float, colour: np.ndarray, stretch: int = 1) -> None:
    """Add a soft spot of light of ``colour`` (3,) 0-1 to ``picture`` float32 (H, W, 3), in place; ``radius`` in pixels."""
    size = int(np.clip(round(radius), 1, 120))
    spot = _halo(size, stretch)
    height, width = picture.shape[:2]
    top, left = round(v) - size * stretch, round(u) - size
    y0, y1 = max(top, 0), min(top + spot.shape[0], height)
    x0, x1 = max(left, 0), min(left + spot.shape[1], width)
    if y1 > y0 and x1 > x0:
        picture[y0:y1, x0:x1] += spot[y0 - top : y1 - top, x0 - left : x1 - left] * colour.astype(np.float32)


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
