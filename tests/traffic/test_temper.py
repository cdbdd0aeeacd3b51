"""Developments differ by what road users do: the same start, another course soon after, scripts and safety as before."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from driving import CAR
from shapely import Polygon

from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.geometry import footprint
from drivesim.scenarios import load
from drivesim.scenarios.expand import Development, develop
from drivesim.scenarios.library import LibraryEntry, find, library
from drivesim.scene import Scene, Turn
from drivesim.traffic.behaviour import draw_pace_factor
from drivesim.traffic.plans import ActorPlan, AmbientTraffic, EgoPlan, LaneChange, Manoeuvre, SpeedChange, Trigger
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.simulation import simulate

AT_FRAME = 60


def developments(name: str, turns: list[dict[int, Turn]], duration_s: float = 6.1) -> list[Development]:
    scenario = load(find(name))[0]
    return [develop(scenario, seed=0, duration_s=duration_s, turns=one) for one in turns]


def in_view(scene: Scene, frame: int) -> dict[str, np.ndarray]:
    """Places of those who were there at t = 0, do not stand parked and are 3-60 m ahead at ``frame``."""
    pose = scene.ego.pose(frame)
    forward = np.array([np.cos(pose.yaw_rad), np.sin(pose.yaw_rad)])
    found = {}
    for one in scene.actors:
        place = one.track.positions[frame, :2]
        ahead = float((place - [pose.x, pose.y]) @ forward)
        if one.track.present[0] and one.track.present[frame] and not one.parked and 3.0 < ahead < 60.0:
            found[one.id] = place
    return found


def spread_m(scenes: list[Scene], frame: int) -> float:
    """Mean distance between developments of actors that both show in view."""
    views = [in_view(scene, frame) for scene in scenes]
    apart = [
        float(np.linalg.norm(first[name] - second[name]))
        for first, second in itertools.combinations(views, 2)
        for name in first.keys() & second.keys()
    ]
    return float(np.mean(apart)) if apart else float("nan")


def overlapping_pairs(scene: Scene) -> set[tuple[str, str]]:
    """Road users of whom one is a vehicle and whose boxes overlap at some time."""
    pairs = set()
    for frame in range(0, len(scene), 6):
        boxes = [(one, box) for one, box in scene.boxes(frame)]
        for (one, box), (other, its) in itertools.combinations(boxes, 2):
            if abs(box.x - its.x) + abs(box.y - its.y) > box.length + its.length + 3.0:
                continue
            if (one.parked and other.parked) or one.category == other.category == "pedestrian":
                continue
            outlines = [Polygon(footprint(b.x, b.y, b.length, b.width, b.yaw_rad)) for b in (box, its)]
            if outlines[0].intersection(outlines[1]).area > 0.01:
                pairs.add((one.id, other.id))
    return pairs


def test_futures_of_the_library_differ_by_what_people_do() -> None:
    spreads = {}
    for entry in library():
        scenes = [one.scene for one in developments(entry.name, [{0: Turn(seed=seed)} for seed in (1, 2, 3, 4)])]
        first = scenes[0]
        for other in scenes[1:]:
            assert [(a.id, b) for a, b in first.boxes(0)] == [(a.id, b) for a, b in other.boxes(0)]
            assert first.ego.speed_mps[0] == other.ego.speed_mps[0]
        spreads[entry.name] = spread_m(scenes, AT_FRAME)
    assert np.nanmedian(list(spreads.values())) > 2.5, spreads
    assert spreads["fog-motorway"] > 4.0, spreads


@pytest.mark.usefixtures("played_anew")
@pytest.mark.parametrize("turn", [0, 25])
def test_up_to_a_turn_all_is_equal_and_soon_after_it_is_not(turn: int) -> None:
    turns = [{turn: Turn(seed=seed)} for seed in (5, 5, 6)]
    scenes = [one.scene for one in developments("fog-motorway", turns, turn / 10 + 6.1)]
    same, again, other = scenes
    assert np.array_equal(same.ego.positions, again.ego.positions)
    for one, twin in zip(same.actors, again.actors, strict=True):
        assert np.array_equal(one.track.positions, twin.track.positions)
    others = {one.id: one.track for one in other.actors}
    for one in same.actors:
        if one.track.present[: turn + 1].any():
            assert np.array_equal(one.track.positions[: turn + 1], others[one.id].positions[: turn + 1])
            assert np.array_equal(one.track.speed_mps[: turn + 1], others[one.id].speed_mps[: turn + 1])
    assert spread_m([same, other], turn + AT_FRAME) > 1.0


def test_an_ego_that_is_part_of_a_turn_drives_otherwise_from_there_on_and_crashes_into_nobody() -> None:
    turns = [{15: Turn(seed=seed, ego=ego)} for ego in (False, True) for seed in range(6)]
    scenes = [one.scene for one in developments("cut-out-slow-lead", turns, 9.5)]
    for scene in scenes:
        assert np.array_equal(scene.ego.positions[:16], scenes[0].ego.positions[:16])
        assert not [pair for pair in overlapping_pairs(scene) if "ego" in pair]
    ends = np.array([scene.ego.positions[-1, :2] for scene in scenes]).reshape(2, 6, 2)
    (planned_ahead, planned_aside), (ahead, aside) = ends.std(axis=1)
    assert planned_aside < 0.3 and aside > 1.0, (planned_aside, aside)
    assert ahead > planned_ahead, (planned_ahead, ahead)


def test_an_ego_with_manoeuvres_keeps_them_in_a_turn_that_it_is_part_of() -> None:
    road = build_road("motorway", lanes=3, ego_lane=2, length_m=2000.0, curvature="straight")
    slow = Manoeuvre(id="slow", action=SpeedChange(to_mps=15.0, over_s=3.0), trigger=Trigger(at_s=1.0))
    for seed in range(4):
        turns = {0: np.random.default_rng(seed)}
        plan = EgoPlan(speed=25.0, lane=2, manoeuvres=(slow,))
        result = simulate(
            road,
            plan,
            [],
            duration_s=8.0,
            fps=10.0,
            rng=np.random.default_rng(9),
            turns=turns,
            ego_turns=frozenset({0}),
        )
        assert result.event_times["slow"] == 1.0 and result.ego.speed_mps[45] == pytest.approx(15.0, abs=1.0)
        assert np.abs(result.ego.positions[:, 1]).max() < 0.6


def test_drivers_with_room_choose_other_lanes_in_other_futures() -> None:
    road = build_road("motorway", lanes=3, ego_lane=2, length_m=2000.0, curvature="straight")
    lanes = []
    for seed in range(8):
        plans = [ActorPlan(id="ahead", **CAR, s=40.0, lane=2, speed=27.0)]
        rng = np.random.default_rng(seed)
        result = simulate(road, EgoPlan(speed=25.0, lane=2), plans, duration_s=8.0, fps=10.0, rng=rng)
        lanes.append(round(float(result.actors[0].track.positions[-1, 1]) / 3.5))
    assert len(set(lanes)) >= 2, lanes


@pytest.mark.parametrize("seed", range(4))
def test_scripts_start_and_end_as_written(seed: int) -> None:
    road = build_road("motorway", lanes=3, ego_lane=2, length_m=2000.0, curvature="straight")
    cut = Manoeuvre(id="cut", action=LaneChange(to_lane=2, over_s=3.0), trigger=Trigger(at_s=2.0))
    slow = Manoeuvre(id="slow", action=SpeedChange(to_mps=20.0, over_s=4.0), trigger=Trigger(after="cut"))
    plans = [
        ActorPlan(id="cutter", **CAR, s=30.0, lane=3, speed=26.0, manoeuvres=(cut,)),
        ActorPlan(id="lead", **CAR, s=110.0, lane=1, speed=27.0, manoeuvres=(slow,)),
    ]
    result = simulate(
        road,
        EgoPlan(speed=25.0, lane=2),
        plans,
        duration_s=16.0,
        fps=10.0,
        rng=np.random.default_rng(seed),
        ambient=AmbientTraffic(seed=4, density_per_km=12.0, keep_clear_to_m=140.0),
    )
    assert result.event_times["cut"] == 2.0 and result.event_times["slow"] == pytest.approx(5.0, abs=0.2)
    cutter, lead = (one.track for one in result.actors[:2])
    assert cutter.positions[:20, 1] == pytest.approx(3.5, abs=0.3)
    assert cutter.positions[52:80, 1] == pytest.approx(0.0, abs=0.3)
    assert cutter.speed_mps[:20] == pytest.approx(26.0, rel=0.05)
    assert lead.speed_mps[95] == pytest.approx(20.0, abs=0.8) and lead.speed_mps[-1] < 22.5


@pytest.mark.parametrize("entry", library(), ids=lambda entry: entry.name)
def test_another_future_keeps_its_events(entry: LibraryEntry) -> None:
    times = developments(entry.name, [{0: Turn(seed=1)}], 14.0)[0].event_times
    assert None not in times.values(), times


def test_changes_of_mind_cause_no_crashes() -> None:
    crashed = {seed: pairs for seed in range(100, 120) if (pairs := overlapping_pairs(sample_scene(seed, 60)))}
    assert crashed == {}


def test_a_change_of_mind_is_moderate() -> None:
    rng = np.random.default_rng(0)
    factors = np.array([draw_pace_factor(rng) for _ in range(500)])
    assert factors.min() >= 0.78 and factors.max() <= 1.2
    assert factors.mean() == pytest.approx(1.0, abs=0.03) and factors.std() > 0.1
