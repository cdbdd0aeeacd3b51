"""Scenes as JSON: ego, actors, camera and environment, exact to the last bit. The road is left out: it is drawn already."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from drivesim.scene import Actor, Camera, Environment, Pose, Scene, Track


def scene_to_json(scene: Scene) -> dict[str, Any]:
    """A scene as JSON values, without its road and without actors that are present on no frame."""
    environment = dataclasses.asdict(scene.environment)
    if math.isinf(environment["fog_visibility_m"]):
        environment["fog_visibility_m"] = None
    return {
        "name": scene.name,
        "fps": scene.fps,
        "seed": scene.seed,
        "ego": _track_to_json(scene.ego),
        "camera": dataclasses.asdict(scene.camera),
        "environment": environment,
        "actors": [_actor_to_json(actor) for actor in scene.actors if actor.track.present.any()],
    }


def scene_from_json(data: dict[str, Any]) -> Scene:
    """The scene that :func:`scene_to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    environment = dict(data["environment"])
    if environment["fog_visibility_m"] is None:
        environment["fog_visibility_m"] = math.inf
    camera = {**data["camera"], "mount": Pose(**data["camera"]["mount"])}
    return Scene(
        name=data["name"],
        fps=data["fps"],
        seed=data["seed"],
        ego=_track_from_json(data["ego"]),
        camera=Camera(**camera),
        environment=Environment(**environment),
        actors=tuple(_actor_from_json(actor) for actor in data["actors"]),
    )


def _track_to_json(track: Track) -> dict[str, Any]:
    return {
        "positions": np.asarray(track.positions, np.float64).tolist(),
        "yaw_rad": np.asarray(track.yaw_rad, np.float64).tolist(),
        "speed_mps": np.asarray(track.speed_mps, np.float64).tolist(),
        "present": np.asarray(track.present, np.uint8).tolist(),
    }


def _track_from_json(data: dict[str, Any]) -> Track:
    return Track(
        positions=np.array(data["positions"], np.float64).reshape(-1, 3),
        yaw_rad=np.array(data["yaw_rad"], np.float64),
        speed_mps=np.array(data["speed_mps"], np.float64),
        present=np.array(data["present"], bool),
    )


def _actor_to_json(actor: Actor) -> dict[str, Any]:
    plain = {field.name: getattr(actor, field.name) for field in dataclasses.fields(actor) if field.name != "track"}
    colour = None if actor.colour is None else [int(value) for value in actor.colour]
    sizes = {name: float(plain[name]) for name in ("length", "width", "height")}
    return {**plain, **sizes, "colour": colour, "track": _track_to_json(actor.track)}


def _actor_from_json(data: dict[str, Any]) -> Actor:
    colour = None if data["colour"] is None else tuple(data["colour"])
    return Actor(**{**data, "colour": colour, "track": _track_from_json(data["track"])})
