"""Who goes first at a junction: signals, priority, and the gap that a driver who gives way accepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.junctions import Junction, Leg
from drivesim.traffic.behaviour import Slots
from drivesim.traffic.fleet import IS_DRIVEN, ON_ROAD, ON_ROUTE, PEDESTRIAN, Fleet
from drivesim.traffic.motion import corridor
from drivesim.traffic.routes import SPACING_M, JunctionRoute
from drivesim.traffic.turning import middles, touching

_ARMS: tuple[Leg, ...] = ("left", "right")
_OPPOSITE: dict[Leg, Leg] = {"ahead": "behind", "behind": "ahead", "left": "right", "right": "left"}
#: Others are looked for this near, and followed this far ahead in time, moment by moment; metres, seconds.
_NEAR_M, _STEP_S = 300.0, 0.6
_MOMENTS_S = np.arange(0.0, 9.01, _STEP_S)
#: Walkers are looked for this near, metres.
_WALKERS_M = 35.0
#: How those who are slow, or stand, may speed up meanwhile, m/s².
_SPEEDS_UP_MPS2 = 1.3
#: Seconds that lie between two who cross, at first and after having waited long, and how long that takes; source: critical
#: gaps of 4 to 7 s in the Highway Capacity Manual hold bumper to bumper, these are clear times around a passage.
_MARGIN_S, _LEAST_MARGIN_S, _PATIENCE_S = 1.4, 0.7, 25.0
#: How drivers pull away across a junction, how hard one who has decided to go would brake for amber, and the braking that a
#: red light may ask of the last who saw amber; m/s².
_PULL_AWAY_MPS2, AMBER_BRAKING_MPS2, RED_BRAKING_MPS2 = 1.5, 3.0, 6.0
#: Drivers decide this long before they would have to brake; and stand for a stop sign when slower than that.
_DECIDES_M, _STANDS_MPS = 14.0, 0.3
#: One who stands in the junction lets those pass who are faster than that, m/s.
_DRIVES_MPS = 2.0
#: Who stands looks for a gap this often, and only when he is the first in line; seconds, metres.
_LOOKS_EVERY_S, _FIRST_IN_LINE_M = 0.3, 6.0
#: A route is looked at in steps of so many samples.
_EVERY = 2
#: How far behind the junction the way has to be free of those who stand.
_ROOM_M = 7.0


@dataclass(frozen=True, kw_only=True)
class _Others:
    """Those who may cross the way of one, by slot, with where they come from and whether they are past their line."""

    slots: Slots
    legs: list[Leg]
    inside: np.ndarray
    crosses: np.ndarray


def must_wait_at_line(fleet: Fleet, slot: int, time_s: float, dt: float) -> bool:
    """Whether the driver on a route in ``slot`` has to stop before the junction, as far as he can see now."""
    route, v = fleet.route_of(slot), float(fleet.v[slot])
    junction = route.junction
    if fleet.inside[slot] > 0:
        return _stands_in_it(fleet, slot, time_s)
    line = -float(fleet.route_p[slot]) - float(fleet.front[slot])
    slow = v < 1.0
    if line > (_FIRST_IN_LINE_M if slow else v**2 / 4.0 + _DECIDES_M):
        return False
    if line < 3.0:
        fleet.line_s[slot] += dt
        fleet.halted[slot] = max(fleet.halted[slot], float(v < _STANDS_MPS))
    on_arm = route.origin in _ARMS
    if junction.signals is not None:
        light = junction.signals.light(on_arm, time_s)
        needed = v**2 / (2.0 * max(line, 0.1))
        if (light == "red" and (needed < RED_BRAKING_MPS2 or v < 1.0)) or (
            light == "amber" and needed < AMBER_BRAKING_MPS2
        ):
            return True
    if junction.control == "stop" and on_arm and not fleet.halted[slot]:
        return True
    if slow and time_s < fleet.next_gap[slot]:
        return True
    may_go = not _blocked(fleet, route, slot) and _gap_is_free(fleet, route, slot, time_s)
    if may_go and line < max(v**2 / 6.0, 0.5):
        fleet.inside[slot] = 1.0
    elif not may_go:
        fleet.next_gap[slot] = time_s + _LOOKS_EVERY_S
    return not may_go


def _stands_in_it(fleet: Fleet, slot: int, time_s: float) -> bool:
    """Whether one who had to stop in the junction, as for somebody ahead, lets others pass before he goes on.

    The gap that he saw is over, so whoever drives there goes first, whatever the signs say; those who stand wait for him.
    """
    route = fleet.route_of(slot)
    if fleet.v[slot] > _STANDS_MPS or fleet.route_p[slot] - fleet.rear[slot] > route.leave_p:
        return False
    if time_s < fleet.next_gap[slot]:
        return True
    if _gap_is_free(fleet, route, slot, time_s, again=True):
        return False
    fleet.next_gap[slot] = time_s + _LOOKS_EVERY_S
    return True


def close_lines(fleet: Fleet, junction: Junction, time_s: float) -> None:
    """Tell traffic along the road where its signals hold it."""
    if junction.signals is None:
        return
    light = junction.signals.light(False, time_s)
    if light != "green":
        hardest = RED_BRAKING_MPS2 if light == "red" else AMBER_BRAKING_MPS2
        fleet.closed += [(junction.s - direction * junction.reach_m, direction, hardest) for direction in (1, -1)]


def _across(route_turn: str, side: str) -> bool:
    """Whether a turn crosses the traffic that comes towards one."""
    return route_turn not in ("straight", side)


def _others(fleet: Fleet, junction: Junction, slot: int) -> _Others:
    """Everyone who drives near the junction and has not left it."""
    n = fleet.count
    x, y = (float(value) for value in junction.arms[0].road.reference[0, :2])
    away = np.hypot(fleet.x[:n] - x, fleet.y[:n] - y)
    on_foot = fleet.kind[:n] == PEDESTRIAN
    near = fleet.alive[:n] & IS_DRIVEN[fleet.motion[:n]] & ~on_foot & (away < _NEAR_M)
    near |= fleet.alive[:n] & on_foot & (fleet.v[:n] > 0.2) & (away < _WALKERS_M)
    near[slot] = False
    slots: list[int] = []
    legs: list[Leg] = []
    inside: list[bool] = []
    crosses: list[bool] = []
    leg: Leg
    for other in np.flatnonzero(near):
        if on_foot[other]:
            # Walkers have way wherever they are about to be in it.
            leg, past, across = "ahead", True, False
        elif fleet.motion[other] == ON_ROUTE:
            theirs = fleet.route_of(int(other))
            if fleet.route_p[other] - fleet.rear[other] > theirs.leave_p + 2.0:
                continue
            leg, past = theirs.origin, bool(fleet.inside[other] > 0)
            across = _across(theirs.turn, fleet.road.traffic_side)
        else:
            ahead = float(fleet.direction[other] * (junction.s - fleet.s[other]))
            if ahead < -junction.reach_m - fleet.rear[other]:
                continue
            leg, across = ("behind" if fleet.direction[other] == 1 else "ahead"), False
            past = ahead - fleet.front[other] < junction.reach_m
        slots.append(int(other))
        legs.append(leg)
        inside.append(past)
        crosses.append(across)
    return _Others(slots=np.array(slots, dtype=np.int64), legs=legs, inside=np.array(inside), crosses=np.array(crosses))


def _goes_first(route: JunctionRoute, side: str, leg: Leg, inside: bool, crosses: bool, time_s: float) -> bool:
    """Whether one who comes from ``leg`` goes before one on ``route``; ``crosses``: he turns across as well."""
    junction = route.junction
    if leg == route.origin and not inside:
        return False
    if inside:
        return True
    opposite = leg == _OPPOSITE[route.origin]
    if junction.signals is not None:
        green = junction.signals.light(leg in _ARMS, time_s) != "red"
        return green and opposite and _across(route.turn, side) and not crosses
    own, theirs = route.origin in _ARMS, leg in _ARMS
    if own != theirs:
        return own
    return opposite and _across(route.turn, side) and not crosses


def _drives_on(route: JunctionRoute, leg: Leg, inside: bool, speed: float, time_s: float) -> bool:
    """Whether one who comes from ``leg`` drives, and is not about to stop for a red light, nor behind one on ``route``."""
    signals = route.junction.signals
    held = signals is not None and not inside and signals.light(leg in _ARMS, time_s) == "red"
    return speed > _DRIVES_MPS and not held and (inside or leg != route.origin)


def _gap_is_free(fleet: Fleet, route: JunctionRoute, slot: int, time_s: float, again: bool = False) -> bool:
    """Whether nobody who goes first passes the way while the driver would, with a margin of time around it.

    ``again``: he stands in the junction, and whoever drives goes first.
    """
    others = _others(fleet, route.junction, slot)
    side = fleet.road.traffic_side
    first = [
        index
        for index, (leg, inside, crosses) in enumerate(zip(others.legs, others.inside, others.crosses, strict=True))
        if (
            _drives_on(route, leg, bool(inside), float(fleet.v[others.slots[index]]), time_s)
            if again
            else _goes_first(route, side, leg, bool(inside), bool(crosses), time_s)
        )
    ]
    if not first:
        return True
    # Each of them once as fast as now, and once as fast as he may become.
    slots = np.tile(others.slots[first], 2)
    x, y, yaw, swept, width = _predicted(fleet, others.slots[first])
    lengths, points, limits = route.span(-2.0, route.leave_p + 25.0, every=_EVERY)
    arrival = _arrivals(fleet, slot, lengths, limits)
    count = len(_MOMENTS_S)
    rows, index, along, _ = touching(
        points,
        x.ravel(),
        y.ravel(),
        yaw.ravel(),
        np.repeat(fleet.length[slots], count) + swept.ravel(),
        np.repeat(np.tile(width, 2), count),
        np.full(x.size, fleet.width[slot] / 2.0 + 0.4),
    )
    if not len(rows):
        return True
    waited = min(float(fleet.line_s[slot]) / _PATIENCE_S, 1.0)
    margin = _MARGIN_S + waited * (_LEAST_MARGIN_S - _MARGIN_S)
    at, reach = lengths[index], along
    enters = np.interp(at - reach - fleet.front[slot], lengths, arrival, left=0.0)
    leaves = np.interp(at + reach + fleet.rear[slot], lengths, arrival)
    moment = np.tile(_MOMENTS_S, len(slots))[rows]
    return not bool(((moment > enters - margin) & (moment < leaves + margin)).any())


def _predicted(fleet: Fleet, slots: Slots) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """World x, y of the middles and yaw (2 J, K) of others at the moments ahead, along their ways, and how far they come around
    each: of all at their present speeds, then of all speeding up. Behind them the width (J,) that each takes.

    One at 25 m/s comes 15 m from one moment to the next: without what is swept he would pass a narrow way between two of them.
    Who drives along the road follows it, between both lanes while he changes from one to another, wherever he heads just now.
    """
    x, y = middles(fleet, slots)
    speed, wish = fleet.v[slots][:, None], np.maximum(fleet.desired[slots], fleet.v[slots])[:, None]
    now = speed * _MOMENTS_S
    step = np.stack([now, np.minimum(now + 0.5 * _SPEEDS_UP_MPS2 * _MOMENTS_S**2, wish * _MOMENTS_S)])
    heading = fleet.yaw[slots][:, None]
    at_x, at_y = x[:, None] + step * np.cos(heading), y[:, None] + step * np.sin(heading)
    yaw = np.broadcast_to(heading, step.shape).copy()
    for row in np.flatnonzero(fleet.motion[slots] == ON_ROUTE):
        slot = int(slots[row])
        route, p = fleet.route_of(slot), float(fleet.route_p[slot])
        ahead = (fleet.front[slot] - fleet.rear[slot]) / 2.0
        at_x[:, row], at_y[:, row], yaw[:, row] = route.at(p + ahead + step[:, row], float(fleet.route_d[slot]))
    width, along = fleet.width[slots].copy(), fleet.motion[slots] == ON_ROAD
    if along.any():
        some = slots[along]
        ahead = fleet.direction[some] * (fleet.front[some] - fleet.rear[some]) / 2.0
        low, high = corridor(fleet, some)
        width[along] = high - low
        s = (fleet.s[some] + ahead)[:, None] + fleet.direction[some][:, None] * step[:, along]
        at_x[:, along], at_y[:, along], line = fleet.road.to_world(s, (0.5 * (low + high))[:, None])
        yaw[:, along] = line + np.where(fleet.direction[some] < 0, np.pi, 0.0)[:, None]
    shape = (-1, len(_MOMENTS_S))
    swept = np.gradient(step, axis=-1).reshape(shape)
    return at_x.reshape(shape), at_y.reshape(shape), yaw.reshape(shape), swept, width


def _arrivals(fleet: Fleet, slot: int, lengths: FloatArray, limits: FloatArray) -> FloatArray:
    """Seconds (K,) until the driver would be at each length of his route if he went now."""
    p, v = float(fleet.route_p[slot]), float(fleet.v[slot])
    way = np.maximum(lengths - p, 0.0)
    speed = np.minimum(np.sqrt(v**2 + 2.0 * _PULL_AWAY_MPS2 * way), limits)
    speed = np.clip(speed, 0.7, max(float(fleet.desired[slot]), 2.0))
    first = max(float(lengths[0]) - p, 0.0) / max(0.5 * (v + float(speed[0])), 0.7)
    return np.asarray(
        first + np.concatenate([[0.0], np.cumsum(np.where(way[1:] > 0.0, _EVERY * SPACING_M / speed[1:], 0.0))])
    )


def _blocked(fleet: Fleet, route: JunctionRoute, slot: int) -> bool:
    """Whether somebody stands in the junction or so near behind it that there is no room."""
    n = fleet.count
    x, y = middles(fleet, np.arange(n))
    ends = route.points[-1]
    stands = fleet.alive[:n] & (fleet.v[:n] < 1.0) & (np.hypot(x - ends[0], y - ends[1]) < 2.0 * _NEAR_M)
    stands[slot] = False
    slots = np.flatnonzero(stands)
    if not len(slots):
        return False
    apart = np.full(len(slots), fleet.width[slot] / 2.0 + 0.1)
    points = route.span(0.0, route.leave_p + _ROOM_M)[1]
    found, *_ = touching(points, x[slots], y[slots], fleet.yaw[slots], fleet.length[slots], fleet.width[slots], apart)
    return len(found) > 0
