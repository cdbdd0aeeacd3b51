"""Where the flat ground and the far sky move in the picture when the ego moves."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.scene import Camera, Pose


def ground_homography(camera: Camera, at: Pose, other: Pose) -> FloatArray:
    """Homography (3, 3) that takes pixels of the ground z = 0 seen from ego pose ``at`` to those seen from ``other``.

    For a plane n.X = d of the first optical frame it is K (R + t n^T / d) K^-1 (Hartley and Zisserman 2004, eq. 13.2).
    The third component of its result is positive for points in front of the other camera.
    """
    first, second = camera.optical_from_world(at), camera.optical_from_world(other)
    motion = second @ np.linalg.inv(first)
    normal = first[:3, :3] @ np.array([0.0, 0.0, 1.0])
    height = float(normal @ first[:3, 3])  # the ground holds normal . X = height, negative below the camera
    intrinsics = camera.intrinsics()
    plane = motion[:3, :3] + np.outer(motion[:3, 3], normal) / height
    return intrinsics @ plane @ np.linalg.inv(intrinsics)


def sky_homography(camera: Camera, at: Pose, other: Pose) -> FloatArray:
    """Homography (3, 3) of points infinitely far away: only the rotation counts."""
    motion = camera.optical_from_world(other)[:3, :3] @ camera.optical_from_world(at)[:3, :3].T
    intrinsics = camera.intrinsics()
    return intrinsics @ motion @ np.linalg.inv(intrinsics)


def pixel_centres(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions u (1, W) and v (H, 1) of the middles of all pixels, float32, which broadcast to (H, W)."""
    single = np.float32
    return np.arange(width, dtype=single)[None] + single(0.5), np.arange(height, dtype=single)[:, None] + single(0.5)


def mapped(homography: FloatArray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (H, W) of pixels under a homography, and the third component, before it divides; all float32.

    Points at or behind the other camera (third component not positive) land far outside the picture, on their side.
    """
    x, y, w = (row[0] * u + (row[1] * v + row[2]) for row in homography.astype(np.float32))
    safe = np.maximum(w, np.float32(1e-6))
    return x / safe, y / safe, w


def ground_depth(camera: Camera, ego: Pose) -> np.ndarray:
    """Depth (H, W) of the flat ground along the optical axis, infinite at and above the horizon."""
    optical = camera.optical_from_world(ego)
    u, v = pixel_centres(camera.width, camera.height)
    normal = optical[:3, 2]
    height = float(normal @ optical[:3, 3])
    across, down = normal[0] * (u - camera.cx) / camera.fx, normal[1] * (v - camera.cy) / camera.fy + normal[2]
    inverse = ((across + down) / height).astype(np.float32)
    return np.divide(1.0, inverse, out=np.full(inverse.shape, np.inf, dtype=np.float32), where=inverse > 1e-7)
