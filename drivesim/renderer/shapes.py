"""Shapes that the painter draws: flat polygons, camera-facing discs and capsules, in one array layout.

A shape is built once in local metres (x forward, y left, z up), placed in the world, and drawn many times. Polygons
that share a ``part`` are drawn in the order they were added (a window after its wall); parts are sorted by distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drivesim.bodies import Prism
from drivesim.renderer.semantics import Semantic

MAX_VERTICES = 16
FACE, DISC, CAPSULE = 0, 1, 2
Colour3 = tuple[float, float, float]
_CIRCLE = np.linspace(0.0, 2.0 * np.pi, MAX_VERTICES, endpoint=False)


@dataclass(frozen=True, eq=False)
class Shape:
    """P polygons: ``points`` float64 (P, 16, 3) metres of which the first ``count`` (P,) hold; colours 0-1.

    ``kind`` (P,) FACE, DISC (first point is the centre) or CAPSULE (first two points are the ends); ``radii`` (P, 2);
    ``glow`` (P,) 0 for lit surfaces, else the share that shines by itself; ``two_sided`` (P,) is drawn from behind too.
    """

    points: np.ndarray
    count: np.ndarray
    kind: np.ndarray
    radii: np.ndarray
    colour: np.ndarray
    glow: np.ndarray
    two_sided: np.ndarray
    semantic: np.ndarray
    part: np.ndarray

    def __len__(self) -> int:
        return len(self.count)

    def placed(self, x: float, y: float, z: float, yaw_rad: float) -> Shape:
        """The shape turned by ``yaw_rad`` and moved to (x, y, z)."""
        cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
        rotation = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        return replace(self, points=self.points @ rotation + np.array([x, y, z]))


def concatenate(shapes: list[Shape]) -> Shape:
    """All polygons of ``shapes`` in their order, with part numbers kept apart."""
    offset, parts = 0, []
    for shape in shapes:
        parts.append(shape.part + offset)
        offset += int(shape.part.max()) + 1 if len(shape) else 0
    names = ("points", "count", "kind", "radii", "colour", "glow", "two_sided", "semantic")
    arrays = {name: np.concatenate([getattr(shape, name) for shape in shapes]) for name in names}
    return Shape(**arrays, part=np.concatenate(parts))


class ShapeBuilder:
    """Collects polygons and returns them as a :class:`Shape`; colours are RGB 0-1."""

    def __init__(self, semantic: Semantic) -> None:
        self.semantic = semantic
        self.part = 0
        self._rows: list[tuple] = []

    def next_part(self) -> None:
        """Polygons added from now on are sorted by distance against those added before."""
        self.part += 1

    def face(
        self,
        points: np.ndarray | list,
        colour: Colour3,
        glow: float = 0.0,
        two_sided: bool = False,
        semantic: Semantic | None = None,
    ) -> None:
        """A convex polygon (N, 3), N <= 16, counter-clockwise seen from its visible side."""
        array = np.asarray(points, dtype=np.float64)
        padded = np.concatenate([array, np.repeat(array[-1:], MAX_VERTICES - len(array), axis=0)])
        self._add(padded, len(array), FACE, (0.0, 0.0), colour, glow, two_sided, semantic)

    def disc(
        self,
        centre: tuple[float, float, float],
        radius: float,
        height_radius: float,
        colour: Colour3,
        glow: float = 0.0,
        semantic: Semantic | None = None,
    ) -> None:
        """An ellipse that always faces the camera: tree crowns, heads, lamps."""
        padded = np.repeat(np.array([centre], dtype=np.float64), MAX_VERTICES, axis=0)
        self._add(padded, MAX_VERTICES, DISC, (radius, height_radius), colour, glow, True, semantic)

    def capsule(
        self,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        radius: float,
        end_radius: float,
        colour: Colour3,
        glow: float = 0.0,
        semantic: Semantic | None = None,
    ) -> None:
        """A limb or pole between two points with rounded ends and its own radius at each."""
        padded = np.repeat(np.array([end], dtype=np.float64), MAX_VERTICES, axis=0)
        padded[0] = start
        self._add(padded, MAX_VERTICES, CAPSULE, (radius, end_radius), colour, glow, True, semantic)

    def box(
        self,
        low: tuple[float, float, float],
        high: tuple[float, float, float],
        colour: Colour3,
        top: Colour3 | None = None,
        semantic: Semantic | None = None,
    ) -> None:
        """An axis-aligned box between two corners."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        profile = ((x0, z0), (x1, z0), (x1, z1), (x0, z1))
        self._swept(profile, (y0,) * 4, (y1,) * 4, [colour, colour, top or colour, colour], colour, semantic)

    def prism(self, prism: Prism, edge_colours: list[Colour3], side: Colour3) -> None:
        """A prism: a colour for each edge of its outline, and one for both sides."""
        left = [prism.half_width - inset for inset in prism.inset()]
        self._swept(prism.profile, [-y for y in left], left, edge_colours, side)

    def _swept(
        self,
        profile: Sequence[tuple[float, float]],
        right: Sequence[float],
        left: Sequence[float],
        edge_colours: list[Colour3],
        side: Colour3,
        semantic: Semantic | None = None,
    ) -> None:
        """An outline (x, z), counter-clockwise seen from the right, from y = ``right`` to ``left``, which each point has for itself."""
        on_right = [(x, y, z) for (x, z), y in zip(profile, right, strict=True)]
        on_left = [(x, y, z) for (x, z), y in zip(profile, left, strict=True)]
        self.face(on_right, side, semantic=semantic)
        self.face(on_left[::-1], side, semantic=semantic)
        for index, colour in enumerate(edge_colours):
            after = (index + 1) % len(profile)
            quad = [on_left[index], on_left[after], on_right[after], on_right[index]]
            self.face(quad, colour, semantic=semantic)

    def wheel(self, x: float, y: float, radius: float, outward: int, tyre: Colour3, rim: Colour3) -> None:
        """A disc in the x-z plane that faces ``outward`` (+1 left, -1 right)."""
        for size, colour in ((1.0, tyre), (0.55, rim)):
            angle = -_CIRCLE * outward
            ring = np.stack(
                [x + size * radius * np.cos(angle), np.full_like(angle, y), radius + size * radius * np.sin(angle)], 1
            )
            self.face(ring, colour)

    def _add(self, points, count, kind, radii, colour, glow, two_sided, semantic) -> None:  # type: ignore[no-untyped-def]
        chosen = int(self.semantic if semantic is None else semantic)
        self._rows.append((points, count, kind, radii, colour, glow, two_sided, chosen, self.part))

    def build(self) -> Shape:
        """The polygons collected so far."""
        points, count, kind, radii, colour, glow, two_sided, semantic, part = zip(*self._rows, strict=True)
        return Shape(
            points=np.stack(points),
            count=np.array(count),
            kind=np.array(kind),
            radii=np.array(radii, dtype=np.float64),
            colour=np.array(colour, dtype=np.float64),
            glow=np.array(glow, dtype=np.float64),
            two_sided=np.array(two_sided, dtype=bool),
            semantic=np.array(semantic, dtype=np.uint8),
            part=np.array(part),
        )


