"""Danger of a future against closed forms, and traffic measured from readings."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from drivesim.evidence.danger import danger_of, into_world, measured_traffic
from drivesim.judges.probe import Detections
from drivesim.judges.probe.reading import Readings
from drivesim.metrics.criticality import EgoSize
from drivesim.road import Road
from drivesim.scene import NUSCENES_FRONT, Actor, Camera, Track
from drivesim.traffic.road_builder import build_road

FPS, FRAMES = 10.0, 31


def track(x: float, y: float, speed: float, frames: int = FRAMES) -> Track:
    way = x + speed * np.arange(frames) / FPS
    return Track(
        positions=np.stack([way, np.full(frames, y), np.zeros(frames)], axis=1),
        yaw_rad=np.zeros(frames),
        speed_mps=np.full(frames, speed),
        present=np.ones(frames, dtype=bool),
    )


def car(name: str, x: float, y: float, speed: float) -> Actor:
    return Actor(id=name, category="car", length=4.0, width=2.0, height=1.5, track=track(x, y, speed))


def gap_to(x: float) -> float:
    """Metres from the ego's front to the rear of a car of 4 m at ``x``, the ego's rear axle at 0."""
    return x - 2.0 - EgoSize().front_m


def test_a_lead_that_stands_has_the_ttc_of_distance_over_speed() -> None:
    found = danger_of(track(0.0, 0.0, 10.0), [car("lead", 60.0, 0.0, 0.0)], FPS)
    last = gap_to(60.0) - 10.0 * (FRAMES - 1) / FPS
    assert found.ttc_s == pytest.approx(last / 10.0, abs=1e-6)
    assert (found.ttc_actor, found.ttc_at_s) == ("lead", pytest.approx(3.0))
    assert found.thw_s == pytest.approx(last / 10.0, abs=1e-6)
    assert found.drac == pytest.approx(10.0**2 / (2.0 * last))
    assert found.collision == "" and math.isnan(found.off_road_s)


def test_the_worst_actor_is_named_and_a_crash_told() -> None:
    ego = track(0.0, 0.0, 10.0)
    found = danger_of(ego, [car("far", 80.0, 0.0, 5.0), car("near", 25.0, 0.0, 0.0)], FPS)
    assert found.ttc_s == 0.0 and found.ttc_actor == "near"
    at = math.ceil(gap_to(25.0) / 10.0 * FPS) / FPS
    assert found.collision == f"near at {at:.1f} s (stopped_actor)"
    assert found.tet_s > 0.0 and found.tit_s2 > 0.0
    assert danger_of(ego, [car("far", 80.0, 0.0, 5.0)], FPS).collision == ""


def test_nobody_and_nobody_who_closes_in_are_told_apart() -> None:
    nobody = danger_of(track(0.0, 0.0, 10.0), [], FPS)
    assert math.isnan(nobody.ttc_s) and math.isnan(nobody.thw_s) and nobody.ttc_actor == "" and nobody.tet_s == 0.0
    away = danger_of(track(0.0, 0.0, 10.0), [car("faster", 30.0, 0.0, 20.0)], FPS)
    assert away.ttc_s == math.inf and away.ttc_actor == "" and math.isnan(away.ttc_at_s)


@pytest.fixture(scope="module")
def road() -> Road:
    return build_road(
        "motorway", lanes=2, ego_lane=1, length_m=300.0, rng=np.random.default_rng(0), curvature=0.0, ramp=None
    )


def test_time_off_the_road_is_counted_where_it_is_asked_for(road: Road) -> None:
    on = track(0.0, 0.0, 10.0)
    off = dataclasses.replace(on, positions=on.positions + np.array([0.0, 40.0, 0.0]))
    assert danger_of(on, [], FPS, road, leaves_road=True).off_road_s == 0.0
    assert danger_of(off, [], FPS, road, leaves_road=True).off_road_s == pytest.approx(FRAMES / FPS)
    assert math.isnan(danger_of(off, [], FPS, road).off_road_s)


def test_tracks_are_turned_and_moved_into_the_world_of_the_scene() -> None:
    start = track(100.0, 50.0, 10.0)
    start = dataclasses.replace(start, yaw_rad=np.full(FRAMES, 0.5 * np.pi))
    moved = into_world(track(2.0, 1.0, 0.0), start)
    assert np.allclose(moved.positions[0], [99.0, 52.0, 0.0])
    assert np.allclose(moved.yaw_rad, 0.5 * np.pi)


def readings(camera: Camera, frames: int, speed: float) -> Readings:
    """One car straight ahead at 20 m in every frame, seen by an ego at ``speed``."""
    middle = 0.5 * camera.width
    one = Detections(
        category=np.array([0]),
        score=np.array([0.9]),
        xyxy=np.array([[middle - 10.0, 130.0, middle + 10.0, 150.0]]),
        distance_m=np.array([20.0]),
    )
    return Readings(
        fps=FPS,
        width=camera.width,
        height=camera.height,
        detections=(one,) * frames,
        semantic=np.zeros((frames, 64, 128), dtype=np.uint8),
        attributes=np.zeros((frames, 11)),
        speed_mps=np.array([np.nan] + [speed] * (frames - 1)),
        yaw_rate_rps=np.array([np.nan] + [0.0] * (frames - 1)),
    )


def test_others_keep_their_distance_to_a_measured_and_to_a_planned_ego() -> None:
    camera = NUSCENES_FRONT.resized(512, 256)
    seen = readings(camera, 21, 10.0)
    ego, (other,) = measured_traffic(seen, camera)
    assert ego.positions[-1, 0] == pytest.approx(20.0)
    apart = other.track.positions[:, 0] - ego.positions[:, 0]
    planned = track(7.0, 3.0, 15.0, 21)
    same, (placed,) = measured_traffic(seen, camera, planned)
    assert same is planned
    assert np.allclose(placed.track.positions[:, 0] - planned.positions[:, 0], apart, atol=0.05)
    assert other.track.speed_mps[10] == pytest.approx(10.0, abs=0.1)
    assert placed.track.speed_mps[10] == pytest.approx(15.0, abs=0.1)


def test_one_frame_has_no_tracks() -> None:
    camera = NUSCENES_FRONT.resized(512, 256)
    ego, actors = measured_traffic(readings(camera, 1, 10.0), camera)
    assert len(ego) == 1 and actors == ()
