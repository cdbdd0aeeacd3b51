"""Futures as nuScenes scenes: annotations from what was conditioned, detections from what was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivesim.exports.coco import LEAST_VISIBLE
from drivesim.exports.contents import SYNTHETIC_NOTE, Contents
from drivesim.exports.nuscenes import GLOBAL_FROM_WORLD, RecordedScene, key_frames, write_tables
from drivesim.exports.nuscenes_evaluation import detections, write_detections

#: The split that all scenes are in; the devkit's own names (train, val, …) stand for nuScenes' own scenes.
SPLIT = "drivesim"

#: The detections, in the form of nuScenes' challenge.
DETECTIONS_NAME = "detections_measured.json"


def write_nuscenes_run(
    folder: Path,
    futures: Iterable[Contents],
    progress: Callable[[Contents, float], None] = lambda contents, share: None,
) -> None:
    """Write futures into the empty ``folder``: tables, pictures, and detections where they were measured.

    Raises InputError for fewer than 2 frames a second.
    """
    results: dict[str, list[dict[str, Any]]] = {}
    measured: list[bool] = []

    def recordings() -> Iterator[RecordedScene]:
        for contents in futures:
            measured.append(contents.measured is not None)
            if contents.measured is not None:
                keys = key_frames(len(contents.scene), contents.future.fps)
                seen = contents.measured
                results.update(detections(contents.name, seen.actors, seen.scores, keys, GLOBAL_FROM_WORLD.matrix()))
            yield _recording(contents, progress)

    notes = (
        "Annotations are what the model was told, not what its video shows; frames in which it was told nothing have none.",
        "Boxes of which less than a tenth is in the picture and not hidden claim no lidar point.",
    )
    write_tables(folder, recordings(), licence=SYNTHETIC_NOTE, for_evaluation=True, notes=notes)
    if measured and all(measured):
        write_detections(folder / DETECTIONS_NAME, results, SYNTHETIC_NOTE)


def _recording(contents: Contents, progress: Callable[[Contents, float], None]) -> RecordedScene:
    scene = dataclasses.replace(contents.scene, name=contents.name, ego=contents.ego)
    visible = {
        (frame, box.actor_id)
        for frame, boxes in enumerate(contents.conditioned.boxes)
        for box in boxes
        if box.visible_share is None or box.visible_share >= LEAST_VISIBLE
    }
    every = {(frame, actor.id) for actor in scene.actors for frame in np.flatnonzero(actor.track.present).tolist()}
    return RecordedScene(
        scene=scene,
        frames=_told(contents, progress),
        description=contents.future.id,
        split=SPLIT,
        hidden=frozenset(every - visible),
    )


def _told(contents: Contents, progress: Callable[[Contents, float], None]) -> Iterator[NDArray[np.uint8]]:
    total = len(contents.scene)
    for frame, picture in enumerate(contents.frames()):
        yield picture
        progress(contents, (frame + 1) / total)
