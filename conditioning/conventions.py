"""Boxes and cameras in the conventions of neighbouring tools, to and from this package's own.

Own convention: x forward, y left, z up, box centre, length along the heading, yaw counter-clockwise in radians. Each
converter changes axes, angle and size order only; where origins differ too, :func:`move_box` takes a transform.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.geometry import FloatArray, invert_rigid, rigid, transform_points, wrap_angle
from drivesim.scene import Box, Camera, Pose

#: LIDAR_TOP of nuScenes in the ego frame: its own x points right and its y forward.
NUSCENES_LIDAR_MOUNT = Pose(x=0.94, z=1.84, yaw_rad=-np.pi / 2)


def move_box(box: Box, matrix: FloatArray) -> Box:
    """The box after a rigid transform (4, 4) that keeps z upright, such as ``ego.matrix()``."""
    x, y, z = (float(v) for v in transform_points(matrix, np.array([box.x, box.y, box.z])))
    turn = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return dataclasses.replace(box, x=x, y=y, z=z, yaw_rad=float(wrap_angle(box.yaw_rad + turn)))


@dataclass(frozen=True, kw_only=True, eq=False)
class NuScenesBox:
    """A row of nuScenes' sample_annotation: centre, size as width, length, height, quaternion as w, x, y, z."""

    translation: FloatArray
    size_wlh: FloatArray
    rotation_wxyz: FloatArray


def from_nuscenes_global(annotation: NuScenesBox, global_from_ego: FloatArray) -> Box:
    """A nuScenes annotation in the ego frame whose pose in the global frame is ``global_from_ego`` (4, 4).

    A box's pitch and roll, which nuScenes' boxes hardly have, are dropped.
    """
    yaw = _yaw_of_quaternion(annotation.rotation_wxyz)
    in_global = Box.from_wlh(centre=annotation.translation, wlh=annotation.size_wlh, yaw_rad=yaw)
    return move_box(in_global, invert_rigid(global_from_ego))


def to_nuscenes_global(box: Box, global_from_world: FloatArray) -> NuScenesBox:
    """A box of the world frame as a nuScenes annotation; ``global_from_world`` (4, 4) places the world."""
    moved = move_box(box, global_from_world)
    half = 0.5 * moved.yaw_rad
    return NuScenesBox(
        translation=np.array([moved.x, moved.y, moved.z]),
        size_wlh=moved.to_wlh(),
        rotation_wxyz=np.array([np.cos(half), 0.0, 0.0, np.sin(half)]),
    )


def from_nuscenes_lidar(
    centre: FloatArray, size_wlh: FloatArray, yaw_rad: float, mount: Pose = NUSCENES_LIDAR_MOUNT
) -> Box:
    """A box of nuScenes' lidar frame (x right, y forward, yaw counter-clockwise from x) in the ego frame."""
    return move_box(Box.from_wlh(centre=centre, wlh=size_wlh, yaw_rad=yaw_rad), mount.matrix())


def to_nuscenes_lidar(box: Box, mount: Pose = NUSCENES_LIDAR_MOUNT) -> tuple[FloatArray, FloatArray, float]:
    """Centre (3,), size as width, length, height (3,), and yaw of an ego-frame box in nuScenes' lidar frame."""
    moved = move_box(box, invert_rigid(mount.matrix()))
    return np.array([moved.x, moved.y, moved.z]), moved.to_wlh(), moved.yaw_rad


def from_carla(centre: FloatArray, extent: FloatArray, yaw_deg: float) -> Box:
    """A CARLA box: left-handed axes (y right), half sizes along x, y, z, yaw clockwise in degrees."""
    x, y, z = (float(v) for v in centre)
    sizes = 2.0 * np.asarray(extent, dtype=np.float64)
    return Box.from_lwh(centre=np.array([x, -y, z]), lwh=sizes, yaw_rad=float(wrap_angle(-np.deg2rad(yaw_deg))))


def to_carla(box: Box) -> tuple[FloatArray, FloatArray, float]:
    """Centre (3,), extent (3,) of half sizes and yaw in degrees of a box in CARLA's left-handed axes."""
    extent = 0.5 * np.array([box.length, box.width, box.height])
    return np.array([box.x, -box.y, box.z]), extent, float(np.rad2deg(-box.yaw_rad))


def from_scenic(position: FloatArray, width: float, length: float, height: float, heading_rad: float) -> Box:
    """A Scenic object: the same axes, but a heading counted counter-clockwise from y instead of x."""
    yaw = float(wrap_angle(heading_rad + np.pi / 2))
    return Box.from_wlh(centre=position, wlh=np.array([width, length, height]), yaw_rad=yaw)


