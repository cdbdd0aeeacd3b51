"""Gathers what is exported of a run's futures: opens them, works out what was conditioned, has them measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drivesim.conditioning.projection import image_boxes
from drivesim.errors import InputError
from drivesim.evidence.measure import Progress
from drivesim.evidence.recorded import Commanded, Recorded, require_judgeable
from drivesim.evidence.traffic import judged_as_told, judged_labels, traffic_of
from drivesim.evidence.verdict import Verdict
from drivesim.exports.contents import Contents, Occurrence, PictureBox, Source, SourcedTraffic
from drivesim.judges.load import Judges
from drivesim.metrics.tracking import track_objects
from drivesim.runs.future import Future, open_run
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import require_intact
from drivesim.runs.run_folder import RunFolder
from drivesim.scene import CATEGORIES, Actor, Scene


def chosen_futures(run: Path, indices: Sequence[int] | None = None) -> tuple[Future, ...]:
    """The finished futures of a run folder with these numbers, all by default. Raises InputError where there are none."""
    found = open_run(run)
    if not found:
        raise InputError(f"{run} has no finished future yet. Continue it with --resume, then export it.")
    if indices is None:
        return found
    by_index = {future.index: future for future in found}
    missing = sorted(set(indices) - set(by_index))
    if missing:
        raise InputError(
            f"{run} has no finished future {', '.join(map(str, missing))}; it has {', '.join(map(str, sorted(by_index)))}."
        )
    return tuple(by_index[index] for index in sorted(set(indices)))


def why_not_measured(manifest: Manifest) -> str:
    """Why the judges cannot look at videos of a run, or an empty text where they can."""
    try:
        require_judgeable(manifest)
    except InputError as error:
        return f"not measured: {error}"
    return "not measured: a single frame shows no motion" if manifest.timeline.num_frames < 2 else ""


def gather(future: Future, judges: Judges | None, progress: Progress, commanded: Commanded | None = None) -> Contents:
    """What is exported of a finished future; measured where ``judges`` are given. ``commanded`` is what it was told, where known.

    Raises InputError where its video or the run's scenario was changed, or where the judges cannot look at it.
    """
    run, manifest = RunFolder(future.folder), future.manifest
    require_intact(run, future.index)
    commanded = commanded or Commanded(run, manifest, progress, future.index)
    scene = dataclasses.replace(commanded.scene, camera=commanded.scene.camera.resized(manifest.width, manifest.height))
    notes = [_told_in_words(commanded)]
    conditioned = _conditioned(commanded, scene)
    measured: SourcedTraffic | None = None
    if judges is None:
        notes.append("nothing was measured: boxes are what the model was told, not what the video shows")
        findings = _planned_findings(commanded, scene)
    else:
        require_judgeable(manifest)
        recorded = Recorded(future, commanded, judges, progress)
        measured = _measured(recorded, scene)
        found = judged_labels([recorded], [(measured.ego, measured.actors)])
        findings = _findings(found.events, found.labels, "measured", manifest)
        notes.append("measured boxes are the probe's reading of the video, with its errors")
    if not manifest.told_motion:
        notes.append(
            "the ego's motion was not told; "
            + ("it is the planned one" if measured is None else "where it is, was measured")
        )
    return Contents(
        future=future,
        scene=dataclasses.replace(scene, actors=conditioned.actors),
        conditioned=conditioned,
        measured=measured,
        findings=findings,
        scenario_yaml=run.scenario_text(),
        notes=tuple(notes),
    )


def _told_in_words(commanded: Commanded) -> str:
    if commanded.manifest.told_boxes:
        return "conditioned boxes were told to the model in every frame"
    if commanded.made_start:
        return "conditioned boxes were told to the model in the first frame alone"
    return "no box was told to the model"


def _conditioned(commanded: Commanded, scene: Scene) -> SourcedTraffic:
    """The scene's traffic in the frames in which the model was told it; the ego as it was planned."""
    told = np.full(len(scene), commanded.manifest.told_boxes)
    told[0] |= commanded.made_start
    actors = tuple(_present_only(actor, told) for actor in scene.actors)
    actors = tuple(actor for actor in actors if actor.track.present.any())
    shown = dataclasses.replace(scene, actors=actors)
    return SourcedTraffic(
        source="conditioned",
        ego=scene.ego,
        actors=actors,
        boxes=tuple(_boxes_in_picture(shown, frame) for frame in range(len(scene))),
        known=told,
    )


