"""Whether somebody has turned at a junction, read off a track."""

from __future__ import annotations

import math

import numpy as np

from drivesim.geometry import wrap_angle
from drivesim.road import Road
from drivesim.scene import Track
from drivesim.traffic.plans import JunctionTurn
from drivesim.traffic.routes import destination_of, legs_of


def turned(road: Road, track: Track, start: int, action: JunctionTurn, done: float) -> np.ndarray:
    """Frames (T,) bool in which somebody is on the leg that the turn leads to, as far out as ``done`` of the junction's reach.

    Where he comes from is told by the leg nearest to where he is at ``start``.
    """
    junction = road.junctions[0]
    frames = legs_of(road, junction)
    away = track.positions[:, :2] - np.array([next(iter(frames.values())).x, next(iter(frames.values())).y])
    bearing = math.atan2(away[start, 1], away[start, 0])
    origin = min(frames, key=lambda leg: abs(float(wrap_angle(frames[leg].yaw_rad - bearing))))
    goal = frames.get(destination_of(origin, action.to))
    if goal is None:
        return np.zeros(len(track), dtype=bool)
    outward = away @ np.array([math.cos(goal.yaw_rad), math.sin(goal.yaw_rad)])
    return np.asarray((outward > done * junction.reach_m) & (np.arange(len(track)) >= start))
