"""Where an actor must be at t = 0 so that an ego which does not react meets it at a moment, with a part of its front.

The tests of Euro NCAP are written so: speeds, a path and an impact point (Euro NCAP, AEB Car-to-Car and AEB/LSS VRU test
protocols, 2023: the impact point as a share of the vehicle's width from the side that the target comes from).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesim.scenarios.crossing_ways import GroundPose, first_touch, touching
from drivesim.scenarios.placement import LaneSpot, Placed, lane_offset, lane_spot, wanted_turn
from drivesim.scenarios.ways import actor_way, ego_way
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_REAR_M, EGO_WIDTH_M

if TYPE_CHECKING:
    from drivesim.road import Road
    from drivesim.scenarios.concrete import ConcreteActor, ConcreteMeeting, ConcreteScenario

#: Slower than that nobody is met, m/s.
_STANDS_MPS = 0.05
#: An overlap from here on is a full one: both middles in line.
_FULL = 0.999
#: An ego that has turned by more than half of a right angle is on the arm, for who crosses its way.
_HALF_TURNED = math.cos(math.pi / 4.0)


def place_to_meet(scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting, road: Road) -> Placed:
    """Where ``actor`` stands at t = 0. Raises ValueError, with the way out, where the two cannot meet like that."""
    if (why := why_not(scenario, actor, meeting)) is not None:
        raise ValueError(why)
    if meeting.time_s is None:
        return _by_its_way(scenario, actor, meeting, road)
    if not meeting.moves.startswith("from_"):
        return _in_line(scenario, actor, meeting, meeting.time_s, road)
    return _across(scenario, actor, meeting, meeting.time_s, road)


def _in_line(
    scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting, time_s: float, road: Road
) -> Placed:
    """One who goes along or against on the ego's lane."""
    onward: Literal[1, -1] = 1 if meeting.moves == "along" else -1
    own_lane = LaneSpot(direction=1, number=scenario.road.ego_lane)
    s = EGO_FRONT_M + (scenario.ego_speed_mps - onward * actor.speed_mps) * time_s + actor.length / 2.0
    d = lane_offset(road, own_lane) + _offset(meeting, actor.width, scenario.road.side)
    x, y, yaw = (float(value) for value in road.to_world(s, d))
    lane = own_lane if onward == 1 else LaneSpot(direction=-1, number=1)
    heading = yaw if onward == 1 else yaw + math.pi
    return Placed(actor=actor, x=x, y=y, yaw_rad=heading, s=s, d=d, lane=lane, meets_s=time_s)


def _across(
    scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting, time_s: float, road: Road
) -> Placed:
    """One who goes straight across the ego's way, from where it has to stand for that at t = 0."""
    ego, pace = scenario.ego_speed_mps, actor.speed_mps
    comes_from = _comes_from(meeting.moves, scenario.road.side)
    offset, side = _offset(meeting, actor.width, scenario.road.side), -1.0 if comes_from == "left" else 1.0
    if wanted_turn(scenario, "ego") in (None, "straight"):
        half = actor.width / 2.0
        s = EGO_FRONT_M + ego * time_s + half if ego > 0.0 else -EGO_REAR_M + ego * time_s - half
        d = lane_offset(road, LaneSpot(direction=1, number=scenario.road.ego_lane)) + offset
        x, y, yaw = (float(value) for value in road.to_world(s, d))
        heading = yaw + side * math.pi / 2.0
    else:
        way, begins = ego_way(scenario, road)
        there = GroundPose(*(float(value) for value in way.at(begins + ego * time_s)))
        s = road.junctions[0].s
        along = float(road.frame_at(s)[2])
        onto = along if math.cos(there.yaw_rad - along) > _HALF_TURNED else along + _quarter(scenario)
        heading = onto + side * math.pi / 2.0
        x, y = touching(there, heading, actor.length, actor.width, offset, faces=comes_from)
    ahead = pace * time_s if meeting.distance_m is None else meeting.distance_m
    x, y = x - ahead * math.cos(heading), y - ahead * math.sin(heading)
    s_line, d_line = road.to_road(np.array([x]), np.array([y]), near_s=s)
    waits_s = 0.0 if pace <= _STANDS_MPS else time_s - ahead / pace
    s, d = float(s_line[0]), float(d_line[0])
    return Placed(actor=actor, x=x, y=y, yaw_rad=heading, s=s, d=d, lane=None, waits_s=waits_s, meets_s=time_s)


def _quarter(scenario: ConcreteScenario) -> float:
    """By how much the ego's heading has changed behind its turn."""
    return math.pi / 2.0 if wanted_turn(scenario, "ego") == "left" else -math.pi / 2.0


