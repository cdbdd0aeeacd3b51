"""Time headway: the time in which the ego, at its present speed, reaches where the lead's rear is now.

Source: time gap of UN R157, paragraph 5.2.3.3: bumper-to-bumper distance over the follower's speed.
"""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize
from drivesim.metrics.criticality.path import path_gap
from drivesim.road import Road
from drivesim.scene import Actor, Track

#: Below this speed (m/s) a standing ego has no headway.
STANDING_MPS = 0.1


def time_headway(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO, road: Road | None = None) -> FloatArray:
    """THW (T,) in seconds to an actor ahead in the ego's path; inf where it is not, or the ego stands; NaN where absent."""
    found = path_gap(ego, actor, size=size, road=road)
    moving = found.ego_mps > STANDING_MPS
    headway = found.gap_m / np.where(moving, found.ego_mps, 1.0)
    return np.where(found.known, np.where(found.leads & moving, headway, np.inf), np.nan)
