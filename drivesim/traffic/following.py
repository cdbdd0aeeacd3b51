"""Following by script: a time gap to a named participant that is kept, as adaptive cruise control keeps it."""

from __future__ import annotations

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import Slots
from drivesim.traffic.fleet import ON_ROAD, Fleet
from drivesim.traffic.plans import Follow

#: Gains on the error of the gap (1/s²) and of the speed (1/s): the response is well damped.
_GAP_GAIN, _SPEED_GAIN = 0.2, 0.9
_HARDEST_MPS2, _QUICKEST_MPS2 = 6.0, 2.5
#: The gap that is kept at a stand, and what counts as following well; metres, m/s.
STANDING_GAP_M = 2.0
GAP_TOLERANCE_SHARE, GAP_TOLERANCE_M, SPEED_TOLERANCE_MPS = 0.15, 1.0, 0.75


def follow(fleet: Fleet, slot: int, action: Follow, manoeuvre_id: str) -> None:
    """Let a participant follow another. Raises InputError where one of the two does not drive along the road."""
    lead = next((other for other in range(fleet.count) if fleet.plans[other].id == action.actor_id), None)
    if lead is None or lead == slot or fleet.motion[slot] != ON_ROAD:
        raise InputError(
            f"manoeuvre {manoeuvre_id!r}: {fleet.plans[slot].id!r} cannot follow {action.actor_id!r}; who follows drives "
            "along the road, behind somebody else who is there"
        )
    fleet.script_a[slot] = np.nan
    fleet.follows[slot], fleet.follow_headway[slot] = lead + 1, action.headway_s


def wanted_gap(speed_mps: FloatArray | float, headway_s: FloatArray | float) -> FloatArray | float:
    """Bumper to bumper, metres: the way driven in the headway, and what is kept at a stand."""
    return STANDING_GAP_M + headway_s * speed_mps


def following_script(fleet: Fleet, slots: Slots) -> FloatArray:
    """Acceleration (R,) in m/s² of those who follow by script, NaN for the others.

    Source: constant time-gap control, Rajamani 2012, Vehicle Dynamics and Control, chapter 6.
    """
    lead = fleet.follows[slots] - 1
    follows = (lead >= 0) & (fleet.crashed[slots] <= 0.0)
    lead = np.where(follows, lead, slots)
    gap = _gap(fleet, slots, lead)
    same = np.where(fleet.direction[slots] == fleet.direction[lead], 1.0, -1.0)
    error = gap - wanted_gap(fleet.v[slots], fleet.follow_headway[slots])
    rate = _GAP_GAIN * error + _SPEED_GAIN * (same * fleet.v[lead] - fleet.v[slots])
    return np.where(follows, np.clip(rate, -_HARDEST_MPS2, _QUICKEST_MPS2), np.nan)


def follows_well(fleet: Fleet, slot: int) -> bool:
    """Whether gap and speed are what they are to be."""
    own, lead = np.array([slot]), np.array([int(fleet.follows[slot]) - 1])
    if lead[0] < 0:
        return True
    wanted = float(wanted_gap(float(fleet.v[slot]), float(fleet.follow_headway[slot])))
    off = abs(float(_gap(fleet, own, lead)[0]) - wanted)
    near = off < max(GAP_TOLERANCE_M, GAP_TOLERANCE_SHARE * wanted)
    return near and abs(float(fleet.v[slot] - fleet.v[lead[0]])) < SPEED_TOLERANCE_MPS


def _gap(fleet: Fleet, slots: Slots, lead: Slots) -> FloatArray:
    """Gap (R,) in metres from the front of each to the rear of whom it follows, along its own direction."""
    ahead = fleet.direction[slots] * (fleet.s[lead] - fleet.s[slots])
    near = np.where(fleet.direction[slots] == fleet.direction[lead], fleet.rear[lead], fleet.front[lead])
    return np.asarray(ahead - near - fleet.front[slots])
