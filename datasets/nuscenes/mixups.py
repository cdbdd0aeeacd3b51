"""Boxes that stand in another frame than nuScenes' global one, or whose sizes are in another order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from drivesim.datasets.nuscenes.categories import Categories
from drivesim.datasets.nuscenes.rows import is_number
from drivesim.datasets.nuscenes.tables import Row, TableFinding
from drivesim.datasets.quantities import course_fault, degrees_fault, speed_fault
from drivesim.geometry import FloatArray

#: The sound ego pose of each key frame's sample, by the sample's token.
EgoPoses = dict[str | None, Row]

#: nuScenes annotates what its lidar reaches; a scene's own drive is a few hundred metres.
_FAR_FROM_EGO_M = 500.0
_NEAR_ORIGIN_M = 200.0
_VEHICLES = ("car", "truck", "bus", "trailer", "construction_vehicle", "motorcycle", "bicycle")

#: Displacement between two key frames above which a box's heading can be compared with its motion.
_MOVED_M = 2.0


def find_mixups(
    version: str, tables: dict[str, list[Row]], categories: Categories, unsound: Mapping[str, Collection[str]]
) -> list[TableFinding]:
    """Signs of lidar-frame or ego-frame boxes (far from the ego, headings a quarter turn off) and of swapped sizes.

    ``unsound`` holds, by table, the tokens of the rows that are wrong by themselves; they are passed over.
    """
    if any(table not in tables for table in ("sample_annotation", "instance", "category", "sample_data", "ego_pose")):
        return []
    rows = [row for row in tables["sample_annotation"] if row["token"] not in unsound["sample_annotation"]]
    ego = _ego_of_samples(tables, unsound["ego_pose"])
    if not rows:
        return [finding for finding in [_impossible_drive(version, tables, ego)] if finding is not None]
    known = _categories_of(tables, categories)
    findings = [
        _impossible_drive(version, tables, ego),
        _far_from_ego(version, rows, ego),
        _turned(version, rows, known),
        _swapped(version, rows, known),
    ]
    return [finding for finding in findings if finding is not None]


def _far_from_ego(version: str, rows: list[Row], ego: EgoPoses) -> TableFinding | None:
    placed = [row for row in rows if row.get("sample_token") in ego]
    if not placed:
        return None
    boxes = np.array([row["translation"] for row in placed])[:, :2]
    own = np.array([ego[row["sample_token"]]["translation"] for row in placed])[:, :2]
    far = np.linalg.norm(boxes - own, axis=1) > _FAR_FROM_EGO_M
    if float(far.mean()) < 0.01:
        return None
    first = placed[int(np.argmax(far))]
    near_origin = bool(np.median(np.linalg.norm(boxes[far], axis=1)) < _NEAR_ORIGIN_M)
    looks = "they look as if written in the lidar or ego frame" if near_origin else "they are in some other frame"
    problem = (
        f"{int(far.sum())} of {len(placed)} boxes are more than {_FAR_FROM_EGO_M:g} m from the ego "
        f"(first row {first['token']}); {looks}"
    )
    fix = (
        "Move them to the global frame: global = ego_pose x calibrated_sensor x box; docs/conventions.md has converters"
    )
    return TableFinding(f"{version}/sample_annotation.json", problem, fix)


def _ego_of_samples(tables: dict[str, list[Row]], unsound: Collection[str]) -> EgoPoses:
    """The sound ego pose of each key frame's sample."""
    poses = {row["token"]: row for row in tables["ego_pose"] if row["token"] not in unsound}
    return {
        row.get("sample_token"): poses[row["ego_pose_token"]]
        for row in tables["sample_data"]
        if row.get("is_key_frame") and row.get("ego_pose_token") in poses
    }


