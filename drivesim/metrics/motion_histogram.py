"""Distances of motion: displacement and acceleration of picture blocks, after FVMD (Liu et al. 2024, arXiv 2407.16124).

FVMD follows key points with a learned tracker; here dense inverse search (Kroeger et al. 2016, in OpenCV) at low
resolution takes its place, so the numbers compare with each other and not with published FVMD.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from einops import rearrange, reduce

from drivesim.metrics.estimate import Estimate
from drivesim.metrics.wasserstein import wasserstein_estimate

HEIGHT = 64
"""Frames are reduced to this height (the width in proportion); displacements are in pixels of that size per frame."""
BLOCK = 8
NUM_DIRECTIONS = 8
REGIONS = 2
"""Histograms are kept apart for 2 x 2 regions of the picture: motion left and right, far and near, differ in driving."""
BIN_PX, NUM_BINS = 0.125, 256
"""Histograms of magnitude: bins of an eighth of a pixel; the last holds all from 32 pixels on."""


@dataclass(frozen=True, kw_only=True)
class BlockMotion:
    """Mean ``displacement`` (T - 1, rows, columns, 2) per block in pixels a frame, and its change ``acceleration`` (T - 2, ...).

    The change is taken at a fixed block, not along a trajectory. x is to the right, y down.
    """

    displacement: np.ndarray
    acceleration: np.ndarray


@dataclass(frozen=True, kw_only=True)
class MotionDistance:
    """Wasserstein distances of magnitudes: ``displacement`` in pixels a frame, ``acceleration`` in pixels a frame squared."""

    displacement: Estimate
    acceleration: Estimate


def block_motion(frames: np.ndarray) -> BlockMotion:
    """Motion of uint8 RGB frames (T, H, W, 3), T >= 3, in blocks of 8 pixels of frames 64 pixels high."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or len(frames) < 3:
        raise ValueError(f"acceleration needs three uint8 frames (T, H, W, 3), got {frames.dtype} {frames.shape}")
    width = max(2, round(frames.shape[2] * HEIGHT / frames.shape[1] / BLOCK)) * BLOCK
    small = [
        cv2.cvtColor(cv2.resize(frame, (width, HEIGHT), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in frames
    ]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    flow = np.stack([search.calc(before, after, None) for before, after in itertools.pairwise(small)])  # type: ignore[call-overload]
    blocks = reduce(flow, "t (y h) (x w) c -> t y x c", "mean", h=BLOCK, w=BLOCK)
    return BlockMotion(displacement=blocks, acceleration=np.diff(blocks, axis=0))


def motion_features(motions: Iterable[BlockMotion]) -> np.ndarray:
    """Features float64 (N, 64) of the motion of N clips, for Fréchet distance and MMD.

    Per region of the picture and direction (8): the mean over blocks and frames of ``log2(1 + magnitude)`` of the vectors
    that point there, for displacement and for acceleration. Not divided by the total: a frozen clip is all zeros.
    """
    rows = [np.concatenate([_directions(m.displacement), _directions(m.acceleration)]) for m in motions]
    return np.stack(rows) if rows else np.zeros((0, 2 * REGIONS**2 * NUM_DIRECTIONS))


def motion_histograms(motions: Iterable[BlockMotion]) -> np.ndarray:
    """Counts int64 (N, 2, 256) of magnitudes of block displacements and accelerations of N clips, bins of 1/8 pixel."""
    rows = [np.stack([_magnitudes(m.displacement), _magnitudes(m.acceleration)]) for m in motions]
    return np.stack(rows) if rows else np.zeros((0, 2, NUM_BINS), dtype=np.int64)


def motion_distance(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, resamples: int = 300
) -> MotionDistance:
    """Wasserstein distances between the pooled :func:`motion_histograms` (N, 2, 256) of two sets, intervals over clips.

    A frozen video is far in displacement, a shuffled or jerky one in acceleration.
    """
    return MotionDistance(
        displacement=wasserstein_estimate(first[:, 0], second[:, 0], BIN_PX, rng, resamples),
        acceleration=wasserstein_estimate(first[:, 1], second[:, 1], BIN_PX, rng, resamples),
    )


def _magnitudes(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1).ravel()
    return np.bincount(np.minimum(length / BIN_PX, NUM_BINS - 1).astype(int), minlength=NUM_BINS)


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Features (32,): region by region, direction by direction."""
    columns = vectors.shape[2] // REGIONS * REGIONS
    regions = rearrange(vectors[:, :, :columns], "t (a y) (b x) c -> (a b) (t y x) c", a=REGIONS, b=REGIONS)
    weight = np.log2(1.0 + np.linalg.norm(regions, axis=-1))
    angle = np.arctan2(regions[..., 1], regions[..., 0])
    direction = np.round(angle / (2.0 * np.pi) * NUM_DIRECTIONS).astype(int) % NUM_DIRECTIONS
    sums = [
        np.bincount(where, weights=much, minlength=NUM_DIRECTIONS)
        for where, much in zip(direction, weight, strict=True)
    ]
    return np.concatenate(sums) / regions.shape[1]
