"""Where an actor must be at t = 0 so that an ego which does not react meets it at a moment, with a part of its front.

The tests of Euro NCAP are written so: speeds, a path and an impact point (Euro NCAP, AEB Car-to-Car and AEB/LSS VRU test
protocols, 2023: the impact point as a share of the vehicle's width from the side that the target comes from).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesim.scenarios.placement import LaneSpot, Placed, lane_offset
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_REAR_M, EGO_WIDTH_M

if TYPE_CHECKING:
    from drivesim.road import Road
    from drivesim.scenarios.concrete import ConcreteActor, ConcreteMeeting, ConcreteScenario

#: Slower than that nobody is met, m/s.
_STANDS_MPS = 0.05
#: An overlap from here on is a full one: both middles in line.
_FULL = 0.999


def place_to_meet(scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting, road: Road) -> Placed:
    """Where ``actor`` stands at t = 0. Raises ValueError, with the way out, where the two cannot meet like that."""
    if (why := why_not(scenario, actor, meeting)) is not None:
        raise ValueError(why)
    ego, time_s, pace = scenario.ego_speed_mps, meeting.time_s, actor.speed_mps
    across = meeting.moves.startswith("from_")
    half = (actor.width if across else actor.length) / 2.0
    # The bumper that touches, and the middle of the actor when its near side is there.
    s = EGO_FRONT_M + ego * time_s + half if ego > 0.0 else -EGO_REAR_M + ego * time_s - half
    own_lane = LaneSpot(direction=1, number=scenario.road.ego_lane)
    d = lane_offset(road, own_lane) + _offset(meeting, actor.width, scenario.road.side)
    if not across:
        onward: Literal[1, -1] = 1 if meeting.moves == "along" else -1
        s -= onward * pace * time_s
        x, y, yaw = (float(value) for value in road.to_world(s, d))
        lane = own_lane if onward == 1 else LaneSpot(direction=-1, number=1)
        return Placed(actor=actor, x=x, y=y, yaw_rad=yaw if onward == 1 else yaw + math.pi, s=s, d=d, lane=lane)
    x, y, yaw = (float(value) for value in road.to_world(s, d))
    heading = yaw + (-1.0 if _comes_from(meeting.moves, scenario.road.side) == "left" else 1.0) * math.pi / 2.0
    way = pace * time_s if meeting.distance_m is None else meeting.distance_m
    x, y = x - way * math.cos(heading), y - way * math.sin(heading)
    s_line, d_line = road.to_road(np.array([x]), np.array([y]), near_s=s)
    waits_s = 0.0 if pace <= _STANDS_MPS else time_s - way / pace
    return Placed(
        actor=actor, x=x, y=y, yaw_rad=heading, s=float(s_line[0]), d=float(d_line[0]), lane=None, waits_s=waits_s
    )


def why_not(scenario: ConcreteScenario, actor: ConcreteActor, meeting: ConcreteMeeting) -> str | None:
    """Why the ego and the actor cannot meet like that, a sentence with the way out; None where they can."""
    ego, pace, name = scenario.ego_speed_mps, actor.speed_mps, actor.id
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
    if across and meeting.overlap is not None:
        return f"'overlap' is for who goes along or against; '{name}' crosses. Use 'impact: 50 %'."
    if not across and meeting.distance_m is not None:
        return f"'distance' is for who crosses; '{name}' goes {meeting.moves}. Leave it out: it follows from 'time'."
    if meeting.distance_m is not None and meeting.distance_m > pace * meeting.time_s:
        needs = meeting.distance_m / pace
        return (
            f"'{name}' needs {needs:.3g} s for {meeting.distance_m:g} m and is to be met at {meeting.time_s:g} s. "
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
