"""The road: a reference line with strips, lanes and paint at lateral offsets from it.

Road coordinates: ``s`` metres along the reference line, ``d`` metres to its left. The world frame is the ego frame at
t = 0. Offsets are constants or change linearly over a stretch of ``s``, which is enough for lanes, shoulders,
pavements and merging ramps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from shapely import Polygon, unary_union

from drivesim.geometry import FloatArray

if TYPE_CHECKING:
    from drivesim.junctions import Junction

RoadType = Literal["motorway", "rural", "urban"]
INFINITY = float("inf")

#: Dashed lines are painted for 4 m of every 12 m of s, starting at s = 0.
DASH_LENGTH_M = 4.0
DASH_PERIOD_M = 12.0

#: Zebra crossings are 4 m deep along s, with stripes 0.5 m wide in every metre of d, starting at d = 0, and end 0.3 m
#: before the asphalt does.
CROSSING_DEPTH_M = 4.0
CROSSING_MARGIN_M = 0.3
CROSSING_STRIPE_M = 0.5
CROSSING_PERIOD_M = 1.0

#: Stop lines are half a metre wide; a broken one has a stripe of half a metre in every metre of d (length, period).
STOP_LINE_M = 0.5
BROKEN_STOP_LINE_M = (0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A band of one surface between offsets ``right`` and ``left`` (metres, right < left) for s in [s_start, s_end].

    ``right_end`` and ``left_end`` are the offsets at ``s_end`` when the band tapers; None keeps it parallel. With ``flare``,
    an s and a radius, both edges bend outwards before that s plus the radius, as the corners of a junction do. A "kerb" is
    drawn in pictures only.
    """

    kind: Literal["asphalt", "pavement", "median", "parking", "kerb"]
    right: float
    left: float
    s_start: float = -INFINITY
    s_end: float = INFINITY
    right_end: float | None = None
    left_end: float | None = None
    flare: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class StopLine:
    """A line across the road, STOP_LINE_M wide along s from ``s`` on, between offsets ``right`` and ``left``.

    A "broken" one, which tells to give way, has stripes as BROKEN_STOP_LINE_M says.
    """

    s: float
    right: float
    left: float
    kind: Literal["solid", "broken"] = "solid"


