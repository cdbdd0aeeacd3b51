"""Collisions: the first overlap of two boxes, of which kind and how hard.

Kinds as in nuPlan's ego collision metric: who stood, else where the ego was struck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from drivesim.geometry import wrap_angle
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, Footprints, overlapping, pair
from drivesim.scene import Actor, Track

CollisionKind = Literal["stopped_ego", "stopped_actor", "rear", "front", "lateral"]

#: At or below this speed (m/s) a road user stands, as in nuPlan.
STOPPED_MPS = 0.05
#: An actor whose centre lies within 30 degrees of straight behind the ego's origin struck its rear, as in nuPlan.
BEHIND_RAD = np.deg2rad(150.0)


@dataclass(frozen=True, kw_only=True)
class Collision:
    """The first overlap of the ego with an actor: its ``frame``, its kind, and the relative speed (m/s) just before."""

    actor_id: str
    category: str
    frame: int
    kind: CollisionKind
    relative_mps: float

    def time_s(self, fps: float) -> float:
        """Seconds from frame 0."""
        return self.frame / fps


def first_collision(ego: Track, actor: Actor, *, size: EgoSize = DEFAULT_EGO) -> Collision | None:
    """The first frame in which the boxes overlap while both are present, or None.

    Speeds are those of the frame before where both were present in it, as a crash changes them.
    """
    first, second, both = pair(ego, actor, size)
    struck = np.flatnonzero(overlapping(first, second) & both)
    if not len(struck):
        return None
    frame = int(struck[0])
    before = frame - 1 if frame and both[frame - 1] else frame
    relative = second.velocity()[before] - first.velocity()[before]
    return Collision(
        actor_id=actor.id,
        category=actor.category,
        frame=frame,
        kind=_kind(ego, first, second, frame, before),
        relative_mps=float(np.hypot(*relative)),
    )


def _kind(ego: Track, first: Footprints, second: Footprints, frame: int, before: int) -> CollisionKind:
    if abs(float(first.speed_mps[before])) <= STOPPED_MPS:
        return "stopped_ego"
    if abs(float(second.speed_mps[before])) <= STOPPED_MPS:
        return "stopped_actor"
    offset = second.centre[frame] - ego.positions[frame, :2]
    bearing = abs(float(wrap_angle(np.arctan2(offset[1], offset[0]) - ego.yaw_rad[frame])))
    if bearing > BEHIND_RAD:
        return "rear"
    return "front" if _bumper_touches(first, second, frame) else "lateral"


def _bumper_touches(first: Footprints, second: Footprints, frame: int) -> bool:
    """Whether the ego's front edge, a rectangle without length, meets the other box."""
    one = first.rows(slice(frame, frame + 1))
    bumper = Footprints(
        centre=one.centre + 0.5 * first.length * one.axes()[:, 0],
        yaw_rad=one.yaw_rad,
        speed_mps=one.speed_mps,
        present=one.present,
        length=0.0,
        width=first.width,
    )
    return bool(overlapping(bumper, second.rows(slice(frame, frame + 1)))[0])
