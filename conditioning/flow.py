"""Optical flow between two frames of a scene, from the surfaces in each, camera, ego poses and the actors' boxes.

Every pixel is a point of the ground, of scenery (both stand still), of an actor (moves as its box does, rigidly) or of the
sky (infinitely far). With the surfaces of rendered frames the flow is exact, but for limbs that swing, scenery that grows
in the distance, shadows on the ground and weather in the air. With those of :mod:`drivesim.conditioning.surfaces` it is
the flow of what a model is told: ground and boxes, without any picture.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from drivesim.geometry import rigid, rotation_zyx
from drivesim.scene import Box, Scene

#: A point counts as seen again when the other frame's depth there agrees to this share and these metres; anything beyond
#: ten kilometres is as far as the sky.
_DEPTH_SHARE, _DEPTH_M, _FAR = 0.03, 0.15, 1e-4


class Surfaces(Protocol):
    """What each pixel of a frame shows: ``depth`` float (H, W), metres along the optical axis, infinite in the sky, and
    ``instance`` (H, W), 0 for what stands still, else 1 + the index in ``scene.actors``. A rendered frame is one.
    """

    @property
    def depth(self) -> np.ndarray: ...
    @property
    def instance(self) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Flow:
    """``displacement`` float32 (H, W, 2): added to the pixel position (u, v) of a frame it gives the position of the same
    point in the other frame. ``valid`` bool (H, W): the point is seen in both frames; the displacement is 0 elsewhere.
    """

    displacement: np.ndarray
    valid: np.ndarray


def surface_flow(scene: Scene, frame: int, other: int, picture: Surfaces, other_picture: Surfaces) -> Flow:
    """Where each pixel of ``frame``, which shows ``picture``, lies in the frame ``other``, which shows ``other_picture``.

    To warp a frame to the one after it, ask for the flow from the later to the earlier one and sample the earlier there.
    Both are of one size, any. Raises ValueError when their sizes differ.
    """
    if picture.depth.shape != other_picture.depth.shape:
        raise ValueError(f"frames of {picture.depth.shape} and {other_picture.depth.shape}; they must agree")
    height, width = picture.depth.shape
    camera = scene.camera.resized(width, height)
    here, there = (camera.optical_from_world(scene.ego.pose(index)) for index in (frame, other))
    (u, v), rays = camera.pixel_centres(), camera.rays()
    is_far = ~np.isfinite(picture.depth)
    points = rays * np.where(is_far, 1.0, picture.depth)[..., None]
    # What is infinitely far turns with the camera and never comes nearer.
    motion = there @ np.linalg.inv(here)
    moved = points @ motion[:3, :3].T + np.where(is_far[..., None], 0.0, motion[:3, 3])
    known = np.ones(picture.depth.shape, dtype=bool)
    on_actors = np.flatnonzero(picture.instance)
    order = on_actors[np.argsort(picture.instance.ravel()[on_actors], kind="stable")]
    numbers, firsts = np.unique(picture.instance.ravel()[order], return_index=True)
    for number, pixels in zip(numbers, np.split(order, firsts)[1:], strict=True):
        actor = scene.actors[int(number) - 1]
        known.ravel()[pixels] = bool(actor.track.present[other])
        step = _pose(actor.box(other)) @ np.linalg.inv(_pose(actor.box(frame)))
        own = there @ step @ np.linalg.inv(here)
        moved.reshape(-1, 3)[pixels] = points.reshape(-1, 3)[pixels] @ own[:3, :3].T + own[:3, 3]
    in_front = moved[..., 2] > 0.1
    depth = np.where(in_front, moved[..., 2], 1.0)
    x = moved[..., 0] / depth * camera.fx + camera.cx
    y = moved[..., 1] / depth * camera.fy + camera.cy
    valid = known & in_front & (x >= 0.5) & (x <= width - 0.5) & (y >= 0.5) & (y <= height - 0.5)
    valid &= _seen_again(x, y, np.where(is_far, np.inf, depth), picture.instance, other_picture, valid)
    displacement = np.where(valid[..., None], np.stack([x - u, y - v], axis=-1), 0.0)
    return Flow(displacement.astype(np.float32), valid)


def _pose(box: Box) -> np.ndarray:
    """Transform (4, 4) from the box to the world."""
    return rigid(rotation_zyx(box.yaw_rad), np.array([box.x, box.y, box.z]))


def _seen_again(
    x: np.ndarray, y: np.ndarray, depth: np.ndarray, instance: np.ndarray, other: Surfaces, asked: np.ndarray
) -> np.ndarray:
    """Whether the four pixels around (x, y) show the same instance, and the surface there lies at ``depth``.

    Inverse depth is what is compared: it is linear in the picture on every plane, so far ground compares well too, and a
    pixel that mixes two surfaces agrees with neither.
    """
    column, row = (np.where(asked, values - 0.5, 0.0).astype(np.float32) for values in (x, y))
    there = cv2.remap((1.0 / other.depth).astype(np.float32), column, row, cv2.INTER_LINEAR)
    inverse = 1.0 / depth
    same = asked & (np.abs(there - inverse) <= _DEPTH_SHARE * inverse + _DEPTH_M * inverse**2 + _FAR)
    left, top = column.astype(np.int64), row.astype(np.int64)
    for down, across in itertools.product((0, 1), (0, 1)):
        rows = np.minimum(top + down, other.depth.shape[0] - 1)
        columns = np.minimum(left + across, other.depth.shape[1] - 1)
        same &= other.instance[rows, columns] == instance
    return same
