"""Boxes as raster planes of 128 x 256, drawn far to near: fills by class, edges, and values of the nearest face.

Boxes are drawn at twice the raster's size and averaged down, so that a far pedestrian of a quarter of a pixel keeps
a quarter of the fill. Where it is known what a box holds, the pixels beside that show what is behind. The value planes hold the
nearest box that touches the pixel, which point of it is seen there and where the ray leaves it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from drivesim.conditioning.projection import (
    CORNER_ENDS,
    CORNER_ORIGIN,
    FACE_CORNERS,
    FACES,
    NEAR_M,
    BoxBatch,
    clip_near,
)
from drivesim.conditioning.solids import VisibleFaces
from drivesim.controls import EXIT_CHANNELS, INVERSE_DEPTH_M, LAYOUT_SIZE, POINT_CHANNELS
from drivesim.geometry import FloatArray, project
from drivesim.scene import Camera

#: Value of a "shade" plane on each face.
SHADE_OF_FACE: dict[str, int] = {"front": 255, "rear": 170, "left": 85, "right": 85, "top": 40}

_SCALE = 2
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
_SHADES = np.array([SHADE_OF_FACE[face] for face in FACES], dtype=np.float32)

#: Each face lies where one share of the box (0 length, 1 width, 2 height) has this value.
_SHARE_OF_FACE = np.array([0, 0, 1, 1, 2])
_VALUE_OF_FACE = np.array([1.0, 0.0, 1.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class PixelMask:
    """The pixels of a raster that something touches: ``mask`` bool (h, w), from row ``top`` and column ``left`` of the raster on."""

    top: int
    left: int
    mask: np.ndarray


@dataclass(frozen=True, eq=False)
class SeenPoints:
    """The P pixels of a raster that show boxes: their ``rows`` and ``columns``, the ``box`` of each as its row in the batch, and
    ``shares`` float32 (P, 3), which point of it is seen, as shares of its length, width and height.
    """

    rows: np.ndarray
    columns: np.ndarray
    box: np.ndarray
    shares: np.ndarray


class BoxRaster:
    """Draws batches of boxes seen by one camera."""

    def __init__(self, camera: Camera) -> None:
        height, width = LAYOUT_SIZE
        self._intrinsics = camera.resized(width * _SCALE, height * _SCALE).intrinsics()
        self._faces = np.zeros((height * _SCALE, width * _SCALE), dtype=np.int16)
        self._scratch = np.zeros_like(self._faces)
        self._rays = camera.resized(width, height).rays()

    def draw(
        self,
        target: np.ndarray,
        boxes: BoxBatch,
        fills: np.ndarray,
        num_fills: int,
        values: FloatArray,
        held: VisibleFaces,
        silhouettes: Mapping[int, PixelMask] = MappingProxyType({}),
    ) -> SeenPoints:
        """Draw A boxes into ``target`` uint8 (num_fills + 11 + K, 128, 256), in place; what no box covers stays as it is.

        Its planes: ``num_fills`` fills, box edges, shade of the face, sin and cos of the heading, inverse depth, the K
        further ``values`` (K, A), 0-255, and 255 times the shares of the points seen, which are returned, and of the exits.
        ``fills`` (A,) says which fill each box belongs to. What boxes hold, where that is known, are the faces that are ``held``, or
        the ``silhouettes``, by their rows in the batch.
        """
        if not len(boxes.actor_indices):
            return _NOTHING
        large = {row: _enlarged(silhouette) for row, silhouette in silhouettes.items()}
        depth = self._draw_faces(boxes, self._covers(held) | large)
        top, bottom = _extent(self._faces.any(axis=1))
        left, right = _extent(self._faces.any(axis=0))
        if bottom <= top:
            return _NOTHING
        numbers = self._faces[top * _SCALE : bottom * _SCALE, left * _SCALE : right * _SCALE]
        count, faces = depth.shape
        size = (right - left, bottom - top)
        covers = np.zeros((num_fills + 1, 2 * count * faces + 2), dtype=np.uint8)
        slots = np.arange(2 * count * faces)
        covers[fills[slots // (2 * faces)], slots + 1] = 255
        covers[-1, 2::2] = 255
        for plane in np.flatnonzero(covers.any(axis=1)):
            share = cv2.resize(np.take(covers[plane], numbers), size, interpolation=cv2.INTER_AREA)
            if plane == num_fills:
                share = cv2.convertScaleAbs(share, alpha=_SCALE)
            target[plane, top:bottom, left:right] = share
        nearest = _nearest(numbers)
        first_point = num_fills + 5 + len(values)
        target[num_fills + 1 : first_point, top:bottom, left:right] = np.take(
            _value_table(boxes, depth, values), nearest, axis=1
        )
        rows, columns = np.nonzero(nearest)
        box, face = np.divmod((nearest[rows, columns].astype(np.int64) - 1) // 2, len(FACES))
        rows, columns = rows + top, columns + left
        shares, exits = _ends_of_rays(boxes, self._rays[rows, columns], box, face)
        points = slice(first_point, first_point + len(POINT_CHANNELS) + len(EXIT_CHANNELS))
        target[points, rows, columns] = np.round(255.0 * np.concatenate([shares, exits], axis=1).T)
        return SeenPoints(rows, columns, box, shares)

    def _draw_faces(self, boxes: BoxBatch, covers: dict[int, PixelMask]) -> np.ndarray:
        """Paints the number of each visible face, far to near, of some boxes only where something ``covers`` them; returns the mean
        depth (A, 5) of the drawn faces.

        Face f of box a is 2 * (5 * a + f) + 1, its outline one more.
        """
        self._faces[:] = 0
        depth = boxes.corners[:, FACE_CORNERS, 2].mean(axis=-1)
        whole = (boxes.corners[..., 2] >= NEAR_M).all(axis=1)
        fixed = np.zeros((len(whole), 8, 2), dtype=np.int32)
        fixed[whole] = _fixed_points(project(boxes.corners[whole], self._intrinsics))
        rows, faces = np.nonzero(boxes.facing)
        outlines: list[np.ndarray] = list(fixed[rows[:, None], FACE_CORNERS[faces]])
        for row in np.flatnonzero(~whole):
            mine = np.flatnonzero(rows == row)
            for at, outline in zip(mine, self._cut_outlines(boxes, int(row), faces[mine], depth), strict=True):
                outlines[at] = outline
        drawn = zip(rows.tolist(), (2 * (len(FACES) * rows + faces) + 1).tolist(), outlines, strict=True)
        for row, found in itertools.groupby(drawn, key=lambda one: one[0]):
            canvas = self._scratch if row in covers else self._faces
            for _, number, outline in found:
                if len(outline) >= 3:
                    cv2.fillConvexPoly(canvas, outline, number, cv2.LINE_8, _SHIFT)
                    cv2.polylines(canvas, [outline], True, number + 1, 1, cv2.LINE_8, _SHIFT)
            if row in covers:
                self._take(covers[row])
        return depth

    def _covers(self, held: VisibleFaces) -> dict[int, PixelMask]:
        """What the faces that boxes hold cover, at the size at which boxes are drawn."""
        if not len(held.rows):
            return {}
        # Faces of one box lie beside each other; those of a box that the near plane cuts are worked out by themselves.
        firsts = np.flatnonzero(np.diff(held.rows, prepend=-1))
        counts = np.diff(firsts, append=len(held.rows))
        whole = np.logical_and.reduceat((held.points[..., 2] >= NEAR_M).all(axis=1), firsts)
        pixels = project(np.where(np.repeat(whole, counts)[:, None, None], held.points, 1.0), self._intrinsics)
        low = np.minimum.reduceat(pixels.min(axis=1), firsts)
        high = np.maximum.reduceat(pixels.max(axis=1), firsts)
        fixed = _drawn_in(pixels, *(np.repeat(end, counts, axis=0)[:, None] for end in (low, high)))
        covers = {}
        for at, (first, count) in enumerate(zip(firsts.tolist(), counts.tolist(), strict=True)):
            outlines = [*fixed[first : first + count]]
            if not whole[at]:
                points = [clip_near(polygon) for polygon in held.points[first : first + count]]
                points = [polygon for polygon in points if len(polygon) >= 3]
                if not points:
                    continue
                outlines = self._parts_of_one(points)
                joined = np.concatenate(outlines)
                low[at], high[at] = joined.min(axis=0) >> _SHIFT, joined.max(axis=0) >> _SHIFT
            covers[int(held.rows[first])] = self._filled(outlines, low[at], high[at])
        return covers

    def _filled(self, outlines: list[np.ndarray], low: FloatArray, high: FloatArray) -> PixelMask:
        """The pixels inside ``outlines`` (N, 2), in fixed point, which reach from ``low`` to ``high`` (2,)."""
        height, width = self._faces.shape
        left, right = max(int(low[0]) - 1, 0), min(int(high[0]) + 2, width)
        top, bottom = max(int(low[1]) - 1, 0), min(int(high[1]) + 2, height)
        inside = np.zeros((max(bottom - top, 0), max(right - left, 0)), dtype=np.uint8)
        if inside.size:
            corner = np.array([left << _SHIFT, top << _SHIFT], dtype=np.int32)
            for outline in outlines:
                cv2.fillConvexPoly(inside, outline - corner, (1,), cv2.LINE_8, _SHIFT)
        return PixelMask(top, left, inside > 0)

    def _take(self, cover: PixelMask) -> None:
        """Move what lies on the scratch under ``cover`` to the faces, and empty the scratch."""
        height, width = cover.mask.shape
        part = np.s_[cover.top : cover.top + height, cover.left : cover.left + width]
        np.copyto(self._faces[part], self._scratch[part], where=cover.mask & (self._scratch[part] > 0))
        self._scratch[:] = 0

    def _cut_outlines(self, boxes: BoxBatch, row: int, faces: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
        """Outlines of the faces of a box that the near plane cuts; sets the depth of what is left of them."""
        points = [boxes.face(row, int(face)) for face in faces]
        for face, outline in zip(faces, points, strict=True):
            depth[row, face] = outline[:, 2].mean() if len(outline) else np.inf
        if not any(len(outline) for outline in points):
            return points
        return self._parts_of_one(points)

    def _parts_of_one(self, polygons: list[FloatArray]) -> list[np.ndarray]:
        """Outlines (N, 2) in fixed point of ``polygons`` (N, 3) in the optical frame that are parts of one thing."""
        joined = _fixed_points(project(np.concatenate(polygons), self._intrinsics)[None])[0]
        return np.split(joined, np.cumsum([len(polygon) for polygon in polygons])[:-1])


def _ends_of_rays(
    boxes: BoxBatch, rays: FloatArray, box: np.ndarray, face: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which point of face ``face`` (P,) of box ``box`` (P,) each of the ``rays`` (P, 3) meets, and where it leaves the box: each
    float32 (P, 3) shares in 0 to 1.
    """
    origins = boxes.corners[:, CORNER_ORIGIN]
    axes = boxes.corners[:, CORNER_ENDS] - origins[:, None]
    axes = axes / np.sum(axes * axes, axis=-1, keepdims=True)
    offsets = np.einsum("aki,ai->ak", axes, origins)
    slopes = np.einsum("pki,pi->pk", axes[box], rays)
    # A face seen edge-on meets its rays nowhere; its pixels show its nearest end.
    slopes = np.where(np.abs(slopes) > 1e-9, slopes, 1e-9)
    pixels, axis = np.arange(len(box)), _SHARE_OF_FACE[face]
    depth = (_VALUE_OF_FACE[face] + offsets[box, axis]) / slopes[pixels, axis]
    nearest, farthest = boxes.corners[..., 2].min(axis=1), boxes.corners[..., 2].max(axis=1)
    depth = np.clip(depth, np.maximum(nearest, NEAR_M)[box], np.maximum(farthest, NEAR_M)[box])
    found = np.clip(depth[:, None] * slopes - offsets[box], 0.0, 1.0)
    found[pixels, axis] = _VALUE_OF_FACE[face]
    # The ray leaves through the first of the three faces that it runs towards.
    last = (((slopes > 0.0) + offsets[box]) / slopes).min(axis=1)
    left = np.clip(np.maximum(last, depth)[:, None] * slopes - offsets[box], 0.0, 1.0)
    return found.astype(np.float32), left.astype(np.float32)


