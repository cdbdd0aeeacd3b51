"""The layout raster: what stands where in the image, as 19 planes of 64 x 128.

Road planes run on beneath the boxes, which :class:`drivesim.conditioning.box_raster.BoxRaster` draws.
"""

from __future__ import annotations

import zlib

import numpy as np

from drivesim.conditioning.box_raster import BoxRaster
from drivesim.conditioning.ground import GroundView, positions_on_road
from drivesim.conditioning.projection import BoxGeometry
from drivesim.controls import LAYOUT_CHANNELS, LAYOUT_SIZE
from drivesim.scene import Actor, Scene

#: The fill plane of each category.
FILL_OF_CATEGORY: dict[str, str] = {
    "car": "car",
    "truck": "large_vehicle",
    "bus": "large_vehicle",
    "trailer": "large_vehicle",
    "construction_vehicle": "large_vehicle",
    "pedestrian": "pedestrian",
    "motorcycle": "two_wheeler",
    "bicycle": "two_wheeler",
    "traffic_cone": "static_object",
    "barrier": "static_object",
}

_FILLS = ("car", "large_vehicle", "pedestrian", "two_wheeler", "static_object")
_FIRST_FILL = LAYOUT_CHANNELS.index("car")


def draw_layout(scene: Scene, frame: int) -> np.ndarray:
    """Layout raster of one frame: uint8 (19, 64, 128), planes as in LAYOUT_CHANNELS.

    For many frames of one scene use :class:`LayoutPainter`, which prepares the camera and the tracks once.
    """
    return LayoutPainter(scene.window(frame, frame + 1)).draw(0)


class LayoutPainter:
    """Draws the layout of any frame of one scene; holds arrays of the tracks but no drawn frames."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._ground = GroundView(scene.camera)
        self._geometry = BoxGeometry(scene)
        self._raster = BoxRaster(scene.camera)
        self._fills = np.array([_FILLS.index(FILL_OF_CATEGORY[actor.category]) for actor in scene.actors], dtype=int)
        self._colours = np.array([_colour_values(actor) for actor in scene.actors], dtype=np.float32).reshape(-1, 5)
        ego = scene.ego.positions
        self._ego_s = None if scene.road is None else positions_on_road(scene.road, ego[:, 0], ego[:, 1])

    def draw(self, frame: int) -> np.ndarray:
        """Layout raster uint8 (19, 64, 128) of ``frame``."""
        layout = np.zeros((len(LAYOUT_CHANNELS), *LAYOUT_SIZE), dtype=np.uint8)
        layout[LAYOUT_CHANNELS.index("sky")] = np.round(255.0 * self._ground.sky)
        if self.scene.road is not None and self._ego_s is not None:
            ego = self.scene.ego.pose(frame)
            planes = self._ground.road_planes(self.scene.road, ego, float(self._ego_s[frame]))
            for name, plane in zip(("road", "lane_paint", "pavement"), planes, strict=True):
                layout[LAYOUT_CHANNELS.index(name)] = np.round(255.0 * plane)
        boxes = self._geometry.at(frame)
        actors = boxes.actor_indices
        self._raster.draw(layout[_FIRST_FILL:], boxes, self._fills[actors], len(_FILLS), self._colours[actors].T)
        return layout


def _colour_values(actor: Actor) -> tuple[float, ...]:
    """red, green, blue, colour_given and instance of an actor."""
    red, green, blue = actor.colour if actor.colour is not None else (0, 0, 0)
    instance = 32 + zlib.crc32(actor.id.encode()) % 224
    return float(red), float(green), float(blue), 0.0 if actor.colour is None else 255.0, float(instance)
