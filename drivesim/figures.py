"""Bodies with limbs: where legs, arms, trunk and head of a walker or rider are within its box, and what each piece wears.

The renderer dresses these figures, the layout tells them: a box alone says nothing of how limbs stand. Told as a picture of
body parts (DensePose, Güler et al. 2018), which needs no guess, they are to a walker what a skeleton is to a pose-guided generator.

Metres in the frame of the box: x forward, y left, z up from the middle of its bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from drivesim.gait import swing
from drivesim.scene import Actor

Point = tuple[float, float, float]


class Wear(StrEnum):
    """What a piece of a figure is, which decides its colour."""

    SKIN = "skin"
    HAIR = "hair"
    HELMET = "helmet"
    TOP = "top"
    SLEEVE = "sleeve"
    TROUSERS = "trousers"
    SHOE = "shoe"
    TYRE = "tyre"
    TUBE = "tube"
    BODYWORK = "bodywork"


@dataclass(frozen=True)
class Limb:
    """A piece between two points with rounded ends, each with its own radius."""

    start: Point
    end: Point
    radius: float
    end_radius: float
    wear: Wear


@dataclass(frozen=True)
class Ball:
    """An ellipse that always faces the camera."""

    centre: Point
    radius: float
    height_radius: float
    wear: Wear


@dataclass(frozen=True)
class Wheel:
    """An upright ring about (``x``, 0, ``radius``) in the plane of the box's length; ``thickness`` is ``radius`` where it is filled."""

    x: float
    radius: float
    thickness: float
    wear: Wear = Wear.TYRE


@dataclass(frozen=True)
class Slab:
    """A box between two corners."""

    low: Point
    high: Point
    wear: Wear = Wear.BODYWORK


Piece = Limb | Ball | Wheel | Slab

#: Pieces of a figure in groups: groups are drawn far to near, and within one its pieces in their order.
Figure = tuple[tuple[Piece, ...], ...]


def walker(width: float, height: float, phase: float, moving: float) -> Figure:
    """A person; ``phase`` radians of the walking cycle, ``moving`` 0 (standing) to 1 (full stride)."""
    k = height / 1.75
    girth = min(0.5 * width, 0.24 * k)
    legs = [_leg(side, k, phase, moving) for side in (-1.0, 1.0)]
    arms = [_arm(side, k, girth, phase, moving) for side in (-1.0, 1.0)]
    trunk = (
        Limb((0.0, 0.0, 0.84 * k), (0.0, 0.0, 1.36 * k), 0.165 * k, min(0.20 * k, girth), Wear.TOP),
        Limb((0.0, 0.0, 1.42 * k), (0.0, 0.0, 1.50 * k), 0.06 * k, 0.055 * k, Wear.SKIN),
        Ball((0.01 * k, 0.0, 1.615 * k), 0.095 * k, 0.125 * k, Wear.SKIN),
        Ball((-0.01 * k, 0.0, 1.69 * k), 0.09 * k, 0.058 * k, Wear.HAIR),
    )
    return (*legs, *arms, trunk, (Ball((-0.045 * k, 0.0, 1.65 * k), 0.10 * k, 0.10 * k, Wear.HAIR),))


def _leg(side: float, k: float, phase: float, moving: float) -> tuple[Piece, ...]:
    swinging = 0.34 * k * moving
    step = np.sin(phase) * side
    lift = max(0.0, np.cos(phase) * side) * 0.10 * k * moving
    hip, foot = (0.0, 0.09 * k * side, 0.90 * k), (swinging * step, 0.09 * k * side, 0.07 * k + lift)
    knee = (0.5 * swinging * step + 0.09 * k * moving * (lift > 0), 0.09 * k * side, 0.48 * k + 0.5 * lift)
    toe = (foot[0] + 0.13 * k, foot[1], foot[2] - 0.015 * k)
    return (
        Limb(hip, knee, 0.095 * k, 0.075 * k, Wear.TROUSERS),
        Limb(knee, foot, 0.075 * k, 0.055 * k, Wear.TROUSERS),
        Limb(foot, toe, 0.055 * k, 0.045 * k, Wear.SHOE),
    )


def _arm(side: float, k: float, girth: float, phase: float, moving: float) -> tuple[Piece, ...]:
    swinging = 0.34 * k * moving
    step = -np.sin(phase) * side
    shoulder = (0.0, side * (girth - 0.05 * k), 1.38 * k)
    elbow = (0.4 * swinging * step, side * girth * 0.98, 1.12 * k)
    hand = (0.8 * swinging * step + 0.05 * k, side * girth * 0.95, 0.90 * k)
    return (
        Limb(shoulder, elbow, 0.065 * k, 0.055 * k, Wear.SLEEVE),
        Limb(elbow, hand, 0.052 * k, 0.042 * k, Wear.SLEEVE),
        Ball(hand, 0.05 * k, 0.05 * k, Wear.SKIN),
    )


