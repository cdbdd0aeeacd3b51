"""Euro NCAP's tests in the library: with an ego that does not react, speeds and impact points are those of the protocol."""

from __future__ import annotations

import numpy as np
import pytest
from impacts import impact_of

from drivesim.scenarios import Scenario, check, load
from drivesim.scenarios.expand import expand
from drivesim.scenarios.language.units import kmh
from drivesim.scenarios.library import EVERYDAY, find, library, names
from drivesim.scenarios.placement import make_road, place
from drivesim.scene import Scene
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_WIDTH_M

NOT_SEEN_FROM_AFAR = {"DS061", "DS064"}
#: Target's speed in km/h, where its middle arrives (metres to the left of the ego's), and when in s, by name. None: as varied.
PROTOCOL: dict[str, tuple[float | None, float | None, float | None]] = {
    "ncap-ccrs": (0.0, None, 3.0),
    "ncap-ccrm": (20.0, None, 4.0),
    "ncap-ccfhos": (None, 0.95, 3.0),  # half of 1.85 m is covered by a car of 1.9 m
    "ncap-cpfa-50": (8.0, 0.0, 4.0),
    "ncap-cpna-25": (5.0, -0.25 * EGO_WIDTH_M, 4.0),
    "ncap-cpna-75": (5.0, 0.25 * EGO_WIDTH_M, 4.0),
    "ncap-cpnco-50": (5.0, 0.0, None),
    "ncap-cpla-25": (5.0, -0.25 * EGO_WIDTH_M, 4.0),
    "ncap-cpla-50": (5.0, 0.0, 4.0),
    "ncap-cpra": (5.0, None, 4.0),
    "ncap-cprc": (0.0, None, 4.0),
    "ncap-cbna-50": (15.0, 0.0, 4.0),
    "ncap-cbfa-50": (20.0, 0.0, 4.0),
    "ncap-cbla-25": (20.0, -0.25 * EGO_WIDTH_M, 4.0),
    "ncap-cbla-50": (15.0, 0.0, 4.0),
    "ncap-cmrs": (0.0, None, 4.0),
}
#: At junctions: the target's speed in km/h (None: as varied), and its heading in degrees to that of the ego before it turns.
AT_JUNCTIONS: dict[str, tuple[float | None, float]] = {
    "ncap-ccftap": (None, 180.0),
    "ncap-cmftap": (None, 180.0),
    "ncap-cccscp": (None, 90.0),
    "ncap-cpta-farside-same": (5.0, 0.0),
    "ncap-cpta-farside-opposite": (5.0, 180.0),
    "ncap-cpta-nearside-same": (5.0, 0.0),
    "ncap-cpta-nearside-opposite": (5.0, 180.0),
    "ncap-cbta-farside": (15.0, 180.0),
    "ncap-cbta-nearside": (15.0, 0.0),
}


