"""Criticality of one future: every measure of danger between the ego and those around it, and the worst of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.evidence.track_error import ErrorBar, TrackError, with_error
from drivesim.geometry import turned
from drivesim.judges.probe.reading import Readings
from drivesim.metrics.criticality import (
    Criticality,
    Extreme,
    criticality,
    is_off_road,
    largest,
    off_road_distance,
    smallest,
    time_to_collision,
)
from drivesim.metrics.measured_tracks import integrate_ego, measured_actors
from drivesim.metrics.tracking import track_objects
from drivesim.road import Road
from drivesim.scene import Actor, Camera, Track

#: Threshold of time exposed and time integrated TTC.
TTC_THRESHOLD_S = 1.5

#: Only those who come nearer than this are looked at for the error bar of a future's least TTC, metres.
_NEAR_M = 60.0

#: TTC is looked for this far ahead.
TTC_HORIZON_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Danger:
    """The worst of one future; inf where nothing closed in, NaN where nothing was seen.

    ``ttc_s``, ``thw_s``, ``pet_s`` least; ``ttc_actor`` closes in fastest, at ``ttc_at_s`` ("" and NaN where nobody does);
    ``gap_m`` the least free space; ``drac`` greatest (m/s²); ``tet_s`` and ``tit_s2`` below TTC_THRESHOLD_S, of the worst actor; ``collision`` says with
    whom and when, "" without one; ``off_road_s`` seconds that the ego leaves the road, NaN where that was not asked.
    """

    ttc_s: float
    ttc_actor: str
    ttc_at_s: float
    thw_s: float
    pet_s: float
    gap_m: float
    drac: float
    tet_s: float
    tit_s2: float
    collision: str
    off_road_s: float


def measured_traffic(readings: Readings, camera: Camera, ego: Track | None = None) -> tuple[Track, tuple[Actor, ...]]:
    """The ego's track and the others', as the probe sees them.

    Without ``ego`` its motion is measured too, and the world is the ego frame of frame 0. With it (T frames), the others
    are placed around it, in its world. A single frame shows no motion, so nobody has a track in it.
    """
    if len(readings) < 2:
        return (_standing() if ego is None else ego), ()
    if ego is None:
        ego = integrate_ego(readings.speed_mps, readings.yaw_rate_rps, readings.fps)
    view = camera.resized(readings.width, readings.height)
    return ego, measured_actors(track_objects(readings.detections), view, ego, readings.fps)


def into_world(track: Track, start: Track) -> Track:
    """A track whose world is the ego frame of frame 0, in the world that ``start`` (the ego's, commanded) is given in."""
    places = turned(track.positions[:, :2], start.yaw_rad[0]) + start.positions[0, :2]
    return dataclasses.replace(
        track,
        positions=np.concatenate([places, track.positions[:, 2:]], axis=1),
        yaw_rad=track.yaw_rad + start.yaw_rad[0],
    )


def danger_of(
    ego: Track, actors: Sequence[Actor], fps: float, road: Road | None = None, *, leaves_road: bool = False
) -> Danger:
    """Every measure over tracks of one world frame.

    With ``road`` headway and braking need follow its course; ``leaves_road`` asks whether the ego stays on it too.
    """
    found = criticality(ego, actors, fps, road=road, threshold_s=TTC_THRESHOLD_S, horizon_s=TTC_HORIZON_S)
    actor, worst = _worst(found)
    at = worst.time_s(fps) if np.isfinite(worst.value) else None
    crashes = [each.collision for each in found if each.collision is not None]
    first = min(crashes, key=lambda crash: crash.frame, default=None)
    return Danger(
        ttc_s=worst.value,
        ttc_actor="" if at is None else actor,
        ttc_at_s=float("nan") if at is None else at,
        thw_s=_least([smallest(each.thw_s).value for each in found]),
        pet_s=_least([each.pet_s for each in found]),
        gap_m=_least([smallest(each.gap_m).value for each in found]),
        drac=-_least([-largest(each.drac_mps2).value for each in found]),
        tet_s=max((each.tet_s for each in found), default=0.0),
        tit_s2=max((each.tit_s2 for each in found), default=0.0),
        collision="" if first is None else f"{first.actor_id} at {first.time_s(fps):.1f} s ({first.kind})",
        off_road_s=_off_road(ego, road, fps) if road is not None and leaves_road else float("nan"),
    )


def ttc_bar(ego: Track, actors: Sequence[Actor], danger: Danger, error: TrackError, *, ego_measured: bool) -> ErrorBar:
    """The least TTC of a future with what the tracks' error makes of it, over all whom that may bring as near."""

    def least(ego: Track, actor: Actor) -> float:
        return smallest(time_to_collision(ego, actor, horizon_s=TTC_HORIZON_S)).value

    # Who is far off, or drives away, stays so whatever the error.
    near = [actor for actor in actors if actor.id == danger.ttc_actor or _comes_near(ego, actor)]
    bars = [with_error(least, ego, actor, error, ego_measured=ego_measured) for actor in near]
    known = [bar for bar in bars if not np.isnan(bar.value)]
    if not known:
        return ErrorBar(value=danger.ttc_s, low=danger.ttc_s, high=danger.ttc_s)
    return ErrorBar(value=danger.ttc_s, low=min(bar.low for bar in known), high=min(bar.high for bar in known))


def _comes_near(ego: Track, actor: Actor) -> bool:
    both = np.asarray(ego.present & actor.track.present, dtype=bool)
    apart = np.hypot(*(actor.track.positions[:, :2] - ego.positions[:, :2]).T)
    return bool(both.any() and apart[both].min() < _NEAR_M)


def _worst(found: Sequence[Criticality]) -> tuple[str, Extreme]:
    """Who has the least TTC, and that."""
    least = [(each.actor_id, smallest(each.ttc_s)) for each in found]
    nobody = ("", Extreme(value=float("nan"), frame=None))
    return min(least, key=lambda each: float(np.nan_to_num(each[1].value, nan=np.inf)), default=nobody)


def _off_road(ego: Track, road: Road, fps: float) -> float:
    return float(np.count_nonzero(is_off_road(off_road_distance(ego, road))) / fps)


def _least(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return min(known) if known else float("nan")


def _standing() -> Track:
    return Track(positions=np.zeros((1, 3)), yaw_rad=np.zeros(1), speed_mps=np.zeros(1), present=np.ones(1, dtype=bool))
