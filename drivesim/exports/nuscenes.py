"""Scenes with their pictures in the layout of nuScenes v1.0: 13 tables, images, a map mask and splits.

One scene becomes one nuScenes scene of one camera. What nuScenes has and a scene has not is filled in so that its devkit
reads the folder: every box claims one lidar point (detection evaluation drops boxes without any) and full visibility, and
the map mask is blank. ``drivesim.json`` beside the tables says so and marks the pictures as synthetic.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.errors import InputError
from drivesim.exports.contents import SYNTHETIC
from drivesim.exports.nuscenes_evaluation import EMPTY_LIDAR_NOTE, add_empty_lidar
from drivesim.exports.nuscenes_vocabulary import (
    ATTRIBUTE_NAMES,
    CATEGORY_NAMES,
    VISIBILITY_LEVELS,
    attribute_name,
    category_name,
    rigid_row,
    token_of,
)
from drivesim.exports.pictures import write_jpeg
from drivesim.exports.publishing import publishing
from drivesim.geometry import FloatArray
from drivesim.runs.run_folder import write_png
from drivesim.scene import Actor, Environment, Pose, Scene

TABLES = (
    "attribute",
    "calibrated_sensor",
    "category",
    "ego_pose",
    "instance",
    "log",
    "map",
    "sample",
    "sample_annotation",
    "sample_data",
    "scene",
    "sensor",
    "visibility",
)

#: What the folder of the tables is called, and the version that the devkit is given.
VERSION = "v1.0-drivesim"

#: Seconds between key frames, which alone carry annotations.
KEY_FRAME_PERIOD_S = 0.5

#: Where the scenes' world frame lies in the global frame: far from its origin, as in nuScenes' own maps, so that a box
#: or pose left in a local frame by mistake is noticed.
GLOBAL_FROM_WORLD = Pose(x=1000.0, y=1500.0, yaw_rad=0.6)

_MAP_FILE = "maps/blank.png"


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedScene:
    """One scene to write: its pictures uint8 RGB (H, W, 3), one for each of its frames, and what it is called.

    ``description`` is free text; time of day and weather are put in front of it. ``split`` is train, val or any name.
    ``hidden`` names by (frame, actor id) the boxes that nobody can see: they claim no lidar point, so that the devkit's
    evaluation does not ask for them.
    """

    scene: Scene
    frames: Iterable[np.ndarray]
    description: str = ""
    split: str = "train"
    hidden: frozenset[tuple[int, str]] = frozenset()


@dataclass(eq=False)
class _Writer:
    folder: Path
    channel: str
    global_from_world: FloatArray
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in TABLES})
    splits: dict[str, list[str]] = field(default_factory=dict)


def write_nuscenes(
    out: Path | str,
    recordings: Iterable[RecordedScene],
    *,
    version: str = VERSION,
    channel: str = "CAM_FRONT",
    licence: str = "the licence of the data set's author",
    global_from_world: Pose = GLOBAL_FROM_WORLD,
) -> Path:
    """Write ``recordings`` under the new folder ``out``, whole or not at all; returns ``out``.

    Raises InputError when ``out`` exists, and whatever :func:`write_tables` refuses.
    """
    out = Path(out)
    if out.exists():
        raise InputError(f"{out} exists already; name a new folder, or delete that one first")
    with publishing(out) as folder:
        write_tables(
            folder, recordings, version=version, channel=channel, licence=licence, global_from_world=global_from_world
        )
    return out


def write_tables(
    folder: Path,
    recordings: Iterable[RecordedScene],
    *,
    version: str = VERSION,
    channel: str = "CAM_FRONT",
    licence: str = "the licence of the data set's author",
    global_from_world: Pose = GLOBAL_FROM_WORLD,
    for_evaluation: bool = False,
    notes: Sequence[str] = (),
) -> None:
    """Write ``recordings`` into the empty ``folder``.

    Key frames (2 Hz) go to samples/, the others to sweeps/; annotations stand at key frames only. Scenes need at least
    2 frames a second. ``for_evaluation`` adds the channel that the devkit's evaluation asks for the ego's pose, LIDAR_TOP,
    without a point in it. ``notes`` go to ``drivesim.json``. Raises InputError when a name is given twice, the pictures do
    not fit their scene, or there is nothing to write.
    """
    (folder / version).mkdir(parents=True)
    writer = _Writer(folder, channel, global_from_world.matrix())
    _write_vocabulary(writer)
    for recording in recordings:
        _write_recording(writer, recording)
        if for_evaluation:
            add_empty_lidar(writer.tables, folder, recording.scene.name)
    if not writer.tables["scene"]:
        raise InputError("there is no scene to write")
    _write_map(writer)
    for name, rows in writer.tables.items():
        _write_json(folder / version / f"{name}.json", rows)
    _write_json(folder / version / "splits.json", writer.splits)
    _write_json(folder / version / "drivesim.json", _provenance(licence, for_evaluation, notes))


def describe_environment(environment: Environment) -> str:
    """Time of day and weather in the words that nuScenes' scene descriptions use, such as ``Night, rain``."""
    words = ["night" if environment.darkness > 0.5 else "day"]
    if environment.rain > 0.0:
        words.append("heavy rain" if environment.rain > 0.8 else "light rain" if environment.rain < 0.3 else "rain")
    elif environment.snow > 0.0:
        words.append("snow")
    elif environment.wetness > 0.3:
        words.append("after rain")
    if environment.sky == "overcast":
        words.append("overcast")
    return ", ".join(words).capitalize()


