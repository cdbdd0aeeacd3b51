"""The traffic simulation: same start, different developments, no crashes among ordinary drivers, scripts obeyed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from driving import CAR, actor, run, straight
from shapely import Polygon

from drivesim.errors import InputError
from drivesim.geometry import footprint, wrap_angle
from drivesim.traffic.cross_section import RAMP_END_M
from drivesim.traffic.dimensions import EGO_LENGTH_M, EGO_REAR_M, EGO_WIDTH_M
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.simulation import (
    ActorPlan,
    AmbientTraffic,
    Brake,
    EgoPlan,
    LaneChange,
    Manoeuvre,
    SpeedChange,
    Stop,
    TrafficResult,
    Trigger,
)


def vehicle_shapes(result: TrafficResult, frame: int) -> list[tuple[str, Polygon]]:
    ego = result.ego.pose(frame)
    ahead = EGO_LENGTH_M / 2.0 - EGO_REAR_M
    x, y = ego.x + ahead * np.cos(ego.yaw_rad), ego.y + ahead * np.sin(ego.yaw_rad)
    shapes = [("ego", Polygon(footprint(x, y, EGO_LENGTH_M, EGO_WIDTH_M, ego.yaw_rad)))]
    for one in result.actors:
        if one.track.present[frame] and one.category != "pedestrian":
            box = one.box(frame)
            shapes.append((one.id, Polygon(footprint(box.x, box.y, box.length, box.width, box.yaw_rad))))
    return shapes


@pytest.mark.parametrize(
    ("road_type", "lanes", "seed"), [("motorway", 3, 1), ("motorway", 2, 2), ("rural", 1, 3), ("urban", 2, 4)]
)
def test_ordinary_traffic_never_overlaps(road_type, lanes, seed):
    road = build_road(road_type, lanes=lanes, ego_lane=1, length_m=2500.0, rng=seed)
    ambient = AmbientTraffic(
        seed=seed,
        density_per_km=22.0,
        oncoming_per_km=15.0,
        parked_share=0.5,
        pedestrians_per_km=20.0,
        cyclists_per_km=6.0,
    )
    speed = 0.8 * road.speed_limit_mps
    result = run(
        road, EgoPlan(speed=speed, lane=1, desired_speed=1.1 * speed, free=True), [], 25.0, seed, ambient=ambient
    )
    for frame in range(0, 250, 5):
        for (first, one), (second, other) in itertools.combinations(vehicle_shapes(result, frame), 2):
            assert not one.intersects(other) or one.intersection(other).area < 0.01, (frame, first, second)


def test_same_start_then_different_developments():
    road = build_road("motorway", lanes=3, ego_lane=2, length_m=2500.0, rng=5)
    plans = [
        ActorPlan(id="lead", **CAR, s=45.0, lane=2, speed=24.0),
        ActorPlan(id="side", **CAR, s=15.0, lane=3, speed=26.0),
    ]
    ambient = AmbientTraffic(seed=3)
    ego = EgoPlan(speed=25.0, lane=2)
    first, again, other = (run(road, ego, plans, 20.0, seed, ambient=ambient) for seed in (1, 1, 2))
    assert [x.id for x in first.actors] == [x.id for x in again.actors]
    assert np.array_equal(first.ego.positions, again.ego.positions)
    start = {x.id: x for x in first.actors if x.track.present[0]}
    other_start = {x.id: x for x in other.actors if x.track.present[0]}
    assert start.keys() == other_start.keys() and len(start) > 10
    for name, one in start.items():
        assert np.array_equal(one.track.positions[0], other_start[name].track.positions[0])
        assert one.track.yaw_rad[0] == other_start[name].track.yaw_rad[0]
        assert one.track.speed_mps[0] == other_start[name].track.speed_mps[0]
    apart = np.linalg.norm(first.ego.positions[-1] - other.ego.positions[-1])
    assert 0.5 < apart < 250.0


def test_tracks_are_kinematically_plausible():
    road = build_road("rural", lanes=1, ego_lane=1, length_m=2500.0, rng=8)
    result = run(road, EgoPlan(speed=18.0, lane=1), [], 30.0, 4, ambient=AmbientTraffic(seed=1, density_per_km=20.0))
    for track in [result.ego] + [x.track for x in result.actors if x.track.present.all()]:
        step = np.diff(track.positions[:, :2], axis=0)
        mean_speed = 0.5 * (track.speed_mps[1:] + track.speed_mps[:-1])
        assert np.linalg.norm(step, axis=1) / 0.1 == pytest.approx(mean_speed, abs=0.35)
        moving = mean_speed > 1.0
        travel = np.arctan2(step[:, 1], step[:, 0])
        assert np.abs(wrap_angle(travel - track.yaw_rad[1:]))[moving].max() < 0.03
        assert np.diff(track.speed_mps).min() >= -0.81 and np.diff(track.speed_mps).max() < 0.4


def test_ego_stops_behind_a_standing_car():
    plans = [ActorPlan(id="stalled", **CAR, s=120.0, lane=1, speed=0.0, parked=True)]
    road = straight("rural", 1, 1)
    result = run(road, EgoPlan(speed=22.0, lane=1), plans, 30.0)
    gap = 120.0 - 2.25 - (result.ego.positions[-1, 0] + 3.6)
    assert result.ego.speed_mps[-1] < 0.05 and 0.8 < gap < 6.0


@pytest.mark.parametrize("seed", range(3))
def test_lane_change_ends_in_the_target_lane(seed):
    cut = Manoeuvre(id="cut", action=LaneChange(to_lane=2, over_s=3.0), trigger=Trigger(at_s=2.0))
    plans = [ActorPlan(id="challenger", **CAR, s=25.0, lane=3, speed=25.0, manoeuvres=(cut,))]
    road = straight()
    result = run(road, EgoPlan(speed=24.0, lane=2), plans, 10.0, seed)
    track = actor(result, "challenger").track
    assert result.event_times == {"cut": 2.0}
    assert track.positions[:20, 1] == pytest.approx(3.5, abs=0.3)
    assert track.positions[60:, 1] == pytest.approx(0.0, abs=0.3)
    assert np.degrees(np.abs(track.yaw_rad)).max() < 8.0
    assert track.yaw_rad[32] < -0.02


def test_lane_change_waits_for_a_vehicle_beside_and_can_be_forced():
    for force in (False, True):
        change = Manoeuvre(id="change", action=LaneChange(to_d=-5.25, force=force), within_s=3.0)
        plans = [
            ActorPlan(id="mover", **CAR, s=40.0, lane=3, speed=20.0, manoeuvres=(change,)),
            ActorPlan(id="beside", **CAR, s=40.0, lane=2, speed=20.0, free=False),
        ]
        road = straight()
        result = run(road, EgoPlan(speed=15.0, lane=1), plans, 4.0)
        assert result.event_times["change"] == (0.0 if force else None)


def test_an_ego_that_reacts_changes_lanes_when_nobody_runs_into_it_and_one_that_does_not_at_once():
    change = Manoeuvre(id="change", action=LaneChange(to_lane=2, over_s=2.0))
    fast = ActorPlan(id="fast", **CAR, s=-16.0, lane=2, speed=33.0, desired_speed=33.0, free=False)
    for steady in (False, True):
        ego = EgoPlan(speed=18.0, desired_speed=18.0, lane=1, manoeuvres=(change,), steady=steady)
        result = run(straight(), ego, [fast], 6.0)
        passed_s = float(np.argmax(actor(result, "fast").track.positions[:, 0] > result.ego.positions[:, 0])) / 10.0
        started = result.event_times["change"]
        assert started is not None
        assert (len(result.crashes) > 0) == steady
        assert started == 0.0 if steady else started > passed_s > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_free_merge_leaves_the_ramp_before_its_end(seed):
    road = straight("motorway", 3, 1, ramp="right")
    ramp = next(lane for lane in road.lanes if lane.kind == "ramp")
    plans = [ActorPlan(id="merger", **CAR, s=18.0, lane=0, speed=22.0, desired_speed=27.0)]
    ambient = AmbientTraffic(seed=seed, density_per_km=14.0)
    result = run(road, EgoPlan(speed=25.0, lane=1), plans, 25.0, seed, ambient=ambient)
    track = actor(result, "merger").track
    on_ramp = np.abs(track.positions[:, 1] - ramp.offset + road.lanes[0].offset) < 1.0
    assert on_ramp[0] and not on_ramp[-1]
    assert track.positions[on_ramp, 0].max() < RAMP_END_M


def test_nobody_drives_beyond_the_end_of_a_ramp():
    road = straight("motorway", 2, 1, ramp="right")
    plans = [ActorPlan(id="stuck", **CAR, s=30.0, lane=0, speed=20.0, free=False)]
    result = run(road, EgoPlan(speed=20.0, lane=1), plans, 45.0)
    track = actor(result, "stuck").track
    assert track.speed_mps[-1] < 0.1 and RAMP_END_M - 12.0 < track.positions[-1, 0] < RAMP_END_M - 2.0


def test_after_a_crash_nobody_drives_through_anybody():
    road = straight("rural", 1, 1)
    change = Manoeuvre(id="swerve", action=LaneChange(to_d=-1.75, over_s=1.0, force=True), trigger=Trigger(at_s=1.0))
    towards = ActorPlan(id="towards", **CAR, s=75.0, lane=1, direction=-1, speed=15.0, manoeuvres=(change,))
    result = run(road, EgoPlan(speed=15.0, lane=1), [towards], 8.0)
    shapes = [dict(vehicle_shapes(result, frame)) for frame in range(80)]
    overlap = [one["ego"].intersection(one["towards"]).area for one in shapes]
    assert 0.0 < max(overlap) < 4.5
    assert result.ego.speed_mps[-1] == 0.0 and actor(result, "towards").track.speed_mps[-1] == 0.0
    assert actor(result, "towards").track.positions[-1, 0] > result.ego.positions[-1, 0]


def test_speed_brake_stop_and_after():
    script = (
        Manoeuvre(id="faster", action=SpeedChange(to_mps=26.0, over_s=3.0), trigger=Trigger(at_s=1.0)),
        Manoeuvre(
            id="brake", action=Brake(deceleration_mps2=5.0, to_mps=10.0), trigger=Trigger(after="faster", delay_s=1.0)
        ),
        Manoeuvre(id="stop", action=Stop(), trigger=Trigger(after="brake", delay_s=2.0)),
    )
    plans = [ActorPlan(id="lead", **CAR, s=150.0, lane=2, speed=20.0, manoeuvres=script)]
    result = run(straight(), EgoPlan(speed=15.0, lane=2), plans, 25.0)
    speed = actor(result, "lead").track.speed_mps
    times = result.event_times
    assert times["faster"] == 1.0 and times["brake"] == pytest.approx(5.0, abs=0.4)
    assert speed[int(times["brake"] * 10) - 5] == pytest.approx(26.0, abs=0.4)
    during = np.diff(speed)[int(times["brake"] * 10) + 2 : int(times["brake"] * 10) + 20] / 0.1
    assert during == pytest.approx(-5.0, abs=0.01)
    assert speed[int(times["stop"] * 10)] == pytest.approx(10.0, abs=0.7)
    assert speed[-1] == 0.0


def test_gap_and_distance_triggers():
    near = (
        Manoeuvre(id="gap", action=SpeedChange(to_mps=16.0), trigger=Trigger(gap_below_m=30.0)),
        Manoeuvre(id="distance", action=SpeedChange(to_mps=16.0), trigger=Trigger(distance_below_m=30.0)),
    )
    plans = [ActorPlan(id="slow", **CAR, s=90.0, lane=1, speed=15.0, manoeuvres=near)]
    result = run(straight(), EgoPlan(speed=25.0, lane=2), plans, 20.0)
    track, ego = actor(result, "slow").track, result.ego
    for name, extra in (("gap", 2.25 + 3.6), ("distance", 0.0)):
        frame = round(result.event_times[name] * 10)
        away = track.positions[frame, 0] - ego.positions[frame, 0] - extra
        assert 28.0 < away < 30.1


def test_ego_passes_a_cyclist_with_room():
    road = straight("rural", 1, 1)
    plans = [
        ActorPlan(
            id="bike",
            category="bicycle",
            length=1.8,
            width=0.6,
            height=1.75,
            kind="cyclist",
            s=60.0,
            d=-3.05,
            speed=5.0,
        )
    ]
    result = run(road, EgoPlan(speed=16.0, lane=1), plans, 16.0)
    bike = actor(result, "bike").track.positions
    assert result.ego.positions[-1, 0] > bike[-1, 0] + 10.0
    beside = np.abs(bike[:, 0] - result.ego.positions[:, 0] - 1.3) < 3.0
    assert beside.any()
    side_gap = result.ego.positions[beside, 1] - bike[beside, 1] - (EGO_WIDTH_M + 0.6) / 2
    assert side_gap.min() > 0.6
    assert abs(result.ego.positions[-1, 1]) < 0.4


def test_long_drives_never_run_empty_and_newcomers_appear_far_away():
    road = build_road("motorway", lanes=2, ego_lane=1, length_m=4500.0, rng=3)
    result = run(road, EgoPlan(speed=26.0, lane=1), [], 70.0, ambient=AmbientTraffic(seed=2))
    ego = result.ego.positions
    near = np.zeros(700, dtype=int)
    for one in result.actors:
        away = np.linalg.norm(one.track.positions - ego, axis=1)
        near += one.track.present & (away < 180.0)
        first = int(np.argmax(one.track.present))
        if first > 0:
            assert away[first] > 80.0
            heading = one.track.positions[first] - ego[first]
            ahead = heading[0] * np.cos(result.ego.yaw_rad[first]) + heading[1] * np.sin(result.ego.yaw_rad[first])
            assert ahead < 0.0 or away[first] > 150.0
    assert near[10:].min() >= 2 and np.median(near) > 6


@pytest.mark.parametrize(("fps", "frames"), [(10.0, 60), (8.0, 48), (25.0, 150)])
def test_any_frame_rate(fps, frames):
    plans = [ActorPlan(id="lead", **CAR, s=30.0, lane=2, speed=20.0)]
    result = run(straight(), EgoPlan(speed=20.0, lane=2), plans, 6.0, fps=fps)
    assert len(result.ego) == frames == len(actor(result, "lead").track)
    assert result.ego.positions[-1, 0] == pytest.approx(20.0 * (frames - 1) / fps, rel=0.1)
    assert actor(result, "lead").track.positions[0, 2] == 0.75 and result.ego.positions[0, 2] == 0.0


def test_oncoming_and_left_hand_traffic_face_the_right_way():
    for side in ("right", "left"):
        road = straight("rural", 1, 1, traffic_side=side)
        plans = [ActorPlan(id="towards", **CAR, s=120.0, lane=1, direction=-1, speed=15.0)]
        track = actor(run(road, EgoPlan(speed=15.0, lane=1), plans, 3.0), "towards").track
        assert abs(abs(track.yaw_rad[0]) - np.pi) < 1e-6
        assert track.positions[-1, 0] < 80.0
        assert (track.positions[0, 1] > 0) == (side == "right")


def test_unusable_plans_are_refused():
    road, ego = straight(lanes=2, ego_lane=1), EgoPlan(speed=10.0, lane=1)
    stop = Manoeuvre(id="stop", action=Stop())
    wrong = [
        [ActorPlan(id="a", **CAR, lane=5)],
        [ActorPlan(id="a", **CAR, lane=1, s=20.0, manoeuvres=(stop, stop))],
        [
            ActorPlan(
                id="a",
                **CAR,
                lane=1,
                s=20.0,
                manoeuvres=(Manoeuvre(id="b", action=Stop(), trigger=Trigger(after="c")),),
            )
        ],
        [ActorPlan(id="a", **CAR, lane=1, s=20.0, manoeuvres=(Manoeuvre(id="b", action=LaneChange(to_lane=7)),))],
    ]
    for plans in wrong:
        with pytest.raises(InputError):
            run(road, ego, plans, 1.0)
