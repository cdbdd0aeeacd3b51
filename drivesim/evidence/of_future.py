"""One finished future measured: the verdicts on its events and labels, what was told of them, and the worst of every danger."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivesim.evidence.danger import Danger
from drivesim.evidence.labels import LabelOutcome
from drivesim.evidence.measure import Progress
from drivesim.evidence.recorded import Recorded, record
from drivesim.evidence.rendered_ranges import shipped_ranges
from drivesim.evidence.sections.drift import JUDGED_CURVES, SHORTEST_DRIFT_S
from drivesim.evidence.track_error import ErrorBar
from drivesim.evidence.traffic import danger_in, judged_as_told, judged_labels, recognised, traffic_of
from drivesim.judges.load import Judges
from drivesim.metrics.drift import Range, allowed_ranges, usable_until
from drivesim.runs.future import Future
from drivesim.runs.rows import FutureRow, measures, replay_command
from drivesim.scene import Actor, Scene, Track

#: Nearer and farther than this (metres) it is not asked whether an actor that was told is found.
_NEAR_M, _FAR_M = 3.0, 60.0
_DEGREES = float(np.degrees(1.0))
#: What deviates by less than this, m/s or °/s, stays the same.
_CHANGES = 0.2


@dataclass(frozen=True, kw_only=True)
class FutureMeasures:
    """What a row holds of a future: verdicts by name as plain values, on the video and on what was told, where everyone was last
    seen, and measures of danger, drift and obedience, inf where nothing came near, NaN where unknown.
    """

    events: dict[str, dict[str, Any]]
    labels: dict[str, dict[str, Any]]
    told: dict[str, dict[str, Any]]
    ends: dict[str, tuple[float, float]]
    metrics: dict[str, float | str]


def measure_future(future: Future, judges: Judges, progress: Progress = lambda what, share: None) -> FutureMeasures:
    """What the probe sees in one future, judged as ``score`` judges it. Raises InputError for a size that it cannot look at."""
    (recorded,) = record((future,), judges, progress)
    return measured_alone(recorded)


def measured_alone(recorded: Recorded) -> FutureMeasures:
    """What the probe sees in a future, judged by itself, with the error of tracks that the shipped probe has."""
    traffic = traffic_of(recorded)
    return measures_of(recorded, traffic, danger_in(recorded, traffic), judged_labels([recorded], [traffic]))


def measures_of(
    recorded: Recorded,
    traffic: tuple[Track, tuple[Actor, ...]],
    found: tuple[Danger, ErrorBar],
    outcome: LabelOutcome,
    number: int = 0,
    ranges: Mapping[str, Range] | None = None,
) -> FutureMeasures:
    """What was measured of a future whose ``outcome`` is that of place ``number``; ``traffic`` as :func:`traffic_of` finds it, and in
    it was ``found`` what :func:`danger_in` finds.
    """
    ego, actors = traffic
    danger, bar = found
    named = {actor.id: actor for actor in recognised(recorded, actors)}
    own = [actor.id for actor in recorded.commanded.scenario.scene.actors]
    return FutureMeasures(
        events={name: verdicts[number].to_dict() for name, verdicts in outcome.events.items()},
        labels={name: verdicts[number].to_dict() for name, verdicts in outcome.labels.items()},
        told=_told(recorded),
        ends=_ends(ego, {name: named[name] for name in own if name in named}),
        metrics={
            **dataclasses.asdict(danger), "ttc_low_s": bar.low, "ttc_high_s": bar.high, **_obeyed(recorded, named, own),
            "usable_s": _usable_s(recorded, ranges), "length_s": recorded.future.duration_s,
        },
    )  # fmt: skip


def row_of_future(recorded: Recorded, found: FutureMeasures, judges_sha256: str) -> FutureRow:
    """The row of a future beside those of its run: places are relative to the run's folder, the command is to be run where one stands."""
    future = recorded.future
    manifest = future.manifest
    return FutureRow(
        id=future.id,
        scenario=manifest.scenario_id,
        variation=manifest.variation,
        future=future.index,
        status="finished",
        run=".",
        parameters=dict(manifest.parameters),
        seed=manifest.seed,
        video=future.video.name,
        video_sha256=future.video_sha256,
        num_frames=future.num_frames,
        fps=future.fps,
        events=found.events,
        labels=found.labels,
        told=found.told,
        ends=found.ends,
        metrics=measures(found.metrics),
        judges=judges_sha256,
        replay=replay_command(future.folder, future.index, manifest.command),
    )


