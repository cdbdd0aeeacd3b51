"""Off the road: how far a footprint reaches out of the drivable area.

Source: nuPlan's drivable area compliance, which allows 0.3 m.
"""

from __future__ import annotations

import numpy as np
import shapely
from scipy.spatial import cKDTree

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import (
    DEFAULT_EGO,
    EgoSize,
    Footprints,
    actor_footprints,
    ego_footprints,
)
from drivesim.road import Road
from drivesim.scene import Actor, Track

MARGIN_M = 0.3
_BEYOND_M = 20.0


def off_road_distance(road_user: Track | Actor, road: Road, *, size: EgoSize = DEFAULT_EGO) -> FloatArray:
    """Metres (T,) by which the farthest corner lies outside asphalt and parking strips; 0 inside, NaN where absent.

    A Track is the ego's, with its ``size``; an Actor has its own.
    """
    user = actor_footprints(road_user) if isinstance(road_user, Actor) else ego_footprints(road_user, size)
    distance = np.full(len(user), np.nan)
    seen = np.flatnonzero(user.present)
    if len(seen):
        area = road.drivable(*_stretch(user.rows(seen), road))
        shapely.prepare(area)
        corners = shapely.points(user.corners()[seen])
        distance[seen] = np.asarray(shapely.distance(area, corners)).max(axis=1)
    return distance


def is_off_road(distance_m: np.ndarray, margin_m: float = MARGIN_M) -> np.ndarray:
    """Frames (T,) bool that are farther out than the margin; unknown ones are not."""
    return np.asarray(np.nan_to_num(distance_m, nan=0.0) > margin_m)


def _stretch(user: Footprints, road: Road) -> tuple[float, float]:
    """From where to where along the road the footprints lie, with room to spare."""
    nearest = cKDTree(road.reference[:, :2]).query(user.centre)[1]
    s, _ = road.to_road(user.centre[:, 0], user.centre[:, 1], road.s_start + nearest * road.spacing)
    return float(s.min()) - _BEYOND_M, float(s.max()) + _BEYOND_M
