"""A run as ASAM OpenSCENARIO 1.2: the scenario as it was written, and what each future was conditioned on.

``scenario.xosc`` is a *description*: entities, their places and speeds at t = 0, and the events with their triggers; how traffic
drives in between is left to the simulator that reads it. ``f00.xosc`` and so on hold the tracks that a future was told, as
trajectories with a time for every frame. Both drive on ``road.xodr``.
"""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from scenariogeneration import xosc

from drivesim.exports.contents import SYNTHETIC_NOTE, Contents
from drivesim.exports.opendrive import make_opendrive
from drivesim.exports.openscenario_events import add_events
from drivesim.exports.openscenario_parts import (
    EGO,
    Entity,
    at_time,
    ego_entity,
    entity_of,
    environment_action,
    position,
    reference_places,
    trajectory,
)
from drivesim.scenarios import loads
from drivesim.scene import Actor, Track
from drivesim.traffic.plans import WalkTo

MINOR_VERSION = 2
ROAD_NAME = "road.xodr"
SCENARIO_NAME = "scenario.xosc"

#: Files must not depend on when they are written.
_DATE = datetime.datetime(2020, 1, 1)


def write_description(folder: Path, contents: Contents) -> None:
    """Write scenario.xosc and road.xodr of the run that ``contents`` is a future of, which begins at t = 0."""
    write_road(folder, contents)
    manifest, scene = contents.future.manifest, contents.scene
    scenario = loads(contents.scenario_yaml, "scenario.yaml")[0].with_parameters(manifest.parameters)
    concrete = scenario.concrete()
    walkers = {event.actor for event in concrete.events if isinstance(event.action, WalkTo)}
    entities, init = xosc.Entities(), xosc.Init()
    init.add_global_action(environment_action(scene.environment))
    _begin(entities, init, EGO, ego_entity(), scene.ego.positions[0], scene.ego.yaw_rad[0], scene.ego.speed_mps[0])
    for actor in scene.actors:
        if actor.track.present[0]:
            speed = 0.0 if actor.id in walkers else actor.track.speed_mps[0]
            _begin(
                entities, init, actor.id, entity_of(actor), reference_places(actor)[0], actor.track.yaw_rad[0], speed
            )
    length_s = len(scene) / contents.future.fps
    board = xosc.StoryBoard(init, at_time("end", length_s, "stop"))
    assert scene.road is not None, "a developed scenario has a road"
    add_events(board, concrete, scene.road, {actor.id: actor for actor in scene.actors})
    _write(folder / SCENARIO_NAME, contents, scenario.title or scenario.id, entities, board)


def write_future(path: Path, contents: Contents) -> None:
    """Write what a future was told as trajectories of the ego and of everyone who appears."""
    scene, fps = contents.scene, contents.future.fps
    entities, init = xosc.Entities(), xosc.Init()
    init.add_global_action(environment_action(scene.environment))
    ego = contents.ego
    _begin(entities, init, EGO, ego_entity(), ego.positions[0], ego.yaw_rad[0], ego.speed_mps[0])
    board = xosc.StoryBoard(init, at_time("end", len(scene) / fps, "stop"))
    board.add_act(_drive(EGO, ego.positions[:, :2], ego, range(len(scene)), fps))
    for actor in scene.actors:
        frames = np.flatnonzero(actor.track.present)
        first, last = int(frames[0]), int(frames[-1])
        places = reference_places(actor)
        entities.add_scenario_object(actor.id, entity_of(actor))
        if first == 0:
            _place(init, actor.id, places[0], actor.track.yaw_rad[0], actor.track.speed_mps[0])
        else:
            init.add_global_action(xosc.DeleteEntityAction(actor.id))
            board.add_act(_appear(actor, places, first, fps))
        board.add_act(_drive(actor.id, places, actor.track, range(first, last + 1), fps))
        if last < len(scene) - 1:
            board.add_act(_leave(actor.id, (last + 1) / fps))
    _write(path, contents, f"what future {contents.future.id} was conditioned on", entities, board)


def write_road(folder: Path, contents: Contents) -> None:
    """Write road.xodr; its header says that it is synthetic."""
    assert contents.scene.road is not None, "a developed scenario has a road"
    made = make_opendrive(
        contents.scene.road, f"{contents.future.manifest.scenario_id} ({SYNTHETIC_NOTE})"
    ).get_element()
    header = made.find("header")
    assert header is not None
    header.set("date", _DATE.isoformat())
    _write_xml(folder / ROAD_NAME, made)


def _begin(
    entities: xosc.Entities,
    init: xosc.Init,
    name: str,
    entity: Entity,
    place: np.ndarray,
    yaw_rad: float,
    speed_mps: float,
) -> None:
    entities.add_scenario_object(name, entity)
    _place(init, name, place, yaw_rad, speed_mps)


def _place(init: xosc.Init, name: str, place: np.ndarray, yaw_rad: float, speed_mps: float) -> None:
    at_once = xosc.TransitionDynamics(xosc.DynamicsShapes.step, xosc.DynamicsDimension.time, 0.0)
    init.add_init_action(name, xosc.TeleportAction(position(place, yaw_rad)))
    init.add_init_action(name, xosc.AbsoluteSpeedAction(round(float(speed_mps), 4), at_once))


def _drive(name: str, places: np.ndarray, track: Track, frames: range, fps: float) -> xosc.Act:
    start = at_time(f"{name} sets off", frames.start / fps)
    act = xosc.Act(f"{name} drives", start)
    if len(frames) > 1:
        act.add_maneuver_group(
            _group(name, f"{name} follows", trajectory(f"{name} way", places, track, frames, fps), start)
        )
    return act


def _appear(actor: Actor, places: np.ndarray, first: int, fps: float) -> xosc.Act:
    start = at_time(f"{actor.id} is due", first / fps)
    act = xosc.Act(f"{actor.id} appears", start)
    add = xosc.AddEntityAction(actor.id, position(places[first], actor.track.yaw_rad[first]))
    act.add_maneuver_group(_group(actor.id, f"{actor.id} is added", add, start))
    return act


def _leave(name: str, time_s: float) -> xosc.Act:
    start = at_time(f"{name} is done", time_s)
    act = xosc.Act(f"{name} leaves", start)
    act.add_maneuver_group(_group(name, f"{name} is deleted", xosc.DeleteEntityAction(name), start))
    return act


def _group(name: str, event: str, action: object, start: xosc.ValueTrigger) -> xosc.ManeuverGroup:
    made = xosc.Event(event, xosc.Priority.override)
    made.add_action(f"{event} action", action)
    made.add_trigger(start)
    maneuver = xosc.Maneuver(f"{event} maneuver")
    maneuver.add_event(made)
    group = xosc.ManeuverGroup(f"{event} group")
    group.add_actor(name)
    group.add_maneuver(maneuver)
    return group


def _write(path: Path, contents: Contents, what: str, entities: xosc.Entities, board: xosc.StoryBoard) -> None:
    provenance = contents.provenance()
    properties = xosc.Properties()
    for key, value in provenance.items():
        properties.add_property(f"drivesim.{key}", value if isinstance(value, str) else str(value))
    made = xosc.Scenario(
        f"{what}; {SYNTHETIC_NOTE}",
        str(provenance["generator"]),
        xosc.ParameterDeclarations(),
        entities,
        board,
        xosc.RoadNetwork(roadfile=ROAD_NAME),
        xosc.Catalog(),
        osc_minor_version=MINOR_VERSION,
        creation_date=_DATE,
        header_properties=properties,
    )
    _write_xml(path, made.get_element())


def _write_xml(path: Path, root: ElementTree.Element) -> None:
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