def _told(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """The verdicts on the tracks that the model was told, judged by the same rules; none where it was told no boxes."""
    commanded = recorded.commanded
    if not (commanded.manifest.told_boxes and commanded.manifest.told_motion):
        return {}
    found = judged_as_told(commanded)
    return {name: verdicts[0].to_dict() for name, verdicts in {**found.events, **found.labels}.items()}


def _ends(ego: Track, actors: Mapping[str, Actor]) -> dict[str, tuple[float, float]]:
    """Where everyone was last seen, metres."""
    tracks = {"ego": ego, **{name: actor.track for name, actor in actors.items()}}
    last = {name: np.flatnonzero(track.present) for name, track in tracks.items()}
    places = {name: tracks[name].positions[frames[-1]] for name, frames in last.items() if len(frames)}
    return {name: (round(float(place[0]), 3), round(float(place[1]), 3)) for name, place in places.items()}


def _obeyed(recorded: Recorded, named: Mapping[str, Actor], own: list[str]) -> dict[str, float]:
    """How far the video is from what was told of the ego's motion, and of the scenario's actors; NaN where nothing was told."""
    manifest, scene, readings = recorded.future.manifest, recorded.commanded.scene, recorded.readings
    found = dict.fromkeys(
        ("ego_speed_error_mps", "ego_yaw_rate_error_dps", "told_found_share", "told_place_error_m"), np.nan
    )
    if manifest.told_motion and len(scene) > 1:
        turning = _DEGREES * np.diff(np.unwrap(scene.ego.yaw_rad)) * scene.fps
        found |= _against("ego_speed", "mps", scene.ego.speed_mps[1:], readings.speed_mps[1:])
        found |= _against("ego_yaw_rate", "dps", turning, _DEGREES * readings.yaw_rate_rps[1:])
    if not manifest.told_boxes:
        return found
    seen, away = [np.zeros(0, dtype=bool)], [np.zeros(0)]
    for actor in (actor for actor in scene.actors if actor.id in own):
        shown = _in_view(scene, actor.track)
        measured = named[actor.id].track if actor.id in named else None
        both = shown & measured.present if measured is not None else np.zeros(len(shown), dtype=bool)
        seen.append(both[shown])
        if measured is not None:
            apart = measured.positions[both, :2] - actor.track.positions[both, :2]
            away.append(np.hypot(apart[:, 0], apart[:, 1]))
    every, distances = np.concatenate(seen), np.concatenate(away)
    found["told_found_share"] = float(every.mean()) if len(every) else np.nan
    found["told_place_error_m"] = float(np.median(distances)) if len(distances) else np.nan
    return found


def _against(name: str, unit: str, told: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """A motion (T,) as it was told and as it was measured: how large each is, how far they are apart, means over the frames, and
    their correlation, NaN where what was told hardly changes.
    """
    changes = min(float(told.std()), float(measured.std())) > _CHANGES
    return {
        f"{name}_told_{unit}": float(np.abs(told).mean()),
        f"{name}_measured_{unit}": float(np.abs(measured).mean()),
        f"{name}_error_{unit}": float(np.abs(measured - told).mean()),
        f"{name}_correlation": float(np.corrcoef(told, measured)[0, 1]) if changes else np.nan,
    }


def _in_view(scene: Scene, track: Track) -> np.ndarray:
    """Frames (T,) in which the middle of an actor is before the camera, neither too near nor too far, hidden or not."""
    away = track.positions[:, :2] - scene.ego.positions[:, :2]
    bearing = np.arctan2(away[:, 1], away[:, 0]) - scene.ego.yaw_rad
    ahead = np.hypot(away[:, 0], away[:, 1])
    half = np.arctan2(0.5 * scene.camera.width, scene.camera.fx)
    return (
        np.asarray(track.present, dtype=bool) & (np.abs(np.angle(np.exp(1j * bearing))) < half)
        & (ahead > _NEAR_M) & (ahead < _FAR_M)
    )  # fmt: skip


def _usable_s(recorded: Recorded, ranges: Mapping[str, Range] | None) -> float:
    """Until when the video looks as rendered video does, seconds; NaN for one too short to say."""
    if recorded.future.duration_s < SHORTEST_DRIFT_S:
        return float("nan")
    moving = recorded.commanded.moving
    judged = {name: band for name, band in (ranges or shipped_ranges()).items() if name in JUDGED_CURVES}
    return usable_until(recorded.drift, allowed_ranges(recorded.drift, judged, moving), moving=moving).until_s
