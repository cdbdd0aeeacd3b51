"""Scripts in a running simulation: when each manoeuvre starts, what it sets going and when it is done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from drivesim.errors import InputError
from drivesim.traffic.doors import swing
from drivesim.traffic.fleet import FREE, ON_ROAD, ON_ROUTE, Fleet
from drivesim.traffic.following import follow, follows_well
from drivesim.traffic.junction_traffic import JunctionTraffic
from drivesim.traffic.lane_choice import behind_can_brake, beside_is_clear
from drivesim.traffic.plans import (
    Action,
    Brake,
    Follow,
    JunctionTurn,
    LaneChange,
    Manoeuvre,
    OpenDoor,
    Reverse,
    SpeedChange,
    Stop,
    WalkTo,
)
from drivesim.traffic.prediction import time_to_collision
from drivesim.traffic.reversing import begin_reversing
from drivesim.traffic.turning import has_turned

#: How quickly somebody speeds up again who had stopped for a while, m/s².
_GOING_ON_MPS2 = 1.5


@dataclass
class Script:
    """The manoeuvres still to come and under way; ``started``, ``finished`` and ``noticed`` (when a time to collision
    was first below its bound) hold times in seconds by id.

    ``junctions`` is the traffic of the road's junctions, for those who turn there.
    """

    waiting: list[tuple[int, Manoeuvre]]
    junctions: JunctionTraffic | None = None
    running: list[tuple[int, Manoeuvre]] = field(default_factory=list)
    started: dict[str, float] = field(default_factory=dict)
    finished: dict[str, float] = field(default_factory=dict)
    noticed: dict[str, float] = field(default_factory=dict)
    pauses: dict[str, Pause] = field(default_factory=dict)

    def advance(self, fleet: Fleet, time_s: float) -> None:
        """Finish what is done and start what is due at ``time_s``."""
        for item in list(self.running):
            slot, manoeuvre = item
            if isinstance(manoeuvre.action, OpenDoor):
                share = (time_s - self.started[manoeuvre.id]) / manoeuvre.action.over_s
                swing(fleet, slot, manoeuvre.action, share)
                done = share >= 1.0
            elif manoeuvre.id in self.pauses:
                done = self.pauses[manoeuvre.id].is_over(fleet, slot, manoeuvre.action, time_s)
            else:
                done = _is_done(fleet, *item)
            if done:
                self.running.remove(item)
                self.finished[item[1].id] = time_s
        for item in list(self.waiting):
            slot, manoeuvre = item
            too_late = manoeuvre.within_s is not None and time_s > manoeuvre.within_s + 1e-6
            if too_late or fleet.crashed[slot] > 0:
                self.waiting.remove(item)
            elif self._is_due(fleet, slot, manoeuvre, time_s) and self._begin(fleet, slot, manoeuvre):
                self.waiting.remove(item)
                self.running.append(item)
                self.started[manoeuvre.id] = round(time_s, 6)

    def _begin(self, fleet: Fleet, slot: int, manoeuvre: Manoeuvre) -> bool:
        action = manoeuvre.action
        if isinstance(action, JunctionTurn):
            return self.junctions is not None and self.junctions.take_turn(fleet, slot, action.to)
        if isinstance(action, Stop) and action.hold_s is not None:
            self.pauses[manoeuvre.id] = Pause(former_mps=max(float(fleet.v[slot]), float(fleet.desired[slot])))
        return _begin(fleet, slot, manoeuvre)

    def _is_due(self, fleet: Fleet, slot: int, manoeuvre: Manoeuvre, time_s: float) -> bool:
        trigger = manoeuvre.trigger
        if trigger.at_s is not None and time_s < trigger.at_s - 1e-6:
            return False
        if trigger.after is not None:
            done = self.finished.get(trigger.after)
            if done is None or time_s < done + trigger.delay_s - 1e-6:
                return False
        if trigger.ttc_to is not None and not self._notices(fleet, slot, manoeuvre, time_s):
            return False
        gap = gap_to_ego(fleet, slot)
        if trigger.gap_below_m is not None and not 0.0 <= gap < trigger.gap_below_m:
            return False
        if trigger.ttc_to_ego_below_s is not None and not time_to_ego(fleet, slot) < trigger.ttc_to_ego_below_s:
            return False
        if trigger.distance_below_m is not None:
            away = math.hypot(fleet.x[slot] - fleet.x[0], fleet.y[slot] - fleet.y[0])
            return away < trigger.distance_below_m
        return True

    def _notices(self, fleet: Fleet, slot: int, manoeuvre: Manoeuvre, time_s: float) -> bool:
        """Whether the time to collision with the other was below its bound that long ago; what was noticed stays so."""
        trigger, name = manoeuvre.trigger, manoeuvre.id
        if name not in self.noticed:
            other = next((k for k in range(fleet.count) if fleet.plans[k].id == trigger.ttc_to), None)
            if other is None or other == slot:
                raise InputError(
                    f"manoeuvre {name!r} starts by the time to collision with {trigger.ttc_to!r}, who is not there"
                )
            bound = math.inf if trigger.ttc_to_below_s is None else trigger.ttc_to_below_s
            if not time_to_collision(fleet, slot, other) < bound:
                return False
            self.noticed[name] = time_s
        return time_s >= self.noticed[name] + trigger.delay_s - 1e-6


@dataclass
class Pause:
    """A stop that ends: how fast to go on, and since when it stands and goes on, in seconds (None: not yet)."""

    former_mps: float
    stood_s: float | None = None
    goes_on: bool = False

    def is_over(self, fleet: Fleet, slot: int, action: Action, time_s: float) -> bool:
        """Let it come to a stand, stand for its time and speed up again; True once it is as fast as before."""
        if not isinstance(action, Stop) or fleet.crashed[slot] > 0:
            return True
        if self.goes_on:
            if abs(float(fleet.v[slot]) - self.former_mps) >= 0.1:
                return False
            fleet.script_a[slot] = math.nan
            return True
        if self.stood_s is None and abs(float(fleet.v[slot])) < 0.02:
            self.stood_s = time_s
        if self.stood_s is not None and time_s >= self.stood_s + (action.hold_s or 0.0) - 1e-6:
            _script_speed(fleet, slot, self.former_mps, _GOING_ON_MPS2)
            self.goes_on = True
        return False


def gap_to_ego(fleet: Fleet, slot: int) -> float:
    """Distance in metres along the road between the bumpers of the ego and the participant; negative when beside."""
    ahead = float(fleet.s[slot] - fleet.s[0])
    same = fleet.direction[slot] == 1
    near, far = (fleet.rear, fleet.front) if same else (fleet.front, fleet.rear)
    if ahead >= 0:
        return ahead - float(near[slot]) - float(fleet.front[0])
    return -ahead - float(far[slot]) - float(fleet.rear[0])


def time_to_ego(fleet: Fleet, slot: int) -> float:
    """Seconds until the ego's bumper reaches the participant along the road at present speeds; infinite if never."""
    ahead = float(fleet.s[slot] - fleet.s[0])
    turn = float(fleet.yaw[slot] - fleet.road.frame_at(np.array([fleet.s[slot]]))[2][0])
    closing = float(fleet.v[0]) - float(fleet.v[slot]) * math.cos(turn)
    closing = closing if ahead >= 0 else -closing
    if closing <= 0.01:
        return math.inf
    return max(gap_to_ego(fleet, slot), 0.0) / closing


