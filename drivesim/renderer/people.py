"""Pedestrians with walking legs, riders on two wheels, cones and barriers; see vehicles.py for the frame."""

from __future__ import annotations

import itertools

import numpy as np

from drivesim.renderer.semantics import Semantic
from drivesim.renderer.shapes import Colour3, Shape, ShapeBuilder
from drivesim.renderer.vehicles import HEADLIGHT, TAIL, TYRE, shade

_RING = np.linspace(0.0, 2.0 * np.pi, 11)


def pedestrian(
    width: float, height: float, colour: Colour3, skin: Colour3, trousers: Colour3, phase: float, moving: float
) -> Shape:
    """A person; ``phase`` radians of the walking cycle, ``moving`` 0 (standing) to 1 (full stride)."""
    b = ShapeBuilder(Semantic.PEDESTRIAN)
    k, hair = height / 1.75, (0.22, 0.16, 0.12)
    swing = 0.34 * k * moving
    girth = min(0.5 * width, 0.24 * k)
    for side in (-1.0, 1.0):
        step = np.sin(phase) * side
        lift = max(0.0, np.cos(phase) * side) * 0.10 * k * moving
        hip, foot = (0.0, 0.09 * k * side, 0.90 * k), (swing * step, 0.09 * k * side, 0.07 * k + lift)
        knee = (0.5 * swing * step + 0.09 * k * moving * (lift > 0), 0.09 * k * side, 0.48 * k + 0.5 * lift)
        b.capsule(hip, knee, 0.095 * k, 0.075 * k, trousers)
        b.capsule(knee, foot, 0.075 * k, 0.055 * k, trousers)
        b.capsule(foot, (foot[0] + 0.13 * k, foot[1], foot[2] - 0.015 * k), 0.055 * k, 0.045 * k, (0.13, 0.12, 0.12))
        b.next_part()
    for side in (-1.0, 1.0):
        step = -np.sin(phase) * side
        shoulder = (0.0, side * (girth - 0.05 * k), 1.38 * k)
        elbow = (0.4 * swing * step, side * girth * 0.98, 1.12 * k)
        hand = (0.8 * swing * step + 0.05 * k, side * girth * 0.95, 0.90 * k)
        b.capsule(shoulder, elbow, 0.065 * k, 0.055 * k, shade(colour, 0.88))
        b.capsule(elbow, hand, 0.052 * k, 0.042 * k, shade(colour, 0.88))
        b.disc(hand, 0.05 * k, 0.05 * k, skin)
        b.next_part()
    b.capsule((0.0, 0.0, 0.84 * k), (0.0, 0.0, 1.36 * k), 0.165 * k, min(0.20 * k, girth), colour)
    b.capsule((0.0, 0.0, 1.42 * k), (0.0, 0.0, 1.50 * k), 0.06 * k, 0.055 * k, skin)
    b.disc((0.01 * k, 0.0, 1.615 * k), 0.095 * k, 0.125 * k, skin)
    b.disc((-0.01 * k, 0.0, 1.69 * k), 0.09 * k, 0.058 * k, hair)
    b.next_part()
    b.disc((-0.045 * k, 0.0, 1.65 * k), 0.10 * k, 0.10 * k, hair)
    return b.build()


def _ring(b: ShapeBuilder, x: float, radius: float, thickness: float, colour: Colour3) -> None:
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


