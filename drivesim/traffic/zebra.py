"""Pedestrians at zebra crossings who wait at the kerb and walk when the ego's gap suits them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from drivesim.traffic.behaviour import pedestrian_accepts_gap
from drivesim.traffic.fleet import FREE, Fleet
from drivesim.traffic.manoeuvres import gap_to_ego, time_to_ego

#: Deceleration in m/s² that a pedestrian expects of a driver who has to stop, and the driver's reaction time.
_EXPECTED_BRAKING = 3.5
_REACTION_S = 1.0
#: Nobody cares for an ego that is further away in time.
_DECIDES_BELOW_S = 9.0


@dataclass(frozen=True, kw_only=True)
class Walker:
    """Someone waiting at ``slot``: the far side, the walking pace, and whether he trusts drivers to stop.

    ``decided`` once the ego has come near and the rest holds for good.
    """

    slot: int
    goal_x: float
    goal_y: float
    pace: float
    trusting: bool
    starts_below_s: float
    decided: bool = False


def makes_up_his_mind(fleet: Fleet, walker: Walker, rng: np.random.Generator) -> Walker:
    """The walker as he is once the ego is near enough to matter: then he decides anew whom to trust and when to go."""
    if walker.decided or time_to_ego(fleet, walker.slot) > _DECIDES_BELOW_S:
        return walker
    return replace(
        walker,
        decided=True,
        trusting=bool(rng.random() < 0.7),
        starts_below_s=float(rng.uniform(3.0, _DECIDES_BELOW_S)),
    )


def steps_out(fleet: Fleet, walker: Walker) -> bool:
    """Whether the walker starts now: the ego is far or gone, or near enough to be stopped and still able to."""
    until = time_to_ego(fleet, walker.slot)
    if fleet.s[walker.slot] < fleet.s[0]:
        return True
    if until > walker.starts_below_s:
        return False
    width = math.hypot(walker.goal_x - fleet.x[walker.slot], walker.goal_y - fleet.y[walker.slot])
    if bool(pedestrian_accepts_gap(until, width / walker.pace)):
        return True
    speed = float(fleet.v[0])
    needed = _REACTION_S * speed + speed**2 / (2.0 * _EXPECTED_BRAKING)
    return walker.trusting and gap_to_ego(fleet, walker.slot) > needed


def start_walking(fleet: Fleet, walker: Walker) -> None:
    """Set the walker going straight to the far side."""
    slot = walker.slot
    fleet.target_x[slot], fleet.target_y[slot] = walker.goal_x, walker.goal_y
    fleet.motion[slot] = FREE
    fleet.v[slot] = walker.pace
    fleet.keep_pace(slot, walker.pace)


def kerb_to_kerb(fleet: Fleet, s: float, rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    """x, y and yaw of a place at one kerb of a crossing, and x, y beyond the other; a side drawn at random."""
    kerbs = fleet.road.kerbs
    start, goal = (kerbs[0], kerbs[-1]) if rng.random() < 0.5 else (kerbs[-1], kerbs[0])
    outward = math.copysign(1.0, start - goal)
    along = s + float(rng.uniform(-1.2, 1.2))
    x, y, _ = fleet.road.to_world(along, start + 0.5 * outward)
    goal_x, goal_y, _ = fleet.road.to_world(along, goal - 0.8 * outward)
    yaw = math.atan2(float(goal_y - y), float(goal_x - x))
    return float(x), float(y), yaw, float(goal_x), float(goal_y)
