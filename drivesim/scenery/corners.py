"""What makes room where roads meet: nothing stands in the mouth of an arm, and nothing of an arm's in its road."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.junctions import Arm, arm_coordinates
from drivesim.road import Road, strip_edges
from drivesim.scenery.things import Thing, ThingKind

#: Clear of pavements, and how deep the houses along the road reach back from its edge, metres.
_CLEAR_M, _ROW_M = 0.4, 19.0
_SHARES = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 7), np.linspace(-0.5, 0.5, 5)), -1).reshape(-1, 2)


def clear_of_arms(road: Road, things: Iterable[Thing]) -> list[Thing]:
    """Those things beside a road that stand in none of its arms."""
    arms = [arm for junction in road.junctions for arm in junction.arms]
    return [thing for thing in things if not any(_stands_in(arm, thing) for arm in arms)]


def beside_arm(arm: Arm, things: Iterable[Thing]) -> list[Thing]:
    """Those things beside an arm that the road which it joins, and the houses along that, leave room for.

    Arms have no lamps: what a lamp lights up is told along the road only.
    """
    return [
        thing
        for thing in things
        if thing.kind is not ThingKind.STREET_LAMP
        and thing.s - 0.5 * thing.length > arm.mouth_s + (_ROW_M if thing.kind.scenery_class == "building" else 11.0)
    ]


def _outline(thing: Thing) -> tuple[FloatArray, FloatArray]:
    """World x, y of points all over the footprint of a thing."""
    along, across = _SHARES[:, 0] * thing.length, _SHARES[:, 1] * thing.width + thing.aside
    cosine, sine = np.cos(thing.yaw_rad), np.sin(thing.yaw_rad)
    return thing.x + along * cosine - across * sine, thing.y + along * sine + across * cosine


def _stands_in(arm: Arm, thing: Thing) -> bool:
    s, d = arm_coordinates(arm, *_outline(thing))
    beyond = s > arm.mouth_s - 0.5
    if not beyond.any():
        return False
    s, d = s[beyond], d[beyond]
    edges = [strip_edges(strip, s) for strip in arm.road.strips]
    right = np.min([low for low, _ in edges], axis=0) - _CLEAR_M
    left = np.max([high for _, high in edges], axis=0) + _CLEAR_M
    return bool(((d > right) & (d < left)).any())
