"""The words of nuScenes' category, attribute and visibility tables, and what this package's actors are called there."""

from __future__ import annotations

import hashlib

from drivesim.geometry import FloatArray, quaternion_of_rotation
from drivesim.scene import Actor

#: All 23 categories of nuScenes v1.0.
CATEGORY_NAMES: tuple[str, ...] = (
    "animal",
    "human.pedestrian.adult",
    "human.pedestrian.child",
    "human.pedestrian.construction_worker",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer",
    "human.pedestrian.stroller",
    "human.pedestrian.wheelchair",
    "movable_object.barrier",
    "movable_object.debris",
    "movable_object.pushable_pullable",
    "movable_object.trafficcone",
    "static_object.bicycle_rack",
    "vehicle.bicycle",
    "vehicle.bus.bendy",
    "vehicle.bus.rigid",
    "vehicle.car",
    "vehicle.construction",
    "vehicle.emergency.ambulance",
    "vehicle.emergency.police",
    "vehicle.motorcycle",
    "vehicle.trailer",
    "vehicle.truck",
)

ATTRIBUTE_NAMES: tuple[str, ...] = (
    "vehicle.moving",
    "vehicle.stopped",
    "vehicle.parked",
    "cycle.with_rider",
    "cycle.without_rider",
    "pedestrian.sitting_lying_down",
    "pedestrian.standing",
    "pedestrian.moving",
)

#: Token, level and meaning of nuScenes' four visibility classes.
VISIBILITY_LEVELS: tuple[tuple[str, str, str], ...] = (
    ("1", "v0-40", "visibility of whole object is between 0 and 40%"),
    ("2", "v40-60", "visibility of whole object is between 40 and 60%"),
    ("3", "v60-80", "visibility of whole object is between 60 and 80%"),
    ("4", "v80-100", "visibility of whole object is between 80 and 100%"),
)

_NAME_OF_CATEGORY = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "bus": "vehicle.bus.rigid",
    "trailer": "vehicle.trailer",
    "construction_vehicle": "vehicle.construction",
    "pedestrian": "human.pedestrian.adult",
    "motorcycle": "vehicle.motorcycle",
    "bicycle": "vehicle.bicycle",
    "traffic_cone": "movable_object.trafficcone",
    "barrier": "movable_object.barrier",
}

#: Below this speed a traffic participant counts as standing.
_STANDING_MPS = 0.2


def category_name(actor: Actor) -> str:
    """The nuScenes category of an actor; a pedestrian of preset ``child`` is a child there too."""
    if actor.category == "pedestrian" and actor.preset == "child":
        return "human.pedestrian.child"
    return _NAME_OF_CATEGORY[actor.category]


def attribute_name(actor: Actor, speed_mps: float) -> str | None:
    """The nuScenes attribute of an actor at a speed; None for cones and barriers, which have none."""
    moving = abs(speed_mps) > _STANDING_MPS
    if actor.category in ("traffic_cone", "barrier"):
        return None
    if actor.category == "pedestrian":
        return "pedestrian.moving" if moving else "pedestrian.standing"
    if actor.category in ("motorcycle", "bicycle"):
        return "cycle.without_rider" if actor.parked else "cycle.with_rider"
    if actor.parked:
        return "vehicle.parked"
    return "vehicle.moving" if moving else "vehicle.stopped"


def token_of(*parts: object) -> str:
    """A row's token: nuScenes' are 32 hexadecimal digits; equal names give equal ones, so a second export has the same bytes."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def rigid_row(matrix: FloatArray) -> dict[str, list[float]]:
    """A transform (4, 4) as the tables hold it: translation in metres, rotation as w, x, y, z."""
    return {"translation": matrix[:3, 3].tolist(), "rotation": quaternion_of_rotation(matrix[:3, :3]).tolist()}