def _value_table(boxes: BoxBatch, depth: np.ndarray, further: FloatArray) -> np.ndarray:
    """Values uint8 (4 + K, 2 + 10 A) of every face number."""
    count, faces = depth.shape
    values = np.zeros((4 + len(further), count, faces), dtype=np.float32)
    values[0] = _SHADES
    values[1] = 128.0 + 127.0 * np.sin(boxes.yaw_rad)[:, None]
    values[2] = 128.0 + 127.0 * np.cos(boxes.yaw_rad)[:, None]
    values[3] = 255.0 * np.minimum(1.0, INVERSE_DEPTH_M / np.maximum(depth, NEAR_M))
    values[4:] = further[:, :, None]
    table = np.zeros((len(values), 2 * count * faces + 2), dtype=np.uint8)
    table[:, 1:-1] = np.repeat(np.round(values).reshape(len(values), -1), 2, axis=1)
    return table


def _fixed_points(pixels: np.ndarray) -> np.ndarray:
    """Pixels (A, N, 2) of whole boxes as OpenCV fixed-point coordinates, drawn in by the half pixel that OpenCV adds.

    OpenCV's coordinate 0 is the centre of a pixel and it fills every pixel that an outline touches.
    """
    return _drawn_in(pixels, pixels.min(axis=1, keepdims=True), pixels.max(axis=1, keepdims=True))