def _by_its_way(scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting, road: Road) -> Placed:
    """One on a lane or an arm, whose way crosses that of the ego; when, follows from the two ways."""
    found = None if actor.lane is None else lane_spot(scenario.road, actor.lane)
    if isinstance(found, str):
        raise ValueError(found)
    way, (own, begins) = actor_way(scenario, actor, found, road), ego_way(scenario, road)
    side = scenario.road.side
    faces = _comes_from(meeting.moves, side) if meeting.moves.startswith("from_") else meeting.moves
    touch = first_touch(
        own, begins, scenario.ego_speed_mps, way, (actor.length, actor.width), _offset(meeting, actor.width, side),
        faces=faces, until_s=scenario.duration_s, around=0.0 if road.junctions else -way.begins_s,
    )  # fmt: skip
    name = actor.id
    if touch is None:
        raise ValueError(
            f"the ego's front never comes to where '{name}' goes, moving {meeting.moves}, within {scenario.duration_s:g} s. Let one "
            "of them turn (an event with 'turn') or come by 'arm', name how it moves as the ego sees it then, or lengthen the video."
        )
    time_s, length = touch
    first = length - actor.speed_mps * time_s
    if actor.arm is not None and first + actor.length / 2.0 > 0.0:
        raise ValueError(
            f"'{name}' would be in the junction at t = 0 to be met after {time_s:.3g} s at {actor.speed_mps:.3g} m/s. "
            "Make it faster or the ego slower, or move the junction further away."
        )
    x, y, heading = (float(value) for value in way.at(first))
    s_line, d_line = road.to_road(np.array([x]), np.array([y]), near_s=way.begins_s + way.leads * first)
    s, d = (float(s_line[0]), float(d_line[0])) if found is None else (way.begins_s + way.leads * first, way.d)
    return Placed(actor=actor, x=x, y=y, yaw_rad=heading, s=s, d=d, lane=found, meets_s=time_s)


def why_not(scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting) -> str | None:
    """Why the ego and the actor cannot meet like that, a sentence with the way out; None where they can."""
    ego, pace, name = scenario.ego_speed_mps, actor.speed_mps, actor.id
    across = meeting.moves.startswith("from_")
    turns = wanted_turn(scenario, "ego") not in (None, "straight")
    if across and meeting.overlap is not None:
        return f"'overlap' is for who goes along or against; '{name}' crosses. Use 'impact: 50 %'."
    if meeting.time_s is None or turns:
        if ego <= _STANDS_MPS:
            return f"the ego has to drive to meet '{name}' at a junction. Give it a speed."
        if meeting.overlap is not None:
            return f"'overlap' is for a straight way; the ego and '{name}' meet at a junction. Use 'impact: 50 %'."
    if meeting.time_s is None:
        return f"'{name}' stands, so it is not met on its way. Give it a speed." if pace <= _STANDS_MPS else None
    if turns and not across:
        return f"the ego turns, and '{name}' goes {meeting.moves} on no lane. Name its way: 'lane: oncoming' or 'arm: left', without 'time'."
    return _why_not_at(meeting, meeting.time_s, ego, pace, name)


def _why_not_at(meeting: ConcreteMeeting, time_s: float, ego: float, pace: float, name: str) -> str | None:
    """Why the two cannot meet at that time, from their speeds."""
    across = meeting.moves.startswith("from_")
    if across and pace <= _STANDS_MPS and (ego == 0.0 or meeting.distance_m is not None):
        return f"'{name}' stands, so it never comes to where the ego would meet it. Give it a speed."
    closing = ego if across else ego - pace if meeting.moves == "along" else ego + pace
    if ego < 0.0 and not across:
        return f"the ego drives backwards and '{name}' goes {meeting.moves}. Let it cross: 'moves: from_nearside'."
    if abs(ego) <= _STANDS_MPS and across:
        return f"the ego stands and '{name}' crosses, so no bumper reaches it. Give the ego a speed, or place '{name}' by 'at'."
    if not across and closing <= _STANDS_MPS:
        return (
            f"the ego at {ego:.3g} m/s never comes up with '{name}' at {pace:.3g} m/s {meeting.moves}. Make the ego faster or "
            f"'{name}' slower."
        )
    if not across and meeting.distance_m is not None:
        return f"'distance' is for who crosses; '{name}' goes {meeting.moves}. Leave it out: it follows from 'time'."
    if meeting.distance_m is not None and meeting.distance_m > pace * time_s:
        needs = meeting.distance_m / pace
        return (
            f"'{name}' needs {needs:.3g} s for {meeting.distance_m:g} m and is to be met at {time_s:g} s. "
            f"Write 'time: {math.ceil(10 * needs) / 10:g} s' or more, or a shorter 'distance'."
        )
    return None


def _offset(meeting: ConcreteMeeting, width: float, side: str) -> float:
    """Offset (m, left positive) of the actor's middle from the ego's when they meet."""
    if meeting.overlap is not None:
        covered = abs(meeting.overlap)
        aside = 0.0 if covered >= _FULL else max(EGO_WIDTH_M / 2.0 + width / 2.0 - covered * EGO_WIDTH_M, 0.0)
        return math.copysign(aside, meeting.overlap)
    from_right = (meeting.impact - 0.5) * EGO_WIDTH_M
    return from_right if _comes_from(meeting.moves, side) == "right" else -from_right


def _comes_from(moves: str, side: str) -> str:
    """The side from which impact points count; the nearside is that of the kerb."""
    far = "left" if side == "right" else "right"
    return {"from_left": "left", "from_right": "right", "from_farside": far}.get(moves, side)