def _impossible_drive(version: str, tables: dict[str, list[Row]], ego: EgoPoses) -> TableFinding | None:
    """Scenes whose ego moves as no vehicle does: too fast, against its heading, or in degrees of latitude."""
    drives: dict[str | None, list[tuple[float, Row]]] = {}
    for row in tables.get("sample", []):
        if row["token"] in ego and is_number(row.get("timestamp")):
            drives.setdefault(row.get("scene_token"), []).append((1e-6 * row["timestamp"], ego[row["token"]]))
    names = {row["token"]: row.get("name") for row in tables.get("scene", [])}
    faults = {}
    for scene, drive in drives.items():
        fault = _drive_fault(sorted(drive, key=lambda pair: pair[0]))
        if fault:
            faults[names.get(scene)] = fault
    if not faults:
        return None
    first, fault = next(iter(faults.items()))
    problem = f"in {len(faults)} of {len(drives)} scenes the ego moves as no vehicle does, first {first}: {fault}"
    return TableFinding(
        f"{version}/ego_pose.json", problem, "Write metres in one map frame and unit quaternions of the vehicle's front"
    )


def _drive_fault(drive: list[tuple[float, Row]]) -> str:
    times = np.array([time for time, _ in drive])
    if len(times) < 3 or (np.diff(times) <= 0).any():
        return ""
    places = np.array([row["translation"] for _, row in drive], dtype=np.float64)
    ways = np.linalg.norm(np.diff(places[:, :2], axis=0), axis=1)
    speeds = [text for step in zip(np.diff(times), ways, strict=True) if (text := speed_fault(*step))]
    if speeds:
        return speeds[0]
    return degrees_fault(times, places) or course_fault(times, places, _headings([row for _, row in drive]))


def _turned(version: str, rows: list[Row], known: dict[str | None, str | None]) -> TableFinding | None:
    sound = {row["token"]: row for row in rows}
    pairs = [
        (row, sound[row["next"]])
        for row in rows
        if row.get("next") in sound and known.get(row.get("instance_token")) in _VEHICLES
    ]
    if not pairs:
        return None
    moved = np.array([np.subtract(after["translation"], row["translation"])[:2] for row, after in pairs])
    far_enough = np.linalg.norm(moved, axis=1) > _MOVED_M
    if far_enough.sum() < 5:
        return None
    heading = _headings([row for row, _ in pairs])[far_enough]
    course = np.arctan2(moved[far_enough, 1], moved[far_enough, 0])
    off = np.abs(np.arcsin(np.clip(np.sin(course - heading), -1.0, 1.0)))
    typical = float(np.rad2deg(np.median(off)))
    if typical < 60.0:
        return None
    problem = (
        f"moving vehicles head {typical:.0f} degrees away from where they go; their yaw looks like the lidar frame's"
    )
    fix = "Count yaw from the global x axis (nuScenes' lidar frame has x to the right, a quarter turn off)"
    return TableFinding(f"{version}/sample_annotation.json", problem, fix)


def _swapped(version: str, rows: list[Row], known: dict[str | None, str | None]) -> TableFinding | None:
    cars = [row["size"] for row in rows if known.get(row.get("instance_token")) == "car"]
    if not cars:
        return None
    wider = np.array(cars)[:, 0] > np.array(cars)[:, 1]
    if float(wider.mean()) < 0.5:
        return None
    problem = f"{int(wider.sum())} of {len(cars)} cars are wider than long; sizes look like length, width, height"
    return TableFinding(f"{version}/sample_annotation.json", problem, "Write size as width, length, height")


def _categories_of(tables: dict[str, list[Row]], categories: Categories) -> dict[str | None, str | None]:
    """The category of each instance; None where its boxes are left out."""
    of_name = {row["token"]: categories.get(str(row.get("name"))) for row in tables["category"]}
    return {row["token"]: of_name.get(row.get("category_token")) for row in tables["instance"]}


def _headings(rows: list[Row]) -> FloatArray:
    w, x, y, z = np.array([row["rotation"] for row in rows], dtype=np.float64).T
    return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
