"""How far measured tracks are off, and what that makes of a figure that is computed from them.

The error is measured where the truth is known: the probe's tracks of the renderer's own video of the scene, against the
scene. It is put through a figure by shifting the tracks, one error at a time, as far as it reaches in 95 of 100 cases; what
that changes adds up in squares (JCGM 100:2008, Guide to the expression of uncertainty in measurement, 5.1).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.geometry import turned
from drivesim.scene import Actor, Track

#: Errors of a normal distribution lie within this many standard deviations in 95 of 100 cases.
REACH = 1.96
#: Fewer frames of recognised actors say too little of the probe's error.
LEAST_FRAMES = 30
#: Share of deviations within one standard deviation, if they are normal; and how far off an actor may be to count, metres.
_WITHIN, _FAR_M = 0.683, 60.0


@dataclass(frozen=True, kw_only=True)
class TrackError:
    """Standard deviations of what a track says: distance from the ego as a share of it, ``sideways_m``, ``speed_mps`` of the
    actor, ``speed_change_mps`` of its change within a second, which a bias leaves out, ``braking_mps2`` of its deceleration over
    half of one; ``ego_speed_mps`` and ``ego_yaw_rate_rps`` of an ego whose motion is measured. ``frames`` is how many were compared.
    """

    distance_share: float
    sideways_m: float
    speed_mps: float
    ego_speed_mps: float
    ego_yaw_rate_rps: float
    frames: int
    speed_change_mps: float = 0.0
    braking_mps2: float = 0.0

    def words(self) -> str:
        """In words, for whoever reads a figure."""
        return (
            f"tracks err by {100 * self.distance_share:.1f} % in distance, {self.sideways_m:.2f} m sideways and "
            f"{self.speed_mps:.2f} m/s in speed (standard deviations, over {self.frames} frames of actors)"
        )


#: Of tracks that are known, such as a simulation's own.
NO_ERROR = TrackError(
    distance_share=0.0, sideways_m=0.0, speed_mps=0.0, ego_speed_mps=0.0, ego_yaw_rate_rps=0.0, frames=0
)

#: What the shipped probe errs by, for scenes that show too few actors: root mean squares of what :func:`track_error` gives on
#: rendered cyclist, hard-brake, highway-cut-in and urban-crossing-day, 3 s each, by their 425 frames of actors.
SHIPPED = TrackError(
    distance_share=0.050, sideways_m=0.149, speed_mps=1.40, ego_speed_mps=0.63, ego_yaw_rate_rps=0.0026, frames=425,
    speed_change_mps=0.55, braking_mps2=0.47,
)  # fmt: skip


def track_error(
    ego: Track,
    planned: Sequence[Actor],
    seen: Sequence[Actor],
    speed_mps: np.ndarray,
    yaw_rate_rps: np.ndarray,
    fps: float,
) -> TrackError:
    """The error of tracks of a video whose truth is known: ``seen`` under the names of ``planned``, around the true ``ego``.

    ``speed_mps`` and ``yaw_rate_rps`` (T,) are what was read of the ego's motion. Deviations within which 68.3 % lie, so that a
    bias counts and a track that jumps to somebody else does not decide. SHIPPED, where fewer than LEAST_FRAMES frames of
    actors within 60 m can be compared.
    """
    truths = {actor.id: actor.track for actor in planned}
    rows = [_deviations(ego, truths[actor.id], actor.track) for actor in seen if actor.id in truths]
    off = np.concatenate(rows) if rows else np.zeros((0, 3))
    if len(off) < LEAST_FRAMES:
        return SHIPPED
    share, sideways, speed = (_scale(column) for column in off.T)
    turning = np.diff(np.unwrap(ego.yaw_rad)) * fps
    return TrackError(
        distance_share=float(share),
        sideways_m=float(sideways),
        speed_mps=float(speed),
        ego_speed_mps=_scale(speed_mps[1:] - ego.speed_mps[1:]),
        ego_yaw_rate_rps=_scale(yaw_rate_rps[1:] - turning),
        frames=len(off),
        speed_change_mps=_change_error(truths, seen, round(fps)),
        braking_mps2=_change_error(truths, seen, round(0.5 * fps)) * fps / max(1, round(0.5 * fps)),
    )


def _deviations(ego: Track, truth: Track, seen: Track) -> np.ndarray:
    """Errors (N, 3) in the frames that show it: of distance, as ln ratio, sideways in metres, and of speed in m/s."""
    both = np.flatnonzero(np.asarray(truth.present) & np.asarray(seen.present))
    true, found = (_from_ego(ego, track)[both] for track in (truth, seen))
    far = np.maximum(np.hypot(*true.T), 1.0)
    towards = true / far[:, None]
    along = np.sum(found * towards, axis=1)
    sideways = towards[:, 0] * found[:, 1] - towards[:, 1] * found[:, 0]
    speed = np.abs(seen.speed_mps[both]) - np.abs(truth.speed_mps[both])
    off = np.stack([np.log(np.maximum(along, 0.5) / far), sideways, speed], axis=1)
    return off[far < _FAR_M]


def _change_error(truths: Mapping[str, Track], seen: Sequence[Actor], lag: int) -> float:
    """Error of the change of actors' speed within ``lag`` frames, m/s."""
    off = []
    for actor in seen:
        if actor.id in truths and lag < len(actor.track):
            truth = truths[actor.id]
            both = np.asarray(truth.present) & np.asarray(actor.track.present)
            wrong = np.where(both, np.abs(actor.track.speed_mps) - np.abs(truth.speed_mps), np.nan)
            off.append(wrong[lag:] - wrong[:-lag])
    return _scale(np.concatenate(off)) if off else 0.0


