"""The files of a nuScenes folder: which there must be, which versions are there, and how a fault in one is reported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.errors import InputError, why

#: The 13 tables of nuScenes v1.0.
TABLES: tuple[str, ...] = (
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

Row = dict[str, Any]


@dataclass(frozen=True)
class TableFinding:
    """Something wrong with a data set: the file (relative to its folder), what is wrong, and how to mend it."""

    file: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}. {self.fix}."


def find_versions(root: Path) -> list[str]:
    """Names of the folders under ``root`` that hold nuScenes tables, such as v1.0-mini; empty when there are none."""
    if not root.is_dir():
        return []
    return sorted(
        child.name
        for child in root.iterdir()
        if child.is_dir() and any((child / f"{table}.json").exists() for table in ("scene", "sample_data", "sample"))
    )


def find_version_problem(root: Path, version: str) -> TableFinding | None:
    """Why ``root`` has no ``version``, with the versions that it has; None when it has it."""
    if not root.is_dir():
        return TableFinding(
            root.name, "is no folder", "Give the folder that holds samples/, sweeps/, maps/ and the tables"
        )
    if (root / version).is_dir():
        return None
    there = find_versions(root)
    if there:
        return TableFinding(
            f"{root.name}/{version}",
            f"there is no such version; found {', '.join(there)}",
            f"Ask for version {there[0]}, or download the metadata of {version}",
        )
    if (root / "scene.json").exists():
        return TableFinding(
            f"{root.name}/{version}",
            "there is no such folder, but the tables themselves stand here",
            f"Give the folder above ({root.parent.name or '..'}) and version {root.name}",
        )
    return TableFinding(
        f"{root.name}/{version}",
        "there is no such folder, and no other version either",
        "Download nuScenes' metadata archive and unpack it here; docs/nuscenes.md names the archives",
    )


def read_table(root: Path, version: str, table: str) -> list[Row] | TableFinding:
    """The rows of a table, or what is wrong with its file."""
    file = f"{version}/{table}.json"
    path = root / file
    if not path.is_file():
        return TableFinding(
            file, "this table is missing", "Unpack the metadata archive again; all 13 tables belong together"
        )
    again = "Unpack the metadata archive again; the download or the disk may have ended early"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        size = path.stat().st_size
        return TableFinding(file, f"cannot be read as JSON at line {error.lineno} ({error.msg}; {size} bytes)", again)
    except UnicodeDecodeError as error:
        return TableFinding(file, f"is no text at byte {error.start}", again)
    except (RecursionError, ValueError, OSError) as error:
        return TableFinding(file, f"cannot be read as JSON ({why(error)})", again)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "token" in row for row in rows):
        return TableFinding(file, "is no list of rows with a token", again)
    return rows


def raise_findings(root: Path, findings: list[TableFinding]) -> None:
    """Raises InputError with every finding on a line of its own; returns when there are none."""
    if findings:
        lines = "\n".join(f"  {finding}" for finding in findings)
        raise InputError(f"the nuScenes data in {root} cannot be used:\n{lines}")
