"""An ego that is driven from outside: what it is told to do, frame by frame, and how the fleet carries it out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from drivesim.geometry import FloatArray, wrap_angle
from drivesim.traffic.contact import CRASH_BRAKING_MPS2
from drivesim.traffic.fleet import COMMANDED, Fleet

#: What no car does: sharper bends (1/m), more speed (m/s), more acceleration or braking, more force sideways (m/s²).
MOST_CURVATURE, MOST_SPEED_MPS = 0.2, 70.0
MOST_ACCELERATION_MPS2, MOST_BRAKING_MPS2, MOST_LATERAL_MPS2 = 8.0, 11.0, 10.0


@dataclass(frozen=True, kw_only=True)
class EgoCommand:
    """Where the ego is to be one frame later.

    It reaches ``speed_mps`` evenly, on an arc of ``curvature`` (1/m, positive to the left) of its rear axle; or, with
    ``pose`` (x, y in metres, yaw in radians, in the world frame), it is there by then.
    """

    speed_mps: float
    curvature: float = 0.0
    pose: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Drive:
    """Commands on the frames' grid: row k is reached at frame k.

    ``speed_mps`` (T,) in m/s, ``curvature`` (T,) in 1/m; ``poses`` (T, 3) x, y, yaw in the world frame replace the curvature.
    From frame ``first`` on: until then the ego drives by itself.
    """

    speed_mps: FloatArray
    curvature: FloatArray
    poses: FloatArray | None = None
    first: int = 0

    def __len__(self) -> int:
        return len(self.speed_mps)

    def command(self, frame: int) -> EgoCommand:
        """What leads to ``frame``; behind the last row the ego goes on as it was told last, straight on behind a pose."""
        row = min(frame, len(self) - 1)
        speed, curvature = float(self.speed_mps[row]), float(self.curvature[row])
        if self.poses is None or frame >= len(self):
            return EgoCommand(speed_mps=speed, curvature=curvature)
        x, y, yaw = (float(value) for value in self.poses[row])
        return EgoCommand(speed_mps=speed, pose=(x, y, yaw))


def take_over(fleet: Fleet) -> None:
    """From now on the ego moves as it is told; whoever is around sees it like anybody else."""
    if fleet.motion[0] == COMMANDED:
        return
    fleet.motion[0] = COMMANDED
    fleet.free_choice[0] = False
    fleet.change_s[0] = 0.0


def drive_ego(fleet: Fleet, command: EgoCommand, dt: float, steps_left: int) -> None:
    """Move the ego by ``dt`` seconds, the first of ``steps_left`` such steps to what ``command`` asks for.

    Once it has crashed it brakes to a stand on the arc it was told.
    """
    v, yaw = float(fleet.v[0]), float(fleet.yaw[0])
    if fleet.crashed[0] > 0:
        speed, pose = max(v - CRASH_BRAKING_MPS2 * dt, 0.0), None
    else:
        speed, pose = v + (command.speed_mps - v) / steps_left, command.pose
    if pose is not None:
        dx, dy = (pose[0] - float(fleet.x[0])) / steps_left, (pose[1] - float(fleet.y[0])) / steps_left
        turn = float(wrap_angle(pose[2] - yaw)) / steps_left
        distance = math.hypot(dx, dy)
    else:
        distance = 0.5 * (v + speed) * dt
        turn = command.curvature * distance
        # The chord of the arc; sinc keeps the limit of a straight line exact.
        chord, course = distance * float(np.sinc(turn / (2.0 * math.pi))), yaw + 0.5 * turn
        dx, dy = chord * math.cos(course), chord * math.sin(course)
    fleet.x[0] += dx
    fleet.y[0] += dy
    fleet.yaw[0] = yaw + turn
    fleet.v[0], fleet.a[0] = speed, (speed - v) / dt
    fleet.travelled[0] += distance
    s, d = fleet.road.to_road(fleet.x[:1], fleet.y[:1], fleet.s[:1] + distance, iterations=3)
    fleet.s[0] = s[0]
    fleet.d[0] = fleet.base_d[0] = fleet.held_d[0] = d[0]
