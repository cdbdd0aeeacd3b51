"""Every library scenario is good, expands, starts alike under two seeds and goes on differently."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import Polygon

from drivesim.geometry import footprint
from drivesim.scenarios import ScenarioError, check, load
from drivesim.scenarios.expand import develop, expand
from drivesim.scenarios.explanation import CARRIERS, explain
from drivesim.scenarios.library import LibraryEntry, find, library, names
from drivesim.scene import Scene

WANTED = {
    "highway-cut-in",
    "cut-out-slow-lead",
    "hard-brake",
    "rain-merge",
    "urban-crossing-day",
    "night-pedestrian",
    "occluded-pedestrian-van",
    "cyclist",
    "oncoming-overtaker",
    "fog-motorway",
    "dense-queue",
    "empty-road",
    "junction-left-turn-gap",
    "junction-priority-side-road",
}
ENTRIES = pytest.mark.parametrize("entry", library(), ids=lambda entry: entry.name)


def start_and_course(scene: Scene) -> tuple[list[tuple[str, tuple[float, ...]]], np.ndarray]:
    start = [(a.id, (b.x, b.y, b.z, b.length, b.width, b.height, b.yaw_rad)) for a, b in scene.boxes(0)]
    return start, scene.ego.positions


def ego_hits(scene: Scene) -> list[tuple[int, str]]:
    """Frames and actors whose footprint touches the ego's."""
    hits = []
    for frame in range(0, len(scene), 3):
        pose = scene.ego.pose(frame)
        x, y = pose.x + 1.3 * np.cos(pose.yaw_rad), pose.y + 1.3 * np.sin(pose.yaw_rad)
        ego = Polygon(footprint(x, y, 4.6, 1.85, pose.yaw_rad))
        for actor, box in scene.boxes(frame):
            outline = footprint(box.x, box.y, box.length, box.width, box.yaw_rad)
            if np.hypot(box.x - x, box.y - y) < 12 and ego.intersects(Polygon(outline)):
                hits.append((frame, actor.id))
    return hits


def test_the_wanted_scenarios_are_there() -> None:
    assert set(names()) >= WANTED
    assert all(entry.title and entry.tags for entry in library())


@ENTRIES
def test_no_errors_and_no_warnings(entry: LibraryEntry) -> None:
    report = check(entry.path)
    assert (report.errors, report.warnings) == ((), ())
    assert load(entry.path)[0].id == entry.name


@ENTRIES
def test_actors_name_their_colours(entry: LibraryEntry) -> None:
    scenario = load(entry.path)[0]
    if entry.name != "empty-road":
        assert len(scenario.scene.actors) >= 3
    scene = expand(scenario, duration_s=0.1)
    assert all(actor.colour is not None for actor in scene.actors)
    assert all(actor.look for actor in scenario.scene.actors)


@ENTRIES
def test_two_seeds_one_start(entry: LibraryEntry) -> None:
    scenario = load(entry.path)[0]
    first, second = (start_and_course(expand(scenario, seed=seed, duration_s=3)) for seed in (0, 1))
    assert first[0] == second[0]
    assert not np.array_equal(first[1], second[1])


@ENTRIES
def test_everything_scripted_happens_and_drivers_avoid_each_other(entry: LibraryEntry) -> None:
    found = develop(load(entry.path)[0], seed=2, duration_s=20)
    assert None not in found.event_times.values()
    if "vru" not in entry.tags:
        assert ego_hits(found.scene) == []
    assert found.scene.ego.speed_mps.max() > 3.0


def test_a_long_drive_keeps_going() -> None:
    scene = expand(load(find("highway-cut-in"))[0], seed=0, duration_s=150)
    assert len(scene) == 1500
    assert np.hypot(*scene.ego.positions[-1, :2]) > 2000
    near = [
        sum(
            0 < np.hypot(box.x - scene.ego.positions[frame, 0], box.y - scene.ego.positions[frame, 1]) < 200
            for _, box in scene.boxes(frame)
        )
        for frame in range(0, 1500, 100)
    ]
    assert np.mean(near) > 2 and np.mean(np.array(near[-5:]) > 0) > 0.5


@ENTRIES
def test_explanation_has_a_carrier_for_each_field(entry: LibraryEntry) -> None:
    scenario = load(entry.path)[0]
    rows = explain(scenario)
    fields = [row.field for row in rows]
    assert {f"actors.{actor.id}" for actor in scenario.scene.actors} <= set(fields)
    assert {f"events.{event.id}" for event in scenario.events} <= set(fields)
    assert {f"labels.{name}" for name in scenario.labels} <= set(fields)
    assert all(row.carrier in CARRIERS and row.value and "$" not in row.value for row in rows)


def test_find_takes_names_and_paths() -> None:
    assert find("cyclist").name == "cyclist.yaml" and find("cyclist").is_file()
    assert find("some/where.yaml").name == "where.yaml"
    with pytest.raises(ScenarioError, match="Did you mean 'highway-cut-in'"):
        find("highway-cutin")
