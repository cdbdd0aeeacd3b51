"""Ground rectangles of the ego and of actors over time, and when two of them overlap.

The ego's track follows its rear axle, an actor's the centre of its box: only here is that difference known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.geometry import FloatArray, wrap_angle
from drivesim.scene import Actor, Track


@dataclass(frozen=True, kw_only=True)
class EgoSize:
    """The ego's rectangle in metres: from the rear axle to the front and rear bumper, and its width."""

    front_m: float = 3.6
    rear_m: float = 1.0
    width_m: float = 1.85


DEFAULT_EGO = EgoSize()


@dataclass(frozen=True, kw_only=True, eq=False)
class Footprints:
    """A rectangle on the ground over T frames, in the world frame.

    ``centre`` (T, 2) m, ``yaw_rad`` (T,), ``speed_mps`` (T,) along the heading, ``present`` (T,) bool; ``length`` and
    ``width`` in metres.
    """

    centre: FloatArray
    yaw_rad: FloatArray
    speed_mps: FloatArray
    present: np.ndarray
    length: float
    width: float

    def __len__(self) -> int:
        return len(self.yaw_rad)

    def axes(self) -> FloatArray:
        """Unit vectors (T, 2, 2): forward and to the left."""
        cosine, sine = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=-2)

    def half_extents(self) -> FloatArray:
        """Half the length and half the width (2,)."""
        return 0.5 * np.array([self.length, self.width])

    def corners(self) -> FloatArray:
        """Corners (T, 4, 2): front-left, front-right, rear-right, rear-left."""
        signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * self.half_extents()
        return self.centre[:, None] + np.einsum("ck,tkx->tcx", signs, self.axes())

    def velocity(self) -> FloatArray:
        """Velocity (T, 2) in m/s."""
        return self.speed_mps[:, None] * self.axes()[:, 0]

    def rows(self, chosen: np.ndarray | slice) -> Footprints:
        """The chosen frames."""
        return Footprints(
            centre=self.centre[chosen],
            yaw_rad=self.yaw_rad[chosen],
            speed_mps=self.speed_mps[chosen],
            present=self.present[chosen],
            length=self.length,
            width=self.width,
        )

    def finer(self, factor: int) -> Footprints:
        """``factor`` steps for each one between frames, linear in place and heading; present between present frames."""
        count = len(self)
        fine = np.arange((count - 1) * factor + 1) / factor
        low = np.minimum(fine.astype(np.int64), max(count - 2, 0))
        share = fine - low
        high = np.minimum(low + 1, count - 1)
        turn = np.asarray(wrap_angle(self.yaw_rad[high] - self.yaw_rad[low]))
        between = self.present[low] & self.present[high]
        on_frame = np.where(share == 0.0, self.present[low], np.where(share == 1.0, self.present[high], between))
        return Footprints(
            centre=self.centre[low] + share[:, None] * (self.centre[high] - self.centre[low]),
            yaw_rad=self.yaw_rad[low] + share * turn,
            speed_mps=self.speed_mps[low] + share * (self.speed_mps[high] - self.speed_mps[low]),
            present=on_frame,
            length=self.length,
            width=self.width,
        )


def ego_footprints(ego: Track, size: EgoSize = DEFAULT_EGO) -> Footprints:
    """The ego's rectangle, from the track of its rear axle."""
    forward = np.stack([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)], axis=-1)
    return Footprints(
        centre=ego.positions[:, :2] + 0.5 * (size.front_m - size.rear_m) * forward,
        yaw_rad=ego.yaw_rad,
        speed_mps=ego.speed_mps,
        present=np.asarray(ego.present, dtype=bool),
        length=size.front_m + size.rear_m,
        width=size.width_m,
    )


def actor_footprints(actor: Actor) -> Footprints:
    """An actor's rectangle, from the track of its box centre."""
    return Footprints(
        centre=actor.track.positions[:, :2],
        yaw_rad=actor.track.yaw_rad,
        speed_mps=actor.track.speed_mps,
        present=np.asarray(actor.track.present, dtype=bool),
        length=actor.length,
        width=actor.width,
    )


def pair(ego: Track, actor: Actor, size: EgoSize = DEFAULT_EGO) -> tuple[Footprints, Footprints, np.ndarray]:
    """Both rectangles, and the frames (T,) bool in which both are present. Raises ValueError for unequal lengths."""
    if len(ego) != len(actor.track):
        raise ValueError(f"the ego has {len(ego)} frames, actor {actor.id!r} {len(actor.track)}; they must agree")
    first, second = ego_footprints(ego, size), actor_footprints(actor)
    return first, second, first.present & second.present


def separations(first: Footprints, second: Footprints) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How two rectangles lie along the four axes that can part them (their sides), frame by frame.

    Returns unit ``axes`` (T, 4, 2), signed centre distances (T, 4) from the first to the second along them, and reaches
    (T, 4) in metres: they overlap where the distance is smaller than the reach along every axis (separating axis theorem).
    """
    own, other = first.axes(), second.axes()
    axes = np.concatenate([own, other], axis=1)
    distance = np.einsum("tax,tx->ta", axes, second.centre - first.centre)
    reach = np.einsum("tak,k->ta", np.abs(np.einsum("tax,tkx->tak", axes, own)), first.half_extents())
    reach = reach + np.einsum("tak,k->ta", np.abs(np.einsum("tax,tkx->tak", axes, other)), second.half_extents())
    return axes, distance, reach


def overlapping(first: Footprints, second: Footprints) -> np.ndarray:
    """Frames (T,) bool in which the two rectangles overlap, whether present or not; touching is no overlap."""
    _, distance, reach = separations(first, second)
    return np.asarray((np.abs(distance) < reach).all(axis=1))
