"""Tracks from detections: joined rightly in the picture, and at the right places and speeds in the world."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drivesim.conditioning.projection import image_boxes
from drivesim.judges.probe import Detections
from drivesim.metrics.measured_tracks import (
    assign_tracks,
    back_project,
    integrate_ego,
    measured_actors,
    measured_as_planned,
)
from drivesim.metrics.tracking import track_objects
from drivesim.scenarios import load
from drivesim.scenarios.expand import expand
from drivesim.scene import CATEGORIES, NUSCENES_FRONT, Actor, Scene, Track

CAR, TRUCK, PEDESTRIAN = (CATEGORIES.index(name) for name in ("car", "truck", "pedestrian"))
Row = tuple[int, float, float, float, float, float, float]


def found(*rows: Row) -> Detections:
    """One frame of (category, score, left, top, right, bottom, distance)."""
    table = np.array(rows, dtype=float).reshape(-1, 7)
    return Detections(category=table[:, 0].astype(int), score=table[:, 1], xyxy=table[:, 2:6], distance_m=table[:, 6])


def box(frame: int, *, start: float = 100.0, pace: float = 12.0, category: int = CAR, distance: float = 20.0) -> Row:
    left = start + pace * frame
    return (category, 0.8, left, 200.0, left + 40.0, 230.0, distance)


def test_two_that_cross_keep_their_own_track() -> None:
    frames = [found(box(t), box(t, start=400.0, pace=-12.0)) for t in range(26)]
    tracks = track_objects(frames)
    assert [len(track) for track in tracks] == [26, 26]
    for track, pace in zip(tracks, (12.0, -12.0), strict=True):
        assert np.diff(track.xyxy[:, 0]) == pytest.approx(pace)
        assert not track.interpolated.any() and track.score == pytest.approx(0.8)


def test_gaps_are_filled_and_marked_and_long_ones_end_a_track() -> None:
    missing = {5, 6, 7, 14, 15, 16, 17, 18, 19}
    frames = [found() if t in missing else found(box(t)) for t in range(26)]
    first, second = track_objects(frames)
    assert first.frames.tolist() == list(range(14)) and second.frames.tolist() == list(range(20, 26))
    assert np.flatnonzero(first.interpolated).tolist() == [5, 6, 7]
    assert first.xyxy[:, 0] == pytest.approx(100.0 + 12.0 * np.arange(14))
    assert (first.id, second.id) == (0, 1)


def test_one_hit_is_no_track_and_phantoms_do_not_last() -> None:
    frames = [
        found(box(t), (CAR, 0.4, 700.0 + 60 * (t % 3), 100.0, 730.0 + 60 * (t % 3), 130.0, 30.0)) for t in range(9)
    ]
    (track,) = track_objects(frames)
    assert len(track) == 9
    assert track_objects([found(box(0)), found()]) == () == track_objects([])


def test_the_class_is_voted_on_within_a_family() -> None:
    frames = [found(box(t, category=TRUCK if t in (2, 3) else CAR)) for t in range(9)]
    (track,) = track_objects(frames)
    assert track.category == CAR and len(track) == 9
    apart = [found(box(t, category=PEDESTRIAN if t >= 4 else CAR)) for t in range(9)]
    assert [track.category for track in track_objects(apart)] == [CAR, PEDESTRIAN]


def test_a_jump_in_distance_is_another_object() -> None:
    frames = [found(box(t, distance=20.0 if t < 5 else 40.0)) for t in range(10)]
    assert [len(track) for track in track_objects(frames)] == [5, 5]


def test_a_fast_object_is_followed_by_its_velocity() -> None:
    """It moves by more than its own width each frame once it is known, so the last box alone would lose it."""
    lefts = 100.0 + np.cumsum(np.minimum(4.0 * np.arange(16), 48.0))
    frames = [found((CAR, 0.8, left, 200.0, left + 40.0, 230.0, 20.0)) for left in lefts]
    (track,) = track_objects(frames)
    assert len(track) == 16


def test_integrated_ego_on_a_line_and_a_circle() -> None:
    fps, speed, rate = 10.0, 8.0, 0.4
    speeds, rates = np.full(51, speed), np.full(51, rate)
    speeds[0] = rates[0] = np.nan
    line = integrate_ego(speeds, np.zeros(51), fps)
    assert line.positions[-1] == pytest.approx([40.0, 0.0, 0.0]) and line.speed_mps == pytest.approx(speed)
    circle = integrate_ego(speeds, rates, fps)
    # The probe gives the way along the heading before: a chord's share of it.
    radius = speed / fps / np.sin(rate / fps)
    angle = rate * np.arange(51) / fps
    assert circle.positions[:, 0] == pytest.approx(radius * np.sin(angle))
    assert circle.positions[:, 1] == pytest.approx(radius * (1.0 - np.cos(angle)))
    with pytest.raises(ValueError, match="no number after frame 0"):
        integrate_ego(speeds, np.where(np.arange(51) == 7, np.nan, 0.1), fps)
    with pytest.raises(ValueError, match="T of 2 or more"):
        integrate_ego(speeds[:1], rates[:1], fps)


def test_back_projection_undoes_projection() -> None:
    """A point 20 m ahead of the rear axle, 3 m to the left, at the camera's height."""
    camera = NUSCENES_FRONT
    depth = 20.0 - camera.mount.x
    u, v = camera.cx - camera.fx * 3.0 / depth, camera.cy
    point = back_project(np.array([[u - 9.0, v - 5.0, u + 9.0, v + 5.0]]), np.array([depth]), camera)
    assert point[0] == pytest.approx([20.0, 3.0, camera.mount.z])