def key_frames(num_frames: int, fps: float) -> list[int]:
    """Indices of the frames nearest to every half second."""
    count = int((num_frames - 1) / fps / KEY_FRAME_PERIOD_S + 1e-6) + 1
    return [round(number * KEY_FRAME_PERIOD_S * fps) for number in range(count)]


def _write_vocabulary(writer: _Writer) -> None:
    for table, names in (("category", CATEGORY_NAMES), ("attribute", ATTRIBUTE_NAMES)):
        writer.tables[table] += [{"token": token_of(table, name), "name": name, "description": ""} for name in names]
    writer.tables["visibility"] += [
        {"token": token, "level": level, "description": description} for token, level, description in VISIBILITY_LEVELS
    ]
    writer.tables["sensor"].append(
        {"token": token_of("sensor", writer.channel), "channel": writer.channel, "modality": "camera"}
    )


def _write_recording(writer: _Writer, recording: RecordedScene) -> None:
    scene, tables = recording.scene, writer.tables
    if any(row["name"] == scene.name for row in tables["scene"]):
        raise InputError(f"two scenes are called {scene.name!r}; nuScenes' splits know scenes by name: rename one")
    if scene.fps < 1.0 / KEY_FRAME_PERIOD_S:
        raise InputError(f"scene {scene.name!r} has {scene.fps} frames a second; nuScenes' key frames need 2 or more")
    keys = key_frames(len(scene), scene.fps)
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
        days=len(tables["scene"]), hours=scene.environment.hour
    )
    start_us = round(day.timestamp() * 1e6)
    times_us = [start_us + round(frame * 1e6 / scene.fps) for frame in range(len(scene))]
    logfile = f"drivesim-{day:%Y-%m-%d-%H-%M-%S}+0000"
    samples = [token_of("sample", scene.name, frame) for frame in keys]
    tables["log"].append(
        {
            "token": token_of("log", scene.name),
            "logfile": logfile,
            "vehicle": "drivesim",
            "date_captured": f"{day:%Y-%m-%d}",
            "location": "drivesim",
        }
    )
    tables["scene"].append(
        {
            "token": token_of("scene", scene.name),
            "log_token": token_of("log", scene.name),
            "nbr_samples": len(keys),
            "first_sample_token": samples[0],
            "last_sample_token": samples[-1],
            "name": scene.name,
            "description": ", ".join(
                filter(None, [describe_environment(scene.environment), recording.description, SYNTHETIC])
            ),
        }
    )
    for token, frame, before, after in zip(samples, keys, ["", *samples[:-1]], [*samples[1:], ""], strict=True):
        tables["sample"].append(
            {
                "token": token,
                "timestamp": times_us[frame],
                "prev": before,
                "next": after,
                "scene_token": token_of("scene", scene.name),
            }
        )
    writer.splits.setdefault(recording.split, []).append(scene.name)
    _write_frames(writer, recording, keys, times_us, logfile)
    for actor in scene.actors:
        _write_actor(writer, recording, actor, keys)


