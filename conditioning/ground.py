"""The flat ground seen by a camera: how much of each layout pixel is road, lane paint, pavement and sky.

Each pixel is a small parallelogram on the ground. Its road coordinates (s, d) come from Newton steps along the
reference line, and the coverage by a band is that of a box filter with the same variance as the pixel's footprint, so
a lane line of a tenth of a pixel keeps a tenth of the value instead of flickering.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drivesim.controls import LAYOUT_SIZE
from drivesim.geometry import FloatArray
from drivesim.junctions import Arm
from drivesim.road import (
    BROKEN_STOP_LINE_M,
    CROSSING_DEPTH_M,
    CROSSING_MARGIN_M,
    CROSSING_PERIOD_M,
    CROSSING_STRIPE_M,
    DASH_LENGTH_M,
    DASH_PERIOD_M,
    STOP_LINE_M,
    LaneLine,
    Road,
    Strip,
    line_bands,
    line_offset,
    strip_edges,
)
from drivesim.scene import Camera, Pose

#: How far ahead the road is drawn, metres along the optical axis.
ROAD_REACH_M = 200.0
_COARSE = 8  # the first guess of s is found on every eighth pixel


class GroundView:
    """What one camera sees of the flat ground at the layout's size; independent of the ego pose.

    Rays are taken through pixel centres of the (128, 256) raster.
    """

    def __init__(self, camera: Camera, reach_m: float = ROAD_REACH_M) -> None:
        height, width = LAYOUT_SIZE
        small = camera.resized(width, height)
        mount = small.ego_from_optical()
        to_ray = mount[:3, :3] @ np.linalg.inv(small.intrinsics())
        u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ to_ray.T
        camera_height = max(float(mount[2, 3]), 1e-3)
        inverse = -rays[..., 2] / camera_height  # 1 / depth of the ground along the optical axis, negative above it
        slope = np.abs(to_ray[2, :2]).sum() / camera_height
        self.sky = np.clip(0.5 - inverse / slope, 0.0, 1.0).astype(np.float32)
        self.reached = np.clip(0.5 + (inverse - 1.0 / reach_m) / slope, 0.0, 1.0).astype(np.float32)
        self.rows, self.columns = np.nonzero(self.reached > 0.0)
        depth = 1.0 / np.maximum(inverse, 1.0 / reach_m)[self.rows, self.columns]
        picked = rays[self.rows, self.columns]
        self.points = (picked[:, :2] * depth[:, None] + mount[:2, 3]).astype(np.float32)  # (P, 2) in the ego frame
        # Derivative of ray * depth by u and v, with d(depth) = depth^2 * ray_z' / camera height.
        lean = depth[:, None] ** 2 * to_ray[2, :2] / camera_height
        self.by_u = (to_ray[:2, 0] * depth[:, None] + picked[:, :2] * lean[:, :1]).astype(np.float32)
        self.by_v = (to_ray[:2, 1] * depth[:, None] + picked[:, :2] * lean[:, 1:]).astype(np.float32)
        self._coarse, self._spread = _coarse_cells(self.rows, self.columns, width)
        self.reach_m = reach_m

    def road_planes(self, road: Road, ego: Pose, ego_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coverage of road, lane paint and pavement, each float32 (128, 256) in [0, 1].

        ``ego_s`` is the ego's s on the road, good to a few metres.
        """
        at = self._road_coordinates(road, ego, ego_s)
        drivable = np.zeros(len(at[0]), dtype=np.float32)
        pavement = np.zeros(len(at[0]), dtype=np.float32)
        paint = np.zeros(len(at[0]), dtype=np.float32)
        _add_road(road, at, drivable, pavement, paint)
        for junction in road.junctions:
            for arm in junction.arms:
                picked, beside = self._arm_coordinates(arm, ego)
                if len(picked):
                    planes = drivable[picked], pavement[picked], paint[picked]
                    _add_road(arm.road, beside, *planes)
                    drivable[picked], pavement[picked], paint[picked] = planes
        return self._raster(drivable), self._raster(np.minimum(paint, 1.0)), self._raster(pavement)

    def _raster(self, values: np.ndarray) -> np.ndarray:
        plane = np.zeros(LAYOUT_SIZE, dtype=np.float32)
        plane[self.rows, self.columns] = values
        return plane * self.reached

    def _road_coordinates(self, road: Road, ego: Pose, ego_s: float) -> tuple[np.ndarray, ...]:
        """s, d of each ground pixel (P,) and the extent of its footprint along s and across it, float32 metres."""
        spacing = 1.0
        first = ego_s - self.reach_m * 1.2
        grid = first + spacing * np.arange(int(2.4 * self.reach_m / spacing) + 1)
        world_x, world_y, yaw = road.frame_at(grid)
        cosine, sine = np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)
        x = cosine * (world_x - ego.x) + sine * (world_y - ego.y)
        y = -sine * (world_x - ego.x) + cosine * (world_y - ego.y)
        heading = yaw - ego.yaw_rad
        table = np.stack([x, y, np.cos(heading), np.sin(heading)], axis=0).astype(np.float32)
        position = self._first_guess(table)
        px, py = self.points[:, 0], self.points[:, 1]
        for _ in range(3):
            line_x, line_y, c, n = _interpolate(table, position)
            position = position + ((px - line_x) * c + (py - line_y) * n) / spacing
        line_x, line_y, c, n = _interpolate(table, position)
        # A table of straight pieces: what lies past its ends or between two steps goes straight on.
        ahead = (px - line_x) * c + (py - line_y) * n
        d = (py - line_y) * c - (px - line_x) * n
        s = (first + spacing * np.clip(position, 0.0, len(grid) - 1.0) + ahead).astype(np.float32)
        along = np.hypot(self.by_u[:, 0] * c + self.by_u[:, 1] * n, self.by_v[:, 0] * c + self.by_v[:, 1] * n)
        across = np.hypot(self.by_u[:, 1] * c - self.by_u[:, 0] * n, self.by_v[:, 1] * c - self.by_v[:, 0] * n)
        return s, d, np.maximum(along, 1e-3), np.maximum(across, 1e-3)

    def _arm_coordinates(self, arm: Arm, ego: Pose) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Indices (K,) of the ground pixels that may show an arm, and their s, d and footprints along it and across."""
        origin_x, origin_y, heading = (float(value) for value in arm.road.frame_at(0.0))
        cosine, sine = np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)
        x, y = origin_x - ego.x, origin_y - ego.y
        place = np.array([cosine * x + sine * y, cosine * y - sine * x], dtype=np.float32)
        c, n = np.float32(np.cos(heading - ego.yaw_rad)), np.float32(np.sin(heading - ego.yaw_rad))
        beside = self.points - place
        s, d = beside[:, 0] * c + beside[:, 1] * n, beside[:, 1] * c - beside[:, 0] * n
        along = np.hypot(self.by_u[:, 0] * c + self.by_u[:, 1] * n, self.by_v[:, 0] * c + self.by_v[:, 1] * n)
        across = np.hypot(self.by_u[:, 1] * c - self.by_u[:, 0] * n, self.by_v[:, 1] * c - self.by_v[:, 0] * n)
        widest = max(float(np.max(np.abs(strip_edges(strip, np.array([arm.mouth_s]))))) for strip in arm.road.strips)
        picked = np.flatnonzero((s + 0.5 * along > arm.mouth_s - 1.0) & (np.abs(d) - 0.5 * across < widest))
        return picked, tuple(
            np.maximum(v[picked], 1e-3) if v is along or v is across else v[picked] for v in (s, d, along, across)
        )

    def _first_guess(self, table: np.ndarray) -> np.ndarray:
        """Table position (P,) of the nearest reference point, searched on every eighth pixel and fourth metre."""
        points = self.points[self._coarse]
        line = table[:2, ::4]
        squared = (points[:, :1] - line[0]) ** 2 + (points[:, 1:] - line[1]) ** 2
        return (4.0 * squared.argmin(axis=1)).astype(np.float32)[self._spread]


def _add_road(
    road: Road, at: tuple[np.ndarray, ...], drivable: np.ndarray, pavement: np.ndarray, paint: np.ndarray
) -> None:
    """Lay a road over the coverages (P,) of pixels whose s, d and footprints along and across are ``at``."""
    s, d, along, across = at
    for strip in road.strips:
        if strip.kind == "kerb":
            continue
        covered = _strip_coverage(strip, s, d, along, across)
        drivable *= 1.0 - covered
        pavement *= 1.0 - covered
        if strip.kind in ("asphalt", "parking"):
            drivable += covered
        elif strip.kind == "pavement":
            pavement += covered
    dashes = _repeated(s, along, DASH_LENGTH_M, DASH_PERIOD_M)
    for line in road.lines:
        paint += _line_coverage(line, s, d, along, across, dashes)
    paint += _crossing_coverage(road, s, d, along, across)
    for stop in road.stop_lines:
        covered = _band(s, along, stop.s, stop.s + STOP_LINE_M) * _band(d, across, stop.right, stop.left)
        paint += covered if stop.kind == "solid" else covered * _repeated(d, across, *BROKEN_STOP_LINE_M)


def positions_on_road(road: Road, x: FloatArray, y: FloatArray) -> FloatArray:
    """s (T,) of the points of a path on the road, followed step by step.

    The first point takes the nearest reference point, later ones the nearest within 30 m of the step before, so that a
    road which passes near itself does not make the path jump.
    """
    line = road.reference[:, :2]
    guesses = np.empty(len(x), dtype=np.int64)
    low, high = 0, len(line)
    for index in range(len(x)):
        squared = (line[low:high, 0] - x[index]) ** 2 + (line[low:high, 1] - y[index]) ** 2
        guesses[index] = low + int(squared.argmin())
        ahead = index + 1
        step = 0.0 if ahead == len(x) else float(np.hypot(x[ahead] - x[index], y[ahead] - y[index]))
        margin = int((30.0 + step) / road.spacing) + 2
        low, high = max(guesses[index] - margin, 0), min(guesses[index] + margin + 1, len(line))
    return road.to_road(x, y, road.s_start + road.spacing * guesses)[0]


def _coarse_cells(rows: np.ndarray, columns: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of one pixel per 8 x 8 cell, and for every pixel the index of its cell among those."""
    cell = (rows // _COARSE) * width + columns // _COARSE
    _, first, inverse = np.unique(cell, return_index=True, return_inverse=True)
    return first, inverse


def _interpolate(table: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, ...]:
    clipped = np.clip(position, 0.0, table.shape[1] - 1.001)
    index = clipped.astype(np.intp)
    weight: np.ndarray = clipped - index.astype(
        np.float32
    )  # whole numbers would make all that follows float64, at twice the time
    low = table.take(index, axis=1, mode="clip")
    between = table.take(index + 1, axis=1, mode="clip")
    between -= low
    between *= weight
    between += low
    return tuple(between)


def _band(value: np.ndarray, extent: np.ndarray, low: FloatArray | float, high: FloatArray | float) -> np.ndarray:
    """Share of a footprint of ``extent`` around ``value`` that lies in [low, high]."""
    above = np.clip((value - low) / extent + 0.5, 0.0, 1.0)
    beyond = np.clip((value - high) / extent + 0.5, 0.0, 1.0)
    return np.asarray(above - beyond, dtype=np.float32)


def _stretch(s: np.ndarray, along: np.ndarray, start: float, end: float) -> np.ndarray | float:
    return 1.0 if np.isinf(start) and np.isinf(end) else _band(s, along, start, end)


def _repeated(value: np.ndarray, extent: np.ndarray, length: float, period: float) -> np.ndarray:
    """Share of a footprint covered by a pattern that is on for ``length`` of every ``period``, starting at 0."""

    def on_until(x: np.ndarray) -> np.ndarray:
        turns = np.floor(x / period)
        return turns * length + np.minimum(x - turns * period, length)

    return (on_until(value + 0.5 * extent) - on_until(value - 0.5 * extent)) / extent


def _strip_coverage(strip: Strip, s: np.ndarray, d: np.ndarray, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    right, left = _scalar_or_taper(
        strip.right_end is None and strip.left_end is None and strip.flare is None, lambda at: strip_edges(strip, at), s
    )
    return _band(d, across, right, left) * _stretch(s, along, strip.s_start, strip.s_end)


def _line_coverage(
    line: LaneLine, s: np.ndarray, d: np.ndarray, along: np.ndarray, across: np.ndarray, dashes: np.ndarray
) -> np.ndarray:
    (centre,) = _scalar_or_taper(line.offset_end is None, lambda at: (line_offset(line, at),), s)
    bands = [_band(d - centre, across, low, high) for low, high in line_bands(line)]
    covered = np.sum(bands, axis=0) * _stretch(s, along, line.s_start, line.s_end)
    return covered * dashes if line.kind == "dashed" else covered


def _scalar_or_taper(
    constant: bool, edges: Callable[[np.ndarray], tuple[FloatArray, ...]], s: np.ndarray
) -> tuple[FloatArray | float, ...]:
    if constant:
        return tuple(float(edge[0]) for edge in edges(np.zeros(1)))
    return tuple(edge.astype(np.float32) for edge in edges(s))


def _crossing_coverage(
    road: Road, s: np.ndarray, d: np.ndarray, along: np.ndarray, across: np.ndarray
) -> np.ndarray | float:
    at_crossings = sum(
        _band(s, along, at - 0.5 * CROSSING_DEPTH_M, at + 0.5 * CROSSING_DEPTH_M) for at in road.crossings
    )
    if not np.any(at_crossings):
        return 0.0
    on_asphalt = np.zeros(len(s), dtype=np.float32)
    for strip in road.strips:
        if strip.kind in ("asphalt", "parking"):
            on_asphalt += _band(d, across, strip.right + CROSSING_MARGIN_M, strip.left - CROSSING_MARGIN_M)
    stripes = _repeated(d, across, CROSSING_STRIPE_M, CROSSING_PERIOD_M)
    return at_crossings * stripes * np.minimum(on_asphalt, 1.0)
