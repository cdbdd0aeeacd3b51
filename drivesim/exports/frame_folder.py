"""A future as plain files: pictures, calibration, poses, boxes and tracks as JSON and CSV.

``camera.json``, ``timestamps.csv``, ``poses.csv`` and ``boxes.csv`` are those of docs/own-data.md, so that the folder is
training data as it is. ``tracks.csv`` (world frame) and ``boxes2d.csv`` (pixels) hold both what was conditioned and what was
measured.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.exports.contents import SYNTHETIC_NOTE, Contents, SourcedTraffic
from drivesim.exports.pictures import write_jpeg
from drivesim.geometry import invert_rigid, transform_points, wrap_angle
from drivesim.scene import Camera, Environment

BOX_COLUMNS = ("frame", "track_id", "class", "x", "y", "z", "length", "width", "height", "yaw_rad")
TRACK_COLUMNS = (
    "frame", "time_s", "source", "track_id", "class", "x", "y", "z", "yaw_rad", "speed_mps", "length", "width", "height", "score",
)  # fmt: skip
PICTURE_BOX_COLUMNS = (
    "frame", "source", "track_id", "class", "x_min", "y_min", "x_max", "y_max", "score", "visible_share",
)  # fmt: skip

_WETNESS = ((0.05, "dry"), (0.5, "moist"), (0.8, "wet_with_puddles"), (0.95, "low_flooded"))


def write_frame_folder(
    folder: Path, contents: Contents, progress: Callable[[float], None] = lambda share: None
) -> None:
    """Write a future into the empty ``folder``."""
    total = len(contents.scene)
    for frame, picture in enumerate(contents.frames()):
        write_jpeg(folder / f"{frame:06d}.jpg", picture)
        progress((frame + 1) / total)
    _write_json(folder / "camera.json", camera_values(contents))
    _write_json(folder / "provenance.json", contents.provenance())
    frames = range(total)
    _write_csv(
        folder / "timestamps.csv", ("frame", "time_s"), ((frame, f"{_time(contents, frame):.6f}") for frame in frames)
    )
    _write_csv(folder / "poses.csv", ("time_s", "x", "y", "z", "yaw_rad"), _poses(contents))
    _write_csv(folder / "boxes.csv", BOX_COLUMNS, _boxes(contents))
    _write_csv(folder / "tracks.csv", TRACK_COLUMNS, _tracks(contents))
    _write_csv(folder / "boxes2d.csv", PICTURE_BOX_COLUMNS, _picture_boxes(contents))


def camera_values(contents: Contents) -> dict[str, Any]:
    """What camera.json says: the pinhole camera, the frame rate, weather and light, and that it is synthetic."""
    camera: Camera = contents.scene.camera
    mount = camera.mount
    future = contents.future
    return {
        **{name: round(getattr(camera, name), 6) for name in ("fx", "fy", "cx", "cy")},
        "width": camera.width,
        "height": camera.height,
        "mount": {name: getattr(mount, name) for name in ("x", "y", "z", "yaw_rad", "pitch_rad", "roll_rad")},
        "fps": future.fps,
        "attributes": attribute_words(contents.scene.environment),
        "source": f"{SYNTHETIC_NOTE}; {future.id} by model {future.manifest.model} ({future.manifest.weights_sha256[:12]})",
    }


def attribute_words(environment: Environment) -> dict[str, Any]:
    """Time of day and weather in the words of a scenario's ``environment``."""
    minutes = round(environment.hour * 60.0) % (24 * 60)
    kind = "rain" if environment.rain > 0.0 else "snow" if environment.snow > 0.0 else "dry"
    words: dict[str, Any] = {
        "time_of_day": f"{minutes // 60:02d}:{minutes % 60:02d}",
        "sky": environment.sky,
        "precipitation": {"type": kind, "intensity": max(environment.rain, environment.snow)}
        if kind != "dry"
        else kind,
        "road_surface": next((name for limit, name in _WETNESS if environment.wetness < limit), "high_flooded"),
        "street_lights": environment.street_lights,
    }
    if np.isfinite(environment.fog_visibility_m):
        words["fog"] = {"visual_range": environment.fog_visibility_m}
    return words


def _time(contents: Contents, frame: int) -> float:
    return contents.time_ns(frame) / 1e9


def _poses(contents: Contents) -> Iterator[list[object]]:
    ego = contents.ego
    for frame in range(len(contents.scene)):
        place = (f"{value:.4f}" for value in ego.positions[frame])
        yield [f"{_time(contents, frame):.6f}", *place, f"{ego.yaw_rad[frame]:.6f}"]


def _boxes(contents: Contents) -> Iterator[list[object]]:
    """What was conditioned, in the ego frame of the moment."""
    for frame in range(len(contents.scene)):
        ego = contents.ego.pose(frame)
        ego_from_world = invert_rigid(ego.matrix())
        for actor, box in contents.scene.boxes(frame):
            centre = transform_points(ego_from_world, np.array([box.x, box.y, box.z]))
            yaw = float(wrap_angle(box.yaw_rad - ego.yaw_rad))
            sizes = (f"{value:.3f}" for value in (box.length, box.width, box.height))
            yield [frame, actor.id, actor.category, *(f"{value:.4f}" for value in centre), *sizes, f"{yaw:.6f}"]


def _tracks(contents: Contents) -> Iterator[list[object]]:
    """The ego and everyone else in the world frame: box centres, of the ego the rear axle on the ground."""
    for frame in range(len(contents.scene)):
        time_s = f"{_time(contents, frame):.6f}"
        for traffic in contents.traffic:
            ego = traffic.ego
            yield [
                frame,
                time_s,
                traffic.source,
                "ego",
                "ego",
                *_motion(ego.positions[frame], ego.yaw_rad[frame], ego.speed_mps[frame]),
                "",
                "",
                "",
                "",
            ]
            for actor in traffic.actors:
                track = actor.track
                if track.present[frame]:
                    motion = _motion(track.positions[frame], track.yaw_rad[frame], track.speed_mps[frame])
                    sizes = (f"{value:.3f}" for value in (actor.length, actor.width, actor.height))
                    yield [
                        frame,
                        time_s,
                        traffic.source,
                        actor.id,
                        actor.category,
                        *motion,
                        *sizes,
                        _score(traffic, actor.id),
                    ]


def _motion(position: np.ndarray, yaw_rad: float, speed_mps: float) -> list[str]:
    return [*(f"{value:.4f}" for value in position), f"{yaw_rad:.6f}", f"{speed_mps:.4f}"]


def _score(traffic: SourcedTraffic, actor_id: str) -> str:
    return f"{traffic.scores[actor_id]:.4f}" if actor_id in traffic.scores else ""


def _picture_boxes(contents: Contents) -> Iterator[list[object]]:
    for frame in range(len(contents.scene)):
        for traffic in contents.traffic:
            for box in traffic.boxes[frame]:
                corners = (f"{value:.2f}" for value in (box.x_min, box.y_min, box.x_max, box.y_max))
                shares = ("" if value is None else f"{value:.4f}" for value in (box.score, box.visible_share))
                yield [frame, traffic.source, box.actor_id, box.category, *corners, *shares]


def _write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")
