"""Single things beside the road, each in its local frame: x along the road, y to the left of it, origin at its foot."""

from __future__ import annotations

import numpy as np

from drivesim.renderer.semantics import Semantic
from drivesim.renderer.shapes import Colour3, Shape, ShapeBuilder
from drivesim.renderer.vehicles import GLASS, patch, shade
from drivesim.scenery import STOREY_M, Thing, ThingKind
from drivesim.scenery.things import (
    BEAM_EDGES_M,
    BOARD_EDGES_M,
    BOARD_M,
    BOARD_POSTS_M,
    PILLAR_INSET_M,
    SIGNAL_EDGES_M,
    STEEL,
    TRUNK,
    TRUNK_SHARE,
    board_middles,
)

LAMP: Colour3 = (1.0, 0.90, 0.66)
LIT_WINDOW: Colour3 = (0.98, 0.80, 0.46)
_SNOW: Colour3 = (0.92, 0.94, 0.97)


def _mix(first: Colour3, second: Colour3, share: float) -> Colour3:
    red, green, blue = (a * (1.0 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def tree(thing: Thing, snow: float) -> Shape:
    """A trunk with a crown of a few soft lobes, dark below and light above; its box holds the crown."""
    b, rng = ShapeBuilder(Semantic.VEGETATION), thing.detail_rng()
    conifer = thing.kind is ThingKind.CONIFER
    height, leaf = thing.high if conifer else thing.high / 0.95, thing.colour
    dark, light = _mix(shade(leaf, 0.66), _SNOW, 0.35 * snow), _mix(shade(leaf, 1.18), _SNOW, 0.8 * snow)
    leaf = _mix(leaf, _SNOW, 0.55 * snow)
    thick = 0.5 * TRUNK_SHARE * height
    b.capsule((0.0, 0.0, 0.0), (0.0, 0.0, 0.5 * height), thick, 0.7 * thick, TRUNK)
    if conifer:
        for low, high, wide, colour in ((0.14, 0.62, 0.20, dark), (0.36, 0.84, 0.15, leaf), (0.58, 1.0, 0.09, light)):
            b.capsule((0, 0, low * height), (0, 0, high * height), wide * height, 0.015 * height, colour)
        return b.build()
    radius = 0.27 * height
    b.disc((0.0, 0.0, 0.60 * height), radius * 1.08, 0.28 * height, dark)
    for _ in range(3):
        dx, dy = rng.uniform(-0.45, 0.45, 2) * radius
        b.disc((dx, dy, (0.62 + rng.uniform(-0.05, 0.12)) * height), 0.74 * radius, 0.19 * height, leaf)
    b.disc((0.1 * radius, 0.15 * radius, 0.77 * height), 0.62 * radius, 0.15 * height, light)
    return b.build()


def bush(thing: Thing, snow: float) -> Shape:
    """A low round bush."""
    b = ShapeBuilder(Semantic.VEGETATION)
    size = 0.5 * thing.length
    leaf = _mix(thing.colour, _SNOW, 0.6 * snow)
    b.disc((0.0, 0.0, 0.45 * size), size, 0.6 * size, shade(leaf, 0.75))
    b.disc((0.2 * size, 0.2 * size, 0.65 * size), 0.7 * size, 0.42 * size, leaf)
    return b.build()


def building(thing: Thing, lit_share: float, snow: float) -> Shape:
    """A town house whose front lies at y = 0 and looks at the road."""
    b, rng = ShapeBuilder(Semantic.BUILDING), thing.detail_rng()
    length, depth, storeys, wall, side = thing.length, thing.width, thing.storeys, thing.colour, thing.side
    storey, half = STOREY_M, 0.5 * length
    height = storeys * storey + 0.5
    low, high = (0.0, depth) if side > 0 else (-depth, 0.0)
    roof = _mix(shade(wall, 0.62), _SNOW, 0.8 * snow)
    b.box((-half, low, 0.0), (half, high, height), wall, top=roof)
    out = -0.02 * side
    front = np.array([[-half, out, 0.0], [half, out, 0.0], [half, out, height], [-half, out, height]])
    if side < 0:
        front = front[[1, 0, 3, 2]]
    b.face(patch(front, 0.0, 1.0, 0.0, 0.75 / height), shade(wall, 0.72))
    b.face(patch(front, 0.0, 1.0, 1.0 - 0.32 / height, 1.0), shade(wall, 1.12))
    columns = thing.bays
    shop = rng.random() < 0.35
    for level in range(storeys):
        v0 = (level * storey + (0.55 if level == 0 and shop else 1.0)) / height
        v1 = (level * storey + (2.6 if level == 0 else 2.55)) / height
        for column in range(columns):
            margin = 0.12 if level == 0 and shop else 0.27
            u0, u1 = (column + margin) / columns, (column + 1 - margin) / columns
            lit = rng.random() < lit_share
            b.face(
                patch(front, u0, u1, v0, v1),
                LIT_WINDOW if lit else _mix(GLASS, (0.42, 0.50, 0.58), 0.35),
                glow=0.85 if lit else 0.0,
            )
    if not shop:
        u = (int(rng.integers(columns)) + 0.5) / columns
        b.face(patch(front, u - 0.045, u + 0.045, 0.0, 2.35 / height), shade(wall, 0.45))
    for x, order in ((half + 0.02, 1), (-half - 0.02, -1)):
        sidewall = np.array([[x, low, 0], [x, high, 0], [x, high, height], [x, low, height]])
        sidewall = sidewall if order > 0 else sidewall[[1, 0, 3, 2]]
        for level in range(storeys):
            v0, v1 = (level * storey + 1.0) / height, (level * storey + 2.4) / height
            for u in (0.3, 0.7):
                b.face(patch(sidewall, u - 0.07, u + 0.07, v0, v1), _mix(GLASS, wall, 0.3))
    return b.build()


def house(thing: Thing, lit_share: float, snow: float) -> Shape:
    """A farm house with a pitched roof along the road."""
    b, rng, wall, side = ShapeBuilder(Semantic.BUILDING), thing.detail_rng(), thing.colour, thing.side
    half, depth, eaves, ridge = 5.5, 8.0, 3.2, 5.8
    low, high = (0.0, depth) if side > 0 else (-depth, 0.0)
    middle = 0.5 * (low + high)
    roof = _mix((0.46, 0.24, 0.19), _SNOW, 0.85 * snow)
    b.box((-half, low, 0.0), (half, high, eaves), wall)
    for x, flip in ((half, 1), (-half, -1)):
        gable = [(x, low, eaves), (x, high, eaves), (x, middle, ridge)]
        b.face(gable if flip > 0 else gable[::-1], wall)
    b.face([(half, low - 0.3, eaves), (half, middle, ridge), (-half, middle, ridge), (-half, low - 0.3, eaves)], roof)
    b.face([(-half, high + 0.3, eaves), (-half, middle, ridge), (half, middle, ridge), (half, high + 0.3, eaves)], roof)
    y = -0.02 * side
    front = np.array([[-half, y, 0.0], [half, y, 0.0], [half, y, eaves], [-half, y, eaves]])
    front = front if side > 0 else front[[1, 0, 3, 2]]
    for u in (0.12, 0.32, 0.68, 0.88):
        lit = rng.random() < lit_share + 0.1
        b.face(
            patch(front, u - 0.05, u + 0.05, 0.35, 0.8),
            LIT_WINDOW if lit and lit_share > 0 else GLASS,
            glow=0.8 if lit and lit_share > 0 else 0.0,
        )
    b.face(patch(front, 0.46, 0.54, 0.0, 0.7), (0.30, 0.22, 0.16))
    return b.build()


def guard_rail(start: tuple[float, float], end: tuple[float, float]) -> Shape:
    """One 4 m piece of steel rail between two ground points in the world, with its post."""
    b = ShapeBuilder(Semantic.GUARD_RAIL)
    (x0, y0), (x1, y1) = start, end
    b.capsule((x0, y0, 0.0), (x0, y0, 0.6), 0.06, 0.06, shade(STEEL, 0.75))
    for low, high, tone in ((0.44, 0.56, 0.88), (0.56, 0.62, 0.68), (0.62, 0.76, 1.12)):
        b.face([(x0, y0, low), (x1, y1, low), (x1, y1, high), (x0, y0, high)], shade(STEEL, tone), two_sided=True)
    return b.build()


def marker_post(side: int) -> Shape:
    """A white roadside post with a dark band."""
    b = ShapeBuilder(Semantic.POLE_SIGN)
    b.capsule((0, 0, 0), (0, 0, 0.95), 0.06, 0.05, (0.92, 0.92, 0.90))
    b.capsule((0, 0, 0.68), (0, 0, 0.80), 0.065, 0.06, (0.16, 0.16, 0.17))
    return b.build()


def street_lamp(side: int, lit: bool) -> Shape:
    """A lamp on a tall pole whose arm reaches over the road; ``side`` +1 stands left of it."""
    b = ShapeBuilder(Semantic.POLE_SIGN)
    reach = -1.6 * side
    b.capsule((0, 0, 0), (0, 0, 7.4), 0.10, 0.06, shade(STEEL, 0.8))
    b.capsule((0, 0, 7.4), (0, reach, 7.8), 0.055, 0.05, shade(STEEL, 0.8))
    b.capsule(
        (0, 0.8 * reach, 7.74),
        (0, 1.25 * reach, 7.82),
        0.10,
        0.10,
        LAMP if lit else shade(STEEL, 1.1),
        glow=1.0 if lit else 0.0,
    )
    return b.build()


def traffic_light(shown: int) -> Shape:
    """A signal head on a pole that faces traffic which drives along +x; ``shown`` 0 is green, 1 amber, 2 red."""
    b = ShapeBuilder(Semantic.TRAFFIC_LIGHT)
    b.capsule((0, 0, 0), (0, 0, 3.0), 0.07, 0.06, shade(STEEL, 0.6))
    low, high = SIGNAL_EDGES_M
    b.box((-0.12, -0.19, low), (0.12, 0.19, high), (0.10, 0.11, 0.11))
    lamps = (
        (3.27, (0.24, 0.06, 0.05), (0.98, 0.22, 0.16)),
        (2.95, (0.25, 0.18, 0.05), (0.98, 0.74, 0.20)),
        (2.63, (0.05, 0.20, 0.10), (0.25, 0.95, 0.45)),
    )
    for number, (z, dark, lit) in enumerate(lamps):
        on = number == 2 - shown
        colour, glow = (lit, 1.0) if on else (dark, 0.2)
        angle = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        ring = np.stack([np.full(10, -0.13), -0.12 * np.cos(angle), z + 0.12 * np.sin(angle)], 1)
        b.face(ring, colour, glow=glow)
    return b.build()


def sign(thing: Thing) -> Shape:
    """A round, triangular or square traffic sign that faces traffic along +x (grey from behind)."""
    b = ShapeBuilder(Semantic.POLE_SIGN)
    b.capsule((0, 0, 0), (0, 0, 2.5), 0.04, 0.04, STEEL)
    form = thing.detail % 3
    sides, start = ((12, 0.0), (3, 0.5 * np.pi), (4, 0.25 * np.pi))[form]
    outer, inner = (
        ((0.80, 0.10, 0.12), (0.95, 0.95, 0.94)),
        ((0.80, 0.10, 0.12), (0.95, 0.95, 0.94)),
        ((0.95, 0.95, 0.94), (0.10, 0.30, 0.68)),
    )[form]
    angle = start + np.linspace(0, 2 * np.pi, sides, endpoint=False)
    for size, colour, x in ((0.42, outer, -0.05), (0.30, inner, -0.06)):
        ring = np.stack([np.full(sides, x), -size * np.cos(angle), 2.5 + size * np.sin(angle)], 1)
        b.face(ring, colour, glow=0.1)
    back = np.stack([np.full(sides, -0.04), 0.42 * np.cos(angle), 2.5 + 0.42 * np.sin(angle)], 1)
    b.face(back, (0.55, 0.56, 0.57))
    return b.build()


def bin_or_box(thing: Thing) -> Shape:
    """A litter bin or a grey cabinet on the pavement."""
    b = ShapeBuilder(Semantic.STATIC_OBJECT)
    if thing.kind is ThingKind.BIN:
        b.capsule((0, 0, 0.1), (0, 0, 0.85), 0.25, 0.27, thing.colour)
    else:
        b.box((-0.35, -0.2, 0.0), (0.35, 0.2, 1.15), thing.colour)
    return b.build()


def _board(b: ShapeBuilder, right: float, left: float, low: float, high: float, colour: Colour3) -> None:
    b.box((0.0, right, low), (0.12, left, high), (0.5, 0.51, 0.52))
    face = np.array([[-0.01, left, low], [-0.01, right, low], [-0.01, right, high], [-0.01, left, high]])
    b.face(face, (0.93, 0.93, 0.92), glow=0.1)
    b.face(patch(face, 0.015, 0.985, 0.03, 0.97), colour, glow=0.1)
    for v0, v1, u1 in ((0.62, 0.78, 0.72), (0.30, 0.46, 0.56)):
        b.face(patch(face, 0.12, u1, v0, v1), (0.93, 0.93, 0.92), glow=0.1)


def direction_board(colour: Colour3) -> Shape:
    """A large direction board on two posts."""
    b = ShapeBuilder(Semantic.POLE_SIGN)
    for y in BOARD_POSTS_M:
        b.capsule((0.1, y, 0), (0.1, y, 3.5), 0.08, 0.08, STEEL)
    _board(b, -1.9, 1.9, 1.8, 4.3, colour)
    return b.build()


def gantry(colour: Colour3, right: float, left: float) -> Shape:
    """A sign gantry over the whole road."""
    b = ShapeBuilder(Semantic.POLE_SIGN)
    for y in (right, left):
        b.capsule((0, y, 0), (0, y, 7.0), 0.22, 0.18, STEEL)
        b.next_part()
    b.box((-0.1, right, BEAM_EDGES_M[0]), (0.25, left, BEAM_EDGES_M[1]), STEEL)
    b.next_part()
    for middle in board_middles(right, left):
        _board(b, middle - 0.5 * BOARD_M, middle + 0.5 * BOARD_M, *BOARD_EDGES_M, colour)
    return b.build()


def overpass(right: float, left: float) -> Shape:
    """A concrete bridge over the road."""
    b = ShapeBuilder(Semantic.BUILDING)
    concrete = (0.60, 0.59, 0.57)
    for y in (right + PILLAR_INSET_M, left - PILLAR_INSET_M):
        b.box((-3.5, y - 0.6, 0.0), (3.5, y + 0.6, 5.6), shade(concrete, 0.92))
        b.next_part()
    b.box((-4.5, right, 5.5), (4.5, left, 7.0), concrete)
    b.box((-4.6, right, 7.0), (-4.4, left, 7.9), shade(concrete, 0.85))
    return b.build()
