"""Time to collision: when two boxes would first overlap if both kept speed and heading.

Source: Hayward 1972, with oriented boxes as nuPlan takes it. nuPlan tries moments 0.1 s apart up to 3 s ahead; here the
moment itself is computed, so that no step can jump over a small road user.
"""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, Footprints, pair, separations
from drivesim.scene import Actor, Track


def time_to_collision(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO, horizon_s: float = 3.0) -> FloatArray:
    """TTC (T,) in seconds: 0 while the boxes overlap, inf beyond ``horizon_s`` or never, NaN where one is not present."""
    first, second, both = pair(ego, actor, size)
    return np.where(both, first_contact(first, second, horizon_s), np.nan)


def first_contact(first: Footprints, second: Footprints, horizon_s: float) -> FloatArray:
    """Seconds (T,) until two rectangles overlap, each frame's speeds and headings kept; inf beyond ``horizon_s``.

    Along each separating axis the distance changes linearly, so that it is below the reach during one interval of time;
    they overlap where the four intervals do (the swept form of the separating axis theorem).
    """
    axes, distance, reach = separations(first, second)
    rate = np.einsum("tax,tx->ta", axes, second.velocity() - first.velocity())
    still = np.abs(rate) < 1e-9
    pace = np.where(still, 1.0, rate)
    edges = np.sort(np.stack([(-reach - distance) / pace, (reach - distance) / pace]), axis=0)
    apart = np.abs(distance) >= reach
    begin = np.where(still, np.where(apart, np.inf, -np.inf), edges[0]).max(axis=1)
    end = np.where(still, np.inf, edges[1]).min(axis=1)
    meets = (begin < end) & (end > 0.0) & (begin <= horizon_s)
    return np.where(meets, np.maximum(begin, 0.0), np.inf)