def _present_only(actor: Actor, frames: np.ndarray) -> Actor:
    track = dataclasses.replace(actor.track, present=actor.track.present & frames)
    return dataclasses.replace(actor, track=track)


def _boxes_in_picture(scene: Scene, frame: int) -> tuple[PictureBox, ...]:
    return tuple(
        PictureBox(
            actor_id=box.actor_id,
            category=box.category,
            x_min=box.x_min,
            y_min=box.y_min,
            x_max=box.x_max,
            y_max=box.y_max,
            visible_share=box.visible_share,
        )
        for box in image_boxes(scene, frame)
    )


def _measured(recorded: Recorded, scene: Scene) -> SourcedTraffic:
    ego, actors = traffic_of(recorded)
    readings = recorded.readings
    scale = np.tile([scene.camera.width / readings.width, scene.camera.height / readings.height], 2)
    boxes: list[list[PictureBox]] = [[] for _ in range(len(scene))]
    scores: dict[str, float] = {}
    for track in track_objects(readings.detections):
        name = f"measured-{track.id}"
        scores[name] = track.score
        for frame, corners in zip(track.frames, track.xyxy * scale, strict=True):
            x_min, y_min, x_max, y_max = (float(value) for value in corners)
            box = PictureBox(
                actor_id=name,
                category=CATEGORIES[track.category],
                x_min=max(x_min, 0.0),
                y_min=max(y_min, 0.0),
                x_max=min(x_max, float(scene.camera.width)),
                y_max=min(y_max, float(scene.camera.height)),
                score=track.score,
            )
            if box.x_max > box.x_min and box.y_max > box.y_min:
                boxes[int(frame)].append(box)
    return SourcedTraffic(
        source="measured",
        ego=ego,
        actors=actors,
        boxes=tuple(map(tuple, boxes)),
        known=np.ones(len(scene), bool),
        scores=scores,
    )


def _planned_findings(commanded: Commanded, scene: Scene) -> tuple[Occurrence, ...]:
    """Events and labels in what was told; nothing where the model was left to itself."""
    if not commanded.manifest.told_boxes or scene.road is None:
        return ()
    found = judged_as_told(commanded)
    return _findings(found.events, found.labels, "conditioned", commanded.manifest)


def _findings(
    events: dict[str, tuple[Verdict, ...]], labels: dict[str, tuple[Verdict, ...]], source: Source, manifest: Manifest
) -> tuple[Occurrence, ...]:
    start_s = manifest.begins_s
    last_s = start_s + (manifest.timeline.num_frames - 1) / manifest.fps
    findings = []
    for kind, verdicts in (("event", events), ("label", labels)):
        for name, (verdict,) in verdicts.items():
            findings.append(
                Occurrence(
                    kind=kind,  # type: ignore[arg-type]
                    name=name,
                    source=source,
                    value=verdict.value,
                    time_s=last_s if verdict.time_s is None else min(start_s + verdict.time_s, last_s),
                    text=_in_words(kind, name, verdict),
                )
            )
    return tuple(sorted(findings, key=lambda finding: finding.time_s))


def _in_words(kind: str, name: str, verdict: Verdict) -> str:
    said = {True: "shown", False: "not shown", None: "cannot be said"}[verdict.value]
    measured = verdict.measured
    value = f", {measured:.3g} {verdict.unit}" if measured is not None and np.isfinite(measured) else ""
    reason = f" ({verdict.reason})" if verdict.reason else ""
    return f"{kind} {name}: {said}{value}{reason}"