def _rider(
    b: ShapeBuilder,
    seat: float,
    lean: float,
    height: float,
    k: float,
    colour: Colour3,
    skin: Colour3,
    helmet: Colour3,
    pedal: float,
) -> None:
    hip = (-0.18 * k, 0.0, seat)
    shoulder = (-0.18 * k + lean, 0.0, min(seat + 0.50 * k, height - 0.36 * k))
    for side in (-1.0, 1.0):
        foot = (0.05 * k + 0.13 * k * np.cos(pedal) * side, 0.11 * side, 0.30 * k + 0.13 * k * np.sin(pedal) * side)
        knee = (0.22 * k, 0.13 * side, 0.5 * (seat + foot[2]) + 0.10 * k)
        b.capsule((hip[0], 0.1 * side, hip[2]), knee, 0.09 * k, 0.075 * k, (0.17, 0.18, 0.24))
        b.capsule(knee, foot, 0.07 * k, 0.055 * k, (0.17, 0.18, 0.24))
        hand = (0.45 * k, 0.24 * side, seat + 0.15 * k)
        b.capsule((shoulder[0], 0.18 * side, shoulder[2]), hand, 0.06 * k, 0.045 * k, shade(colour, 0.88))
    b.capsule(hip, shoulder, 0.135 * k, 0.17 * k, colour)
    head = (shoulder[0] + 0.07 * k, 0.0, shoulder[2] + 0.22 * k)
    b.disc(head, 0.10 * k, 0.125 * k, skin)
    b.disc((head[0] - 0.02, 0.0, head[2] + 0.045 * k), 0.115 * k, 0.085 * k, helmet)


def bicycle(length: float, height: float, colour: Colour3, skin: Colour3, helmet: Colour3, pedal: float) -> Shape:
    """A bicycle with its rider, who wears ``colour``; ``pedal`` radians."""
    b = ShapeBuilder(Semantic.TWO_WHEELER)
    k = height / 1.72
    radius = min(0.34, 0.21 * length)
    rear, front = -0.5 * length + radius, 0.5 * length - radius
    frame = (0.20, 0.22, 0.26)
    _ring(b, rear, radius, 0.06, TYRE)
    _ring(b, front, radius, 0.06, TYRE)
    for start, end in (
        ((rear, radius), (-0.05, 0.32)),
        ((-0.05, 0.32), (-0.20, 0.92 * k)),
        ((-0.05, 0.32), (0.38, 0.80 * k)),
        ((-0.17, 0.80 * k), (0.36, 0.84 * k)),
        ((front, radius), (0.36, 1.02 * k)),
    ):
        b.capsule((start[0], 0.0, start[1]), (end[0], 0.0, end[1]), 0.028, 0.028, frame)
    b.capsule((0.38, -0.24, 1.05 * k), (0.38, 0.24, 1.05 * k), 0.025, 0.025, frame)
    _rider(b, 0.94 * k, 0.32 * k, height, k, colour, skin, helmet, pedal)
    b.disc((-0.30, 0.0, 0.74 * k), 0.045, 0.045, TAIL, glow=1.0)
    return b.build()


def motorcycle(length: float, height: float, colour: Colour3, skin: Colour3, helmet: Colour3, braking: bool) -> Shape:
    """A motorcycle in ``colour`` with its rider in a darker tone of it."""
    b = ShapeBuilder(Semantic.TWO_WHEELER)
    k = height / 1.55
    radius = min(0.32, 0.16 * length)
    rear, front = -0.5 * length + radius, 0.5 * length - radius
    for x in (rear, front):
        rim = [(x + radius * np.cos(a), radius + radius * np.sin(a)) for a in _RING[:-1]]
        b.prism(rim, -0.07, 0.07, [TYRE] * len(rim), TYRE)
    b.box((rear + 0.1, -0.14, 0.35), (front - 0.2, 0.14, 0.62), shade(colour, 0.5))
    b.box((rear - 0.05, -0.16, 0.60), (0.1, 0.16, 0.80 * k), shade(colour, 0.8))
    b.box((0.05, -0.20, 0.55), (0.5 * length - 0.35, 0.20, 0.98 * k), colour)
    b.face(patch_front(0.5 * length - 0.34, 0.24, 0.72 * k, 0.92 * k), HEADLIGHT, glow=1.0)
    _rider(b, 0.80 * k, 0.22 * k, height, k * 0.92, colour, skin, helmet, 0.6)
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