def bicycle(length: float, height: float) -> tuple[Piece, ...]:
    """A bicycle without its rider."""
    k = height / 1.72
    radius = min(0.34, 0.21 * length)
    rear, front = -0.5 * length + radius, 0.5 * length - radius
    ends = (
        ((rear, radius), (-0.05, 0.32)),
        ((-0.05, 0.32), (-0.20, 0.92 * k)),
        ((-0.05, 0.32), (0.38, 0.80 * k)),
        ((-0.17, 0.80 * k), (0.36, 0.84 * k)),
        ((front, radius), (0.36, 1.02 * k)),
    )
    tubes = [Limb((a[0], 0.0, a[1]), (b[0], 0.0, b[1]), 0.028, 0.028, Wear.TUBE) for a, b in ends]
    bar = Limb((0.38, -0.24, 1.05 * k), (0.38, 0.24, 1.05 * k), 0.025, 0.025, Wear.TUBE)
    return (Wheel(rear, radius, 0.06), Wheel(front, radius, 0.06), *tubes, bar)


def cyclist(height: float, pedal: float) -> tuple[Piece, ...]:
    """Who rides a bicycle of that height (m) with its rider; ``pedal`` radians."""
    k = height / 1.72
    return _rider(0.94 * k, 0.32 * k, height, k, pedal)


def motorcycle(length: float, height: float) -> tuple[Piece, ...]:
    """A motorcycle without its rider: two wheels, then what lies between them, from the engine up to the tank."""
    k = height / 1.55
    radius = min(0.32, 0.16 * length)
    rear, front = -0.5 * length + radius, 0.5 * length - radius
    return (
        Wheel(rear, radius, radius),
        Wheel(front, radius, radius),
        Slab((rear + 0.1, -0.14, 0.35), (front - 0.2, 0.14, 0.62)),
        Slab((rear - 0.05, -0.16, 0.60), (0.1, 0.16, 0.80 * k)),
        Slab((0.05, -0.20, 0.55), (0.5 * length - 0.35, 0.20, 0.98 * k)),
    )


def motorcyclist(height: float) -> tuple[Piece, ...]:
    """Who rides a motorcycle of that height (m) with its rider."""
    k = height / 1.55
    return _rider(0.80 * k, 0.22 * k, height, k * 0.92, 0.6)


def _rider(seat: float, lean: float, height: float, k: float, pedal: float) -> tuple[Piece, ...]:
    hip = (-0.18 * k, 0.0, seat)
    shoulder = (-0.18 * k + lean, 0.0, min(seat + 0.50 * k, height - 0.36 * k))
    pieces: list[Piece] = []
    for side in (-1.0, 1.0):
        foot = (0.05 * k + 0.13 * k * np.cos(pedal) * side, 0.11 * side, 0.30 * k + 0.13 * k * np.sin(pedal) * side)
        knee = (0.22 * k, 0.13 * side, 0.5 * (seat + foot[2]) + 0.10 * k)
        hand = (0.45 * k, 0.24 * side, seat + 0.15 * k)
        pieces += [
            Limb((hip[0], 0.1 * side, hip[2]), knee, 0.09 * k, 0.075 * k, Wear.TROUSERS),
            Limb(knee, foot, 0.07 * k, 0.055 * k, Wear.TROUSERS),
            Limb((shoulder[0], 0.18 * side, shoulder[2]), hand, 0.06 * k, 0.045 * k, Wear.SLEEVE),
        ]
    head = (shoulder[0] + 0.07 * k, 0.0, shoulder[2] + 0.22 * k)
    return (
        *pieces,
        Limb(hip, shoulder, 0.135 * k, 0.17 * k, Wear.TOP),
        Ball(head, 0.10 * k, 0.125 * k, Wear.SKIN),
        Ball((head[0] - 0.02, 0.0, head[2] + 0.045 * k), 0.115 * k, 0.085 * k, Wear.HELMET),
    )


class ActorFigure:
    """The figure of one actor at any frame of its track.

    Its legs begin where ``actor.gait_rad`` says, or at ``unknown_rad`` where nobody knows.
    """

    def __init__(self, actor: Actor, fps: float, unknown_rad: float = 0.0) -> None:
        self._actor = actor
        self._phase = actor.gait_phase_rad(unknown_rad if actor.gait_rad is None else actor.gait_rad, fps)
        self._swing = swing(actor.category, actor.track.speed_mps)

    def at(self, frame: int) -> Figure:
        """The figure at ``frame``; empty for actors of other categories than :func:`has_figure` has."""
        actor, phase = self._actor, float(self._phase[frame])
        match actor.category:
            case "pedestrian":
                return walker(actor.width, actor.height, phase, float(self._swing[frame]))
            case "bicycle":
                return ((*bicycle(actor.length, actor.height), *cyclist(actor.height, phase)),)
            case "motorcycle":
                return ((*motorcycle(actor.length, actor.height), *motorcyclist(actor.height)),)
        return ()


def has_figure(category: str) -> bool:
    """Whether actors of a category have limbs, or a rider who has."""
    return category in ("pedestrian", "bicycle", "motorcycle")
