"""Measures of danger against closed forms: one car behind another, two paths that cross, and brute force."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import shapely

from drivesim.metrics.criticality import (
    EgoSize,
    braking_need,
    criticality,
    first_collision,
    free_space,
    is_off_road,
    largest,
    off_road_distance,
    post_encroachment,
    smallest,
    time_exposed,
    time_headway,
    time_integrated,
    time_to_collision,
)
from drivesim.metrics.criticality.footprints import actor_footprints, ego_footprints, overlapping
from drivesim.metrics.criticality.ttc import first_contact
from drivesim.scenarios import load
from drivesim.scenarios.expand import expand
from drivesim.scene import Actor, Track
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_REAR_M, EGO_WIDTH_M
from drivesim.traffic.road_builder import build_road

FPS = 10.0


def straight(x: float, y: float, speed: float, *, yaw: float = 0.0, frames: int = 61, fps: float = FPS) -> Track:
    """Even motion along ``yaw`` from (x, y)."""
    way = speed * np.arange(frames) / fps
    return Track(
        positions=np.stack([x + way * np.cos(yaw), y + way * np.sin(yaw), np.zeros(frames)], axis=1),
        yaw_rad=np.full(frames, yaw),
        speed_mps=np.full(frames, speed),
        present=np.ones(frames, dtype=bool),
    )


def car(track: Track, *, length: float = 4.0, width: float = 2.0, category: str = "car") -> Actor:
    return Actor(id="other", category=category, length=length, width=width, height=1.5, track=track)


def hidden(actor: Actor, frames: slice) -> Actor:
    present = actor.track.present.copy()
    present[frames] = False
    return dataclasses.replace(actor, track=dataclasses.replace(actor.track, present=present))


def test_the_ego_is_as_large_as_the_scenarios_say() -> None:
    assert EgoSize() == EgoSize(front_m=EGO_FRONT_M, rear_m=EGO_REAR_M, width_m=EGO_WIDTH_M)
    corners = ego_footprints(straight(0.0, 0.0, 10.0)).corners()[0]
    assert corners[:, 0].max() == pytest.approx(3.6) and corners[:, 0].min() == pytest.approx(-1.0)


def test_following_in_closed_form() -> None:
    ego, lead = straight(0.0, 0.0, 20.0), car(straight(45.6, 0.0, 12.0))
    gap = 45.6 - 2.0 - 3.6 - 8.0 * np.arange(61) / FPS
    before = gap > 0.0
    ttc = time_to_collision(ego, lead, horizon_s=10.0)
    assert ttc[before] == pytest.approx(gap[before] / 8.0)
    assert (ttc[gap < -0.1] == 0.0).all()
    assert np.isinf(time_to_collision(ego, lead, horizon_s=3.0)[gap > 24.1]).all()
    assert time_headway(ego, lead)[before] == pytest.approx(gap[before] / 20.0)
    assert braking_need(ego, lead)[before] == pytest.approx(64.0 / (2.0 * gap[before]))
    assert free_space(ego, lead)[before] == pytest.approx(gap[before])


def test_who_is_not_in_the_way() -> None:
    ego = straight(0.0, 0.0, 20.0)
    beside, faster = car(straight(30.0, 3.5, 10.0)), car(straight(30.0, 0.0, 25.0))
    behind = car(straight(-30.0, 0.0, 25.0, frames=41))
    assert np.isinf(time_to_collision(ego, beside, horizon_s=9.0)).all()
    assert np.isinf(time_headway(ego, beside)).all() and (braking_need(ego, beside) == 0.0).all()
    assert free_space(ego, beside).min() == pytest.approx(3.5 - 1.0 - 0.925)
    assert np.isinf(time_to_collision(ego, faster)).all() and (braking_need(ego, faster) == 0.0).all()
    assert np.isinf(time_headway(straight(0.0, 0.0, 20.0, frames=41), behind)).all()
    assert time_to_collision(straight(0.0, 0.0, 20.0, frames=41), behind, horizon_s=9.0)[0] == pytest.approx(27.0 / 5.0)


def test_absent_frames_are_unknown_and_unequal_ones_refused() -> None:
    ego, lead = straight(0.0, 0.0, 20.0), hidden(car(straight(45.6, 0.0, 12.0)), slice(0, 20))
    for curve in (
        time_to_collision(ego, lead),
        time_headway(ego, lead),
        braking_need(ego, lead),
        free_space(ego, lead),
    ):
        assert np.isnan(curve[:20]).all() and not np.isnan(curve[20:]).any()
    assert np.isnan(post_encroachment(ego, hidden(lead, slice(None)), FPS))
    with pytest.raises(ValueError, match="61 frames, actor 'other' 41"):
        time_to_collision(ego, car(straight(0.0, 0.0, 1.0, frames=41)))


def test_ttc_agrees_with_brute_force_on_random_pairs() -> None:
    rng = np.random.default_rng(3)
    count, step = 400, 0.04
    places, yaws, speeds = (
        rng.uniform(-14, 14, (count, 2)),
        rng.uniform(-4, 4, (2, count)),
        rng.uniform(0, 20, (2, count)),
    )
    ego = Track(
        positions=np.zeros((count, 3)), yaw_rad=yaws[0], speed_mps=speeds[0], present=np.ones(count, dtype=bool)
    )
    other = Track(
        positions=np.column_stack([places, np.zeros(count)]),
        yaw_rad=yaws[1],
        speed_mps=speeds[1],
        present=np.ones(count, dtype=bool),
    )
    first, second = ego_footprints(ego), actor_footprints(car(other))
    found = np.full(count, np.inf)
    for moment in np.arange(0.0, 3.0, step)[::-1]:
        moved = [dataclasses.replace(one, centre=one.centre + moment * one.velocity()) for one in (first, second)]
        shapes = [shapely.polygons(one.corners()) for one in moved]
        found[shapely.area(shapely.intersection(*shapes)) > 1e-9] = moment
    exact = first_contact(first, second, 3.0)
    hit = np.isfinite(found)
    assert 30 < hit.sum() < 200
    assert (exact[hit] <= found[hit] + 1e-9).all() and (exact[hit] > found[hit] - step - 1e-9).all()
    # What only the exact moment finds is a touch shorter than a step, or one at the very end.
    assert np.count_nonzero(np.isfinite(exact) & ~hit) <= 3


def test_overlap_of_turned_boxes() -> None:
    """The corner of a box turned by 45 degrees reaches between two circles but not through a side."""
    size = EgoSize(front_m=1.0, rear_m=1.0, width_m=2.0)
    ego = straight(0.0, 0.0, 0.0, frames=1)
    for x, expected in ((1.0 + np.sqrt(2.0) - 0.01, True), (1.0 + np.sqrt(2.0) + 0.01, False)):
        turned = car(straight(x, 0.0, 0.0, yaw=np.pi / 4, frames=1), length=2.0)
        assert bool(overlapping(ego_footprints(ego, size), actor_footprints(turned))[0]) is expected


@pytest.mark.parametrize("late", [-1.3, 0.8, 2.5])
def test_pet_of_a_perpendicular_crossing_in_closed_form(late: float) -> None:
    """The ego passes a strip 1 m wide; a walker enters the ego's strip ``late`` seconds after it has left, or before."""
    ego_speed, pace, size = 10.0, 2.0, EgoSize(front_m=3.6, rear_m=1.0, width_m=2.0)
    in_at, out_at = (20.0 - 0.5 - 3.6) / ego_speed, (20.0 + 0.5 + 1.0) / ego_speed
    walker_in = out_at + late if late > 0 else in_at + late - (2.0 + 1.0) / pace
    start_y = -1.0 - 0.5 - pace * walker_in
    walker = car(straight(20.0, start_y, pace, yaw=np.pi / 2, frames=81), length=1.0, width=1.0, category="pedestrian")
    ego = straight(0.0, 0.0, ego_speed, frames=81)
    assert post_encroachment(ego, walker, FPS, size=size) == pytest.approx(abs(late), abs=0.045)


