"""A concrete scenario: one variation as plain numbers, in SI, with what is not written filled in.

Here, and nowhere else, a field of the schema stops being a number or a ``$parameter``: who has a :class:`ConcreteScenario`
computes with floats. It knows no file and no loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from drivesim.junctions import Side
from drivesim.scenarios.ego_plan import first_speed
from drivesim.scenarios.junction_plan import JunctionPlan, junction_plan
from drivesim.scenarios.language.distributions import Value
from drivesim.scenarios.language.ego_plan import EgoPlanColumns
from drivesim.scenarios.language.events import (
    AfterTrigger,
    BrakeAction,
    CollisionLabel,
    DistanceTrigger,
    DracLabel,
    Event,
    Expectation,
    FollowAction,
    GapLabel,
    GapTrigger,
    Label,
    LaneChangeAction,
    OffRoadLabel,
    OpenDoorAction,
    PetLabel,
    ReverseAction,
    SpeedAction,
    StopAction,
    ThwLabel,
    TimeToActorTrigger,
    TimeToCollisionTrigger,
    TimeTrigger,
    TtcLabel,
    WalkAction,
)
from drivesim.scenarios.language.junctions import TurnAction
from drivesim.scenarios.language.meeting import Meeting
from drivesim.scenarios.language.numbers import number, or_none
from drivesim.scenarios.language.schema import (
    INTENSITIES,
    WETNESS,
    ActorSpec,
    CameraRig,
    RoadsideScenery,
    Scenario,
    Traffic,
)
from drivesim.scene import NUSCENES_FRONT, Camera, Environment, Pose
from drivesim.traffic.dimensions import size_of
from drivesim.traffic.plans import Brake, Follow, JunctionTurn, OpenDoor, Reverse, SpeedChange, Stop, Trigger, WalkTo

DEFAULT_LANES = {"motorway": 3, "rural": 1, "urban": 1}
DEFAULT_SPEED_LIMITS_MPS = {"motorway": 36.1, "rural": 27.8, "urban": 13.9}
#: Speeds of actors that are not driven, where none is given.
_OWN_SPEEDS_MPS = {"pedestrian": 1.4, "bicycle": 4.5, "traffic_cone": 0.0, "barrier": 0.0}


@dataclass(frozen=True, kw_only=True)
class RoadPlan:
    """The road asked for: ``lanes`` in the ego's direction, lane 1 nearest the kerb; metres, metres a second, 1/m.

    ``oncoming_lanes`` None: the road builder's own choice; ``curvature`` None: drawn from the name of the scenario's world.
    """

    type: str
    lanes: int
    ego_lane: int
    lane_width_m: float
    speed_limit_mps: float
    oncoming_lanes: int | None
    ramp: str | None
    crossings_m: tuple[float, ...]
    curvature: float | None
    side: Literal["right", "left"]
    junction: JunctionPlan | None = None

    @property
    def num_oncoming_lanes(self) -> int:
        """Lanes of the other direction."""
        return self.lanes if self.oncoming_lanes is None else self.oncoming_lanes


@dataclass(frozen=True, kw_only=True)
class ConcreteMeeting:
    """Where and when an ego that does not react reaches an actor, as :class:`Meeting` has it; s and m, shares of the width.

    ``time_s`` None: it follows from where the ways of the two cross.
    """

    time_s: float | None
    moves: str
    impact: float
    overlap: float | None
    distance_m: float | None


@dataclass(frozen=True, kw_only=True)
class ConcreteActor:
    """A scripted actor, placed on a ``lane`` with ``gap_m`` to the ego, ``at`` (x, y) metres in the ego frame, so that it
    ``meets`` the ego (with a ``lane`` or an ``arm``: on its way by that), or on an ``arm`` of the junction with ``to_line_m`` from
    its front to the stop line.

    ``yaw_rad`` None: along the road. ``target_speed_mps`` None: as at t = 0. Who ``reacts`` not goes exactly as written.
    """

    id: str
    category: str
    preset: str | None
    look: str | None
    parked: bool
    allow_overlap: bool
    lane: int | str | None
    gap_m: float | None
    at: tuple[float, float] | None
    meets: ConcreteMeeting | None
    reacts: bool
    yaw_rad: float | None
    length: float
    width: float
    height: float
    speed_mps: float
    target_speed_mps: float | None
    arm: Side | None = None
    to_line_m: float | None = None


@dataclass(frozen=True, kw_only=True)
class LaneMove:
    """To a lane, by its name seen from the ego or its number from the kerb, within ``over_s`` seconds."""

    to: int | str
    over_s: float


ConcreteAction = LaneMove | SpeedChange | Brake | Stop | WalkTo | Follow | Reverse | OpenDoor | JunctionTurn


@dataclass(frozen=True, kw_only=True)
class ConcreteEvent:
    """What an actor shall do and when; ``within_s`` None: whenever it comes; ``mode`` None: as the model allows."""

    id: str
    actor: str
    action: ConcreteAction
    trigger: Trigger
    within_s: float | None
    mode: str | None


@dataclass(frozen=True, kw_only=True)
class ConcreteLabel:
    """A question about a future: the ``measure`` between the ego and an actor, and the bound (s, m or m/s²) that makes it
    true; a collision has none.
    """

    measure: Literal["ttc", "thw", "gap", "drac", "pet", "collision", "off_road"]
    actor: str
    bound: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ConcreteScenario:
    """One variation of a scenario. ``world`` names what is drawn, by default its id; ``parameters`` are the values it was made with; speeds in m/s, sizes in pixels."""

    id: str
    world: str
    parameters: Mapping[str, Value]
    fps: float
    duration_s: float
    camera: Camera
    environment: Environment
    road: RoadPlan
    ego_speed_mps: float
    ego_target_speed_mps: float
    ego_reacts: bool
    ego_plan: EgoPlanColumns | None
    actors: tuple[ConcreteActor, ...]
    ambient: Traffic
    roadside: RoadsideScenery
    events: tuple[ConcreteEvent, ...]
    labels: Mapping[str, ConcreteLabel]
    expectations: tuple[Expectation, ...]


def concrete_of(scenario: Scenario, parameters: Mapping[str, Value] | None = None) -> ConcreteScenario:
    """The scenario as numbers, unchecked; ``Scenario.concrete`` checks too. Raises ValueError while something varies."""
    road, video = road_plan(scenario), scenario.video_settings
    ego, target, plan = scenario.scene.ego.speed, scenario.scene.ego.target_speed, scenario.scene.ego.plan
    ego_speed = road.speed_limit_mps if ego is None else number(ego)
    if plan is not None and plan.file is None and not plan.begins:
        ego_speed = first_speed(plan)
    return ConcreteScenario(
        id=scenario.id,
        world=scenario.world_name,
        parameters=parameters or {},
        fps=number(video.fps),
        duration_s=number(video.duration),
        camera=_camera(scenario),
        environment=environment_of(scenario),
        road=road,
        ego_speed_mps=ego_speed,
        ego_target_speed_mps=ego_speed if target is None else number(target),
        ego_reacts=scenario.scene.ego.reacts,
        ego_plan=plan,
        actors=tuple(_actor(actor, road, ego_speed) for actor in scenario.scene.actors),
        ambient=scenario.scene.traffic,
        roadside=scenario.scene.roadside,
        events=tuple(_event(event) for event in scenario.events),
        labels={name: _label(label) for name, label in scenario.labels.items()},
        expectations=scenario.expectations,
    )


def road_plan(scenario: Scenario) -> RoadPlan:
    """The road, which is the same in every variation."""
    road = scenario.scene.road
    limit = road.speed_limit
    return RoadPlan(
        type=road.type,
        lanes=road.lanes if road.lanes is not None else max(DEFAULT_LANES[road.type], road.ego_lane),
        ego_lane=road.ego_lane,
        lane_width_m=number(road.lane_width),
        speed_limit_mps=DEFAULT_SPEED_LIMITS_MPS[road.type] if limit is None else number(limit),
        oncoming_lanes=road.oncoming_lanes,
        ramp=road.ramp,
        crossings_m=tuple(number(s) for s in road.crossings),
        curvature=or_none(road.curvature),
        side="right" if scenario.traffic == "right_hand" else "left",
        junction=junction_plan(road.junction),
    )


def environment_of(scenario: Scenario) -> Environment:
    """Time and weather of a concrete scenario; what is not written follows from what is."""
    written = scenario.scene.environment
    hours, minutes = written.time_of_day.split(":")
    kind, intensity = written.precipitation.type, written.precipitation.intensity
    amount = INTENSITIES[intensity] if isinstance(intensity, str) else intensity
    falling = {"rain": 0.3 + 0.5 * amount, "snow": 0.3}.get(kind, 0.0)
    lights = written.street_lights if written.street_lights is not None else scenario.scene.road.type == "urban"
    return Environment(
        hour=int(hours) + int(minutes) / 60.0,
        sky="overcast" if written.sky == "overcast" else "clear",
        rain=amount if kind == "rain" else 0.0,
        snow=amount if kind == "snow" else 0.0,
        wetness=falling if written.road_surface is None else WETNESS[written.road_surface],
        fog_visibility_m=float("inf") if written.fog is None else number(written.fog.visual_range),
        street_lights=lights,
    )


def _actor(actor: ActorSpec, road: RoadPlan, ego_speed_mps: float) -> ConcreteActor:
    typical = size_of(actor.category, actor.preset)
    given = (None, None, None) if actor.size is None else (actor.size.length, actor.size.width, actor.size.height)
    length, width, height = (t if w is None else number(w) for w, t in zip(given, typical, strict=True))
    return ConcreteActor(
        id=actor.id,
        category=actor.category,
        preset=actor.preset,
        look=actor.look,
        parked=actor.parked,
        allow_overlap=actor.allow_overlap,
        lane=actor.lane,
        gap_m=or_none(actor.gap),
        at=None if actor.at is None else (number(actor.at.x), number(actor.at.y)),
        meets=None if actor.meets is None else _meeting(actor.meets, ego_speed_mps),
        reacts=actor.meets is None if actor.reacts is None else actor.reacts,
        yaw_rad=or_none(actor.yaw),
        length=length,
        width=width,
        height=height,
        speed_mps=_speed_mps(actor, road, ego_speed_mps),
        target_speed_mps=or_none(actor.target_speed),
        arm=cast("Side | None", actor.arm),
        to_line_m=or_none(actor.to_line),
    )


def _meeting(written: Meeting, ego_speed_mps: float) -> ConcreteMeeting:
    time_s = or_none(written.time)
    if written.after is not None:
        time_s = number(written.after) / max(abs(ego_speed_mps), 1e-3)
    return ConcreteMeeting(
        time_s=time_s,
        moves=written.moves,
        impact=0.5 if written.impact is None else number(written.impact),
        overlap=or_none(written.overlap),
        distance_m=or_none(written.distance),
    )


def _speed_mps(actor: ActorSpec, road: RoadPlan, ego_speed_mps: float) -> float:
    """As written, else standing when parked, an own pace on foot or bicycle, else the ego's speed."""
    if actor.parked:
        return 0.0
    if actor.speed is not None:
        return number(actor.speed)
    if actor.lane == "oncoming":
        return road.speed_limit_mps
    return _OWN_SPEEDS_MPS.get(actor.category, ego_speed_mps)


