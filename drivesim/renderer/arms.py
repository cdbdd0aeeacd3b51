"""The side roads of junctions, painted over the ground of the road that they join."""

from __future__ import annotations

import numpy as np

from drivesim.junctions import arm_coordinates
from drivesim.renderer.ground import GroundPainter
from drivesim.renderer.lighting import Lighting
from drivesim.renderer.palette import Palette
from drivesim.renderer.view import CameraView, RoadCoordinates, straight_coordinates
from drivesim.road import Road, strip_edges
from drivesim.scene import Pose


class ArmPainter:
    """Paints every arm of one road with one palette; does nothing for a road without junctions."""

    def __init__(self, road: Road, palette: Palette, lighting: Lighting) -> None:
        self._arms = [arm for junction in road.junctions for arm in junction.arms]
        self._painters = [GroundPainter(arm.road, palette, lighting) for arm in self._arms]

    def lay(self, view: CameraView, ego: Pose, albedo: np.ndarray, semantic: np.ndarray) -> None:
        """Paint over ``albedo`` float32 (rows, W, 3) and the classes ``semantic`` uint8 (rows, W) of the ground pixels."""
        for arm, painter in zip(self._arms, self._painters, strict=True):
            x, y, yaw = (float(value) for value in arm.road.frame_at(0.0))
            at = straight_coordinates(view, (x, y, yaw), ego)
            widest = max(
                float(np.max(np.abs(strip_edges(strip, np.array([arm.mouth_s]))))) for strip in arm.road.strips
            )
            seen = (at.along + 0.5 * at.along_pixel > arm.mouth_s - 1.0) & (
                np.abs(at.across) - 0.5 * at.across_pixel < widest
            )
            rows = np.flatnonzero(seen.any(axis=1))
            if not len(rows):
                continue
            # Whole rows, because paint is laid through flat views of them.
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            here = RoadCoordinates(0.0, at.along[part], at.across[part], at.along_pixel[part], at.across_pixel[part])
            ego_s = float(arm_coordinates(arm, np.array(ego.x), np.array(ego.y))[0])
            painter.lay(here, ego_s, albedo[part], semantic[part])
