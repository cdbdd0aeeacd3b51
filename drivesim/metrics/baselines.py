"""Videos that a metric must not be content with: the first frame held still, and the first frame moved along.

A figure that a frozen or a shifted picture reaches as well says nothing about a world model.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from drivesim.metrics.ground_plane import ground_depth, ground_homography, mapped, pixel_centres, sky_homography
from drivesim.scene import Camera, Track


def frozen(first_frame: np.ndarray, num_frames: int) -> Iterator[np.ndarray]:
    """``num_frames`` copies of a frame uint8 (H, W, 3)."""
    for _ in range(num_frames):
        yield first_frame.copy()


def shifted(first_frame: np.ndarray, camera: Camera, ego: Track) -> Iterator[np.ndarray]:
    """The first frame uint8 (H, W, 3) re-projected to each pose of ``ego``, beginning with the first pose.

    Everything below the horizon is taken to lie on flat ground, everything above to be infinitely far. What left or never
    was in the first frame is filled with its nearest border. Objects smear; nothing that the first frame hides appears.
    """
    height, width = first_frame.shape[:2]
    view, start = camera.resized(width, height), ego.pose(0)
    u, v = pixel_centres(width, height)
    for frame in range(len(ego)):
        now = ego.pose(frame)
        ground = np.isfinite(ground_depth(view, now))
        below, above = (mapped(plane(view, now, start), u, v) for plane in (ground_homography, sky_homography))
        column, row = (np.where(ground, near, far) for near, far in zip(below[:2], above[:2], strict=True))
        yield cv2.remap(
            first_frame,
            np.clip(column - np.float32(0.5), 0.0, width - 1.0),
            np.clip(row - np.float32(0.5), 0.0, height - 1.0),
            cv2.INTER_LINEAR,
        )
