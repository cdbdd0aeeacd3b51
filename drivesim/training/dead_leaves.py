"""Dead-leaves pictures: overlapping discs and polygons of random size, colour and soft texture.

Their statistics are close to those of photographs (Lee, Mumford & Huang 2001; Baradad et al. 2021, "Learning to See by
Looking at Noise"), so a codec that also sees them holds on real pictures although it is trained on rendered ones.
"""

from __future__ import annotations

import cv2
import numpy as np


def dead_leaves(rng: np.random.Generator, height: int, width: int, num_shapes: int = 220) -> np.ndarray:
    """One picture uint8 (height, width, 3)."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = rng.integers(0, 256, 3)
    base = rng.uniform(30.0, 225.0, 3)
    spread = rng.uniform(15.0, 90.0)
    largest = 0.5 * height
    for _ in range(num_shapes):
        # Sizes follow a power law with exponent -3 between 2 pixels and half the picture.
        radius = 2.0 / np.sqrt(1.0 - rng.uniform(0.0, 1.0 - (2.0 / largest) ** 2))
        colour = np.clip(base + rng.normal(0.0, spread, 3), 0.0, 255.0).tolist()
        centre = (rng.uniform(0, width), rng.uniform(0, height))
        if rng.uniform() < 0.4:
            axes = (radius, radius * rng.uniform(0.2, 1.0))
            cv2.ellipse(picture, (centre, (2 * axes[0], 2 * axes[1]), rng.uniform(0, 360)), colour, -1, cv2.LINE_AA)
        else:
            count = int(rng.integers(3, 7))
            angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, count))
            points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius * rng.uniform(0.4, 1.6, (count, 1))
            cv2.fillPoly(picture, [np.round(points + centre).astype(np.int32)], colour, cv2.LINE_AA)
    return _textured(picture, rng)


def _textured(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture with soft 1/f noise and a random blur, as lenses and surfaces give."""
    height, width = picture.shape[:2]
    noise = np.zeros((height, width), np.float32)
    for octave in range(1, 6):
        cells = (max(2, width >> octave), max(2, height >> octave))
        coarse = rng.normal(0.0, 1.0, cells[::-1]).astype(np.float32)
        noise += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 2.0 ** (octave - 5)
    textured = picture.astype(np.float32) + rng.uniform(0.0, 18.0) * noise[..., None]
    textured = cv2.GaussianBlur(textured, (0, 0), rng.uniform(0.4, 1.2))
    return np.clip(textured, 0, 255).astype(np.uint8)
