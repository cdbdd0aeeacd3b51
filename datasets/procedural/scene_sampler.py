"""Random driving scenes for training: a pure function of a seed, rich in near actors and in events."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from drivesim.datasets.procedural.crowd_sampler import crowd_of, has_crowd
from drivesim.datasets.procedural.environment_sampler import sample_environment
from drivesim.datasets.procedural.junction_sampler import with_junction
from drivesim.datasets.procedural.situations import SITUATIONS, FilledRoad, Situation, merge, queue
from drivesim.road import Road, RoadType
from drivesim.scene import NUSCENES_FRONT, Camera, Scene
from drivesim.scenery import Scenery
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.simulation import ActorPlan, AmbientTraffic, EgoPlan, Manoeuvre, simulate

_ROAD_SHARES: dict[RoadType, float] = {"motorway": 0.35, "rural": 0.25, "urban": 0.40}
_QUEUE_SHARE: dict[RoadType, float] = {"motorway": 0.14, "rural": 0.05, "urban": 0.2}


def sample_scene(
    seed: int,
    num_frames: int,
    fps: float = 10.0,
    development: int = 0,
    junction_share: float = 0.0,
    crowd_share: float = 0.0,
) -> Scene:
    """A random scene of ``num_frames`` frames at ``fps``: road, weather, ego, traffic and an event, from ``seed`` alone.

    ``development`` k of the same seed and length starts from the same frame 0 and goes on otherwise: drivers follow, hesitate
    and change lanes as another draw of theirs has it.

    ``junction_share`` of the urban and rural roads are straight ones with a junction ahead (:mod:`.junction_sampler`), in
    ``crowd_share`` of the towns people walk about close before an ego that waits (:mod:`.crowd_sampler`); the other scenes are the
    same whatever these are.

    Motorway 35 %, rural 25 %, urban 40 %; 60 % day, 15 % dusk or dawn, 25 % night; right-hand traffic in 90 %.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    duration_s = num_frames / fps
    names = list(_ROAD_SHARES)
    road_type = names[int(rng.choice(len(names), p=[_ROAD_SHARES[name] for name in names]))]
    environment = sample_environment(road_type, rng)
    jammed = bool(rng.random() < _QUEUE_SHARE[road_type])
    situation = queue if jammed else _draw_situation(road_type, rng)
    limit, ego_speed = _speeds(road_type, jammed, environment.fog_visibility_m, rng)
    road, ego_lane_number = _sample_road(road_type, situation, limit, max(400.0, 1.3 * limit * duration_s + 350.0), rng)
    road, ego_manoeuvres = with_junction(road, ego_lane_number, ego_speed, seed, junction_share)
    ego_lane = road.lane(ego_lane_number)
    assert ego_lane is not None and ego_lane.kind == "driving"
    waits = has_crowd(road_type, seed, crowd_share)
    if waits:
        situation, ego_speed = crowd_of(seed), 0.0
    filled = FilledRoad(road=road, ego_lane=ego_lane, ego_speed=ego_speed, duration_s=duration_s, rng=rng)
    situation(filled)
    filled.plans = _without_overlaps(filled)
    result = simulate(
        road,
        _ego_plan(ego_lane_number, ego_speed, 0.0 if waits else limit, ego_manoeuvres, rng),
        filled.plans,
        duration_s=duration_s,
        fps=fps,
        rng=np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, development) if development else (1,))),
        ambient=dataclasses.replace(
            _sample_ambient(road_type, jammed, ego_speed, limit, seed, rng), closed=tuple(filled.closed)
        ),
    )
    return Scene(
        name=f"{road_type}-{situation.__name__}-{seed}" + (f"-{development}" if development else ""),
        fps=fps,
        ego=result.ego,
        actors=result.actors,
        camera=_sample_camera(rng),
        road=road,
        environment=environment,
        seed=seed,
        scenery=Scenery(road=road, seed=seed, lamps=environment.street_lights),
    )


def _ego_plan(
    lane: int, speed: float, limit: float, manoeuvres: tuple[Manoeuvre, ...], rng: np.random.Generator
) -> EgoPlan:
    return EgoPlan(
        speed=speed,
        lane=lane,
        desired_speed=max(limit * float(rng.uniform(0.8, 1.02)), speed) if limit else 0.0,
        free=bool(rng.random() < 0.45),
        manoeuvres=manoeuvres,
    )


