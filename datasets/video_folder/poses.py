"""poses.csv: where the vehicle was, in any fixed frame, and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.datasets.quantities import (
    angle_fault,
    clock_fault,
    course_fault,
    degrees_fault,
    speed_fault,
    turn_fault,
)
from drivesim.datasets.video_folder.tables import Faults, TableRow, number_of, read_csv
from drivesim.geometry import FloatArray, wrap_angle

#: Between rows farther apart than this, in seconds, the motion is not known.
LONGEST_GAP_S = 0.6

_EDGE_S = 0.005


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of the ego frame in a fixed frame, N rows: ``times_s`` (N,) of the recording, ``positions`` (N, 3) metres,
    ``yaw_rad`` (N,) without jumps."""

    times_s: FloatArray
    positions: FloatArray
    yaw_rad: FloatArray

    def cover(self, times_s: FloatArray) -> np.ndarray:
        """Which of the times (T,) have a row on both sides, near enough; 5 ms over the ends are let pass."""
        right = np.clip(np.searchsorted(self.times_s, times_s), 1, len(self.times_s) - 1)
        near = self.times_s[right] - self.times_s[right - 1] <= LONGEST_GAP_S
        return near & (times_s >= self.times_s[0] - _EDGE_S) & (times_s <= self.times_s[-1] + _EDGE_S)

    def at(self, times_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (T, 3) and yaw (T,) at the times (T,), linear between rows."""
        positions = np.stack([np.interp(times_s, self.times_s, column) for column in self.positions.T], axis=1)
        return positions, np.interp(times_s, self.times_s, self.yaw_rad)

    def speed_mps(self, times_s: FloatArray, span_s: float) -> FloatArray:
        """Speed (T,) along the heading, over ``span_s`` around each time (less at the ends)."""
        before = np.clip(times_s - 0.5 * span_s, self.times_s[0], self.times_s[-1])
        after = np.clip(times_s + 0.5 * span_s, self.times_s[0], self.times_s[-1])
        moved = (self.at(after)[0] - self.at(before)[0]) / np.maximum(after - before, 1e-6)[:, None]
        yaw = self.at(times_s)[1]
        return moved[:, 0] * np.cos(yaw) + moved[:, 1] * np.sin(yaw)


def read_poses(path: Path, frame_times_s: FloatArray, clock_start_s: float) -> Poses:
    """Read poses.csv: columns time_s, x, y, yaw_rad, and z if known; for frames at ``frame_times_s`` (N,).

    ``clock_start_s`` is taken from every ``time_s``. Raises InputError listing everything wrong with it.
    """
    faults = Faults(path)
    rows = read_csv(path, ("time_s", "x", "y", "yaw_rad"), ("z",), faults)
    columns = ("time_s", "x", "y", "yaw_rad", *(("z",) if rows and "z" in rows[0].values else ()))
    table = np.array([[number_of(row, name, faults) for name in columns] for row in rows]).reshape(-1, len(columns))
    if len(rows) < 2 and not faults.lines:
        faults.add("", f"{len(rows)} rows; motion needs two or more")
    faults.stop_if_any()
    times = table[:, 0] - clock_start_s
    positions = np.column_stack([table[:, 1:3], table[:, 4] if len(columns) > 4 else np.zeros(len(rows))])
    for at in np.flatnonzero(np.diff(times) <= 0):
        faults.add(
            rows[at + 1].where, f"time goes back or stands still: {table[at, 0]:g} s, then {table[at + 1, 0]:g} s"
        )
    faults.stop_if_any()
    _check_quantities(rows, times, positions, table[:, 3], float(frame_times_s[-1]), faults)
    faults.stop_if_any()
    return Poses(times, positions, np.unwrap(table[:, 3]))


def _check_quantities(
    rows: list[TableRow], times: FloatArray, positions: FloatArray, yaw_rad: FloatArray, span_s: float, faults: Faults
) -> None:
    """Whether times, angles, ways and headings are those of a vehicle in this recording."""
    wrong_clock = clock_fault(times, span_s)
    if wrong_clock:
        faults.add("", wrong_clock)
        return
    before = len(faults.lines)
    steps = np.diff(times)
    ways = np.linalg.norm(np.diff(positions[:, :2], axis=0), axis=1)
    turns = np.asarray(wrap_angle(np.diff(yaw_rad)))
    angles = [angle_fault("yaw_rad", value) for value in yaw_rad]
    speeds = ["", *(speed_fault(*step) for step in zip(steps, ways, strict=True))]
    rates = ["", *(turn_fault(*step) for step in zip(steps, turns, strict=True))]
    for texts in (angles, speeds, rates):
        for row, text in [(row, text) for row, text in zip(rows, texts, strict=True) if text][:3]:
            faults.add(row.where, text)
    if len(faults.lines) == before:
        whole = degrees_fault(times, positions) or course_fault(times, positions, yaw_rad)
        if whole:
            faults.add("", whole)
