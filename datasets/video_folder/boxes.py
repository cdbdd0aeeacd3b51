"""boxes.csv and boxes.json: tracked boxes in the ego frame of their time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.datasets.quantities import angle_fault, clock_fault, speed_fault
from drivesim.datasets.video_folder.tables import Faults, TableRow, number_of, read_csv, read_json_rows
from drivesim.geometry import FloatArray, wrap_angle
from drivesim.scenarios.language.values import suggestion
from drivesim.scene import CATEGORIES

#: Between moments farther apart than this, in seconds, nobody looked, and a track is not filled in.
LONGEST_GAP_S = 0.6

_EDGE_S = 0.005
_FARTHEST_M = 1000.0
_NUMBERS = ("x", "y", "z", "length", "width", "height", "yaw_rad")
_LONGER_THAN_WIDE = ("car", "truck", "bus", "motorcycle", "bicycle")


@dataclass(frozen=True, eq=False)
class BoxTrack:
    """One actor's rows: ``times_s`` (N,) rising, ``centres`` (N, 3) and ``yaw_rad`` (N,); ``size`` length, width, height."""

    id: str
    category: str
    size: tuple[float, float, float]
    times_s: FloatArray
    centres: FloatArray
    yaw_rad: FloatArray

    def at(self, times_s: FloatArray) -> tuple[FloatArray, FloatArray, np.ndarray]:
        """Centres (T, 3), yaw (T,) and presence (T,) at the times (T,), linear between rows, angles the shorter way.

        Present from its first to its last row (5 ms over are let pass), but not between rows more than 0.6 s apart: there
        it was looked for in vain, or nobody says (:attr:`is_sparse`).
        """
        centres = np.stack([np.interp(times_s, self.times_s, column) for column in self.centres.T], axis=1)
        yaw = np.asarray(wrap_angle(np.interp(times_s, self.times_s, np.unwrap(self.yaw_rad))))
        present = (times_s >= self.times_s[0] - _EDGE_S) & (times_s <= self.times_s[-1] + _EDGE_S)
        if len(self.times_s) > 1:
            present &= ~_in_gaps(self.times_s, times_s)
        return centres, yaw, present

    @property
    def is_sparse(self) -> bool:
        """Whether most of its rows are more than 0.6 s apart; a single hole in a dense track is where it was hidden."""
        steps = np.diff(self.times_s)
        return len(steps) > 0 and float(np.median(steps)) > LONGEST_GAP_S


@dataclass(frozen=True, eq=False)
class Boxes:
    """All tracks of a recording, and the moments ``looked_s`` (M,), rising, at which somebody looked: those of any row."""

    tracks: tuple[BoxTrack, ...]
    looked_s: FloatArray

    @cached_property
    def _sparse(self) -> tuple[BoxTrack, ...]:
        return tuple(track for track in self.tracks if track.is_sparse)

    @property
    def step_s(self) -> float:
        """Seconds from one look to the next, the median; 0 for a single one."""
        return float(np.median(np.diff(self.looked_s))) if len(self.looked_s) > 1 else 0.0

    def known(self, times_s: FloatArray, grace_s: float) -> bool:
        """Whether the rows tell of all the times (T,) who is there: looks at most 0.6 s apart, and no sparse track.

        ``grace_s`` is let pass before the first look and after the last.
        """
        if times_s[0] < self.looked_s[0] - grace_s or times_s[-1] > self.looked_s[-1] + grace_s:
            return False
        if len(self.looked_s) > 1 and _in_gaps(self.looked_s, times_s).any():
            return False
        return not any(_in_gaps(track.times_s, times_s).any() for track in self._sparse)


def _in_gaps(rows_s: FloatArray, times_s: FloatArray) -> np.ndarray:
    """Which of the times (T,) lie between two of the rows (N,) that are too far apart; 5 ms from a row are let pass."""
    right = np.clip(np.searchsorted(rows_s, times_s), 1, len(rows_s) - 1)
    before, after = times_s - rows_s[right - 1], rows_s[right] - times_s
    between = (before > _EDGE_S) & (after > _EDGE_S)
    return between & (rows_s[right] - rows_s[right - 1] > LONGEST_GAP_S + 1e-9)


