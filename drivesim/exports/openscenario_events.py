"""The events of a scenario as acts of an OpenSCENARIO storyboard, each with its trigger and its action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scenariogeneration import xosc

from drivesim.exports.opendrive import lane_ids
from drivesim.exports.openscenario_parts import EGO, at_time, position
from drivesim.road import Road
from drivesim.scenarios import Scenario
from drivesim.scenarios.language.events import (
    AfterTrigger,
    BrakeAction,
    DistanceTrigger,
    Event,
    LaneChangeAction,
    SpeedAction,
    TimeToCollisionTrigger,
    TimeTrigger,
    WalkAction,
)
from drivesim.scenarios.language.values import number
from drivesim.scenarios.placement import LaneSpot, actor_speed_mps, lane_spot
from drivesim.scene import Actor

_NONE = xosc.ConditionEdge.none
_WALKING_MPS = 1.4


def add_events(board: xosc.StoryBoard, scenario: Scenario, road: Road, actors: Mapping[str, Actor]) -> None:
    """Add an act for each event of a concrete scenario. Raises ValueError for an action that this format has no words for."""
    for event in scenario.events:
        trigger = _trigger(event)
        group = xosc.ManeuverGroup(f"{event.id} group")
        group.add_actor(EGO if event.actor == "ego" else event.actor)
        made = xosc.Event(event.id, xosc.Priority.override)
        for name, action in _actions(event, scenario, road, actors).items():
            made.add_action(name, action)  # only the event has the bare id, so that a reference to it is clear
        made.add_trigger(trigger)
        maneuver = xosc.Maneuver(f"{event.id} maneuver")
        maneuver.add_event(made)
        group.add_maneuver(maneuver)
        act = xosc.Act(f"{event.id} act", at_time(f"{event.id} may begin", 0.0))
        act.add_maneuver_group(group)
        board.add_act(act)


def _trigger(event: Event) -> Any:
    start, name = event.start, f"{event.id} is due"
    match start:
        case TimeTrigger(time=time):
            return at_time(name, number(time))
        case AfterTrigger(after=other):
            done = xosc.StoryboardElementStateCondition(
                xosc.StoryboardElementType.event, other, xosc.StoryboardElementState.completeState
            )
            return xosc.ValueTrigger(name, 0.0, _NONE, done)
        case TimeToCollisionTrigger(ttc_to_ego=asked):
            closing = xosc.TimeToCollisionCondition(
                number(asked.below), xosc.Rule.lessThan, freespace=True, entity=event.actor,
                distance_type=xosc.RelativeDistanceType.longitudinal, coordinate_system=xosc.CoordinateSystem.road,
            )  # fmt: skip
            return xosc.EntityTrigger(name, 0.0, _NONE, closing, EGO)
        case DistanceTrigger(distance_to_ego=asked):
            near = xosc.RelativeDistanceCondition(
                number(asked.below), xosc.Rule.lessThan, xosc.RelativeDistanceType.euclidianDistance, event.actor,
                freespace=False,
            )  # fmt: skip
            return xosc.EntityTrigger(name, 0.0, _NONE, near, EGO)
    raise ValueError(f"event {event.id!r}: OpenSCENARIO export knows no trigger {type(start).__name__}")


def _actions(event: Event, scenario: Scenario, road: Road, actors: Mapping[str, Actor]) -> dict[str, Any]:
    action, name = event.action, f"{event.id} action"
    match action:
        case LaneChangeAction(lane_change=change):
            spot = lane_spot(scenario, change.to)
            if isinstance(spot, str):
                raise ValueError(f"event {event.id!r}: {spot}")
            over = _dynamics("sinusoidal", "time", number(change.over))
            return {name: xosc.AbsoluteLaneChangeAction(_lane_id(road, spot), over)}
        case SpeedAction(speed=change):
            return {name: xosc.AbsoluteSpeedAction(number(change.to), _dynamics("linear", "time", number(change.over)))}
        case BrakeAction(brake=braking):
            rate = _dynamics("linear", "rate", number(braking.deceleration))
            return {name: xosc.AbsoluteSpeedAction(number(braking.to), rate)}
        case WalkAction(walk_to=walk):
            actor = actors[event.actor]
            x, y, _ = actor.track.positions[0]
            goal = np.array([x if walk.x is None else number(walk.x), y if walk.y is None else number(walk.y)])
            written = next(one for one in scenario.scene.actors if one.id == event.actor)
            pace = actor_speed_mps(scenario, written) or _WALKING_MPS
            return {
                f"{event.id} pace": xosc.AbsoluteSpeedAction(pace, _dynamics("step", "time", 0.0)),
                name: _way(event.id, np.array([x, y]), goal),
            }
    raise ValueError(f"event {event.id!r}: OpenSCENARIO export knows no action {type(action).__name__}")


def _way(name: str, start: np.ndarray, goal: np.ndarray) -> xosc.FollowTrajectoryAction:
    """Straight to a place, at whatever speed the walker has."""
    heading = float(np.arctan2(goal[1] - start[1], goal[0] - start[0]))
    way = xosc.Trajectory(f"{name} way", False)
    way.add_shape(xosc.Polyline([], [position(start, heading), position(goal, heading)]))
    return xosc.FollowTrajectoryAction(way, xosc.FollowingMode.follow)


def _dynamics(shape: str, dimension: str, value: float) -> xosc.TransitionDynamics:
    return xosc.TransitionDynamics(
        getattr(xosc.DynamicsShapes, shape), getattr(xosc.DynamicsDimension, dimension), value
    )


def _lane_id(road: Road, spot: LaneSpot) -> int:
    return next(
        number
        for lane, number in lane_ids(road).items()
        if (lane.direction, lane.kind) == (spot.direction, spot.kind)
        and (spot.kind == "ramp" or lane.number == spot.number)
    )
