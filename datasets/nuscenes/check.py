"""Everything that is wrong with a nuScenes folder, at once; reads the tables themselves, without the devkit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from drivesim.datasets.nuscenes.categories import Categories, categories_with, unknown_names
from drivesim.datasets.nuscenes.map_lines import TRAFFIC_SIDE, map_file
from drivesim.datasets.nuscenes.mixups import find_mixups
from drivesim.datasets.nuscenes.picture_check import OnProgress, check_pictures
from drivesim.datasets.nuscenes.rows import camera_matrix_problem, is_number, row_problem
from drivesim.datasets.nuscenes.tables import (
    TABLES,
    Row,
    TableFinding,
    find_version_problem,
    find_versions,
    read_table,
)
from drivesim.json_text import JsonFault, parse

#: Columns that hold a token of another table (an empty one is a chain's end).
REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("calibrated_sensor", "sensor_token", "sensor"),
    ("instance", "category_token", "category"),
    ("sample", "next", "sample"),
    ("sample", "prev", "sample"),
    ("sample", "scene_token", "scene"),
    ("sample_annotation", "instance_token", "instance"),
    ("sample_annotation", "next", "sample_annotation"),
    ("sample_annotation", "prev", "sample_annotation"),
    ("sample_annotation", "sample_token", "sample"),
    ("sample_data", "calibrated_sensor_token", "calibrated_sensor"),
    ("sample_data", "ego_pose_token", "ego_pose"),
    ("sample_data", "next", "sample_data"),
    ("sample_data", "prev", "sample_data"),
    ("sample_data", "sample_token", "sample"),
    ("scene", "first_sample_token", "sample"),
    ("scene", "last_sample_token", "sample"),
    ("scene", "log_token", "log"),
)

#: Columns that the reader needs beside tokens and numbers.
COLUMNS: dict[str, tuple[str, ...]] = {
    "category": ("name",),
    "log": ("location", "logfile"),
    "sample": ("timestamp",),
    "sample_data": ("filename", "is_key_frame", "timestamp"),
    "scene": ("description", "name"),
    "sensor": ("channel", "modality"),
}

#: Columns that only the rows of cameras need: a lidar's sweep has no size.
CAMERA_COLUMNS: tuple[str, ...] = ("height", "width")

UNPACK_AGAIN = "Unpack the metadata archive again; tables of one version belong together"
Tables = dict[str, list[Row]]


def check_nuscenes(
    root: str | Path,
    version: str | None = None,
    channel: str = "CAM_FRONT",
    category_map: Categories | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> list[TableFinding]:
    """What is wrong with the data set in ``root``: one finding for each kind of fault in each file, none when it is sound.

    Looks for all that :func:`check_rows` finds, missing and truncated tables, unreadable map expansions, and pictures of
    ``channel`` that do not decode or have another size than the tables say. ``version`` None checks every version that is
    there. ``on_progress`` hears pictures read and pictures in all.
    """
    root = Path(root)
    versions = find_versions(root) if version is None else [version]
    if not versions:
        problem = find_version_problem(root, "v1.0-trainval")
        assert problem is not None
        return [problem]
    findings = _check_expansion(root)
    for name in versions:
        problem = find_version_problem(root, name)
        if problem is not None:
            findings.append(problem)
            continue
        faults, tables = _read(root, name)
        findings += faults + check_rows(root, name, tables, channel, category_map)
        findings += check_pictures(root, name, list(_of_channel(tables, channel)), on_progress)
    return findings


def check_rows(
    root: Path, version: str, tables: Tables, channel: str = "CAM_FRONT", category_map: Categories | None = None
) -> list[TableFinding]:
    """What is wrong with tables that can be read, and which files they name are not there.

    Rows that disagree between tables, map masks and pictures that are named but absent, numbers that are NaN, boxes without
    size or of unknown categories, quaternions that are no rotations, times that do not rise, and boxes in another frame than
    the global one.
    """
    categories = categories_with(category_map)
    findings = _check_links(root, version, tables)
    wrong = _wrong_rows(tables)
    unsound = {table: {row["token"] for row, _ in rows} for table, rows in wrong.items()}
    findings += _check_numbers(version, wrong) + _check_times(version, tables, channel)
    findings += _check_files(root, version, tables, channel) + find_mixups(version, tables, categories, unsound)
    unknown = unknown_names(version, tables, categories)
    return findings if unknown is None else [*findings, unknown]


def check_tables(root: Path, version: str) -> list[TableFinding]:
    """The findings of :func:`check_nuscenes` that keep the tables from being opened: files, links and map masks."""
    faults, tables = _read(root, version)
    return faults + _check_links(root, version, tables)


def _read(root: Path, version: str) -> tuple[list[TableFinding], Tables]:
    read = {table: read_table(root, version, table) for table in TABLES}
    findings = [found for found in read.values() if isinstance(found, TableFinding)]
    return findings, {table: rows for table, rows in read.items() if not isinstance(rows, TableFinding)}


def _check_links(root: Path, version: str, tables: Tables) -> list[TableFinding]:
    findings = []
    for table, columns in COLUMNS.items():
        for column in columns:
            lacking = [row for row in tables.get(table, []) if row.get(column) is None]
            if lacking:
                problem = f"{_rows(lacking)} without {column}"
                findings.append(TableFinding(f"{version}/{table}.json", problem, UNPACK_AGAIN))
    findings += _check_columns_of_cameras(version, tables) + _check_clocks(version, tables)
    tokens = {table: {row["token"] for row in rows} for table, rows in tables.items()}
    for table, column, target in REFERENCES:
        if table not in tables or target not in tables:
            continue
        chain = column in ("prev", "next")
        lost = [r for r in tables[table] if r.get(column) not in tokens[target] and not (chain and r.get(column) == "")]
        if lost:
            problem = f"{_rows(lost)}: {column} {lost[0].get(column)!r} is in no row of {target}.json"
            findings.append(TableFinding(f"{version}/{table}.json", problem, UNPACK_AGAIN))
    if "map" in tables:
        findings += _check_maps(root, version, tables)
    own = root / version / "splits.json"
    if own.exists() and "scene" in tables:
        findings += _check_splits(own, version, {row.get("name") for row in tables["scene"]})
    return findings


def _check_columns_of_cameras(version: str, tables: Tables) -> list[TableFinding]:
    cameras = {row["token"] for row in tables.get("sensor", []) if row.get("modality") == "camera"}
    mounts = {row["token"] for row in tables.get("calibrated_sensor", []) if row.get("sensor_token") in cameras}
    rows = [row for row in tables.get("sample_data", []) if row.get("calibrated_sensor_token") in mounts]
    findings = []
    for column in CAMERA_COLUMNS:
        lacking = [row for row in rows if not isinstance(row.get(column), int | float) or row[column] <= 0]
        if lacking:
            problem = f"{_rows(lacking)} of cameras without {column}"
            fix = "Write the pictures' size in pixels, which the camera matrix is meant for"
            findings.append(TableFinding(f"{version}/sample_data.json", problem, fix))
    return findings


def _check_clocks(version: str, tables: Tables) -> list[TableFinding]:
    findings = []
    for table in ("sample", "sample_data"):
        wrong = [r for r in tables.get(table, []) if r.get("timestamp") is not None and not is_number(r["timestamp"])]
        if wrong:
            problem = f"{_rows(wrong)}: timestamp {wrong[0]['timestamp']!r} is no finite number"
            findings.append(TableFinding(f"{version}/{table}.json", problem, "Write microseconds as whole numbers"))
    return findings


def _check_maps(root: Path, version: str, tables: Tables) -> list[TableFinding]:
    maps, findings = tables["map"], []
    file = f"{version}/map.json"
    if not maps or any("log_tokens" not in row or "filename" not in row for row in maps):
        return [TableFinding(file, "names no map, or one without filename and log_tokens", UNPACK_AGAIN)]
    absent = [row["filename"] for row in maps if not (root / row["filename"]).is_file()]
    if absent:
        fix = "Unpack the maps/ folder of the metadata archive too; the devkit opens no data set without its map masks"
        findings.append(TableFinding(absent[0], f"{len(absent)} of {len(maps)} map masks are absent", fix))
    mapped = {token for row in maps for token in row["log_tokens"]}
    lost = [row for row in tables.get("log", []) if row["token"] not in mapped]
    if lost:
        findings.append(TableFinding(file, f"{_rows(lost)} of log.json in no map's log_tokens", UNPACK_AGAIN))
    return findings


def _check_splits(path: Path, version: str, scenes: set[str | None]) -> list[TableFinding]:
    file, fix = f"{version}/splits.json", "Write {split name: [scene names]} with names of scene.json"
    try:
        splits = parse(path.read_bytes())
    except JsonFault as error:
        return [TableFinding(file, f"cannot be read as JSON ({error})", fix)]
    if not isinstance(splits, dict) or not all(isinstance(names, list) for names in splits.values()):
        return [TableFinding(file, "does not map split names to lists of scenes", fix)]
    findings = []
    for split, names in splits.items():
        unknown = [name for name in names if name not in scenes]
        if unknown or not names:
            problem = (
                f"{len(unknown)} scenes of {split!r} are not in scene.json ({unknown[0]!r} first)" if unknown else ""
            )
            findings.append(TableFinding(file, problem or f"split {split!r} is empty", fix))
    return findings


def _wrong_rows(tables: Tables) -> dict[str, list[tuple[Row, str]]]:
    """The rows whose numbers are wrong by themselves, by table, and what is wrong with each."""
    wrong = {
        table: [(row, problem) for row in tables.get(table, []) if (problem := row_problem(row, table)) is not None]
        for table in ("calibrated_sensor", "ego_pose", "sample_annotation")
    }
    cameras = {row["token"] for row in tables.get("sensor", []) if row.get("modality") == "camera"}
    mounts = [row for row in tables.get("calibrated_sensor", []) if row.get("sensor_token") in cameras]
    problems = [(row, problem) for row in mounts if (problem := camera_matrix_problem(row)) is not None]
    return {**wrong, "calibrated_sensor": wrong["calibrated_sensor"] + problems}


def _check_numbers(version: str, wrong: dict[str, list[tuple[Row, str]]]) -> list[TableFinding]:
    findings = []
    for table, problems in wrong.items():
        if problems:
            row, problem = problems[0]
            text = f"{len(problems)} unsound row{'s' * (len(problems) > 1)}, first {row['token']}: {problem}"
            fix = "Mend the rows, or unpack the metadata archive again; windows that need them are left out"
            findings.append(TableFinding(f"{version}/{table}.json", text, fix))
    return findings


def _check_times(version: str, tables: Tables, channel: str) -> list[TableFinding]:
    findings = []
    for table in ("sample", "sample_data"):
        rows = tables.get(table, [])
        if table == "sample_data":
            rows = list(_of_channel(tables, channel))
        times = {row["token"]: row.get("timestamp") for row in rows}
        backwards = [
            row
            for row in rows
            if is_number(times.get(row.get("next", "")))
            and is_number(row.get("timestamp"))
            and times[row["next"]] <= row["timestamp"]
        ]
        if backwards:
            step = times[backwards[0]["next"]] - backwards[0]["timestamp"]
            problem = f"time does not rise after {_rows(backwards)} (a step of {step} us)"
            fix = "Mend the timestamps (microseconds); windows across the place are left out"
            findings.append(TableFinding(f"{version}/{table}.json", problem, fix))
    return findings


def _check_files(root: Path, version: str, tables: Tables, channel: str) -> list[TableFinding]:
    if "sensor" not in tables or "sample_data" not in tables:
        return []
    cameras = sorted({row["channel"] for row in tables["sensor"] if row.get("modality") == "camera"})
    if channel not in cameras:
        problem = f"there is no camera {channel!r}; the cameras are {', '.join(cameras) or 'none'}"
        return [TableFinding(f"{version}/sensor.json", problem, "Ask for one of these with channel")]
    named: dict[str, list[str]] = defaultdict(list)
    for row in _of_channel(tables, channel):
        named[str(row.get("filename", "")).split("/")[0]].append(str(row.get("filename", "")))
    findings = []
    for folder, files in sorted(named.items()):
        absent = [file for file in files if not _has_content(root / file)]
        if not absent:
            continue
        problem = f"{len(absent)} of {len(files)} pictures named in {version}/sample_data.json are absent or empty"
        fix = "Unpack the file blobs that hold them (docs/nuscenes.md); windows that need them are left out"
        if len(absent) == len(files) and folder == "sweeps":
            fix = "Unpack the full file blobs, not only the key frames, or read key frames alone with fps 2"
        shown = ", ".join(Path(file).name for file in absent[:3])
        findings.append(TableFinding(f"{folder}/{channel}", f"{problem}, first {shown}", fix))
    return findings


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _check_expansion(root: Path) -> list[TableFinding]:
    findings = []
    fix = "Download map expansion v1.3 again, or remove the file to read the data without a map"
    for place in TRAFFIC_SIDE:
        path = map_file(root, place)
        if path is None:
            continue
        file = path.relative_to(root).as_posix()
        try:
            content = parse(path.read_bytes())
        except JsonFault as error:
            findings.append(TableFinding(file, f"cannot be read as JSON ({error})", fix))
            continue
        version = str(content.get("version", "1.0")) if isinstance(content, dict) else "unknown"
        if version < "1.3":
            findings.append(TableFinding(file, f"is a map of version {version}; 1.3 is needed", fix))
    return findings


def _of_channel(tables: Tables, channel: str) -> Iterable[Row]:
    sensors = {row["token"] for row in tables.get("sensor", []) if row.get("channel") == channel}
    mounts = {row["token"] for row in tables.get("calibrated_sensor", []) if row.get("sensor_token") in sensors}
    return (row for row in tables.get("sample_data", []) if row.get("calibrated_sensor_token") in mounts)


def _rows(rows: list[Row]) -> str:
    return f"row {rows[0]['token']}" if len(rows) == 1 else f"{len(rows)} rows, first {rows[0]['token']}"