def _begin(fleet: Fleet, slot: int, manoeuvre: Manoeuvre) -> bool:
    """Set the action going; False when it has to wait."""
    action = manoeuvre.action
    if fleet.motion[slot] == ON_ROUTE and isinstance(action, LaneChange | Follow | Reverse):
        return False
    if isinstance(action, LaneChange):
        offset = action.to_d
        if offset is None:
            offset = fleet.lane_offset(action.to_lane, int(fleet.direction[slot]), manoeuvre.id)
        if fleet.motion[slot] != ON_ROAD:
            raise InputError(f"manoeuvre {manoeuvre.id!r}: only who drives along the road can change lanes")
        if not action.force and not beside_is_clear(fleet, slot, offset):
            return False
        if slot == 0 and not (action.force or fleet.steady[0] or behind_can_brake(fleet, 0, offset)):
            return False
        fleet.begin_change(slot, offset, action.over_s)
    elif isinstance(action, SpeedChange):
        _script_speed(fleet, slot, action.to_mps, abs(action.to_mps - float(fleet.v[slot])) / max(action.over_s, 0.1))
    elif isinstance(action, Brake):
        # Backwards too it slows down, and never turns round.
        v = float(fleet.v[slot])
        goal = min(action.to_mps, v) if v >= 0.0 else max(-action.to_mps, v)
        _script_speed(fleet, slot, goal, action.deceleration_mps2)
    elif isinstance(action, Stop):
        _script_speed(fleet, slot, 0.0, action.deceleration_mps2)
    elif isinstance(action, Follow):
        follow(fleet, slot, action, manoeuvre.id)
    elif isinstance(action, Reverse):
        begin_reversing(fleet, slot, action)
    elif isinstance(action, OpenDoor):
        swing(fleet, slot, action, 0.0)
    elif isinstance(action, WalkTo):
        _walk(fleet, slot, action)
    return True


