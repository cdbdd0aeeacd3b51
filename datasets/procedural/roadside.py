"""What stands beside the road: a pure function of the appearance seed and the stretch of road, cut into 24 m buckets.

Nothing is stored for the road as a whole, so the world is as long as the drive and costs the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.datasets.procedural import street_furniture as furniture
from drivesim.datasets.procedural.lighting import Lighting
from drivesim.datasets.procedural.palette import Palette
from drivesim.datasets.procedural.shadows import shadow_reach, swept_shadow
from drivesim.datasets.procedural.shapes import Shape
from drivesim.datasets.procedural.street_lamps import LAMP_SPACING_M, lamp_light, paved_edges
from drivesim.noise import NoiseStream
from drivesim.road import Road

BUCKET_M = 24.0
_FIRST_BUCKET = 1 << 20


@dataclass(frozen=True, eq=False)
class Standing:
    """One thing beside the road: its shape in the world, ``order`` the ground point (x, y) that sorts it, and its road
    coordinates; ``shadow`` outlines (N, 2) its cast shadow on the ground, ``lamp_light`` is the light it stands in."""

    shape: Shape
    order: tuple[float, float]
    s: float
    d: float
    shadow: np.ndarray | None = None
    lamp_light: float = 0.0


_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 10)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 10)[:-1])], 1)


def _block(length: float, depth: float, side: int) -> np.ndarray:
    half = 0.5 * length
    return np.array([[half, 0.0], [half, side * depth], [-half, side * depth], [-half, 0.0]])


class Roadside:
    """Makes, and remembers for a while, the buckets of one world."""

    def __init__(self, road: Road, palette: Palette, lighting: Lighting, appearance_seed: int) -> None:
        self.road, self.palette = road, palette
        self._reach = shadow_reach(lighting)
        self._noise = NoiseStream(appearance_seed).named("roadside")
        self._lamps = lighting.street_lights or road.road_type == "urban"
        self._lit = lighting.street_lights
        self._snow = min(1.0, 1.5 * lighting.snow)
        self._buckets: dict[int, list[Standing]] = {}
        character = self._noise.named("character").rng()
        self._trees = character.uniform(0.25, 0.9)
        self._gap = character.uniform(1.0, 4.0)
        self._storeys = int(character.integers(2, 6))

    def standing(self, bucket: int) -> list[Standing]:
        """Everything whose foot lies in s from ``bucket`` * 24 m on, for 24 m."""
        if bucket not in self._buckets:
            if len(self._buckets) > 64:
                self._buckets.clear()
            self._buckets[bucket] = self._make(bucket)
        return self._buckets[bucket]

    def _light(self, s: float, d: float) -> float:
        if not self._lit:
            return 0.0
        return float(lamp_light(np.array([s]), np.array([d]), paved_edges(self.road, s))[0])

    def _make(self, bucket: int) -> list[Standing]:
        rng = self._noise.child(bucket + _FIRST_BUCKET).rng()
        start = bucket * BUCKET_M
        right, left = paved_edges(self.road, start + 0.5 * BUCKET_M)
        things: list[Standing] = []
        for side, edge in ((-1, -right), (1, left)):
            match self.road.road_type:
                case "urban":
                    self._urban(things, rng, start, side, edge)
                case "rural":
                    self._rural(things, rng, start, side, edge)
                case "motorway":
                    self._motorway(things, rng, start, side, edge)
            if self._lamps:
                self._lamp(things, start, side, edge)
        self._crossings(things, start, right, left)
        if self.road.road_type == "motorway":
            self._medians(things, start)
            if rng.random() < 0.035:
                self._overhead(things, rng, start, right, left)
        return things

    def _add(
        self,
        things: list[Standing],
        shape: Shape,
        s: float,
        d: float,
        turn: float = 0.0,
        order: tuple[float, float] | None = None,
        ground: np.ndarray | None = None,
        low: float = 0.0,
        high: float = 0.0,
    ) -> None:
        x, y, yaw = (float(v) for v in self.road.to_world(s, d))
        order_x, order_y, _ = (float(v) for v in self.road.to_world(*(order or (s, d))))
        shadow = None
        if ground is not None and self._reach is not None:
            cosine, sine = np.cos(yaw), np.sin(yaw)
            footprint = ground @ np.array([[cosine, sine], [-sine, cosine]]) + np.array([x, y])
            shadow = swept_shadow(footprint, self._reach, low, high)
        placed = shape.placed(x, y, 0.0, yaw + turn)
        things.append(Standing(placed, (order_x, order_y), s, d, shadow, self._light(s, d)))

    def _tree(self, things: list[Standing], rng: np.random.Generator, s: float, d: float, small: float = 1.0) -> None:
        height = rng.uniform(5.0, 9.5) * small
        conifer = rng.random() < 0.25
        self._add(
            things,
            furniture.tree(rng, height, self.palette.grass, conifer, self._snow),
            s,
            d,
            ground=_CIRCLE * 0.24 * height,
            low=0.35 * height,
            high=0.9 * height,
        )

    def _urban(self, things: list[Standing], rng: np.random.Generator, start: float, side: int, edge: float) -> None:
        front = edge + self._gap
        position = start
        while position < start + BUCKET_M - 0.5:
            length = 12.0
            if rng.random() < 0.86:
                storeys = max(1, self._storeys + int(rng.integers(-1, 2)))
                wall = self.palette.walls[int(rng.integers(len(self.palette.walls)))]
                setback = float(rng.choice([0.0, 0.0, 0.6, 1.5]))
                gap = float(rng.choice([0.0, 0.0, 1.0]))
                shape = furniture.building(rng, length - gap, 11.0, storeys, wall, side, self._lit_share(), self._snow)
                d = side * (front + setback)
                self._add(
                    things,
                    shape,
                    position + 0.5 * length,
                    d,
                    order=(position + length, d),
                    ground=_block(length - gap, 11.0, side),
                    high=3.1 * storeys,
                )
            else:
                self._tree(things, rng, position + 6.0, side * (front + 5.0))
            position += length
        if rng.random() < self._trees * 0.6:
            self._tree(things, rng, start + rng.uniform(5.0, 19.0), side * (edge - 0.55), small=0.62)
        if rng.random() < 0.25:
            self._add(things, furniture.sign(rng), start + rng.uniform(2.0, 22.0), side * (edge - 0.4))
        if rng.random() < 0.2:
            self._add(things, furniture.bin_or_box(rng), start + rng.uniform(2.0, 22.0), side * (edge - 0.5))

    def _lit_share(self) -> float:
        return 0.35 if self._lit else 0.0

    def _rural(self, things: list[Standing], rng: np.random.Generator, start: float, side: int, edge: float) -> None:
        for _ in range(int(rng.poisson(2.2 * self._trees))):
            self._tree(things, rng, start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(3.5, 14.0)))
        for _ in range(int(rng.poisson(0.9))):
            self._tree(things, rng, start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(18.0, 60.0)))
        for _ in range(int(rng.poisson(0.7))):
            self._add(
                things,
                furniture.bush(rng, self.palette.grass, self._snow),
                start + rng.uniform(0.0, BUCKET_M),
                side * (edge + rng.uniform(2.0, 9.0)),
            )
        if rng.random() < 0.06:
            wall = self.palette.walls[int(rng.integers(len(self.palette.walls)))]
            d = side * (edge + rng.uniform(10.0, 20.0))
            shape = furniture.house(rng, wall, side, self._lit_share(), self._snow)
            self._add(things, shape, start + 12.0, d, order=(start + 18.0, d), ground=_block(11.0, 8.0, side), high=4.2)
        self._add(things, furniture.marker_post(side), start + 6.0, side * (edge + 0.6))
        if rng.random() < 0.06:
            self._add(things, furniture.sign(rng), start + 14.0, side * (edge + 1.2))

    def _motorway(self, things: list[Standing], rng: np.random.Generator, start: float, side: int, edge: float) -> None:
        if self._noise.child(int(start // 240.0) + _FIRST_BUCKET, side + 1).rng().random() < 0.6:
            self._rail(things, start, side * (edge + 0.8), -side)
        self._add(things, furniture.marker_post(side), start + 12.0, side * (edge + 0.45))
        for _ in range(int(rng.poisson(1.8 * self._trees))):
            self._tree(things, rng, start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(6.0, 22.0)))
        for _ in range(int(rng.poisson(1.0))):
            self._tree(things, rng, start + rng.uniform(0.0, BUCKET_M), side * (edge + rng.uniform(24.0, 70.0)))
        if rng.random() < 0.05:
            self._add(things, furniture.direction_board(rng), start + 9.0, side * (edge + 3.6))

    def _rail(self, things: list[Standing], start: float, d: float, facing: int) -> None:
        for piece in range(6):
            s = start + 4.0 * piece
            x0, y0, _yaw = (float(v) for v in self.road.to_world(s, d))
            x1, y1, _ = (float(v) for v in self.road.to_world(s + 4.0, d))
            shape = furniture.guard_rail((x0, y0), (x1, y1))
            things.append(Standing(shape, (x0, y0), s, d, None, self._light(s, d)))

    def _medians(self, things: list[Standing], start: float) -> None:
        for strip in self.road.strips:
            if strip.kind == "median" and strip.s_start <= start <= strip.s_end:
                wide = strip.left - strip.right
                offsets = (0.5 * (strip.left + strip.right),) if wide < 2.5 else (strip.right + 0.5, strip.left - 0.5)
                for d in offsets:
                    self._rail(things, start, d, 1)

    def _lamp(self, things: list[Standing], start: float, side: int, edge: float) -> None:
        first = np.ceil((start - (0.5 * LAMP_SPACING_M if side > 0 else 0.0)) / LAMP_SPACING_M) * LAMP_SPACING_M
        s = first + (0.5 * LAMP_SPACING_M if side > 0 else 0.0)
        if start <= s < start + BUCKET_M:
            inset = 0.7 if self.road.road_type == "urban" else -1.2
            self._add(things, furniture.street_lamp(side, self._lit), s, side * (edge - inset))

    def _crossings(self, things: list[Standing], start: float, right: float, left: float) -> None:
        for crossing in self.road.crossings:
            if start <= crossing < start + BUCKET_M and self.road.road_type == "urban":
                for side, edge in ((-1, -right), (1, left)):
                    kerbs = [abs(k) for k in self.road.kerbs if k * side > 0]
                    d = side * (max(kerbs) + 0.6 if kerbs else edge - 0.5)
                    self._add(
                        things,
                        furniture.traffic_light(side),
                        crossing - 3.0 * -side,
                        d,
                        turn=0.0 if side < 0 else np.pi,
                    )

    def _overhead(
        self, things: list[Standing], rng: np.random.Generator, start: float, right: float, left: float
    ) -> None:
        if rng.random() < 0.5:
            self._add(things, furniture.gantry(rng, right - 1.5, left + 1.5), start + 12.0, 0.0)
        else:
            self._add(things, furniture.overpass(right - 14.0, left + 14.0), start + 12.0, 0.0)
