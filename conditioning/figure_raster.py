"""Walkers and riders as planes of body parts: how much of a pixel shows skin, clothes, legs and what is dark."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.conditioning.box_raster import PixelMask, SeenPoints
from drivesim.conditioning.projection import CORNER_ENDS, CORNER_ORIGIN, NEAR_M, BoxBatch
from drivesim.controls import ACTOR_CHANNELS, FIGURE_CHANNELS, LAYOUT_SIZE
from drivesim.figures import ActorFigure, Ball, Figure, Limb, Piece, Point, Slab, Wear, Wheel, has_figure
from drivesim.gait import first_phase_rad
from drivesim.geometry import FloatArray
from drivesim.scene import Actor, Scene

#: The plane of FIGURE_CHANNELS that tells each kind of piece.
PLANE_OF_WEAR: dict[Wear, str] = {
    Wear.SKIN: "figure_skin",
    Wear.HAIR: "figure_dark",
    Wear.HELMET: "figure_dark",
    Wear.TOP: "figure_coloured",
    Wear.SLEEVE: "figure_coloured",
    Wear.TROUSERS: "figure_legs",
    Wear.SHOE: "figure_dark",
    Wear.TYRE: "figure_dark",
    Wear.TUBE: "figure_dark",
    Wear.BODYWORK: "figure_coloured",
}

#: Figures are drawn at this many times the raster's size, the size of full frames, and averaged down.
_SCALE = 4
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates

#: Figures lower than this many rows of the raster are left out: nothing of a limb is left in them.
_LEAST_ROWS = 3.0

#: From this height on (m) a recorded two-wheeler is taken to have somebody on it.
RIDDEN_M = 1.4

_TURN = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


@dataclass(frozen=True, eq=False)
class FigureInView:
    """A figure as it is seen: its ``row`` in the batch of boxes, its ``actor``, and how much of each pixel every plane of FIGURE_CHANNELS
    covers, ``shares`` (4, h, w), from row ``top`` and column ``left`` of the raster on.
    """

    row: int
    actor: Actor
    top: int
    left: int
    shares: FloatArray

    @property
    def silhouette(self) -> PixelMask:
        """Every pixel that it touches, as if nothing hid it."""
        return PixelMask(self.top, self.left, self.shares.any(axis=0))


class FigureRaster:
    """Sees the figures of a scene's walkers and riders.

    How those stand whose gait nobody knows, as of recorded ones, is a guess: their legs begin anywhere, always at the same place
    for the same id, and go on by the way they go. Two-wheelers too low for a rider have none, so nothing is told of them.
    """

    def __init__(self, scene: Scene, size: tuple[int, int] = LAYOUT_SIZE) -> None:
        """``size`` is the raster's height and width."""
        self._size = height, width = size
        camera = scene.camera.resized(width * _SCALE, height * _SCALE)
        self._focal, self._middle = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
        self._figures = {
            index: (actor, ActorFigure(actor, scene.fps, unknown_rad=first_phase_rad(actor.id)))
            for index, actor in enumerate(scene.actors)
            if has_figure(actor.category) and (actor.gait_rad is not None or _has_body(actor))
        }

    def in_view(self, boxes: BoxBatch, frame: int) -> list[FigureInView]:
        """The figures among ``boxes`` that are seen at ``frame``, far to near."""
        found = []
        for row, index in enumerate(boxes.actor_indices.tolist()):
            if index in self._figures:
                actor, figure = self._figures[index]
                drawn = self._drawn(figure.at(frame), actor, boxes.corners[row])
                if drawn is not None:
                    found.append(FigureInView(row, actor, *drawn))
        return found

    def _drawn(self, figure: Figure, actor: Actor, corners: FloatArray) -> tuple[int, int, FloatArray] | None:
        """The first row and column of the raster that a figure touches, and how much of each pixel from there every plane covers
        (4, h, w); None where it is out of view, too near or too small. ``corners`` (8, 3) are those of its box in the optical frame.
        """
        origin = corners[CORNER_ORIGIN]
        axes = corners[CORNER_ENDS] - origin
        base = origin + 0.5 * (axes[0] + axes[1])
        axes = axes / np.array([[actor.length], [actor.width], [actor.height]])
        blobs = _blobs(figure)
        optical = base + blobs.places @ axes
        depth = optical[:, 2]
        if depth.min() < NEAR_M:
            return None
        scale = self._focal / depth[:, None]
        middles, spread = optical[:, :2] * scale + self._middle, blobs.radii * scale
        extent = self._extent((middles - spread).min(axis=0), (middles + spread).max(axis=0))
        if extent is None:
            return None
        (top, bottom), (left, right) = extent
        rings = (middles - (left * _SCALE + 0.5, top * _SCALE + 0.5))[:, None] + spread[:, None] * _RING
        fixed = np.round(rings * (1 << _SHIFT)).astype(np.int32)
        canvas = np.zeros(((bottom - top) * _SCALE, (right - left) * _SCALE), dtype=np.uint8)
        eye = -axes[:2] @ base  # in the box's frame
        away = np.hypot(*(blobs.places[:, :2] - eye).T)
        for group in sorted(blobs.groups, key=lambda pieces: -away[pieces[0].first : pieces[-1].last].mean()):
            for piece in group:
                hulls = [cv2.convexHull(fixed[part].reshape(-1, 1, 2)) for part in piece.outlines]
                cv2.fillPoly(canvas, hulls, (piece.plane + 1,), cv2.LINE_8, _SHIFT)  # two outlines are a ring
        shares = cv2.resize(_COVERS[canvas], (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        return top, left, shares.transpose(2, 0, 1) / 255.0

    def _extent(self, low: FloatArray, high: FloatArray) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Rows and columns (first, exclusive last) of the raster between two corners (2,) of the large raster."""
        height, width = self._size
        if high[1] - low[1] < _LEAST_ROWS * _SCALE:
            return None
        left, top = np.clip(np.floor(low / _SCALE), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(high / _SCALE), 0, (width, height)).astype(int).tolist()
        return None if right <= left or bottom <= top else ((top, bottom), (left, right))


def draw_figures(raster: np.ndarray, figures: list[FigureInView], seen: SeenPoints) -> None:
    """Draw ``figures`` into the actors' ``raster`` uint8 (29, 128, 256), planes as in ACTOR_CHANNELS.

    ``seen`` says which box each pixel shows. Figures are hidden behind nearer figures, and behind nearer boxes of others, but
    not by boxes that limbs do not fill, whose borders they leave too: where a figure is seen, the colour told is its own.
    """
    if not figures:
        return
    solid = np.full(LAYOUT_SIZE, -1, dtype=np.int32)
    hides = ~np.isin(seen.box, [figure.row for figure in figures])
    solid[seen.rows[hides], seen.columns[hides]] = seen.box[hides]
    for figure in figures:
        _, height, width = figure.shares.shape
        part = np.s_[figure.top : figure.top + height, figure.left : figure.left + width]
        shares = figure.shares * (solid[part] < figure.row)
        covered = np.minimum(shares.sum(axis=0), 1.0)  # each was rounded by itself
        patch = raster[:, *part]
        patch[_FIGURE] = np.round(patch[_FIGURE] * (1.0 - covered) + 255.0 * shares)
        colour = (0, 0, 0, 0) if figure.actor.colour is None else (*figure.actor.colour, 255)
        patch[_COLOUR] = np.where(covered >= 0.5, np.reshape(colour, (4, 1, 1)), patch[_COLOUR])


_FIGURE = [ACTOR_CHANNELS.index(name) for name in FIGURE_CHANNELS]
_COLOUR = [ACTOR_CHANNELS.index(name) for name in ("red", "green", "blue", "colour_given")]

#: What a number of the large raster, 0 or 1 + a plane, covers of each plane.
_COVERS = np.concatenate([np.zeros((1, 4)), 255.0 * np.eye(4)]).astype(np.uint8)


def _has_body(actor: Actor) -> bool:
    return actor.category == "pedestrian" or actor.height >= RIDDEN_M


@dataclass(frozen=True)
class _Outlines:
    """A piece as slices of a figure's blobs whose hulls are its ``outlines``: one, or an outer and an inner one; and its ``plane``."""

    outlines: tuple[slice, ...]
    plane: int

    @property
    def first(self) -> int:
        return int(self.outlines[0].start)

    @property
    def last(self) -> int:
        return int(self.outlines[-1].stop)


@dataclass(frozen=True, eq=False)
class _Blobs:
    """The ellipses of a figure, in the order of its ``groups``: ``places`` (N, 3) in the box's frame, ``radii`` (N, 2) m, across and up."""

    places: FloatArray
    radii: FloatArray
    groups: list[list[_Outlines]]


def _blobs(figure: Figure) -> _Blobs:
    places: list[Point] = []
    radii: list[tuple[float, float]] = []
    groups = []
    for group in figure:
        pieces = []
        for piece in group:
            outlines = []
            for around, size in _ellipses(piece):
                outlines.append(slice(len(places), len(places) + len(around)))
                places += around
                radii += size
            pieces.append(_Outlines(tuple(outlines), FIGURE_CHANNELS.index(PLANE_OF_WEAR[piece.wear])))
        groups.append(pieces)
    return _Blobs(np.array(places), np.array(radii), groups)


def _ellipses(piece: Piece) -> list[tuple[list[Point], list[tuple[float, float]]]]:
    """Places and radii of the ellipses whose hulls are the outlines of a piece."""
    match piece:
        case Limb():
            return [([piece.start, piece.end], [(piece.radius,) * 2, (piece.end_radius,) * 2])]
        case Ball():
            return [([piece.centre], [(piece.radius, piece.height_radius)])]
        case Wheel():
            sizes = [size for size in (piece.radius, piece.radius - piece.thickness) if size > 0.0]
            rings = [[(piece.x + size * x, 0.0, piece.radius + size * z) for x, z in _RING.tolist()] for size in sizes]
            return [(ring, [(0.0, 0.0)] * len(ring)) for ring in rings]
        case Slab():
            xs, ys, zs = zip(piece.low, piece.high, strict=True)
            return [([*itertools.product(xs, ys, zs)], [(0.0, 0.0)] * 8)]
