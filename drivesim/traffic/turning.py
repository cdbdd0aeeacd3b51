"""Driving on a route through a junction: whom one follows, how fast one turns, where one waits, and the way from road to road."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import DriverParameters, Slots, following_acceleration, idm_free_acceleration
from drivesim.traffic.fleet import CYCLIST, ON_ROAD, ON_ROUTE, PEDESTRIAN, Fleet
from drivesim.traffic.motion import desired_speeds, drivers, script_accelerations, standing_obstacle
from drivesim.traffic.routes import JunctionRoute
from drivesim.traffic.steady import steady_accelerations, steady_ways

_HARDEST_BRAKING = 8.0
_LOOK_AHEAD_M, _LONGEST_M = 60.0, 15.0
_MARGIN_M = 0.25
#: A box may lie so much further from a sample of a line than from the line itself, metres.
_SLACK_M = 2.0
#: Metres over which one who comes onto a route beside its middle gets there, and before a line where one stops.
_CENTRE_M, _BEFORE_LINE_M = 9.0, 0.4
#: Where others on foot or by bicycle will be is looked at this far ahead, seconds.
_WATCHED_S = (0.6, 1.2, 1.8, 2.4)


def middles(fleet: Fleet, slots: Slots) -> tuple[FloatArray, FloatArray]:
    """World x, y (R,) of the middles of boxes; the ego's place is its rear axle."""
    ahead = (fleet.front[slots] - fleet.rear[slots]) / 2.0
    return fleet.x[slots] + ahead * np.cos(fleet.yaw[slots]), fleet.y[slots] + ahead * np.sin(fleet.yaw[slots])


def on_samples(
    points: FloatArray, x: FloatArray, y: FloatArray, yaw: FloatArray, length: FloatArray, width: FloatArray
) -> tuple[np.ndarray, FloatArray, FloatArray, FloatArray]:
    """Where boxes (J,) lie on samples (K, 3) of a route.

    Index (J,) of the nearest sample, the clear distance (J,) between the box and the line there (negative across it), half
    of its extent along the line, and the cosine of its heading to the line.
    """
    apart = (x[:, None] - points[:, 0]) ** 2 + (y[:, None] - points[:, 1]) ** 2
    index = apart.argmin(axis=1)
    near = points[index]
    cosine, sine = np.cos(near[:, 2]), np.sin(near[:, 2])
    beside = np.hypot(x - near[:, 0], y - near[:, 1])
    lateral = np.where(
        (index == 0) | (index == len(points) - 1), beside, np.abs((y - near[:, 1]) * cosine - (x - near[:, 0]) * sine)
    )
    turn = yaw - near[:, 2]
    across = (np.abs(np.sin(turn)) * length + np.abs(np.cos(turn)) * width) / 2.0
    along = (np.abs(np.cos(turn)) * length + np.abs(np.sin(turn)) * width) / 2.0
    return index, lateral - across, along, np.cos(turn)


def touching(
    points: FloatArray,
    x: FloatArray,
    y: FloatArray,
    yaw: FloatArray,
    length: FloatArray,
    width: FloatArray,
    apart: FloatArray,
) -> tuple[Slots, Slots, FloatArray, FloatArray]:
    """Which boxes (J,) lie nearer than ``apart`` (J,) to the line of samples (K, 3), beside its inner samples.

    Their numbers (R,), the nearest sample of each, and half of the extent along the line and the cosine as :func:`on_samples`.
    """
    reach = apart + (length + width) / 2.0 + _SLACK_M
    (low_x, low_y), (high_x, high_y) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    # Nearly everyone is far away, and each row counts by itself.
    near = np.flatnonzero((x > low_x - reach) & (x < high_x + reach) & (y > low_y - reach) & (y < high_y + reach))
    if not len(near):
        return near, near, x[near], x[near]
    index, clear, along, cosine = on_samples(points, x[near], y[near], yaw[near], length[near], width[near])
    hit = (clear < apart[near]) & (index > 0) & (index < len(points) - 1)
    return near[hit], index[hit], along[hit], cosine[hit]