def _event(event: Event) -> ConcreteEvent:
    action: ConcreteAction
    match event.action:
        case LaneChangeAction(lane_change=lane):
            action = LaneMove(to=lane.to, over_s=number(lane.over))
        case SpeedAction(speed=change):
            action = SpeedChange(to_mps=number(change.to), over_s=number(change.over))
        case BrakeAction(brake=braking):
            action = Brake(deceleration_mps2=number(braking.deceleration), to_mps=number(braking.to))
        case WalkAction(walk_to=walk):
            action = WalkTo(x=or_none(walk.x), y=or_none(walk.y))
        case StopAction(stop=stopping):
            action = Stop(deceleration_mps2=number(stopping.deceleration), hold_s=or_none(stopping.hold))
        case FollowAction(follow=following):
            action = Follow(actor_id=following.actor, headway_s=number(following.headway))
        case OpenDoorAction(open_door=door):
            side: Literal["left", "right"] = "left" if door.side == "left" else "right"
            action = OpenDoor(side=side, over_s=number(door.over), angle_rad=number(door.angle))
        case ReverseAction(reverse=back):
            action = Reverse(distance_m=number(back.distance), speed_mps=number(back.speed))
        case TurnAction(turn=turning):
            action = JunctionTurn(to=cast("Literal['left', 'straight', 'right']", turning.to))
    return ConcreteEvent(
        id=event.id,
        actor=event.actor,
        action=action,
        trigger=_trigger(event),
        within_s=or_none(event.within),
        mode=event.mode,
    )


