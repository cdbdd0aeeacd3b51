"""Pure functions on poses, boxes and points: right-handed, x forward, y left, z up, yaw positive counter-clockwise.

Nothing here knows a scene or a model; every function takes and returns NumPy arrays in metres and radians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Camera optical axes (x right, y down, z forward) written in vehicle axes (x forward, y left, z up).
VEHICLE_FROM_OPTICAL: FloatArray = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])

# Corners of a unit box in the order: front-left, front-right, rear-right, rear-left; bottom four, then top four.
_UNIT_CORNERS: FloatArray = 0.5 * np.array(
    [
        [1, 1, -1],
        [1, -1, -1],
        [-1, -1, -1],
        [-1, 1, -1],
        [1, 1, 1],
        [1, -1, 1],
        [-1, -1, 1],
        [-1, 1, 1],
    ],
    dtype=np.float64,
)


def wrap_angle(angle_rad: FloatArray | float) -> FloatArray:
    """Angle(s) in radians mapped to [-pi, pi)."""
    return (np.asarray(angle_rad, dtype=np.float64) + np.pi) % (2.0 * np.pi) - np.pi


def turned(points: FloatArray, angle_rad: FloatArray | float) -> FloatArray:
    """Points (N, 2) turned to the left about the origin, by one angle or one each (N,)."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    x, y = points[:, 0], points[:, 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)


def rotation_zyx(yaw_rad: float, pitch_rad: float = 0.0, roll_rad: float = 0.0) -> FloatArray:
    """Rotation matrix (3, 3) of the z-y-x Euler angles of ISO 8855 (yaw, then pitch, then roll)."""
    cy, sy = np.cos(yaw_rad), np.sin(yaw_rad)
    cp, sp = np.cos(pitch_rad), np.sin(pitch_rad)
    cr, sr = np.cos(roll_rad), np.sin(roll_rad)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def euler_zyx(rotation: FloatArray) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in radians of a rotation matrix (3, 3); the inverse of :func:`rotation_zyx`."""
    pitch = float(np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0)))
    yaw = float(np.arctan2(rotation[1, 0], rotation[0, 0]))
    roll = float(np.arctan2(rotation[2, 1], rotation[2, 2]))
    return yaw, pitch, roll


def rotation_of_quaternion(wxyz: FloatArray) -> FloatArray:
    """Rotation matrix (3, 3) of a quaternion (4,) in the order w, x, y, z, whatever its length.

    Raises ValueError for one that is not finite or has no length.
    """
    quaternion = np.asarray(wxyz, dtype=np.float64)
    norm = float(np.linalg.norm(quaternion))
    if quaternion.shape != (4,) or not np.isfinite(norm) or norm == 0.0:
        raise ValueError(f"{quaternion.tolist()} is no rotation: expected four finite numbers w, x, y, z, not all 0")
    w, x, y, z = quaternion / norm
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


def quaternion_of_rotation(rotation: FloatArray) -> FloatArray:
    """Unit quaternion (4,) as w, x, y, z (w not negative) of a rotation matrix (3, 3).

    The eigenvector of largest eigenvalue of Bar-Itzhack's matrix (2000), which is exact near every angle.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.asarray(rotation, dtype=np.float64)
    matrix = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    quaternion = np.linalg.eigh(matrix)[1][:, -1]
    return quaternion if quaternion[0] >= 0.0 else -quaternion


def rigid(rotation: FloatArray, translation: FloatArray) -> FloatArray:
    """Homogeneous transform (4, 4) from a rotation (3, 3) and a translation (3,) in metres."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    return matrix


def invert_rigid(matrix: FloatArray) -> FloatArray:
    """Inverse of a homogeneous rigid transform (4, 4)."""
    rotation_t = matrix[:3, :3].T
    return rigid(rotation_t, -rotation_t @ matrix[:3, 3])


def transform_points(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Points (..., 3) mapped by a homogeneous transform (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def box_corners(centre: FloatArray, length: float, width: float, height: float, yaw_rad: float) -> FloatArray:
    """Corners (8, 3) of an upright box: bottom front-left, front-right, rear-right, rear-left, then the top four."""
    local = _UNIT_CORNERS * np.array([length, width, height])
    return local @ rotation_zyx(yaw_rad).T + np.asarray(centre, dtype=np.float64)


def footprint(x: float, y: float, length: float, width: float, yaw_rad: float) -> FloatArray:
    """Ground rectangle (4, 2) of a box: front-left, front-right, rear-right, rear-left."""
    return box_corners(np.array([x, y, 0.0]), length, width, 0.0, yaw_rad)[:4, :2]


def project(points_camera: FloatArray, intrinsics: FloatArray) -> FloatArray:
    """Pixels (..., 2) of points (..., 3) in the optical frame; the caller keeps depth (z) positive.

    Pixel (0, 0) is the top-left corner of the top-left pixel.
    """
    uvw = points_camera @ intrinsics.T
    return uvw[..., :2] / uvw[..., 2:3]


def unproject(pixels: FloatArray, depth_m: FloatArray, intrinsics: FloatArray) -> FloatArray:
    """Points (..., 3) in the optical frame of pixels (..., 2) at depth ``depth_m`` (...,) along the optical axis."""
    homogeneous = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
    rays = homogeneous @ np.linalg.inv(intrinsics).T
    return rays * np.asarray(depth_m)[..., None]