def test_pet_of_a_crash_is_negative_and_of_separate_paths_infinite() -> None:
    ego = straight(0.0, 0.0, 10.0)
    struck = car(straight(20.0, -3.0, 1.5, yaw=np.pi / 2), length=1.0, width=1.0)
    assert post_encroachment(ego, struck, FPS) < 0.0
    assert first_collision(ego, struck) is not None
    assert post_encroachment(ego, car(straight(0.0, 3.5, 12.0)), FPS) == float("inf")
    assert post_encroachment(ego, car(straight(0.0, 300.0, 12.0)), FPS) == float("inf")


def test_pet_on_one_lane_is_the_time_gap() -> None:
    ego, lead = straight(0.0, 0.0, 20.0), car(straight(35.6, 0.0, 20.0))
    assert post_encroachment(ego, lead, FPS) == pytest.approx(30.0 / 20.0, abs=0.045)


def test_exposure_by_hand() -> None:
    ttc = np.array([np.nan, np.inf, 2.0, 1.5, 1.0, 0.5, 1.2])
    assert time_exposed(ttc, FPS, 1.5) == pytest.approx(0.3)
    assert time_integrated(ttc, FPS, 1.5) == pytest.approx((0.5 + 1.0 + 0.3) / FPS)
    assert time_exposed(ttc, FPS, 0.1) == 0.0 == time_integrated(ttc, FPS, 0.1)
    assert (smallest(ttc).value, smallest(ttc).frame, smallest(ttc).time_s(FPS)) == (0.5, 5, 0.5)
    assert largest(ttc).value == np.inf and np.isnan(smallest(ttc[:1]).value) and smallest(ttc[:1]).frame is None