@dataclass(frozen=True, kw_only=True)
class LaneLine:
    """A painted line along the road, ``width`` metres wide, centred on ``offset``; see :class:`Strip` for tapers."""

    offset: float
    kind: Literal["solid", "dashed", "double"]
    colour: Literal["white", "yellow"] = "white"
    width: float = 0.15
    s_start: float = -INFINITY
    s_end: float = INFINITY
    offset_end: float | None = None


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A lane to drive on: centre offset and width in metres, ``direction`` +1 along s and -1 against it.

    ``number`` counts from the kerb (1 = nearest the kerb of its direction); ``kind`` "ramp" ends at ``s_end``.
    """

    offset: float
    width: float
    direction: Literal[1, -1]
    number: int
    kind: Literal["driving", "ramp"] = "driving"
    s_start: float = -INFINITY
    s_end: float = INFINITY


@dataclass(frozen=True, kw_only=True, eq=False)
class Road:
    """A road: ``reference`` (N, 3) holds x, y, yaw in the world frame at s = s_start + i * spacing.

    ``crossings`` are the s of zebra crossings (4 m deep), ``kerbs`` the d of raised kerbs, ``traffic_side`` the side
    one drives on, ``speed_limit_mps`` in metres a second. ``junctions`` are where side roads meet it.
    """

    road_type: RoadType
    reference: FloatArray
    s_start: float
    spacing: float
    strips: tuple[Strip, ...]
    lines: tuple[LaneLine, ...]
    lanes: tuple[Lane, ...]
    kerbs: tuple[float, ...] = ()
    crossings: tuple[float, ...] = ()
    speed_limit_mps: float = 13.9
    traffic_side: Literal["right", "left"] = "right"
    stop_lines: tuple[StopLine, ...] = ()
    junctions: tuple[Junction, ...] = ()

    @property
    def s_end(self) -> float:
        """The last s on the reference line, metres."""
        return self.s_start + (len(self.reference) - 1) * self.spacing

    def lane(self, number: int | None, direction: int = 1) -> Lane | None:
        """The lane, or the ramp, of a number and direction; None where there is none."""
        return next((lane for lane in self.lanes if (lane.number, lane.direction) == (number, direction)), None)

    def frame_at(self, s: FloatArray | float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """x, y and yaw of the reference line at ``s`` (any shape); beyond the ends it goes straight on."""
        s = np.asarray(s, dtype=np.float64)
        # Asked for each road user in each frame: np.clip, which says the same, would take a third of the time.
        position = np.minimum(np.maximum((s - self.s_start) / self.spacing, 0.0), len(self.reference) - 1)
        index = np.minimum(position.astype(np.int64), len(self.reference) - 2)
        weight = position - index
        first, second = self.reference[index], self.reference[index + 1]
        line = first + weight[..., None] * (second - first)
        x, y, yaw = line[..., 0][()], line[..., 1][()], line[..., 2][()]  # numbers where ``s`` is one
        beyond = s - (self.s_start + position * self.spacing)
        return x + beyond * np.cos(yaw), y + beyond * np.sin(yaw), yaw

    def to_world(self, s: FloatArray | float, d: FloatArray | float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """x, y (metres, world) and road yaw at road coordinates ``s``, ``d`` (broadcast together)."""
        x, y, yaw = self.frame_at(s)
        return x - np.asarray(d) * np.sin(yaw), y + np.asarray(d) * np.cos(yaw), yaw

    def to_road(
        self, x: FloatArray, y: FloatArray, near_s: FloatArray | float, iterations: int = 5
    ) -> tuple[FloatArray, FloatArray]:
        """Road coordinates (s, d) of world points, by Newton steps along the line from ``near_s``.

        ``near_s`` is a first guess (the ego's s, plus the forward distance); it must be on the same stretch of road.
        """
        s = np.broadcast_to(np.asarray(near_s, dtype=np.float64), np.shape(x)).copy()
        for _ in range(iterations):
            line_x, line_y, yaw = self.frame_at(s)
            s += (x - line_x) * np.cos(yaw) + (y - line_y) * np.sin(yaw)
        line_x, line_y, yaw = self.frame_at(s)
        return s, (y - line_y) * np.cos(yaw) - (x - line_x) * np.sin(yaw)

    def drivable(self, s_from: float, s_to: float, step: float = 2.0) -> Polygon:
        """Asphalt and parking strips between two s as one polygon (or multipolygon) in the world frame.

        The side roads of a junction there belong to it, each for as long as it is.
        """
        pieces = [
            arm.road.drivable(-20.0, arm.road.s_end)
            for junction in self.junctions
            if s_from < junction.s + junction.reach_m and s_to > junction.s - junction.reach_m
            for arm in junction.arms
        ]
        for strip in self.strips:
            start, end = max(s_from, strip.s_start), min(s_to, strip.s_end)
            if strip.kind in ("asphalt", "parking") and end > start:
                s = np.linspace(start, end, max(2, int((end - start) / step) + 1))
                if strip.flare is not None:
                    s = np.union1d(s, np.clip(strip.flare[0] + np.linspace(0.0, strip.flare[1], 12), start, end))
                right, left = strip_edges(strip, s)
                rx, ry, _ = self.to_world(s, right)
                lx, ly, _ = self.to_world(s, left)
                outline = np.concatenate([np.stack([rx, ry], 1), np.stack([lx, ly], 1)[::-1]])
                pieces.append(Polygon(outline).buffer(0))
        return unary_union(pieces)


def strip_edges(strip: Strip, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Right and left offsets (like ``s``) of a strip at each s, tapering where the strip does."""
    right = _tapered(strip.right, strip.right_end, strip.s_start, strip.s_end, s)
    left = _tapered(strip.left, strip.left_end, strip.s_start, strip.s_end, s)
    if strip.flare is None:
        return right, left
    begins, radius = strip.flare
    inwards = radius - np.clip(np.asarray(s) - begins, 0.0, radius)
    aside = radius - np.sqrt(np.maximum(radius**2 - inwards**2, 0.0))
    return right - aside, left + aside


def line_offset(line: LaneLine, s: FloatArray) -> FloatArray:
    """Centre offset (like ``s``) of a painted line at each s."""
    return _tapered(line.offset, line.offset_end, line.s_start, line.s_end, s)


def line_bands(line: LaneLine) -> tuple[tuple[float, float], ...]:
    """Painted intervals (right, left) relative to the line's centre, metres; a double line is two at 1.1 widths off."""
    half = 0.5 * line.width
    if line.kind == "double":
        apart = 1.1 * line.width
        return ((-apart - half, -apart + half), (apart - half, apart + half))
    return ((-half, half),)


def _tapered(start: float, end: float | None, s_start: float, s_end: float, s: FloatArray) -> FloatArray:
    if end is None:
        return np.full(np.shape(s), start)
    share = np.clip((np.asarray(s) - s_start) / (s_end - s_start), 0.0, 1.0)
    return start + share * (end - start)
