"""What is written of junctions acts, or is refused with its place and the way out."""

from __future__ import annotations

import pytest

import drivesim as ds
from drivesim.scenarios import check_text, loads
from drivesim.scenarios.expand import expand
from drivesim.scenarios.explanation import explain

GOOD = """\
drivesim: 1
id: turning
video: {duration: 12 s}
scene:
  road: {type: urban, junction: {at: 60 m, arms: [left, right], control: stop}}
  ego: {speed: 40 km/h}
  traffic: none
  actors:
    - {id: crosser, class: car, arm: left, to_line: 25 m, speed: 6 m/s}
    - {id: meets, class: car, lane: oncoming, gap: 90 m, speed: 10 m/s}
events:
  - {id: goes, actor: ego, action: {turn: right}}
  - {id: crosses, actor: crosser, action: {turn: {to: straight}}}
"""


def test_yaml_and_python_are_one_and_survive_a_round_trip() -> None:
    (written,) = loads(GOOD)
    built = (
        ds.Scenario("turning")
        .video(duration=12)
        .road("urban", junction=ds.junction(60, control="stop"))
        .ego(speed=40 * ds.kmh)
        .ambient("none")
        .actor("crosser", "car", arm="left", to_line=25, speed=6)
        .actor("meets", "car", lane="oncoming", gap=90, speed=10)
        .event("goes", "ego", ds.turn("right"))
        .event("crosses", "crosser", ds.turn("straight"))
    )
    assert built == written
    assert loads(written.to_yaml())[0] == written
    assert not check_text(GOOD).errors


def test_it_is_staged_and_explained() -> None:
    (written,) = loads(GOOD)
    scene = expand(written)
    assert scene.road is not None and len(scene.road.junctions) == 1
    assert scene.ego.positions[-1, 1] < -10.0
    crosser = next(actor.track for actor in scene.actors if actor.id == "crosser")
    arm = scene.road.junctions[0].arms[0]
    assert crosser.positions[0, 1] > 20.0 + float(arm.stop_s) and crosser.yaw_rad[0] < -1.5
    rows = {row.field: row.value for row in explain(written)}
    assert "60 m ahead" in rows["road.junction"] and "stop" in rows["road.junction.control"]
    assert "turn right" in rows["events.goes"]


ROAD = "{type: urban, junction: {at: 60 m, arms: [left, right], control: stop}}"
CROSSER = "arm: left, to_line: 25 m, speed: 6 m/s"


@pytest.mark.parametrize(
    ("was", "now", "code", "words"),
    [
        (ROAD, "{type: motorway, junction: {at: 60 m}}", "DS050", "a motorway has no junctions"),
        (ROAD, "{type: rural, curvature: 0.01, junction: {at: 60 m}}", "DS050", "straight road"),
        (ROAD, "{type: urban, ramp: right, junction: {at: 60 m}}", "DS050", "not both"),
        (ROAD, "{type: urban, crossings: [55 m], junction: {at: 60 m}}", "DS050", "at most 40 m, or at least 80 m"),
        (ROAD, "{type: urban, junction: {at: 60 m, signals: {offset: 3 s}}}", "DS050", "control: signals"),
        (ROAD, "{type: urban}", "DS051", "the road has no junction"),
        (ROAD, "{type: urban, junction: {at: 60 m, arms: left}}", "DS051", "cannot turn right"),
        (ROAD, "{type: urban, lanes: 2, ego_lane: 2, junction: {at: 60 m}}", "DS051", "lane 1 of 2 leads there"),
        (ROAD, "{type: urban, crest: 80 m}", "DS021", "the ground is flat"),
        (ROAD, "{type: urban, intersection: 80 m}", "DS021", "it is called junction"),
        (CROSSER, "arm: left", "DS046", "to_line: 20 m"),
        (CROSSER, "to_line: 3 m", "DS046", "no 'arm'"),
        (CROSSER, "arm: left, to_line: 3 m, lane: left, gap: 3 m", "DS045", "Keep one"),
        (CROSSER, "arm: left, to_line: 3 m, yaw: 3 deg", "DS049", "at: {x"),
        ("{turn: {to: straight}}", "{reverse: 3 m}", "DS049", "on an arm"),
        ("{turn: right}", "{turn: back}", "DS024", "left, straight, right"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(was: str, now: str, code: str, words: str) -> None:
    assert was in GOOD
    problems = check_text(GOOD.replace(was, now)).errors
    assert any(problem.code == code and words in problem.text for problem in problems), [p.text for p in problems]


def test_a_turn_that_comes_too_late_is_told() -> None:
    text = GOOD.replace("action: {turn: right}}", "action: {turn: right}, start: {time: 9 s}}")
    found = [problem for problem in check_text(text).warnings if problem.code == "DS069"]
    assert len(found) == 1 and "never comes to the junction" in found[0].text