def test_kinds_of_collision() -> None:
    ego = straight(0.0, 0.0, 10.0)
    found = {
        "front": car(straight(25.0, 0.0, 4.0)),
        "stopped_actor": car(straight(25.0, 0.0, 0.0)),
        "rear": car(straight(-12.0, 0.0, 14.0)),
        "lateral": car(straight(1.3, 6.0, 10.0 * np.sqrt(2.0), yaw=-np.pi / 4)),
    }
    for kind, actor in found.items():
        crash = first_collision(ego, actor)
        assert crash is not None and crash.kind == kind
    crash = first_collision(ego, found["front"])
    assert crash is not None and crash.relative_mps == pytest.approx(6.0)
    assert crash.frame == int(np.floor((25.0 - 2.0 - 3.6) / 6.0 * FPS)) + 1
    stopped = first_collision(straight(0.0, 0.0, 0.0), found["rear"])
    assert stopped is not None and stopped.kind == "stopped_ego"
    assert first_collision(ego, car(straight(25.0, 3.5, 0.0))) is None
    assert first_collision(ego, hidden(found["front"], slice(30, None))) is None


def test_the_road_tells_who_leads_in_a_bend() -> None:
    road = build_road(
        "motorway", lanes=2, ego_lane=1, length_m=400.0, rng=np.random.default_rng(0), curvature=1 / 300.0
    )
    s = 20.0 * np.arange(40) / FPS
    own, lead = (road.to_world(s + start, 0.0) for start in (0.0, 60.0))
    ego, other = (
        Track(
            positions=np.stack([x, y, np.zeros(40)], axis=1),
            yaw_rad=yaw,
            speed_mps=np.full(40, 20.0),
            present=np.ones(40, dtype=bool),
        )
        for x, y, yaw in (own, lead)
    )
    with_road = time_headway(ego, car(other), road=road)
    assert with_road == pytest.approx((60.0 - 2.0 - 3.6) / 20.0, abs=0.03)
    assert np.isinf(time_headway(ego, car(other))[25:]).all(), "straight on, the lead has left the path"


def test_off_road_by_hand() -> None:
    road = build_road("rural", lanes=1, ego_lane=1, length_m=200.0, rng=np.random.default_rng(0), curvature=0.0)
    area = road.drivable(-20.0, 120.0)
    half_width = 0.5 * EgoSize().width_m
    left = area.bounds[3] - half_width
    for beyond, off in ((-0.5, False), (0.2, False), (0.4, True), (2.0, True)):
        distance = off_road_distance(straight(0.0, left + beyond, 10.0, frames=30), road)
        assert distance == pytest.approx(max(beyond, 0.0), abs=1e-6)
        assert is_off_road(distance).all() == off
    parked = hidden(car(straight(30.0, left, 0.0, frames=30)), slice(0, 10))
    assert np.isnan(off_road_distance(parked, road)[:10]).all()
    assert off_road_distance(parked, road)[10:] == pytest.approx(1.0 - half_width, abs=1e-6)


def test_the_closer_the_cut_in_the_worse_every_measure() -> None:
    """A severity ladder: the same lead, ever nearer and slower."""
    ego = straight(0.0, 0.0, 20.0, frames=21)
    ladder = [(60.0, 18.0), (40.0, 15.0), (30.0, 12.0), (24.0, 10.0)]
    found = [criticality(ego, [car(straight(x, 0.0, v, frames=21))], FPS, horizon_s=60.0)[0] for x, v in ladder]
    for worse, better in zip(found[1:], found, strict=False):
        assert smallest(worse.ttc_s).value < smallest(better.ttc_s).value
        assert smallest(worse.thw_s).value < smallest(better.thw_s).value
        assert largest(worse.drac_mps2).value > largest(better.drac_mps2).value
        assert smallest(worse.gap_m).value < smallest(better.gap_m).value
        assert worse.pet_s < better.pet_s
        assert worse.tet_s >= better.tet_s and worse.tit_s2 >= better.tit_s2
    assert found[-1].tet_s > 0.0 == found[0].tet_s
    assert found[-1].collision is not None and found[0].collision is None


def test_a_whole_scene_is_measured() -> None:
    (scenario,) = load(Path(__file__).parents[2] / "scenarios/library/highway-cut-in.yaml")
    scene = expand(scenario, seed=1, duration_s=8.0)
    found = {one.actor_id: one for one in criticality(scene.ego, scene.actors, scene.fps, road=scene.road)}
    seen = {actor.id for actor in scene.actors if actor.track.present.any()}
    assert set(found) == seen
    assert np.isfinite(smallest(found["lead"].thw_s).value)
    crashed = {name for name, one in found.items() if one.collision is not None}
    assert crashed == {name for name, one in found.items() if one.pet_s < 0.0}
