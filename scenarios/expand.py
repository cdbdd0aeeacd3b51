"""From a scenario to what happens: the road, the plans of everyone in it, and the traffic simulation that plays them.

t = 0 belongs to the scenario: road, actors, colours and ambient traffic there follow from its id. What happens after that
depends on the seed: two seeds are two developments of one start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drivesim.road import Road
from drivesim.scenarios.checks.messages import ScenarioError
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
from drivesim.scenarios.language.schema import INTENSITIES, ROADSIDE_DENSITIES, WETNESS, ActorSpec, Scenario
from drivesim.scenarios.language.values import number
from drivesim.scenarios.load import check_scenario
from drivesim.scenarios.placement import (
    Placed,
    ego_speed_mps,
    id_stream,
    lane_offset,
    lane_spot,
    make_camera,
    make_road,
    place,
    speed_limit_mps,
)
from drivesim.scene import Colour, Environment, Scene, Turn
from drivesim.scenery import Scenery
from drivesim.traffic.look import CAR_COLOUR_SHARES, colour_of, draw_colour
from drivesim.traffic.simulation import (
    Action,
    ActorPlan,
    AmbientTraffic,
    Brake,
    EgoPlan,
    LaneChange,
    Manoeuvre,
    SpeedChange,
    Trigger,
    WalkTo,
    simulate,
)

#: Vehicles per km and lane by density; towns hold more, and more slowly.
_VEHICLES_PER_KM = {"none": 0.0, "light": 7.0, "medium": 15.0, "dense": 28.0}
_PEDESTRIANS_PER_KM = {"none": 0.0, "light": 12.0, "medium": 30.0, "dense": 60.0}
_CYCLISTS_PER_KM = {"none": 0.0, "light": 1.0, "medium": 2.0, "dense": 3.0}
_PARKED_SHARE = {"none": 0.0, "light": 0.35, "medium": 0.55, "dense": 0.8}
_ROOM_FOR_SCRIPT_M = 25.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Development:
    """One way a scenario goes: the scene, the values of its parameters, and when each event started (None: never)."""

    scene: Scene
    parameters: dict[str, float | str]
    event_times: dict[str, float | None]


def expand(
    scenario: Scenario,
    seed: int = 0,
    fps: float | None = None,
    duration_s: float | None = None,
    variation: int = 0,
) -> Scene:
    """The scene of one variation of a scenario under one seed, on a grid of ``fps`` frames a second.

    ``fps`` and ``duration_s`` default to the scenario's video. A pure function: the same arguments give the same scene,
    another seed another development of the same t = 0. Raises ScenarioError when the scenario cannot be decided.
    """
    return develop(scenario, seed=seed, fps=fps, duration_s=duration_s, variation=variation).scene


def develop(
    scenario: Scenario,
    seed: int = 0,
    fps: float | None = None,
    duration_s: float | None = None,
    variation: int = 0,
    turns: Mapping[int, Turn] | None = None,
) -> Development:
    """Like :func:`expand`, with the parameters' values and the times of the events.

    At the frames of ``turns`` the traffic takes another course: up to such a frame nothing changes.
    """
    parameters = scenario.parameters(variation)
    concrete = scenario.with_parameters(parameters)
    found = check_scenario(concrete)
    if found.errors:
        raise ScenarioError(found.errors)
    rate = number(concrete.video_settings.fps) if fps is None else fps
    seconds = number(concrete.video_settings.duration) if duration_s is None else duration_s
    road = make_road(concrete, _road_length(concrete, seconds))
    placed = [place(concrete, actor, road) for actor in concrete.scene.actors]
    plans = [_actor_plan(concrete, one, road) for one in placed]
    ego = EgoPlan(
        speed=ego_speed_mps(concrete),
        lane=concrete.scene.road.ego_lane,
        desired_speed=_desired_ego_speed(concrete),
        manoeuvres=_manoeuvres(concrete, "ego", road),
    )
    key = int.from_bytes(hashlib.sha256(scenario.id.encode()).digest()[:8], "big")

    def generator(root: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(root, spawn_key=(key, variation)))

    result = simulate(
        road,
        ego,
        plans,
        duration_s=seconds,
        fps=rate,
        rng=generator(seed),
        ambient=_ambient(concrete, placed),
        turns={frame: generator(turn.seed) for frame, turn in (turns or {}).items()},
        ego_turns=frozenset(frame for frame, turn in (turns or {}).items() if turn.ego),
    )
    environment = environment_of(concrete)
    scene = Scene(
        name=scenario.id,
        fps=rate,
        ego=result.ego,
        actors=result.actors,
        camera=make_camera(concrete),
        road=road,
        environment=environment,
        seed=seed,
        # Like t = 0 it belongs to the scenario: every seed and future drives past the same houses and trees.
        scenery=_scenery(concrete, road, environment),
    )
    return Development(scene=scene, parameters=parameters, event_times=result.event_times)


def _scenery(scenario: Scenario, road: Road, environment: Environment) -> Scenery:
    written = scenario.scene.roadside
    return Scenery(
        road=road,
        seed=int(id_stream(scenario.id, "scenery").integers(2**31)),
        lamps=environment.street_lights,
        buildings=ROADSIDE_DENSITIES[written.buildings],
        trees=ROADSIDE_DENSITIES[written.trees],
        furniture=ROADSIDE_DENSITIES[written.furniture],
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


def _desired_ego_speed(scenario: Scenario) -> float:
    target = scenario.scene.ego.target_speed
    return ego_speed_mps(scenario) if target is None else number(target)


def _road_length(scenario: Scenario, seconds: float) -> float:
    """Metres of road ahead that the ego cannot leave within the time, at whatever speed it may reach."""
    asked = [
        number(e.action.speed.to) for e in scenario.events if e.actor == "ego" and isinstance(e.action, SpeedAction)
    ]
    fastest = max(ego_speed_mps(scenario), _desired_ego_speed(scenario), *asked, 5.0)
    return 1.25 * fastest * seconds + 500.0


def _actor_plan(scenario: Scenario, placed: Placed, road: Road) -> ActorPlan:
    actor = placed.actor
    kinds: dict[str, Literal["pedestrian", "cyclist"]] = {"pedestrian": "pedestrian", "bicycle": "cyclist"}
    colour, look = _colour(scenario, actor)
    by_hand = actor.at is not None
    return ActorPlan(
        id=actor.id,
        category=actor.category,
        length=placed.length,
        width=placed.width,
        height=placed.height,
        kind=kinds.get(actor.category, "vehicle"),
        preset=actor.preset,
        colour=colour,
        look=look,
        parked=actor.parked,
        s=placed.s,
        d=placed.d,
        direction=-1 if placed.lane is not None and placed.lane.direction == -1 else 1,
        x=placed.x if by_hand else None,
        y=placed.y if by_hand else None,
        yaw_rad=placed.yaw_rad if by_hand else 0.0,
        speed=placed.speed_mps,
        desired_speed=None if actor.target_speed is None else number(actor.target_speed),
        manoeuvres=_manoeuvres(scenario, actor.id, road),
    )


def _colour(scenario: Scenario, actor: ActorSpec) -> tuple[Colour | None, str | None]:
    """The colour that ``look`` names; else one drawn from the scenario's id, so that it is the same whatever the seed."""
    named = colour_of(actor.look) if actor.look is not None else None
    if named is not None or actor.category in ("traffic_cone", "barrier"):
        return named, actor.look
    shares = None if actor.category == "pedestrian" else CAR_COLOUR_SHARES
    name, drawn = draw_colour(id_stream(scenario.id, f"colour/{actor.id}"), shares)
    return drawn, f"{name} {actor.look or (actor.preset or actor.category).replace('_', ' ')}"


