"""Gap: the free space between two boxes, bumper to bumper when one follows the other, side to side when it passes.

Source: the freespace distance of OpenSCENARIO, from box to box.
"""

from __future__ import annotations

import numpy as np
import shapely

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, pair, separations
from drivesim.scene import Actor, Track


def free_space(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO) -> FloatArray:
    """Distance (T,) in metres between the two boxes on the ground; 0 where they touch, NaN where one is not present."""
    first, second, both = pair(ego, actor, size)
    distance = shapely.distance(shapely.polygons(first.corners()), shapely.polygons(second.corners()))
    return np.where(both, distance, np.nan)


def clearance(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO) -> FloatArray:
    """How far (T,) in metres the two boxes lie apart along the side that parts them best; negative as deep as they overlap.

    Unlike :func:`free_space` it says how much of an overlap there is. NaN where one is not present.
    """
    first, second, both = pair(ego, actor, size)
    _, distance, reach = separations(first, second)
    return np.where(both, (np.abs(distance) - reach).max(axis=1), np.nan)
