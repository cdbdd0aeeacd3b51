"""Builds roads: a smooth reference line through the ego's lane, with lanes, strips and paint beside it.

Offsets are worked out for right-hand traffic, own lanes at negative ``d``, and mirrored for left-hand traffic. ``d`` = 0
is the left edge of the ego's innermost lane: the centre line, or the inner edge of a motorway carriageway.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.road import Lane, LaneLine, Road, RoadType, Strip

Curvature = Literal["straight", "gentle"] | float | None

SPACING_M = 2.0
BEHIND_M = 200.0
RAMP_END_M = 300.0
RAMP_TAPER_M = 60.0
PARKING_WIDTH_M = 2.2
#: Smallest radius, and the range of lengths of straights and bends, metres.
_ALIGNMENT: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "motorway": (800.0, (150.0, 900.0), (250.0, 700.0)),
    "rural": (150.0, (40.0, 350.0), (60.0, 220.0)),
    "urban": (80.0, (120.0, 500.0), (25.0, 70.0)),
}
_SPEED_LIMIT_MPS: dict[str, float] = {"motorway": 36.1, "rural": 27.8, "urban": 13.9}
_MAX_HEADING_RAD = math.radians(40.0)
_TIGHTEST_RADIUS_M = 25.0


def build_road(
    road_type: RoadType,
    *,
    lanes: int,
    ego_lane: int,
    lane_width: float = 3.5,
    length_m: float = 1000.0,
    rng: np.random.Generator | int | None = None,
    seed: int | None = None,
    oncoming_lanes: int | None = None,
    curvature: Curvature = None,
    ramp: Literal["right", "left"] | None = None,
    crossings: Sequence[float] = (),
    speed_limit_mps: float | None = None,
    traffic_side: Literal["right", "left"] = "right",
    parking: Literal["none", "kerb", "both"] = "kerb",
    centre_line: Literal["dashed", "solid", "double"] | None = None,
    centre_colour: Literal["white", "yellow"] = "white",
) -> Road:
    """A road of ``lanes`` lanes in the ego's direction whose lane ``ego_lane`` passes the world origin along x at s = 0.

    ``length_m`` counts ahead of the ego; ``curvature`` is None (random for the road type), "straight", "gentle" or a
    signed 1/radius (positive bends left; the bend swings back before it would coil up). ``oncoming_lanes`` defaults to
    ``lanes`` (on a motorway beyond the median) and 0 makes a one-way road. ``ramp`` adds an acceleration lane that ends at
    300 m on that side. ``parking`` strips and kerbs exist on urban roads only. Raises InputError for an impossible road.
    """
    _check(road_type, lanes, ego_lane, lane_width, length_m, curvature, oncoming_lanes)
    generator = (
        rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng if rng is not None else seed or 0)
    )
    oncoming = lanes if oncoming_lanes is None else oncoming_lanes
    ramp_at_kerb = ramp == traffic_side
    plan = _Section(
        lanes=lanes,
        oncoming=oncoming,
        width=lane_width,
        ramp=None if not ramp else ("kerb" if ramp_at_kerb else "inner"),
    )
    centre = centre_line or ("double" if lanes > 1 else "dashed")
    if road_type == "motorway":
        strips, lines = plan.motorway()
        kerbs: tuple[float, ...] = ()
    elif road_type == "rural":
        strips, lines = plan.rural(centre, centre_colour)
        kerbs = ()
    else:
        strips, lines, kerbs = plan.urban(centre, centre_colour, parking)
    lane_list = plan.lanes_of(road_type)
    if traffic_side == "left":
        strips, lines, kerbs = (
            [_mirror_strip(s) for s in strips],
            [_mirror_line(x) for x in lines],
            tuple(-k for k in kerbs),
        )
        lane_list = [dataclasses.replace(lane, offset=-lane.offset) for lane in lane_list]
    ego_offset = next(x.offset for x in lane_list if x.direction == 1 and x.number == ego_lane and x.kind == "driving")
    return Road(
        road_type=road_type,
        reference=_reference_line(road_type, length_m, ego_offset, curvature, generator),
        s_start=-BEHIND_M,
        spacing=SPACING_M,
        strips=tuple(strips),
        lines=tuple(lines),
        lanes=tuple(lane_list),
        kerbs=tuple(sorted(kerbs)),
        crossings=tuple(float(s) for s in crossings),
        speed_limit_mps=_SPEED_LIMIT_MPS[road_type] if speed_limit_mps is None else speed_limit_mps,
        traffic_side=traffic_side,
    )


def _check(
    road_type: str,
    lanes: int,
    ego_lane: int,
    lane_width: float,
    length_m: float,
    curvature: Curvature,
    oncoming: int | None,
) -> None:
    if road_type not in _ALIGNMENT:
        raise InputError(f"road type {road_type!r} is not known; use one of {', '.join(_ALIGNMENT)}")
    if not 1 <= lanes <= 6 or not 1 <= ego_lane <= lanes:
        raise InputError(
            f"lanes {lanes} and ego_lane {ego_lane} do not fit; use 1 to 6 lanes and an ego_lane from 1 to lanes"
        )
    if oncoming is not None and not 0 <= oncoming <= 6:
        raise InputError(f"oncoming_lanes is {oncoming}; use 0 to 6")
    if not 2.2 <= lane_width <= 6.0:
        raise InputError(f"lane_width is {lane_width} m; use 2.2 to 6 m")
    if not 0.0 < length_m <= 200_000.0:
        raise InputError(f"length_m is {length_m}; use a positive length up to 200 000 m")
    if isinstance(curvature, str) and curvature not in ("straight", "gentle"):
        raise InputError(f"curvature {curvature!r} is not known; use 'straight', 'gentle' or a number in 1/m")
    if isinstance(curvature, (int, float)) and abs(curvature) > 1.0 / _TIGHTEST_RADIUS_M:
        raise InputError(
            f"curvature {curvature} 1/m is a radius below {_TIGHTEST_RADIUS_M:.0f} m; use a smaller number"
        )


def _curvature_along(road_type: str, s: FloatArray, curvature: Curvature, rng: np.random.Generator) -> FloatArray:
    """Curvature (like ``s``) of straights and bends drawn in turn, eased into each other like clothoids.

    Each bend turns the way that keeps the heading within limits, so that a road of any length never meets itself.
    """
    if curvature == "straight" or curvature == 0:
        return np.zeros_like(s)
    easing = {"motorway": 60.0, "rural": 15.0, "urban": 8.0}[road_type] / SPACING_M
    if isinstance(curvature, (int, float)):
        return _eased(_swinging_bend(float(curvature), s), easing / 3.0)
    radius, straight_range, bend_range = _ALIGNMENT[road_type]
    if curvature == "gentle":
        radius *= 3.0
    result = np.zeros_like(s)
    position, heading, is_bend = float(s[0]), 0.0, bool(rng.random() < 0.5)
    while position < s[-1]:
        length = rng.uniform(*(bend_range if is_bend else straight_range))
        bend = float(rng.choice([-1.0, 1.0])) / (radius * (1.0 + rng.exponential(1.0))) if is_bend else 0.0
        length = min(length, 0.9 * _MAX_HEADING_RAD / max(abs(bend), 1e-9))
        if abs(heading + bend * length) > _MAX_HEADING_RAD:
            bend = -bend
        result[(s >= position) & (s < position + length)] = bend
        heading, position, is_bend = heading + bend * length, position + length, not is_bend
    return _eased(result, easing)


def _eased(values: FloatArray, deviation: float) -> FloatArray:
    """Values (N,) smoothed with a Gaussian of ``deviation`` samples; the ends count as going on unchanged."""
    radius = int(4.0 * deviation + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    return np.convolve(np.pad(values, radius, mode="edge"), kernel / kernel.sum(), mode="valid")


def _swinging_bend(curvature: float, s: FloatArray) -> FloatArray:
    """Curvature (like ``s``) of one bend around s = 0 that swings back and forth by 70 degrees either way."""
    swing = 2.0 * math.radians(70.0) / abs(curvature)
    count = np.floor((np.abs(s) + 0.5 * swing) / swing)
    return np.where(count % 2 == 0, curvature, -curvature)


def _reference_line(
    road_type: str, length_m: float, ego_offset: float, curvature: Curvature, rng: np.random.Generator
) -> FloatArray:
    """Points (N, 3) of x, y, yaw with the ego's lane through the origin along x at s = 0."""
    count = math.ceil((length_m + BEHIND_M) / SPACING_M) + 1
    s = -BEHIND_M + SPACING_M * np.arange(count)
    bend = _curvature_along(road_type, s, curvature, rng)
    zero = round(BEHIND_M / SPACING_M)
    mid_bend = 0.5 * (bend[1:] + bend[:-1])
    yaw = np.concatenate([[0.0], np.cumsum(mid_bend * SPACING_M)])
    yaw -= yaw[zero]
    mid_yaw = 0.5 * (yaw[1:] + yaw[:-1])
    x = np.concatenate([[0.0], np.cumsum(SPACING_M * np.cos(mid_yaw))])
    y = np.concatenate([[0.0], np.cumsum(SPACING_M * np.sin(mid_yaw))])
    return np.stack([x - x[zero], y - y[zero] - ego_offset, yaw], axis=1)


