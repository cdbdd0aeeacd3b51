"""Pedestrians and drivers in each other's way: who sees whom, and who waits."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import Mask, Slots
from drivesim.traffic.fleet import FREE, IS_DRIVEN, ON_ROUTE, PEDESTRIAN, STATIC, VEHICLE, Fleet

#: A driver who already brakes this hard is trusted to stop; so is one who could stop with less than that, m/s².
_FIRM_BRAKING = 2.5
_STEP_OUT_M = 1.3
_ROOM_M = 0.6
#: Where somebody who crosses will be is foreseen so far ahead, seconds.
_FORESEEN_S = 3.5


def must_wait(fleet: Fleet, slots: Slots) -> Mask:
    """Mask (W,): the walkers in ``slots`` who would step in front of a vehicle that cannot well stop any more.

    Those who do not yield only stop at the side of a vehicle that is already passing. A walker looks one step ahead into each vehicle's band; gap acceptance as in the Highway Capacity Manual.
    """
    n = fleet.count
    vehicles = np.flatnonzero(fleet.alive[:n] & IS_DRIVEN[fleet.motion[:n]] & (fleet.kind[:n] != PEDESTRIAN))
    road_yaw = fleet.road.frame_at(fleet.s[slots])[2]
    across = np.sin(fleet.yaw[slots] - road_yaw)[:, None]
    pace = np.maximum(np.maximum(fleet.v[slots], fleet.desired[slots]), 0.3)[:, None]
    offset = fleet.d[slots][:, None] - fleet.d[vehicles][None, :]
    half = fleet.width[vehicles][None, :] / 2.0 + _ROOM_M
    outside = np.abs(offset) > half - 0.25
    towards = offset * across < 0
    to_band = np.abs(offset) - half
    speed = fleet.v[vehicles][None, :]
    ahead = fleet.direction[vehicles][None, :] * (fleet.s[slots][:, None] - fleet.s[vehicles][None, :])
    gap = ahead - fleet.front[vehicles][None, :] - 0.5
    still_passing = gap + fleet.length[vehicles][None, :] > -1.0
    arrival = np.maximum(gap, 0.0) / np.maximum(speed, 0.1)
    leaving = (np.abs(offset) + half) / (pace * np.maximum(np.abs(across), 0.2))
    needed = speed**2 / (2.0 * np.maximum(gap - 0.5, 0.1))
    stops = (needed < _FIRM_BRAKING) | (-fleet.a[vehicles][None, :] > 0.9 * needed)
    conflict = (arrival < leaving + 0.5) & ~((gap > 0.5) & stops) & (speed > 0.3)
    beside = (gap <= 0.5) & still_passing
    yields = fleet.yields[slots][:, None] > 0
    wall = (gap < -0.5) & (to_band < 0.0)
    blocked = outside & towards & (to_band < _STEP_OUT_M) & still_passing & np.where(yields, conflict | beside, wall)
    return np.asarray(blocked.any(axis=1))


def walked_into(fleet: Fleet, rows: Slots, columns: Slots, gap: FloatArray) -> FloatArray | None:
    """Offsets (R, C) by which drivers in ``rows`` expect the walkers in ``columns`` to have moved across the road, None where nobody
    walks across.

    An attentive driver looks as far ahead as the walker is away in time; an inattentive one (negative ``alert``)
    reacts to where the walker was. Someone hidden behind a standing vehicle is seen where the sight is free.
    """
    crossing = (fleet.motion[columns] == FREE) & (fleet.v[columns] > 0.05)
    if not crossing.any():
        return None
    turn = fleet.yaw[columns] - fleet.road.frame_at(fleet.s[columns])[2]
    across = np.where(crossing, fleet.v[columns] * np.sin(turn), 0.0)[None, :]
    alert = fleet.alert[rows][:, None]
    horizon = np.clip(gap / np.maximum(fleet.v[rows][:, None], 1.0), 0.3, 3.0)
    return np.asarray(across * np.where(alert > 0, alert * horizon, alert))


def driven_into(fleet: Fleet, rows: Slots, columns: Slots, gap: FloatArray) -> FloatArray | None:
    """Offsets (R, C) by which the vehicles in ``columns`` that cross a junction will have moved across the road when the drivers in
    ``rows`` get there; NaN where that is too far ahead to say, None where nobody crosses.

    Who crosses was let in by a gap; should he be held up in it, those whose way it is do not insist on it.
    """
    crossing = (fleet.motion[columns] == ON_ROUTE) & (fleet.inside[columns] > 0)
    if not crossing.any():
        return None
    turn = fleet.yaw[columns] - fleet.road.frame_at(fleet.s[columns])[2]
    until = gap / np.maximum(fleet.v[rows][:, None], 1.0)
    soon = crossing[None, :] & (until > 0.0) & (until < _FORESEEN_S)
    return np.where(soon, (fleet.v[columns] * np.sin(turn))[None, :] * until, np.nan)


def hidden(fleet: Fleet, rows: Slots, columns: Slots, candidates: Mask) -> Mask:
    """Mask (R, C) like ``candidates``: walkers whom a standing vehicle hides from a driver's eyes."""
    result = np.zeros_like(candidates)
    walkers = (fleet.kind[columns] == PEDESTRIAN) & (fleet.motion[columns] == FREE)
    if not walkers.any():
        return result
    n = fleet.count
    screens = fleet.alive[:n] & (fleet.motion[:n] == STATIC) & (fleet.kind[:n] == VEHICLE)
    screens = np.flatnonzero(screens & (fleet.length[:n] > 3.0))
    for row, column in np.argwhere(candidates & walkers[None, :]):
        eye_s, eye_d = fleet.s[rows[row]], fleet.d[rows[row]]
        away_s, away_d = fleet.s[columns[column]] - eye_s, fleet.d[columns[column]] - eye_d
        ends = fleet.s[screens] + np.array([[-0.5], [0.5]]) * fleet.length[screens] - eye_s
        share = ends / (away_s if abs(away_s) > 0.1 else 0.1)
        sideways = eye_d + share * away_d - fleet.d[screens]
        cuts = (share > 0.02) & (share < 0.98) & (np.abs(sideways) < fleet.width[screens] / 2.0)
        result[row, column] = bool(cuts.any())
    return result
