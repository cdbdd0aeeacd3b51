"""Boxes that stand in another frame than nuScenes' global one, or whose sizes are in another order."""

from __future__ import annotations

import numpy as np

from drivesim.datasets.nuscenes.rows import row_problem
from drivesim.datasets.nuscenes.tables import Row, TableFinding
from drivesim.geometry import FloatArray

#: nuScenes annotates what its lidar reaches; a scene's own drive is a few hundred metres.
_FAR_FROM_EGO_M = 500.0
_NEAR_ORIGIN_M = 200.0
#: Displacement between two key frames above which a box's heading can be compared with its motion.
_MOVED_M = 2.0


def find_mixups(version: str, tables: dict[str, list[Row]]) -> list[TableFinding]:
    """Signs of lidar-frame or ego-frame boxes (far from the ego, headings a quarter turn off) and of swapped sizes."""
    if any(table not in tables for table in ("sample_annotation", "instance", "category", "sample_data", "ego_pose")):
        return []
    rows = [row for row in tables["sample_annotation"] if row_problem(row, "sample_annotation") is None]
    if not rows:
        return []
    findings = [_far_from_ego(version, rows, tables), _turned(version, rows, tables), _swapped(version, rows, tables)]
    return [finding for finding in findings if finding is not None]


def _far_from_ego(version: str, rows: list[Row], tables: dict[str, list[Row]]) -> TableFinding | None:
    poses = {row["token"]: row for row in tables["ego_pose"] if row_problem(row, "ego_pose") is None}
    ego = {
        row.get("sample_token"): poses[row["ego_pose_token"]]["translation"]
        for row in tables["sample_data"]
        if row.get("is_key_frame") and row.get("ego_pose_token") in poses
    }
    placed = [row for row in rows if row.get("sample_token") in ego]
    if not placed:
        return None
    boxes = np.array([row["translation"] for row in placed])[:, :2]
    own = np.array([ego[row["sample_token"]] for row in placed])[:, :2]
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


def _turned(version: str, rows: list[Row], tables: dict[str, list[Row]]) -> TableFinding | None:
    sound = {row["token"]: row for row in rows}
    names = _category_names(tables)
    pairs = [
        (row, sound[row["next"]])
        for row in rows
        if row.get("next") in sound and names.get(row.get("instance_token"), "").startswith("vehicle.")
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


def _swapped(version: str, rows: list[Row], tables: dict[str, list[Row]]) -> TableFinding | None:
    names = _category_names(tables)
    cars = [row["size"] for row in rows if names.get(row.get("instance_token")) == "vehicle.car"]
    if not cars:
        return None
    wider = np.array(cars)[:, 0] > np.array(cars)[:, 1]
    if float(wider.mean()) < 0.5:
        return None
    problem = f"{int(wider.sum())} of {len(cars)} cars are wider than long; sizes look like length, width, height"
    return TableFinding(f"{version}/sample_annotation.json", problem, "Write size as width, length, height")


def _category_names(tables: dict[str, list[Row]]) -> dict[str | None, str]:
    names = {row["token"]: str(row.get("name")) for row in tables["category"]}
    return {row["token"]: names.get(row.get("category_token"), "") for row in tables["instance"]}


def _headings(rows: list[Row]) -> FloatArray:
    w, x, y, z = np.array([row["rotation"] for row in rows], dtype=np.float64).T
    return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
