"""Walkers and riders, dressed after their figures, cones and barriers; see vehicles.py for the frame."""

from __future__ import annotations

import itertools

import numpy as np

from drivesim.bodies import Prism
from drivesim.figures import Ball, Figure, Limb, Piece, Slab, Wear, Wheel, motorcyclist
from drivesim.figures import motorcycle as motorcycle_pieces
from drivesim.renderer.semantics import Semantic
from drivesim.renderer.shapes import Colour3, Shape, ShapeBuilder
from drivesim.renderer.vehicles import HEADLIGHT, TAIL, TYRE, shade

HAIR = (0.22, 0.16, 0.12)
_RING = np.linspace(0.0, 2.0 * np.pi, 11)


def pedestrian(figure: Figure, colour: Colour3, skin: Colour3, trousers: Colour3) -> Shape:
    """A person of whom a part is a leg, an arm, the trunk or the back of the head."""
    b = ShapeBuilder(Semantic.PEDESTRIAN)
    worn = _worn(colour, skin) | {Wear.TROUSERS: trousers}
    for group in figure:
        _add(b, group, worn)
        b.next_part()
    return b.build()


def _worn(colour: Colour3, skin: Colour3, helmet: Colour3 = HAIR) -> dict[Wear, Colour3]:
    return {
        Wear.SKIN: skin,
        Wear.HAIR: HAIR,
        Wear.HELMET: helmet,
        Wear.TOP: colour,
        Wear.SLEEVE: shade(colour, 0.88),
        Wear.TROUSERS: (0.17, 0.18, 0.24),
        Wear.SHOE: (0.13, 0.12, 0.12),
        Wear.TYRE: TYRE,
        Wear.TUBE: (0.20, 0.22, 0.26),
    }


def _add(b: ShapeBuilder, pieces: tuple[Piece, ...], worn: dict[Wear, Colour3]) -> None:
    for piece in pieces:
        match piece:
            case Limb():
                b.capsule(piece.start, piece.end, piece.radius, piece.end_radius, worn[piece.wear])
            case Ball():
                b.disc(piece.centre, piece.radius, piece.height_radius, worn[piece.wear])
            case Wheel():
                _ring(b, piece, worn[piece.wear])
            case Slab():
                b.box(piece.low, piece.high, worn[piece.wear])


def _ring(b: ShapeBuilder, wheel: Wheel, colour: Colour3) -> None:
    x, radius, thickness = wheel.x, wheel.radius, wheel.thickness
    for first, second in itertools.pairwise(_RING):
        quad = []
        for angle, size in (
            (first, radius),
            (second, radius),
            (second, radius - thickness),
            (first, radius - thickness),
        ):
            quad.append((x + size * np.cos(angle), 0.0, radius + size * np.sin(angle)))
        b.face(quad, colour, two_sided=True)


def bicycle(figure: Figure, colour: Colour3, skin: Colour3, helmet: Colour3, height: float) -> Shape:
    """A bicycle with its rider, who wears ``colour``; ``height`` is that of both."""
    b = ShapeBuilder(Semantic.TWO_WHEELER)
    for group in figure:
        _add(b, group, _worn(colour, skin, helmet))
    b.disc((-0.30, 0.0, 0.74 * height / 1.72), 0.045, 0.045, TAIL, glow=1.0)
    return b.build()


def motorcycle(length: float, height: float, colour: Colour3, skin: Colour3, helmet: Colour3, braking: bool) -> Shape:
    """A motorcycle in ``colour`` with its rider in a darker tone of it."""
    b = ShapeBuilder(Semantic.TWO_WHEELER)
    k = height / 1.55
    tones = iter((shade(colour, 0.5), shade(colour, 0.8), colour))
    for piece in motorcycle_pieces(length, height):
        match piece:
            case Wheel():
                angles = _RING[:-1]
                rim = [(piece.x + piece.radius * np.cos(a), piece.radius + piece.radius * np.sin(a)) for a in angles]
                b.prism(Prism(tuple(rim), 0.07), [TYRE] * len(rim), TYRE)
            case Slab():
                b.box(piece.low, piece.high, next(tones))
    b.face(patch_front(0.5 * length - 0.34, 0.24, 0.72 * k, 0.92 * k), HEADLIGHT, glow=1.0)
    _add(b, motorcyclist(height), _worn(colour, skin, helmet))
    rear = -0.5 * length + min(0.32, 0.16 * length)
    b.face(
        [
            (rear - 0.06, 0.12, 0.66 * k),
            (rear - 0.06, -0.12, 0.66 * k),
            (rear - 0.06, -0.12, 0.78 * k),
            (rear - 0.06, 0.12, 0.78 * k),
        ],
        (1.0, 0.16, 0.12) if braking else TAIL,
        glow=1.0,
    )
    return b.build()


def patch_front(x: float, width: float, low: float, high: float) -> list[tuple[float, float, float]]:
    """A small upright rectangle that looks forwards."""
    w = 0.5 * width
    return [(x, -w, low), (x, w, low), (x, w, high), (x, -w, high)]


def traffic_cone(width: float, height: float, colour: Colour3) -> Shape:
    """A cone with a white band on a dark foot."""
    b = ShapeBuilder(Semantic.STATIC_OBJECT)
    w = 0.5 * width
    b.box((-w, -w, 0.0), (w, w, 0.06), (0.18, 0.17, 0.17))
    b.capsule((0.0, 0.0, 0.10), (0.0, 0.0, height - 0.04), 0.72 * w, 0.20 * w, colour)
    b.capsule((0.0, 0.0, 0.42 * height), (0.0, 0.0, 0.60 * height), 0.52 * w, 0.42 * w, (0.93, 0.93, 0.92))
    return b.build()


def barrier(length: float, width: float, height: float, colour: Colour3) -> Shape:
    """A striped site barrier; its long side is the wider of length and width."""
    b = ShapeBuilder(Semantic.STATIC_OBJECT)
    x, y = 0.5 * length, 0.5 * width
    white = (0.92, 0.92, 0.90)
    b.box((-x, -y, 0.12 * height), (x, y, height), colour)
    panels = 4
    for index in range(1, panels, 2):
        u0, u1 = index / panels, (index + 1) / panels
        if width >= length:
            y0, y1 = -y + 2 * y * u0, -y + 2 * y * u1
            rear = [
                (-x - 0.005, y1, 0.45 * height),
                (-x - 0.005, y0, 0.45 * height),
                (-x - 0.005, y0, 0.9 * height),
                (-x - 0.005, y1, 0.9 * height),
            ]
            b.face(rear, white)
            b.face([(x + 0.005, p[1], p[2]) for p in rear[::-1]], white)
        else:
            x0, x1 = -x + 2 * x * u0, -x + 2 * x * u1
            side = [
                (x0, -y - 0.005, 0.45 * height),
                (x1, -y - 0.005, 0.45 * height),
                (x1, -y - 0.005, 0.9 * height),
                (x0, -y - 0.005, 0.9 * height),
            ]
            b.face(side, white)
            b.face([(p[0], y + 0.005, p[2]) for p in side[::-1]], white)
    return b.build()
