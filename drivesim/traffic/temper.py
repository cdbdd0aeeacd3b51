"""Tempers that change under way: every few seconds a road user makes up his mind anew about pace, distance and lane.

Nothing here touches t = 0: the first change of mind comes up to a second later. So drivers who were created by one
generator go on otherwise once another has taken over.
"""

from __future__ import annotations

import math

import numpy as np

from drivesim.traffic.behaviour import draw_driver, draw_pace_factor, draw_walker
from drivesim.traffic.fleet import CYCLIST, HEAVY, ON_ROAD, PEDESTRIAN, VEHICLE, Fleet

#: Seconds between two changes of mind, and the longest wait for the first one after another generator took over.
_PERIOD_S = (4.0, 9.0)
_SOON_S = 0.8
#: Time constants, in seconds, of what follows a change of mind: nobody brakes hard for a wider time gap.
_PACE_DRIFT_S, _HEADWAY_DRIFT_S = 0.6, 3.0
_FASTEST_OVER_LIMIT = 1.12
_LANE_WISH_SHARE = 0.6
_PAUSE_SHARE, _PAUSE_S = 0.25, (1.5, 4.0)
#: How much wider than elsewhere desired speeds spread in towns, where drivers look for signs, ways and places to park.
_TOWN_SPREAD = 1.4


def reconsider(fleet: Fleet, dt: float, time_s: float, rng: np.random.Generator) -> None:
    """Let those who are due change their minds, and everyone drift for ``dt`` seconds towards what he has in mind."""
    n = fleet.count
    for slot in np.flatnonzero(fleet.alive[:n] & (fleet.next_temper[:n] <= time_s)):
        _change_mind(fleet, int(slot), time_s, rng)
    fleet.desired[:n] -= math.expm1(-dt / _PACE_DRIFT_S) * (fleet.desired_to[:n] - fleet.desired[:n])
    fleet.headway[:n] -= math.expm1(-dt / _HEADWAY_DRIFT_S) * (fleet.headway_to[:n] - fleet.headway[:n])


def reconsider_soon(fleet: Fleet, time_s: float, rng: np.random.Generator) -> None:
    """Have everyone change his mind within a second after ``time_s``, at moments drawn from ``rng``."""
    n = fleet.count
    fleet.next_temper[:n] = time_s + rng.uniform(0.0, _SOON_S, size=n)
    waiting = fleet.change_s[:n] <= 0
    fleet.next_choice[:n] = np.where(waiting, time_s + rng.uniform(0.5, 2.0, size=n), fleet.next_choice[:n])


def _change_mind(fleet: Fleet, slot: int, time_s: float, rng: np.random.Generator) -> None:
    kind, leeway = int(fleet.kind[slot]), float(fleet.leeway[slot])
    next_s = float(rng.uniform(*_PERIOD_S))
    if kind == PEDESTRIAN:
        factor = min(max(float(rng.normal(1.0, 0.18)), 0.7), 1.4)
        driver = draw_walker(rng)
        # Who stops on a pavement is in nobody's way; on the carriageway people keep going.
        if rng.random() < _PAUSE_SHARE and leeway == 1.0 and fleet.motion[slot] == ON_ROAD:
            factor, next_s = 0.0, float(rng.uniform(*_PAUSE_S))
    else:
        heavy = fleet.plans[slot].category in HEAVY
        driver = draw_driver(rng, heavy or kind == CYCLIST)
        factor = draw_pace_factor(rng)
        if fleet.road.road_type == "urban":
            factor = 1.0 + _TOWN_SPREAD * (factor - 1.0)
        fleet.comfort[slot], fleet.deceleration[slot] = driver.acceleration, driver.deceleration
        fleet.politeness[slot] = driver.politeness
        wishes = rng.random() < _LANE_WISH_SHARE
        side = 1.0 if rng.random() < 0.5 else -1.0
        fleet.lane_wish[slot] = side if wishes and kind == VEHICLE and leeway == 1.0 else 0.0
    wish = float(fleet.wish[slot])
    most = max(_FASTEST_OVER_LIMIT * fleet.road.speed_limit_mps, wish)
    fleet.desired_to[slot] = min(wish * (1.0 + leeway * (factor - 1.0)), most)
    fleet.headway_to[slot] = driver.headway_s
    fleet.next_temper[slot] = time_s + next_s
