"""Ego motion per frame, the second kind of control."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import wrap_angle
from drivesim.scene import Scene

#: Below this speed (m/s) the curvature is reported as 0, because yaw rate over speed means nothing there.
_SLOWEST_MPS = 0.3


def ego_motion(scene: Scene, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Ego motion of frames ``start`` to ``stop``: float32 (T, 6), channels as in MOTION_CHANNELS.

    dx, dy (m) and dyaw (rad) lead from the previous frame's ego frame to this one; speed (m/s) is this frame's,
    curvature (1/m, positive to the left) is dyaw over the distance travelled, dt is in seconds. The scene's first
    frame has no previous one: its motion is the arc driven at its own speed and the yaw rate that follows it.
    """
    stop = len(scene) if stop is None else stop
    ego, step_s = scene.ego, 1.0 / scene.fps
    first = max(start - 1, 0)
    positions, yaw = ego.positions[first:stop, :2], ego.yaw_rad[first:stop]
    moved, turned = np.diff(positions, axis=0), np.asarray(wrap_angle(np.diff(yaw)))
    cosine, sine = np.cos(yaw[:-1]), np.sin(yaw[:-1])
    forward = cosine * moved[:, 0] + sine * moved[:, 1]
    left = -sine * moved[:, 0] + cosine * moved[:, 1]
    if start == 0:
        rate = float(wrap_angle(ego.yaw_rad[1] - ego.yaw_rad[0])) if len(scene) > 1 else 0.0
        distance = float(ego.speed_mps[0]) * step_s
        # A chord of an arc: sinc keeps the limit of a straight line exact.
        chord = distance * np.sinc(rate / (2.0 * np.pi))
        forward = np.concatenate([[chord * np.cos(rate / 2.0)], forward])
        left = np.concatenate([[chord * np.sin(rate / 2.0)], left])
        turned = np.concatenate([[rate], turned])
    speed = ego.speed_mps[start:stop]
    travelled = np.hypot(forward, left) * np.where(forward < 0.0, -1.0, 1.0)
    moving = np.abs(travelled) > _SLOWEST_MPS * step_s
    curvature = np.where(moving, turned / np.where(moving, travelled, 1.0), 0.0)
    return np.stack([forward, left, turned, speed, curvature, np.full(len(speed), step_s)], axis=1).astype(np.float32)
