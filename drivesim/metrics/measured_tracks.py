"""Measured tracks in metres: what the probe saw, put into the world, so that metrics treat it like what was planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from drivesim.geometry import FloatArray, box_corners, project, transform_points, turned, unproject
from drivesim.metrics.tracking import FAMILIES, ImageTrack
from drivesim.scene import CATEGORIES, CATEGORY_SIZES, Actor, Camera, Track

Size = tuple[float, float, float]

#: Slower than this (m/s) the direction of motion says nothing about the heading.
_HEADING_MPS = {"pedestrian": 0.5}
_VEHICLE_HEADING_MPS = 1.5
_NEAR_M = 0.5


def integrate_ego(speed_mps: FloatArray, yaw_rate_rps: FloatArray, fps: float) -> Track:
    """The ego's track from what was measured into each frame: forward speed (T,) m/s and yaw rate (T,) rad/s.

    Entry 0 is not used, as no frame comes before it: the world is the ego frame of frame 0. Each step is an arc of a circle.
    Raises ValueError for fewer than two frames, or where a later entry is no number.
    """
    speed, rate = (np.asarray(values, dtype=np.float64) for values in (speed_mps, yaw_rate_rps))
    if speed.shape != rate.shape or speed.ndim != 1 or len(speed) < 2:
        raise ValueError(f"speed {speed.shape} and yaw rate {rate.shape}; expected two of (T,) with T of 2 or more")
    if not (np.isfinite(speed[1:]).all() and np.isfinite(rate[1:]).all()):
        raise ValueError("speed or yaw rate is no number after frame 0; leave such frames out or interpolate first")
    turn = rate[1:] / fps
    yaw = np.concatenate([[0.0], np.cumsum(turn)])
    # The measured way is the part along the heading before; the chord of the arc lies half the turn beside it.
    chord = speed[1:] / fps / np.cos(0.5 * turn)
    course = yaw[:-1] + 0.5 * turn
    steps = np.stack([chord * np.cos(course), chord * np.sin(course), np.zeros_like(chord)], axis=1)
    return Track(
        positions=np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)]),
        yaw_rad=yaw,
        speed_mps=np.concatenate([speed[1:2], speed[1:]]),
        present=np.ones(len(speed), dtype=bool),
    )


def back_project(xyxy: FloatArray, distance_m: FloatArray, camera: Camera) -> FloatArray:
    """Points (K, 3) in the ego frame: centres of boxes (K, 4) in pixels of the camera's picture, at ``distance_m`` (K,)
    along the optical axis.
    """
    pixels = 0.5 * (xyxy[:, :2] + xyxy[:, 2:])
    return transform_points(camera.ego_from_optical(), unproject(pixels, distance_m, camera.intrinsics()))


def measured_actors(
    tracks: Sequence[ImageTrack],
    camera: Camera,
    ego: Track,
    fps: float,
    *,
    sizes: Mapping[str, Size] | None = None,
    smoothing_s: float = 1.5,
    min_frames: int = 5,
) -> tuple[Actor, ...]:
    """Actors in the ego track's world, named ``measured-<id>``, present from their first to their last sighting.

    ``camera`` has the size of the picture the boxes are in. ``sizes`` (m) replaces CATEGORY_SIZES by category. Places and
    velocities are Savitzky-Golay fits over ``smoothing_s`` (quadratic for the place, linear for the velocity); the heading
    is that of the velocity where it is fast enough, else the nearest such one, else the ego's. Objects stand on flat
    ground. Tracks of fewer than ``min_frames`` are left out: they have no velocity worth the name.
    """
    known = {**CATEGORY_SIZES, **(sizes or {})}
    actors = []
    for track in tracks:
        if len(track) >= min_frames:
            actors.append(_actor(track, camera, ego, fps, known[CATEGORIES[track.category]], smoothing_s))
    return tuple(actors)


def assign_tracks(
    planned: Sequence[Actor], measured: Sequence[Actor], *, max_distance_m: float = 5.0, num_frames: int | None = None
) -> dict[str, str]:
    """Which measured actor is which planned one: measured ids by planned id, for those that have one.

    The assignment with the least sum of mean distances on the ground while both are present (3 frames at least, the first
    ``num_frames`` at most), of one family of categories, none farther apart than ``max_distance_m``. Where the video is
    free to depart from the plan, only its beginning tells who is who: give ``num_frames``.
    """
    if not planned or not measured:
        return {}
    distance = np.array([[_mean_distance(plan, seen, num_frames) for seen in measured] for plan in planned])
    distance[distance > max_distance_m] = np.inf
    gain = np.where(np.isfinite(distance), 2.0 * max_distance_m - distance, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    pairs = zip(rows, columns, strict=True)
    return {planned[row].id: measured[column].id for row, column in pairs if np.isfinite(distance[row, column])}


def measured_as_planned(
    planned: Sequence[Actor], measured: Sequence[Actor], assignment: Mapping[str, str]
) -> tuple[Actor, ...]:
    """The measured actors, where assigned under the planned one's id, category, size and looks, but with their own track."""
    plans = {actor.id: actor for actor in planned}
    owner = {seen: plan for plan, seen in assignment.items()}
    return tuple(
        dataclasses.replace(plans[owner[seen.id]], track=seen.track) if seen.id in owner else seen for seen in measured
    )


