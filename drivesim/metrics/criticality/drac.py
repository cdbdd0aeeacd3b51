"""DRAC: the even deceleration that just avoids the lead, closing speed squared over twice the gap.

Source: deceleration rate to avoid a crash, Almqvist et al. 1991; 3.3 to 3.4 m/s² is a common bound.
"""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize
from drivesim.metrics.criticality.path import path_gap
from drivesim.road import Road
from drivesim.scene import Actor, Track


def braking_need(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO, road: Road | None = None) -> FloatArray:
    """DRAC (T,) in m/s² for an actor ahead in the ego's path; 0 where it is not or they do not close in.

    Infinite where they close in without a gap, NaN where one is not present.
    """
    found = path_gap(ego, actor, size=size, road=road)
    closing = np.maximum(found.ego_mps - found.actor_mps, 0.0)
    touching = found.gap_m <= 0.0
    need = np.where(touching, np.inf, closing**2 / (2.0 * np.where(touching, 1.0, found.gap_m)))
    return np.where(found.known, np.where(found.leads & (closing > 0.0), need, 0.0), np.nan)