def _trigger(event: Event) -> Trigger:
    match event.start:
        case TimeTrigger(time=moment):
            return Trigger(at_s=number(moment))
        case AfterTrigger(after=other):
            return Trigger(after=other)
        case TimeToCollisionTrigger(ttc_to_ego=bound):
            return Trigger(ttc_to_ego_below_s=number(bound.below))
        case DistanceTrigger(distance_to_ego=reach):
            return Trigger(distance_below_m=number(reach.below))
        case TimeToActorTrigger(ttc_to=near):
            return Trigger(ttc_to=near.actor, ttc_to_below_s=number(near.below), delay_s=number(near.delay))
        case GapTrigger(gap_to_ego=reach):
            return Trigger(gap_below_m=number(reach.below))


def _label(label: Label) -> ConcreteLabel:
    match label:
        case TtcLabel(ttc=asked):
            return ConcreteLabel(measure="ttc", actor=asked.actor, bound=number(asked.min_below))
        case ThwLabel(thw=asked):
            return ConcreteLabel(measure="thw", actor=asked.actor, bound=number(asked.min_below))
        case GapLabel(gap=asked):
            return ConcreteLabel(measure="gap", actor=asked.actor, bound=number(asked.min_below))
        case DracLabel(drac=asked):
            return ConcreteLabel(measure="drac", actor=asked.actor, bound=number(asked.max_above))
        case PetLabel(pet=asked):
            return ConcreteLabel(measure="pet", actor=asked.actor, bound=number(asked.below))
        case CollisionLabel(collision=asked):
            return ConcreteLabel(measure="collision", actor=asked.actor, bound=0.0)
        case OffRoadLabel(off_road=asked):
            return ConcreteLabel(measure="off_road", actor=asked.actor, bound=number(asked.longer_than))


def _camera(scenario: Scenario) -> Camera:
    """The camera at the size of the video."""
    video = scenario.video_settings
    if isinstance(scenario.camera, str):
        return NUSCENES_FRONT.resized(video.width, video.height)
    rig: CameraRig = scenario.camera
    mount = rig.mount
    return Camera(
        name="custom",
        width=rig.width,
        height=rig.height,
        fx=rig.fx,
        fy=rig.fx if rig.fy is None else rig.fy,
        cx=rig.width / 2 if rig.cx is None else rig.cx,
        cy=rig.height / 2 if rig.cy is None else rig.cy,
        mount=Pose(
            x=number(mount.x),
            y=number(mount.y),
            z=number(mount.z),
            yaw_rad=number(mount.yaw),
            pitch_rad=number(mount.pitch),
            roll_rad=number(mount.roll),
        ),
    ).resized(video.width, video.height)
