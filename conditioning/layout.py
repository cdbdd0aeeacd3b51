"""Map and actors as rasters: what lies and stands where in the image, as 4 and 29 planes of 128 x 256.

The map runs on beneath the boxes, which :class:`drivesim.conditioning.box_raster.BoxRaster` draws.
"""

from __future__ import annotations

import zlib

import numpy as np

from drivesim.conditioning.box_raster import BoxRaster
from drivesim.conditioning.figure_raster import FigureRaster, draw_figures
from drivesim.conditioning.ground import GroundView, positions_on_road
from drivesim.conditioning.projection import BoxGeometry
from drivesim.conditioning.solids import Solids
from drivesim.controls import ACTOR_CHANNELS, KIND_CHANNELS, LAYOUT_SIZE, MAP_CHANNELS
from drivesim.kinds import KINDS_OF_CLASS, kind_of
from drivesim.scene import CLASS_OF_CATEGORY, Actor, Scene

_FILLS = tuple(KINDS_OF_CLASS)

#: Planes of :func:`draw_layout`: the map's, then the actors'.
LAYOUT_CHANNELS = MAP_CHANNELS + ACTOR_CHANNELS


def draw_layout(scene: Scene, frame: int) -> np.ndarray:
    """Map and actors of one frame: uint8 (33, 128, 256), planes as in LAYOUT_CHANNELS.

    For many frames of one scene use :class:`LayoutPainter`, which prepares the camera and the tracks once.
    """
    painter = LayoutPainter(scene)
    return np.concatenate([painter.draw_map(frame), painter.draw_actors(frame)])


class LayoutPainter:
    """Draws map and actors of any frame of one scene; holds arrays of the tracks but no drawn frames.

    ``causal``: nothing in a frame depends on later ones, which for the brake lights it else does.
    """

    def __init__(self, scene: Scene, *, causal: bool = False) -> None:
        self.scene = scene
        self._ground = GroundView(scene.camera)
        self._sky = np.round(255.0 * self._ground.sky).astype(np.uint8)
        self._geometry = BoxGeometry(scene)
        self._raster = BoxRaster(scene.camera)
        self._fills = np.array([_FILLS.index(CLASS_OF_CATEGORY[actor.category]) for actor in scene.actors], dtype=int)
        self._colours = np.array([_colour_values(actor) for actor in scene.actors], dtype=np.float32).reshape(-1, 5)
        self._kinds = np.array([_digits(kind_of(actor)) for actor in scene.actors], dtype=np.float32).reshape(
            -1, len(KIND_CHANNELS)
        )
        self._braking = [255.0 * actor.braking(scene.fps, causal=causal) for actor in scene.actors]
        self._figures, self._solids = FigureRaster(scene), Solids(scene.actors)
        ego = scene.ego.positions
        self._ego_s = None if scene.road is None else positions_on_road(scene.road, ego[:, 0], ego[:, 1])

    def draw_map(self, frame: int, raster: np.ndarray | None = None) -> np.ndarray:
        """Map raster uint8 (4, 128, 256) of ``frame``, planes as in MAP_CHANNELS; drawn into ``raster``, which is zero, if given."""
        raster = np.zeros((len(MAP_CHANNELS), *LAYOUT_SIZE), dtype=np.uint8) if raster is None else raster
        raster[MAP_CHANNELS.index("sky")] = self._sky
        if self.scene.road is not None and self._ego_s is not None:
            ego = self.scene.ego.pose(frame)
            planes = self._ground.road_planes(self.scene.road, ego, float(self._ego_s[frame]))
            for name, plane in zip(("road", "lane_paint", "pavement"), planes, strict=True):
                raster[MAP_CHANNELS.index(name)] = np.round(255.0 * plane)
        return raster

    def draw_actors(self, frame: int, raster: np.ndarray | None = None) -> np.ndarray:
        """Actors' raster uint8 (29, 128, 256) of ``frame``, planes as in ACTOR_CHANNELS; drawn into ``raster``, which is zero, if given."""
        raster = np.zeros((len(ACTOR_CHANNELS), *LAYOUT_SIZE), dtype=np.uint8) if raster is None else raster
        boxes = self._geometry.at(frame)
        actors = boxes.actor_indices
        braking = np.array([self._braking[index][frame] for index in actors], dtype=np.float32)
        values = np.concatenate([self._colours[actors].T, braking[None], self._kinds[actors].T])
        held, figures = self._solids.visible(boxes), self._figures.in_view(boxes, frame)
        known = {figure.row: figure.silhouette for figure in figures if figure.actor.gait_rad is not None}
        seen = self._raster.draw(raster, boxes, self._fills[actors], len(_FILLS), values, held, known)
        draw_figures(raster, figures, seen)
        return raster


def _colour_values(actor: Actor) -> tuple[float, ...]:
    """red, green, blue, colour_given and instance of an actor."""
    red, green, blue = actor.colour if actor.colour is not None else (0, 0, 0)
    instance = 32 + zlib.crc32(actor.id.encode()) % 224
    return float(red), float(green), float(blue), 0.0 if actor.colour is None else 255.0, float(instance)


def _digits(kind: int) -> tuple[float, ...]:
    """The binary digits of ``kind``, 0 or 255, the lowest first."""
    return tuple(255.0 * (kind >> digit & 1) for digit in range(len(KIND_CHANNELS)))
