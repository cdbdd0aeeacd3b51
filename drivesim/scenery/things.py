"""Single things beside the road: what each is, where its foot stands, and the upright box that it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from drivesim.geometry import FloatArray

Colour3 = tuple[float, float, float]

#: The classes of scenery that a model tells apart, in the order of their layout planes.
SCENERY_CLASSES: tuple[str, ...] = ("building", "vegetation", "street_furniture", "guard_rail")


class ThingKind(StrEnum):
    """What a thing is; each has a class of SCENERY_CLASSES."""

    BUILDING = "building"
    HOUSE = "house"
    OVERPASS = "overpass"
    TREE = "tree"
    CONIFER = "conifer"
    BUSH = "bush"
    SIGN = "sign"
    DIRECTION_BOARD = "direction_board"
    GANTRY = "gantry"
    MARKER_POST = "marker_post"
    STREET_LAMP = "street_lamp"
    TRAFFIC_LIGHT = "traffic_light"
    BIN = "bin"
    CABINET = "cabinet"
    GUARD_RAIL = "guard_rail"

    @property
    def scenery_class(self) -> str:
        """Its class of SCENERY_CLASSES."""
        if self in (ThingKind.BUILDING, ThingKind.HOUSE, ThingKind.OVERPASS):
            return "building"
        if self in (ThingKind.TREE, ThingKind.CONIFER, ThingKind.BUSH):
            return "vegetation"
        return "guard_rail" if self is ThingKind.GUARD_RAIL else "street_furniture"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One thing beside the road.

    Its foot is at (x, y) in the world and (s, d) on the road, ``yaw_rad`` its heading. The box that it fills is ``length``
    along the heading, ``width`` across it and reaches from ``low`` to ``high`` metres over the ground; its middle lies
    ``aside`` metres to the left of the foot. ``side`` is +1 left of the road, -1 right of it; ``order`` the ground point
    that sorts it by distance. ``colour`` RGB 0-1 is that of its largest part, ``detail`` the seed of what is too fine to
    be told, ``storeys`` those of a building.
    """

    kind: ThingKind
    s: float
    d: float
    x: float
    y: float
    yaw_rad: float
    length: float
    width: float
    low: float
    high: float
    order: tuple[float, float]
    colour: Colour3
    aside: float = 0.0
    side: int = 1
    detail: int = 0
    storeys: int = 0

    def detail_rng(self) -> np.random.Generator:
        """The draws of its finer looks, the same each time."""
        return np.random.default_rng(self.detail)


@dataclass(frozen=True, eq=False)
class SceneryBoxes:
    """Boxes of N things: ``centres`` (N, 3) metres in the world, ``sizes`` (N, 3) length, width, height, ``yaw_rad`` (N,),
    ``classes`` (N,) indices into SCENERY_CLASSES, ``colours`` (N, 3) RGB 0-1.
    """

    centres: FloatArray
    sizes: FloatArray
    yaw_rad: FloatArray
    classes: np.ndarray
    colours: FloatArray

    def __len__(self) -> int:
        return len(self.yaw_rad)


def boxes_of(things: Sequence[Thing]) -> SceneryBoxes:
    """The boxes of things as arrays."""
    count = len(things)
    yaw = np.array([thing.yaw_rad for thing in things], dtype=float)
    aside = np.array([thing.aside for thing in things], dtype=float)
    foot = np.array([(thing.x, thing.y) for thing in things], dtype=float).reshape(count, 2)
    low = np.array([thing.low for thing in things], dtype=float)
    high = np.array([thing.high for thing in things], dtype=float)
    centres = np.stack([foot[:, 0] - np.sin(yaw) * aside, foot[:, 1] + np.cos(yaw) * aside, 0.5 * (low + high)], axis=1)
    flat = np.array([(thing.length, thing.width) for thing in things], dtype=float).reshape(count, 2)
    return SceneryBoxes(
        centres=centres,
        sizes=np.concatenate([flat, (high - low)[:, None]], axis=1),
        yaw_rad=yaw,
        classes=np.array([SCENERY_CLASSES.index(thing.kind.scenery_class) for thing in things], dtype=int),
        colours=np.array([thing.colour for thing in things], dtype=float).reshape(count, 3),
    )