def _draw_situation(road_type: RoadType, rng: np.random.Generator) -> Situation:
    choices = SITUATIONS[road_type]
    weights = np.array([share for _, share in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]


def _speeds(road_type: RoadType, jammed: bool, visibility_m: float, rng: np.random.Generator) -> tuple[float, float]:
    """Speed limit and ego speed in m/s; slower in fog and in queues."""
    limits = {"motorway": (27.8, 33.3, 36.1), "rural": (19.4, 22.2, 27.8), "urban": (8.3, 13.9, 13.9, 16.7)}[road_type]
    limit = float(limits[int(rng.integers(len(limits)))])
    share = float(np.clip(rng.normal(0.85, 0.12), 0.4, 1.02))
    speed = limit * share
    if np.isfinite(visibility_m):
        speed = min(speed, 6.0 + visibility_m / 10.0)
    if jammed:
        speed = 0.0 if rng.random() < 0.35 else float(rng.uniform(1.0, 8.0))
    elif road_type == "urban" and rng.random() < 0.15:
        speed = float(rng.uniform(2.0, 6.0))
    return limit, speed


def _sample_road(
    road_type: RoadType, situation: Situation, limit: float, length_m: float, rng: np.random.Generator
) -> tuple[Road, int]:
    """A random road and the number of the ego's lane on it."""
    lanes = {
        "motorway": int(rng.choice([2, 3, 4], p=[0.4, 0.45, 0.15])),
        "rural": int(rng.choice([1, 2], p=[0.9, 0.1])),
        "urban": int(rng.choice([1, 2, 3], p=[0.5, 0.4, 0.1])),
    }[road_type]
    ego_lane = int(rng.integers(1, lanes + 1))
    side: Literal["right", "left"] = "right" if rng.random() < 0.9 else "left"
    ramp: Literal["right", "left"] | None = None
    if road_type == "motorway" and (situation is merge or rng.random() < 0.08):
        ramp = side
        ego_lane = 1 if rng.random() < 0.75 else ego_lane
    crossings: list[float] = []
    if road_type == "urban":
        s = float(rng.uniform(10.0, 90.0))
        while s < length_m and rng.random() < 0.8:
            crossings.append(round(s, 1))
            s += float(rng.uniform(60.0, 250.0))
    oncoming = lanes if road_type != "urban" or rng.random() < 0.8 else 0
    widths = {"motorway": (3.5, 3.75), "rural": (3.0, 3.5), "urban": (3.0, 3.5)}[road_type]
    road = build_road(
        road_type,
        lanes=lanes,
        ego_lane=ego_lane,
        lane_width=round(float(rng.uniform(*widths)), 2),
        length_m=length_m,
        rng=rng,
        oncoming_lanes=oncoming,
        curvature="straight" if rng.random() < 0.15 else None,
        ramp=ramp,
        crossings=crossings,
        speed_limit_mps=limit,
        traffic_side=side,
        parking=("none", "kerb", "both")[int(rng.choice(3, p=[0.25, 0.35, 0.4]))],
        centre_line=("dashed", "solid", "double")[int(rng.choice(3, p=[0.5, 0.2, 0.3]))],
        centre_colour="yellow" if rng.random() < 0.35 else "white",
    )
    return road, ego_lane


def _sample_ambient(
    road_type: RoadType, jammed: bool, ego_speed: float, limit: float, seed: int, rng: np.random.Generator
) -> AmbientTraffic:
    dense = {"motorway": (5.0, 28.0), "rural": (2.0, 14.0), "urban": (4.0, 24.0)}[road_type]
    density = float(rng.uniform(*dense))
    oncoming = float(rng.uniform(*dense))
    speed = None
    if jammed:
        density, speed = float(rng.uniform(50.0, 85.0)), max(ego_speed, 1.5)
        oncoming = oncoming if rng.random() < 0.6 else density
    elif ego_speed < 0.6 * limit:
        speed = max(ego_speed, 5.0)
    lively = road_type == "urban"
    return AmbientTraffic(
        seed=seed,
        density_per_km=density,
        oncoming_per_km=oncoming,
        pedestrians_per_km=float(rng.gamma(2.0, 25.0)) if lively else 0.0,
        cyclists_per_km=float(rng.uniform(0.0, 8.0)) if lively and rng.random() < 0.5 else 0.0,
        parked_share=float(rng.uniform(0.1, 0.9)) if lively else 0.0,
        speed_mps=speed,
        keep_clear_to_m=8.0 + (3.0 if jammed else 0.5 * ego_speed),
    )


def _without_overlaps(filled: FilledRoad) -> list[ActorPlan]:
    """The road's actors less those that a random draw put into one another (the earlier one stays)."""
    kept: list[ActorPlan] = []
    for plan in filled.plans:
        if plan.x is not None:
            kept.append(plan)
            continue
        clash = any(
            other.x is None
            and abs((other.d or 0.0) - (plan.d or 0.0)) < (other.width + plan.width) / 2 + 0.1
            and abs(other.s - plan.s) < (other.length + plan.length) / 2 + 0.5
            for other in kept
        )
        if not clash:
            kept.append(plan)
    return kept


def _sample_camera(rng: np.random.Generator) -> Camera:
    """The nuScenes front camera; in 20 % of scenes mounted a little higher or lower and tilted."""
    if rng.random() >= 0.2:
        return NUSCENES_FRONT
    mount = dataclasses.replace(
        NUSCENES_FRONT.mount,
        z=NUSCENES_FRONT.mount.z + float(rng.uniform(-0.15, 0.25)),
        pitch_rad=float(np.radians(rng.uniform(-1.2, 1.2))),
    )
    return dataclasses.replace(NUSCENES_FRONT, mount=mount)
