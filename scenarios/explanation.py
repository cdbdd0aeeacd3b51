"""What a scenario file means, field by field: the resolved value in SI, and which control carries it to the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drivesim.scenarios.language.base import single_key
from drivesim.scenarios.language.events import Event, LaneChangeAction, SpeedAction, WalkAction
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.language.values import number
from drivesim.scenarios.placement import (
    Placed,
    ego_speed_mps,
    lane_offset,
    lane_spot,
    make_camera,
    make_road,
    num_lanes,
    num_oncoming_lanes,
    place,
    speed_limit_mps,
)

Carrier = Literal["map", "scenery", "actors", "motion", "attributes", "start frame", "traffic", "measured", "run"]

#: What each carrier means, in one sentence.
CARRIERS: dict[Carrier, str] = {
    "map": "drawn into the map raster, which the model sees on every frame (--map)",
    "scenery": "drawn into the scenery raster, which a model that takes it sees on every frame (--scenery)",
    "actors": "drawn into the actors' raster: at t = 0 always, on every frame unless they are free (--actors)",
    "motion": "told to the model as ego motion on every frame",
    "attributes": "told to the model as scene attributes (time of day, weather, road type)",
    "start frame": "in the actors' raster at t = 0 only; afterwards the model goes on as it likes",
    "traffic": "decides the tracks in the traffic simulation; the model sees only their boxes",
    "measured": "never told to the model; read off the finished futures",
    "run": "settings of the run: shape, length, number and seeds",
}


@dataclass(frozen=True, kw_only=True)
class ExplanationRow:
    """One field of a scenario: its path, its value in SI with a unit, and the carrier that brings it to the model."""

    field: str
    value: str
    carrier: Carrier


def is_scripted(scenario: Scenario) -> bool:
    """Whether actors follow their simulated tracks on every frame by default.

    They do, unless the video begins from a picture: of that the scene knows nothing. An event with ``mode: condition``
    makes them do so there too.
    """
    return scenario.start is None or any(event.mode == "condition" for event in scenario.events)


def explain(scenario: Scenario, variation: int = 0) -> tuple[ExplanationRow, ...]:
    """One row for each field of one variation of a valid scenario, defaults filled in."""
    concrete = scenario.concrete(variation)
    return (
        *_run_rows(scenario, variation),
        *_environment_rows(concrete),
        *_road_rows(concrete),
        *_actor_rows(concrete),
        *(_event_row(concrete, event) for event in concrete.events),
        *_question_rows(concrete),
    )


def _run_rows(scenario: Scenario, variation: int) -> Iterator[ExplanationRow]:
    video, sampling = scenario.video_settings, scenario.sampling_settings
    shape = f"{video.height}×{video.width} px, {video.fps:g} frames/s, {number(video.duration):g} s"
    yield ExplanationRow(field="video", value=shape, carrier="run")
    camera = make_camera(scenario.concrete(variation))
    lens = f"{camera.name}: f {camera.fx:.0f} px, {camera.mount.z:g} m up, {camera.mount.x:g} m ahead of the rear axle"
    yield ExplanationRow(field="camera", value=lens, carrier="map")
    for name, value in scenario.parameters(variation).items():
        text = f"{value:.4g}" if isinstance(value, float) else value
        yield ExplanationRow(
            field=f"vary.{name}", value=f"{text} (variation {variation} of {scenario.num_variations})", carrier="run"
        )
    draws = (
        f"{scenario.num_variations} variations × {sampling.futures} futures, {sampling.method}, seed {sampling.seed}"
    )
    yield ExplanationRow(field="sampling", value=draws, carrier="run")
    if scenario.start is not None:
        yield ExplanationRow(field="start.image", value=scenario.start.image, carrier="start frame")


def _environment_rows(scenario: Scenario) -> Iterator[ExplanationRow]:
    from drivesim.scenarios.expand import environment_of

    env = environment_of(scenario)
    values = {
        "time_of_day": f"{scenario.scene.environment.time_of_day} (darkness {env.darkness:.2g})",
        "sky": env.sky,
        "precipitation": f"rain {env.rain:.2g}, snow {env.snow:.2g} (0 none, 1 heavy)",
        "road_surface": f"wetness {env.wetness:.2g} (0 dry, 1 flooded)",
        "fog": f"visual range {env.fog_visibility_m:g} m" if math.isfinite(env.fog_visibility_m) else "none",
        "street_lights": "on when dark" if env.street_lights else "none",
    }
    for name, value in values.items():
        yield ExplanationRow(field=f"environment.{name}", value=value, carrier="attributes")


def _road_rows(scenario: Scenario) -> Iterator[ExplanationRow]:
    road = scenario.scene.road
    lanes = f"{num_lanes(scenario)} with the ego, {num_oncoming_lanes(scenario)} oncoming, {number(road.lane_width):g} m wide"
    yield ExplanationRow(field="road.type", value=road.type, carrier="attributes")
    yield ExplanationRow(field="road.lanes", value=lanes, carrier="map")
    yield ExplanationRow(
        field="road.ego_lane", value=f"{road.ego_lane} (1 = nearest the kerb), {scenario.traffic}", carrier="map"
    )
    bend = "drawn from the scenario id" if road.curvature is None else f"{number(road.curvature):g} 1/m (left positive)"
    yield ExplanationRow(field="road.curvature", value=bend, carrier="map")
    beside = scenario.scene.roadside
    amounts = f"buildings {beside.buildings}, trees {beside.trees}, furniture {beside.furniture}"
    yield ExplanationRow(field="roadside", value=f"{amounts}; places drawn from the scenario id", carrier="scenery")
    if road.ramp is not None:
        yield ExplanationRow(field="road.ramp", value=f"on the {road.ramp}, ends 300 m ahead", carrier="map")
    for place_m in road.crossings:
        yield ExplanationRow(field="road.crossings", value=f"zebra crossing {number(place_m):g} m ahead", carrier="map")
    yield ExplanationRow(field="road.speed_limit", value=f"{speed_limit_mps(scenario):.4g} m/s", carrier="traffic")
    yield ExplanationRow(field="ego.speed", value=f"{ego_speed_mps(scenario):.4g} m/s", carrier="motion")
    yield ExplanationRow(field="traffic.density", value=scenario.scene.traffic.density, carrier=_boxes(scenario))


def _boxes(scenario: Scenario) -> Carrier:
    return "actors" if is_scripted(scenario) else "start frame"


def _actor_rows(scenario: Scenario) -> Iterator[ExplanationRow]:
    road = make_road(scenario, 400.0)
    for actor in scenario.scene.actors:
        placed = place(scenario, actor, road)
        yield ExplanationRow(field=f"actors.{actor.id}", value=_actor_text(placed), carrier=_boxes(scenario))
        yield ExplanationRow(field=f"actors.{actor.id}.speed", value=f"{placed.speed_mps:.4g} m/s", carrier="traffic")
        if actor.look is not None:
            from drivesim.traffic.look import colour_of

            colour = colour_of(actor.look)
            seen = f"RGB {colour[0]} {colour[1]} {colour[2]}" if colour else "names no known colour: has no effect"
            yield ExplanationRow(
                field=f"actors.{actor.id}.look", value=f"{actor.look} ({seen})", carrier=_boxes(scenario)
            )


def _actor_text(placed: Placed) -> str:
    actor = placed.actor
    name = f"{actor.category} ({actor.preset})" if actor.preset else actor.category
    size = f"{placed.length:g}×{placed.width:g}×{placed.height:g} m"
    return f"{name} {size} at x {placed.x:.1f} m, y {placed.y:.1f} m, yaw {placed.yaw_rad:.2f} rad"


def _event_row(scenario: Scenario, event: Event) -> ExplanationRow:
    match event.action:
        case LaneChangeAction(lane_change=change):
            spot = lane_spot(scenario, change.to)
            offset = (
                "" if isinstance(spot, str) else f", {lane_offset(make_road(scenario, 400.0), spot):.1f} m off the line"
            )
            what = f"to lane {change.to}{offset} over {number(change.over):g} s"
        case SpeedAction(speed=change):
            what = f"to {number(change.to):.4g} m/s over {number(change.over):g} s"
        case WalkAction(walk_to=walk):
            what = " ".join(f"{axis} {number(v):g} m" for axis, v in (("x", walk.x), ("y", walk.y)) if v is not None)
        case _:
            what = f"{number(event.action.brake.deceleration):g} m/s² to {number(event.action.brake.to):.4g} m/s"
    key = single_key(event.start)
    held = getattr(event.start, key or "")
    when = f"{key} {getattr(held, 'below', held)}"
    text = f"{event.actor}: {single_key(event.action)} {what}; start: {when}; mode {event.mode}"
    return ExplanationRow(
        field=f"events.{event.id}", value=text, carrier="traffic" if is_scripted(scenario) else "measured"
    )


def _question_rows(scenario: Scenario) -> Iterator[ExplanationRow]:
    for name, label in scenario.labels.items():
        key = single_key(label) or ""
        bounds = getattr(label, key).model_dump(exclude={"actor"}, exclude_none=True)
        text = " ".join([key, getattr(label, key).actor, *(f"{k.replace('_', ' ')} {v:g}" for k, v in bounds.items())])
        yield ExplanationRow(field=f"labels.{name}", value=text, carrier="measured")
    for expectation in scenario.expectations:
        bounds = ((word, n) for word, n in (("at least", expectation.at_least), ("at most", expectation.at_most)))
        text = ", ".join(f"{word} {n} futures" for word, n in bounds if n is not None)
        yield ExplanationRow(field=f"expect.{expectation.label}", value=text, carrier="measured")
