"""OpenSCENARIO files: valid against ASAM's own schema, no complaint from ASAM's checker, and places and times of the scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import qc_openscenario
from lxml import etree
from qc_baselib import Configuration, Result, StatusType
from qc_openscenario.main import run_checks
from tiny_exports import silent

from drivesim.exports.contents import Contents
from drivesim.exports.gather import chosen_futures, gather
from drivesim.exports.opendrive import lane_ids, make_opendrive
from drivesim.exports.openscenario import write_description, write_future
from drivesim.road import Road
from drivesim.scenarios import loads
from drivesim.traffic.road_builder import build_road

SCHEMA = Path(qc_openscenario.__file__).parent / "schema/1.2.0/OpenSCENARIO.xsd"

EVENTS = """\
drivesim: 1
id: events
scene:
  road: {type: urban, lanes: 2, ego_lane: 1}
  ego: {speed: 40 km/h}
  actors:
    - {id: lead, class: car, lane: ego, gap: 30 m, speed: 12 m/s}
    - {id: walker, class: pedestrian, at: {x: 30 m, y: -4 m}, yaw: 90 deg, speed: 1.5 m/s}
events:
  - {id: slows, actor: lead, action: {speed: {to: 8 m/s, over: 2 s}}, start: {time: 1 s}}
  - {id: stops, actor: lead, action: {brake: {deceleration: 4 m/s2}}, start: {after: slows}}
  - {id: moves, actor: lead, action: {lane_change: {to: left, over: 3 s}}, start: {distance_to_ego: {below: 20 m}}}
  - {id: walks, actor: walker, action: {walk_to: {y: 4 m}}, start: {ttc_to_ego: {below: 3 s}}}
"""


def faults(path: Path) -> list[str]:
    """What the schema and ASAM's rules have to say of a file."""
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    schema.validate(etree.parse(str(path)))
    result = Result()
    configuration = Configuration()
    configuration.set_config_param("InputFile", str(path))
    result.register_checker_bundle(name="xoscBundle", description="rules", version="1")
    run_checks(configuration, result)
    done = result.get_checker_results("xoscBundle")
    assert len(done) > 10, "the rules were read"
    failed = [str(checker) for checker in done if checker.status is StatusType.ERROR]
    issues = [issue.description for checker in done for issue in checker.issues]
    return [str(fault) for fault in schema.error_log] + issues + failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, conditioned: Contents) -> Path:
    made = tmp_path_factory.mktemp("xosc")
    write_description(made, conditioned)
    write_future(made / "f01.xosc", conditioned)
    return made


@pytest.mark.parametrize("name", ["scenario.xosc", "f01.xosc"])
def test_files_are_valid_and_say_that_they_are_synthetic(folder: Path, name: str) -> None:
    assert faults(folder / name) == []
    header = ElementTree.parse(folder / name).getroot().find("FileHeader")
    assert header is not None and "synthetic" in header.get("description", "")
    assert header.find("Properties/Property[@name='drivesim.weights_sha256']") is not None


def test_a_future_is_the_told_tracks_frame_by_frame(folder: Path, conditioned: Contents) -> None:
    root = ElementTree.parse(folder / "f01.xosc").getroot()
    scene = conditioned.scene
    ways = {way.get("name"): way for way in root.iter("Trajectory")}
    assert set(ways) == {"Ego way"} | {f"{a.id} way" for a in scene.actors if a.track.present.sum() > 1}
    lead = next(actor for actor in scene.actors if actor.id == "lead")
    centre = root.find("Entities/ScenarioObject[@name='lead']/Vehicle/BoundingBox/Center")
    assert centre is not None
    for frame, vertex in enumerate(ways["lead way"].iter("Vertex")):
        place = vertex.find("Position/WorldPosition")
        assert place is not None and float(vertex.get("time", "")) == pytest.approx(frame / 10.0)
        heading, back = float(place.get("h", "")), float(centre.get("x", ""))
        middle = [float(place.get(axis, "")) for axis in "xy"] + back * np.array([np.cos(heading), np.sin(heading)])
        np.testing.assert_allclose(middle, lead.track.positions[frame, :2], atol=2e-3)
    assert root.find("RoadNetwork/LogicFile").get("filepath") == "road.xodr"  # type: ignore[union-attr]


