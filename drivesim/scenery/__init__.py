"""What stands beside the road, as boxes: the renderer draws it, and a model may be told of it."""

from drivesim.scenery.placement import BUCKET_M, LAMP_SPACING_M, Scenery, paved_edges
from drivesim.scenery.things import (
    SCENERY_CLASSES,
    STOREY_M,
    SceneryBoxes,
    Thing,
    ThingKind,
    boxes_of,
    told_numbers_of,
)

__all__ = [
    "BUCKET_M",
    "LAMP_SPACING_M",
    "SCENERY_CLASSES",
    "STOREY_M",
    "Scenery",
    "SceneryBoxes",
    "Thing",
    "ThingKind",
    "boxes_of",
    "paved_edges",
    "told_numbers_of",
]