def facing_polygons(shape: Shape, camera: np.ndarray) -> np.ndarray:
    """World points (P, 16, 3) of every polygon, with discs and capsules turned towards ``camera`` (3,)."""
    points = shape.points.copy()
    discs = np.flatnonzero(shape.kind == DISC)
    if len(discs):
        centre = shape.points[discs, 0]
        view = centre[:, :2] - camera[:2]
        view /= np.linalg.norm(view, axis=1, keepdims=True) + 1e-9
        right = np.stack([view[:, 1], -view[:, 0], np.zeros(len(discs))], 1)
        radii = shape.radii[discs]
        points[discs] = centre[:, None] + right[:, None] * (np.cos(_CIRCLE)[None, :, None] * radii[:, None, :1])
        points[discs, :, 2] += np.sin(_CIRCLE)[None] * radii[:, 1:2]
    capsules = np.flatnonzero(shape.kind == CAPSULE)
    if len(capsules):
        start, end = shape.points[capsules, 0], shape.points[capsules, 1]
        along = end - start
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
        view = 0.5 * (start + end) - camera
        across = np.cross(along, view)
        across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
        half = np.linspace(-0.5 * np.pi, 0.5 * np.pi, MAX_VERTICES // 2)
        cap = np.sin(half)[None, :, None] * across[:, None] - np.cos(half)[None, :, None] * along[:, None]
        radii = shape.radii[capsules]
        points[capsules, : MAX_VERTICES // 2] = start[:, None] + cap * radii[:, None, :1]
        points[capsules, MAX_VERTICES // 2 :] = end[:, None] - cap * radii[:, None, 1:]
    return points
