"""The surfaces of a scene as its boxes and ground have them: depth and instance of every pixel, without any picture.

They are what a model is told of shapes: flat ground, upright boxes, sky. :func:`layout_flows` is the motion that follows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.conditioning.box_raster import PixelMask
from drivesim.conditioning.crowns import crowns_among
from drivesim.conditioning.figure_raster import FigureRaster
from drivesim.conditioning.flow import Flow, surface_flow
from drivesim.conditioning.projection import NEAR_M, BoxBatch, BoxGeometry, clip_near, project_boxes
from drivesim.conditioning.scenery import StandingBoxes
from drivesim.conditioning.solids import CORNERS, Solids, VisibleFaces, visible_crowns, with_plain_boxes
from drivesim.geometry import FloatArray, project
from drivesim.scene import Scene
from drivesim.scenery import ThingKind

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

    Of walkers, riders, vehicles whose body is known, trees and bushes only what they cover of their boxes is painted: beside them a
    box shows what is behind.

    ``actors`` and ``scenery`` False leave out those that are not told.
    """

    def __init__(self, scene: Scene, width: int, height: int, *, actors: bool = True, scenery: bool = True) -> None:
        self.scene = scene
        told = scene if actors else dataclasses.replace(scene, actors=())
        self._geometry, self._solids = BoxGeometry(told), Solids(told.actors)
        self._figures = FigureRaster(told, (height, width))
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
        boxes, crowns = self._boxes(frame)
        visible = with_plain_boxes(boxes, self._solids.visible(boxes) + visible_crowns(boxes, crowns))
        faces = np.zeros(depth.shape, dtype=np.int32)
        figures = self._figures.in_view(boxes, frame)
        planes = self._draw(visible, faces, {figure.row: figure.silhouette for figure in figures})
        rows, columns = np.nonzero(faces)
        number = faces[rows, columns] - 1
        inverse = np.einsum("pk,pk->p", planes[number, :3], self._rays[rows, columns])
        depth[rows, columns] = 1.0 / np.clip(inverse, planes[number, 3], planes[number, 4])
        instance[rows, columns] = np.maximum(boxes.actor_indices[visible.rows[number]] + 1, 0)
        return BoxSurfaces(depth.astype(np.float32), instance)

    def _boxes(self, frame: int) -> tuple[BoxBatch, dict[int, ThingKind]]:
        """Boxes of actors and scenery far to near, and which rows of them hold a crown. Scenery has negative indices, and so stands still."""
        if self._standing is None:
            return self._geometry.at(frame), {}
        actors, things = self._geometry.placed(frame), self._standing.at(frame)
        boxes = project_boxes(
            self.scene,
            frame,
            np.concatenate([actors.indices, -1 - np.arange(len(things))]),
            np.concatenate([actors.centres, things.centres]),
            np.concatenate([actors.sizes, things.sizes]),
            np.concatenate([actors.yaw_rad, things.yaw_rad]),
        )
        return boxes, crowns_among(things, -1 - boxes.actor_indices)

    def _draw(self, visible: VisibleFaces, faces: np.ndarray, silhouettes: dict[int, PixelMask]) -> FloatArray:
        """Paint the number 1 + f of each polygon f in its order; returns what gives their depth (F, 5). Of boxes with one of the
        ``silhouettes`` only what it covers is painted.

        Inverse depth is linear in the picture: the first three columns times a pixel's ray. The last two are its least
        and greatest value on the polygon.
        """
        planes = _planes(visible.points)
        whole = (visible.points[..., 2] >= NEAR_M).all(axis=1)
        outlines = np.zeros((*whole.shape, CORNERS, 2), dtype=np.int32)
        outlines[whole] = self._fixed(visible.points[whole])
        for face, row in enumerate(visible.rows.tolist()):
            outline = outlines[face]
            if not whole[face]:
                cut = clip_near(visible.points[face])
                if len(cut) < 3:
                    continue
                planes[face], outline = _planes(cut), self._fixed(cut)
            if planes[face, 4] <= 0.0:
                continue
            if row not in silhouettes:
                cv2.fillConvexPoly(faces, outline, (face + 1,), cv2.LINE_8, _SHIFT)
                continue
            shape = silhouettes[row]
            canvas = np.zeros(shape.mask.shape, dtype=np.uint8)
            moved = outline - np.array([shape.left << _SHIFT, shape.top << _SHIFT], dtype=np.int32)
            cv2.fillConvexPoly(canvas, moved, (1,), cv2.LINE_8, _SHIFT)
            part = faces[shape.top : shape.top + len(canvas), shape.left : shape.left + canvas.shape[1]]
            part[(canvas > 0) & shape.mask] = face + 1
        return planes

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
