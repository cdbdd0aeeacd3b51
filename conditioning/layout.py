"""The layout raster: what stands where in the image, as 19 planes of 64 x 128 drawn far to near.

Boxes are drawn at four times the raster's size and averaged down, so that a far pedestrian of a third of a pixel keeps
a third of the fill. The value planes (shade, heading, depth, colour, instance) hold the nearest box that touches the
middle of the pixel, else the nearest that touches it at all. Road planes run on beneath the boxes.
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np

from drivesim.conditioning.ground import GroundView, positions_on_road
from drivesim.conditioning.projection import FACE_CORNERS, FACES, NEAR_M, BoxBatch, BoxGeometry
from drivesim.controls import LAYOUT_CHANNELS, LAYOUT_SIZE
from drivesim.geometry import project
from drivesim.scene import Actor, Scene

#: The fill plane of each category.
FILL_OF_CATEGORY: dict[str, str] = {
    "car": "car",
    "truck": "large_vehicle",
    "bus": "large_vehicle",
    "trailer": "large_vehicle",
    "construction_vehicle": "large_vehicle",
    "pedestrian": "pedestrian",
    "motorcycle": "two_wheeler",
    "bicycle": "two_wheeler",
    "traffic_cone": "static_object",
    "barrier": "static_object",
}

#: Value of the "shade" plane on each face.
SHADE_OF_FACE: dict[str, int] = {"front": 255, "rear": 170, "left": 85, "right": 85, "top": 40}

_SCALE = 4
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
_FILLS = ("car", "large_vehicle", "pedestrian", "two_wheeler", "static_object")
_VALUES = LAYOUT_CHANNELS[LAYOUT_CHANNELS.index("shade") :]
_FIRST_FILL = LAYOUT_CHANNELS.index("car")
_EDGE = LAYOUT_CHANNELS.index("box_edge")
_FIRST_VALUE = LAYOUT_CHANNELS.index("shade")
_DEPTH = _VALUES.index("inverse_depth")
_SHADES = np.array([SHADE_OF_FACE[face] for face in FACES], dtype=np.float32)


def draw_layout(scene: Scene, frame: int) -> np.ndarray:
    """Layout raster of one frame: uint8 (19, 64, 128), planes as in LAYOUT_CHANNELS.

    For many frames of one scene use :class:`LayoutPainter`, which prepares the camera and the tracks once.
    """
    return LayoutPainter(scene.window(frame, frame + 1)).draw(0)


class LayoutPainter:
    """Draws the layout of any frame of one scene; holds arrays of the tracks but no drawn frames."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        height, width = LAYOUT_SIZE
        self._ground = GroundView(scene.camera)
        self._geometry = BoxGeometry(scene)
        self._intrinsics = scene.camera.resized(width * _SCALE, height * _SCALE).intrinsics()
        self._fills = np.array([_FILLS.index(FILL_OF_CATEGORY[actor.category]) for actor in scene.actors], dtype=int)
        self._colours = np.array([_colour_values(actor) for actor in scene.actors], dtype=np.float32).reshape(-1, 5)
        ego = scene.ego.positions
        self._ego_s = None if scene.road is None else positions_on_road(scene.road, ego[:, 0], ego[:, 1])
        self._faces = np.zeros((height * _SCALE, width * _SCALE), dtype=np.int16)

    def draw(self, frame: int) -> np.ndarray:
        """Layout raster uint8 (19, 64, 128) of ``frame``."""
        layout = np.zeros((len(LAYOUT_CHANNELS), *LAYOUT_SIZE), dtype=np.uint8)
        layout[LAYOUT_CHANNELS.index("sky")] = np.round(255.0 * self._ground.sky)
        if self.scene.road is not None and self._ego_s is not None:
            ego = self.scene.ego.pose(frame)
            planes = self._ground.road_planes(self.scene.road, ego, float(self._ego_s[frame]))
            for name, plane in zip(("road", "lane_paint", "pavement"), planes, strict=True):
                layout[LAYOUT_CHANNELS.index(name)] = np.round(255.0 * plane)
        boxes = self._geometry.at(frame)
        if len(boxes.actor_indices):
            depth = self._draw_faces(boxes)
            self._fill_planes(layout, boxes, depth)
        return layout

    def _draw_faces(self, boxes: BoxBatch) -> np.ndarray:
        """Paints the number of each visible face, far to near; returns the mean depth (A, 5) of the drawn faces.

        Face f of box a is 2 * (5 * a + f) + 1, its outline one more.
        """
        self._faces[:] = 0
        depth = boxes.corners[:, FACE_CORNERS, 2].mean(axis=-1)
        whole = (boxes.corners[..., 2] >= NEAR_M).all(axis=1)
        fixed = np.zeros((len(whole), 8, 2), dtype=np.int32)
        fixed[whole] = _fixed_points(project(boxes.corners[whole], self._intrinsics))
        for row in range(len(whole)):
            faces = np.flatnonzero(boxes.facing[row])
            outlines = fixed[row][FACE_CORNERS[faces]] if whole[row] else self._cut_outlines(boxes, row, faces, depth)
            for face, outline in zip(faces, outlines, strict=True):
                if len(outline) >= 3:
                    number = 2 * (len(FACES) * row + int(face)) + 1
                    cv2.fillConvexPoly(self._faces, outline, (number,), cv2.LINE_8, _SHIFT)
                    cv2.polylines(self._faces, [outline], True, (number + 1,), 1, cv2.LINE_8, _SHIFT)
        return depth

    def _cut_outlines(self, boxes: BoxBatch, row: int, faces: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
        """Outlines of the faces of a box that the near plane cuts; sets the depth of what is left of them."""
        points = [boxes.face(row, int(face)) for face in faces]
        for face, outline in zip(faces, points, strict=True):
            depth[row, face] = outline[:, 2].mean() if len(outline) else np.inf
        if not any(len(outline) for outline in points):
            return points
        joined = _fixed_points(project(np.concatenate(points), self._intrinsics)[None])[0]
        return np.split(joined, np.cumsum([len(outline) for outline in points])[:-1])

    def _fill_planes(self, layout: np.ndarray, boxes: BoxBatch, depth: np.ndarray) -> None:
        """Turns the painted face numbers into the planes of ``layout`` from "car" on, in place."""
        top, bottom = _extent(self._faces.any(axis=1))
        left, right = _extent(self._faces.any(axis=0))
        if bottom <= top:
            return
        numbers = self._faces[top * _SCALE : bottom * _SCALE, left * _SCALE : right * _SCALE]
        count, faces = depth.shape
        actors = boxes.actor_indices
        size = (right - left, bottom - top)
        fills = np.zeros((len(_FILLS) + 1, 2 * count * faces + 2), dtype=np.uint8)
        slots = np.arange(2 * count * faces)
        fills[self._fills[actors][slots // (2 * faces)], slots + 1] = 255
        fills[-1, 2::2] = 255
        for plane in np.flatnonzero(fills.any(axis=1)):
            share = cv2.resize(np.take(fills[plane], numbers), size, interpolation=cv2.INTER_AREA)
            if plane == len(_FILLS):
                share = cv2.convertScaleAbs(share, alpha=_SCALE)
            layout[_FIRST_FILL + plane, top:bottom, left:right] = share
        values = np.zeros((len(_VALUES), count, faces), dtype=np.float32)
        values[0] = _SHADES
        values[1] = 128.0 + 127.0 * np.sin(boxes.yaw_rad)[:, None]
        values[2] = 128.0 + 127.0 * np.cos(boxes.yaw_rad)[:, None]
        values[_DEPTH] = 255.0 * np.minimum(1.0, 4.0 / np.maximum(depth, NEAR_M))
        values[_DEPTH + 1 :] = self._colours[actors].T[:, :, None]
        table = np.zeros((len(_VALUES), 2 * count * faces + 2), dtype=np.uint8)
        table[:, 1:-1] = np.repeat(np.round(values).reshape(len(_VALUES), -1), 2, axis=1)
        layout[_FIRST_VALUE:, top:bottom, left:right] = np.take(table, _nearest(numbers), axis=1)


def _colour_values(actor: Actor) -> tuple[float, ...]:
    """red, green, blue, colour_given and instance of an actor."""
    red, green, blue = actor.colour if actor.colour is not None else (0, 0, 0)
    instance = 32 + zlib.crc32(actor.id.encode()) % 224
    return float(red), float(green), float(blue), 0.0 if actor.colour is None else 255.0, float(instance)


def _fixed_points(pixels: np.ndarray) -> np.ndarray:
    """Pixels (A, N, 2) of whole boxes as OpenCV fixed-point coordinates, drawn in by the half pixel that OpenCV adds.

    OpenCV's coordinate 0 is the centre of a pixel and it fills every pixel that an outline touches.
    """
    low, high = pixels.min(axis=1, keepdims=True), pixels.max(axis=1, keepdims=True)
    middle, extent = 0.5 * (low + high), np.maximum(high - low, 1e-9)
    moved = (pixels - middle) * np.maximum(1.0 - 1.0 / extent, 0.0) + (middle - 0.5)
    return np.round(np.clip(moved, -20000.0, 20000.0) * (1 << _SHIFT)).astype(np.int32)


def _extent(touched: np.ndarray) -> tuple[int, int]:
    """First and last (exclusive) raster index covering the painted rows or columns; (0, 0) when none is."""
    indices = np.flatnonzero(touched)
    return (0, 0) if not len(indices) else (int(indices[0]) // _SCALE, int(indices[-1]) // _SCALE + 1)


def _nearest(numbers: np.ndarray) -> np.ndarray:
    """The largest (nearest) number among the middle four of each 4 x 4 cell, or in the whole cell if those are 0."""
    middle = np.maximum(
        np.maximum(numbers[1::4, 1::4], numbers[1::4, 2::4]), np.maximum(numbers[2::4, 1::4], numbers[2::4, 2::4])
    )
    whole = cv2.dilate(numbers, np.ones((4, 4), np.uint8), anchor=(0, 0))[::4, ::4]
    return np.where(middle > 0, middle, whole)