def _mirror_strip(strip: Strip) -> Strip:
    right_end = None if strip.left_end is None else -strip.left_end
    left_end = None if strip.right_end is None else -strip.right_end
    return dataclasses.replace(strip, right=-strip.left, left=-strip.right, right_end=right_end, left_end=left_end)


def _mirror_line(line: LaneLine) -> LaneLine:
    offset_end = None if line.offset_end is None else -line.offset_end
    return dataclasses.replace(line, offset=-line.offset, offset_end=offset_end)


@dataclasses.dataclass(frozen=True)
class _Section:
    """The cross-section for right-hand traffic: own lanes below d = 0, the others above."""

    lanes: int
    oncoming: int
    width: float
    ramp: Literal["kerb", "inner"] | None
    inner_margin: float = 0.6
    median_width: float = 3.0
    shoulder: float = 2.6

    @property
    def own_edge(self) -> float:
        return -self.lanes * self.width

    @property
    def inner_ramp(self) -> float:
        return self.width if self.ramp == "inner" else 0.0

    def oncoming_start(self, road_type: str) -> float:
        """Offset of the line between the carriageways' oncoming side and its innermost lane."""
        gap = 2.0 * self.inner_margin + self.median_width if road_type == "motorway" else 0.0
        return gap + self.inner_ramp

    def lanes_of(self, road_type: str) -> list[Lane]:
        start = self.oncoming_start(road_type)
        result = [
            Lane(offset=-(self.lanes - number + 0.5) * self.width, width=self.width, direction=1, number=number)
            for number in range(1, self.lanes + 1)
        ]
        result += [
            Lane(
                offset=start + (self.oncoming - number + 0.5) * self.width,
                width=self.width,
                direction=-1,
                number=number,
            )
            for number in range(1, self.oncoming + 1)
        ]
        if self.ramp:
            offset = self.own_edge - 0.5 * self.width if self.ramp == "kerb" else 0.5 * self.width
            number = 0 if self.ramp == "kerb" else self.lanes + 1
            result.append(
                Lane(offset=offset, width=self.width, direction=1, number=number, kind="ramp", s_end=RAMP_END_M)
            )
        return result

    def motorway(self) -> tuple[list[Strip], list[LaneLine]]:
        start, outer = self.oncoming_start("motorway"), self.own_edge - self.shoulder
        far_edge = start + self.oncoming * self.width
        inner_end = start - self.inner_margin - self.median_width
        strips = [
            Strip(kind="asphalt", right=outer, left=self.inner_margin),
            Strip(kind="median", right=inner_end, left=inner_end + self.median_width),
            Strip(kind="asphalt", right=start - self.inner_margin, left=far_edge + self.shoulder),
        ]
        lines = self._separators(self.own_edge, self.lanes)
        lines += [LaneLine(offset=start, kind="solid", width=0.2), LaneLine(offset=far_edge, kind="solid", width=0.2)]
        lines += self._separators(start, self.oncoming)
        if self.oncoming == 0:
            strips, lines = strips[:2], [x for x in lines if x.offset < start]
        lines += self._edges(0.2, inner=True)
        return strips + self._ramp_strips(outer), lines

    def rural(self, centre: str, colour: str) -> tuple[list[Strip], list[LaneLine]]:
        start = self.oncoming_start("rural")
        far_edge, shoulder = start + self.oncoming * self.width, 0.7
        strips = [Strip(kind="asphalt", right=self.own_edge - shoulder, left=far_edge + shoulder)]
        lines = self._separators(self.own_edge, self.lanes) + self._separators(start, self.oncoming)
        lines += self._centre(centre, colour, far_edge)
        lines += [LaneLine(offset=far_edge, kind="solid"), *self._edges(0.15, inner=self.inner_ramp > 0)]
        return strips + self._ramp_strips(self.own_edge - shoulder), lines

    def urban(self, centre: str, colour: str, parking: str) -> tuple[list[Strip], list[LaneLine], tuple[float, ...]]:
        start, walk = self.oncoming_start("urban"), 3.2
        far_edge = start + self.oncoming * self.width
        near_park = PARKING_WIDTH_M if parking in ("kerb", "both") and self.ramp != "kerb" else 0.0
        near_park = self.width if self.ramp == "kerb" else near_park
        far_park = PARKING_WIDTH_M if parking == "both" else 0.0
        kerbs = (self.own_edge - near_park, far_edge + far_park)
        strips = [
            Strip(kind="asphalt", right=self.own_edge, left=far_edge),
            Strip(kind="pavement", right=kerbs[0] - walk, left=kerbs[0]),
            Strip(kind="pavement", right=kerbs[1], left=kerbs[1] + walk),
        ]
        if near_park and self.ramp != "kerb":
            strips.append(Strip(kind="parking", right=kerbs[0], left=self.own_edge))
        if far_park:
            strips.append(Strip(kind="parking", right=far_edge, left=kerbs[1]))
        lines = self._separators(self.own_edge, self.lanes) + self._separators(start, self.oncoming)
        lines += self._centre(centre, colour, far_edge)
        if self.ramp:
            lines += self._edges(0.12, inner=False)
        return strips + self._ramp_strips(kerbs[0]), lines, kerbs

    def _centre(self, kind: str, colour: str, far_edge: float) -> list[LaneLine]:
        if self.oncoming == 0:
            return []
        position = self.inner_ramp
        return [LaneLine(offset=position, kind=kind, colour=colour, width=0.15)]  # type: ignore[arg-type]

    def _separators(self, right: float, count: int) -> list[LaneLine]:
        return [LaneLine(offset=right + index * self.width, kind="dashed") for index in range(1, count)]

    def _edges(self, width: float, *, inner: bool) -> list[LaneLine]:
        """Edge lines of the own carriageway, dashed beside a ramp and solid elsewhere."""
        lines: list[LaneLine] = []
        for side, offset in (("kerb", self.own_edge), ("inner", 0.0)):
            if self.ramp == side:
                outer = offset + (-self.width if side == "kerb" else self.width)
                end, taper = RAMP_END_M, RAMP_END_M + RAMP_TAPER_M
                lines += [
                    LaneLine(offset=offset, kind="dashed", width=width + 0.1, s_end=end),
                    LaneLine(offset=offset, kind="solid", width=width, s_start=taper),
                    LaneLine(offset=outer, kind="solid", width=width, s_end=end),
                    LaneLine(offset=outer, kind="solid", width=width, s_start=end, s_end=taper, offset_end=offset),
                ]
            elif side == "kerb" or inner:
                lines.append(LaneLine(offset=offset, kind="solid", width=width))
        return lines

    def _ramp_strips(self, outer: float) -> list[Strip]:
        """Asphalt of the acceleration lane and of its taper back to the carriageway."""
        if self.ramp is None:
            return []
        end, taper = RAMP_END_M, RAMP_END_M + RAMP_TAPER_M
        if self.ramp == "inner":
            left = self.width + self.inner_margin
            return [
                Strip(kind="asphalt", right=0.0, left=left, s_end=end),
                Strip(kind="asphalt", right=0.0, left=left, s_start=end, s_end=taper, right_end=0.0, left_end=0.1),
            ]
        edge, margin = self.own_edge, 1.0
        right = min(edge - self.width - margin, outer)
        return [
            Strip(kind="asphalt", right=right, left=edge, s_end=end),
            Strip(kind="asphalt", right=right, left=edge, s_start=end, s_end=taper, right_end=outer, left_end=edge),
        ]
