"""Named cameras, and crops and resizes of pictures that keep their projection right."""

from __future__ import annotations

import dataclasses
import difflib
from typing import NamedTuple

import cv2
import numpy as np

from drivesim.errors import InputError
from drivesim.scene import NUSCENES_FRONT, Camera, Pose


class CropBox(NamedTuple):
    """A rectangle of an image in pixels: left, top, right, bottom (right and bottom exclusive)."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int


def _nuscenes(name: str, f: float, cx: float, cy: float, mount: tuple[float, float, float], yaw_deg: float) -> Camera:
    """A nuScenes camera (1600 x 900) cut to its middle 1600 x 800 and scaled to 1024 x 512, its mount made level."""
    x, y, z = mount
    pose = Pose(x=x, y=y, z=z, yaw_rad=float(np.deg2rad(yaw_deg)))
    full = Camera(name=name, width=1600, height=900, fx=f, fy=f, cx=cx, cy=cy, mount=pose)
    return crop_resize(full, CropBox(0, 50, 1600, 850), 1024, 512)


def crop_resize(camera: Camera, crop: CropBox, width: int, height: int) -> Camera:
    """The camera of a picture cut to ``crop`` (pixels of ``camera``) and scaled to ``width`` x ``height``.

    Raises InputError when the crop is empty or leaves the picture.
    """
    _check_crop(crop, camera.width, camera.height)
    moved = dataclasses.replace(
        camera,
        width=crop.x_max - crop.x_min,
        height=crop.y_max - crop.y_min,
        cx=camera.cx - crop.x_min,
        cy=camera.cy - crop.y_min,
    )
    return moved.resized(width, height)


def crop_resize_image(image: np.ndarray, crop: CropBox, width: int, height: int) -> np.ndarray:
    """The same cut and scaling on a picture (H, W, C) or (H, W); the companion of :func:`crop_resize`.

    Areas are averaged when shrinking and interpolated when growing. Raises InputError as :func:`crop_resize` does.
    """
    _check_crop(crop, image.shape[1], image.shape[0])
    cut = image[crop.y_min : crop.y_max, crop.x_min : crop.x_max]
    shrinks = width <= cut.shape[1] and height <= cut.shape[0]
    return cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def rig(name: str) -> Camera:
    """The named camera; see RIGS. Raises InputError with the nearest known names."""
    if name in RIGS:
        return RIGS[name]
    near = difflib.get_close_matches(name, RIGS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known cameras: {', '.join(RIGS)}."
    raise InputError(f"there is no camera called {name!r}. {hint}")


def _check_crop(crop: CropBox, width: int, height: int) -> None:
    inside = 0 <= crop.x_min < crop.x_max <= width and 0 <= crop.y_min < crop.y_max <= height
    if not inside:
        raise InputError(
            f"the crop {tuple(crop)} (left, top, right, bottom) is empty or leaves the {width} x {height} picture"
        )


#: Cameras by name. The nuScenes ones have the typical intrinsics and mounts of one car of that data set, levelled, at
#: 1024 x 512; ``kitti_front`` is the left colour camera of KITTI at its rectified size. Models of this package are
#: trained on ``nuscenes_front``; the others serve previews, projections and exports.
RIGS: dict[str, Camera] = {
    camera.name: camera
    for camera in (
        NUSCENES_FRONT,
        _nuscenes("nuscenes_front_left", 1272.6, 826.6, 479.8, (1.52, 0.49, 1.51), 55.0),
        _nuscenes("nuscenes_front_right", 1260.8, 808.0, 495.3, (1.55, -0.49, 1.50), -56.0),
        _nuscenes("nuscenes_back", 809.2, 829.2, 481.8, (0.03, 0.0, 1.58), 180.0),
        _nuscenes("nuscenes_back_left", 1256.7, 792.1, 492.8, (1.04, 0.48, 1.59), 108.0),
        _nuscenes("nuscenes_back_right", 1259.5, 807.3, 501.2, (1.01, -0.48, 1.56), -110.0),
        Camera(
            name="kitti_front",
            width=1242,
            height=375,
            fx=721.5,
            fy=721.5,
            cx=609.6,
            cy=172.9,
            mount=Pose(x=1.08, z=1.65),
        ),
    )
}
