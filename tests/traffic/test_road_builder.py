"""Roads pass through the ego's lane, bend within limits and carry the lanes, paint and strips of their type."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from drivesim.errors import InputError
from drivesim.road import line_offset, strip_edges
from drivesim.traffic.cross_section import RAMP_END_M
from drivesim.traffic.road_builder import build_road

ROAD_TYPES = ("motorway", "rural", "urban")
SMALLEST_RADIUS = {"motorway": 800.0, "rural": 150.0, "urban": 80.0}


@given(
    road_type=st.sampled_from(ROAD_TYPES),
    lanes=st.integers(1, 4),
    data=st.data(),
    seed=st.integers(0, 10_000),
    side=st.sampled_from(("right", "left")),
)
@settings(max_examples=40, deadline=None)
def test_ego_lane_passes_the_origin_along_x(road_type, lanes, data, seed, side):
    ego_lane = data.draw(st.integers(1, lanes))
    road = build_road(road_type, lanes=lanes, ego_lane=ego_lane, length_m=600.0, rng=seed, traffic_side=side)
    lane = next(x for x in road.lanes if x.number == ego_lane and x.direction == 1)
    x, y, yaw = road.to_world(0.0, lane.offset)
    assert float(x) == pytest.approx(0.0, abs=1e-9)
    assert float(y) == pytest.approx(0.0, abs=1e-9)
    assert float(yaw) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("road_type", ROAD_TYPES)
@pytest.mark.parametrize("seed", range(4))
def test_five_minutes_of_road_bend_within_limits_and_never_meet_themselves(road_type, seed):
    road = build_road(road_type, lanes=2, ego_lane=1, length_m=8000.0, rng=seed)
    turn = np.abs(np.diff(road.reference[:, 2])) / road.spacing
    assert turn.max() <= 1.02 / SMALLEST_RADIUS[road_type]
    assert np.linalg.norm(np.diff(road.reference[:, :2], axis=0), axis=1) == pytest.approx(road.spacing, abs=1e-3)
    # Ever onwards along x: no coil, whatever the length.
    assert np.diff(road.reference[:, 0]).min() > 0.0
    assert np.abs(np.diff(turn)).max() < 0.25 / SMALLEST_RADIUS[road_type]


@pytest.mark.parametrize("curvature", [0.01, -0.02, 0.002])
def test_given_curvature_bends_that_way_at_the_ego(curvature):
    road = build_road("rural", lanes=1, ego_lane=1, length_m=3000.0, curvature=curvature)
    _, _, yaw = road.frame_at(np.array([0.0, 20.0]))
    assert (yaw[1] - yaw[0]) / 20.0 == pytest.approx(curvature, rel=0.02)
    assert np.abs(road.reference[:, 2]).max() < np.pi


def test_straight_and_seeded_roads():
    straight = build_road("urban", lanes=2, ego_lane=1, length_m=500.0, curvature="straight")
    assert np.ptp(straight.reference[:, 1]) == 0.0
    first, same, other = (build_road("rural", lanes=1, ego_lane=1, length_m=2000.0, rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.reference, same.reference)
    assert not np.array_equal(first.reference, other.reference)


@given(s=st.floats(-150.0, 900.0), d=st.floats(-12.0, 12.0), seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_to_world_and_back(s, d, seed):
    road = build_road("urban", lanes=2, ego_lane=1, length_m=1000.0, rng=seed)
    x, y, _ = road.to_world(np.array([s]), np.array([d]))
    found_s, found_d = road.to_road(x, y, np.array([s + 3.0]))
    assert found_s[0] == pytest.approx(s, abs=0.02)
    assert found_d[0] == pytest.approx(d, abs=0.02)


@pytest.mark.parametrize("road_type", ROAD_TYPES)
@pytest.mark.parametrize("ramp", [None, "right", "left"])
def test_left_hand_traffic_is_the_mirror_image(road_type, ramp):
    mirrored_ramp = {"right": "left", "left": "right", None: None}[ramp]
    right = build_road(road_type, lanes=2, ego_lane=1, length_m=500.0, curvature="straight", ramp=ramp)
    left = build_road(
        road_type, lanes=2, ego_lane=1, length_m=500.0, curvature="straight", ramp=mirrored_ramp, traffic_side="left"
    )
    assert [lane.offset for lane in left.lanes] == [-lane.offset for lane in right.lanes]
    assert sorted(left.kerbs) == sorted(-kerb for kerb in right.kerbs)
    s = np.array([0.0, RAMP_END_M + 20.0, 400.0])
    for one, other in zip(right.strips, left.strips, strict=True):
        low, high = strip_edges(one, s)
        mirrored_low, mirrored_high = strip_edges(other, s)
        assert mirrored_low == pytest.approx(-high) and mirrored_high == pytest.approx(-low)
        assert (high >= low).all()
    for one, other in zip(right.lines, left.lines, strict=True):
        assert line_offset(other, s) == pytest.approx(-line_offset(one, s))


@pytest.mark.parametrize("road_type", ROAD_TYPES)
@pytest.mark.parametrize("ramp", [None, "right", "left"])
def test_every_lane_lies_on_asphalt(road_type, ramp):
    road = build_road(road_type, lanes=3, ego_lane=2, length_m=500.0, rng=5, ramp=ramp)
    ground = road.drivable(-50.0, 280.0).buffer(0.05)
    for lane in road.lanes:
        s = np.linspace(-40.0, 270.0, 156)
        for side in (-0.5, 0.5):
            x, y, _ = road.to_world(s, lane.offset + side * lane.width)
            assert ground.covers(LineString(np.stack([x, y], axis=1))), (lane, side)


def test_parts_of_each_road_type():
    motorway = build_road("motorway", lanes=3, ego_lane=2, length_m=500.0)
    assert any(strip.kind == "median" for strip in motorway.strips)
    own = [lane.offset for lane in motorway.lanes if lane.direction == 1]
    onward = [lane.offset for lane in motorway.lanes if lane.direction == -1]
    assert min(onward) - max(own) > 3.5 + 3.0
    urban = build_road("urban", lanes=1, ego_lane=1, length_m=500.0, crossings=[40.0], speed_limit_mps=8.3)
    assert len(urban.kerbs) == 2 and urban.crossings == (40.0,) and urban.speed_limit_mps == 8.3
    assert {strip.kind for strip in urban.strips} == {"asphalt", "pavement", "parking"}
    rural = build_road("rural", lanes=1, ego_lane=1, length_m=500.0, centre_colour="yellow")
    assert rural.kerbs == () and any(line.colour == "yellow" for line in rural.lines)
    numbers = [lane.number for lane in sorted(motorway.lanes, key=lambda x: x.offset) if lane.direction == 1]
    assert numbers == [1, 2, 3]


def test_ramp_ends_and_narrows_to_nothing():
    road = build_road("motorway", lanes=3, ego_lane=1, length_m=800.0, ramp="right", curvature="straight")
    ramp = next(lane for lane in road.lanes if lane.kind == "ramp")
    assert ramp.s_end == RAMP_END_M and ramp.offset < min(x.offset for x in road.lanes if x.kind == "driving")
    tapering = [line for line in road.lines if line.offset_end is not None]
    assert len(tapering) == 1
    kerb_edge = min(x.offset for x in road.lanes if x.kind == "driving") - 1.75
    assert line_offset(tapering[0], np.array([tapering[0].s_end]))[0] == pytest.approx(kerb_edge)


@pytest.mark.parametrize(
    "wrong",
    [
        {"road_type": "alley"},
        {"lanes": 0},
        {"ego_lane": 3},
        {"lane_width": 9.0},
        {"length_m": -1.0},
        {"curvature": "wild"},
        {"curvature": 0.5},
        {"oncoming_lanes": -1},
    ],
)
def test_impossible_roads_are_refused(wrong):
    arguments = {"road_type": "rural", "lanes": 2, "ego_lane": 1, "length_m": 100.0} | wrong
    with pytest.raises(InputError):
        build_road(arguments.pop("road_type"), **arguments)
