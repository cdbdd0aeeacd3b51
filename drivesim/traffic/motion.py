"""One time step of a fleet: accelerations from everyone in the way, then positions and headings."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import (
    DriverParameters,
    Mask,
    Slots,
    following_acceleration,
    idm_free_acceleration,
    lane_change_profile,
    lane_change_rate_limit,
    walking_speed,
)
from drivesim.traffic.fleet import CYCLIST, FREE, IS_DRIVEN, ON_ROAD, PEDESTRIAN, STATIC, VEHICLE, Fleet
from drivesim.traffic.following import following_script
from drivesim.traffic.reversing import reversed_speeds
from drivesim.traffic.steady import steady_accelerations, steady_ways
from drivesim.traffic.yielding import driven_into, hidden, must_wait, walked_into

_HARDEST_BRAKING = 8.0
_LOOK_AHEAD_M = 250.0
_NOISE_MPS2, _NOISE_TIME_S = 0.22, 6.0
_MARGIN_M = 0.25


def accelerations(fleet: Fleet, rows: Slots) -> FloatArray:
    """Acceleration (R,) in m/s² of the road users in slots ``rows`` (R,): the least that any obstacle ahead allows."""
    columns = np.flatnonzero(fleet.alive & ~_off_the_lanes(fleet))
    r, c = rows[:, None], columns[None, :]
    sign = fleet.direction[r]
    their_low, their_high, their_front, their_rear, their_speed = occupied(fleet, columns)
    own_low, own_high = corridor(fleet, rows)
    same_way = fleet.direction[c] == sign
    near_end = np.where(same_way, their_rear[None, :], their_front[None, :])
    ahead = sign * (fleet.s[c] - fleet.s[r])
    gap = ahead - near_end - fleet.front[r]
    margin = np.where(fleet.kind[c] == CYCLIST, 0.05, _MARGIN_M)
    margin = np.where((fleet.motion[c] == STATIC) | (fleet.kind[r] != VEHICLE), 0.0, margin)
    low, high = their_low[None, :], their_high[None, :]
    drift = walked_into(fleet, rows, columns, gap)
    if drift is not None:
        attentive = fleet.alert[r] > 0
        low = low + np.where(attentive, np.minimum(drift, 0.0), drift)
        high = high + np.where(attentive, np.maximum(drift, 0.0), drift)
    in_way = (low - margin < own_high[:, None]) & (high + margin > own_low[:, None])
    expected = driven_into(fleet, rows, columns, gap)
    if expected is not None:
        in_way |= (their_low[None, :] + expected - margin < own_high[:, None]) & (
            their_high[None, :] + expected + margin > own_low[:, None]
        )
    in_way &= (ahead > 0) & (gap < _LOOK_AHEAD_M) & (r != c)
    in_way &= ~hidden(fleet, rows, columns, in_way)
    driver, desired = drivers(fleet, rows), desired_speeds(fleet, rows)
    # Of all pairs a few are in each other's way.
    one, other = np.nonzero(in_way)
    behind, leader = rows[one], columns[other]
    along = same_way[one, other] & IS_DRIVEN[fleet.motion[leader]]
    pairs = DriverParameters(
        headway_s=fleet.headway[behind],
        minimum_gap_m=fleet.minimum_gap[behind],
        acceleration=np.asarray(driver.acceleration)[one],
        deceleration=fleet.deceleration[behind],
    )
    wanted = following_acceleration(
        fleet.v[behind],
        desired[one],
        gap[one, other],
        their_speed[other] * fleet.direction[behind],
        np.where(along, fleet.a[leader], 0.0),
        pairs,
    )
    free = idm_free_acceleration(fleet.v[rows], desired, driver.acceleration)
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, one, wanted)
    wanted = np.minimum(np.minimum(free, least), _ramp_end(fleet, rows))
    if fleet.closed:
        wanted = np.minimum(wanted, _closed_lines(fleet, rows))
    return np.maximum(wanted, -_HARDEST_BRAKING)


def _off_the_lanes(fleet: Fleet) -> Mask:
    """Mask (capacity,) of things that stand beside all lanes and so are in nobody's way."""
    low = min(lane.offset - lane.width / 2.0 for lane in fleet.road.lanes)
    high = max(lane.offset + lane.width / 2.0 for lane in fleet.road.lanes)
    stands = fleet.motion == STATIC
    slots = np.flatnonzero(stands)
    aligned = np.abs(np.sin(fleet.yaw[slots] - fleet.road.frame_at(fleet.s[slots])[2])) < 0.1
    width, d = fleet.width[slots], fleet.d[slots]
    reach = np.where(aligned, width, np.maximum(width, fleet.length[slots])) / 2.0
    stands[slots] = (d + reach < low) | (d - reach > high)
    return np.asarray(stands)


