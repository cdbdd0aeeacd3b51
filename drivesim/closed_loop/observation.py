"""What a planner is shown and what it answers; imports NumPy only, so that a planner's process starts at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class EgoState:
    """The ego's own motion, as its odometer has it: m/s, m/s², rad/s (positive to the left)."""

    speed_mps: float
    acceleration_mps2: float
    yaw_rate_rps: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """Where the ego is to go, as a map would tell a car that knows where it is.

    ``centre`` (N, 2): the middle of the scenario's ego lane ahead, x forward and y left in the ego frame (rear axle), a point
    every ``spacing_m``. ``offset_m`` is how far left of it the ego is, ``heading_rad`` how far to the left it looks.
    """

    centre: NDArray[np.float64]
    spacing_m: float
    offset_m: float
    heading_rad: float
    lane_width_m: float
    speed_limit_mps: float
    target_speed_mps: float


@dataclass(frozen=True, kw_only=True)
class SeenObject:
    """A road user in the ego frame: the centre of its box in metres, heading in radians, speed over ground along it."""

    category: str
    x: float
    y: float
    yaw_rad: float
    speed_mps: float
    length: float
    width: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """What a planner knows at ``t_s``, frame ``frame`` of the video.

    ``pictures`` uint8 RGB (K, H, W, 3) are the frames since its last answer, the newest last (at first frame 0 alone).
    ``objects`` are those that a detector finds in the pictures, with its errors, or, where the truth was asked for, all.
    The answer holds for the next ``chunk_frames`` frames at ``fps`` a second.
    """

    frame: int
    t_s: float
    fps: float
    chunk_frames: int
    pictures: NDArray[np.uint8]
    ego: EgoState
    route: Route
    objects: tuple[SeenObject, ...]


class Planner(Protocol):
    """Drives the ego.

    ``plan`` returns acceleration (m/s²) and curvature (1/m, positive to the left): a pair that is held for the chunk, or an
    array (chunk_frames, 2), a row a frame. A ``reset()``, where there is one, is called before every scenario.
    """

    def plan(self, observation: Observation) -> object:
        """The answer to one observation."""
        ...
