"""Bodies of motor vehicles that fill their boxes: cars, vans, lorries, buses, trailers, construction vehicles.

Local frame: origin on the ground under the box centre, x forward. Every vehicle keeps inside length x width x height.
"""

from __future__ import annotations

import numpy as np

from drivesim.bodies import Prism, car_prisms, loader_prisms, lorry_prisms, van_prism
from drivesim.renderer.semantics import Semantic
from drivesim.renderer.shapes import Colour3, Shape, ShapeBuilder

GLASS: Colour3 = (0.15, 0.18, 0.22)
TYRE: Colour3 = (0.09, 0.09, 0.10)
RIM: Colour3 = (0.48, 0.49, 0.51)
DARK: Colour3 = (0.14, 0.14, 0.15)
PLATE: Colour3 = (0.88, 0.88, 0.84)
HEADLIGHT: Colour3 = (1.0, 0.97, 0.86)
TAIL: Colour3 = (0.66, 0.05, 0.06)
BRAKE: Colour3 = (1.0, 0.16, 0.12)


def shade(colour: Colour3, factor: float) -> Colour3:
    """``colour`` made darker or lighter."""
    red, green, blue = (min(1.0, c * factor) for c in colour)
    return red, green, blue


def patch(corners: np.ndarray, u0: float, u1: float, v0: float, v1: float) -> np.ndarray:
    """A rectangle (4, 3) inside a quad (4, 3) given in the quad's own shares 0-1 along its first and second side."""
    c0, c1, c2, c3 = np.asarray(corners, dtype=np.float64)
    rows = []
    for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1)):
        rows.append((1 - v) * ((1 - u) * c0 + u * c1) + v * ((1 - u) * c3 + u * c2))
    return np.array(rows)


def rear_face(x: float, width: float, low: float, high: float) -> np.ndarray:
    """Corners of a face that looks backwards: lower left of the viewer first."""
    w = 0.5 * width
    return np.array([[x, w, low], [x, -w, low], [x, -w, high], [x, w, high]])


def front_face(x: float, width: float, low: float, high: float) -> np.ndarray:
    """Corners of a face that looks forwards: lower left of the viewer first."""
    w = 0.5 * width
    return np.array([[x, -w, low], [x, w, low], [x, w, high], [x, -w, high]])


def _lamps(b: ShapeBuilder, length: float, width: float, low: float, size: float, braking: bool) -> None:
    rear = rear_face(-0.5 * length - 0.005, width, 0.0, 1.0)
    front = front_face(0.5 * length + 0.005, width, 0.0, 1.0)
    for u0, u1 in ((0.04, 0.22), (0.78, 0.96)):
        b.face(patch(rear, u0, u1, low, low + size), BRAKE if braking else TAIL, glow=1.0)
        b.face(patch(front, u0, u1, low - 0.02, low + size), HEADLIGHT, glow=1.0)
    b.face(patch(rear, 0.37, 0.63, low - 0.22, low - 0.09), PLATE)
    b.face(patch(front, 0.30, 0.70, low - 0.10, low + 0.06), DARK)
    b.face(patch(front, 0.38, 0.62, low - 0.26, low - 0.14), PLATE)


def _wheels(b: ShapeBuilder, xs: list[float], width: float, radius: float) -> None:
    for x in xs:
        b.wheel(x, -0.5 * width - 0.004, radius, -1, TYRE, RIM)
        b.wheel(x, 0.5 * width + 0.004, radius, 1, TYRE, RIM)


def car(length: float, width: float, height: float, colour: Colour3, form: str, braking: bool) -> Shape:
    """A passenger car; ``form`` saloon, estate, hatchback, suv or van."""
    if form == "van":
        return van(length, width, height, colour, braking)
    b = ShapeBuilder(Semantic.CAR)
    lower, cabin = car_prisms(length, width, height, form)
    L, low = length, lower.profile[0][1]
    dark, side = shade(colour, 0.55), shade(colour, 0.97)
    b.prism(lower, [dark, colour, colour, colour, colour], side)
    for y, outward in ((-0.5 * width - 0.003, -1), (0.5 * width + 0.003, 1)):
        sill = [
            (-0.48 * L, y, low),
            (0.48 * L, y, low),
            (0.48 * L, y, low + 0.1 * height),
            (-0.48 * L, y, low + 0.1 * height),
        ]
        b.face(sill[::-outward], dark)
    _lamps(b, L, width, 0.40 * height, 0.13 * height, braking)
    rear = rear_face(-0.5 * L - 0.004, width, low, low + 0.12 * height)
    b.face(rear, DARK)
    b.face(front_face(0.5 * L + 0.004, width, low, low + 0.10 * height), DARK)
    _cabin(b, cabin, colour)
    _wheels(b, [-0.30 * L, 0.31 * L], width, 0.215 * min(height, 1.6))
    return b.build()


