"""What tests of driver assistance are written with: an ego that answers by time to collision, stops that end, doors, meetings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import drivesim as ds
from drivesim.scenarios import Scenario, ScenarioError, check_text, loads
from drivesim.scenarios.expand import Development, develop
from drivesim.scenarios.explanation import explain
from drivesim.scene import Actor
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_WIDTH_M


def scene_of(name: str, **ego: Any) -> Scenario:
    """A straight street with nobody about."""
    return (
        ds.Scenario(name)
        .road("urban", lanes=1, curvature=0, lane_width=3.5)
        .ambient("none", pedestrians=False, parked=False)
        .video(duration=8)
        .ego(**ego)
    )


def crossing(**meeting: Any) -> Scenario:
    """An ego at 10 m/s that does not react by itself, and a pedestrian in its way."""
    return scene_of("aeb", speed=10, reacts=False).actor(
        "walker", "pedestrian", speed=1.5, meets=ds.meets("from_nearside", time=4, impact=0.5, distance=4, **meeting)
    )


def actor(made: Development, name: str) -> Actor:
    return next(one for one in made.scene.actors if one.id == name)


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_an_ego_that_brakes_by_time_to_collision_does_so_when_and_as_hard_as_written(delay: float) -> None:
    scenario = crossing().event("aeb", "ego", ds.brake(6), start=ds.ttc_to("walker", delay=delay) < 1.5)
    made = develop(scenario, seed=3)
    # 2.5 s after t = 0 the bumper is 1.5 s from the walker, who will be in the way by then.
    started = made.event_times["aeb"]
    assert started == pytest.approx(2.5 + delay, abs=0.15)
    speed = made.scene.ego.speed_mps
    begin = round(started * 10)
    np.testing.assert_allclose(speed[: begin + 1], 10.0)
    np.testing.assert_allclose(np.diff(speed[begin : begin + 12]), -0.6, atol=1e-6)
    assert speed[-1] == pytest.approx(0.0, abs=1e-6)
    gap = actor(made, "walker").track.positions[:, 0] - made.scene.ego.positions[:, 0] - EGO_FRONT_M
    # The way at speed until then, and 10² / (2·6) m from there.
    assert gap.min() == pytest.approx(gap[0] - 10 * started - 100 / 12, abs=0.35)


def test_nobody_brakes_for_a_walker_who_will_have_left_the_lane_or_does_not_come_into_it() -> None:
    for y, yaw in ((2.5, 90), (-4.0, -90)):
        scenario = (
            scene_of("past", speed=10, reacts=False)
            .actor("walker", "pedestrian", at=(30, y), yaw=yaw * ds.deg, speed=1.5)
            .event("aeb", "ego", ds.brake(6), start=ds.ttc_to("walker") < 2)
        )
        assert develop(scenario, seed=3).event_times["aeb"] is None


@pytest.mark.parametrize("seed", [1, 2])
def test_without_an_event_an_ego_that_does_not_react_hits_the_walker_where_it_is_written(seed: int) -> None:
    made = develop(crossing(), seed=seed)
    walker = actor(made, "walker").track
    at = 40
    assert made.scene.ego.positions[at, 0] == pytest.approx(40.0, abs=1e-6)
    assert walker.positions[at, 1] == pytest.approx(0.0, abs=0.01)
    assert walker.speed_mps[13] == 0.0 and walker.speed_mps[15] == pytest.approx(1.5)


@pytest.mark.parametrize("how", ["car", "pedestrian"])
def test_a_stop_with_a_hold_goes_on_as_fast_as_before(how: str) -> None:
    place: dict[str, Any] = {"lane": "ego", "gap": 60} if how == "car" else {"at": (40, -4.5), "yaw": 0.0}
    pace = 8.0 if how == "car" else 1.5
    scenario = (
        scene_of("pause", speed=0)
        .video(duration=20)
        .actor("who", how, speed=pace, reacts=False, **place)
        .event("waits", "who", ds.stop(4, hold=3), start=1)
    )
    track = actor(develop(scenario, seed=3), "who").track
    stands = np.flatnonzero(np.abs(track.speed_mps) < 0.01)
    assert len(stands) / 10 == pytest.approx(3.0, abs=0.3)
    assert stands[0] / 10 == pytest.approx(1 + pace / 4, abs=0.25)
    assert track.speed_mps[-1] == pytest.approx(pace, abs=1e-6)


def test_an_open_door_stands_off_the_side_of_its_car_and_is_not_there_before() -> None:
    scenario = (
        scene_of("door", speed=0)
        .actor("van", "car", at=(20, -2.9), parked=True, look="red car")
        .event("opens", "van", ds.open_door("left", over=1, angle=1.2), start=2)
    )
    made = develop(scenario, seed=3)
    van, door = actor(made, "van"), actor(made, "van-door")
    assert not door.track.present[:20].any() and door.track.present[21:].all()
    assert (door.category, door.colour) == (van.category, van.colour)
    side, closed, opened = -2.9 + van.width / 2, door.track.positions[21, 1], door.track.positions[-1, 1]
    assert closed == pytest.approx(side, abs=0.1)
    assert opened - side == pytest.approx(0.5 * door.length * np.sin(1.2), abs=0.01)
    rows = {row.field: row.value for row in explain(scenario)}
    assert "open the left door" in rows["events.opens"]


def test_a_car_backs_out_of_a_parking_space_across_the_street() -> None:
    scenario = (
        scene_of("space", speed=0)
        .actor("parked", "car", at=(20, -5), yaw=-90 * ds.deg, speed=0)
        .event("backs", "parked", ds.reverse(4, 1.5), start=1)
    )
    track = actor(develop(scenario, seed=3), "parked").track
    assert track.positions[-1, :2] == pytest.approx([20.0, -1.0], abs=0.1)
    np.testing.assert_allclose(track.yaw_rad, -np.pi / 2, atol=1e-6)


def test_yaml_and_python_say_the_same_and_explain_tells_it() -> None:
    scenario = crossing().event("aeb", "ego", ds.brake(8), start=ds.ttc_to("walker", delay=0.2) < 1.2)
    assert loads(scenario.to_yaml())[0] == scenario
    rows = {row.field: row.value for row in explain(scenario)}
    assert (
        "impact 50% of the ego's width" in rows["actors.walker.meets"] and "until 1.33 s" in rows["actors.walker.meets"]
    )
    assert rows["ego.reacts"].startswith("no")
    assert "ttc_to walker below 1.2 delay 0.2" in rows["events.aeb"]


@pytest.mark.parametrize(("share", "middle"), [("75 %", 0.25), ("25 %", -0.25)])
def test_left_hand_traffic_has_its_nearside_on_the_left(share: str, middle: float) -> None:
    keys = crossing().to_dict()
    keys["traffic"] = "left_hand"
    keys["scene"]["actors"][0]["meets"]["impact"] = share
    walker = actor(develop(Scenario.from_dict(keys), seed=1), "walker").track
    assert walker.positions[0, 1] > 2.0
    assert walker.positions[40, 1] == pytest.approx(-middle * EGO_WIDTH_M, abs=0.02)


HEAD = """drivesim: 1
id: bad
scene:
  road: {type: urban, curvature: 0}
  ego: {speed: 10 m/s, reacts: false}
  traffic: none
  actors:
    - """
WRONG = {
    "{id: a, class: car, meets: {time: 3 s, moves: along}}": "never comes up with 'a'",
    "{id: a, class: car, speed: 5 m/s, meets: {moves: along}}": "one of 'time'",
    "{id: a, class: car, speed: 5 m/s, at: {x: 3 m, y: 0 m}, meets: {time: 3 s, moves: along}}": "both 'meets' and 'at'",
    "{id: a, class: pedestrian, meets: {time: 2 s, moves: from_left, distance: 4 m}}": "Write 'time: 2.9 s' or more",
    "{id: a, class: pedestrian, meets: {time: 2 s, moves: from_left, overlap: 50 %}}": "Use 'impact: 50 %'",
    "{id: a, class: pedestrian, meets: {time: 2 s, moves: form_left}}": "Did you mean 'from_left'",
    "{id: a, class: car, speed: 0 m/s, parked: true, meets: {time: 2 s, moves: along}}": "is parked, and 'meets' moves it",
    "{id: a, class: car, lane: ego, gap: 30 m}\nevents: [{id: e, actor: ego, action: {brake: {deceleration: 8}}, start: {ttc_to: {actor: b, below: 1 s}}}]": "there is no actor 'b'",
    "{id: a, class: car, lane: ego, gap: 30 m}\nevents: [{id: e, actor: a, action: {brake: {deceleration: 8}}, start: {ttc_to: {actor: a, below: 1 s}}}]": "no time to collision with itself",
    "{id: a, class: car, lane: ego, gap: 30 m}\nevents: [{id: e, actor: a, action: {open_door: left}}]": "Add 'parked: true'",
    "{id: a, class: bus, at: {x: 30 m, y: -3 m}, parked: true}\nevents: [{id: e, actor: a, action: {open_door: left}}]": "has no door that opens",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_is_refused_with_the_way_out(text: str) -> None:
    report = check_text(HEAD + text + "\n")
    assert any(WRONG[text] in str(problem) for problem in report.errors), [str(problem) for problem in report.errors]


def test_an_ego_drives_backwards_only_where_nobody_drives_it() -> None:
    with pytest.raises(ScenarioError, match="reacts: false"):
        scene_of("back", speed=-2).concrete()
    made = develop(scene_of("back", speed=-2, reacts=False).event("halts", "ego", ds.brake(2), start=2), seed=1)
    assert made.scene.ego.positions[20, 0] == pytest.approx(-4.0, abs=1e-6)
    assert made.scene.ego.positions[-1, 0] == pytest.approx(-5.0, abs=0.15)
    assert abs(made.scene.ego.speed_mps[-1]) < 1e-6
