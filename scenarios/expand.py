"""From a scenario to what happens: the road, the plans of everyone in it, and the traffic simulation that plays them.

t = 0 belongs to the scenario: road, actors, colours and ambient traffic there follow from its ``world``, by default its id. What happens after that
depends on the seed: two seeds are two developments of one start.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from drivesim.road import Road
from drivesim.scenarios.concrete import ConcreteActor, ConcreteEvent, ConcreteScenario, LaneMove
from drivesim.scenarios.ego_plan import distance_of, drive_of
from drivesim.scenarios.language.schema import ROADSIDE_DENSITIES, Scenario
from drivesim.scenarios.placement import Placed, lane_offset, lane_spot, make_road, place, world_stream
from drivesim.scenarios.recent_traffic import RecentTraffic
from drivesim.scene import Colour, Scene, Turn
from drivesim.scenery import Scenery
from drivesim.traffic.doors import door_plan
from drivesim.traffic.look import CAR_COLOUR_SHARES, colour_of, draw_colour
from drivesim.traffic.plans import (
    Action,
    ActorPlan,
    AmbientTraffic,
    EgoPlan,
    LaneChange,
    Manoeuvre,
    OpenDoor,
    SpeedChange,
)
from drivesim.traffic.simulation import EgoCommand, TrafficResult, TrafficSimulation, simulate

#: Vehicles per km and lane by density; towns hold more, and more slowly.
_VEHICLES_PER_KM = {"none": 0.0, "light": 7.0, "medium": 15.0, "dense": 28.0}
_PEDESTRIANS_PER_KM = {"none": 0.0, "light": 12.0, "medium": 30.0, "dense": 60.0}
_CYCLISTS_PER_KM = {"none": 0.0, "light": 1.0, "medium": 2.0, "dense": 3.0}
_PARKED_SHARE = {"none": 0.0, "light": 0.35, "medium": 0.55, "dense": 0.8}
_ROOM_FOR_SCRIPT_M = 25.0
#: Road that must lie ahead of the ego wherever it drives.
ROAD_AHEAD_M = 300.0

_recent = RecentTraffic()


@dataclass(frozen=True, kw_only=True, eq=False)
class Development:
    """One way a scenario goes: the scene, the values of its parameters, when each event started (None: never), and crashes: seconds,
    and the ids of the vehicle and of whom it hit.
    """

    scene: Scene
    parameters: dict[str, float | str]
    event_times: dict[str, float | None]
    crashes: tuple[tuple[float, str, str], ...] = ()


def expand(
    scenario: Scenario,
    seed: int = 0,
    fps: float | None = None,
    duration_s: float | None = None,
    variation: int = 0,
) -> Scene:
    """The scene of one variation of a scenario under one seed, on a grid of ``fps`` frames a second.

    ``fps`` and ``duration_s`` default to the scenario's video. A pure function: the same arguments give the same scene,
    another seed another development of the same t = 0. Raises ScenarioError when the scenario cannot be placed.
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
    setting = _setting(scenario, seed, fps, duration_s, variation, turns or {})
    concrete = setting.concrete

    def play() -> TrafficResult:
        return simulate(
            setting.road,
            setting.ego,
            setting.plans,
            duration_s=setting.duration_s,
            **setting.how,
            drive=None if concrete.ego_plan is None else drive_of(concrete.ego_plan, setting.fps),
        )

    played_by = (vars(concrete), scenario.drawn_as(variation), seed, setting.fps, setting.duration_s, dict(turns or {}))
    result = _recent.of(played_by, play)
    scene = setting.scene(result)
    return Development(
        scene=scene, parameters=dict(concrete.parameters), event_times=result.event_times, crashes=result.crashes
    )


