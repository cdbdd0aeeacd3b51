"""What the devkit's detection evaluation needs beside the tables: a channel LIDAR_TOP, and detections to evaluate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.exports.nuscenes_vocabulary import attribute_name, rigid_row, token_of
from drivesim.geometry import FloatArray
from drivesim.scene import Actor, Pose

#: Where nuScenes mounts its lidar on the ego, x to the right.
LIDAR_MOUNT = Pose(x=0.94, z=1.84, yaw_rad=-np.pi / 2)
LIDAR_CHANNEL = "LIDAR_TOP"
EMPTY_LIDAR_NOTE = (
    "LIDAR_TOP holds no point: the channel is there because the devkit's evaluation asks it for the ego's pose."
)


def add_empty_lidar(tables: dict[str, list[dict[str, Any]]], folder: Path, scene_name: str) -> None:
    """A lidar without points on the key frames of a scene that is in the tables already, at the camera's times and poses."""
    sensor = token_of("sensor", LIDAR_CHANNEL)
    if all(row["token"] != sensor for row in tables["sensor"]):
        tables["sensor"].append({"token": sensor, "channel": LIDAR_CHANNEL, "modality": "lidar"})
    calibrated = token_of("calibrated_sensor", scene_name, LIDAR_CHANNEL)
    tables["calibrated_sensor"].append(
        {"token": calibrated, "sensor_token": sensor, **rigid_row(LIDAR_MOUNT.matrix()), "camera_intrinsic": []}
    )
    scene = token_of("scene", scene_name)
    samples = {row["token"] for row in tables["sample"] if row["scene_token"] == scene}
    keys = [row for row in tables["sample_data"] if row["is_key_frame"] and row["sample_token"] in samples]
    tokens = [token_of("sample_data", scene_name, LIDAR_CHANNEL, row["timestamp"]) for row in keys]
    for token, row, before, after in zip(tokens, keys, ["", *tokens[:-1]], [*tokens[1:], ""], strict=True):
        camera_file = Path(row["filename"])
        filename = (
            f"samples/{LIDAR_CHANNEL}/{camera_file.stem.split('__')[0]}__{LIDAR_CHANNEL}__{row['timestamp']}.pcd.bin"
        )
        (folder / filename).parent.mkdir(parents=True, exist_ok=True)
        (folder / filename).write_bytes(b"")
        tables["sample_data"].append(
            {
                **row,
                "token": token,
                "calibrated_sensor_token": calibrated,
                "fileformat": "pcd",
                "height": 0,
                "width": 0,
                "filename": filename,
                "prev": before,
                "next": after,
            }
        )


def detections(
    scene_name: str,
    actors: Sequence[Actor],
    scores: Mapping[str, float],
    keys: Sequence[int],
    global_from_world: FloatArray,
) -> dict[str, list[dict[str, Any]]]:
    """Measured actors on the key frames of a scene, by sample token, as nuScenes' detection challenge takes them."""
    results: dict[str, list[dict[str, Any]]] = {}
    for frame in keys:
        sample = token_of("sample", scene_name, frame)
        results[sample] = [
            _detection(sample, actor, frame, scores.get(actor.id, 1.0), global_from_world)
            for actor in actors
            if actor.track.present[frame]
        ]
    return results


def write_detections(path: Path, results: Mapping[str, Any], note: str) -> None:
    """Detections of all samples in the file format of the challenge, marked as synthetic in its ``meta``."""
    meta = {
        "use_camera": True,
        "use_lidar": False,
        "use_radar": False,
        "use_map": False,
        "use_external": False,
        "synthetic": True,
        "note": note,
    }
    path.write_text(json.dumps({"meta": meta, "results": results}, allow_nan=False), encoding="utf-8")


def _detection(sample: str, actor: Actor, frame: int, score: float, global_from_world: FloatArray) -> dict[str, Any]:
    speed, yaw = float(actor.track.speed_mps[frame]), float(actor.track.yaw_rad[frame])
    velocity = global_from_world[:2, :2] @ np.array([speed * np.cos(yaw), speed * np.sin(yaw)])
    return {
        "sample_token": sample,
        **rigid_row(global_from_world @ actor.track.pose(frame).matrix()),
        "size": actor.box(frame).to_wlh().tolist(),
        "velocity": velocity.tolist(),
        "detection_name": actor.category,
        "detection_score": float(score),
        "attribute_name": attribute_name(actor, speed) or "",
    }