def drive_routes(fleet: Fleet, waits: dict[int, bool], dt: float, time_s: float) -> None:
    """Move everyone on a route by ``dt`` seconds; ``waits`` says who has to stop at his line. Who is steady keeps his pace."""
    slots = np.flatnonzero(fleet.alive[: fleet.count] & (fleet.motion[: fleet.count] == ON_ROUTE))
    if not len(slots):
        return
    steady = fleet.steady[slots]
    wanted = np.zeros(len(slots))
    wanted[~steady] = _accelerations(fleet, slots[~steady], waits)
    scripted = script_accelerations(fleet, slots, dt)
    told = steady_accelerations(fleet, slots, scripted, dt, time_s)
    wanted = np.where(steady, told, np.fmin(wanted, scripted))
    old = fleet.v[slots]
    new = np.maximum(old + wanted * dt, 0.0)
    fleet.v[slots], fleet.a[slots] = new, (new - old) / dt
    distance = steady_ways(fleet, slots, 0.5 * (old + new) * dt, dt, time_s)
    fleet.travelled[slots] += distance
    fleet.route_p[slots] += distance
    fleet.route_d[slots] *= np.exp(-distance / _CENTRE_M)
    _place(fleet, slots)


def _place(fleet: Fleet, slots: Slots) -> None:
    """Everyone on a route where he is by now, in the world and along the road."""
    aside, taken = fleet.route_d[slots], fleet.route[slots]
    for number in np.unique(taken):
        here = taken == number
        some, beside = slots[here], aside[here]
        fleet.x[some], fleet.y[some], yaw = fleet.routes[int(number) - 1].at(fleet.route_p[some], beside)
        fleet.yaw[some] = yaw - np.arctan(beside / _CENTRE_M)
    s, d = fleet.road.to_road(fleet.x[slots], fleet.y[slots], fleet.s[slots], iterations=2)
    fleet.s[slots] = s
    fleet.d[slots] = fleet.base_d[slots] = fleet.held_d[slots] = d
    along = np.cos(fleet.yaw[slots] - fleet.road.frame_at(s)[2])
    fleet.direction[slots] = np.where(np.abs(along) > 0.1, np.where(along > 0.0, 1, -1), fleet.direction[slots])
    fleet.inside[slots] = np.where(fleet.route_p[slots] + fleet.front[slots] > 0.0, 1.0, fleet.inside[slots])
    for slot in slots[np.abs(aside) < 0.05]:
        route = fleet.route_of(int(slot))
        if route.goal_s is not None and fleet.route_p[slot] - fleet.rear[slot] > route.leave_p:
            _back_on_road(fleet, int(slot), route)


def _back_on_road(fleet: Fleet, slot: int, route: JunctionRoute) -> None:
    """From here the way is a lane of the road."""
    fleet.motion[slot], fleet.route[slot] = ON_ROAD, 0
    fleet.direction[slot] = route.goal.direction
    fleet.base_d[slot] = fleet.held_d[slot] = route.goal.offset
    fleet.wander[slot] = fleet.slope[slot] = 0.0
    fleet.free_choice[slot] = not fleet.scripted[slot] and slot > 0


