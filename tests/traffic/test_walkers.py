"""Pedestrians in the traffic simulation: crossing, yielding, hidden behind vehicles, and hit."""

from __future__ import annotations

import numpy as np
import pytest
from driving import CAR, PERSON, actor, run, straight

from drivesim.traffic.dimensions import EGO_LENGTH_M, EGO_WIDTH_M
from drivesim.traffic.fleet import Fleet
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.simulation import (
    ActorPlan,
    AmbientTraffic,
    EgoPlan,
    Manoeuvre,
    TrafficResult,
    Trigger,
    WalkTo,
)
from drivesim.traffic.yielding import hidden


def crossing_plan(trigger: Trigger, **more) -> ActorPlan:
    walk = Manoeuvre(id="crosses", action=WalkTo(y=6.0), trigger=trigger, within_s=6.0)
    return ActorPlan(id="walker", **PERSON, x=30.0, y=-4.4, yaw_rad=np.pi / 2, speed=1.4, manoeuvres=(walk,), **more)


def test_pedestrian_stands_then_crosses_when_the_ego_is_near():
    road = straight("urban", 1, 1)
    result = run(road, EgoPlan(speed=11.0, lane=1), [crossing_plan(Trigger(ttc_to_ego_below_s=2.0))], 14.0)
    start = result.event_times["crosses"]
    assert start is not None and 0.2 < start < 2.5
    track = actor(result, "walker").track
    before = int(start * 10)
    assert (track.speed_mps[: before + 1] == 0.0).all() and (track.positions[: before + 1, 1] == -4.4).all()
    assert track.positions[-1, :2] == pytest.approx([30.0, 6.0], abs=0.05) and track.speed_mps[-1] == 0.0
    walking = track.speed_mps[before + 2 : before + 40]
    # He may wait for the car to pass, else he keeps his pace.
    assert (np.abs(walking[walking > 0.0] - 1.4) < 0.12).all() and (walking > 0.0).sum() > 25


def test_pedestrian_who_is_never_called_stays():
    road = straight("urban", 1, 1)
    result = run(
        road, EgoPlan(speed=0.0, lane=1, desired_speed=0.1), [crossing_plan(Trigger(ttc_to_ego_below_s=2.0))], 8.0
    )
    assert result.event_times == {"crosses": None}
    assert np.ptp(actor(result, "walker").track.positions, axis=0).max() == 0.0


def closest_approach(result: TrafficResult) -> float:
    walker = actor(result, "walker").track.positions[:, :2]
    ego = result.ego.positions[:, :2] + [1.3, 0.0]
    dx = np.maximum(np.abs(walker[:, 0] - ego[:, 0]) - EGO_LENGTH_M / 2 - 0.3, 0.0)
    dy = np.maximum(np.abs(walker[:, 1] - ego[:, 1]) - EGO_WIDTH_M / 2 - 0.3, 0.0)
    return float(np.hypot(dx, dy).min())


@pytest.mark.parametrize("yields", [True, False])
def test_only_who_yields_waits_for_a_car_that_cannot_stop(yields):
    road = straight("urban", 1, 1)
    for seed in range(4):
        plan = crossing_plan(Trigger(ttc_to_ego_below_s=1.7), yields=yields)
        result = run(road, EgoPlan(speed=14.0, lane=1), [plan], 12.0, seed)
        track = actor(result, "walker").track
        under_way = (track.positions[:, 1] > -4.3) & (track.positions[:, 1] < 5.9)
        assert (track.speed_mps[under_way].min() == 0.0) == yields
        assert track.positions[-1, 1] == pytest.approx(6.0, abs=0.05)
        if yields:
            assert closest_approach(result) > 0.3


def test_ego_that_hits_a_pedestrian_brakes_to_a_stand():
    road = straight("urban", 1, 1)
    walker = ActorPlan(id="walker", **PERSON, x=10.0, y=-1.2, yaw_rad=np.pi / 2, speed=1.4)
    result = run(road, EgoPlan(speed=13.0, lane=1), [walker], 8.0)
    assert closest_approach(result) < 0.05
    assert result.ego.speed_mps[-1] == 0.0
    track = actor(result, "walker").track
    assert track.speed_mps[-1] == 0.0 and track.positions[-1, 0] > 10.5


def test_nobody_walks_into_a_standing_car():
    road = straight("urban", 1, 1)
    stand = ActorPlan(id="stand", **CAR, s=30.0, lane=1, speed=0.0, desired_speed=0.1, free=False)
    result = run(road, EgoPlan(speed=0.0, lane=1, desired_speed=0.1), [stand, crossing_plan(Trigger())], 9.0)
    track, car = actor(result, "walker").track, actor(result, "stand").track
    assert car.positions[-1, 0] < 31.5
    assert track.positions[-1, 1] < -0.925 - 0.3


def test_a_parked_van_hides_a_pedestrian():
    road = straight("urban", 1, 1)
    fleet = Fleet(road=road)
    rng = np.random.default_rng(0)
    fleet.add_ego(EgoPlan(speed=11.0, lane=1), rng)
    fleet.add(ActorPlan(id="van", category="car", length=5.2, width=2.0, height=2.2, x=19.0, y=-2.9, parked=True), rng)
    fleet.add(crossing_plan(Trigger()), rng)
    rows, columns = np.array([0]), np.array([0, 1, 2])
    seen_from = []
    for y in (-4.4, -1.0):
        fleet.y[2], fleet.d[2], fleet.motion[2] = y, y + float(fleet.d[0]), 1
        seen_from.append(bool(hidden(fleet, rows, columns, np.ones((1, 3), dtype=bool))[0, 2]))
    assert seen_from == [True, False]


def test_crossings_are_used_and_people_keep_to_pavements():
    road = build_road(
        "urban", lanes=1, ego_lane=1, length_m=900.0, rng=3, crossings=[60.0, 200.0, 330.0], parking="none"
    )
    ambient = AmbientTraffic(seed=5, pedestrians_per_km=60.0, density_per_km=5.0)
    result = run(road, EgoPlan(speed=9.0, lane=1), [], 40.0, 2, ambient=ambient)
    people = [x for x in result.actors if x.category == "pedestrian"]
    middle = sum(road.kerbs) / 2.0
    sides = []
    for one in people:
        track = one.track
        rows = np.flatnonzero(track.present)
        s, d = road.to_road(track.positions[rows, 0], track.positions[rows, 1], track.positions[rows, 0], iterations=12)
        on_road = (d > road.kerbs[0]) & (d < road.kerbs[1])
        assert all(min(abs(value - crossing) for crossing in road.crossings) < 4.0 for value in s[on_road])
        sides.append(bool((d > middle).any() and (d < middle).any()))
    assert len(people) > 20 and sum(sides) >= 1
