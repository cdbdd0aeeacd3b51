"""Where two are about to be: the time until their boxes touch if both keep speed and heading."""

from __future__ import annotations

import math

import numpy as np

from drivesim.traffic.contact import extents
from drivesim.traffic.fleet import ON_ROAD, Fleet


def time_to_collision(fleet: Fleet, slot: int, other: int) -> float:
    """Seconds until the boxes of two participants, taken along the road, touch; 0 while they do, infinite if they never will.

    Both keep speed and heading: who walks towards the lane counts before he is in it, who will have left it does not.
    """
    both = np.array([slot, other])
    right, left, front, rear = extents(fleet, both)
    turn = fleet.yaw[both] - fleet.road.frame_at(fleet.s[both])[2]
    on_road = fleet.motion[both] == ON_ROAD
    along = np.where(on_road, fleet.v[both] * fleet.direction[both], fleet.v[both] * np.cos(turn))
    across = np.where(on_road, 0.0, fleet.v[both] * np.sin(turn))
    first_s, last_s = _touching(rear, front, along)
    first_d, last_d = _touching(right, left, across)
    begins = max(first_s, first_d, 0.0)
    return begins if begins <= min(last_s, last_d) else math.inf


def _touching(low: np.ndarray, high: np.ndarray, speed: np.ndarray) -> tuple[float, float]:
    """From when to when, in seconds, two intervals overlap that move at constant speeds."""
    closing = float(speed[0] - speed[1])
    until_touch, until_past = float(low[1] - high[0]), float(high[1] - low[0])
    if abs(closing) < 1e-6:
        return (-math.inf, math.inf) if until_touch < 0.0 < until_past else (math.inf, -math.inf)
    times = (until_touch / closing, until_past / closing)
    return min(times), max(times)