def _manoeuvres(scenario: Scenario, actor_id: str, road: Road) -> tuple[Manoeuvre, ...]:
    return tuple(
        Manoeuvre(
            id=event.id,
            action=_action(scenario, event, road),
            trigger=_trigger(event),
            within_s=None if event.within is None else number(event.within),
        )
        for event in scenario.events
        if event.actor == actor_id
    )


def _action(scenario: Scenario, event: Event, road: Road) -> Action:
    match event.action:
        case LaneChangeAction(lane_change=change):
            spot = lane_spot(scenario, change.to)
            if isinstance(spot, str):
                raise ValueError(spot)
            return LaneChange(to_d=lane_offset(road, spot), over_s=number(change.over))
        case SpeedAction(speed=change):
            return SpeedChange(to_mps=number(change.to), over_s=number(change.over))
        case BrakeAction(brake=braking):
            return Brake(deceleration_mps2=number(braking.deceleration), to_mps=number(braking.to))
        case WalkAction(walk_to=walk):
            x, y = (None if v is None else number(v) for v in (walk.x, walk.y))
            return WalkTo(x=x, y=y)


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


def _ambient(scenario: Scenario, placed: list[Placed]) -> AmbientTraffic | None:
    """Ambient traffic around the script, the same at t = 0 whatever the seed."""
    traffic, road_type = scenario.scene.traffic, scenario.scene.road.type
    if traffic.density == "none" and not traffic.pedestrians and not traffic.parked:
        return None
    urban = road_type == "urban"
    vehicles = _VEHICLES_PER_KM[traffic.density]
    level = "light" if traffic.density == "none" else traffic.density
    walkers = urban if traffic.pedestrians is None else traffic.pedestrians
    parked = urban if traffic.parked is None else traffic.parked
    along = [one for one in placed if one.lane is not None and one.lane.direction == 1]
    reach = max((one.s + one.length / 2 for one in along), default=0.0)
    behind = min((one.s - one.length / 2 for one in along), default=0.0)
    return AmbientTraffic(
        seed=int(id_stream(scenario.id, "ambient").integers(2**31)),
        density_per_km=vehicles,
        oncoming_per_km=vehicles,
        pedestrians_per_km=_PEDESTRIANS_PER_KM[level] if walkers and urban else 0.0,
        parked_share=_PARKED_SHARE[level] if parked and urban else 0.0,
        cyclists_per_km=_CYCLISTS_PER_KM[traffic.density] if urban else 0.0,
        speed_mps=0.92 * speed_limit_mps(scenario),
        keep_clear_from_m=behind - _ROOM_FOR_SCRIPT_M,
        keep_clear_to_m=reach + _ROOM_FOR_SCRIPT_M,
    )
