"""Which camera frames make a window: the nearest to a regular time grid, from the first key frame to the last.

nuScenes' cameras run at 12 Hz on average; each exposure waits for a turn of the 20 Hz lidar, so the true steps are 50 or
100 ms. A window takes the nearest frame to each time of its grid, never one twice.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivesim.datasets.nuscenes.tables import Row

#: A window is not offered when one of its frames is further from its grid time than this: frames are missing there.
MAX_TIME_ERROR_US = 75_000

#: How far a window's end may lie behind the last frame: timestamps are whole microseconds and cameras are not exact.
_ROUNDING_US = 10_000

#: Between key frames farther apart than this nobody looked, and boxes are not to be filled in.
LONGEST_GAP_US = 600_000

#: No scene has so many frames; a chain of rows that is longer runs in a circle.
MAX_FRAMES = 100_000


@dataclass(frozen=True)
class Window:
    """Tokens of the sample_data rows of one window; ``error`` tells why it cannot be read, when that is known already."""

    scene: str
    first: int
    tokens: tuple[str, ...]
    error: str | None = None


def annotated_frames(database: Any, scene: Row, channel: str) -> tuple[list[Row], str | None]:
    """sample_data rows of a channel from the scene's first key frame to its last, and where their chain breaks.

    Boxes are known between key frames only. ``database`` is an opened nuscenes.nuscenes.NuScenes.
    """
    first, last = (database.get("sample", scene[f"{end}_sample_token"]) for end in ("first", "last"))
    if channel not in first["data"] or channel not in last["data"]:
        return [], f"scene {scene['name']} has no key frame of {channel} at its first or last sample (sample_data.json)"
    rows = [database.get("sample_data", first["data"][channel])]
    while rows[-1]["token"] != last["data"][channel]:
        try:
            following = database.get("sample_data", rows[-1]["next"])
        except KeyError:
            return rows, f"sample_data.json: row {rows[-1]['token']} of scene {scene['name']} leads to no next row"
        if len(rows) > MAX_FRAMES:
            return [], f"sample_data.json: the rows of scene {scene['name']} lead in a circle"
        rows.append(following)
    return rows, None


def annotated_closely(database: Any, rows: list[Row]) -> bool:
    """Whether each of the frames is a key frame, or lies between two that are near enough to each other."""
    for row in rows:
        try:
            sample = database.get("sample", row["sample_token"])
            before = sample["prev"] and database.get("sample", sample["prev"])
        except KeyError:
            return False  # reading the window names the row
        if not row["is_key_frame"] and before and sample["timestamp"] - before["timestamp"] > LONGEST_GAP_US:
            return False
    return True


def choose_frames(times_us: np.ndarray, first: int, num_frames: int, fps: float) -> list[int] | None:
    """Indices of the frames nearest to a grid of ``num_frames`` times that begins at frame ``first``, rising.

    None when a grid time has no frame within 75 ms. ``times_us`` (N,) rises.
    """
    chosen = [first]
    for number in range(1, num_frames):
        wanted = times_us[first] + number * 1e6 / fps
        later = times_us[chosen[-1] + 1 :]
        if len(later) == 0:
            return None
        chosen.append(chosen[-1] + 1 + int(np.argmin(np.abs(later - wanted))))
        if abs(times_us[chosen[-1]] - wanted) > MAX_TIME_ERROR_US:
            return None
    return chosen


def windows_of_scene(scene: str, rows: list[Row], num_frames: int, fps: float, stride: int) -> tuple[list[Window], int]:
    """The windows of one scene, ``stride`` grid steps apart, and how many first frames were passed over for gaps.

    Where time goes backwards there is one window with an error; the frames before and after make windows of their own.
    """
    times = np.array([row["timestamp"] for row in rows], dtype=np.int64)
    tokens = [row["token"] for row in rows]
    breaks = [0, *(int(index) + 1 for index in np.flatnonzero(np.diff(times) <= 0)), len(rows)]
    windows: list[Window] = []
    passed = 0
    for begin, end in itertools.pairwise(breaks):
        if begin > 0:
            problem = (
                f"sample_data.json: time does not rise in scene {scene}: row {tokens[begin]} at {times[begin]} us "
                f"follows one at {times[begin - 1]} us. Mend the timestamps or leave the scene out of the split."
            )
            windows.append(Window(scene, begin - 1, tuple(tokens[begin - 1 : begin + 1]), problem))
        run = times[begin:end]
        last_start = run[-1] - (num_frames - 1) * 1e6 / fps + _ROUNDING_US if len(run) else 0.0
        first = 0
        while first < len(run) and run[first] <= last_start:
            chosen = choose_frames(run, first, num_frames, fps)
            if chosen is None:
                passed += 1
                first += 1
                continue
            windows.append(Window(scene, begin + first, tuple(tokens[begin + index] for index in chosen)))
            first = max(first + 1, int(np.argmin(np.abs(run - (run[first] + stride * 1e6 / fps)))))
    return windows, passed