def test_who_comes_later_is_added_and_who_leaves_is_deleted(tmp_path: Path, conditioned: Contents) -> None:
    first = conditioned.scene.actors[0]
    between = dataclasses.replace(first.track, present=(np.arange(12) > 2) & (np.arange(12) < 9))
    scene = dataclasses.replace(conditioned.scene, actors=(dataclasses.replace(first, track=between),))
    write_future(tmp_path / "f.xosc", dataclasses.replace(conditioned, scene=scene))
    (tmp_path / "road.xodr").write_text("<OpenDRIVE/>")
    assert faults(tmp_path / "f.xosc") == []
    root = ElementTree.parse(tmp_path / "f.xosc").getroot()
    assert len(root.findall(".//AddEntityAction")) == 1 and len(root.findall(".//DeleteEntityAction")) == 2
    times = [float(v.get("time", "")) for v in root.find(".//Trajectory[@name='challenger way']").iter("Vertex")]  # type: ignore[union-attr]
    assert times == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7, 0.8])


def test_every_trigger_and_action_of_a_scenario_is_written(tmp_path: Path, conditioned: Contents) -> None:
    from drivesim.scenarios.expand import expand

    scenario = loads(EVENTS)[0]
    scene = expand(scenario, duration_s=1.2).window(0, 12)
    written = dataclasses.replace(conditioned, scene=scene, scenario_yaml=EVENTS.encode())
    write_description(tmp_path, written)
    assert faults(tmp_path / "scenario.xosc") == []
    root = ElementTree.parse(tmp_path / "scenario.xosc").getroot()
    assert [event.get("name") for event in root.iter("Event")] == ["slows", "stops", "moves", "walks"]
    for tag in ("TimeToCollisionCondition", "RelativeDistanceCondition", "StoryboardElementStateCondition"):
        assert len(root.findall(f".//{tag}")) == 1
    dynamics = [d.get("dynamicsDimension") for d in root.findall(".//Maneuver//SpeedActionDynamics")]
    assert dynamics == ["time", "rate", "time"]
    standing = root.find(".//Private[@entityRef='walker']//AbsoluteTargetSpeed")
    assert standing is not None and float(standing.get("value", "")) == 0.0


def test_a_second_export_has_the_same_bytes(tmp_path: Path, folder: Path, run: Path) -> None:
    again = gather(chosen_futures(run)[1], None, silent)
    write_description(tmp_path, again)
    write_future(tmp_path / "f01.xosc", again)
    for name in ("scenario.xosc", "f01.xosc", "road.xodr"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("road_type", "side", "ramp"), [("motorway", "right", "right"), ("rural", "left", None), ("urban", "right", None)]
)
def test_lanes_and_reference_line_of_the_road(road_type: str, side: str, ramp: str | None) -> None:
    road: Road = build_road(road_type, lanes=2, ego_lane=1, rng=3, ramp=ramp, traffic_side=side)  # type: ignore[arg-type]
    root = make_opendrive(road, "road").get_element()
    ids = lane_ids(road)
    assert len(ids) == len(road.lanes) == len(set(ids.values()))
    widths = {}
    for name, sign in (("left", 1), ("right", -1)):
        reached = 0.0
        found = {int(lane.get("id")): lane for lane in root.findall(f".//{name}/lane")}
        for number in sorted(found, key=abs):
            width = float(found[number].find("width").get("a"))
            widths[number] = sign * (reached + width / 2), width
            reached += width
    for lane, number in ids.items():
        assert widths[number] == (pytest.approx(lane.offset, abs=1e-6), pytest.approx(lane.width, abs=1e-6))
    length = 0.0
    for piece in root.findall(".//geometry"):
        x, y, heading = road.frame_at(road.s_start + float(piece.get("s")))
        assert (float(piece.get("x")), float(piece.get("y"))) == (pytest.approx(float(x)), pytest.approx(float(y)))
        assert float(piece.get("hdg")) == pytest.approx(float(heading))
        length += float(piece.get("length"))
    assert length == pytest.approx(road.s_end - road.s_start)
