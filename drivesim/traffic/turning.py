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
    points: FloatArray,
    x: FloatArray,
    y: FloatArray,
    yaw: FloatArray,
    length: FloatArray,
    width: FloatArray,
    last: Slots | int | None = None,
) -> tuple[Slots, FloatArray, FloatArray, FloatArray]:
    """Where boxes (J,) lie on samples (K, 3) of a route, or each on samples (J, K, 3) of its own, the last of which is ``last``.

    Index (J,) of the nearest sample, the clear distance (J,) between the box and the line there (negative across it), half
    of its extent along the line, and the cosine of its heading to the line.
    """
    apart = (x[:, None] - points[..., 0]) ** 2 + (y[:, None] - points[..., 1]) ** 2
    index = apart.argmin(axis=1)
    near = points[index] if points.ndim == 2 else points[np.arange(len(index)), index]
    cosine, sine = np.cos(near[:, 2]), np.sin(near[:, 2])
    beside = np.hypot(x - near[:, 0], y - near[:, 1])
    lateral = np.where(
        (index == 0) | (index == (points.shape[-2] - 1 if last is None else last)),
        beside,
        np.abs((y - near[:, 1]) * cosine - (x - near[:, 0]) * sine),
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
    if not steady.all():
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
    desired = desired_speeds(fleet, slots)
    wanted = idm_free_acceleration(fleet.v[slots], desired, drivers(fleet, slots).acceleration)
    for row, slot in enumerate(slots):
        v = float(fleet.v[slot])
        limit = fleet.route_of(int(slot)).limit_at(float(fleet.route_p[slot]) + 0.6 * v)
        least = max((limit - v) / 0.6, -5.0) if v > limit else (limit - v) / 0.3 + 0.2
        wanted[row] = min(wanted[row], least)
    living = np.flatnonzero(fleet.alive[: fleet.count])
    x, y = middles(fleet, living)
    rows, gap, speed, rate = _all_ahead(fleet, slots, living, x, y)
    if len(rows):
        who = slots[rows]
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


def _all_ahead(
    fleet: Fleet, slots: Slots, living: Slots, x: FloatArray, y: FloatArray
) -> tuple[Slots, FloatArray, FloatArray, FloatArray]:
    """Whom drivers (R,) on routes have ahead of them there: rows (P,) of drivers, gap (m), speed along the route and acceleration.

    Walkers and cyclists count where they will be too. ``x``, ``y`` are the middles of the boxes of all who are there, whose
    slots are ``living``.
    """
    reach = np.clip(4.0 * fleet.v[slots] + 12.0, 12.0, _LOOK_AHEAD_M)
    away = np.hypot(x - fleet.x[slots][:, None], y - fleet.y[slots][:, None])
    rows, column = np.nonzero((away < (reach + _LONGEST_M)[:, None]) & (living != slots[:, None]))
    others = living[column]
    # Everyone where he is, and those who move aside where they will be too.
    aside, times = np.flatnonzero(_moves_aside(fleet, others)), len(_WATCHED_S)
    chosen = np.concatenate([np.arange(len(rows)), np.tile(aside, times)])
    step = np.concatenate([np.zeros(len(rows)), np.repeat(_WATCHED_S, len(aside))]) * fleet.v[others[chosen]]
    rows, others, column = rows[chosen], others[chosen], column[chosen]
    yaw = fleet.yaw[others]
    at_x, at_y = x[column] + step * np.cos(yaw), y[column] + step * np.sin(yaw)
    apart = fleet.width[slots][rows] / 2.0 + np.where(fleet.kind[others] == PEDESTRIAN, 0.6, _MARGIN_M)
    length, width = fleet.length[others], fleet.width[others]
    lengths, points, last, low, high = _windows(fleet, slots, reach)
    slack = apart + (length + width) / 2.0 + _SLACK_M
    # Nearly everyone is far away, and each pair counts by itself.
    beyond = (at_x > low[rows, 0] - slack) & (at_x < high[rows, 0] + slack)
    near = np.flatnonzero(beyond & (at_y > low[rows, 1] - slack) & (at_y < high[rows, 1] + slack))
    own, others = rows[near], others[near]
    index, clear, along, cosine = on_samples(
        points[own], at_x[near], at_y[near], yaw[near], length[near], width[near], last[own]
    )
    gap = lengths[own, index] - fleet.route_p[slots][own] - along - fleet.front[slots][own]
    hit = (clear < apart[near]) & (index > 0) & (index < last[own]) & (gap > -2.0)
    own, others, gap, cosine = own[hit], others[hit], gap[hit], cosine[hit]
    speed = fleet.v[others] * cosine
    # Who comes towards one in a turn passes by, or waits; he is no leader to close in on.
    speed = np.where(cosine < 0.3, np.maximum(speed, 0.0), speed)
    return own, gap, speed, np.where(cosine > 0.8, fleet.a[others], 0.0)


def _windows(
    fleet: Fleet, slots: Slots, reach: FloatArray
) -> tuple[FloatArray, FloatArray, Slots, FloatArray, FloatArray]:
    """The samples of their routes that drivers (R,) look at: lengths (R, K), points (R, K, 3), the last of each (R,), bounds (R, 2).

    Behind the last come samples that are infinitely far away.
    """
    looked = [
        fleet.route_of(int(slot)).span(p - 2.0, p + front + far, every=2)
        for slot, p, front, far in zip(slots, fleet.route_p[slots], fleet.front[slots], reach, strict=True)
    ]
    last = np.array([len(lengths) - 1 for lengths, _, _ in looked], dtype=np.int64)
    most = int(last.max()) + 1
    lengths, points = np.zeros((len(slots), most)), np.zeros((len(slots), most, 3))
    points[..., :2] = np.inf
    for row, (at, samples, _) in enumerate(looked):
        lengths[row, : len(at)], points[row, : len(at)] = at, samples
    low = np.array([samples[:, :2].min(axis=0) for _, samples, _ in looked])
    high = np.array([samples[:, :2].max(axis=0) for _, samples, _ in looked])
    return lengths, points, last, low, high


def _moves_aside(fleet: Fleet, slots: Slots) -> np.ndarray:
    """Mask (R,) of those on foot or by bicycle who move."""
    slow = (fleet.kind[slots] == PEDESTRIAN) | (fleet.kind[slots] == CYCLIST)
    return np.asarray(slow & (fleet.v[slots] > 0.2))


def has_turned(fleet: Fleet, slot: int) -> bool:
    """Whether one who took a route is past the junction."""
    if fleet.motion[slot] != ON_ROUTE:
        return True
    return bool(fleet.route_p[slot] - fleet.rear[slot] > fleet.route_of(slot).leave_p)
