"""The events of a scenario as acts of an OpenSCENARIO storyboard, each with its trigger and its action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scenariogeneration import xosc

from drivesim.errors import InputError
from drivesim.exports.opendrive import lane_ids
from drivesim.exports.openscenario_parts import EGO, at_time, entity_name, position
from drivesim.road import Road
from drivesim.scenarios.concrete import ConcreteEvent, ConcreteScenario, LaneMove
from drivesim.scenarios.placement import LaneSpot, lane_of, lane_spot
from drivesim.scene import Actor
from drivesim.traffic.plans import Brake, Follow, JunctionTurn, OpenDoor, Reverse, SpeedChange, Stop, WalkTo

_NONE = xosc.ConditionEdge.none
_WALKING_MPS = 1.4


def add_events(board: xosc.StoryBoard, scenario: ConcreteScenario, road: Road, actors: Mapping[str, Actor]) -> None:
    """Add an act for each event. Raises InputError for an action that this format has no words for."""
    for event in scenario.events:
        group = xosc.ManeuverGroup(f"{event.id} group")
        group.add_actor(entity_name(event.actor))
        made = xosc.Event(event.id, xosc.Priority.override)
        for name, action in _actions(event, scenario, road, actors).items():
            made.add_action(name, action)  # only the event has the bare id, so that a reference to it is clear
        made.add_trigger(_trigger(event))
        maneuver = xosc.Maneuver(f"{event.id} maneuver")
        maneuver.add_event(made)
        group.add_maneuver(maneuver)
        act = xosc.Act(f"{event.id} act", at_time(f"{event.id} may begin", 0.0))
        act.add_maneuver_group(group)
        board.add_act(act)


def _trigger(event: ConcreteEvent) -> Any:
    start, name = event.trigger, f"{event.id} is due"
    if start.after is not None:
        done = xosc.StoryboardElementStateCondition(
            xosc.StoryboardElementType.event, start.after, xosc.StoryboardElementState.completeState
        )
        return xosc.ValueTrigger(name, start.delay_s, _NONE, done)
    if start.ttc_to is not None:
        touching = xosc.TimeToCollisionCondition(
            start.ttc_to_below_s, xosc.Rule.lessThan, freespace=True, entity=entity_name(start.ttc_to),
            distance_type=xosc.RelativeDistanceType.longitudinal, coordinate_system=xosc.CoordinateSystem.road,
        )  # fmt: skip
        return xosc.EntityTrigger(name, start.delay_s, _NONE, touching, entity_name(event.actor))
    if start.ttc_to_ego_below_s is not None:
        closing = xosc.TimeToCollisionCondition(
            start.ttc_to_ego_below_s, xosc.Rule.lessThan, freespace=True, entity=event.actor,
            distance_type=xosc.RelativeDistanceType.longitudinal, coordinate_system=xosc.CoordinateSystem.road,
        )  # fmt: skip
        return xosc.EntityTrigger(name, 0.0, _NONE, closing, EGO)
    if start.gap_below_m is not None:
        between = xosc.RelativeDistanceCondition(
            start.gap_below_m, xosc.Rule.lessThan, xosc.RelativeDistanceType.longitudinal, event.actor,
            freespace=True, coordinate_system=xosc.CoordinateSystem.road,
        )  # fmt: skip
        return xosc.EntityTrigger(name, 0.0, _NONE, between, EGO)
    if start.distance_below_m is not None:
        near = xosc.RelativeDistanceCondition(
            start.distance_below_m, xosc.Rule.lessThan, xosc.RelativeDistanceType.euclidianDistance, event.actor,
            freespace=False,
        )  # fmt: skip
        return xosc.EntityTrigger(name, 0.0, _NONE, near, EGO)
    return at_time(name, start.at_s or 0.0)


def _actions(
    event: ConcreteEvent, scenario: ConcreteScenario, road: Road, actors: Mapping[str, Actor]
) -> dict[str, Any]:
    action, name = event.action, f"{event.id} action"
    match action:
        case LaneMove():
            spot = lane_spot(scenario.road, action.to)
            if isinstance(spot, str):
                raise ValueError(f"event {event.id!r}: {spot}")
            over = _dynamics("sinusoidal", "time", action.over_s)
            return {name: xosc.AbsoluteLaneChangeAction(_lane_id(road, spot), over)}
        case SpeedChange():
            return {name: xosc.AbsoluteSpeedAction(action.to_mps, _dynamics("linear", "time", action.over_s))}
        case Brake():
            rate = _dynamics("linear", "rate", action.deceleration_mps2)
            return {name: xosc.AbsoluteSpeedAction(action.to_mps, rate)}
        case Stop(hold_s=float()):
            raise InputError(
                f"event '{event.id}': {event.actor} stops and goes on, which is two events in OpenSCENARIO. Write 'stop' "
                "without 'hold' and a 'speed' event after it, or export another format."
            )
        case OpenDoor():
            raise InputError(
                f"event '{event.id}': the door of {event.actor} is no entity of OpenSCENARIO. Export another format, or leave "
                "the event out."
            )
        case Stop(deceleration_mps2=deceleration):
            return {name: xosc.AbsoluteSpeedAction(0.0, _dynamics("linear", "rate", deceleration))}
        case Follow(actor_id=lead, headway_s=headway_s):
            whom = entity_name(lead)
            return {name: xosc.LongitudinalDistanceAction(whom, freespace=True, continuous=True, timeGap=headway_s)}
        case Reverse():
            raise InputError(
                f"event '{event.id}': {event.actor} reverses, and OpenSCENARIO has no action that does so over a distance. "
                "Export another format, or leave the event out."
            )
        case JunctionTurn():
            raise InputError(
                f"event '{event.id}': {event.actor} turns at a junction, which the exported road does not have. Export another "
                "format, or leave the junction out."
            )
        case WalkTo():
            x, y, _ = actors[event.actor].track.positions[0]
            goal = np.array([x if action.x is None else action.x, y if action.y is None else action.y])
            written = next(one for one in scenario.actors if one.id == event.actor)
            at_once = _dynamics("step", "time", 0.0)
            return {
                f"{event.id} pace": xosc.AbsoluteSpeedAction(written.speed_mps or _WALKING_MPS, at_once),
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
    return lane_ids(road)[lane_of(road, spot)]