def _mean_distance(plan: Actor, seen: Actor, num_frames: int | None) -> float:
    if _family(plan.category) != _family(seen.category):
        return float("inf")
    both = np.flatnonzero(plan.track.present & seen.track.present)[:num_frames]
    if len(both) < 3:
        return float("inf")
    apart = plan.track.positions[both, :2] - seen.track.positions[both, :2]
    return float(np.hypot(apart[:, 0], apart[:, 1]).mean())


def _family(category: str) -> int:
    return next(index for index, names in enumerate(FAMILIES) if category in names)


def _actor(track: ImageTrack, camera: Camera, ego: Track, fps: float, size: Size, smoothing_s: float) -> Actor:
    category = CATEGORIES[track.category]
    frames = track.frames
    slow = _HEADING_MPS.get(category, _VEHICLE_HEADING_MPS)
    xyxy = track.xyxy
    for _ in range(3):  # the middle of the picture of a box is not the picture of its middle: where, the pose tells
        seen = back_project(xyxy, track.distance_m, camera)[:, :2]
        place, velocity = _smoothed(_to_world(seen, ego, frames), fps, smoothing_s)
        yaw = _headings(velocity, slow, ego.yaw_rad[frames])
        xyxy = track.xyxy - _offsets(place, yaw, size, camera, ego, frames)
    positions, yaw_rad, speed_mps = np.zeros((len(ego), 3)), np.zeros(len(ego)), np.zeros(len(ego))
    present = np.zeros(len(ego), dtype=bool)
    positions[frames] = np.column_stack([place, np.full(len(frames), 0.5 * size[2])])
    yaw_rad[frames], present[frames] = yaw, True
    speed_mps[frames] = velocity[:, 0] * np.cos(yaw) + velocity[:, 1] * np.sin(yaw)
    return Actor(
        id=f"measured-{track.id}",
        category=category,
        length=size[0],
        width=size[1],
        height=size[2],
        track=Track(positions=positions, yaw_rad=yaw_rad, speed_mps=speed_mps, present=present),
    )


def _to_world(points: FloatArray, ego: Track, frames: np.ndarray) -> FloatArray:
    return ego.positions[frames, :2] + turned(points, ego.yaw_rad[frames])


def _smoothed(places: FloatArray, fps: float, seconds: float) -> tuple[FloatArray, FloatArray]:
    """Places (K, 2) and velocities (K, 2); the window is odd and no longer than the track."""
    longest = len(places) if len(places) % 2 else len(places) - 1
    window = min(longest, max(5, 2 * round(0.5 * seconds * fps) + 1))
    from scipy.signal import savgol_filter  # takes a second to import

    smooth = savgol_filter(places, window, 2, axis=0)
    return smooth, savgol_filter(places, window, 1, deriv=1, delta=1.0 / fps, axis=0)


def _headings(velocity: FloatArray, slow_mps: float, otherwise: FloatArray) -> FloatArray:
    """Headings (K,) in radians; where it is slower than ``slow_mps`` that of the nearest faster frame."""
    fast = np.flatnonzero(np.hypot(velocity[:, 0], velocity[:, 1]) > slow_mps)
    if not len(fast):
        return np.full(len(velocity), otherwise[0])
    nearest = fast[np.argmin(np.abs(np.arange(len(velocity))[:, None] - fast[None, :]), axis=1)]
    return np.arctan2(velocity[nearest, 1], velocity[nearest, 0])


def _offsets(
    place: FloatArray,
    yaw: FloatArray,
    size: Size,
    camera: Camera,
    ego: Track,
    frames: np.ndarray,
) -> FloatArray:
    """Shift (K, 4) in pixels, sideways, from the picture of a box's centre to the centre of its picture, cut by the border.

    Zero where part of the box is at or behind the lens.
    """
    shifts = np.zeros((len(frames), 4))
    for row, frame in enumerate(frames):
        matrix = camera.optical_from_world(ego.pose(int(frame)))
        centre = np.array([*place[row], 0.5 * size[2]])
        corners = transform_points(matrix, box_corners(centre, *size, float(yaw[row])))
        if corners[:, 2].min() < _NEAR_M:
            continue
        across = np.clip(project(corners, camera.intrinsics())[:, 0], 0.0, camera.width)
        middle = project(transform_points(matrix, centre), camera.intrinsics())[0]
        shifts[row, [0, 2]] = 0.5 * (across.min() + across.max()) - middle
    return shifts
