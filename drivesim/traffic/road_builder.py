"""Builds roads: a smooth reference line through the ego's lane, with lanes, strips and paint beside it.

Offsets are worked out for right-hand traffic, own lanes at negative ``d``, and mirrored for left-hand traffic. ``d`` = 0
is the left edge of the ego's innermost lane: the centre line, or the inner edge of a motorway carriageway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.road import Road, RoadType
from drivesim.traffic.cross_section import CrossSection, mirrored

Curvature = Literal["straight", "gentle"] | float | None

SPACING_M = 2.0
BEHIND_M = 200.0
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
    seed: int = 0,
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
    section = CrossSection(
        lanes=lanes,
        oncoming=lanes if oncoming_lanes is None else oncoming_lanes,
        width=lane_width,
        ramp=None if ramp is None else "kerb" if ramp == traffic_side else "inner",
    )
    centre = centre_line or ("double" if lanes > 1 else "dashed")
    parts = section.parts(road_type, centre=centre, colour=centre_colour, parking=parking)
    if traffic_side == "left":
        parts = mirrored(parts)
    generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(seed if rng is None else rng)
    ego_offset = next(
        x.offset for x in parts.lanes if x.direction == 1 and x.number == ego_lane and x.kind == "driving"
    )
    return Road(
        road_type=road_type,
        reference=_reference_line(road_type, length_m, ego_offset, curvature, generator),
        s_start=-BEHIND_M,
        spacing=SPACING_M,
        strips=tuple(parts.strips),
        lines=tuple(parts.lines),
        lanes=tuple(parts.lanes),
        kerbs=tuple(sorted(parts.kerbs)),
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
