"""The traffic that a future shows, measured and in the world of its scene, and what it makes of the scenario's labels and events."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from drivesim.evidence.danger import Danger, danger_of, into_world, measured_traffic, ttc_bar
from drivesim.evidence.futures import FRAMES_TO_RECOGNISE
from drivesim.evidence.labels import LabelOutcome, judge_labels
from drivesim.evidence.recorded import Commanded, Recorded
from drivesim.evidence.track_error import NO_ERROR, SHIPPED, ErrorBar, TrackError, track_error
from drivesim.judges.probe.reading import Readings
from drivesim.metrics.measured_tracks import assign_tracks, measured_as_planned
from drivesim.scene import Actor, Scene, Track


def error_on(scene: Scene, readings: Readings) -> TrackError:
    """How far tracks are off that are measured as :func:`traffic_of` does, on the renderer's video of a scene."""
    _, actors = measured_traffic(readings, scene.camera, scene.ego)
    seen = measured_as_planned(scene.actors, actors, assign_tracks(scene.actors, actors))
    return track_error(scene.ego, scene.actors, seen, readings.speed_mps, readings.yaw_rate_rps, readings.fps)


def traffic_of(recorded: Recorded) -> tuple[Track, tuple[Actor, ...]]:
    """The ego and the others in the world of the scene.

    An ego that was told where to go is where it was told: its measured motion would carry the others off the road within
    seconds, and what its own motion lacks stands under obedience. A free ego is measured.
    """
    scene = recorded.commanded.scene
    if recorded.future.manifest.told_motion:
        return measured_traffic(recorded.readings, scene.camera, scene.ego)
    ego, actors = measured_traffic(recorded.readings, scene.camera)
    placed = tuple(dataclasses.replace(actor, track=into_world(actor.track, scene.ego)) for actor in actors)
    return into_world(ego, scene.ego), placed


def danger_in(
    recorded: Recorded, traffic: tuple[Track, tuple[Actor, ...]], error: TrackError = SHIPPED
) -> tuple[Danger, ErrorBar]:
    """Every measure of danger of a future, and its least TTC as far as the ``error`` of the tracks reaches."""
    ego, actors = traffic
    manifest, road = recorded.future.manifest, recorded.commanded.scene.road
    free = manifest.ego == "free"
    danger = danger_of(ego, actors, manifest.fps, road, leaves_road=free and len(ego) > 1)
    return danger, ttc_bar(ego, actors, danger, error, ego_measured=free)


def judged_labels(
    recorded: Sequence[Recorded], traffic: Sequence[tuple[Track, tuple[Actor, ...]]], error: TrackError = SHIPPED
) -> LabelOutcome:
    """Labels and events on measured tracks, whose ``error`` may leave them open; measured actors under their planned names."""
    commanded = recorded[0].commanded
    tracks = [(ego, recognised(each, actors)) for each, (ego, actors) in zip(recorded, traffic, strict=True)]
    return _judged(commanded, tracks, error, ego_measured=not commanded.manifest.told_motion)


def judged_as_told(commanded: Commanded) -> LabelOutcome:
    """Labels and events on the tracks that the model was told, by the same rules."""
    return _judged(commanded, [(commanded.scene.ego, commanded.scene.actors)], NO_ERROR, ego_measured=False)


def _judged(
    commanded: Commanded, tracks: Sequence[tuple[Track, Sequence[Actor]]], error: TrackError, *, ego_measured: bool
) -> LabelOutcome:
    manifest, road = commanded.manifest, commanded.scene.road
    assert road is not None, "a developed scenario has a road"
    return judge_labels(
        commanded.scenario.concrete(), tracks, road, manifest.fps,
        begins_s=manifest.begins_s, error=error, ego_measured=ego_measured,
    )  # fmt: skip


def recognised(recorded: Recorded, actors: tuple[Actor, ...]) -> tuple[Actor, ...]:
    """The measured actors, under the planned names where they are who was planned."""
    planned = recorded.commanded.scene.actors
    # Where actors are free to depart from the plan, only the beginning tells who is who.
    recognise = None if recorded.commanded.manifest.told_boxes else FRAMES_TO_RECOGNISE
    return measured_as_planned(planned, actors, assign_tracks(planned, actors, num_frames=recognise))
