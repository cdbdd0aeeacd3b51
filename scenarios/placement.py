"""Where everything stands at t = 0: lanes by name, gaps, places in the ego frame, sizes and default speeds.

Works on the numbers of a concrete scenario; metres, radians, metres a second.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from shapely import Polygon

from drivesim.geometry import footprint
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_LENGTH_M, EGO_REAR_M, EGO_WIDTH_M
from drivesim.traffic.plans import JunctionTurn

if TYPE_CHECKING:
    from drivesim.road import Lane, Road
    from drivesim.scenarios.concrete import ConcreteActor, ConcreteScenario, RoadPlan
    from drivesim.traffic.routes import TurnSide


#: Road behind a junction, whatever the time asked for, metres.
_BEHIND_JUNCTION_M = 300.0


@dataclass(frozen=True, kw_only=True)
class LaneSpot:
    """A lane of a road: ``direction`` +1 with the ego and -1 against it, ``number`` from the kerb."""

    direction: Literal[1, -1]
    number: int
    kind: Literal["driving", "ramp"] = "driving"


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """An actor at t = 0: centre and heading in the world frame, road coordinates, and the lane it was placed on.

    It stands until ``waits_s``; who is placed to meet the ego is reached at ``meets_s``.
    """

    actor: ConcreteActor
    x: float
    y: float
    yaw_rad: float
    s: float
    d: float
    lane: LaneSpot | None
    waits_s: float = 0.0
    meets_s: float | None = None

    def outline(self) -> Polygon:
        """Footprint on the ground."""
        return Polygon(footprint(self.x, self.y, self.actor.length, self.actor.width, self.yaw_rad))


def lane_spot(road: RoadPlan, name: int | str) -> LaneSpot | str:
    """The lane of a name or number, or the reason (a sentence) why there is none."""
    lanes = road.lanes
    if isinstance(name, int):
        known = f"the road has lanes 1 to {lanes}"
        return LaneSpot(direction=1, number=name) if 1 <= name <= lanes else f"there is no lane {name}: {known}."
    if name == "ramp":
        if road.ramp is None:
            return "the road has no ramp. Add 'ramp: right' to 'road'."
        return LaneSpot(direction=1, number=0 if road.ramp == road.side else lanes + 1, kind="ramp")
    if name == "oncoming":
        if road.num_oncoming_lanes == 0:
            return "the road has no oncoming lanes. Remove 'oncoming_lanes: 0' from 'road'."
        return LaneSpot(direction=-1, number=road.num_oncoming_lanes)
    if name == "ego":
        return LaneSpot(direction=1, number=road.ego_lane)
    step = 1 if name != road.side else -1
    wanted = road.ego_lane + step
    if 1 <= wanted <= lanes:
        return LaneSpot(direction=1, number=wanted)
    text = f"there is no lane to the {name} of lane {road.ego_lane} (the road has lanes 1 to {lanes} from the kerb)."
    if road.ramp == name:
        return f"{text} Use 'ramp' for the ramp."
    other = " Use 'oncoming' for the other direction." if step == 1 and road.num_oncoming_lanes else ""
    return f"{text}{other or ' Change ego_lane or lanes.'}"


def world_stream(scenario: ConcreteScenario, purpose: str) -> np.random.Generator:
    """Random numbers that belong to the scenario itself, the same whatever the seed; its ``world`` or id decides them."""
    digest = hashlib.sha256(f"{scenario.world}/{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], dtype=np.uint32))


def make_road(scenario: ConcreteScenario, length_m: float) -> Road:
    """The road of a scenario, its bends drawn from the name of its world; ``length_m`` ahead of the ego."""
    from drivesim.traffic.junction_builder import add_junction
    from drivesim.traffic.road_builder import build_road

    road, junction = scenario.road, scenario.road.junction
    made = build_road(
        road.type,  # type: ignore[arg-type]
        lanes=road.lanes,
        ego_lane=road.ego_lane,
        lane_width=road.lane_width_m,
        length_m=length_m if junction is None else max(length_m, junction.at_m + _BEHIND_JUNCTION_M),
        rng=world_stream(scenario, "road"),
        oncoming_lanes=road.oncoming_lanes,
        curvature=road.curvature if junction is None else "straight",
        ramp=road.ramp,  # type: ignore[arg-type]
        crossings=road.crossings_m,
        speed_limit_mps=road.speed_limit_mps,
        traffic_side=road.side,
    )
    if junction is None:
        return made
    return add_junction(
        made,
        s=junction.at_m,
        arms=junction.arms,
        control=junction.control,
        signals=junction.signals,
        arm_lanes=junction.arm_lanes,
    )


def place(scenario: ConcreteScenario, actor: ConcreteActor, road: Road) -> Placed:
    """Where an actor stands at t = 0. Raises ValueError for a lane that does not exist, or a meeting that cannot be."""
    if actor.meets is not None:
        from drivesim.scenarios.meeting import place_to_meet

        return place_to_meet(scenario, actor, actor.meets, road)
    spot: LaneSpot | None = None
    if actor.at is not None:
        x, y = actor.at
        s_line, d_line = road.to_road(np.array([x]), np.array([y]), near_s=x)
        s, d = float(s_line[0]), float(d_line[0])
        heading = float(road.frame_at(s)[2])
    elif actor.arm is not None:
        x, y, heading = _on_arm(scenario, actor, road)
        s_line, d_line = road.to_road(np.array([x]), np.array([y]), near_s=road.junctions[0].s)
        s, d = float(s_line[0]), float(d_line[0])
    else:
        found = lane_spot(scenario.road, actor.lane if actor.lane is not None else "ego")
        if isinstance(found, str):
            raise ValueError(found)
        spot, gap = found, 0.0 if actor.gap_m is None else actor.gap_m
        s = EGO_FRONT_M + gap + actor.length / 2 if gap >= 0 else -EGO_REAR_M + gap - actor.length / 2
        d = lane_offset(road, spot)
        wx, wy, wyaw = road.to_world(s, d)
        x, y, heading = float(wx), float(wy), float(wyaw)
        heading += 0.0 if spot.direction == 1 else np.pi
    yaw_rad = heading if actor.yaw_rad is None else actor.yaw_rad
    return Placed(actor=actor, x=x, y=y, yaw_rad=yaw_rad, s=s, d=d, lane=spot)


def wanted_turn(scenario: ConcreteScenario, actor_id: str) -> TurnSide | None:
    """Which way an actor first turns by its script, None where it does not say."""
    turns = (
        event.action.to
        for event in scenario.events
        if event.actor == actor_id and isinstance(event.action, JunctionTurn)
    )
    return next(turns, None)


def _on_arm(scenario: ConcreteScenario, actor: ConcreteActor, road: Road) -> tuple[float, float, float]:
    """World x, y and heading of an actor that comes along an arm, in the lane that leads where it turns."""
    from drivesim.traffic.routes import legs_of, start_lane

    frame = legs_of(road, road.junctions[0]).get(actor.arm or "left")
    lane = (
        None if frame is None else start_lane(frame, wanted_turn(scenario, actor.id) or "straight", road.traffic_side)
    )
    if frame is None or lane is None:
        raise ValueError(f"the junction has no arm on the {actor.arm}.")
    away = frame.enter_m + (actor.to_line_m or 0.0) + actor.length / 2
    x, y = frame.at(away, lane.offset)
    return float(x), float(y), frame.yaw_rad + np.pi


def lane_of(road: Road, spot: LaneSpot) -> Lane:
    """The lane of the road that was made of the plan in which the spot was found."""
    lane = road.lane(spot.number, spot.direction)
    assert lane is not None and lane.kind == spot.kind, f"no {spot} on a road of {road.lanes}"
    return lane


def lane_offset(road: Road, spot: LaneSpot) -> float:
    """Centre offset d of a lane."""
    return lane_of(road, spot).offset


def ego_outline() -> Polygon:
    """Footprint of the ego at t = 0."""
    middle = (EGO_FRONT_M - EGO_REAR_M) / 2
    return Polygon(footprint(middle, 0.0, EGO_LENGTH_M, EGO_WIDTH_M, 0.0))