def corners(scenario: Scenario) -> list[int]:
    """The first and the last of its variations, and one between."""
    count = scenario.num_variations
    return sorted({0, count // 2, count - 1})


@pytest.mark.parametrize("name", names("ncap"))
def test_each_is_without_errors_and_warns_only_of_what_is_far_or_out_of_the_picture(name: str) -> None:
    (entry,) = (entry for entry in library("ncap") if entry.name == name)
    report = check(entry.path)
    assert report.errors == ()
    assert {warning.code for warning in report.warnings} <= NOT_SEEN_FROM_AFAR
    assert entry.family != EVERYDAY


@pytest.mark.parametrize("name", PROTOCOL)
def test_speeds_and_the_impact_point_are_those_of_the_protocol(name: str) -> None:
    (scenario,) = load(find(name))
    target_kmh, offset, time_s = PROTOCOL[name]
    for variation in corners(scenario):
        values = scenario.parameters(variation)
        concrete = scenario.concrete(variation)
        target = next(actor for actor in concrete.actors if actor.id == "target")
        met = target.meets
        assert met is not None
        found = impact_of(expand(scenario, seed=5, variation=variation, duration_s=met.time_s + 0.5))
        wanted = offset
        if "overlap" in values:
            share = float(values["overlap"])
            aside = (EGO_WIDTH_M + target.width) / 2 - abs(share) * EGO_WIDTH_M
            wanted = 0.0 if share == 1.0 else np.sign(share) * aside
        elif "impact" in values:
            wanted = (float(values["impact"]) - 0.5) * EGO_WIDTH_M
        wanted_time = 50.0 / concrete.ego_speed_mps if time_s is None else time_s
        speed = float(values["target_speed"]) if target_kmh is None else target_kmh * kmh
        assert found.time_s == pytest.approx(wanted_time, abs=0.1)
        assert found.offset == pytest.approx(wanted, abs=0.1)
        assert found.ego_mps == pytest.approx(concrete.ego_speed_mps, abs=0.01)
        assert found.target_mps == pytest.approx(speed, abs=0.01)


@pytest.mark.parametrize("name", AT_JUNCTIONS)
def test_at_a_junction_the_middle_of_the_side_turned_to_the_ego_meets_the_middle_of_its_front(name: str) -> None:
    (scenario,) = load(find(name))
    target_kmh, heading = AT_JUNCTIONS[name]
    junction = scenario.scene.road.junction
    assert junction is not None
    for variation in corners(scenario):
        values, concrete = scenario.parameters(variation), scenario.concrete(variation)
        target, ego = concrete.actors[0], concrete.ego_speed_mps
        met = target.meets
        assert met is not None
        assert met.impact == 0.5
        wanted = place(concrete, target, make_road(concrete, 500.0)).meets_s if met.time_s is None else met.time_s
        assert wanted is not None
        scene = expand(scenario, seed=5, variation=variation, duration_s=wanted + 0.5)
        found = impact_of(scene)
        assert found.offset == pytest.approx(0.0, abs=0.1)
        if name == "ncap-cccscp":  # its lane is half a lane behind the middle of the arm
            wanted = (junction.at + 1.75 - target.width / 2 - EGO_FRONT_M) / ego
        assert found.time_s == pytest.approx(wanted, abs=0.1)
        assert found.ego_mps == pytest.approx(float(values["ego_speed"]), abs=0.01)
        speed = float(values["target_speed"]) if target_kmh is None else target_kmh * kmh
        assert found.target_mps == pytest.approx(speed, abs=0.01)
        seen = np.degrees(target_heading(scene)), np.degrees(found.turned_rad)
        assert abs((seen[0] - heading + 180.0) % 360.0 - 180.0) < 0.5, "straight across or along"
        if "cp" in name or "cb" in name:
            assert 60.0 < abs(seen[1]) < 120.0, "the ego is nearly through its turn, they cross"


def target_heading(scene: Scene) -> float:
    return float(next(actor for actor in scene.actors if actor.id == "target").track.yaw_rad[-1])


@pytest.mark.parametrize("name", ["ncap-ccrb", "ncap-cmrb"])
def test_a_braking_target_brakes_as_written_from_the_gap_that_is_written(name: str) -> None:
    (scenario,) = load(find(name))
    for variation in corners(scenario):
        scene, values = expand(scenario, seed=5, variation=variation, duration_s=3.0), scenario.parameters(variation)
        target = next(actor for actor in scene.actors if actor.id == "target")
        gap = target.track.positions[:, 0] - scene.ego.positions[:, 0] - target.length / 2 - EGO_FRONT_M
        rate = float(values.get("braking", 4.0))
        expected = np.maximum(50 * kmh - rate * np.maximum(np.arange(30) / 10 - 1.0, 0.0), 0.0)
        np.testing.assert_allclose(target.track.speed_mps, expected, atol=0.02)
        np.testing.assert_allclose(scene.ego.speed_mps[:11], 50 * kmh, atol=1e-9)
        np.testing.assert_allclose(gap[:11], float(values["gap"]), atol=0.01)


def test_the_door_stands_in_the_cyclists_way_when_it_is_open_and_not_before() -> None:
    (scenario,) = load(find("ncap-cbda"))
    scene = expand(scenario, seed=5, variation=2)
    door = next(actor for actor in scene.actors if actor.id == "parked-door")
    target = next(actor for actor in scene.actors if actor.id == "target")
    assert not door.track.present[:20].any() and door.track.present[21:].all()
    np.testing.assert_allclose(target.track.speed_mps[:28], 15 * kmh, atol=1e-6)
    # Open it reaches beyond the cyclist's middle, and he would be there within the second.
    frame = 30
    tip = door.track.positions[frame, :2] + 0.5 * door.length * np.array(
        [np.cos(door.track.yaw_rad[frame]), np.sin(door.track.yaw_rad[frame])]
    )
    assert tip[1] > target.track.positions[frame, 1] > door.track.positions[frame, 1] - 0.5 * door.length
    away = door.track.positions[20, 0] - target.length / 2 - target.track.positions[20, 0]
    assert 1.2 < away / (15 * kmh) < 3.0
    assert target.track.speed_mps[-1] == pytest.approx(0.0, abs=0.01)
