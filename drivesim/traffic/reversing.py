"""Driving backwards: at a small speed, over a distance, and never into who is behind."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import Slots
from drivesim.traffic.fleet import CARRIED, ON_ROAD, Fleet
from drivesim.traffic.plans import Reverse

_BRAKING_MPS2, _SPEEDING_UP_MPS2 = 2.0, 1.0
#: What is kept free behind, and beside the band that is driven; metres.
_ROOM_BEHIND_M, _ROOM_BESIDE_M = 1.0, 0.2
_REACHED_M = 0.02


def begin_reversing(fleet: Fleet, slot: int, action: Reverse) -> None:
    """Let a participant brake to a stand and then drive backwards."""
    fleet.follows[slot] = 0
    fleet.script_a[slot] = np.nan
    fleet.reverse_mps[slot], fleet.reverse_m[slot] = action.speed_mps, action.distance_m
    fleet.keep_pace(slot, 0.0)


def reversed_speeds(fleet: Fleet, slots: Slots, dt: float) -> FloatArray:
    """Speeds (R,) in m/s, negative backwards, after ``dt`` of those who reverse; NaN for the others.

    Each speeds up evenly, brakes so as to stand where its way ends or a metre short of who is behind, and then stays.
    """
    result = np.full(len(slots), np.nan)
    for row in np.flatnonzero((fleet.reverse_mps[slots] > 0.0) & (fleet.crashed[slots] <= 0.0)):
        slot, speed = int(slots[row]), float(fleet.v[slots[row]])
        if speed > 0.0:
            result[row] = max(speed - _BRAKING_MPS2 * dt, 0.0)
            continue
        fleet.reverse_m[slot] -= -speed * dt
        way = min(float(fleet.reverse_m[slot]), _room_behind(fleet, slot) if fleet.motion[slot] == ON_ROAD else np.inf)
        # What is left after this step, so that the last one ends at the place and not beyond it.
        allowed = _BRAKING_MPS2 * (np.sqrt(dt**2 + 2.0 * max(way, 0.0) / _BRAKING_MPS2) - dt)
        pace = min(-speed + _SPEEDING_UP_MPS2 * dt, float(fleet.reverse_mps[slot]), allowed)
        if fleet.reverse_m[slot] <= _REACHED_M:
            fleet.reverse_mps[slot], pace = 0.0, 0.0
        result[row] = -max(pace, 0.0)
    return result


def _room_behind(fleet: Fleet, slot: int) -> float:
    """Metres that may be driven backwards before someone is too near."""
    n = fleet.count
    others = fleet.alive[:n] & (fleet.motion[:n] != CARRIED)
    others[slot] = False
    others &= np.abs(fleet.d[:n] - fleet.d[slot]) < (fleet.width[:n] + fleet.width[slot]) / 2.0 + _ROOM_BESIDE_M
    behind = float(fleet.direction[slot]) * (fleet.s[slot] - fleet.s[:n])
    others &= behind > 0.0
    if not others.any():
        return float("inf")
    near = np.where(fleet.direction[:n] == fleet.direction[slot], fleet.front[:n], fleet.rear[:n])
    return float((behind - near)[others].min() - fleet.rear[slot]) - _ROOM_BEHIND_M