def _cabin(b: ShapeBuilder, cabin: Prism, colour: Colour3) -> None:
    (back, belt), (screen, _), (roof_front, height), (roof_rear, _) = cabin.profile
    half, lean = cabin.half_width, cabin.inset()[2]
    roof, post = shade(colour, 1.03), shade(colour, 0.9)
    b.prism(cabin, [post, post, roof, post], post)
    top = half - lean
    windscreen = np.array(
        [[screen, -half, belt], [screen, half, belt], [roof_front, top, height], [roof_front, -top, height]]
    )
    rear = np.array([[back, half, belt], [back, -half, belt], [roof_rear, -top, height], [roof_rear, top, height]])
    right = np.array(
        [[back, -half, belt], [screen, -half, belt], [roof_front, -top, height], [roof_rear, -top, height]]
    )
    b.face(patch(windscreen, 0.06, 0.94, 0.06, 0.90) + [0.01, 0, 0.01], GLASS)
    b.face(patch(rear, 0.09, 0.91, 0.16, 0.88) + [-0.01, 0, 0.01], GLASS)
    for u0, u1 in ((0.10, 0.47), (0.53, 0.93)):
        pane = patch(right, u0, u1, 0.08, 0.86) + [0, -0.01, 0]
        b.face(pane, GLASS)
        b.face((pane * [1, -1, 1])[::-1], GLASS)


def van(length: float, width: float, height: float, colour: Colour3, braking: bool) -> Shape:
    """A panel van: one tall body with a short bonnet."""
    b = ShapeBuilder(Semantic.CAR)
    body = van_prism(length, width, height)
    L, low = length, body.profile[0][1]
    b.prism(body, [DARK, colour, colour, colour, shade(colour, 1.03), colour], shade(colour, 0.97))
    w = 0.5 * width
    screen = np.array(
        [[0.40 * L, -w, 0.52 * height], [0.40 * L, w, 0.52 * height], [0.27 * L, w, height], [0.27 * L, -w, height]]
    )
    b.face(patch(screen, 0.06, 0.94, 0.06, 0.86) + [0.01, 0, 0.01], GLASS)
    pane = np.array(
        [
            [0.14 * L, -w - 0.01, 0.55 * height],
            [0.37 * L, -w - 0.01, 0.55 * height],
            [0.27 * L, -w - 0.01, 0.86 * height],
            [0.14 * L, -w - 0.01, 0.86 * height],
        ]
    )
    b.face(pane, GLASS)
    b.face((pane * [1, -1, 1])[::-1], GLASS)
    rear = rear_face(-0.5 * L - 0.004, width, low, height)
    b.face(patch(rear, 0.10, 0.47, 0.55, 0.88), GLASS)
    b.face(patch(rear, 0.53, 0.90, 0.55, 0.88), GLASS)
    b.face(patch(rear, 0.0, 1.0, 0.0, 0.10), DARK)
    _lamps(b, L, width, 0.30 * height, 0.14 * height, braking)
    _wheels(b, [-0.31 * L, 0.32 * L], width, 0.34)
    return b.build()


def bus(length: float, width: float, height: float, colour: Colour3, braking: bool) -> Shape:
    """A city bus with a band of windows."""
    b = ShapeBuilder(Semantic.LARGE_VEHICLE)
    L, w, low = length, 0.5 * width, 0.10 * height
    b.box((-0.5 * L, -w, low), (0.5 * L, w, height), colour, top=shade(colour, 0.9))
    right = np.array(
        [
            [-0.5 * L, -w - 0.01, low],
            [0.5 * L, -w - 0.01, low],
            [0.5 * L, -w - 0.01, height],
            [-0.5 * L, -w - 0.01, height],
        ]
    )
    band = patch(right, 0.03, 0.97, 0.42, 0.82)
    panes = max(3, round(L / 1.9))
    for face, posts in ((band, range(1, panes)), (band * [1, -1, 1], range(1, panes))):
        order = face if face[0, 1] < 0 else face[::-1]
        b.face(order, GLASS)
        for index in posts:
            u = index / panes
            post = patch(face, u - 0.006, u + 0.006, 0.0, 1.0) + [0, np.sign(face[0, 1]) * 0.01, 0]
            b.face(post if face[0, 1] < 0 else post[::-1], shade(colour, 0.8))
    b.face(patch(front_face(0.5 * L + 0.01, width, low, height), 0.05, 0.95, 0.34, 0.82), GLASS)
    b.face(patch(front_face(0.5 * L + 0.01, width, low, height), 0.2, 0.8, 0.85, 0.95), DARK)
    b.face(patch(rear_face(-0.5 * L - 0.01, width, low, height), 0.1, 0.9, 0.52, 0.82), GLASS)
    b.face(patch(rear_face(-0.5 * L - 0.01, width, low, height), 0.15, 0.85, 0.10, 0.24), shade(colour, 0.6))
    _lamps(b, L, width, 0.24 * height, 0.09 * height, braking)
    _wheels(b, [-0.27 * L, 0.30 * L], width, 0.48)
    return b.build()


