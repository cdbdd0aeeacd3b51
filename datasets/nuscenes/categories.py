"""Which of this package's ten categories a nuScenes category is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from drivesim.datasets.nuscenes.tables import Row, TableFinding
from drivesim.errors import InputError, why
from drivesim.json_text import JsonFault, parse
from drivesim.scene import CATEGORIES

#: What each name of a data set is here; None leaves its boxes out.
Categories = Mapping[str, str | None]

#: The mapping of nuScenes' detection task (nuscenes.eval.detection.utils), and beside it the two emergency vehicles: they
#: are seen as a car and a truck, and a vehicle in the picture without a box would teach that vehicles come unasked.
CATEGORY_OF: dict[str, str] = {
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
    "movable_object.barrier": "barrier",
    "movable_object.trafficcone": "traffic_cone",
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.emergency.ambulance": "truck",
    "vehicle.emergency.police": "car",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
}

#: Categories without a counterpart: their boxes are left out and counted, and where one is in the picture the layout counts
#: as not known.
LEFT_OUT: tuple[str, ...] = (
    "animal",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.stroller",
    "human.pedestrian.wheelchair",
    "movable_object.debris",
    "movable_object.pushable_pullable",
    "static_object.bicycle_rack",
)

_NUSCENES: Categories = {**CATEGORY_OF, **dict.fromkeys(LEFT_OUT)}


def categories_with(given: Categories | None) -> Categories:
    """nuScenes' own names, and those of a category map before them.

    Raises InputError for a value that is none of the ten categories.
    """
    wrong = {name: value for name, value in (given or {}).items() if value is not None and value not in CATEGORIES}
    if wrong:
        raise InputError(f"category map: {wrong}; expected {', '.join(CATEGORIES)}, or null to leave boxes out")
    return {**_NUSCENES, **(given or {})}


def read_category_map(path: Path) -> Categories:
    """The object of a JSON file: names of a data set to categories or null. Raises InputError when it is none."""
    try:
        given = parse(path.read_bytes())
    except (OSError, JsonFault) as error:
        raise InputError(f"{path}: cannot be read as JSON ({why(error)})") from error
    texts = isinstance(given, dict) and all(value is None or isinstance(value, str) for value in given.values())
    if not texts:
        raise InputError(f'{path}: expected an object such as {{"car": "car", "animal": null}}')
    try:
        categories_with(given)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return given


def unknown_names(version: str, tables: Mapping[str, Iterable[Row]], categories: Categories) -> TableFinding | None:
    """The names of annotated categories that are not among ``categories``, with counts and what to write; else None."""
    if any(table not in tables for table in ("category", "instance", "sample_annotation")):
        return None
    names = {row["token"]: str(row.get("name")) for row in tables["category"]}
    of_instance = {row["token"]: names.get(row.get("category_token"), "") for row in tables["instance"]}
    counts = Counter(of_instance.get(row.get("instance_token"), "") for row in tables["sample_annotation"])
    unknown = {name: count for name, count in sorted(counts.items()) if name and name not in categories}
    if not unknown:
        return None
    listed = ", ".join(f"{name} ({count})" for name, count in unknown.items())
    offered = json.dumps({name: name if name in CATEGORIES else None for name in unknown})
    return TableFinding(
        f"{version}/category.json",
        f"boxes of {len(unknown)} names that nuScenes has not: {listed}",
        f"Say what each is in a file, such as {offered}, and give it with --category-map FILE; null leaves boxes out, and where "
        f"one is in the picture the layout counts as not known. The categories are {', '.join(CATEGORIES)}",
    )
