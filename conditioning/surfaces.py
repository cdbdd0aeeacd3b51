"""The surfaces of a scene as its boxes and ground have them: depth and instance of every pixel, without any picture.

They are what a model is told of shapes: flat ground, upright boxes, sky. :func:`layout_flows` is the motion that follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.conditioning.flow import Flow, surface_flow
from drivesim.conditioning.projection import FACES, NEAR_M, BoxBatch, BoxGeometry
from drivesim.geometry import FloatArray, project
from drivesim.scene import Scene

#: Beyond this distance (m) the ground counts as infinitely far, as the sky does.
GROUND_LIMIT_M = 900.0

_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates


@dataclass(frozen=True, eq=False)
class BoxSurfaces:
    """``depth`` float32 (H, W), metres along the optical axis, infinite in the sky; ``instance`` uint16 (H, W), 0 for
    ground and sky, else 1 + the index in ``scene.actors``.
    """

    depth: np.ndarray
    instance: np.ndarray


class SurfacePainter:
    """Paints the surfaces of any frame of one scene at one size."""

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        self.scene = scene
        self._geometry = BoxGeometry(scene)
        camera = scene.camera.resized(width, height)
        self._intrinsics = camera.intrinsics()
        u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        #: Per pixel the point at depth 1 in the optical frame.
        self._rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)], axis=-1)
        # The ego stands upright on flat ground, so only its height moves the ground in the picture.
        mount = camera.ego_from_optical()
        self._camera_height = float(mount[2, 3])
        rays = self._rays @ mount[:3, :3].T
        self._down, self._reach = -rays[..., 2], np.hypot(rays[..., 0], rays[..., 1])

    def at(self, frame: int) -> BoxSurfaces:
        """The surfaces of ``frame``."""
        height = self._camera_height + float(self.scene.ego.positions[frame, 2])
        depth = np.where(self._down > 1e-6, height / np.maximum(self._down, 1e-6), np.inf)
        depth[np.where(np.isfinite(depth), depth, 0.0) * self._reach > GROUND_LIMIT_M] = np.inf
        instance = np.zeros(depth.shape, dtype=np.uint16)
        boxes = self._geometry.at(frame)
        faces = np.zeros(depth.shape, dtype=np.int32)
        planes = self._draw(boxes, faces)
        rows, columns = np.nonzero(faces)
        number = faces[rows, columns] - 1
        inverse = np.einsum("pk,pk->p", planes[number, :3], self._rays[rows, columns])
        depth[rows, columns] = 1.0 / np.clip(inverse, planes[number, 3], planes[number, 4])
        instance[rows, columns] = boxes.actor_indices[number // len(FACES)] + 1
        return BoxSurfaces(depth.astype(np.float32), instance)

    def _draw(self, boxes: BoxBatch, faces: np.ndarray) -> FloatArray:
        """Paint number 1 + 5 a + f of face f of box a, far to near; returns what gives the faces' depth (5 A, 5).

        Inverse depth is linear in the picture: the first three columns times a pixel's ray. The last two are its least
        and greatest value on the face.
        """
        planes = np.zeros((len(FACES) * len(boxes.actor_indices), 5))
        for row in range(len(boxes.actor_indices)):
            for face in np.flatnonzero(boxes.facing[row]):
                points = boxes.face(row, int(face))
                if len(points) < 3:
                    continue
                normal = np.cross(points[1] - points[0], points[2] - points[0])
                offset = float(normal @ points[0])
                if abs(offset) < 1e-9:
                    continue  # seen edge-on: it covers no pixel
                number = len(FACES) * row + int(face)
                inverse = 1.0 / np.maximum(points[:, 2], NEAR_M)
                planes[number] = [*(normal / offset), inverse.min(), inverse.max()]
                pixels = np.clip(project(points, self._intrinsics) - 0.5, -15000.0, 15000.0)
                outline = np.round(pixels * (1 << _SHIFT)).astype(np.int32)
                cv2.fillConvexPoly(faces, outline, (number + 1,), cv2.LINE_8, _SHIFT)
        return planes


def layout_flows(painter: SurfacePainter, start: int, stop: int) -> Iterator[Flow]:
    """Flow of each of the frames ``start`` + 1 to ``stop`` (exclusive) to the one before it, by ground, boxes and poses."""
    before = painter.at(start)
    for frame in range(start + 1, stop):
        after = painter.at(frame)
        yield surface_flow(painter.scene, frame, frame - 1, after, before)
        before = after
