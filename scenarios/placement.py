"""Where everything stands at t = 0: lanes by name, gaps, places in the ego frame, sizes and default speeds.

Works on a concrete scenario (nothing left to vary); metres, radians, metres a second.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from shapely import Polygon

from drivesim import scene
from drivesim.geometry import footprint
from drivesim.scenarios.language.values import number
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_LENGTH_M, EGO_REAR_M, EGO_WIDTH_M, size_of

if TYPE_CHECKING:
    from drivesim.road import Road
    from drivesim.scenarios.language.schema import ActorSpec, CameraRig, Scenario

DEFAULT_LANES = {"motorway": 3, "rural": 1, "urban": 1}
DEFAULT_SPEED_LIMITS_MPS = {"motorway": 36.1, "rural": 27.8, "urban": 13.9}
#: Speeds of actors that are not driven, where none is given.
_OWN_SPEEDS_MPS = {"pedestrian": 1.4, "bicycle": 4.5, "traffic_cone": 0.0, "barrier": 0.0}


@dataclass(frozen=True, kw_only=True)
class LaneSpot:
    """A lane of a road: ``direction`` +1 with the ego and -1 against it, ``number`` from the kerb."""

    direction: Literal[1, -1]
    number: int
    kind: Literal["driving", "ramp"] = "driving"


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """An actor at t = 0: centre and heading in the world frame, road coordinates, size and speed."""

    actor: ActorSpec
    x: float
    y: float
    yaw_rad: float
    s: float
    d: float
    length: float
    width: float
    height: float
    speed_mps: float
    lane: LaneSpot | None

    def outline(self) -> Polygon:
        """Footprint on the ground."""
        return Polygon(footprint(self.x, self.y, self.length, self.width, self.yaw_rad))


def num_lanes(scenario: Scenario) -> int:
    """Lanes in the ego's direction."""
    road = scenario.scene.road
    return road.lanes if road.lanes is not None else max(DEFAULT_LANES[road.type], road.ego_lane)


def num_oncoming_lanes(scenario: Scenario) -> int:
    """Lanes of the other direction."""
    road = scenario.scene.road
    return num_lanes(scenario) if road.oncoming_lanes is None else road.oncoming_lanes


def speed_limit_mps(scenario: Scenario) -> float:
    """The road's speed limit."""
    limit = scenario.scene.road.speed_limit
    return DEFAULT_SPEED_LIMITS_MPS[scenario.scene.road.type] if limit is None else number(limit)


def ego_speed_mps(scenario: Scenario) -> float:
    """The ego's speed at t = 0."""
    speed = scenario.scene.ego.speed
    return speed_limit_mps(scenario) if speed is None else number(speed)


def traffic_side(scenario: Scenario) -> Literal["right", "left"]:
    """The side one drives on."""
    return "right" if scenario.traffic == "right_hand" else "left"


def lane_spot(scenario: Scenario, name: int | str) -> LaneSpot | str:
    """The lane of a name or number, or the reason (a sentence) why there is none."""
    road, lanes = scenario.scene.road, num_lanes(scenario)
    if isinstance(name, int):
        known = f"the road has lanes 1 to {lanes}"
        return LaneSpot(direction=1, number=name) if 1 <= name <= lanes else f"there is no lane {name}: {known}."
    if name == "ramp":
        if road.ramp is None:
            return "the road has no ramp. Add 'ramp: right' to 'road'."
        return LaneSpot(direction=1, number=0 if road.ramp == traffic_side(scenario) else lanes + 1, kind="ramp")
    if name == "oncoming":
        if num_oncoming_lanes(scenario) == 0:
            return "the road has no oncoming lanes. Remove 'oncoming_lanes: 0' from 'road'."
        return LaneSpot(direction=-1, number=num_oncoming_lanes(scenario))
    if name == "ego":
        return LaneSpot(direction=1, number=road.ego_lane)
    step = 1 if name != traffic_side(scenario) else -1
    wanted = road.ego_lane + step
    if 1 <= wanted <= lanes:
        return LaneSpot(direction=1, number=wanted)
    text = f"there is no lane to the {name} of lane {road.ego_lane} (the road has lanes 1 to {lanes} from the kerb)."
    if road.ramp == name:
        return f"{text} Use 'ramp' for the ramp."
    other = " Use 'oncoming' for the other direction." if step == 1 and num_oncoming_lanes(scenario) else ""
    return f"{text}{other or ' Change ego_lane or lanes.'}"


