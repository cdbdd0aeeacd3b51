"""Windows on an even time grid inside the stretches of a recording that show one moving shot."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from drivesim.datasets.video_folder.cuts import runs
from drivesim.datasets.video_folder.index import RecordingIndex

_SLACK_S = 1e-6


@dataclass(frozen=True)
class Found:
    """The windows (W, T) of a recording as frame numbers, and how many grid places had no frame near enough."""

    windows: np.ndarray
    gaps: int


def stretches(index: RecordingIndex, longest_step_s: float) -> list[np.ndarray]:
    """Numbers of the frames of each usable stretch: no cut, nothing frozen, black or damaged, no hole in time.

    Frames without a time of their own are passed over; where the clock begins again, another stretch does.
    """
    timed = np.flatnonzero(~index.untimed)
    usable = ~(index.frozen | index.black | index.damaged)[timed]
    breaks = np.zeros(len(timed), dtype=bool)
    starts = np.union1d(index.cuts, index.restarts)
    breaks[np.searchsorted(timed, starts[starts <= timed[-1]])] = True
    breaks[1:] |= np.diff(index.times_s[timed]) > longest_step_s + _SLACK_S
    found = []
    for start, stop in runs(usable):
        edges = [start, *(start + 1 + np.flatnonzero(breaks[start + 1 : stop])), stop]
        found += [timed[a:b] for a, b in itertools.pairwise(edges)]
    return found


def find_windows(index: RecordingIndex, num_frames: int, fps: float, stride_s: float) -> Found:
    """Windows of ``num_frames`` frames at ``fps``, begun every ``stride_s`` seconds in each usable stretch.

    The grid of a stretch starts at its first frame. Each grid time takes the frame nearest to it, at most half a grid
    step away and never twice; where there is none, the window is left out and the next grid time is tried.
    """
    step = 1.0 / fps
    rows, gaps = [], 0
    for numbers in stretches(index, 1.5 * step):
        times = index.times_s[numbers]
        offset = 0.0
        # At the end of a stretch nearest means: no farther than the frames are apart.
        grace = min(0.5 * step, 0.5 * float(np.median(np.diff(times)))) if len(times) > 1 else 0.0
        while times[0] + offset + (num_frames - 1) * step <= times[-1] + grace + _SLACK_S:
            grid = times[0] + offset + step * np.arange(num_frames)
            right = np.clip(np.searchsorted(times, grid), 1, max(len(times) - 1, 1))
            near = right - (grid - times[right - 1] <= times[np.minimum(right, len(times) - 1)] - grid)
            fits = np.abs(times[near] - grid) <= 0.5 * step + _SLACK_S
            if fits.all() and (np.diff(near) > 0).all():
                rows.append(numbers[near])
                offset += stride_s
            else:
                gaps += 1
                offset += step
    return Found(np.array(rows, dtype=np.int64).reshape(-1, num_frames), gaps)
