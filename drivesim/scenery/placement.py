"""Where things stand beside a road: a pure function of road and seed, cut into buckets of 24 m.

Nothing is stored for the road as a whole, so a world is as long as the drive and costs the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from drivesim.junctions import Arm, Junction, arm_coordinates
from drivesim.noise import NoiseStream
from drivesim.road import Road, strip_edges
from drivesim.scenery.corners import beside_arm, clear_of_arms
from drivesim.scenery.signal_heads import signal_heads
from drivesim.scenery.things import BOARD_EDGES_M, SIGNAL_EDGES_M, STEEL, STOREY_M, Colour3, Thing, ThingKind

BUCKET_M = 24.0
_FIRST_BUCKET = 1 << 20
_MOST_REMEMBERED = 64

#: Street lamps stand this far apart on each side, those on the left staggered by half of it.
LAMP_SPACING_M = 48.0

WALLS: tuple[Colour3, ...] = (
    (0.70, 0.62, 0.52),
    (0.62, 0.42, 0.34),
    (0.76, 0.74, 0.70),
    (0.55, 0.55, 0.56),
    (0.80, 0.70, 0.52),
    (0.58, 0.48, 0.40),
    (0.66, 0.68, 0.70),
    (0.72, 0.54, 0.42),
)
_BUILDING_DEPTH_M = 11.0
_SIGN_COLOURS: tuple[Colour3, ...] = ((0.85, 0.35, 0.36), (0.85, 0.35, 0.36), (0.35, 0.48, 0.75))
_BOARD_COLOURS: tuple[Colour3, ...] = ((0.10, 0.30, 0.66), (0.08, 0.42, 0.28))
_BUSH: Colour3 = (0.27, 0.37, 0.18)


def paved_edges(road: Road, s: float) -> tuple[float, float]:
    """Right and left end of everything paved (strips of any kind) at ``s``, metres; 4 m each way without strips."""
    rights, lefts = [], []
    for strip in road.strips:
        if strip.s_start - 30.0 <= s <= strip.s_end + 30.0:
            right, left = strip_edges(strip, np.array([s]))
            rights.append(float(right[0]))
            lefts.append(float(left[0]))
    return (min(rights), max(lefts)) if rights else (-4.0, 4.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenery:
    """What stands beside ``road``: equal roads and seeds give equal things.

    ``lamps`` says whether street lamps stand along it; towns have them in any case. ``buildings``, ``trees`` and
    ``furniture`` (signs, posts, bins, boards) multiply what is usual for the road's type; 0 leaves them out.
    """

    road: Road
    seed: int
    lamps: bool = False
    buildings: float = 1.0
    trees: float = 1.0
    furniture: float = 1.0
    _buckets: dict[int, tuple[Thing, ...]] = field(default_factory=dict, init=False, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_buckets": {}}

    def bucket(self, index: int) -> tuple[Thing, ...]:
        """Everything whose foot lies in s from ``index`` * BUCKET_M on, for BUCKET_M metres."""
        if index not in self._buckets:
            if len(self._buckets) >= _MOST_REMEMBERED:
                self._buckets.clear()
            things = _Bucket(self, index).things
            self._buckets[index] = tuple(clear_of_arms(self.road, things) if self.road.junctions else things)
        return self._buckets[index]

    def between(self, s_from: float, s_to: float) -> tuple[Thing, ...]:
        """Everything in the buckets that ``s_from`` to ``s_to`` touch."""
        first, last = int(s_from // BUCKET_M), int(s_to // BUCKET_M)
        return tuple(thing for index in range(first, last + 1) for thing in self.bucket(index))

    def signals(self, s: float, time_s: float, behind_m: float, ahead_m: float) -> tuple[Thing, ...]:
        """The signal heads of junctions near s on the road, as they are ``time_s`` seconds after t = 0."""
        return tuple(
            head
            for junction in self.road.junctions
            if -behind_m < junction.s - s < ahead_m
            for head in signal_heads(self.road, junction, time_s)
        )

    def arm_buckets(self, s: float, x: float, y: float, behind_m: float, ahead_m: float) -> list[tuple[int, int]]:
        """Number of an arm and of a bucket along it, for all arms near somebody at s on the road and x, y in the world.

        They reach ``behind_m`` and ``ahead_m`` from where he is along the arm, as far as the junction.
        """
        found: list[tuple[int, int]] = []
        for number, (junction, arm) in enumerate(self._arms):
            if -ahead_m < s - junction.s < ahead_m:
                along = float(arm_coordinates(arm, np.array(x), np.array(y))[0])
                first = int(max(along - behind_m, 0.0) // BUCKET_M)
                last = int((along + ahead_m) // BUCKET_M)
                found += [(number, index) for index in range(first, last + 1)]
        return found

    def arm_bucket(self, number: int, index: int) -> tuple[Thing, ...]:
        """Everything in a bucket along an arm."""
        key = -1 - (number * _FIRST_BUCKET + index)
        if key not in self._buckets:
            if len(self._buckets) >= _MOST_REMEMBERED:
                self._buckets.clear()
            self._buckets[key] = tuple(beside_arm(self._arms[number][1], self._arm_sceneries[number].bucket(index)))
        return self._buckets[key]

    @cached_property
    def _arms(self) -> list[tuple[Junction, Arm]]:
        return [(junction, arm) for junction in self.road.junctions for arm in junction.arms]

    @cached_property
    def _arm_sceneries(self) -> list[Scenery]:
        return [
            replace(self, road=arm.road, seed=int(self.noise.named(f"arm{number}").rng().integers(2**31)))
            for number, (_, arm) in enumerate(self._arms)
        ]

    @cached_property
    def noise(self) -> NoiseStream:
        """The stream of all draws."""
        return NoiseStream(self.seed).named("roadside")

    @cached_property
    def character(self) -> tuple[float, float, int]:
        """Share of trees, gap between pavement and house fronts in metres, and usual number of storeys."""
        rng = self.noise.named("character").rng()
        return float(rng.uniform(0.25, 0.9)), float(rng.uniform(1.0, 4.0)), int(rng.integers(2, 6))


class _Bucket:
    """One bucket while it is filled."""

    def __init__(self, scenery: Scenery, index: int) -> None:
        self.road, self.scenery = scenery.road, scenery
        share, self.gap, self.storeys = scenery.character
        self.trees = share * scenery.trees
        self.rng = scenery.noise.child(index + _FIRST_BUCKET).rng()
        self.start = index * BUCKET_M
        self.things: list[Thing] = []
        right, left = paved_edges(self.road, self.start + 0.5 * BUCKET_M)
        for side, edge in ((-1, -right), (1, left)):
            match self.road.road_type:
                case "urban":
                    self._urban(side, edge)
                case "rural":
                    self._rural(side, edge)
                case "motorway":
                    self._motorway(side, edge)
            if scenery.lamps or self.road.road_type == "urban":
                self._lamp(side, edge)
        self._crossings(right, left)
        if self.road.road_type == "motorway":
            self._medians()
            if self.rng.random() < 0.035 * scenery.buildings:
                self._overhead(right, left)

    def _add(
        self,
        kind: ThingKind,
        s: float,
        d: float,
        size: tuple[float, float, float],
        colour: Colour3,
        *,
        low: float = 0.0,
        side: int = 1,
        turn: float = 0.0,
        aside: float = 0.0,
        order: tuple[float, float] | None = None,
        storeys: int = 0,
        detail: int | None = None,
    ) -> None:
        """A thing at (s, d) whose box is ``size``: length, width, and its upper end over the ground."""
        x, y, yaw = (float(v) for v in self.road.to_world(s, d))
        order_x, order_y, _ = (float(v) for v in self.road.to_world(*(order or (s, d))))
        length, width, high = size
        self.things.append(
            Thing(
                kind=kind, s=s, d=d, x=x, y=y, yaw_rad=yaw + turn, length=length, width=width, low=low, high=high,
                aside=aside, side=side, order=(order_x, order_y), colour=colour, storeys=storeys,
                detail=int(self.rng.integers(2**31)) if detail is None else detail,
            )
        )  # fmt: skip

    def _tree(self, s: float, d: float, small: float = 1.0) -> None:
        height = float(self.rng.uniform(5.0, 9.5)) * small
        conifer = self.rng.random() < 0.25
        tone, red = self.rng.uniform(0.78, 1.1), self.rng.random()
        leaf = (0.27 * tone + 0.05 * red, 0.40 * tone, 0.17 * tone)
        if conifer:
            self._add(ThingKind.CONIFER, s, d, (0.36 * height, 0.36 * height, height), leaf, low=0.1 * height)
        else:
            self._add(ThingKind.TREE, s, d, (0.6 * height, 0.6 * height, 0.95 * height), leaf, low=0.33 * height)

    def _urban(self, side: int, edge: float) -> None:
        rng, front, position = self.rng, edge + self.gap, self.start
        while position < self.start + BUCKET_M - 0.5:
            length = 12.0
            if rng.random() < 0.86 * self.scenery.buildings:
                storeys = max(1, self.storeys + int(rng.integers(-1, 2)))
                wall = WALLS[int(rng.integers(len(WALLS)))]
                d = side * (front + float(rng.choice([0.0, 0.0, 0.6, 1.5])))
                size = (length - float(rng.choice([0.0, 0.0, 1.0])), _BUILDING_DEPTH_M, storeys * STOREY_M + 0.5)
                self._add(
                    ThingKind.BUILDING, position + 0.5 * length, d, size, wall, side=side,
                    aside=0.5 * side * _BUILDING_DEPTH_M, order=(position + length, d), storeys=storeys,
                )  # fmt: skip
            elif self.scenery.trees > 0.0:
                self._tree(position + 6.0, side * (front + 5.0))
            position += length
        if rng.random() < self.trees * 0.6:
            self._tree(self.start + rng.uniform(5.0, 19.0), side * (edge - 0.55), small=0.62)
        if rng.random() < 0.25 * self.scenery.furniture:
            self._sign(self.start + rng.uniform(2.0, 22.0), side * (edge - 0.4))
        if rng.random() < 0.2 * self.scenery.furniture:
            s, d = self.start + rng.uniform(2.0, 22.0), side * (edge - 0.5)
            if rng.random() < 0.5:
                self._add(ThingKind.BIN, s, d, (0.5, 0.5, 0.85), (0.20, 0.34, 0.26))
            else:
                self._add(ThingKind.CABINET, s, d, (0.7, 0.4, 1.15), (0.58, 0.59, 0.57))

    def _rural(self, side: int, edge: float) -> None:
        rng = self.rng
        for _ in range(int(rng.poisson(2.2 * self.trees))):
            self._tree(self.start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(3.5, 14.0)))
        for _ in range(int(rng.poisson(0.9 * self.scenery.trees))):
            self._tree(self.start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(18.0, 60.0)))
        for _ in range(int(rng.poisson(0.7 * self.scenery.trees))):
            size = float(rng.uniform(0.6, 1.5))
            s, d = self.start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(2.0, 9.0))
            self._add(ThingKind.BUSH, s, d, (2.0 * size, 2.0 * size, 1.06 * size), _BUSH)
        if rng.random() < 0.06 * self.scenery.buildings:
            wall = WALLS[int(rng.integers(len(WALLS)))]
            d = side * (edge + rng.uniform(10.0, 20.0))
            self._add(
                ThingKind.HOUSE, self.start + 12.0, d, (11.0, 8.0, 5.2), wall, side=side, aside=4.0 * side,
                order=(self.start + 18.0, d),
            )  # fmt: skip
        self._post(self.start + 6.0, side * (edge + 0.6), side)
        if rng.random() < 0.06 * self.scenery.furniture:
            self._sign(self.start + 14.0, side * (edge + 1.2))

    def _motorway(self, side: int, edge: float) -> None:
        rng = self.rng
        stretch = int(self.start // 240.0) + _FIRST_BUCKET
        if self.scenery.noise.child(stretch, side + 1).rng().random() < 0.6:
            self._rail(side * (edge + 0.8))
        self._post(self.start + 12.0, side * (edge + 0.45), side)
        for _ in range(int(rng.poisson(1.8 * self.trees))):
            self._tree(self.start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(6.0, 22.0)))
        for _ in range(int(rng.poisson(1.0 * self.scenery.trees))):
            self._tree(self.start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(24.0, 70.0)))
        if rng.random() < 0.05 * self.scenery.furniture:
            detail = int(rng.integers(2**31))
            colour = _BOARD_COLOURS[detail % len(_BOARD_COLOURS)]
            s, d = self.start + 9.0, side * (edge + 3.6)
            self._add(ThingKind.DIRECTION_BOARD, s, d, (0.12, 3.8, 4.3), colour, low=1.8, detail=detail)

    def _post(self, s: float, d: float, side: int) -> None:
        if self.scenery.furniture > 0.0:
            self._add(ThingKind.MARKER_POST, s, d, (0.12, 0.12, 0.95), (0.92, 0.92, 0.90), side=side, detail=0)

    def _sign(self, s: float, d: float) -> None:
        detail = int(self.rng.integers(2**31))
        colour = _SIGN_COLOURS[detail % len(_SIGN_COLOURS)]
        self._add(ThingKind.SIGN, s, d, (0.1, 0.84, 2.92), colour, low=2.08, detail=detail)

    def _rail(self, d: float) -> None:
        """Six pieces of 4 m, each from its foot to the next one's."""
        for piece in range(6):
            s = self.start + 4.0 * piece
            x0, y0, _ = (float(v) for v in self.road.to_world(s, d))
            x1, y1, _ = (float(v) for v in self.road.to_world(s + 4.0, d))
            self.things.append(
                Thing(
                    kind=ThingKind.GUARD_RAIL, s=s, d=d, x=0.5 * (x0 + x1), y=0.5 * (y0 + y1),
                    yaw_rad=float(np.arctan2(y1 - y0, x1 - x0)), length=float(np.hypot(x1 - x0, y1 - y0)), width=0.06,
                    low=0.44, high=0.76, order=(x0, y0), colour=STEEL,
                )
            )  # fmt: skip

    def _medians(self) -> None:
        for strip in self.road.strips:
            if strip.kind == "median" and strip.s_start <= self.start <= strip.s_end:
                wide = strip.left - strip.right
                middle = (0.5 * (strip.left + strip.right),)
                for d in middle if wide < 2.5 else (strip.right + 0.5, strip.left - 0.5):
                    self._rail(d)

    def _lamp(self, side: int, edge: float) -> None:
        phase = 0.5 * LAMP_SPACING_M if side > 0 else 0.0
        s = float(np.ceil((self.start - phase) / LAMP_SPACING_M)) * LAMP_SPACING_M + phase
        if self.start <= s < self.start + BUCKET_M:
            inset = 0.7 if self.road.road_type == "urban" else -1.2
            self._add(ThingKind.STREET_LAMP, s, side * (edge - inset), (0.2, 0.2, 7.4), STEEL, side=side, detail=0)

    def _crossings(self, right: float, left: float) -> None:
        for crossing in self.road.crossings:
            if self.start <= crossing < self.start + BUCKET_M and self.road.road_type == "urban":
                for side, edge in ((-1, -right), (1, left)):
                    kerbs = [abs(k) for k in self.road.kerbs if k * side > 0]
                    d = side * (max(kerbs) + 0.6 if kerbs else edge - 0.5)
                    turn = 0.0 if side < 0 else float(np.pi)
                    size, dark = (0.24, 0.38, SIGNAL_EDGES_M[1]), (0.10, 0.11, 0.11)
                    self._add(
                        ThingKind.TRAFFIC_LIGHT,
                        crossing + 3.0 * side,
                        d,
                        size,
                        dark,
                        low=SIGNAL_EDGES_M[0],
                        side=side,
                        turn=turn,
                        detail=0,
                    )

    def _overhead(self, right: float, left: float) -> None:
        if self.rng.random() < 0.5:
            low, high = right - 1.5, left + 1.5
            aside, detail = 0.5 * (low + high), int(self.rng.integers(2**31))
            colour = _BOARD_COLOURS[detail % len(_BOARD_COLOURS)]
            under, over = BOARD_EDGES_M
            size = (0.35, high - low, over)
            self._add(ThingKind.GANTRY, self.start + 12.0, 0.0, size, colour, low=under, aside=aside, detail=detail)
        else:
            low, high = right - 14.0, left + 14.0
            size, concrete = (9.0, high - low, 7.9), (0.60, 0.59, 0.57)
            self._add(
                ThingKind.OVERPASS, self.start + 12.0, 0.0, size, concrete, low=5.5, aside=0.5 * (low + high), detail=0
            )
