"""The visible faces of everything that a scene's boxes tell, as polygons in the optical frame, far to near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.bodies import Prism, told_prisms
from drivesim.conditioning.crowns import CROWN_CORNERS, crown_outlines
from drivesim.conditioning.projection import CORNER_ENDS, CORNER_ORIGIN, FACE_CORNERS, BoxBatch
from drivesim.geometry import FloatArray
from drivesim.scene import Actor
from drivesim.scenery import ThingKind

#: Corners of every polygon; those of fewer repeat their last.
CORNERS = CROWN_CORNERS


@dataclass(frozen=True, eq=False)
class VisibleFaces:
    """F flat polygons: ``points`` (F, CORNERS, 3) in the optical frame and ``rows`` (F,), the boxes of a batch that they belong to,
    in the order in which they are painted.
    """

    points: FloatArray
    rows: np.ndarray

    def __add__(self, other: VisibleFaces) -> VisibleFaces:
        """These, then those of ``other``."""
        return VisibleFaces(np.concatenate([self.points, other.points]), np.concatenate([self.rows, other.rows]))


class Solids:
    """What the boxes of actors hold, where it is known (``drivesim.bodies``)."""

    def __init__(self, actors: tuple[Actor, ...]) -> None:
        self._bodies = {index: _Body.of(prisms) for index, actor in enumerate(actors) if (prisms := told_prisms(actor))}

    def visible(self, boxes: BoxBatch) -> VisibleFaces:
        """The faces of bodies in ``boxes`` that look at the camera, of each body its farthest prism first; none of other boxes."""
        indices = boxes.actor_indices.tolist()
        rows = [row for row, index in enumerate(indices) if index in self._bodies]
        if not rows:
            return NO_FACES
        bodies = [self._bodies[indices[row]] for row in rows]
        corners = boxes.corners[rows]
        origins = corners[:, CORNER_ORIGIN]
        sides = corners[:, CORNER_ENDS] - origins[:, None]
        bases = origins + 0.5 * (sides[:, 0] + sides[:, 1])
        axes = sides / np.linalg.norm(sides, axis=2, keepdims=True)
        body = np.repeat(np.arange(len(bodies)), [len(one.faces) for one in bodies])
        points = np.concatenate([one.faces for one in bodies]) @ axes[body] + bases[body, None]
        middles = np.einsum("fk,fkl->fl", np.concatenate([one.middles for one in bodies]), axes[body]) + bases[body]
        normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
        seen = np.flatnonzero(np.einsum("fk,fk->f", normals, points[:, 0]) < 0.0)
        order = seen[np.lexsort([-np.linalg.norm(middles[seen], axis=1), body[seen]])]
        return VisibleFaces(points[order], np.array(rows)[body[order]])


def visible_crowns(boxes: BoxBatch, crowns: dict[int, ThingKind]) -> VisibleFaces:
    """The outlines of ``crowns``, by their rows in ``boxes``."""
    if not crowns:
        return NO_FACES
    return VisibleFaces(crown_outlines([*crowns.values()], boxes.corners[[*crowns]]), np.array([*crowns]))


def with_plain_boxes(boxes: BoxBatch, held: VisibleFaces) -> VisibleFaces:
    """What is ``held`` by boxes and, of the boxes of which nothing is, their own faces; all in the order in which they are painted."""
    plain = np.ones(len(boxes.actor_indices), dtype=bool)
    plain[held.rows] = False
    row, face = np.nonzero(boxes.facing & plain[:, None])
    points = np.concatenate([_padded(boxes.corners[row[:, None], FACE_CORNERS[face]]), held.points])
    rows = np.concatenate([row, held.rows])
    order = np.argsort(rows, kind="stable")
    return VisibleFaces(points[order], rows[order])


@dataclass(frozen=True, eq=False)
class _Body:
    """Prisms of a body: ``faces`` (F, CORNERS, 3) metres in its box's frame, and ``middles`` (F, 3) those of the prism of each."""

    faces: FloatArray
    middles: FloatArray

    @classmethod
    def of(cls, prisms: tuple[Prism, ...]) -> _Body:
        faces, middles = [], []
        for prism in prisms:
            inset = prism.inset()
            right = [(x, inset[at] - prism.half_width, z) for at, (x, z) in enumerate(prism.profile)]
            left = [(x, -y, z) for x, y, z in right]
            after = [*range(1, len(right)), 0]
            edges = [[left[at], left[to], right[to], right[at]] for at, to in enumerate(after)]
            faces += [_padded(np.array([face])) for face in (right, left[::-1], *edges)]
            middles += [np.mean([*right, *left], axis=0)] * (2 + len(edges))
        return cls(np.concatenate(faces), np.array(middles))


def _padded(polygons: FloatArray) -> FloatArray:
    """Polygons (F, N, 3) with CORNERS corners."""
    return np.concatenate([polygons, np.repeat(polygons[:, -1:], CORNERS - polygons.shape[1], axis=1)], axis=1)


NO_FACES = VisibleFaces(np.zeros((0, CORNERS, 3)), np.zeros(0, dtype=int))