def _write_frames(
    writer: _Writer, recording: RecordedScene, keys: list[int], times_us: list[int], logfile: str
) -> None:
    scene, channel = recording.scene, writer.channel
    tokens = [token_of("sample_data", scene.name, frame) for frame in range(len(scene))]
    size: tuple[int, int] | None = None
    number = -1
    for number, picture in enumerate(recording.frames):
        if number >= len(scene):
            raise InputError(f"scene {scene.name!r} has {len(scene)} frames, but more pictures were given")
        if size is None:
            size = picture.shape[1], picture.shape[0]
            _write_camera(writer, scene, *size)
        if picture.dtype != np.uint8 or picture.shape != (size[1], size[0], 3):
            raise InputError(
                f"scene {scene.name!r}, frame {number}: a picture of {picture.dtype} {picture.shape}; "
                f"expected uint8 RGB {(size[1], size[0], 3)} like the first"
            )
        is_key = number in keys
        filename = f"{'samples' if is_key else 'sweeps'}/{channel}/{logfile}__{channel}__{times_us[number]}.jpg"
        write_jpeg(writer.folder / filename, picture)
        # A sweep belongs to the key frame that follows it; the devkit interpolates from the one before.
        following = next((key for key in keys if key >= number), keys[-1])
        writer.tables["sample_data"].append(
            {
                "token": tokens[number],
                "sample_token": token_of("sample", scene.name, following),
                "ego_pose_token": token_of("ego_pose", scene.name, number),
                "calibrated_sensor_token": token_of("calibrated_sensor", scene.name),
                "timestamp": times_us[number],
                "fileformat": "jpg",
                "is_key_frame": is_key,
                "height": size[1],
                "width": size[0],
                "filename": filename,
                "prev": tokens[number - 1] if number else "",
                "next": tokens[number + 1] if number + 1 < len(scene) else "",
            }
        )
        pose = writer.global_from_world @ scene.ego.pose(number).matrix()
        writer.tables["ego_pose"].append(
            {"token": token_of("ego_pose", scene.name, number), "timestamp": times_us[number], **rigid_row(pose)}
        )
    if number + 1 != len(scene):
        raise InputError(f"scene {scene.name!r} has {len(scene)} frames, but {number + 1} pictures were given")


def _write_camera(writer: _Writer, scene: Scene, width: int, height: int) -> None:
    if abs(width / height - scene.camera.width / scene.camera.height) > 0.01:
        raise InputError(
            f"scene {scene.name!r}: pictures of {width} x {height} for a camera of {scene.camera.width} x "
            f"{scene.camera.height}; cut one of them so that both have the same shape"
        )
    writer.tables["calibrated_sensor"].append(
        {
            "token": token_of("calibrated_sensor", scene.name),
            "sensor_token": token_of("sensor", writer.channel),
            **rigid_row(scene.camera.ego_from_optical()),
            "camera_intrinsic": scene.camera.resized(width, height).intrinsics().tolist(),
        }
    )


def _write_actor(writer: _Writer, recording: RecordedScene, actor: Actor, keys: list[int]) -> None:
    scene = recording.scene
    seen = [frame for frame in keys if actor.track.present[frame]]
    if not seen:
        return
    tokens = [token_of("sample_annotation", scene.name, actor.id, frame) for frame in seen]
    instance = token_of("instance", scene.name, actor.id)
    writer.tables["instance"].append(
        {
            "token": instance,
            "category_token": token_of("category", category_name(actor)),
            "nbr_annotations": len(seen),
            "first_annotation_token": tokens[0],
            "last_annotation_token": tokens[-1],
        }
    )
    for token, frame, before, after in zip(tokens, seen, ["", *tokens[:-1]], [*tokens[1:], ""], strict=True):
        attribute = attribute_name(actor, float(actor.track.speed_mps[frame]))
        writer.tables["sample_annotation"].append(
            {
                "token": token,
                "sample_token": token_of("sample", scene.name, frame),
                "instance_token": instance,
                "visibility_token": "4",
                "attribute_tokens": [] if attribute is None else [token_of("attribute", attribute)],
                **rigid_row(writer.global_from_world @ actor.track.pose(frame).matrix()),
                "size": actor.box(frame).to_wlh().tolist(),
                "prev": before,
                "next": after,
                "num_lidar_pts": 0 if (frame, actor.id) in recording.hidden else 1,
                "num_radar_pts": 0,
            }
        )


def _write_map(writer: _Writer) -> None:
    (writer.folder / _MAP_FILE).parent.mkdir(parents=True, exist_ok=True)
    write_png(writer.folder / _MAP_FILE, np.zeros((16, 16, 3), dtype=np.uint8))
    writer.tables["map"].append(
        {
            "token": token_of("map"),
            "category": "semantic_prior",
            "filename": _MAP_FILE,
            "log_tokens": [row["token"] for row in writer.tables["log"]],
        }
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=0, allow_nan=False), encoding="utf-8")


def _provenance(licence: str, for_evaluation: bool, notes: Sequence[str]) -> dict[str, Any]:
    return {
        "synthetic": True,
        "licence": licence,
        "notes": [
            "The pictures are synthetic; no vehicle recorded them.",
            "num_lidar_pts is 1 for every box that can be seen, because detection evaluation drops boxes without points.",
            "visibility is 4 (80-100 %) for every box; occlusion was not measured.",
            "The map mask is blank. There is one camera, and no lidar or radar.",
            *([EMPTY_LIDAR_NOTE] if for_evaluation else []),
            "Dates are made up from the scene's hour; locations and vehicles are no real ones.",
            *notes,
        ],
    }
