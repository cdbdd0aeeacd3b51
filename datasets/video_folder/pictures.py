"""Frame folders: pictures in the order of their names, and where their times come from."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from drivesim.datasets.sample import BrokenSample
from drivesim.errors import InputError


def read_picture(path: Path) -> np.ndarray:
    """A jpg or png as uint8 RGB (H, W, 3). Raises InputError when it is damaged or cut short."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); mend its rights or its disk") from error
    # OpenCV fills up what is missing with grey and says nothing.
    ending = b"\xff\xd9" if data[:2] == b"\xff\xd8" else b"IEND"
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None or ending not in data[-4096:]:
        raise InputError(f"{path}: not a complete picture; copy it again or remove it")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


class PictureReader:
    """Chosen pictures of a frame folder."""

    def __init__(self, pictures: list[Path], size: tuple[int, int]) -> None:
        self._pictures, self._size = pictures, size

    def read(self, numbers: list[int]) -> list[np.ndarray]:
        """Pictures by number, each uint8 RGB (H, W, 3). Raises BrokenSample when one has been damaged since."""
        found = []
        for number in numbers:
            try:
                picture = read_picture(self._pictures[number])
            except InputError as error:
                raise BrokenSample(str(error)) from error
            if picture.shape[1::-1] != self._size:
                raise BrokenSample(f"{self._pictures[number]}: its size has changed; pack the folder again")
            found.append(picture)
        return found

    def close(self) -> None:
        """Nothing stays open between reads."""


def read_timestamps(path: Path, names: list[str] | None, count: int) -> np.ndarray:
    """Times (N,) in seconds of the ``count`` frames from ``timestamps.csv`` with the columns frame and time_s.

    ``frame`` is the number from 0, or the file name where ``names`` are given. Raises InputError listing all faults.
    """
    faults: list[str] = []
    times = np.full(count, np.nan)
    number_of = {name: number for number, name in enumerate(names or [])}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error}); save it as UTF-8") from error
    rows = csv.DictReader(text.splitlines())
    if set(rows.fieldnames or []) != {"frame", "time_s"}:
        raise InputError(f"{path}:1: columns {', '.join(rows.fieldnames or ['none'])}; expected frame, time_s")
    for row in rows:
        frame, where = (row["frame"] or "").strip(), f"{path}:{rows.line_num}"
        number = number_of.get(frame, int(frame) if frame.isdigit() else -1)
        if not 0 <= number < count:
            faults.append(f"{where}: frame {frame!r} is none of the {count} frames")
            continue
        try:
            times[number] = float(row["time_s"] or "")
        except ValueError:
            faults.append(f"{where}: time_s {row['time_s']!r} is not a number")
    missing = np.flatnonzero(~np.isfinite(times))
    if len(missing) and not faults:
        faults.append(f"{path}: no time for {len(missing)} of {count} frames, first frame {missing[0]}")
    return _rising(times, path, faults)


def read_kitti_timestamps(path: Path, count: int) -> np.ndarray:
    """Times (N,) in seconds since the first from KITTI raw's ``timestamps.txt``: a date and time on each line.

    Raises InputError listing all faults.
    """
    faults: list[str] = []
    times: list[float] = []
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    start: datetime | None = None
    for number, line in enumerate(lines, start=1):
        whole, _, fraction = line.partition(".")
        try:
            moment = datetime.fromisoformat(whole)
            start = start or moment
            times.append((moment - start).total_seconds() + float(f"0.{fraction or 0}"))
        except ValueError:
            faults.append(f"{path}:{number}: {line[:40]!r} is no time such as 2011-09-26 13:02:25.964389445")
    if not faults and len(times) != count:
        faults.append(
            f"{path}: {len(times)} times for {count} pictures; one line for each picture in the order of names"
        )
    return _rising(np.array(times), path, faults)


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
