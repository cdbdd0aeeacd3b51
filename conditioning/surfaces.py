"""The surfaces of a scene as its boxes and ground have them: depth and instance of every pixel, without any picture.

They are what a model is told of shapes: flat ground, upright boxes, sky. :func:`layout_flows` is the motion that follows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.conditioning.figure_raster import FigureRaster
from drivesim.conditioning.flow import Flow, surface_flow
from drivesim.conditioning.projection import FACE_CORNERS, FACES, NEAR_M, BoxBatch, BoxGeometry, project_boxes
from drivesim.conditioning.scenery import StandingBoxes
from drivesim.geometry import FloatArray, project
from drivesim.scene import Scene

#: Beyond this distance (m) the ground counts as infinitely far, as the sky does.
GROUND_LIMIT_M = 900.0

_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates


@dataclass(frozen=True, eq=False)
class BoxSurfaces:
    """``depth`` float32 (H, W), metres along the optical axis, infinite in the sky; ``instance`` uint16 (H, W), 0 for
    ground, scenery and sky, else 1 + the index in ``scene.actors``.
    """

    depth: np.ndarray
    instance: np.ndarray


class SurfacePainter:
    """Paints the surfaces of any frame of one scene at one size: ground, actors, and what stands beside the road.

    ``actors`` and ``scenery`` False leave out those that are not told.
    """

    def __init__(self, scene: Scene, width: int, height: int, *, actors: bool = True, scenery: bool = True) -> None:
        self.scene = scene
        told = scene if actors else dataclasses.replace(scene, actors=())
        self._geometry, self._figures = BoxGeometry(told), FigureRaster(told, (height, width))
        self._standing = StandingBoxes(scene) if scenery and scene.scenery is not None else None
        camera = scene.camera.resized(width, height)
        self._intrinsics = camera.intrinsics()
        self._rays = camera.rays()
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
        boxes = self._boxes(frame)
        faces = np.zeros(depth.shape, dtype=np.int32)
        planes = self._draw(boxes, faces, self._figures.silhouettes(boxes, frame))
        rows, columns = np.nonzero(faces)
        number = faces[rows, columns] - 1
        inverse = np.einsum("pk,pk->p", planes[number, :3], self._rays[rows, columns])
        depth[rows, columns] = 1.0 / np.clip(inverse, planes[number, 3], planes[number, 4])
        instance[rows, columns] = np.maximum(boxes.actor_indices[number // len(FACES)] + 1, 0)
        return BoxSurfaces(depth.astype(np.float32), instance)

    def _boxes(self, frame: int) -> BoxBatch:
        """Boxes of actors and scenery far to near; the scenery's have the index -1 and so stand still."""
        if self._standing is None:
            return self._geometry.at(frame)
        actors, things = self._geometry.placed(frame), self._standing.at(frame)
        return project_boxes(
            self.scene,
            frame,
            np.concatenate([actors.indices, np.full(len(things), -1)]),
            np.concatenate([actors.centres, things.centres]),
            np.concatenate([actors.sizes, things.sizes]),
            np.concatenate([actors.yaw_rad, things.yaw_rad]),
        )

    def _draw(self, boxes: BoxBatch, faces: np.ndarray, silhouettes: dict[int, np.ndarray]) -> FloatArray:
        """Paint number 1 + 5 a + f of face f of box a, far to near; returns what gives the faces' depth (5 A, 5). Of boxes with one of
        the ``silhouettes`` only what it covers is painted: beside a body its box shows what is behind.

        Inverse depth is linear in the picture: the first three columns times a pixel's ray. The last two are its least
        and greatest value on the face.
        """
        count = len(boxes.actor_indices)
        whole = (boxes.corners[..., 2] >= NEAR_M).all(axis=1)
        planes = np.zeros((count, len(FACES), 5))
        outlines = np.zeros((count, len(FACES), 4, 2), dtype=np.int32)
        points = boxes.corners[whole][:, FACE_CORNERS]
        planes[whole] = _planes(points)
        outlines[whole] = self._fixed(points)
        for row in range(count):
            canvas = np.zeros_like(faces) if row in silhouettes else faces
            for face in np.flatnonzero(boxes.facing[row]):
                outline = outlines[row, face]
                if not whole[row]:
                    cut = boxes.face(row, int(face))
                    if len(cut) < 3:
                        continue
                    planes[row, face], outline = _planes(cut), self._fixed(cut)
                if planes[row, face, 4] > 0.0:
                    number = len(FACES) * row + int(face) + 1
                    cv2.fillConvexPoly(canvas, outline, (number,), cv2.LINE_8, _SHIFT)
            if row in silhouettes:
                faces[:] = np.where(silhouettes[row] & (canvas > 0), canvas, faces)
        return planes.reshape(-1, 5)

    def _fixed(self, points: FloatArray) -> np.ndarray:
        """Points (..., 3) of the optical frame as OpenCV's fixed-point pixels (..., 2)."""
        pixels = np.clip(project(points, self._intrinsics) - 0.5, -15000.0, 15000.0)
        return np.round(pixels * (1 << _SHIFT)).astype(np.int32)


def _planes(points: FloatArray) -> FloatArray:
    """What gives the depth on flat faces, outlines (..., N, 3): (..., 5), zeros for one that is seen edge-on."""
    normal = np.cross(points[..., 1, :] - points[..., 0, :], points[..., 2, :] - points[..., 0, :])
    offset = np.sum(normal * points[..., 0, :], axis=-1)
    seen = np.abs(offset) > 1e-9
    inverse = 1.0 / np.maximum(points[..., 2], NEAR_M)
    slope = normal / np.where(seen, offset, 1.0)[..., None]
    found = np.concatenate([slope, inverse.min(axis=-1)[..., None], inverse.max(axis=-1)[..., None]], axis=-1)
    return np.where(seen[..., None], found, 0.0)


def layout_flows(painter: SurfacePainter, start: int, stop: int) -> Iterator[Flow]:
    """Flow of each of the frames ``start`` + 1 to ``stop`` (exclusive) to the one before it, by ground, boxes and poses."""
    before = painter.at(start)
    for frame in range(start + 1, stop):
        after = painter.at(frame)
        yield surface_flow(painter.scene, frame, frame - 1, after, before)
        before = after