def id_stream(scenario_id: str, purpose: str) -> np.random.Generator:
    """Random numbers that belong to the scenario itself, the same whatever the seed."""
    digest = hashlib.sha256(f"{scenario_id}/{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], dtype=np.uint32))


def make_road(scenario: Scenario, length_m: float) -> Road:
    """The road of a concrete scenario, its bends drawn from the scenario id; ``length_m`` ahead of the ego."""
    from drivesim.traffic.road_builder import build_road

    road = scenario.scene.road
    return build_road(
        road.type,  # type: ignore[arg-type]
        lanes=num_lanes(scenario),
        ego_lane=road.ego_lane,
        lane_width=number(road.lane_width),
        length_m=length_m,
        rng=id_stream(scenario.id, "road"),
        oncoming_lanes=road.oncoming_lanes,
        curvature=None if road.curvature is None else number(road.curvature),
        ramp=road.ramp,  # type: ignore[arg-type]
        crossings=tuple(number(s) for s in road.crossings),
        speed_limit_mps=speed_limit_mps(scenario),
        traffic_side=traffic_side(scenario),
    )


def actor_size(actor: ActorSpec, scenario_id: str) -> tuple[float, float, float]:
    """Length, width, height: as written, else typical of the class or preset."""
    length, width, height = size_of(actor.category, actor.preset)
    if actor.size is not None:
        written = (actor.size.length, actor.size.width, actor.size.height)
        typical = (length, width, height)
        length, width, height = (t if w is None else number(w) for w, t in zip(written, typical, strict=True))
    return length, width, height


def actor_speed_mps(scenario: Scenario, actor: ActorSpec) -> float:
    """Speed at t = 0: as written, else standing when parked, an own pace on foot or bicycle, else the ego's speed."""
    if actor.parked:
        return 0.0
    if actor.speed is not None:
        return number(actor.speed)
    if actor.lane == "oncoming":
        return speed_limit_mps(scenario)
    return _OWN_SPEEDS_MPS.get(actor.category, ego_speed_mps(scenario))


def place(scenario: Scenario, actor: ActorSpec, road: Road) -> Placed:
    """Where a valid actor stands at t = 0. Raises ValueError for a lane that does not exist."""
    length, width, height = actor_size(actor, scenario.id)
    spot: LaneSpot | None = None
    if actor.at is not None:
        x, y = number(actor.at.x), number(actor.at.y)
        s_line, d_line = road.to_road(np.array([x]), np.array([y]), near_s=x)
        s, d = float(s_line[0]), float(d_line[0])
        heading = float(road.frame_at(s)[2])
    else:
        found = lane_spot(scenario, actor.lane if actor.lane is not None else "ego")
        if isinstance(found, str):
            raise ValueError(found)
        spot, gap = found, number(actor.gap if actor.gap is not None else 0.0)
        s = EGO_FRONT_M + gap + length / 2 if gap >= 0 else -EGO_REAR_M + gap - length / 2
        d = lane_offset(road, spot)
        wx, wy, wyaw = road.to_world(s, d)
        x, y, heading = float(wx), float(wy), float(wyaw)
        heading += 0.0 if spot.direction == 1 else np.pi
    return Placed(
        actor=actor,
        x=x,
        y=y,
        yaw_rad=heading if actor.yaw is None else number(actor.yaw),
        s=s,
        d=d,
        length=length,
        width=width,
        height=height,
        speed_mps=actor_speed_mps(scenario, actor),
        lane=spot,
    )


def lane_offset(road: Road, spot: LaneSpot) -> float:
    """Centre offset d of a lane."""
    return next(
        lane.offset
        for lane in road.lanes
        if (lane.direction, lane.kind) == (spot.direction, spot.kind)
        and (spot.kind == "ramp" or lane.number == spot.number)
    )


def ego_outline() -> Polygon:
    """Footprint of the ego at t = 0."""
    middle = (EGO_FRONT_M - EGO_REAR_M) / 2
    return Polygon(footprint(middle, 0.0, EGO_LENGTH_M, EGO_WIDTH_M, 0.0))


def make_camera(scenario: Scenario) -> scene.Camera:
    """The camera at the size of the video."""
    video = scenario.video_settings
    if isinstance(scenario.camera, str):
        return scene.NUSCENES_FRONT.resized(video.width, video.height)
    rig: CameraRig = scenario.camera
    mount = rig.mount
    return scene.Camera(
        name="custom",
        width=rig.width,
        height=rig.height,
        fx=rig.fx,
        fy=rig.fx if rig.fy is None else rig.fy,
        cx=rig.width / 2 if rig.cx is None else rig.cx,
        cy=rig.height / 2 if rig.cy is None else rig.cy,
        mount=scene.Pose(
            x=number(mount.x),
            y=number(mount.y),
            z=number(mount.z),
            yaw_rad=number(mount.yaw),
            pitch_rad=number(mount.pitch),
            roll_rad=number(mount.roll),
        ),
    ).resized(video.width, video.height)
