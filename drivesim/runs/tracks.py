"""tracks.csv: where the scene puts the ego and every actor, frame by frame, and whether the model was told."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.options import ActorMode, EgoMode
from drivesim.scene import Actor, Scene, Track
from drivesim.storage import writing

#: World frame (x forward, y left, z up at t = 0); actors by box centre, the ego by its rear axle on the ground.
#: An actor has rows only for the frames in which it is present.
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
    "conditioned",
)
EGO_ID = "ego"


def write_tracks(
    path: Path, scene: Scene, *, start: int, stop: int, actors: ActorMode, ego: EgoMode, told_start: bool = True
) -> None:
    """Write frames ``start`` to ``stop`` (exclusive) of a scene, atomically.

    ``conditioned`` is 1 where the model was told the row: every row of the start frame (unless ``told_start`` is false,
    as in a branch or a video that begins from a photo), the ego's unless it is free, the actors' unless they are free.
    """
    tracks: list[tuple[str, str, Track, tuple[str, str, str], bool]] = [
        (EGO_ID, EGO_ID, scene.ego, ("", "", ""), ego != "free")
    ]
    tracks += [
        (a.id, a.category, a.track, (f"{a.length:.3f}", f"{a.width:.3f}", f"{a.height:.3f}"), actors != "free")
        for a in scene.actors
    ]
    # Row by row into the file: a busy scene of five minutes would be a text of a hundred megabytes.
    with writing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for frame in range(start, stop):
            for identity, category, track, size, told in tracks:
                if track.present[frame]:
                    conditioned = told or (told_start and frame == start)
                    writer.writerow(_row(frame, scene.fps, identity, category, track, size, conditioned))


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
        int(conditioned),
    ]


def read_tracks(path: Path) -> tuple[Track, tuple[Actor, ...]]:
    """The ego's track and the actors that :func:`write_tracks` stored, all on the ego's frames.

    Where an actor is not present its position is 0. Raises InputError when the file is damaged or missing.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}.")
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                rows.setdefault(row["id"], []).append(row)
        ego_rows = rows.pop(EGO_ID)
        first, count = int(ego_rows[0]["frame"]), len(ego_rows)
        actors = (_actor(identity, lines, first, count) for identity, lines in rows.items())
        return _track(ego_rows, first, count), tuple(actors)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, csv.Error) as error:
        raise InputError(f"{path} is damaged or no tracks file of drivesim ({error}).") from error


def _actor(identity: str, lines: list[dict[str, str]], first: int, count: int) -> Actor:
    shown = lines[0]
    return Actor(
        id=identity,
        category=shown["category"],
        length=float(shown["length"]),
        width=float(shown["width"]),
        height=float(shown["height"]),
        track=_track(lines, first, count),
    )


def _track(lines: list[dict[str, str]], first: int, count: int) -> Track:
    positions, yaw_rad, speed_mps = np.zeros((count, 3)), np.zeros(count), np.zeros(count)
    present = np.zeros(count, dtype=bool)
    for line in lines:
        frame = int(line["frame"]) - first
        positions[frame] = [float(line[axis]) for axis in "xyz"]
        yaw_rad[frame], speed_mps[frame] = float(line["yaw_rad"]), float(line["speed_mps"])
        present[frame] = True
    return Track(positions=positions, yaw_rad=yaw_rad, speed_mps=speed_mps, present=present)