def _from_ego(ego: Track, track: Track) -> np.ndarray:
    """Places (T, 2) in the ego frame of each frame."""
    return turned(track.positions[:, :2] - ego.positions[:, :2], -ego.yaw_rad)


def _scale(values: np.ndarray) -> float:
    known = np.abs(values[np.isfinite(values)])
    return float(np.quantile(known, _WITHIN)) if len(known) else 0.0


@dataclass(frozen=True, kw_only=True)
class ErrorBar:
    """A figure of one future with its error bar, 95 %: inf where nothing ever came near."""

    value: float
    low: float
    high: float


def with_error(
    figure: Callable[[Track, Actor], float], ego: Track, actor: Actor, error: TrackError, *, ego_measured: bool = False
) -> ErrorBar:
    """A figure of the ego and an actor, with what the tracks' error makes of it.

    Where the ego's own motion is measured too (``ego_measured``), the error of its speed adds to that of the actor's.
    """
    relative = math.hypot(error.speed_mps, error.ego_speed_mps if ego_measured else 0.0)
    steps = (
        {"farther": error.distance_share}, {"sideways_m": error.sideways_m}, {"faster_mps": relative},
    )  # fmt: skip
    changed = [
        [
            figure(ego, shifted(ego, actor, **{name: sign * REACH * size for name, size in step.items()}))
            for sign in (-1, 1)
        ]
        for step in steps
    ]
    return spread(figure(ego, actor), changed)


def spread(value: float, changed: Sequence[Sequence[float]]) -> ErrorBar:
    """A figure with its error bar, from what it becomes under each error, at both of its ends."""
    known = [[other for other in pair if not math.isnan(other)] for pair in changed]
    if math.isnan(value):
        return ErrorBar(value=value, low=value, high=value)
    if math.isinf(value):
        ends = [other for pair in known for other in pair]
        low, high = min([value, *ends]), max([value, *ends])
        return ErrorBar(value=value, low=low, high=high)
    below = sum(max([0.0, *(value - other for other in pair)]) ** 2 for pair in known)
    above = sum(max([0.0, *(other - value for other in pair)]) ** 2 for pair in known)
    return ErrorBar(value=value, low=value - math.sqrt(below), high=value + math.sqrt(above))


def shifted(
    ego: Track, actor: Actor, *, farther: float = 0.0, sideways_m: float = 0.0, faster_mps: float = 0.0
) -> Actor:
    """An actor as a probe would see it that errs: ``farther`` as a share (ln ratio) of the distance from the ego, to the left
    of the line of sight, and in speed.
    """
    track = actor.track
    away = track.positions[:, :2] - ego.positions[:, :2]
    far = np.maximum(np.hypot(*away.T), 1e-6)[:, None]
    left = np.stack([-away[:, 1], away[:, 0]], axis=1) / far
    places = ego.positions[:, :2] + math.exp(farther) * away + sideways_m * left
    sign = np.where(track.speed_mps < 0.0, -1.0, 1.0)
    moved = dataclasses.replace(
        track,
        positions=np.concatenate([places, track.positions[:, 2:]], axis=1),
        speed_mps=sign * np.maximum(np.abs(track.speed_mps) + faster_mps, 0.0),
    )
    return dataclasses.replace(actor, track=moved)


def ego_shifted(ego: Track, fps: float, *, faster_mps: float = 0.0, turning_rps: float = 0.0) -> Track:
    """A measured ego whose speed and yaw rate were read wrong all along: its path, summed up, leaves the true one."""
    time = np.arange(len(ego)) / fps
    yaw = ego.yaw_rad + turning_rps * time
    steps = np.diff(ego.positions[:, :2], axis=0)
    longer = 1.0 + faster_mps / np.maximum(np.abs(ego.speed_mps[1:]), 1.0)
    driven = turned(steps, turning_rps * (time[1:] - 0.5 / fps))  # by the angle in the middle of each step
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(longer[:, None] * driven, axis=0)])
    places = ego.positions[0, :2] + path
    return dataclasses.replace(ego, positions=np.column_stack([places, ego.positions[:, 2:]]), yaw_rad=yaw)
