"""From a scenario to a scene: same seed same scene, another seed another development of one start."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from drivesim.scenarios import Scenario, ScenarioError, after, brake, distance_to_ego, lane_change, loads, rain, uniform
from drivesim.scenarios.expand import develop, expand
from drivesim.scene import NUSCENES_FRONT, Scene

SUITE = (Path(__file__).parent / "suite.yaml").read_text(encoding="utf-8")
ALONE = Scenario("alone").road("rural", lanes=1, curvature=0).ego(speed=20).ambient("none")


def same(first: Scene, second: Scene, frames: slice = slice(None)) -> bool:
    """Whether two scenes agree on some frames, actors present there included."""
    tracks = [
        (scene.ego, *(a.track for a in scene.actors if a.track.present[frames].any())) for scene in (first, second)
    ]
    return len(tracks[0]) == len(tracks[1]) and all(
        np.array_equal(a.positions[frames], b.positions[frames])
        and np.array_equal(a.yaw_rad[frames], b.yaw_rad[frames])
        for a, b in zip(*tracks, strict=True)
    )


@pytest.mark.usefixtures("played_anew")
@pytest.mark.parametrize("index", [0, 1, 2])
def test_one_start_two_developments(index: int) -> None:
    scenario = loads(SUITE)[index]
    first, again, other = (expand(scenario, seed=seed, duration_s=8) for seed in (3, 3, 4))
    assert same(first, again)
    assert same(first, other, slice(0, 1)) and not same(first, other)
    assert np.array_equal(first.road.reference, other.road.reference)  # type: ignore[union-attr]
    looks = [[(a.id, a.colour, a.look, a.length) for a, _ in scene.boxes(0)] for scene in (first, other)]
    assert looks[0] == looks[1]


def test_a_longer_scene_begins_like_a_shorter_one() -> None:
    scenario = loads(SUITE)[0]
    short, long = (expand(scenario, seed=1, duration_s=seconds) for seconds in (5, 20))
    assert np.array_equal(short.ego.positions, long.ego.positions[: len(short)])


def test_grid_of_time_and_defaults() -> None:
    scene = expand(ALONE.video(duration=3))
    assert (len(scene), scene.fps, scene.name) == (30, 10.0, "alone")
    assert len(expand(ALONE, fps=25, duration_s=2)) == 50
    assert np.allclose(scene.ego.positions[0], 0.0) and scene.ego.speed_mps[0] == 20.0


def test_written_places_gaps_and_speeds_hold_at_the_start() -> None:
    scenario = ALONE.actor("ahead", "car", lane="ego", gap=30, speed=15, look="red car", size=(4.0, 1.8, 1.4))
    scenario = scenario.actor("behind", "car", lane="ego", gap=-12, speed=18).actor(
        "coming", "truck", lane="oncoming", gap=50, speed=22
    )
    scenario = scenario.actor("walker", "pedestrian", at=(25, -5), yaw=math.pi / 2, speed=1.2)
    scene = expand(scenario, duration_s=1)
    actors = {actor.id: actor for actor in scene.actors}
    ahead, behind, coming, walker = (actors[name].box(0) for name in ("ahead", "behind", "coming", "walker"))
    assert (ahead.length, ahead.width, ahead.height) == (4.0, 1.8, 1.4) and actors["ahead"].colour == (176, 28, 32)
    assert ahead.x - ahead.length / 2 - 3.6 == pytest.approx(30.0)  # from the ego's front bumper
    assert -1.0 - (behind.x + behind.length / 2) == pytest.approx(12.0)  # from its rear bumper
    assert coming.y == pytest.approx(3.5) and abs(coming.yaw_rad) == pytest.approx(math.pi)
    assert (walker.x, walker.y, walker.yaw_rad) == pytest.approx((25.0, -5.0, math.pi / 2))
    assert actors["coming"].track.speed_mps[0] == 22.0
    assert actors["coming"].track.positions[-1, 0] < coming.x


def test_events_happen_when_they_are_due() -> None:
    scenario = (
        ALONE.road("motorway", lanes=2, ego_lane=1, curvature=0)
        .actor("cutter", "car", lane="left", gap=25, speed=20)
        .actor("lead", "car", lane="ego", gap=90, speed=20)
        .event("cut", "cutter", lane_change(to="ego", over=3), start=after(1))
        .event("stop", "lead", brake(deceleration=3, to=5), start=after("cut"))
    )
    found = develop(scenario, duration_s=15)
    assert found.event_times["cut"] == pytest.approx(1.0)
    assert found.event_times["stop"] is not None and 3.5 < found.event_times["stop"] < 6.0
    actors = {actor.id: actor.track for actor in found.scene.actors}
    assert actors["cutter"].positions[5, 1] == pytest.approx(3.5, abs=0.4)
    assert abs(actors["cutter"].positions[60, 1]) < 0.5
    assert actors["lead"].speed_mps[-1] == pytest.approx(5.0, abs=1.5)


def test_an_event_out_of_its_window_never_starts() -> None:
    scenario = ALONE.actor("far", "car", lane="oncoming", gap=100, speed=0.5)
    scenario = scenario.event("late", "far", brake(deceleration=1), start=distance_to_ego() < 5, within=1)
    assert develop(scenario, duration_s=3).event_times == {"late": None}


def test_left_hand_traffic_mirrors_the_lanes() -> None:
    scenario = ALONE.from_dict({**ALONE.to_dict(), "traffic": "left_hand"}).actor("a", "car", lane="oncoming", gap=30)
    assert expand(scenario, duration_s=1).actors[0].box(0).y == pytest.approx(-3.5)


def test_weather_words_become_numbers() -> None:
    wet = ALONE.environment(time_of_day="22:30", precipitation=rain("heavy"), fog=150).concrete().environment
    assert (wet.hour, wet.rain, wet.snow, wet.fog_visibility_m) == (22.5, 1.0, 0.0, 150.0)
    assert wet.wetness == pytest.approx(0.8) and not wet.street_lights
    assert ALONE.road("urban").concrete().environment.street_lights
    assert ALONE.environment(road_surface="moist").concrete().environment.wetness == 0.3
    dry = ALONE.concrete().environment
    assert (dry.rain, dry.wetness, dry.fog_visibility_m) == (0.0, 0.0, math.inf)


def test_cameras() -> None:
    assert ALONE.concrete().camera == NUSCENES_FRONT
    own = ALONE.from_dict({**ALONE.to_dict(), "camera": {"fx": 500, "width": 1000, "height": 500, "mount": {"z": 2}}})
    camera = own.concrete().camera
    assert (camera.width, camera.height, camera.fx, camera.fy) == (1024, 512, 512.0, 512.0)
    assert (camera.cx, camera.cy, camera.mount.z) == (512.0, 256.0, 2.0)
    assert expand(own, duration_s=0.5).camera == camera


def test_variations_differ() -> None:
    scenario = ALONE.actor("a", "car", lane="ego", gap=uniform(20, 60), speed=20)
    boxes = {expand(scenario, duration_s=0.2, variation=k).actors[0].box(0).x for k in range(4)}
    assert len(boxes) == 4
    assert develop(scenario, duration_s=0.2, variation=1).parameters == scenario.parameters(1)


def test_a_scenario_that_cannot_be_placed_says_why() -> None:
    with pytest.raises(ScenarioError, match="there is no lane to the left"):
        expand(ALONE.actor("a", "car", lane="left", gap=10))
    with pytest.raises(ScenarioError, match="overlap by"):
        expand(ALONE.actor("a", "car", lane="ego", gap=10).actor("b", "car", lane="ego", gap=12))


def test_a_renamed_scenario_keeps_its_world_where_that_is_named() -> None:
    text = "drivesim: 1\nid: {id}\n{world}scene:\n  road: {{type: rural}}\n  actors: [{{id: a, class: car, lane: ego, gap: 20 m}}]\n"
    first, renamed, other = (
        develop(loads(text.format(id=name, world=world))[0], seed=4, duration_s=3.0)
        for name, world in (("one", ""), ("two", "world: one\n"), ("two", ""))
    )
    assert first.scene.road is not None and renamed.scene.road is not None and other.scene.road is not None
    np.testing.assert_array_equal(first.scene.road.reference, renamed.scene.road.reference)
    assert [a.colour for a in first.scene.actors] == [a.colour for a in renamed.scene.actors]
    np.testing.assert_array_equal(first.scene.ego.positions, renamed.scene.ego.positions)
    assert first.scene.scenery is not None and renamed.scene.scenery is not None
    assert first.scene.scenery.seed == renamed.scene.scenery.seed
    assert not np.array_equal(first.scene.road.reference, other.scene.road.reference)