def drivers(fleet: Fleet, slots: Slots) -> DriverParameters:
    """Parameters (R,) of drivers; one whose script says to speed up is not held back by comfort."""
    script = np.nan_to_num(fleet.script_a[slots])
    return DriverParameters(
        headway_s=fleet.headway[slots],
        minimum_gap_m=fleet.minimum_gap[slots],
        acceleration=np.maximum(fleet.comfort[slots], 1.2 * script),
        deceleration=fleet.deceleration[slots],
    )


def desired_speeds(fleet: Fleet, slots: Slots) -> FloatArray:
    """Desired speeds (R,); far above the present one while a script says to speed up or to follow, so that only leaders limit it."""
    faster = (np.nan_to_num(fleet.script_a[slots]) > 0.0) | (fleet.follows[slots] > 0)
    return np.where(faster, 2.0 * fleet.v[slots] + 10.0, fleet.desired[slots])


def occupied(fleet: Fleet, columns: Slots) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Right and left offset, reach forward and back, and speed along the road of everyone in ``columns``."""
    low, high = corridor(fleet, columns)
    front, rear = fleet.front[columns].copy(), fleet.rear[columns].copy()
    speed = fleet.v[columns] * fleet.direction[columns]
    loose = fleet.motion[columns] != ON_ROAD
    if loose.any():
        slots = columns[loose]
        turn = fleet.yaw[slots] - fleet.road.frame_at(fleet.s[slots])[2]
        cosine, sine = np.cos(turn), np.abs(np.sin(turn))
        across = (np.abs(cosine) * fleet.width[slots] + sine * fleet.length[slots]) / 2.0
        along = (np.abs(cosine) * fleet.length[slots] + sine * fleet.width[slots]) / 2.0
        # The ego's place is its rear axle, everyone else's the centre of the box.
        ahead = (fleet.front[slots] - fleet.rear[slots]) / 2.0
        middle = fleet.d[slots] + ahead * np.sin(turn)
        low[loose], high[loose] = middle - across, middle + across
        front[loose], rear[loose] = along + ahead * cosine, along - ahead * cosine
        speed[loose] = fleet.v[slots] * cosine
    return low, high, front, rear, speed


def corridor(fleet: Fleet, slots: Slots) -> tuple[FloatArray, FloatArray]:
    """Right and left offset of the band that each road user covers now and on its way into another lane."""
    half = fleet.width[slots] / 2.0
    d = fleet.d[slots]
    aim = np.where(fleet.change_s[slots] > 0, fleet.change_to[slots], d)
    return np.minimum(d, aim) - half, np.maximum(d, aim) + half


def _ramp_end(fleet: Fleet, rows: Slots) -> FloatArray:
    """Acceleration (R,) in front of the end of an acceleration lane, as before a standing obstacle."""
    result = np.full(len(rows), np.inf)
    for lane in fleet.road.lanes:
        if lane.kind != "ramp":
            continue
        staying = (fleet.change_s[rows] <= 0) & (np.abs(fleet.base_d[rows] - lane.offset) < 0.5 * lane.width)
        for index in np.flatnonzero(staying & (fleet.s[rows] < lane.s_end)):
            slot = rows[index : index + 1]
            gap = lane.s_end - fleet.s[slot] - fleet.front[slot]
            # Drivers look for a gap first and brake for the end only when it is near.
            if gap[0] < 2.0 * max(fleet.v[slot][0] ** 2 / 6.0, 10.0):
                args = (fleet.v[slot], fleet.desired[slot], gap, 0.0, 0.0, drivers(fleet, slot))
                result[index] = following_acceleration(*args)[0]
    return result


def _closed_lines(fleet: Fleet, rows: Slots) -> FloatArray:
    """Acceleration (R,) before stop lines that signals close, as before a standing obstacle; pedestrians do not care."""
    result = np.full(len(rows), np.inf)
    drives = fleet.kind[rows] != PEDESTRIAN
    for line_s, direction, hardest in fleet.closed:
        gap = direction * (line_s - fleet.s[rows]) - fleet.front[rows]
        stops = fleet.v[rows] ** 2 / (2.0 * np.maximum(gap, 0.1)) < hardest
        held = drives & (fleet.direction[rows] == direction) & (gap > -0.5) & (gap < 120.0)
        held &= stops | (fleet.v[rows] < 1.0)
        slots = rows[held]
        if len(slots):
            result[held] = np.minimum(result[held], standing_obstacle(fleet, slots, gap[held]))
    return result


def standing_obstacle(fleet: Fleet, slots: Slots, gap: FloatArray) -> FloatArray:
    """Acceleration (R,) of drivers who come up to something that stands ``gap`` (R,) metres ahead of their bumpers."""
    driver = drivers(fleet, slots)
    close = DriverParameters(
        headway_s=np.minimum(driver.headway_s, 0.8),
        minimum_gap_m=0.5,
        acceleration=driver.acceleration,
        deceleration=driver.deceleration,
    )
    return following_acceleration(fleet.v[slots], desired_speeds(fleet, slots), np.maximum(gap, 0.1), 0.0, 0.0, close)


def move(fleet: Fleet, dt: float, time_s: float, rng: np.random.Generator) -> None:
    """Advance everyone by ``dt`` seconds in place."""
    n = fleet.count
    on_road = np.flatnonzero(fleet.alive[:n] & (fleet.motion[:n] == ON_ROAD))
    _move_on_road(fleet, on_road, dt, time_s, rng)
    loose = np.flatnonzero(fleet.alive[:n] & (fleet.motion[:n] == FREE))
    if len(loose):
        _move_freely(fleet, loose, dt, time_s)


def _move_on_road(fleet: Fleet, slots: Slots, dt: float, time_s: float, rng: np.random.Generator) -> None:
    road = fleet.road
    walking = fleet.kind[slots] == PEDESTRIAN
    noise = fleet.noise[slots] * np.exp(-dt / _NOISE_TIME_S)
    noise += _NOISE_MPS2 * np.sqrt(2.0 * dt / _NOISE_TIME_S) * rng.standard_normal(len(slots))
    fleet.noise[slots] = noise
    following = following_script(fleet, slots)
    # Who keeps a gap by script is not held back by the one that he would keep himself.
    own = np.where(np.isnan(following), fleet.headway[slots], 0.8 * fleet.follow_headway[slots])
    fleet.headway[slots] = np.minimum(fleet.headway[slots], own)
    acceleration = accelerations(fleet, slots)
    calm = np.clip(fleet.v[slots] / 5.0, 0.0, 1.0)
    acceleration = np.where((acceleration > -2.0) & ~walking, acceleration + noise * calm, acceleration)
    scripted, steady = script_accelerations(fleet, slots, dt), fleet.steady[slots]
    acceleration = np.fmin(np.fmin(acceleration, following), scripted)
    told = steady_accelerations(fleet, slots, np.fmin(following, scripted), dt, time_s)
    acceleration = np.where(steady, told, acceleration)
    old_v = fleet.v[slots]
    new_v = np.where(steady, old_v + acceleration * dt, np.maximum(old_v + acceleration * dt, 0.0))
    pace = walking_speed(fleet.desired[slots], fleet.phase[slots], time_s)
    strolls = walking & np.isnan(fleet.script_a[slots]) & ~steady
    new_v = np.where(
        strolls, np.where(acceleration < -0.2, np.minimum(new_v, pace), np.minimum(pace, old_v + dt)), new_v
    )
    backwards = reversed_speeds(fleet, slots, dt)
    new_v = np.where(np.isnan(backwards), new_v, backwards)
    fleet.a[slots] = (new_v - old_v) / dt
    fleet.v[slots] = new_v
    distance = steady_ways(fleet, slots, 0.5 * (old_v + new_v) * dt, dt, time_s)
    fleet.travelled[slots] += distance

    old_s, old_d = fleet.s[slots], fleet.d[slots]
    _, _, yaw_here = road.frame_at(old_s)
    _, _, yaw_there = road.frame_at(old_s + 2.0)
    shrink = np.clip(1.0 - old_d * (yaw_there - yaw_here) / 2.0, 0.3, 3.0)
    new_s = old_s + fleet.direction[slots] * distance / shrink
    base = _lateral_position(fleet, slots, dt)
    wander = fleet.wander[slots] * (1.0 - np.cos(fleet.wander_k[slots] * fleet.travelled[slots]))
    new_d = base + wander
    moved = np.abs(distance) > 1e-4
    sideways = (new_d - old_d) * fleet.direction[slots] * np.sign(distance)
    slope = np.where(moved, np.arctan2(sideways, np.maximum(np.abs(distance), 1e-9)), 0.0)
    fleet.slope[slots] = np.where(moved, slope, fleet.slope[slots])
    fleet.s[slots], fleet.d[slots] = new_s, new_d
    x, y, yaw = road.to_world(new_s, new_d)
    fleet.x[slots], fleet.y[slots] = x, y
    backwards = np.where(fleet.direction[slots] < 0, np.pi, 0.0)
    fleet.yaw[slots] = yaw + backwards + fleet.slope[slots]


def script_accelerations(fleet: Fleet, slots: Slots, dt: float) -> FloatArray:
    """Scripted acceleration (R,), NaN where there is none; it ends by itself at the scripted speed."""
    script, goal, speed = fleet.script_a[slots], fleet.script_to[slots], fleet.v[slots]
    remaining = (goal - speed) / dt
    limited = np.where(script < 0, np.maximum(script, np.minimum(remaining, 0.0)), np.minimum(script, remaining))
    return np.where(np.isnan(script), np.nan, limited)


def _lateral_position(fleet: Fleet, slots: Slots, dt: float) -> FloatArray:
    """Offset (R,) of the lane held, or between two lanes during a change; finished changes end."""
    duration = fleet.change_s[slots]
    running = duration > 0
    span = fleet.change_to[slots] - fleet.change_from[slots]
    pace = lane_change_rate_limit(fleet.v[slots], span, duration)
    progress = fleet.change_progress[slots] + np.where(running, pace * dt / np.maximum(duration, 0.1), 0.0)
    fleet.change_progress[slots] = progress
    position = fleet.change_from[slots] + span * lane_change_profile(progress)
    done = running & (progress >= 1.0)
    finished = slots[done]
    fleet.base_d[finished] = fleet.change_to[finished]
    fleet.change_s[finished] = 0.0
    return np.where(running, position, fleet.base_d[slots])


def _move_freely(fleet: Fleet, slots: Slots, dt: float, time_s: float) -> None:
    """Straight motion in the plane, towards a target when there is one; it stops there."""
    aiming = ~np.isnan(fleet.target_x[slots])
    on_foot = fleet.kind[slots] == PEDESTRIAN
    crossing = on_foot & aiming
    waits = np.zeros(len(slots), dtype=bool)
    if crossing.any():
        waits[crossing] = must_wait(fleet, slots[crossing])
        waits &= ~fleet.steady[slots]
    walking = on_foot & (aiming | (fleet.v[slots] > 0))
    pace = walking_speed(fleet.desired[slots], fleet.phase[slots], time_s)
    old_v = fleet.v[slots]
    scripted = script_accelerations(fleet, slots, dt)
    speed = np.where(walking, pace, np.maximum(old_v + np.nan_to_num(scripted) * dt, 0.0))
    speed = np.where(walking & ~np.isnan(scripted), np.maximum(old_v + scripted * dt, 0.0), speed)
    told = old_v + steady_accelerations(fleet, slots, scripted, dt, time_s) * dt
    speed = np.where(fleet.steady[slots], told, speed)
    speed = np.where(waits, 0.0, speed)
    backwards = reversed_speeds(fleet, slots, dt)
    speed = np.where(np.isnan(backwards), speed, backwards)
    dx, dy = fleet.target_x[slots] - fleet.x[slots], fleet.target_y[slots] - fleet.y[slots]
    left = np.hypot(dx, dy)
    fleet.yaw[slots] = np.where(aiming & (left > 0.05), np.arctan2(dy, dx), fleet.yaw[slots])
    way = steady_ways(fleet, slots, speed * dt, dt, time_s)
    step = np.where(aiming, np.minimum(way, np.nan_to_num(left)), way)
    fleet.x[slots] += step * np.cos(fleet.yaw[slots])
    fleet.y[slots] += step * np.sin(fleet.yaw[slots])
    arrived = aiming & (left - step < 0.02)
    fleet.target_x[slots[arrived]] = np.nan
    fleet.waits[slots[arrived]] = np.inf
    fleet.v[slots] = np.where(arrived, 0.0, speed)
    fleet.a[slots] = (fleet.v[slots] - old_v) / dt
    s, d = fleet.road.to_road(fleet.x[slots], fleet.y[slots], fleet.s[slots], iterations=2)
    fleet.s[slots], fleet.d[slots] = s, d
