"""What a scenario file means, field by field: the resolved value in SI, and which control carries it to the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drivesim.scenarios.concrete import ConcreteEvent, ConcreteScenario, LaneMove
from drivesim.scenarios.junction_plan import JunctionPlan
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.placement import Placed, lane_offset, lane_spot, make_road, place
from drivesim.scenarios.scene_text import text_lines
from drivesim.scene import Environment
from drivesim.traffic.plans import Brake, Follow, JunctionTurn, OpenDoor, Reverse, SpeedChange, Stop, Trigger, WalkTo
from drivesim.wording import number_of

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


#: How the bound of a label is written.
BOUNDS = {
    "ttc": "min below",
    "thw": "min below",
    "gap": "min below",
    "drac": "max above",
    "pet": "below",
    "off_road": "longer than",
}


@dataclass(frozen=True, kw_only=True)
class ExplanationRow:
    """One field of a scenario: its path, its value in SI with a unit, and the carrier that brings it to the model."""

    field: str
    value: str
    carrier: Carrier


def is_scripted(scenario: Scenario) -> bool:
    """Whether actors follow their simulated tracks on every frame by default.

    They do, unless the video begins from a picture: of that the scene knows nothing. An event that is to be conditioned
    makes them do so there too.
    """
    return scenario.start is None or any(event.needs_boxes for event in scenario.events)


def explain(scenario: Scenario, variation: int = 0) -> tuple[ExplanationRow, ...]:
    """One row for each field of one variation of a valid scenario, defaults filled in."""
    concrete = scenario.concrete(variation)
    written = scenario.with_parameters(concrete.parameters)
    boxes: Carrier = "actors" if is_scripted(scenario) else "start frame"
    return (
        *_run_rows(scenario, concrete, variation),
        *_text_rows(scenario),
        *_environment_rows(written.scene.environment.time_of_day, concrete.environment),
        *_road_rows(written, concrete, boxes),
        *_actor_rows(concrete, boxes),
        *(_event_row(concrete, event, scripted=is_scripted(scenario)) for event in concrete.events),
        *_question_rows(concrete),
    )


def _run_rows(scenario: Scenario, concrete: ConcreteScenario, variation: int) -> Iterator[ExplanationRow]:
    video, sampling = scenario.video_settings, scenario.sampling_settings
    yield ExplanationRow(field="world", value=f"{concrete.world}: seeds what follows from a name", carrier="traffic")
    shape = f"{video.height}×{video.width} px, {video.fps:g} frames/s, {concrete.duration_s:g} s"
    yield ExplanationRow(field="video", value=shape, carrier="run")
    camera = concrete.camera
    lens = f"{camera.name}: f {camera.fx:.0f} px, {camera.mount.z:g} m up, {camera.mount.x:g} m ahead of the rear axle"
    yield ExplanationRow(field="camera", value=lens, carrier="map")
    for name, value in concrete.parameters.items():
        text = f"{value:.4g}" if isinstance(value, float) else value
        yield ExplanationRow(
            field=f"vary.{name}", value=f"{text} (variation {variation} of {scenario.num_variations})", carrier="run"
        )
    for index, text in enumerate(scenario.constraints):
        yield ExplanationRow(field=f"where[{index}]", value=text, carrier="run")
    if scenario.variation is not None:
        text = f"traffic and noise are drawn as in variation {scenario.variation} of {concrete.world}"
        yield ExplanationRow(field="variation", value=text, carrier="run")
    draws = (
        f"{number_of(scenario.num_variations, 'variation')} × {number_of(sampling.futures, 'future')}, {sampling.method}, "
        f"seed {sampling.seed}"
    )
    yield ExplanationRow(field="sampling", value=draws, carrier="run")
    if scenario.start is not None:
        yield ExplanationRow(field="start.image", value=scenario.start.image, carrier="start frame")


def _text_rows(scenario: Scenario) -> Iterator[ExplanationRow]:
    for line in text_lines(scenario):
        yield ExplanationRow(field="text", value=line, carrier="attributes")


def _environment_rows(time_of_day: str, env: Environment) -> Iterator[ExplanationRow]:
    values = {
        "time_of_day": f"{time_of_day} (darkness {env.darkness:.2g})",
        "sky": env.sky,
        "precipitation": f"rain {env.rain:.2g}, snow {env.snow:.2g} (0 none, 1 heavy)",
        "road_surface": f"wetness {env.wetness:.2g} (0 dry, 1 flooded)",
        "fog": f"visual range {env.fog_visibility_m:g} m" if math.isfinite(env.fog_visibility_m) else "none",
        "street_lights": "on when dark" if env.street_lights else "none",
    }
    for name, value in values.items():
        yield ExplanationRow(field=f"environment.{name}", value=value, carrier="attributes")


def _road_rows(scenario: Scenario, concrete: ConcreteScenario, boxes: Carrier) -> Iterator[ExplanationRow]:
    road = concrete.road
    lanes = f"{road.lanes} with the ego, {road.num_oncoming_lanes} oncoming, {road.lane_width_m:g} m wide"
    yield ExplanationRow(field="road.type", value=road.type, carrier="attributes")
    yield ExplanationRow(field="road.lanes", value=lanes, carrier="map")
    yield ExplanationRow(
        field="road.ego_lane", value=f"{road.ego_lane} (1 = nearest the kerb), {scenario.traffic}", carrier="map"
    )
    bend = (
        f"drawn from the name of the world, {concrete.world}"
        if road.curvature is None
        else f"{road.curvature:g} 1/m (left positive)"
    )
    yield ExplanationRow(field="road.curvature", value=bend, carrier="map")
    beside = concrete.roadside
    amounts = f"buildings {beside.buildings}, trees {beside.trees}, furniture {beside.furniture}"
    yield ExplanationRow(
        field="roadside", value=f"{amounts}; places drawn from the name of the world", carrier="scenery"
    )
    if road.ramp is not None:
        yield ExplanationRow(field="road.ramp", value=f"on the {road.ramp}, ends 300 m ahead", carrier="map")
    if road.junction is not None:
        yield from _junction_rows(road.junction)
    for place_m in road.crossings_m:
        yield ExplanationRow(field="road.crossings", value=f"zebra crossing {place_m:g} m ahead", carrier="map")
    yield ExplanationRow(field="road.speed_limit", value=f"{road.speed_limit_mps:.4g} m/s", carrier="traffic")
    yield ExplanationRow(field="ego.speed", value=f"{concrete.ego_speed_mps:.4g} m/s", carrier="motion")
    reacts = "yes" if concrete.ego_reacts else "no: keeps its speed whatever is in the way, until an event"
    yield ExplanationRow(field="ego.reacts", value=reacts, carrier="traffic")
    yield ExplanationRow(field="traffic.density", value=concrete.ambient.density, carrier=boxes)


def _junction_rows(junction: JunctionPlan) -> Iterator[ExplanationRow]:
    arms = " and ".join(junction.arms)
    where = (
        f"{junction.at_m:g} m ahead, arms {arms} of {number_of(junction.arm_lanes, 'lane')} each way, at right angles"
    )
    yield ExplanationRow(field="road.junction", value=where, carrier="map")
    who = {"priority": "the arms give way", "stop": "the arms stop and give way", "signals": "signals"}[
        junction.control
    ]
    if junction.signals is not None:
        times = junction.signals
        who += (
            f": green {times.road_green_s:g} s along the road, {times.arms_green_s:g} s on the arms, "
            f"{times.offset_s % times.cycle_s:g} of {times.cycle_s:g} s past at t = 0"
        )
    yield ExplanationRow(field="road.junction.control", value=who, carrier="traffic")


def _actor_rows(scenario: ConcreteScenario, boxes: Carrier) -> Iterator[ExplanationRow]:
    road = make_road(scenario, 400.0)
    for actor in scenario.actors:
        placed = place(scenario, actor, road)
        yield ExplanationRow(field=f"actors.{actor.id}", value=_actor_text(placed), carrier=boxes)
        yield ExplanationRow(field=f"actors.{actor.id}.speed", value=f"{actor.speed_mps:.4g} m/s", carrier="traffic")
        if actor.meets is not None:
            yield ExplanationRow(field=f"actors.{actor.id}.meets", value=_meeting_text(placed), carrier="traffic")
        if actor.look is not None:
            from drivesim.traffic.look import colour_of

            colour = colour_of(actor.look)
            seen = f"RGB {colour[0]} {colour[1]} {colour[2]}" if colour else "names no known colour: has no effect"
            yield ExplanationRow(field=f"actors.{actor.id}.look", value=f"{actor.look} ({seen})", carrier=boxes)


def _actor_text(placed: Placed) -> str:
    actor = placed.actor
    name = f"{actor.category} ({actor.preset})" if actor.preset else actor.category
    size = f"{actor.length:g}×{actor.width:g}×{actor.height:g} m"
    return f"{name} {size} at x {placed.x:.1f} m, y {placed.y:.1f} m, yaw {placed.yaw_rad:.2f} rad"


def _meeting_text(placed: Placed) -> str:
    meeting = placed.actor.meets
    if meeting is None:
        return ""
    where = f"impact {meeting.impact:.0%}" if meeting.overlap is None else f"overlap {meeting.overlap:.0%}"
    waits = f", stands until {placed.waits_s:.2f} s" if placed.waits_s > 0.0 else ""
    return f"the ego at {placed.meets_s:.4g} s, moves {meeting.moves}, {where} of the ego's width{waits}"


def _event_row(scenario: ConcreteScenario, event: ConcreteEvent, *, scripted: bool) -> ExplanationRow:
    match event.action:
        case LaneMove(to=to, over_s=over_s):
            spot = lane_spot(scenario.road, to)
            offset = (
                "" if isinstance(spot, str) else f", {lane_offset(make_road(scenario, 400.0), spot):.1f} m off the line"
            )
            what = f"lane_change to lane {to}{offset} over {over_s:g} s"
        case SpeedChange(to_mps=to_mps, over_s=over_s):
            what = f"speed to {to_mps:.4g} m/s over {over_s:g} s"
        case WalkTo(x=x, y=y):
            what = " ".join(["walk_to", *(f"{axis} {v:g} m" for axis, v in (("x", x), ("y", y)) if v is not None)])
        case Brake(deceleration_mps2=deceleration, to_mps=to_mps):
            what = f"brake {deceleration:g} m/s² to {to_mps:.4g} m/s"
        case Stop(deceleration_mps2=deceleration, hold_s=hold_s):
            then = "stay" if hold_s is None else f"go on after {hold_s:g} s"
            what = f"stop at {deceleration:g} m/s² and {then}"
        case OpenDoor(side=side, over_s=over_s, angle_rad=angle_rad):
            what = f"open the {side} door by {angle_rad:.2g} rad over {over_s:g} s, as a box of its own"
        case Follow(actor_id=lead, headway_s=headway_s):
            what = f"follow {lead} at {headway_s:g} s"
        case Reverse(distance_m=distance_m, speed_mps=speed_mps):
            what = f"reverse {distance_m:g} m at {speed_mps:g} m/s, then stand"
        case JunctionTurn(to=way):
            what = "go straight on at the junction" if way == "straight" else f"turn {way} at the junction"
    mode = event.mode or "not given: conditioned where the model obeys boxes"
    text = f"{event.actor}: {what}; start: {_when(event.trigger)}; mode {mode}"
    return ExplanationRow(field=f"events.{event.id}", value=text, carrier="traffic" if scripted else "measured")


def _when(trigger: Trigger) -> str:
    held = {
        "time": trigger.at_s,
        "after": trigger.after,
        "ttc_to_ego": trigger.ttc_to_ego_below_s,
        "distance_to_ego": trigger.distance_below_m,
        "gap_to_ego": trigger.gap_below_m,
        f"ttc_to {trigger.ttc_to} below": trigger.ttc_to_below_s,
        "delay": trigger.delay_s or None,
    }
    return " ".join(f"{name} {value}" for name, value in held.items() if value is not None)


def _question_rows(scenario: ConcreteScenario) -> Iterator[ExplanationRow]:
    for name, label in scenario.labels.items():
        bound = f" {BOUNDS[label.measure]} {label.bound:g}" if label.measure in BOUNDS else ""
        text = f"{label.measure} {label.actor}{bound}"
        yield ExplanationRow(field=f"labels.{name}", value=text, carrier="measured")
    for expectation in scenario.expectations:
        bounds = ((word, n) for word, n in (("at least", expectation.at_least), ("at most", expectation.at_most)))
        text = ", ".join(f"{word} {n} futures" for word, n in bounds if n is not None)
        yield ExplanationRow(field=f"expect.{expectation.label}", value=text, carrier="measured")
