"""When the ego's front touches somebody on a way of his own, and where he is then: boxes of any heading, in the ego's frame.

Two touch with a point of the ego's front where the middle of the side that the other turns towards it lies straight ahead of
that point, and the nearest part of his box that is ahead of the ego's front has come down to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from shapely import Polygon
from shapely import box as rectangle

from drivesim.geometry import FloatArray, footprint
from drivesim.scenarios.ways import Way
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_WIDTH_M

#: The direction in which the side that touches looks, to the heading of who is touched: with his front, his rear, or the side
#: that he turns to an ego which he passes from the left or the right.
_LOOKS = {"against": 0.0, "along": math.pi, "left": -math.pi / 2.0, "right": math.pi / 2.0}
#: Who is looked for this far before and behind the junction's edge, in steps of so many metres and seconds.
_REACH_M, _STEP_M, _STEP_S = 80.0, 0.25, 0.05
#: Everything ahead of the ego, metres.
_FAR_M = 1000.0


@dataclass(frozen=True)
class GroundPose:
    """A place and heading in the world, metres and radians."""

    x: float
    y: float
    yaw_rad: float


def touching(
    ego: GroundPose, heading: float, length: float, width: float, offset: float, *, faces: str
) -> tuple[float, float]:
    """World x, y of the middle of a box that touches the front of an ego at ``ego`` (its rear axle), ``offset`` metres to its left."""
    turned = heading - ego.yaw_rad
    forward, left = (float(part) for part in _middle(turned, length, width, faces))
    ahead = EGO_FRONT_M - _nearest(forward, offset + left, turned, length, width)
    x, y = forward + ahead, offset + left
    cosine, sine = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
    return ego.x + x * cosine - y * sine, ego.y + x * sine + y * cosine


def first_touch(
    ego: Way,
    begins: float,
    speed: float,
    other: Way,
    size: tuple[float, float],
    offset: float,
    *,
    faces: str,
    until_s: float,
    around: float,
) -> tuple[float, float] | None:
    """When an ego that drives at ``speed`` (m/s) from the length ``begins`` of its way on first touches a box of ``size`` (length,
    width) on the other way, and the length at which the box is then; None where it does not within ``until_s``.

    The other is looked for around the length ``around`` of his way. It does not matter how fast he is: he is there then.
    """
    lengths = around + np.arange(-_REACH_M, _REACH_M, _STEP_M)
    places = np.stack(other.at(lengths))

    def gap(time_s: float) -> tuple[float, float]:
        spot = GroundPose(*(float(value) for value in ego.at(begins + speed * time_s)))
        return _gap(spot, lengths, places, size, offset, faces)

    before = 0.0
    if gap(0.0)[0] <= 0.0:
        return None
    for after in np.arange(_STEP_S, until_s + _STEP_S, _STEP_S):
        if gap(after)[0] <= 0.0:
            for _ in range(30):
                middle = 0.5 * (before + after)
                before, after = (before, middle) if gap(middle)[0] <= 0.0 else (middle, after)
            return float(after), gap(after)[1]
        before = after
    return None


def _gap(
    ego: GroundPose, lengths: FloatArray, places: FloatArray, size: tuple[float, float], offset: float, faces: str
) -> tuple[float, float]:
    """Metres between the ego's front and the box that lies straight ahead of the point ``offset``, and its length on its way.

    Infinite where the way does not pass ahead of the ego, with the side that ``faces``.
    """
    length, width = size
    x, y = places[0] - ego.x, places[1] - ego.y
    cosine, sine = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
    turned = places[2] - ego.yaw_rad
    back, left = _middle(turned, length, width, faces)
    # Where the middle of the side that touches is, ahead of the ego and to the left of the point of its front.
    ahead, aside = x * cosine + y * sine - back, y * cosine - x * sine - left - offset
    towards = np.cos(turned + _LOOKS[faces]) < -0.5
    crosses = np.flatnonzero(
        (aside[:-1] * aside[1:] <= 0.0) & towards[:-1] & (ahead[:-1] > 0.0) & (aside[:-1] != aside[1:])
    )
    if not len(crosses):
        return math.inf, math.nan
    index = int(crosses[np.argmin(ahead[crosses])])
    share = float(aside[index] / (aside[index] - aside[index + 1]))
    part = turned[index] + share * (turned[index + 1] - turned[index])
    forward, sideways = _middle(part, length, width, faces)
    reach = ahead[index] + share * (ahead[index + 1] - ahead[index]) + forward
    near = _nearest(float(reach), float(offset + sideways), float(part), length, width)
    return near - EGO_FRONT_M, float(lengths[index] + share * _STEP_M)


def _middle(turned: FloatArray | float, length: float, width: float, faces: str) -> tuple[FloatArray, FloatArray]:
    """From the middle of the side that touches to the middle of the box, forward and to the left in the ego's frame."""
    depth = (length if faces in ("against", "along") else width) / 2.0
    looks = turned + _LOOKS[faces]
    return -depth * np.cos(looks), -depth * np.sin(looks)


def _nearest(forward: float, left: float, turned: float, length: float, width: float) -> float:
    """How far ahead of the ego's rear axle the nearest part of a box is that its front could touch; far, where there is none."""
    outline = Polygon(footprint(forward, left, length, width, turned))
    half = EGO_WIDTH_M / 2.0
    common = outline.intersection(rectangle(-_FAR_M, -half, _FAR_M, half))
    return float(_FAR_M if common.is_empty else common.bounds[0])
