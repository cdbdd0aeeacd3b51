"""Smooth tileable noise: the only texture of the procedural world, band-limited so that it never flickers."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

TILE = 256


@lru_cache(maxsize=16)
def noise_tile(seed: int, cells: int) -> np.ndarray:
    """Periodic noise float32 (256, 256), zero mean, about unit range, with ``cells`` bumps along each side."""
    coarse = np.random.default_rng(seed).standard_normal((cells, cells)).astype(np.float32)
    wrapped = np.pad(coarse, 4, mode="wrap")
    scale = TILE / cells
    size = round((cells + 8) * scale)
    smooth = cv2.resize(wrapped, (size, size), interpolation=cv2.INTER_CUBIC)
    edge = round(4 * scale)
    tile = smooth[edge : edge + TILE, edge : edge + TILE]
    return np.ascontiguousarray((tile - tile.mean()) / (2.0 * tile.std()))


def sample_tile(tile: np.ndarray, x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Noise (like ``x``) at coordinates ``x``, ``y`` (float32 (H, W)) of a tile that repeats every ``period``."""
    scale = TILE / period
    return cv2.remap(tile, wrapped(x, scale), wrapped(y, scale), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def wrapped(values: np.ndarray, scale: float, period: int = TILE) -> np.ndarray:
    """``values`` times ``scale``, taken into [0, ``period``); faster than a modulo of floats."""
    turns = values * np.float32(scale / period)
    turns -= np.floor(turns)
    turns *= np.float32(period)
    return turns
