"""Single things beside the road: what each is, where its foot stands, and the upright box that it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from drivesim.geometry import FloatArray

Colour3 = tuple[float, float, float]

#: The classes of scenery that a model tells apart, in the order of their layout planes.
SCENERY_CLASSES: tuple[str, ...] = ("building", "vegetation", "street_furniture", "guard_rail")


#: Height of a building's storeys and usual width of its window bays, metres.
STOREY_M, BAY_M = 3.1, 3.2


STEEL: Colour3 = (0.52, 0.54, 0.56)


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


_KINDS = tuple(ThingKind)


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

    @property
    def bays(self) -> int:
        """Window bays along the front of a building, 0 of all else."""
        return max(2, round(self.length / BAY_M)) if self.kind is ThingKind.BUILDING else 0

    def detail_rng(self) -> np.random.Generator:
        """The draws of its finer looks, the same each time."""
        return np.random.default_rng(self.detail)


@dataclass(frozen=True, eq=False)
class SceneryBoxes:
    """Boxes of N things: ``centres`` (N, 3) metres in the world, ``sizes`` (N, 3) length, width, height, ``yaw_rad`` (N,),
    ``classes`` (N,) indices into SCENERY_CLASSES, ``kinds`` (N,) indices into ThingKind, ``colours`` (N, 3) RGB 0-1,
    ``bays`` (N,) window bays along the length, 0 where there are none.
    """

    centres: FloatArray
    sizes: FloatArray
    yaw_rad: FloatArray
    classes: np.ndarray
    kinds: np.ndarray
    colours: FloatArray
    bays: np.ndarray

    def __len__(self) -> int:
        return len(self.yaw_rad)


#: Width of a gantry's boards, their lower and upper edge, which are the gantry's, and the beam's, metres over the ground.
BOARD_M, BOARD_EDGES_M, BEAM_EDGES_M = 4.8, (5.6, 8.1), (6.6, 7.1)


def board_middles(right: float, left: float) -> tuple[float, ...]:
    """Where the boards of a gantry from ``right`` to ``left`` (metres across the road) have their middles."""
    return tuple(right + share * (left - right) * 0.62 for share in (0.26, 0.62))


def told_parts(thing: Thing) -> tuple[Thing, ...]:
    """The boxes that tell a thing: its own, or of a gantry, whose box is nearly all sky, its beam and boards."""
    if thing.kind is not ThingKind.GANTRY:
        return (thing,)
    middles = board_middles(thing.aside - 0.5 * thing.width, thing.aside + 0.5 * thing.width)
    beam = replace(thing, low=BEAM_EDGES_M[0], high=BEAM_EDGES_M[1], colour=STEEL)
    return beam, *(replace(thing, aside=middle, width=BOARD_M) for middle in middles)


def boxes_of(things: Sequence[Thing]) -> SceneryBoxes:
    """The boxes that tell of things, as arrays."""
    things = [part for thing in things for part in told_parts(thing)]
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
        kinds=np.array([_KINDS.index(thing.kind) for thing in things], dtype=int),
        colours=np.array([thing.colour for thing in things], dtype=float).reshape(count, 3),
        bays=np.array([thing.bays for thing in things], dtype=int),
    )
