"""Participants without a script: drawn at random, and put only where there is room."""

from __future__ import annotations

from typing import Literal

import numpy as np

from drivesim.traffic.dimensions import PRESET_SIZES, size_of
from drivesim.traffic.fleet import IS_DRIVEN, Fleet
from drivesim.traffic.look import CAR_COLOUR_SHARES, draw_colour
from drivesim.traffic.plans import ActorPlan, Kind

_CLOTHES = ("coat", "jacket", "hoodie", "shirt", "dress")


def random_plan(
    name: str,
    identity: str,
    rng: np.random.Generator,
    *,
    s: float = 0.0,
    d: float | None = None,
    direction: Literal[1, -1] = 1,
    x: float | None = None,
    y: float | None = None,
    yaw_rad: float = 0.0,
    speed: float = 0.0,
    desired_speed: float | None = None,
    kind: Kind = "vehicle",
    parked: bool = False,
) -> ActorPlan:
    """A participant of a category or preset ``name`` with random size and colour at the given place."""
    preset = name if name in PRESET_SIZES else None
    category = "pedestrian" if name == "child" else "car" if preset else name
    length, width, height = size_of(category, preset, rng)
    shares = None if category in ("pedestrian", "bicycle") else CAR_COLOUR_SHARES
    colour_name, colour = draw_colour(rng, shares)
    noun = _CLOTHES[int(rng.integers(len(_CLOTHES)))] if category == "pedestrian" else preset or category
    return ActorPlan(
        id=identity,
        category=category,
        preset=preset,
        length=length,
        width=width,
        height=height,
        colour=colour,
        look=f"{colour_name} {noun.replace('_', ' ')}",
        s=s,
        d=d,
        direction=direction,
        x=x,
        y=y,
        yaw_rad=yaw_rad,
        speed=speed,
        desired_speed=desired_speed,
        kind=kind,
        parked=parked,
        yields=True,
    )


def is_free(fleet: Fleet, plan: ActorPlan, clearance_m: float) -> bool:
    """Whether ``plan``'s place along the road is free, with ``clearance_m`` and the way to brake for a slower one."""
    n = fleet.count
    offset = plan.d if plan.d is not None else 0.0
    half = (fleet.width[:n] + plan.width) / 2.0 + 0.25
    beside = np.abs(fleet.d[:n] - offset) < half
    beside |= (fleet.change_s[:n] > 0) & (np.abs(fleet.change_to[:n] - offset) < half)
    reach = np.maximum(fleet.front[:n], fleet.rear[:n]) + plan.length / 2.0
    own = fleet.direction[:n] == plan.direction
    their_speed = np.where(IS_DRIVEN[fleet.motion[:n]] & own, fleet.v[:n], 0.0)
    braking = np.square(their_speed - plan.speed) / 6.0 if plan.speed > 0 else np.zeros(n)
    near = np.abs(fleet.s[:n] - plan.s) < reach + clearance_m + braking
    return not bool((fleet.alive[:n] & beside & near).any())
