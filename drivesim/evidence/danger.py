"""Criticality of one future: every measure of danger between the ego and those around it, and the worst of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.evaluation.criticality.collision import first_collision
from drivesim.evaluation.criticality.drac import braking_need
from drivesim.evaluation.criticality.exposure import time_exposed, time_integrated
from drivesim.evaluation.criticality.extremes import largest, smallest
from drivesim.evaluation.criticality.off_road import is_off_road, off_road_distance
from drivesim.evaluation.criticality.pet import post_encroachment
from drivesim.evaluation.criticality.thw import time_headway
from drivesim.evaluation.criticality.ttc import time_to_collision
from drivesim.evaluation.measured_tracks import integrate_ego, measured_actors
from drivesim.evaluation.probe.reading import Readings
from drivesim.evaluation.tracking import track_objects
from drivesim.road import Road
from drivesim.scene import Actor, Camera, Track

#: Threshold of time exposed and time integrated TTC.
TTC_THRESHOLD_S = 1.5

#: TTC is looked for this far ahead.
TTC_HORIZON_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Danger:
    """The worst of one future, with the actor it belongs to; inf where nothing closed in, NaN where nothing was seen.

    ``ttc_s``, ``thw_s``, ``pet_s`` least; ``drac`` greatest (m/s²); ``tet_s`` and ``tit_s2`` below TTC_THRESHOLD_S, of the
    worst actor; ``collision`` says with whom and when, "" without one; ``off_road_s`` seconds that the ego leaves the road.
    """

    ttc_s: float
    ttc_actor: str
    ttc_at_s: float
    thw_s: float
    pet_s: float
    drac: float
    tet_s: float
    tit_s2: float
    collision: str
    off_road_s: float


def measured_traffic(readings: Readings, camera: Camera) -> tuple[Track, tuple[Actor, ...]]:
    """The ego's track and the others', as the probe sees them; the world is the ego frame of frame 0."""
    ego = integrate_ego(readings.speed_mps, readings.yaw_rate_rps, readings.fps)
    view = camera.resized(readings.width, readings.height)
    return ego, measured_actors(track_objects(readings.detections), view, ego, readings.fps)


def danger_of(ego: Track, actors: Sequence[Actor], fps: float, road: Road | None) -> Danger:
    """Every measure over tracks of one world frame; ``road`` None leaves ``off_road_s`` NaN."""
    curves = {actor.id: time_to_collision(ego, actor, horizon_s=TTC_HORIZON_S) for actor in actors}
    least = {name: smallest(curve) for name, curve in curves.items()}
    worst = min(least, key=lambda name: np.nan_to_num(least[name].value, nan=np.inf), default="")
    crashes = [crash for actor in actors if (crash := first_collision(ego, actor)) is not None]
    first = min(crashes, key=lambda crash: crash.frame, default=None)
    at = least[worst].time_s(fps) if worst else None
    return Danger(
        ttc_s=least[worst].value if worst else float("nan"),
        ttc_actor=worst,
        ttc_at_s=float("nan") if at is None else at,
        thw_s=_least([smallest(time_headway(ego, actor, road=road)).value for actor in actors]),
        pet_s=_least([post_encroachment(ego, actor, fps) for actor in actors]),
        drac=-_least([-largest(braking_need(ego, actor, road=road)).value for actor in actors]),
        tet_s=max((time_exposed(curve, fps, TTC_THRESHOLD_S) for curve in curves.values()), default=0.0),
        tit_s2=max((time_integrated(curve, fps, TTC_THRESHOLD_S) for curve in curves.values()), default=0.0),
        collision="" if first is None else f"{first.actor_id} at {first.frame / fps:.1f} s ({first.kind})",
        off_road_s=float("nan")
        if road is None
        else float(np.count_nonzero(is_off_road(off_road_distance(ego, road))) / fps),
    )


def _least(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return min(known) if known else float("nan")