def to_scenic(box: Box) -> tuple[FloatArray, float]:
    """Position (3,) and heading in radians of a box for Scenic; its width, length and height stay as they are."""
    return np.array([box.x, box.y, box.z]), float(wrap_angle(box.yaw_rad - np.pi / 2))


def from_kitti(location: FloatArray, size_hwl: FloatArray, rotation_y: float, mount: Pose) -> Box:
    """A KITTI label: bottom centre in the camera frame (x right, y down), height, width, length, ``rotation_y``.

    ``rotation_y`` turns about the camera's y axis and is 0 for a heading to the right. ``mount`` is the camera's level
    pose in the ego frame.
    """
    height, width, length = (float(v) for v in size_hwl)
    right, down, forward = (float(v) for v in location)
    seen = Box(
        x=forward,
        y=-right,
        z=-down + 0.5 * height,
        length=length,
        width=width,
        height=height,
        yaw_rad=float(wrap_angle(-rotation_y - np.pi / 2)),
    )
    return move_box(seen, mount.matrix())


def to_kitti(box: Box, mount: Pose) -> tuple[FloatArray, FloatArray, float]:
    """Location (3,), size as height, width, length (3,) and rotation_y of an ego-frame box as a KITTI label."""
    seen = move_box(box, invert_rigid(mount.matrix()))
    location = np.array([-seen.y, -(seen.z - 0.5 * seen.height), seen.x])
    return location, np.array([seen.height, seen.width, seen.length]), float(wrap_angle(-seen.yaw_rad - np.pi / 2))


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenCVCamera:
    """Arguments of ``cv2.projectPoints``: camera matrix (3, 3), Rodrigues vector (3,), translation (3,), no distortion.

    OpenCV counts a pixel's centre as a whole number, this package its top-left corner: the principal point is half a
    pixel smaller here.
    """

    camera_matrix: FloatArray
    rvec: FloatArray
    tvec: FloatArray


def to_opencv(camera: Camera, ego: Pose | None = None) -> OpenCVCamera:
    """The camera for OpenCV; points are then given in the world frame (the ego frame when ``ego`` is None)."""
    matrix = camera.optical_from_world(ego if ego is not None else Pose())
    intrinsics = camera.intrinsics()
    intrinsics[:2, 2] -= 0.5
    rvec = np.asarray(cv2.Rodrigues(matrix[:3, :3])[0], dtype=np.float64)[:, 0]
    return OpenCVCamera(camera_matrix=intrinsics, rvec=rvec, tvec=matrix[:3, 3].copy())


def from_opencv(name: str, width: int, height: int, calibration: OpenCVCamera) -> Camera:
    """A camera from OpenCV's calibration against the ego frame (rvec and tvec map ego points to the camera)."""
    rotation = np.asarray(cv2.Rodrigues(np.asarray(calibration.rvec, dtype=np.float64))[0], dtype=np.float64)
    ego_from_optical = invert_rigid(rigid(rotation, np.asarray(calibration.tvec, dtype=np.float64)))
    level = Camera(name=name, width=width, height=height, fx=1.0, fy=1.0, cx=0.0, cy=0.0, mount=Pose())
    optical_axes = level.ego_from_optical()
    matrix = calibration.camera_matrix
    return dataclasses.replace(
        level,
        fx=float(matrix[0, 0]),
        fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]) + 0.5,
        cy=float(matrix[1, 2]) + 0.5,
        mount=Pose.from_matrix(ego_from_optical @ invert_rigid(optical_axes)),
    )


def from_carla_camera(
    name: str, width: int, height: int, fov_deg: float, location: FloatArray, yaw_deg: float, pitch_deg: float = 0.0
) -> Camera:
    """A CARLA camera by its horizontal field of view and its mount (left-handed; positive pitch looks up there)."""
    focal = 0.5 * width / float(np.tan(np.deg2rad(fov_deg) / 2.0))
    x, y, z = (float(v) for v in location)
    mount = Pose(x=x, y=-y, z=z, yaw_rad=float(-np.deg2rad(yaw_deg)), pitch_rad=float(-np.deg2rad(pitch_deg)))
    return Camera(
        name=name, width=width, height=height, fx=focal, fy=focal, cx=0.5 * width, cy=0.5 * height, mount=mount
    )


def _yaw_of_quaternion(rotation_wxyz: FloatArray) -> float:
    w, x, y, z = np.asarray(rotation_wxyz, dtype=np.float64) / np.linalg.norm(rotation_wxyz)
    return float(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
