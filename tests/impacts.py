"""When and where two boxes first touch on their tracks, looked for between the frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely import Polygon

from drivesim.geometry import footprint
from drivesim.scene import Scene, Track
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_LENGTH_M, EGO_REAR_M, EGO_WIDTH_M


@dataclass(frozen=True)
class Impact:
    """When the ego's bumper reaches the target (s), how far to the left of the ego's middle the middle of the side of the target
    that is turned to the bumper is then (m), their speeds (m/s), and the target's heading in the ego's frame (rad).
    """

    time_s: float
    offset: float
    ego_mps: float
    target_mps: float
    turned_rad: float


def impact_of(scene: Scene, name: str = "target") -> Impact:
    """Read off the tracks: the first touch of the two boxes."""
    target = next(actor for actor in scene.actors if actor.id == name)

    def at(track: Track, frame: float) -> tuple[float, float, float]:
        frames = np.arange(len(track.yaw_rad))
        x, y = (float(np.interp(frame, frames, track.positions[:, axis])) for axis in (0, 1))
        return x, y, float(np.interp(frame, frames, np.unwrap(track.yaw_rad)))

    def touch(frame: float) -> bool:
        (x, y, yaw), (tx, ty, tyaw) = at(scene.ego, frame), at(target.track, frame)
        ahead = (EGO_FRONT_M - EGO_REAR_M) / 2
        ego = Polygon(footprint(x + ahead * np.cos(yaw), y + ahead * np.sin(yaw), EGO_LENGTH_M, EGO_WIDTH_M, yaw))
        return bool(ego.intersects(Polygon(footprint(tx, ty, target.length, target.width, tyaw))))

    after = float(next(frame for frame in range(len(scene)) if touch(frame)))
    before = after - 1.0
    while after - before > 1e-4:
        middle = 0.5 * (before + after)
        before, after = (before, middle) if touch(middle) else (middle, after)
    (x, y, yaw), (tx, ty, tyaw) = at(scene.ego, after), at(target.track, after)
    forward = -1.0 if scene.ego.speed_mps[0] < 0 else 1.0
    turned = tyaw - yaw
    looks = [turned + quarter * np.pi / 2 for quarter in range(4)]
    towards = min(looks, key=lambda angle: forward * float(np.cos(angle)))
    half = (target.length if looks.index(towards) in (0, 2) else target.width) / 2
    left = (ty - y) * np.cos(yaw) - (tx - x) * np.sin(yaw) + half * np.sin(towards)
    last = int(before)
    return Impact(
        after / scene.fps, float(left), float(scene.ego.speed_mps[last]), float(target.track.speed_mps[last]),
        float(np.arctan2(np.sin(turned), np.cos(turned))),
    )  # fmt: skip
