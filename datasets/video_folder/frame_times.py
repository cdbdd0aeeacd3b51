"""Times of frames from files beside them: ``timestamps.csv``, and KITTI raw's ``timestamps.txt``."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from drivesim.errors import InputError, why

#: No recording has frames of more digits; Python refuses to convert thousands of them.
_MOST_DIGITS = 18


def read_timestamps(path: Path, count: int) -> np.ndarray:
    """Times (N,) in seconds of the ``count`` frames of a video from ``timestamps.csv``: columns frame (from 0) and time_s.

    Raises InputError listing all faults.
    """
    times = np.full(count, np.nan)
    faults: list[str] = []
    for where, frame, text in _rows(path):
        number = _whole(frame)
        if not 0 <= number < count:
            faults.append(f"{where}: frame {frame!r} is none of the {count} frames")
            continue
        times[number] = _seconds(text, where, faults)
    return _complete(times, path, faults)


def read_named_timestamps(path: Path, names: list[str]) -> tuple[np.ndarray, str]:
    """Times (N,) in seconds of pictures from ``timestamps.csv``, whose ``frame`` is a file's name or its number from 0.

    Rows that name absent files are passed over, and the remark says how many there are: a copy in part. Raises InputError
    listing all faults.
    """
    number_of = {name: number for number, name in enumerate(names)}
    times = np.full(len(names), np.nan)
    faults: list[str] = []
    absent = 0
    for where, frame, text in _rows(path):
        number = number_of.get(frame, _whole(frame))
        if Path(frame).suffix and frame not in number_of:
            absent += 1
        elif not 0 <= number < len(names):
            faults.append(f"{where}: frame {frame!r} is none of the {len(names)} frames")
        else:
            times[number] = _seconds(text, where, faults)
    remark = f"{path.name} names {absent} pictures that are not there" if absent else ""
    return _complete(times, path, faults), remark


def read_kitti_timestamps(path: Path, names: list[str]) -> tuple[np.ndarray, str]:
    """Times (N,) in seconds since the first from KITTI raw's ``timestamps.txt``: a date and time on each line.

    A line for each picture in the order of names; where there are more lines than pictures, a picture's name is its line's
    number from 0, and the remark says so. Raises InputError listing all faults.
    """
    faults: list[str] = []
    times: list[float] = []
    lines = [line.strip() for line in _text(path).splitlines() if line.strip()]
    start: datetime | None = None
    for number, line in enumerate(lines, start=1):
        whole, _, fraction = line.partition(".")
        try:
            moment = datetime.fromisoformat(whole).replace(tzinfo=None)
            start = start or moment
            times.append((moment - start).total_seconds() + float(f"0.{fraction or 0}"))
        except ValueError:
            faults.append(f"{path}:{number}: {line[:40]!r} is no time such as 2011-09-26 13:02:25.964389445")
    found, remark = np.array(times), ""
    stems = [Path(name).stem for name in names]
    if not faults and len(times) != len(names):
        if all(0 <= _whole(stem) < len(times) for stem in stems):
            found = found[[int(stem) for stem in stems]]
            remark = (
                f"{len(times)} times for {len(names)} pictures: a picture's name is taken as the number of its line"
            )
        else:
            faults.append(
                f"{path}: {len(times)} times for {len(names)} pictures; one line for each picture in the order of names, or "
                "names that are line numbers from 0"
            )
    return _rising(found, path, faults), remark


def _rows(path: Path) -> list[tuple[str, str, str]]:
    """Place, frame and time of each row as text."""
    rows = csv.DictReader(_text(path).splitlines())
    try:
        if set(rows.fieldnames or []) != {"frame", "time_s"}:
            raise InputError(f"{path}:1: columns {', '.join(rows.fieldnames or ['none'])}; expected frame, time_s")
        return [(f"{path}:{rows.line_num}", (row["frame"] or "").strip(), row["time_s"] or "") for row in rows]
    except csv.Error as error:
        raise InputError(f"{path}:{rows.line_num}: no line of a CSV file ({error})") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({why(error)}); save it as UTF-8") from error


def _whole(text: str) -> int:
    """The number that a text is in decimal digits; -1 when it is none."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else -1


def _seconds(text: str, where: str, faults: list[str]) -> float:
    try:
        return float(text)
    except ValueError:
        faults.append(f"{where}: time_s {text!r} is not a number")
        return float("nan")


def _complete(times: np.ndarray, path: Path, faults: list[str]) -> np.ndarray:
    missing = np.flatnonzero(~np.isfinite(times))
    if len(missing) and not faults:
        faults.append(f"{path}: no time for {len(missing)} of {len(times)} frames, first frame {missing[0]}")
    return _rising(times, path, faults)


def _rising(times: np.ndarray, path: Path, faults: list[str]) -> np.ndarray:
    if not faults:
        faults += [
            f"{path}: time goes back or stands still at frame {at + 1}: {times[at]:.6f} s, then {times[at + 1]:.6f} s"
            for at in np.flatnonzero(np.diff(times) <= 0)
        ]
    if faults:
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise InputError("; ".join(faults[:10]) + more)
    return times
