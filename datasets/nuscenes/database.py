"""Opening the tables with nuscenes-devkit, and the scenes of a split."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from drivesim.datasets.nuscenes.check import check_tables
from drivesim.datasets.nuscenes.tables import (
    TABLES,
    TableFinding,
    find_version_problem,
    raise_findings,
    read_table,
)
from drivesim.errors import InputError
from drivesim.json_text import JsonFault, parse

#: The devkit's own splits that each version holds.
SPLITS_OF_VERSION: dict[str, tuple[str, ...]] = {
    "v1.0-mini": ("mini_train", "mini_val"),
    "v1.0-trainval": ("train", "val", "train_detect", "train_track"),
    "v1.0-test": ("test",),
}


def open_database(root: Path, version: str) -> Any:
    """The tables as a nuscenes.nuscenes.NuScenes; once per process for the same files.

    Raises InputError, with every fault found, when they cannot be opened, or the devkit is not installed.
    """
    problem = find_version_problem(root, version)
    raise_findings(root, [] if problem is None else [problem])
    missing = [found for table in TABLES if isinstance(found := _present(root, version, table), TableFinding)]
    raise_findings(root, missing)
    stamps = tuple((root / version / f"{table}.json").stat().st_mtime_ns for table in TABLES)
    return _opened(root.resolve(), version, stamps)


def tables_of(database: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of an opened database by table, with the columns that the devkit adds."""
    return {table: getattr(database, table) for table in TABLES}


def scenes_of_split(root: Path, version: str, split: str) -> tuple[list[str], str]:
    """Scene names of a split, and where the split was read: the data set's own splits.json, else the devkit's list.

    Raises InputError for a split that there is not, naming those there are.
    """
    own = root / version / "splits.json"
    if own.exists():
        try:
            splits = parse(own.read_bytes())
        except JsonFault as error:
            raise InputError(f"{own}: cannot be read as JSON ({error}); mend it") from error
        source = "splits.json"
    else:
        from nuscenes.utils.splits import create_splits_scenes

        official = create_splits_scenes()
        splits = {name: official[name] for name in SPLITS_OF_VERSION.get(version, tuple(official))}
        source = "nuscenes-devkit"
    if not isinstance(splits, dict) or split not in splits:
        names = ", ".join(splits) if isinstance(splits, dict) else "none"
        raise InputError(
            f"{root.name}/{version} has no split {split!r}; its splits ({source}) are: {names}; 'all' takes every scene"
        )
    return list(splits[split]), source


@lru_cache(maxsize=2)
def _opened(root: Path, version: str, stamps: tuple[int, ...]) -> Any:
    try:
        from nuscenes.nuscenes import NuScenes
    except ImportError as error:
        raise InputError(
            f"nuscenes-devkit cannot be imported ({error}). Install it with: pip install 'drivesim[nuscenes]' "
            "(Python 3.11 or 3.12)"
        ) from error
    try:
        return NuScenes(version=version, dataroot=str(root), verbose=False)
    except (ValueError, KeyError, IndexError, AssertionError, TypeError) as error:
        # The devkit names no file; our own check does.
        raise_findings(root, check_tables(root, version))
        raise InputError(
            f"nuscenes-devkit cannot open {root}/{version}: {type(error).__name__}: {error}. "
            "Unpack the metadata archive again."
        ) from error


def _present(root: Path, version: str, table: str) -> TableFinding | None:
    if (root / version / f"{table}.json").is_file():
        return None
    found = read_table(root, version, table)
    assert isinstance(found, TableFinding)
    return found
