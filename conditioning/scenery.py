"""The scenery raster: what stands beside the road in the image, as 21 planes of 128 x 256."""

from __future__ import annotations

import numpy as np

from drivesim.conditioning.box_raster import BoxRaster
from drivesim.conditioning.crowns import crowns_among
from drivesim.conditioning.ground import positions_on_road
from drivesim.conditioning.projection import project_boxes
from drivesim.conditioning.solids import visible_crowns
from drivesim.controls import LAYOUT_SIZE, SCENERY_CHANNELS
from drivesim.geometry import FloatArray
from drivesim.scene import Scene
from drivesim.scenery import (
    BUCKET_M,
    SCENERY_CLASSES,
    STOREY_M,
    Scenery,
    SceneryBoxes,
    ThingKind,
    boxes_of,
    told_numbers_of,
)

#: How far ahead of the ego, and behind it, scenery is told, metres along the road.
REACH_M, BEHIND_M = 190.0, 24.0


_PLANE = {name: index for index, name in enumerate(SCENERY_CHANNELS)}


class StandingBoxes:
    """The boxes of scenery near the ego at any frame. Raises ValueError for a scene that has none."""

    def __init__(self, scene: Scene) -> None:
        if scene.scenery is None:
            raise ValueError(f"scene {scene.name!r} has no scenery")
        self._scenery: Scenery = scene.scenery
        self._ego = ego = scene.ego.positions
        self._start_s, self._fps = scene.start_s, scene.fps
        self._ego_s = positions_on_road(self._scenery.road, ego[:, 0], ego[:, 1])
        self._near: tuple[tuple[object, ...], FloatArray] | None = None

    def at(self, frame: int) -> SceneryBoxes:
        """From a little behind the ego at ``frame`` to as far ahead as scenery is told."""
        s = float(self._ego_s[frame])
        x, y = float(self._ego[frame, 0]), float(self._ego[frame, 1])
        arms = self._scenery.arm_buckets(s, x, y, BEHIND_M, REACH_M)
        near = ((s - BEHIND_M) // BUCKET_M, (s + REACH_M) // BUCKET_M, *arms)
        if self._near is None or self._near[0] != near:  # for some frames on end the same buckets are near
            things = self._scenery.between(s - BEHIND_M, s + REACH_M)
            for key in arms:
                things += self._scenery.arm_bucket(*key)
            self._near = near, told_numbers_of(things)
        signals = self._scenery.signals(s, self._start_s + frame / self._fps, BEHIND_M, REACH_M)
        return boxes_of(np.concatenate([self._near[1], told_numbers_of(signals)]), seen_from=(x, y))


class SceneryPainter:
    """Draws the scenery of any frame of one scene that has some. Raises ValueError for one that has none."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._standing = StandingBoxes(scene)
        self._raster = BoxRaster(scene.camera)

    def draw(self, frame: int, raster: np.ndarray | None = None) -> np.ndarray:
        """Scenery raster uint8 (21, 128, 256) of ``frame``, planes as in SCENERY_CHANNELS; drawn into ``raster``, which is zero, if given."""
        raster = np.zeros((len(SCENERY_CHANNELS), *LAYOUT_SIZE), dtype=np.uint8) if raster is None else raster
        boxes = self._standing.at(frame)
        numbers = np.arange(len(boxes))
        seen = project_boxes(self.scene, frame, numbers, boxes.centres, boxes.sizes, boxes.yaw_rad, reach_m=REACH_M)
        chosen = seen.actor_indices
        kinds = (boxes.kinds[chosen] + 1) * (255.0 / len(ThingKind))
        values = np.concatenate([255.0 * boxes.colours[chosen].T, kinds[None]])
        held = visible_crowns(seen, crowns_among(boxes, chosen))
        points = self._raster.draw(raster, seen, boxes.classes[chosen], len(SCENERY_CLASSES), values, held)
        # Fronts of buildings: shares of a window bay and of a storey.
        thing = chosen[points.box]
        bays = boxes.bays[thing]
        storeys = points.shares[:, 2] * boxes.sizes[thing, 2] / STOREY_M
        for plane, at in (("bay", points.shares[:, 0] * bays), ("storey", np.where(bays > 0, storeys, 0.0))):
            raster[_PLANE[plane], points.rows, points.columns] = np.round(255.0 * (at % 1.0))
        return raster
