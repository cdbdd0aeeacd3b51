"""tracks.csv: where the scene puts the ego and every actor, frame by frame, and whether the model was told."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.rollout.manifest import ActorMode, EgoMode
from drivesim.rollout.storage import write_atomic
from drivesim.scene import Actor, Scene, Track

#: World frame (x forward, y left, z up at t = 0); actors by box centre, the ego by its rear axle on the ground.
COLUMNS = (
    "frame",
    "t_s",
    "id",
    "category",
    "x",
    "y",
    "z",
    "yaw_rad",
    "speed_mps",
    "length",
    "width",
    "height",
    "present",
    "conditioned",
)
EGO_ID = "ego"


def write_tracks(
    path: Path, scene: Scene, *, start: int, stop: int, actors: ActorMode, ego: EgoMode, told_start: bool = True
) -> None:
    """Write frames ``start`` to ``stop`` (exclusive) of a scene, atomically.

    ``conditioned`` is 1 where the model was told the row: every row of the start frame (unless ``told_start`` is false,
    as in a branch or a video that begins from a photo), the ego's where it is planned, the actors' where scripted.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    tracks: list[tuple[str, str, Track, tuple[str, str, str], bool]] = [
        (EGO_ID, EGO_ID, scene.ego, ("", "", ""), ego == "planned")
    ]
    tracks += [
        (a.id, a.category, a.track, (f"{a.length:.3f}", f"{a.width:.3f}", f"{a.height:.3f}"), actors == "scripted")
        for a in scene.actors
    ]
    for frame in range(start, stop):
        for identity, category, track, size, told in tracks:
            conditioned = told or (told_start and frame == start)
            writer.writerow(_row(frame, scene.fps, identity, category, track, size, conditioned))
    write_atomic(path, text.getvalue())


def _row(
    frame: int, fps: float, identity: str, category: str, track: Track, size: tuple[str, str, str], conditioned: bool
) -> list[object]:
    x, y, z = track.positions[frame]
    return [
        frame,
        f"{frame / fps:.3f}",
        identity,
        category,
        *(f"{value:.4f}" for value in (x, y, z)),
        f"{track.yaw_rad[frame]:.5f}",
        f"{track.speed_mps[frame]:.4f}",
        *size,
        int(track.present[frame]),
        int(conditioned),
    ]


def read_tracks(path: Path) -> tuple[Track, tuple[Actor, ...]]:
    """The ego's track and the actors that :func:`write_tracks` stored. Raises InputError when damaged or missing."""
    if not path.is_file():
        raise InputError(f"there is no {path}.")
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                rows.setdefault(row["id"], []).append(row)
        ego = _track(rows.pop(EGO_ID))
        return ego, tuple(_actors(rows))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged or no tracks file of drivesim ({error}).") from error


def _actors(rows: dict[str, list[dict[str, str]]]) -> Iterator[Actor]:
    for identity, lines in rows.items():
        first = lines[0]
        yield Actor(
            id=identity,
            category=first["category"],
            length=float(first["length"]),
            width=float(first["width"]),
            height=float(first["height"]),
            track=_track(lines),
        )


def _track(lines: list[dict[str, str]]) -> Track:
    return Track(
        positions=np.array([[float(line[axis]) for axis in "xyz"] for line in lines]),
        yaw_rad=np.array([float(line["yaw_rad"]) for line in lines]),
        speed_mps=np.array([float(line["speed_mps"]) for line in lines]),
        present=np.array([line["present"] == "1" for line in lines]),
    )
