"""Runs of the tiny model, and what is exported of one of its futures as though a judge had looked at it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.exports.contents import Contents, Occurrence, PictureBox, SourcedTraffic
from drivesim.run_spec import Options
from drivesim.runs.engine import Threads
from drivesim.scenarios import loads
from drivesim.simulate import futures

ONE = Threads(denoise=1, decode=1)


def silent(what: str, share: float) -> None:
    """A listener that says nothing."""


def make_run(folder: Path, num_futures: int = 2, **options: object) -> Path:
    """A run of the tiny model, 1.2 s long."""
    scenario = loads(SCENARIO_TEXT.replace("duration: 4 s", "duration: 2 s"))[0]
    chosen = Options(threads=ONE, **options)  # type: ignore[arg-type]
    futures(TinyLoaded(), scenario, num_futures=num_futures, seconds=1.2, out=folder, options=chosen)
    return folder


def as_measured(conditioned: Contents) -> Contents:
    """With measured boxes: the conditioned ones half a metre and a pixel aside, one of them seen late."""
    actors, boxes, scores = [], [], {}
    for number, actor in enumerate(conditioned.conditioned.actors):
        name = f"measured-{number}"
        present = actor.track.present & (np.arange(len(conditioned.scene)) >= 3 * (number == 0))
        track = dataclasses.replace(actor.track, positions=actor.track.positions + [0.0, 0.5, 0.0], present=present)
        actors.append(dataclasses.replace(actor, id=name, track=track))
        scores[name] = 0.9 - 0.1 * number
    names = {actor.id: f"measured-{number}" for number, actor in enumerate(conditioned.conditioned.actors)}
    for found in conditioned.conditioned.boxes:
        boxes.append(tuple(_seen(box, names[box.actor_id], scores) for box in found))
    measured = SourcedTraffic(
        source="measured",
        ego=conditioned.scene.ego,
        actors=tuple(actors),
        boxes=tuple(boxes),
        scores=scores,
        known=np.ones(len(conditioned.scene), dtype=bool),
    )
    crash = Occurrence(kind="label", name="crash", source="measured", value=True, time_s=0.4, text="label crash: shown")
    return dataclasses.replace(conditioned, measured=measured, findings=(crash,))


def _seen(box: PictureBox, name: str, scores: dict[str, float]) -> PictureBox:
    return dataclasses.replace(
        box, actor_id=name, x_min=box.x_min + 1.0, x_max=box.x_max + 1.0, score=scores[name], visible_share=None
    )