@pytest.fixture(scope="module")
def cut_in() -> Scene:
    (scenario,) = load(Path(__file__).parents[2] / "scenarios/library/highway-cut-in.yaml")
    return expand(scenario, seed=1, duration_s=8.0)


@pytest.fixture(scope="module")
def perfect(cut_in: Scene) -> list[Detections]:
    """What a perfect detector would find in every frame."""
    frames = []
    for frame in range(len(cut_in)):
        boxes = [b for b in image_boxes(cut_in, frame) if b.visible_share > 0.5 and b.y_max - b.y_min > 8.0]
        rows = [(CATEGORIES.index(b.category), 0.8, b.x_min, b.y_min, b.x_max, b.y_max, b.depth_m) for b in boxes]
        frames.append(found(*rows))
    return frames


def errors(scene: Scene, actors: tuple[Actor, ...], actor_id: str) -> tuple[float, float]:
    """Mean errors in place (m) and speed (m/s) of a measured actor under its planned name."""
    plan = next(actor for actor in scene.actors if actor.id == actor_id).track
    own = next(actor for actor in actors if actor.id == actor_id).track
    both = plan.present & own.present
    apart = np.linalg.norm(plan.positions[both, :2] - own.positions[both, :2], axis=1)
    return float(apart.mean()), float(np.abs(plan.speed_mps[both] - own.speed_mps[both]).mean())


def test_a_scene_comes_back_from_its_own_boxes(cut_in: Scene, perfect: list[Detections]) -> None:
    sizes = {"car": (4.7, 1.85, 1.5)}
    measured = measured_actors(track_objects(perfect), cut_in.camera, cut_in.ego, cut_in.fps, sizes=sizes)
    assignment = assign_tracks(cut_in.actors, measured, num_frames=10)
    assert {"challenger", "lead"} <= set(assignment)
    actors = measured_as_planned(cut_in.actors, measured, assignment)
    assert {actor.id for actor in actors} >= {"challenger", "lead"}
    place, speed = errors(cut_in, actors, "challenger")
    assert place < 0.3 and speed < 0.5
    challenger = next(actor for actor in actors if actor.id == "challenger")
    planned = next(actor for actor in cut_in.actors if actor.id == "challenger")
    assert (challenger.length, challenger.look) == (planned.length, planned.look)
    shown = challenger.track.present
    assert np.abs(challenger.track.yaw_rad - planned.track.yaw_rad)[shown].max() < 0.1


def test_noisier_distances_give_worse_tracks(cut_in: Scene, perfect: list[Detections]) -> None:
    found_errors = []
    for noise in (0.0, 0.03, 0.1):
        rng = np.random.default_rng(0)
        frames = [
            dataclasses.replace(one, distance_m=one.distance_m * np.exp(noise * rng.standard_normal(len(one))))
            for one in perfect
        ]
        measured = measured_actors(track_objects(frames), cut_in.camera, cut_in.ego, cut_in.fps)
        assignment = assign_tracks(cut_in.actors, measured)
        found_errors.append(errors(cut_in, measured_as_planned(cut_in.actors, measured, assignment), "challenger"))
    places, speeds = zip(*found_errors, strict=True)
    assert places[0] < places[1] < places[2] and speeds[0] < speeds[1] < speeds[2]
    assert places[1] < 1.0 and speeds[1] < 1.5, "3 % of noise is smoothed to a usable track"


def at(actor_id: str, x: float, y: float, category: str = "car") -> Actor:
    track = Track(
        positions=np.tile([x, y, 0.75], (10, 1)),
        yaw_rad=np.zeros(10),
        speed_mps=np.zeros(10),
        present=np.ones(10, dtype=bool),
    )
    return Actor(id=actor_id, category=category, length=4.5, width=1.85, height=1.5, track=track)


def test_assignment_is_the_best_for_all_and_within_reach() -> None:
    planned = (at("a", 20.0, 0.0), at("b", 23.0, 0.0), at("walker", 21.0, 0.0, "pedestrian"))
    measured = (at("m0", 21.5, 0.0), at("m1", 18.0, 0.0), at("m2", 60.0, 0.0))
    assert assign_tracks(planned, measured) == {"a": "m1", "b": "m0"}
    assert assign_tracks(planned, measured[2:]) == {} == assign_tracks((), measured)
    late = dataclasses.replace(measured[0].track, present=np.arange(10) >= 8)
    assert assign_tracks(planned[:1], (dataclasses.replace(measured[0], track=late),)) == {}
