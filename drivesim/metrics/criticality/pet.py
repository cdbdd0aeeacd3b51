"""Post-encroachment time: how long after one road user has left a place the other enters it.

Source: Allen, Shin and Cooper 1978. The conflict area is where the two swept footprints meet. Taken point by point in it
(the least time over all its points), the measure equals the classic one where two paths cross at right angles, and on a
shared lane it is the least time gap, where an area as long as the lane would call every follower a crash.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, Footprints, overlapping, pair
from drivesim.scene import Actor, Track


def post_encroachment(
    ego: Track,
    actor: Actor,
    fps: float,
    *,
    size: EgoSize = DEFAULT_EGO,
    horizon_s: float = 5.0,
    step_s: float = 0.02,
) -> float:
    """PET in seconds; inf when none up to ``horizon_s`` is found, negative when the boxes overlap at one moment.

    The negative value is the time for which they overlap. NaN when the two are never present together. Tracks are linear
    between frames and compared every ``step_s`` or finer, which is also the error.
    """
    first, second, both = pair(ego, actor, size)
    if not both.any():
        return float("nan")
    factor = max(1, int(np.ceil(1.0 / (fps * step_s) - 1e-9)))
    first, second = first.finer(factor), second.finer(factor)
    step = 1.0 / (fps * factor)
    struck = overlapping(first, second) & first.present & second.present
    if struck.any():
        return -float(np.count_nonzero(struck)) * step
    return _least_delay(first, second, round(horizon_s / step)) * step


def _least_delay(first: Footprints, second: Footprints, most: int) -> float:
    """The least number of steps between times at which the two cover a common point; inf when more than ``most``."""
    rows, columns = _near(first, second, most)
    if not len(rows):
        return float("inf")
    delays = np.abs(rows - columns)
    order = np.argsort(delays, kind="stable")
    for chunk in np.array_split(order, max(1, len(order) // 20_000)):
        meets = overlapping(first.rows(rows[chunk]), second.rows(columns[chunk]))
        if meets.any():
            return float(delays[chunk[np.argmax(meets)]])
    return float("inf")


def _near(first: Footprints, second: Footprints, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of times at most ``most`` steps apart at which the circles around the two rectangles overlap."""
    reach = float(np.hypot(*first.half_extents()) + np.hypot(*second.half_extents()))
    count, nothing = len(first), np.zeros(0, dtype=np.int64)
    found: list[tuple[np.ndarray, np.ndarray]] = [(nothing, nothing)]
    if cKDTree(first.centre[first.present]).query(second.centre[second.present])[0].min() >= reach:
        return nothing, nothing
    for delay in range(-most, most + 1):
        row = np.arange(max(0, -delay), min(count, count - delay))
        if not len(row):
            continue
        column = row + delay
        offset = second.centre[column] - first.centre[row]
        close = (np.hypot(offset[:, 0], offset[:, 1]) < reach) & first.present[row] & second.present[column]
        found.append((row[close], column[close]))
    rows, columns = (np.concatenate([part[side] for part in found]) for side in (0, 1))
    return rows, columns