def _accelerations(fleet: Fleet, slots: Slots, waits: dict[int, bool]) -> FloatArray:
    """What drivers (R,) do, m/s²: the least that their pace, the bend, those ahead and the line allow."""
    desired, n = desired_speeds(fleet, slots), fleet.count
    wanted = idm_free_acceleration(fleet.v[slots], desired, drivers(fleet, slots).acceleration)
    for row, slot in enumerate(slots):
        v = float(fleet.v[slot])
        limit = fleet.route_of(int(slot)).limit_at(float(fleet.route_p[slot]) + 0.6 * v)
        least = max((limit - v) / 0.6, -5.0) if v > limit else (limit - v) / 0.3 + 0.2
        wanted[row] = min(wanted[row], least)
    x, y = middles(fleet, np.arange(n))
    ahead = [_nearest_ahead(fleet, int(slot), x, y) for slot in slots]
    rows = np.repeat(np.arange(len(slots)), [len(gap) for gap, _, _ in ahead])
    if len(rows):
        who = slots[rows]
        gap, speed, rate = (np.concatenate(parts) for parts in zip(*ahead, strict=True))
        driver = DriverParameters(
            headway_s=fleet.headway[who],
            minimum_gap_m=fleet.minimum_gap[who],
            acceleration=fleet.comfort[who],
            deceleration=fleet.deceleration[who],
        )
        np.minimum.at(wanted, rows, following_acceleration(fleet.v[who], desired[rows], gap, speed, rate, driver))
    held = np.array([waits.get(int(slot), False) for slot in slots], dtype=bool)
    if held.any():
        line = -fleet.route_p[slots[held]] - fleet.front[slots[held]] - _BEFORE_LINE_M
        wanted[held] = np.minimum(wanted[held], standing_obstacle(fleet, slots[held], line))
    return np.maximum(wanted, -_HARDEST_BRAKING)


def _nearest_ahead(fleet: Fleet, slot: int, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gap (m), speed along the route and acceleration of everyone on it ahead; walkers and cyclists where they will be.

    ``x``, ``y`` are the middles of all boxes.
    """
    n, route, p = fleet.count, fleet.route_of(slot), float(fleet.route_p[slot])
    reach = max(12.0, min(_LOOK_AHEAD_M, 4.0 * fleet.v[slot] + 12.0))
    near = fleet.alive[:n] & (np.hypot(x - fleet.x[slot], y - fleet.y[slot]) < reach + _LONGEST_M)
    near[slot] = False
    others = np.flatnonzero(near)
    if not len(others):
        return (np.zeros(0),) * 3
    lengths, points, _ = route.span(p - 2.0, p + fleet.front[slot] + reach, every=2)
    walking = others[_moves_aside(fleet, others)]
    slots = np.concatenate([others, np.tile(walking, len(_WATCHED_S))])
    step = fleet.v[slots] * np.concatenate([np.zeros(len(others)), np.repeat(_WATCHED_S, len(walking))])
    margin = np.where(fleet.kind[slots] == PEDESTRIAN, 0.6, _MARGIN_M)
    rows, index, along, cosine = touching(
        points, x[slots] + step * np.cos(fleet.yaw[slots]), y[slots] + step * np.sin(fleet.yaw[slots]),
        fleet.yaw[slots], fleet.length[slots], fleet.width[slots], fleet.width[slot] / 2.0 + margin,
    )  # fmt: skip
    gap, slots = lengths[index] - p - along - fleet.front[slot], slots[rows]
    speed = fleet.v[slots] * cosine
    # Who comes towards one in a turn passes by, or waits; he is no leader to close in on.
    speed = np.where(cosine < 0.3, np.maximum(speed, 0.0), speed)
    rate = np.where(cosine > 0.8, fleet.a[slots], 0.0)
    hit = gap > -2.0
    return gap[hit], speed[hit], rate[hit]


def _moves_aside(fleet: Fleet, slots: Slots) -> np.ndarray:
    """Mask (R,) of those on foot or by bicycle who move."""
    slow = (fleet.kind[slots] == PEDESTRIAN) | (fleet.kind[slots] == CYCLIST)
    return np.asarray(slow & (fleet.v[slots] > 0.2))


def has_turned(fleet: Fleet, slot: int) -> bool:
    """Whether one who took a route is past the junction."""
    if fleet.motion[slot] != ON_ROUTE:
        return True
    return bool(fleet.route_p[slot] - fleet.rear[slot] > fleet.route_of(slot).leave_p)
