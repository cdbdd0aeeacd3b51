"""Whether a table's row holds what it should: numbers that are finite, sizes above 0, quaternions that are rotations."""

from __future__ import annotations

from typing import Any

from drivesim.datasets.nuscenes.tables import Row
from drivesim.datasets.sample import BrokenSample

#: Lengths of stored quaternions differ from 1 by rounding only.
QUATERNION_TOLERANCE = 1e-3

_COLUMNS: dict[str, tuple[tuple[str, int], ...]] = {
    "calibrated_sensor": (("translation", 3), ("rotation", 4)),
    "ego_pose": (("translation", 3), ("rotation", 4)),
    "sample_annotation": (("translation", 3), ("rotation", 4), ("size", 3)),
}


def is_number(value: object) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def row_problem(row: Row, table: str) -> str | None:
    """What is wrong with the translation, rotation (w, x, y, z) or size of a row of ``table``; None when it is sound."""
    for name, count in _COLUMNS[table]:
        given: Any = row.get(name)
        # Plain lists: a hundred times as fast as arrays of three numbers, and nuScenes has millions of rows.
        sound = isinstance(given, list) and len(given) == count
        if not sound or not all(isinstance(value, int | float) and abs(value) < float("inf") for value in given):
            return f"{name} {given} is not {count} finite numbers"
        if name == "size" and min(given) <= 0.0:
            return f"size {given} (width, length, height) is not above 0"
        if name == "rotation":
            length = sum(value * value for value in given) ** 0.5
            if abs(length - 1.0) > QUATERNION_TOLERANCE:
                return f"rotation {given} has length {length:.4f}; a unit quaternion w, x, y, z has 1"
    return None


def camera_matrix_problem(row: Row) -> str | None:
    """What is wrong with the camera_intrinsic of a camera's calibrated_sensor row; None when it is sound."""
    given: Any = row.get("camera_intrinsic")
    square = isinstance(given, list) and len(given) == 3 and all(isinstance(r, list) and len(r) == 3 for r in given)
    if square:
        values = [value for matrix_row in given for value in matrix_row]
        finite = all(isinstance(value, int | float) and abs(value) < float("inf") for value in values)
        if finite and given[0][0] > 0.0 and given[1][1] > 0.0:
            return None
    return f"camera_intrinsic {given} is no camera matrix: 3 x 3 finite numbers with focal lengths above 0"


def checked(row: Row, table: str) -> Row:
    """The row itself. Raises BrokenSample naming the table, the row and what is wrong with it."""
    problem = row_problem(row, table)
    if problem is not None:
        raise BrokenSample(f"{table}.json: row {row['token']}: {problem}. Mend the row, or leave its scene out.")
    return row