def truck(length: float, width: float, height: float, colour: Colour3, braking: bool) -> Shape:
    """A lorry: cab in front, cargo box behind; the cargo box carries the body colour."""
    b = ShapeBuilder(Semantic.LARGE_VEHICLE)
    cargo, cab = lorry_prisms(length, width, height)
    L, w, floor = length, 0.5 * width, cargo.profile[0][1]
    (cab_rear, _), _, (_, cab_top), _ = cab.profile
    b.box((-0.5 * L, -0.42 * width, 0.12 * height), (0.5 * L - 0.1, 0.42 * width, floor), DARK)
    _wheels(b, [-0.38 * L, -0.38 * L + 1.15, 0.5 * L - 1.3], width * 0.98, 0.48)
    b.next_part()
    b.prism(cargo, [colour, colour, shade(colour, 1.02), colour], colour)
    rear = rear_face(-0.5 * L - 0.01, width, floor, height)
    b.face(patch(rear, 0.49, 0.51, 0.03, 0.97), shade(colour, 0.6))
    b.face(patch(rear, 0.05, 0.95, 0.03, 0.06), shade(colour, 0.6))
    bar = rear_face(-0.5 * L - 0.01, width, 0.14 * height, 0.24 * height)
    for u0, u1 in ((0.02, 0.20), (0.80, 0.98)):
        b.face(patch(bar, u0, u1, 0.1, 0.9), BRAKE if braking else TAIL, glow=1.0)
    b.face(patch(bar, 0.36, 0.64, 0.1, 0.9), PLATE)
    b.next_part()
    cab_colour = shade(colour, 0.86)
    b.prism(cab, [cab_colour] * 4, cab_colour)
    front = front_face(0.5 * L + 0.01, width, 0.14 * height, cab_top)
    b.face(patch(front, 0.06, 0.94, 0.50, 0.84), GLASS)
    b.face(patch(front, 0.15, 0.85, 0.16, 0.36), DARK)
    for u0, u1 in ((0.04, 0.20), (0.80, 0.96)):
        b.face(patch(front, u0, u1, 0.10, 0.22), HEADLIGHT, glow=1.0)
    pane = np.array(
        [
            [cab_rear + 0.5, -w - 0.01, 0.52 * cab_top],
            [0.5 * L - 0.15, -w - 0.01, 0.52 * cab_top],
            [0.5 * L - 0.15, -w - 0.01, 0.82 * cab_top],
            [cab_rear + 0.5, -w - 0.01, 0.82 * cab_top],
        ]
    )
    b.face(pane, GLASS)
    b.face((pane * [1, -1, 1])[::-1], GLASS)
    return b.build()


def trailer(length: float, width: float, height: float, colour: Colour3, braking: bool) -> Shape:
    """A cargo box on wheels without a cab."""
    b = ShapeBuilder(Semantic.LARGE_VEHICLE)
    L, w, floor = length, 0.5 * width, min(1.2, 0.34 * height)
    b.box((-0.5 * L, -0.4 * width, 0.5 * floor), (0.5 * L, 0.4 * width, floor), DARK)
    _wheels(b, [-0.36 * L, -0.36 * L + min(1.2, 0.25 * L)], width * 0.98, min(0.46, 0.45 * floor))
    b.box((-0.5 * L, -w, floor), (0.5 * L, w, height), colour, top=shade(colour, 1.02))
    rear = rear_face(-0.5 * L - 0.01, width, 0.55 * floor, height)
    b.face(patch(rear, 0.485, 0.515, 0.2, 0.97), shade(colour, 0.6))
    for u0, u1 in ((0.03, 0.20), (0.80, 0.97)):
        b.face(patch(rear, u0, u1, 0.03, 0.12), BRAKE if braking else TAIL, glow=1.0)
    b.face(patch(rear, 0.38, 0.62, 0.03, 0.12), PLATE)
    return b.build()


def construction_vehicle(length: float, width: float, height: float, colour: Colour3, braking: bool) -> Shape:
    """A wheel loader: low body, glass cab, raised arm with a bucket."""
    b = ShapeBuilder(Semantic.LARGE_VEHICLE)
    body, cab, bucket = loader_prisms(length, width, height)
    L, w, body_top = length, 0.5 * width, body.profile[2][1]
    _wheels(b, [-0.26 * L, 0.18 * L], width, 0.24 * height)
    b.prism(body, [colour] * 4, colour)
    rear = rear_face(-0.5 * L - 0.01, 1.6 * w, 0.20 * height, body_top)
    b.face(patch(rear, 0.2, 0.8, 0.3, 0.75), shade(colour, 0.45))
    for u0, u1 in ((0.03, 0.16), (0.84, 0.97)):
        b.face(patch(rear, u0, u1, 0.55, 0.75), BRAKE if braking else TAIL, glow=1.0)
    _wheels(b, [-0.26 * L, 0.18 * L], width, 0.24 * height)
    b.next_part()
    b.prism(cab, [GLASS, GLASS, colour, GLASS], GLASS)
    b.next_part()
    for y in (-0.5 * w, 0.5 * w):
        b.box((0.15 * L, y - 0.1, 0.42 * height), (0.40 * L, y + 0.1, 0.52 * height), shade(colour, 0.85))
    b.prism(bucket, [shade(colour, 0.6)] * 4, shade(colour, 0.6))
    return b.build()
