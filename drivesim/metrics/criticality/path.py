"""Who is in whose way: the ego and an actor along the ego's path, the ground for headway, gap and braking need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, Footprints, pair
from drivesim.road import Road
from drivesim.scene import Actor, Track


@dataclass(frozen=True, kw_only=True, eq=False)
class PathGap:
    """An actor along the ego's path, frame by frame (T,).

    ``gap_m`` bumper to bumper, 0 while beside or overlapping within the path; ``in_path`` whether the actor covers part
    of the band that the ego's width sweeps; ``ahead`` whether its centre is ahead of the ego's; ``ego_mps`` and
    ``actor_mps`` speeds along the path; ``known`` whether both are present.
    """

    gap_m: FloatArray
    in_path: np.ndarray
    ahead: np.ndarray
    ego_mps: FloatArray
    actor_mps: FloatArray
    known: np.ndarray

    @property
    def leads(self) -> np.ndarray:
        """Frames (T,) in which the actor is present, ahead and in the path."""
        return np.asarray(self.known & self.in_path & self.ahead)


def path_gap(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO, road: Road | None = None) -> PathGap:
    """Where an actor is along the ego's path: the road's course when a road is given, else straight on.

    On a bend only the road tells that a lead 60 m away is in the same lane.
    """
    first, second, both = pair(ego, actor, size)
    own, other = (along(one, first if road is None else road) for one in (first, second))
    if road is not None and road.junctions:
        # Who turns off has left the road's course, and goes on straight as far as anybody can tell.
        left = np.abs(np.sin(first.yaw_rad - road.frame_at(own.middle)[2])) > _TURNED_OFF
        own, other = (_either(left, along(one, first), found) for one, found in ((first, own), (second, other)))
    in_path = (other.right < own.left) & (other.left > own.right)
    ahead = other.middle > own.middle
    gap = np.where(ahead, other.rear - own.front, own.rear - other.front)
    return PathGap(
        gap_m=np.maximum(gap, 0.0),
        in_path=in_path,
        ahead=ahead,
        ego_mps=own.speed_mps,
        actor_mps=other.speed_mps,
        known=both,
    )


#: Sine of the angle to the road beyond which one has turned off.
_TURNED_OFF = 0.35


def _either(choice: np.ndarray, there: Extents, here: Extents) -> Extents:
    """Frame by frame (T,) the first where ``choice`` holds, else the second."""
    return Extents(**{name: np.where(choice, getattr(there, name), getattr(here, name)) for name in vars(here)})


@dataclass(frozen=True, kw_only=True, eq=False)
class Extents:
    """A rectangle in path coordinates, all (T,): least and greatest ``s``, the centre's s, least and greatest offset to
    the left, the centre's offset, and the speed along the path.
    """

    rear: FloatArray
    front: FloatArray
    middle: FloatArray
    right: FloatArray
    left: FloatArray
    offset: FloatArray
    speed_mps: FloatArray


def along(user: Footprints, path: Road | Footprints) -> Extents:
    """Extents along a road, or along the straight line on which another rectangle heads, anew in each frame."""
    points = np.concatenate([user.corners(), user.centre[:, None]], axis=1)
    s, d, yaw = _on_road(points, path) if isinstance(path, Road) else _straight_on(points, path)
    return Extents(
        rear=s[:, :4].min(axis=1),
        front=s[:, :4].max(axis=1),
        middle=s[:, 4],
        right=d[:, :4].min(axis=1),
        left=d[:, :4].max(axis=1),
        offset=d[:, 4],
        speed_mps=user.speed_mps * np.cos(user.yaw_rad - yaw),
    )


def _straight_on(points: FloatArray, ego: Footprints) -> tuple[FloatArray, FloatArray, FloatArray]:
    local = np.einsum("tpx,tkx->tpk", points - ego.centre[:, None], ego.axes())
    return local[..., 0], local[..., 1], ego.yaw_rad


def _on_road(points: FloatArray, road: Road) -> tuple[FloatArray, FloatArray, FloatArray]:
    # The nearest point of the reference line is a first guess on the right stretch, wherever the tracks begin.
    nearest = cKDTree(road.reference[:, :2]).query(points)[1]
    s, d = road.to_road(points[..., 0], points[..., 1], road.s_start + nearest * road.spacing)
    return s, d, road.frame_at(s[:, 4])[2]
