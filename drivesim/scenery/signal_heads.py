"""Signal heads at a junction: beside the stop lines, and across it for the road, in the colours of a moment."""

from __future__ import annotations

import numpy as np

from drivesim.junctions import Junction, Light
from drivesim.road import Road, strip_edges
from drivesim.scenery.things import SIGNAL_EDGES_M, Colour3, Thing, ThingKind

#: What is told of a head: the colour of the lamp that is lit.
LAMP_COLOURS: dict[Light, Colour3] = {
    "green": (0.25, 0.95, 0.45),
    "amber": (0.98, 0.74, 0.20),
    "red": (0.98, 0.22, 0.16),
}
_SHOWN: dict[Light, int] = {"green": 0, "amber": 1, "red": 2}
#: From the asphalt's edge to a head, metres.
_ASIDE_M = 0.7


def signal_heads(road: Road, junction: Junction, time_s: float) -> list[Thing]:
    """The heads of a junction ``time_s`` seconds after t = 0; none without signals."""
    if junction.signals is None:
        return []
    heads = []
    side = -1.0 if road.traffic_side == "right" else 1.0
    for direction in sorted({lane.direction for lane in road.lanes if lane.kind == "driving"}):
        light = junction.signals.light(False, time_s)
        # Beside the stop line, and across the junction for those who stand at it.
        for at in (
            junction.s - direction * (junction.reach_m + 0.3),
            junction.s + direction * (junction.reach_m + 0.9),
        ):
            heads.append(_head(road, at, _beside(road, at, side * direction), direction, light))
    for arm in junction.arms:
        at = arm.mouth_s + max(arm.stop_s - arm.mouth_s, junction.reach_m - 3.0)
        heads.append(_head(arm.road, at, _beside(arm.road, at, -side), -1, junction.signals.light(True, time_s)))
    return heads


def _beside(road: Road, s: float, side: float) -> float:
    """d of a place beside the asphalt, to the left where ``side`` is positive."""
    paved = [strip_edges(strip, np.array([s])) for strip in road.strips if strip.kind in ("asphalt", "parking")]
    if side > 0:
        return max(float(left[0]) for _, left in paved) + _ASIDE_M
    return min(float(right[0]) for right, _ in paved) - _ASIDE_M


def _head(road: Road, s: float, d: float, direction: int, light: Light) -> Thing:
    x, y, yaw = (float(value) for value in road.to_world(s, d))
    return Thing(
        kind=ThingKind.TRAFFIC_LIGHT,
        s=s,
        d=d,
        x=x,
        y=y,
        yaw_rad=yaw + (0.0 if direction > 0 else float(np.pi)),
        length=0.24,
        width=0.38,
        low=SIGNAL_EDGES_M[0],
        high=SIGNAL_EDGES_M[1],
        order=(x, y),
        colour=LAMP_COLOURS[light],
        detail=_SHOWN[light],
    )
