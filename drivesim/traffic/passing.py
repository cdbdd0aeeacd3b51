"""Passing something narrow: how far a driver moves over inside the lane for a cyclist or an obstacle at its edge."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import Mask, Slots
from drivesim.traffic.fleet import CYCLIST, IS_DRIVEN, PEDESTRIAN, STATIC, VEHICLE, Fleet

#: Clear distance to a cyclist and to something that stands; the furthest that a driver moves over; metres.
_CYCLIST_CLEARANCE_M = 0.9
_STATIC_CLEARANCE_M = 0.35
_FURTHEST_M = 1.7


def narrow_obstacles(fleet: Fleet) -> Slots:
    """Slots of cyclists and of things that stand, anywhere on the road."""
    n = fleet.count
    kind, motion = fleet.kind[:n], fleet.motion[:n]
    narrow = (kind == CYCLIST) | ((motion == STATIC) & (kind == VEHICLE))
    return np.flatnonzero(fleet.alive[:n] & narrow)


def choose_offset(fleet: Fleet, slot: int, obstacles: Slots) -> float | None:
    """Offset to drive at for the next seconds, or None to stay; back to the lane's own once everything is passed."""
    held, now = float(fleet.held_d[slot]), float(fleet.base_d[slot])
    wish = held
    near = obstacles[_relevant(fleet, slot, obstacles)]
    if len(near):
        shift = _shift(fleet, slot, near)
        if abs(shift) > _FURTHEST_M:
            return None
        wish = held + shift
    if abs(wish - now) < 0.15:
        return None
    away = abs(wish - held) > abs(now - held)
    return None if away and not _room_beside(fleet, slot, wish, near) else wish


def _relevant(fleet: Fleet, slot: int, obstacles: Slots) -> Mask:
    """Mask (len(obstacles),) of those soon to be passed or beside the driver."""
    sign = fleet.direction[slot]
    ahead = sign * (fleet.s[obstacles] - fleet.s[slot])
    reach = fleet.front[slot] + fleet.length[obstacles] / 2.0
    close = (ahead > -reach - 3.0) & (ahead < reach + max(25.0, 6.0 * fleet.v[slot]))
    sideways = np.abs(fleet.d[obstacles] - fleet.held_d[slot])
    touches = sideways < (fleet.width[obstacles] + fleet.width[slot]) / 2.0 + _clearance(fleet, obstacles)
    return np.asarray(close & touches & (sideways > 0.5) & (obstacles != slot))


def _clearance(fleet: Fleet, obstacles: Slots) -> FloatArray:
    return np.where(fleet.kind[obstacles] == CYCLIST, _CYCLIST_CLEARANCE_M, _STATIC_CLEARANCE_M)


def _shift(fleet: Fleet, slot: int, near: Slots) -> float:
    """Shift in metres that leaves room beside every obstacle; the larger one when both sides are narrow."""
    beside = fleet.d[near] - fleet.held_d[slot]
    room = (fleet.width[near] + fleet.width[slot]) / 2.0 + _clearance(fleet, near)
    shifts = np.where(beside < 0, beside + room, beside - room)
    return float(shifts[np.argmax(np.abs(shifts))])


def _room_beside(fleet: Fleet, slot: int, wish: float, near: Slots) -> bool:
    """Whether no one comes along the band that the driver would move into."""
    n = fleet.count
    others = fleet.alive[:n] & IS_DRIVEN[fleet.motion[:n]] & (fleet.kind[:n] != PEDESTRIAN)
    others[slot] = False
    others[near] = False
    half = (fleet.width[:n] + fleet.width[slot]) / 2.0 + 0.35
    changing = fleet.change_s[:n] > 0
    others &= (np.abs(fleet.d[:n] - wish) < half) | (changing & (np.abs(fleet.change_to[:n] - wish) < half))
    # Whoever is in the own lane already keeps behind or ahead.
    others &= np.abs(fleet.d[:n] - fleet.base_d[slot]) > half - 0.3
    slots = np.flatnonzero(others)
    sign = fleet.direction[slot]
    ahead = sign * (fleet.s[slots] - fleet.s[slot])
    same = fleet.direction[slots] == sign
    closing = np.where(same, np.abs(fleet.v[slots] - fleet.v[slot]), fleet.v[slots] + fleet.v[slot])
    reach = (fleet.length[slots] + fleet.length[slot]) / 2.0 + 2.0
    dangerous = np.where(
        same, np.abs(ahead) < reach + 2.5 * closing, (ahead > -reach) & (ahead < reach + 6.0 * closing)
    )
    return not bool(dangerous.any())
