"""The look of what stands beside the road: the scene says where things stand, this makes shapes and shadows of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.renderer import street_furniture as furniture
from drivesim.renderer.lighting import Lighting
from drivesim.renderer.shadows import shadow_reach, swept_shadow
from drivesim.renderer.shapes import Shape
from drivesim.renderer.street_lamps import lamp_light
from drivesim.scenery import STOREY_M, Scenery, Thing, ThingKind, paved_edges


@dataclass(frozen=True, eq=False)
class StandingObject:
    """One thing beside the road: its shape in the world, ``order`` the ground point (x, y) that sorts it, and its road
    coordinates; ``shadow`` outlines (N, 2) its cast shadow on the ground, ``lamp_light`` is the light it stands in."""

    shape: Shape
    order: tuple[float, float]
    s: float
    d: float
    shadow: np.ndarray | None = None
    lamp_light: float = 0.0


_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 10)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 10)[:-1])], 1)


_MOST_BUCKETS = 1 << 20


class Roadside:
    """Shapes of the scenery of one world; remembers buckets for a while."""

    def __init__(self, scenery: Scenery, lighting: Lighting) -> None:
        self.scenery = scenery
        self._reach = shadow_reach(lighting)
        self._lit = lighting.street_lights
        self._snow = min(1.0, 1.5 * lighting.snow)
        self._buckets: dict[int, list[StandingObject]] = {}
        self._signals: dict[Thing, StandingObject] = {}

    def standing(self, bucket: int) -> list[StandingObject]:
        """Everything that the scenery has in a bucket."""
        if bucket not in self._buckets:
            if len(self._buckets) > 64:
                self._buckets.clear()
            self._buckets[bucket] = [self._standing(thing) for thing in self.scenery.bucket(bucket)]
        return self._buckets[bucket]

    def signal(self, head: Thing) -> StandingObject:
        """A signal head as it is now."""
        if head not in self._signals:
            self._signals[head] = self._standing(head)
        return self._signals[head]

    def on_arm(self, number: int, bucket: int) -> list[StandingObject]:
        """Everything that the scenery has in a bucket along an arm."""
        key = -1 - (number * _MOST_BUCKETS + bucket)
        if key not in self._buckets:
            if len(self._buckets) > 64:
                self._buckets.clear()
            self._buckets[key] = [self._standing(thing) for thing in self.scenery.arm_bucket(number, bucket)]
        return self._buckets[key]

    def shape(self, thing: Thing) -> Shape:
        """The shape of a thing where it stands in the world."""
        local = self._shape(thing)
        if thing.kind is ThingKind.GUARD_RAIL:  # a rail's pieces are made between two points of the world
            return local
        return local.placed(thing.x, thing.y, 0.0, thing.yaw_rad)

    def _standing(self, thing: Thing) -> StandingObject:
        return StandingObject(
            self.shape(thing), thing.order, thing.s, thing.d, self._shadow(thing), self._light(thing.s, thing.d)
        )

    def _light(self, s: float, d: float) -> float:
        if not self._lit:
            return 0.0
        return float(lamp_light(np.array([s]), np.array([d]), paved_edges(self.scenery.road, s))[0])

    def _shape(self, thing: Thing) -> Shape:
        lit_share, snow = (0.35 if self._lit else 0.0), self._snow
        low, high = thing.aside - 0.5 * thing.width, thing.aside + 0.5 * thing.width
        match thing.kind:
            case ThingKind.BUILDING:
                return furniture.building(thing, lit_share, snow)
            case ThingKind.HOUSE:
                return furniture.house(thing, lit_share, snow)
            case ThingKind.OVERPASS:
                return furniture.overpass(low, high)
            case ThingKind.TREE | ThingKind.CONIFER:
                return furniture.tree(thing, snow)
            case ThingKind.BUSH:
                return furniture.bush(thing, snow)
            case ThingKind.SIGN:
                return furniture.sign(thing)
            case ThingKind.DIRECTION_BOARD:
                return furniture.direction_board(thing.colour)
            case ThingKind.GANTRY:
                return furniture.gantry(thing.colour, low, high)
            case ThingKind.MARKER_POST:
                return furniture.marker_post(thing.side)
            case ThingKind.STREET_LAMP:
                return furniture.street_lamp(thing.side, self._lit)
            case ThingKind.TRAFFIC_LIGHT:
                return furniture.traffic_light(thing.detail)
            case ThingKind.BIN | ThingKind.CABINET:
                return furniture.bin_or_box(thing)
            case ThingKind.GUARD_RAIL:
                ahead = 0.5 * thing.length * np.array([np.cos(thing.yaw_rad), np.sin(thing.yaw_rad)])
                return furniture.guard_rail(
                    (thing.x - ahead[0], thing.y - ahead[1]), (thing.x + ahead[0], thing.y + ahead[1])
                )

    def _shadow(self, thing: Thing) -> np.ndarray | None:
        """Outline of the shadow of trees and houses; of thin things it is too thin to see."""
        if self._reach is None:
            return None
        if thing.kind in (ThingKind.TREE, ThingKind.CONIFER):
            height = thing.high if thing.kind is ThingKind.CONIFER else thing.high / 0.95
            ground, low, high = _CIRCLE * 0.24 * height, 0.35 * height, 0.9 * height
        elif thing.kind in (ThingKind.BUILDING, ThingKind.HOUSE):
            half, depth = 0.5 * thing.length, thing.side * thing.width
            ground = np.array([[half, 0.0], [half, depth], [-half, depth], [-half, 0.0]])
            low, high = 0.0, (STOREY_M * thing.storeys if thing.kind is ThingKind.BUILDING else 4.2)
        else:
            return None
        cosine, sine = np.cos(thing.yaw_rad), np.sin(thing.yaw_rad)
        footprint = ground @ np.array([[cosine, sine], [-sine, cosine]]) + np.array([thing.x, thing.y])
        return swept_shadow(footprint, self._reach, low, high)
