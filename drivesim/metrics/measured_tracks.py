"""Measured tracks in metres: what the probe saw, put into the world, so that metrics treat it like what was planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from drivesim.geometry import FloatArray, transform_points, turned, unproject
from drivesim.metrics.ranging import RangeError, ranged, silhouette
from drivesim.metrics.smoothing import Motion, smoothed_course
from drivesim.metrics.tracking import FAMILIES, ImageTrack
from drivesim.scene import CATEGORIES, CATEGORY_SIZES, Actor, Camera, Track

Size = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a category: the error of its ranges, how it moves, below which speed its motion says nothing about its heading
    (m/s), and how many sightings in a row err alike, so that they count as one.
    """

    error: RangeError
    motion: Motion
    heading_mps: float
    alike: float


#: As ``benchmarks/track_places.py`` finds them on rendered video. Lengths of large vehicles differ most, and with them how far behind
#: its foot the middle of one is.
_CAR = Known(
    error=RangeError(read_share=0.05, read_per_m=0.002, height_share=0.12, foot_share=0.03, edge_px=1.0),
    motion=Motion(acceleration_mps2=1.0, speed_mps=20.0),
    heading_mps=1.5,
    alike=2.0,
)
_LARGE = dataclasses.replace(
    _CAR, error=RangeError(read_share=0.05, read_per_m=0.0005, height_share=0.3, foot_share=0.15, edge_px=1.0)
)
_WALKER = Known(
    error=RangeError(read_share=0.05, read_per_m=0.004, height_share=0.08, foot_share=0.03, edge_px=1.0),
    motion=Motion(acceleration_mps2=0.5, speed_mps=1.2),
    heading_mps=0.5,
    alike=12.0,
)
#: What stands on the road and stays there.
_STANDING = dataclasses.replace(_CAR, motion=Motion(acceleration_mps2=0.05, speed_mps=0.1))
_KNOWN = {
    "pedestrian": _WALKER,
    **dict.fromkeys(("truck", "bus", "trailer", "construction_vehicle"), _LARGE),
    **dict.fromkeys(("traffic_cone", "barrier"), _STANDING),
}
_ROUNDS = 4
#: Error of the middle of a box, in pixels of a picture 256 high; no line of sight is shorter than the other.
_SIDEWAYS_PX, _NEAR_M = 1.0, 0.5


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
    min_frames: int = 5,
) -> tuple[Actor, ...]:
    """Actors in the ego track's world, named ``measured-<id>``, present from their first to their last sighting.

    ``camera`` has the size of the picture the boxes are in. ``sizes`` (m) replaces CATEGORY_SIZES by category. Of each sighting the
    distance is what the probe reads, the height of the box and its foot on the ground say together; places and velocities are the
    likeliest course through all of them (:func:`smoothed_course`), so that where somebody far off was is told by where they are seen
    later, nearer, and better. The heading is that of the velocity where it is fast enough, else the nearest such one, else the ego's.
    Objects stand on flat ground. Tracks of fewer than ``min_frames`` are left out: they have no velocity worth the name.
    """
    known = {**CATEGORY_SIZES, **(sizes or {})}
    actors = []
    for track in tracks:
        if len(track) >= min_frames:
            actors.append(_actor(track, camera, ego, fps, known[CATEGORIES[track.category]]))
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


def _actor(track: ImageTrack, camera: Camera, ego: Track, fps: float, size: Size) -> Actor:
    category, frames = CATEGORIES[track.category], track.frames
    known = _KNOWN.get(category, _CAR)
    middle, distance = 0.5 * (track.xyxy[:, 0] + track.xyxy[:, 2]), track.distance_m
    share = np.hypot(known.error.read_share, known.error.read_per_m * distance)
    for _ in range(_ROUNDS):  # what the picture of a box says of its place, its pose tells
        place, velocity = _course(track, middle, distance, share, camera, ego, fps, known)
        yaw = _headings(velocity, known.heading_mps, ego.yaw_rad[frames])
        expected = silhouette(place, yaw, size, camera, ego, frames)
        distance, share = ranged(track.xyxy, track.distance_m, expected, camera, known.error)
        # The middle of the picture of a box is not the picture of its middle.
        beside = 0.5 * (expected.xyxy[:, 0] + expected.xyxy[:, 2]) - expected.middle
        middle = 0.5 * (track.xyxy[:, 0] + track.xyxy[:, 2]) - np.nan_to_num(beside)
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


def _course(
    track: ImageTrack,
    middle: FloatArray,
    distance: FloatArray,
    share: FloatArray,
    camera: Camera,
    ego: Track,
    fps: float,
    known: Known,
) -> tuple[FloatArray, FloatArray]:
    """Places and velocities (K, 2) in the world, of sightings in column ``middle`` (K,) at ``distance`` (K,), wrong by a ``share`` (K,)."""
    yaw = ego.yaw_rad[track.frames]
    seen = back_project(np.column_stack([middle, track.xyxy[:, 1], middle, track.xyxy[:, 3]]), distance, camera)[:, :2]
    sight = turned(seen - [camera.mount.x, camera.mount.y], yaw)
    far = np.maximum(np.hypot(*sight.T), _NEAR_M)
    along = sight / far[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    aside = far * _SIDEWAYS_PX * camera.height / 256.0 / camera.fx
    precision = np.einsum("ki,kj->kij", along, along) / ((share * far) ** 2)[:, None, None]
    precision += np.einsum("ki,kj->kij", across, across) / (aside**2)[:, None, None]
    precision[track.interpolated] = 0.0
    return smoothed_course(
        ego.positions[track.frames, :2] + turned(seen, yaw), precision / known.alike, fps, known.motion
    )


def _headings(velocity: FloatArray, slow_mps: float, otherwise: FloatArray) -> FloatArray:
    """Headings (K,) in radians; where it is slower than ``slow_mps`` that of the nearest faster frame."""
    fast = np.flatnonzero(np.hypot(velocity[:, 0], velocity[:, 1]) > slow_mps)
    if not len(fast):
        return np.full(len(velocity), otherwise[0])
    nearest = fast[np.argmin(np.abs(np.arange(len(velocity))[:, None] - fast[None, :]), axis=1)]
    return np.arctan2(velocity[nearest, 1], velocity[nearest, 0])