def _drawn_in(pixels: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The same of outlines (A, N, 2) that are parts of what reaches from ``low`` to ``high`` (A, 1, 2)."""
    middle, extent = 0.5 * (low + high), np.maximum(high - low, 1e-9)
    moved = (pixels - middle) * np.maximum(1.0 - 1.0 / extent, 0.0) + (middle - 0.5)
    return np.round(np.clip(moved, -20000.0, 20000.0) * (1 << _SHIFT)).astype(np.int32)


def _enlarged(silhouette: PixelMask) -> PixelMask:
    """The same at the size at which boxes are drawn."""
    mask = silhouette.mask.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
    return PixelMask(silhouette.top * _SCALE, silhouette.left * _SCALE, mask)


def _extent(touched: np.ndarray) -> tuple[int, int]:
    """First and last (exclusive) raster index covering the painted rows or columns; (0, 0) when none is."""
    indices = np.flatnonzero(touched)
    return (0, 0) if not len(indices) else (int(indices[0]) // _SCALE, int(indices[-1]) // _SCALE + 1)


def _nearest(numbers: np.ndarray) -> np.ndarray:
    """The largest (nearest) number of each 2 x 2 cell."""
    return np.maximum(
        np.maximum(numbers[::2, ::2], numbers[::2, 1::2]), np.maximum(numbers[1::2, ::2], numbers[1::2, 1::2])
    )


_NOTHING = SeenPoints(
    np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros((0, 3), dtype=np.float32)
)