class OpenDevelopment:
    """A scenario whose ego is driven from outside, frame by frame: it goes as far as it was stepped.

    With the same commands it is what :func:`develop` makes of the scenario with them as its plan, bit by bit.
    """

    def __init__(self, scenario: Scenario, *, seed: int, fps: float, duration_s: float, variation: int = 0) -> None:
        self._setting = setting = _setting(scenario, seed, fps, duration_s, variation, {})
        self._simulation = TrafficSimulation(setting.road, setting.ego, setting.plans, **setting.how)

    @property
    def road(self) -> Road:
        """The road."""
        return self._setting.road

    @property
    def frame(self) -> int:
        """The frame that was reached."""
        return self._simulation.frame

    @property
    def ego_crashed(self) -> bool:
        """Whether the ego has hit someone or was hit; it brakes then, whatever it is told."""
        return self._simulation.ego_crashed

    def fork(self, seed: int | None = None) -> OpenDevelopment:
        """The same moment once more, to go on by itself; with ``seed`` the others make up their minds anew from here."""
        other = copy.copy(self)
        # The road is shared: nothing changes it, and it is most of the memory.
        other._simulation = copy.deepcopy(self._simulation, {id(self.road): self.road})
        if seed is not None:
            other._simulation.turn(self._setting.generator(seed))
        return other

    def step(self, command: EgoCommand) -> None:
        """Go on by one frame."""
        self._simulation.step(command)

    def scene(self) -> Scene:
        """What happened so far: every frame from t = 0 to the one that was reached."""
        return self._setting.scene(self._simulation.result())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Setting:
    """One variation of a scenario before anything moves; ``how`` is what the simulation is told beside road and plans."""

    concrete: ConcreteScenario
    seed: int
    fps: float
    duration_s: float
    road: Road
    ego: EgoPlan
    plans: list[ActorPlan]
    generator: Callable[[int], np.random.Generator]
    how: dict[str, Any]

    def scene(self, result: TrafficResult) -> Scene:
        """The scene in which that happened."""
        return Scene(
            name=self.concrete.id,
            fps=self.fps,
            ego=result.ego,
            actors=result.actors,
            camera=self.concrete.camera,
            road=self.road,
            environment=self.concrete.environment,
            seed=self.seed,
            # Like t = 0 it belongs to the scenario: every seed and future drives past the same houses and trees.
            scenery=self.scenery,
        )

    @cached_property
    def scenery(self) -> Scenery:
        """What stands beside the road."""
        return _scenery(self.concrete, self.road)


def _setting(
    scenario: Scenario,
    seed: int,
    fps: float | None,
    duration_s: float | None,
    variation: int,
    turns: Mapping[int, Turn],
) -> _Setting:
    concrete = scenario.concrete(variation)
    rate = concrete.fps if fps is None else fps
    seconds = concrete.duration_s if duration_s is None else duration_s
    road = make_road(concrete, _road_length(concrete, seconds))
    placed = [place(concrete, actor, road) for actor in concrete.actors]
    ego = EgoPlan(
        speed=concrete.ego_speed_mps,
        lane=concrete.road.ego_lane,
        desired_speed=concrete.ego_target_speed_mps,
        steady=not concrete.ego_reacts,
        manoeuvres=_manoeuvres(concrete, "ego", road),
    )
    key = int.from_bytes(hashlib.sha256(concrete.world.encode()).digest()[:8], "big")

    def generator(root: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(root, spawn_key=(key, scenario.drawn_as(variation))))

    return _Setting(
        concrete=concrete,
        seed=seed,
        fps=rate,
        duration_s=seconds,
        road=road,
        ego=ego,
        plans=_actor_plans(concrete, placed, road),
        generator=generator,
        how={
            "fps": rate,
            "rng": generator(seed),
            "ambient": _ambient(concrete, placed),
            "turns": {frame: generator(turn.seed) for frame, turn in turns.items()},
            "ego_turns": frozenset(frame for frame, turn in turns.items() if turn.ego),
        },
    )


def _scenery(scenario: ConcreteScenario, road: Road) -> Scenery:
    written = scenario.roadside
    return Scenery(
        road=road,
        seed=int(world_stream(scenario, "scenery").integers(2**31)),
        lamps=scenario.environment.street_lights,
        buildings=ROADSIDE_DENSITIES[written.buildings],
        trees=ROADSIDE_DENSITIES[written.trees],
        furniture=ROADSIDE_DENSITIES[written.furniture],
    )


def _road_length(scenario: ConcreteScenario, seconds: float) -> float:
    """Metres of road ahead that the ego cannot leave within the time, at whatever speed it may reach.

    A plan lengthens it only where it would run out: a road of another length has other bends.
    """
    asked = [e.action.to_mps for e in scenario.events if e.actor == "ego" and isinstance(e.action, SpeedChange)]
    fastest = max(scenario.ego_speed_mps, scenario.ego_target_speed_mps, *asked, 5.0)
    driven = 0.0 if scenario.ego_plan is None else distance_of(scenario.ego_plan)
    if scenario.ego_speed_mps < 0.0:
        driven = max(driven, 100.0)
    return max(1.25 * fastest * seconds + 500.0, driven + ROAD_AHEAD_M)


