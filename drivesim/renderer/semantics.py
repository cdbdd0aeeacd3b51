"""What a rendered pixel shows: the semantic classes and the frame that the renderer returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from drivesim.scenery import ThingKind


class Semantic(IntEnum):
    """Class of a pixel; the numbers are stored in files, so they never change."""

    SKY = 0
    ROAD = 1
    LANE_PAINT = 2
    PAVEMENT = 3
    KERB = 4
    TERRAIN = 5
    BUILDING = 6
    VEGETATION = 7
    POLE_SIGN = 8
    TRAFFIC_LIGHT = 9
    GUARD_RAIL = 10
    CAR = 11
    LARGE_VEHICLE = 12
    PEDESTRIAN = 13
    TWO_WHEELER = 14
    STATIC_OBJECT = 15


#: What the pixels of an actor are, by the class of its category, and those of a thing beside the road, by its kind.
SEMANTIC_OF_CLASS: dict[str, Semantic] = {
    "car": Semantic.CAR,
    "large_vehicle": Semantic.LARGE_VEHICLE,
    "pedestrian": Semantic.PEDESTRIAN,
    "two_wheeler": Semantic.TWO_WHEELER,
    "static_object": Semantic.STATIC_OBJECT,
}
SEMANTIC_OF_THING: dict[ThingKind, Semantic] = {
    **dict.fromkeys(ThingKind, Semantic.POLE_SIGN),
    **dict.fromkeys((ThingKind.BUILDING, ThingKind.HOUSE, ThingKind.OVERPASS), Semantic.BUILDING),
    **dict.fromkeys((ThingKind.TREE, ThingKind.CONIFER, ThingKind.BUSH), Semantic.VEGETATION),
    **dict.fromkeys((ThingKind.BIN, ThingKind.CABINET), Semantic.STATIC_OBJECT),
    ThingKind.TRAFFIC_LIGHT: Semantic.TRAFFIC_LIGHT,
    ThingKind.GUARD_RAIL: Semantic.GUARD_RAIL,
}


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One picture with its ground truth.

    ``rgb`` uint8 (H, W, 3); ``depth`` float32 (H, W), metres along the optical axis, infinite in the sky;
    ``semantic`` uint8 (H, W) of :class:`Semantic`; ``instance`` uint16 (H, W), 0 or 1 + the index in ``scene.actors``.
    """

    rgb: np.ndarray
    depth: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
