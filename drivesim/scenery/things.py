"""Single things beside the road: what each is, where its foot stands, and the upright box that it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from drivesim.geometry import FloatArray

Colour3 = tuple[float, float, float]

#: The classes of scenery that a model tells apart, in the order of their layout planes.
SCENERY_CLASSES: tuple[str, ...] = ("building", "vegetation", "street_furniture", "guard_rail")


#: Height of a building's storeys and usual width of its window bays, metres.
STOREY_M, BAY_M = 3.1, 3.2


STEEL: Colour3 = (0.52, 0.54, 0.56)
TRUNK: Colour3 = (0.30, 0.24, 0.18)

#: Thickness of a trunk as a share of the tree's height.
TRUNK_SHARE = 0.056

#: The lower and upper end of the housing of a traffic light's lamps, metres over the ground.
SIGNAL_EDGES_M = 2.45, 3.45

#: Where a direction board's posts stand, metres aside of its middle, and how far an overpass's pillars stand from its ends.
BOARD_POSTS_M, PILLAR_INSET_M = (-1.2, 1.2), 9.0

#: Supports are told up to so many times their thickness: there they are a third of a pixel of the layout wide.
SUPPORT_REACH = 600.0


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
    be told, ``storeys`` those of a building; ``is_support`` of what only holds another thing up.
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
    is_support: bool = False

    @property
    def bays(self) -> int:
        """Window bays along the front of a building, 0 of all else."""
        return max(2, round(self.length / BAY_M)) if self.kind is ThingKind.BUILDING else 0

    @cached_property
    def told_numbers(self) -> FloatArray:
        """What :func:`boxes_of` needs of the boxes that tell it, a row each: worked out once, for it is asked for in every frame."""
        return np.array([_numbers(part) for part in told_parts(self)], dtype=float)

    def detail_rng(self) -> np.random.Generator:
        """The draws of its finer looks, the same each time."""
        return np.random.default_rng(self.detail)


@dataclass(frozen=True, eq=False)
class SceneryBoxes:
    """Boxes of N things: ``centres`` (N, 3) metres in the world, ``sizes`` (N, 3) length, width, height, ``yaw_rad`` (N,),
    ``classes`` (N,) indices into SCENERY_CLASSES, ``kinds`` (N,) indices into ThingKind, ``colours`` (N, 3) RGB 0-1,
    ``bays`` (N,) window bays along the length, 0 where there are none, ``is_support`` (N,) of what only holds another thing up.
    """

    centres: FloatArray
    sizes: FloatArray
    yaw_rad: FloatArray
    classes: np.ndarray
    kinds: np.ndarray
    colours: FloatArray
    bays: np.ndarray
    is_support: np.ndarray

    def __len__(self) -> int:
        return len(self.yaw_rad)


#: Width of a gantry's boards, their lower and upper edge, which are the gantry's, and the beam's, metres over the ground.
BOARD_M, BOARD_EDGES_M, BEAM_EDGES_M = 4.8, (5.6, 8.1), (6.6, 7.1)


def board_middles(right: float, left: float) -> tuple[float, ...]:
    """Where the boards of a gantry from ``right`` to ``left`` (metres across the road) have their middles."""
    return tuple(right + share * (left - right) * 0.62 for share in (0.26, 0.62))


def told_parts(thing: Thing) -> tuple[Thing, ...]:
    """The boxes that tell a thing: its own, or of a gantry, whose box is nearly all sky, its beam and boards; then what it stands on,
    which its own box does not hold.
    """
    whole = (thing,) if thing.kind is not ThingKind.GANTRY else _beam_and_boards(thing)
    return *whole, *supports_of(thing)


def _beam_and_boards(gantry: Thing) -> tuple[Thing, ...]:
    middles = board_middles(*_ends(gantry))
    beam = replace(gantry, low=BEAM_EDGES_M[0], high=BEAM_EDGES_M[1], colour=STEEL)
    return beam, *(replace(gantry, aside=middle, width=BOARD_M) for middle in middles)


def supports_of(thing: Thing) -> tuple[Thing, ...]:
    """Trunks, poles, legs and arms beside a thing's own box. Those of guard rails, one every few metres, show best how fast the
    camera goes. Each is a thing of the same kind.
    """

    def support(
        size_m: tuple[float, float], high: float, colour: Colour3 = STEEL, *, low: float = 0.0, aside: float = 0.0
    ) -> Thing:
        length, width = size_m
        return replace(
            thing, length=length, width=width, low=low, high=high, aside=aside, colour=colour, is_support=True
        )

    match thing.kind:
        case ThingKind.TREE | ThingKind.CONIFER:
            thick = TRUNK_SHARE * thing.high
            return (support((thick, thick), thing.low, TRUNK),)
        case ThingKind.SIGN:
            return (support((0.08, 0.08), thing.low),)
        case ThingKind.TRAFFIC_LIGHT:
            return (support((0.14, 0.14), thing.low),)
        case ThingKind.DIRECTION_BOARD:
            return tuple(support((0.16, 0.16), thing.low, aside=y) for y in BOARD_POSTS_M)
        case ThingKind.GANTRY:
            return tuple(support((0.44, 0.44), BEAM_EDGES_M[1], aside=y) for y in _ends(thing))
        case ThingKind.OVERPASS:
            right, left = _ends(thing)
            sizes = (7.0, 1.2), thing.low, thing.colour
            return tuple(support(*sizes, aside=y) for y in (right + PILLAR_INSET_M, left - PILLAR_INSET_M))
        case ThingKind.STREET_LAMP:
            return (support((0.2, 2.1), thing.high + 0.5, low=thing.high, aside=-1.05 * thing.side),)
        case ThingKind.GUARD_RAIL:
            back = 0.5 * thing.length
            x, y = thing.x - back * float(np.cos(thing.yaw_rad)), thing.y - back * float(np.sin(thing.yaw_rad))
            return (replace(support((0.12, 0.12), thing.low), x=x, y=y),)
    return ()


def _ends(thing: Thing) -> tuple[float, float]:
    """The right and left end of what reaches across the road, metres aside of its foot."""
    return thing.aside - 0.5 * thing.width, thing.aside + 0.5 * thing.width


def told_numbers_of(things: Sequence[Thing]) -> FloatArray:
    """The rows of ``Thing.told_numbers`` of several things, one below the other."""
    return np.concatenate([np.empty((0, _NUM_NUMBERS)), *[thing.told_numbers for thing in things]])


def boxes_of(rows: FloatArray, seen_from: tuple[float, float] | None = None) -> SceneryBoxes:
    """The boxes that tell of things, by their :func:`told_numbers_of`; without the supports that are too far to be seen from a place
    (x, y) in the world.
    """
    if seen_from is not None:
        rows = rows[np.hypot(rows[:, 0] - seen_from[0], rows[:, 1] - seen_from[1]) < rows[:, 14]]
    x, y, yaw, aside, low, high = rows[:, :6].T
    return SceneryBoxes(
        centres=np.stack([x - np.sin(yaw) * aside, y + np.cos(yaw) * aside, 0.5 * (low + high)], axis=1),
        sizes=np.concatenate([rows[:, 6:8], (high - low)[:, None]], axis=1),
        yaw_rad=yaw,
        classes=rows[:, 8].astype(int),
        kinds=rows[:, 9].astype(int),
        colours=rows[:, 10:13],
        bays=rows[:, 13].astype(int),
        is_support=np.isfinite(rows[:, 14]),
    )


def _numbers(part: Thing) -> tuple[float, ...]:
    kind = part.kind
    reach_m = SUPPORT_REACH * min(part.length, part.width) if part.is_support else np.inf
    return (
        *(part.x, part.y, part.yaw_rad, part.aside, part.low, part.high, part.length, part.width),
        *(SCENERY_CLASSES.index(kind.scenery_class), _KINDS.index(kind), *part.colour, part.bays, reach_m),
    )


_NUM_NUMBERS = 15