def _actor_plans(scenario: ConcreteScenario, placed: list[Placed], road: Road) -> list[ActorPlan]:
    """The plans of all actors, and after them those of the doors that open."""
    plans = [_actor_plan(scenario, one, road) for one in placed]
    doors = [
        door_plan(plan, one.x, one.y, one.yaw_rad, manoeuvre)
        for plan, one in zip(plans, placed, strict=True)
        for manoeuvre in _manoeuvres(scenario, plan.id, road)
        if isinstance(manoeuvre.action, OpenDoor)
    ]
    return [*plans, *doors]


def _actor_plan(scenario: ConcreteScenario, placed: Placed, road: Road) -> ActorPlan:
    actor = placed.actor
    kinds: dict[str, Literal["pedestrian", "cyclist"]] = {"pedestrian": "pedestrian", "bicycle": "cyclist"}
    colour, look = _colour(scenario, actor)
    by_hand = placed.lane is None or actor.arm is not None
    return ActorPlan(
        id=actor.id,
        category=actor.category,
        length=actor.length,
        width=actor.width,
        height=actor.height,
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
        speed=actor.speed_mps,
        desired_speed=actor.target_speed_mps,
        steady=not actor.reacts,
        waits_s=placed.waits_s,
        arm=actor.arm,
        manoeuvres=tuple(m for m in _manoeuvres(scenario, actor.id, road) if not isinstance(m.action, OpenDoor)),
    )


def _colour(scenario: ConcreteScenario, actor: ConcreteActor) -> tuple[Colour | None, str | None]:
    """The colour that ``look`` names; else one drawn from the name of its world, so that it is the same whatever the seed."""
    named = colour_of(actor.look) if actor.look is not None else None
    if named is not None or actor.category in ("traffic_cone", "barrier"):
        return named, actor.look
    shares = None if actor.category == "pedestrian" else CAR_COLOUR_SHARES
    name, drawn = draw_colour(world_stream(scenario, f"colour/{actor.id}"), shares)
    return drawn, f"{name} {actor.look or (actor.preset or actor.category).replace('_', ' ')}"


def _manoeuvres(scenario: ConcreteScenario, actor_id: str, road: Road) -> tuple[Manoeuvre, ...]:
    return tuple(
        Manoeuvre(id=event.id, action=_action(scenario, event, road), trigger=event.trigger, within_s=event.within_s)
        for event in scenario.events
        if event.actor == actor_id
    )


def _action(scenario: ConcreteScenario, event: ConcreteEvent, road: Road) -> Action:
    if not isinstance(event.action, LaneMove):
        return event.action
    spot = lane_spot(scenario.road, event.action.to)
    if isinstance(spot, str):
        raise ValueError(spot)
    return LaneChange(to_d=lane_offset(road, spot), over_s=event.action.over_s)


def _ambient(scenario: ConcreteScenario, placed: list[Placed]) -> AmbientTraffic | None:
    """Ambient traffic around the script, the same at t = 0 whatever the seed."""
    traffic, road_type = scenario.ambient, scenario.road.type
    if traffic.density == "none" and not traffic.pedestrians and not traffic.parked:
        return None
    urban = road_type == "urban"
    vehicles = _VEHICLES_PER_KM[traffic.density]
    level = "light" if traffic.density == "none" else traffic.density
    walkers = urban if traffic.pedestrians is None else traffic.pedestrians
    parked = urban if traffic.parked is None else traffic.parked
    along = [one for one in placed if one.lane is not None and one.lane.direction == 1]
    reach = max((one.s + one.actor.length / 2 for one in along), default=0.0)
    behind = min((one.s - one.actor.length / 2 for one in along), default=0.0)
    return AmbientTraffic(
        seed=int(world_stream(scenario, "ambient").integers(2**31)),
        density_per_km=vehicles,
        oncoming_per_km=vehicles,
        pedestrians_per_km=_PEDESTRIANS_PER_KM[level] if walkers and urban else 0.0,
        parked_share=_PARKED_SHARE[level] if parked and urban else 0.0,
        cyclists_per_km=_CYCLISTS_PER_KM[traffic.density] if urban else 0.0,
        speed_mps=0.92 * scenario.road.speed_limit_mps,
        keep_clear_from_m=behind - _ROOM_FOR_SCRIPT_M,
        keep_clear_to_m=reach + _ROOM_FOR_SCRIPT_M,
    )
