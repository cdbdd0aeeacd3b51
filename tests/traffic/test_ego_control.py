"""Traffic stepped frame by frame: run through it is what it was, and it reacts to an ego that is driven from outside."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from driving import CAR, straight

from drivesim.traffic.road_builder import build_road
from drivesim.traffic.simulation import (
    ActorPlan,
    AmbientTraffic,
    Drive,
    EgoCommand,
    EgoPlan,
    LaneChange,
    Manoeuvre,
    TrafficResult,
    TrafficSimulation,
    Trigger,
    simulate,
)


def equal(first: TrafficResult, second: TrafficResult) -> bool:
    tracks = zip(
        [first.ego, *(a.track for a in first.actors)], [second.ego, *(a.track for a in second.actors)], strict=True
    )
    same = all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for one, other in tracks
        for name in ("positions", "yaw_rad", "speed_mps", "present")
    )
    return same and first.event_times == second.event_times and len(first.actors) == len(second.actors)


@pytest.mark.parametrize("fps", [10.0, 4.0])
def test_stepped_traffic_is_that_of_a_run_through(fps):
    road = build_road("motorway", lanes=3, ego_lane=2, length_m=1500.0, rng=5)
    cut_in = Manoeuvre(id="cut", action=LaneChange(to_lane=2), trigger=Trigger(at_s=1.0))
    plans = [ActorPlan(id="side", **CAR, s=15.0, lane=3, speed=26.0, manoeuvres=(cut_in,))]
    ego = EgoPlan(speed=25.0, lane=2)

    def told():
        return {
            "fps": fps,
            "rng": np.random.default_rng(1),
            "ambient": AmbientTraffic(seed=3),
            "turns": {8: np.random.default_rng(2)},
            "ego_turns": frozenset({8}),
        }

    whole = simulate(road, ego, plans, duration_s=6.0, **told())
    stepped = TrafficSimulation(road, ego, plans, **told())
    for frame in range(round(6.0 * fps)):
        assert stepped.frame == frame
        stepped.step()
    assert equal(stepped.result(round(6.0 * fps)), whole)
    assert whole.event_times["cut"] is not None


def test_a_driven_ego_follows_its_arc():
    drive = Drive(speed_mps=np.full(51, 10.0), curvature=np.full(51, 0.02))
    result = simulate(
        straight(), EgoPlan(speed=10.0, lane=2), [], duration_s=5.1, fps=10.0, rng=np.random.default_rng(0), drive=drive
    )
    radius, turned = 50.0, 0.02 * 10.0 * 5.0
    assert result.ego.yaw_rad[50] == pytest.approx(turned)
    expected = (radius * np.sin(turned), radius * (1.0 - np.cos(turned)))
    assert result.ego.positions[50, :2] == pytest.approx(expected, abs=1e-6)


def test_a_trajectory_is_driven_pose_by_pose_also_between_frames():
    poses = np.stack([np.linspace(0.0, 12.0, 13), 0.1 * np.arange(13), np.full(13, 0.1)], axis=1)
    drive = Drive(speed_mps=np.full(13, 4.0), curvature=np.zeros(13), poses=poses)
    result = simulate(
        straight(), EgoPlan(speed=4.0, lane=2), [], duration_s=3.25, fps=4.0, rng=np.random.default_rng(0), drive=drive
    )
    assert result.ego.positions[1:, 0] == pytest.approx(poses[1:, 0])
    assert result.ego.positions[1:, 1] == pytest.approx(poses[1:, 1])


def test_standing_still_is_standing_still():
    drive = Drive(speed_mps=np.zeros(200), curvature=np.zeros(200))
    result = simulate(
        straight(), EgoPlan(speed=0.0, lane=2), [], duration_s=20.0, fps=10.0, rng=np.random.default_rng(4), drive=drive
    )
    assert np.abs(result.ego.positions).max() < 1e-9


def test_who_follows_brakes_for_an_ego_that_is_driven_to_a_stand():
    follower = ActorPlan(id="behind", **CAR, s=-30.0, lane=1, speed=15.0, free=False)
    speed = np.maximum(15.0 - 3.0 * np.arange(120) / 10.0, 0.0)

    def run(drive):
        return simulate(
            straight(),
            EgoPlan(speed=15.0),
            [follower],
            duration_s=12.0,
            fps=10.0,
            rng=np.random.default_rng(0),
            drive=drive,
        )

    braked = run(Drive(speed_mps=speed, curvature=np.zeros(120))).actors[0].track
    kept = run(Drive(speed_mps=np.full(120, 15.0), curvature=np.zeros(120))).actors[0].track
    assert braked.speed_mps[-1] < 0.5 and kept.speed_mps[-1] > 12.0
    ego_x = np.cumsum(np.concatenate([[0.0], 0.5 * (speed[1:] + speed[:-1]) / 10.0]))
    assert (ego_x - braked.positions[:, 0]).min() > CAR["length"] / 2.0 + 1.0


def test_a_driven_ego_that_crashes_brakes_whatever_it_is_told():
    wall = ActorPlan(id="wall", **CAR, s=40.0, lane=1, speed=0.0, parked=True)
    simulation = TrafficSimulation(straight(), EgoPlan(speed=15.0), [wall], fps=10.0, rng=np.random.default_rng(0))
    while not simulation.ego_crashed and simulation.frame < 60:
        simulation.step(EgoCommand(speed_mps=15.0))
    assert simulation.ego_crashed
    for _ in range(10):
        simulation.step(EgoCommand(speed_mps=15.0))
    assert simulation.result().ego.speed_mps[-1] == 0.0


def test_a_copy_goes_on_by_itself():
    road = build_road("urban", lanes=2, ego_lane=1, length_m=900.0, rng=4)
    simulation = TrafficSimulation(
        road, EgoPlan(speed=10.0), [], fps=10.0, rng=np.random.default_rng(1), ambient=AmbientTraffic(seed=1)
    )
    for _ in range(5):
        simulation.step(EgoCommand(speed_mps=10.0))
    other = copy.deepcopy(simulation)
    other.turn(np.random.default_rng(9))
    for _ in range(20):
        other.step(EgoCommand(speed_mps=10.0))
        simulation.step(EgoCommand(speed_mps=10.0))
    first, second = simulation.result(), other.result()
    assert np.array_equal(first.ego.positions, second.ego.positions)
    moved = [
        float(np.abs(a.track.positions - b.track.positions).max())
        for a, b in zip(first.actors, second.actors, strict=False)
    ]
    assert max(moved) > 0.1
    for one, another in zip(first.actors, second.actors, strict=False):
        if one.track.present[0]:
            assert np.array_equal(one.track.positions[:6], another.track.positions[:6])