def read_boxes(path: Path, frame_times_s: FloatArray, clock_start_s: float) -> Boxes:
    """Read boxes of a recording whose frames have ``frame_times_s`` (N,).

    ``clock_start_s`` is taken from every ``time_s``. Raises InputError listing everything wrong with the file.
    """
    faults = Faults(path)
    required = ("track_id", "class", *_NUMBERS)
    if path.suffix == ".json":
        rows = read_json_rows(path, "boxes", required, ("time_s", "frame"), faults)
    else:
        rows = read_csv(path, required, ("time_s", "frame"), faults)
    if not rows and not faults.lines:
        faults.add("", "no rows; remove the file when nothing is annotated")
    if rows and ("time_s" in rows[0].values) == ("frame" in rows[0].values):
        faults.add(rows[0].where, "expected one of the columns time_s and frame")
    faults.stop_if_any()
    tracks: dict[str, list[tuple[TableRow, float, dict[str, float]]]] = {}
    looked = []
    for row in rows:
        looked.append(_time(row, frame_times_s, clock_start_s, faults))
        if _is_empty(row, required):
            continue
        numbers = {name: number_of(row, name, faults) for name in _NUMBERS}
        _check_row(row, numbers, faults)
        tracks.setdefault(str(row.values["track_id"]).strip(), []).append((row, looked[-1], numbers))
    if "" in tracks:
        faults.add(tracks[""][0][0].where, "track_id is empty; give each actor its own name or number")
    times = np.unique(looked)
    if not faults.lines and (wrong_clock := clock_fault(times, float(frame_times_s[-1]))):
        faults.add("", wrong_clock)
    for name, track in tracks.items():
        _check_track(name, track, faults)
    faults.stop_if_any()
    return Boxes(tuple(_track(name, rows) for name, rows in tracks.items()), times)


def _is_empty(row: TableRow, columns: Iterable[str]) -> bool:
    """Whether a row holds a moment and nothing else: somebody looked, and there was nothing."""
    return all(row.values.get(name) in (None, "") for name in columns)


def _time(row: TableRow, frame_times_s: FloatArray, clock_start_s: float, faults: Faults) -> float:
    if row.values.get("time_s") is not None:
        return number_of(row, "time_s", faults) - clock_start_s
    if "frame" not in row.values:
        faults.add(row.where, "neither time_s nor frame")
        return math.nan
    frame = number_of(row, "frame", faults)
    if math.isnan(frame):
        return frame
    if frame != int(frame) or not 0 <= frame < len(frame_times_s):
        faults.add(row.where, f"frame {frame:g} is not in the recording; it has frames 0 to {len(frame_times_s) - 1}")
        return math.nan
    return float(frame_times_s[int(frame)])


def _check_row(row: TableRow, numbers: dict[str, float], faults: Faults) -> None:
    category: Any = row.values["class"]
    if category not in CATEGORIES:
        near = suggestion(str(category), CATEGORIES)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(CATEGORIES)}"
        faults.add(row.where, f"unknown class {category!r}; {hint}")
    sizes = [name for name in ("length", "width", "height") if numbers[name] <= 0.0]
    if sizes:
        shown = ", ".join(f"{name} {numbers[name]:g}" for name in sizes)
        faults.add(row.where, f"{shown}: sizes are more than 0 m; are length, width and height in the right columns?")
    elif category in _LONGER_THAN_WIDE and numbers["width"] > 1.2 * numbers["length"]:
        faults.add(
            row.where,
            f"a {category} of length {numbers['length']:g} and width {numbers['width']:g} m: swapped? nuScenes and others "
            "write the width first",
        )
    if text := angle_fault("yaw_rad", numbers["yaw_rad"]):
        faults.add(row.where, text)
    if max(abs(numbers["x"]), abs(numbers["y"])) > _FARTHEST_M:
        faults.add(
            row.where,
            f"x {numbers['x']:g}, y {numbers['y']:g} m is beyond {_FARTHEST_M:g} m; boxes are in the ego frame of their "
            "time, not in a map's",
        )


def _check_track(name: str, track: list[tuple[TableRow, float, dict[str, float]]], faults: Faults) -> None:
    """One class a track, rising times, and no jumps."""
    for (_, earlier, here), (row, later, there) in itertools.pairwise(track):
        if later <= earlier:
            faults.add(row.where, f"track {name!r}: time goes back or stands still: {earlier:g} s, then {later:g} s")
        elif later - earlier <= LONGEST_GAP_S:
            moved = math.hypot(there["x"] - here["x"], there["y"] - here["y"])
            if text := speed_fault(later - earlier, moved, seen_from_a_vehicle=True):
                faults.add(row.where, f"track {name!r} {text}, or another name where it is another thing")
    first = track[0][0].values["class"]
    for row, _, _ in track:
        if row.values["class"] != first:
            faults.add(
                row.where, f"track {name!r} is a {row.values['class']} here and a {first} before; number them apart"
            )
            return


def _track(name: str, rows: list[tuple[TableRow, float, dict[str, float]]]) -> BoxTrack:
    def column(*names: str) -> FloatArray:
        return np.array([[numbers[key] for key in names] for _, _, numbers in rows])

    # Annotated sizes jitter from row to row; a thing has one size.
    length, width, height = (float(value) for value in np.median(column("length", "width", "height"), axis=0))
    return BoxTrack(
        id=name,
        category=rows[0][0].values["class"],
        size=(length, width, height),
        times_s=np.array([time for _, time, _ in rows]),
        centres=column("x", "y", "z"),
        yaw_rad=column("yaw_rad")[:, 0],
    )