def _script_speed(fleet: Fleet, slot: int, goal: float, rate: float) -> None:
    fleet.follows[slot] = 0
    sign = 1.0 if goal > fleet.v[slot] else -1.0
    fleet.script_a[slot] = sign * rate
    fleet.script_to[slot] = goal
    fleet.keep_pace(slot, goal if goal != 0.0 else float(fleet.desired[slot]))


def _walk(fleet: Fleet, slot: int, action: WalkTo) -> None:
    x, y = float(fleet.x[slot]), float(fleet.y[slot])
    fleet.target_x[slot] = x if action.x is None else action.x
    fleet.target_y[slot] = y if action.y is None else action.y
    fleet.motion[slot] = FREE
    fleet.script_a[slot] = math.nan
    fleet.waits[slot] = 0.0
    if fleet.v[slot] < 0.05:
        plan = fleet.plans[slot]
        if fleet.desired[slot] <= 0.0:
            # Who was stopped by a script sets off at his own pace again; a pace of 0 stays 0.
            fleet.keep_pace(slot, plan.speed if plan.desired_speed is None else plan.desired_speed)
        fleet.v[slot] = fleet.desired[slot]


def _is_done(fleet: Fleet, slot: int, manoeuvre: Manoeuvre) -> bool:
    action = manoeuvre.action
    if isinstance(action, LaneChange):
        return bool(fleet.change_s[slot] <= 0)
    if isinstance(action, JunctionTurn):
        return has_turned(fleet, slot)
    if isinstance(action, Reverse):
        return bool(fleet.reverse_mps[slot] <= 0)
    if isinstance(action, Follow):
        return follows_well(fleet, slot)
    if isinstance(action, WalkTo):
        # The step that arrives also takes the target away.
        return bool(np.isnan(fleet.target_x[slot]))
    reached = abs(float(fleet.v[slot] - fleet.script_to[slot])) < 0.1
    if reached and fleet.script_to[slot] != 0.0:
        fleet.script_a[slot] = math.nan
    elif reached:
        fleet.keep_pace(slot, 0.0)
    return reached


def script_of(plans: list[tuple[int, tuple[Manoeuvre, ...]]]) -> Script:
    """A script of all manoeuvres; raises InputError for an id that is used twice or follows an unknown one."""
    waiting = [(slot, manoeuvre) for slot, manoeuvres in plans for manoeuvre in manoeuvres]
    ids = [manoeuvre.id for _, manoeuvre in waiting]
    for name in ids:
        if ids.count(name) > 1:
            raise InputError(f"manoeuvre id {name!r} is used {ids.count(name)} times; give each its own id")
    for _, manoeuvre in waiting:
        after = manoeuvre.trigger.after
        if after is not None and after not in ids:
            raise InputError(
                f"manoeuvre {manoeuvre.id!r} starts after {after!r}, which is not a manoeuvre (has: {ids})"
            )
    return Script(waiting=waiting)
