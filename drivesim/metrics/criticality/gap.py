"""Gap: the free space between two boxes, bumper to bumper when one follows the other, side to side when it passes.

Source: the freespace distance of OpenSCENARIO, from box to box.
"""

from __future__ import annotations

import numpy as np
import shapely

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, pair
from drivesim.scene import Actor, Track


def free_space(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO) -> FloatArray:
    """Distance (T,) in metres between the two boxes on the ground; 0 where they touch, NaN where one is not present."""
    first, second, both = pair(ego, actor, size)
    distance = shapely.distance(shapely.polygons(first.corners()), shapely.polygons(second.corners()))
    return np.where(both, distance, np.nan)
