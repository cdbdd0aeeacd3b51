"""What happens after a crash: nobody drives or walks through anybody else."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import Slots
from drivesim.traffic.fleet import CARRIED, CYCLIST, DRIVEN, IS_DRIVEN, ON_ROAD, PEDESTRIAN, STATIC, VEHICLE, Fleet
from drivesim.traffic.motion import occupied
from drivesim.traffic.turning import middles

#: How hard those involved in a crash brake, m/s².
CRASH_BRAKING_MPS2 = 7.0
#: Boxes that touch by less are no crash; lower things (cones, barriers) are run over without one.
_TOUCH_M = 0.05
_LOWEST_M = 1.1


def crashes(fleet: Fleet) -> list[tuple[int, int]]:
    """Pairs of slots (a vehicle first) whose boxes, taken along the road, have come to overlap."""
    n = fleet.count
    low_things = np.array([plan.height < _LOWEST_M for plan in fleet.plans])
    slots = np.flatnonzero(fleet.alive[:n] & ~low_things & (fleet.motion[:n] != CARRIED))
    right, left, front, rear = extents(fleet, slots)
    # Everyone against everyone: who is to the right of whose left edge and behind whose front, and the other way round.
    touch = (right[None, :] < left[:, None] - _TOUCH_M) & (rear[None, :] < front[:, None] - _TOUCH_M)
    touch &= touch.T
    drives = IS_DRIVEN[fleet.motion[slots]] & (fleet.kind[slots] == VEHICLE)
    row, column = np.nonzero(touch & drives[:, None])
    once = (column > row) | ~drives[column]  # of two vehicles the pair, not its mirror image, and nobody with himself
    pairs = [(int(one), int(other)) for one, other in zip(slots[row[once]], slots[column[once]], strict=True)]
    # Beside a junction boxes stand at all angles, and what reaches along the road says too much of them.
    return [pair for pair in pairs if _overlap(fleet, *pair)] if fleet.road.junctions else pairs


def _overlap(fleet: Fleet, one: int, other: int) -> bool:
    """Whether two boxes overlap by more than they may touch, whatever their headings: no axis of either separates them."""
    x, y = middles(fleet, np.array([one, other]))
    between = np.array([x[1] - x[0], y[1] - y[0]])
    axes = []
    for slot in (one, other):
        cosine, sine = np.cos(fleet.yaw[slot]), np.sin(fleet.yaw[slot])
        half = np.array([[fleet.length[slot] / 2.0], [fleet.width[slot] / 2.0]])
        axes.append(np.array([[cosine, sine], [-sine, cosine]]) * half)
    for axis in np.concatenate([sides / np.linalg.norm(sides, axis=1, keepdims=True) for sides in axes]):
        reach = sum(float(np.abs(sides @ axis).sum()) for sides in axes)
        if abs(float(between @ axis)) > reach - _TOUCH_M:
            return False
    return True


def extents(fleet: Fleet, slots: Slots) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Least and greatest offset, greatest and least s of each box, (R,) in metres."""
    right, left, front, rear, _ = occupied(fleet, slots)
    half, on_road = fleet.width[slots] / 2.0, fleet.motion[slots] == ON_ROAD
    right = np.where(on_road, fleet.d[slots] - half, right)
    left = np.where(on_road, fleet.d[slots] + half, left)
    onward = fleet.direction[slots] == 1
    s = fleet.s[slots]
    return right, left, s + np.where(onward, front, rear), s - np.where(onward, rear, front)


def collide(fleet: Fleet, vehicle: int, other: int) -> None:
    """Let a vehicle that has hit ``other`` brake to a stand; who was hit goes along with it or stops as well."""
    if fleet.kind[other] in (PEDESTRIAN, CYCLIST):
        fleet.struck_by[other], fleet.motion[other] = vehicle, CARRIED
        _stop(fleet, vehicle)
        return
    if fleet.motion[other] == STATIC:
        fleet.v[vehicle] = 0.0
    else:
        # Perfectly inelastic, masses alike.
        sign = float(fleet.direction[vehicle] * fleet.direction[other])
        shared = (fleet.v[vehicle] + sign * fleet.v[other]) / 2.0
        fleet.v[vehicle] = max(shared, 0.0)
        fleet.v[other] = max(sign * shared, 0.0)
        if fleet.motion[other] in DRIVEN:
            _stop(fleet, other)
    _stop(fleet, vehicle)


def _stop(fleet: Fleet, slot: int) -> None:
    fleet.script_a[slot], fleet.script_to[slot] = -CRASH_BRAKING_MPS2, 0.0
    fleet.crashed[slot] = 1.0
    fleet.free_choice[slot] = False
    if fleet.change_s[slot] > 0:
        fleet.base_d[slot] = fleet.held_d[slot] = fleet.d[slot]
        fleet.change_s[slot] = 0.0


def carry(fleet: Fleet, dt: float) -> None:
    """Move those who were hit along with the vehicle that hit them."""
    for slot in np.flatnonzero(fleet.motion[: fleet.count] == CARRIED):
        vehicle = int(fleet.struck_by[slot])
        speed, yaw = fleet.v[vehicle], fleet.yaw[vehicle]
        fleet.x[slot] += speed * dt * np.cos(yaw)
        fleet.y[slot] += speed * dt * np.sin(yaw)
        fleet.v[slot] = speed
        place = (fleet.x[slot : slot + 1], fleet.y[slot : slot + 1], fleet.s[slot : slot + 1])
        s, d = fleet.road.to_road(*place, iterations=2)
        fleet.s[slot], fleet.d[slot] = s[0], d[0]
