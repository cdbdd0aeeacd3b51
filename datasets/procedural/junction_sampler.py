"""Junctions for random training scenes: where, with which arms, who gives way, and whether the ego turns off."""

from __future__ import annotations

import dataclasses

import numpy as np

from drivesim.junctions import Control, Side, Signals
from drivesim.road import Road
from drivesim.traffic.junction_builder import add_junction
from drivesim.traffic.plans import JunctionTurn, Manoeuvre
from drivesim.traffic.routes import TurnSide, make_route

#: Zebra crossings nearer than this to a junction are left out, metres.
_CROSSING_M = 20.0
_TURN_SHARE = 0.5


def with_junction(
    road: Road, ego_lane: int, ego_speed: float, seed: int, share: float
) -> tuple[Road, tuple[Manoeuvre, ...]]:
    """The road, of a ``share`` of urban and rural ones straightened and with a junction ahead, and what the ego does there.

    Drawn from ``seed`` by itself, so that all other draws of a scene are the same whatever the share.
    Arms on one side or both; priority, stop lines or, in towns, signals; every second ego turns off where its lane leads.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(9,)))
    if road.road_type == "motorway" or rng.random() >= share:
        return road, ()
    at = round(float(rng.uniform(22.0, 50.0)) + float(rng.uniform(0.3, 2.5)) * ego_speed, 1)
    sides: tuple[tuple[Side, ...], ...] = (("left", "right"), ("left",), ("right",))
    arms = sides[int(rng.choice(3, p=[0.5, 0.25, 0.25]))]
    controls: tuple[Control, ...] = ("priority", "stop", "signals")
    control = controls[int(rng.choice(3, p=[0.5, 0.15, 0.35] if road.road_type == "urban" else [0.7, 0.3, 0.0]))]
    signals = Signals(offset_s=float(rng.uniform(0.0, Signals().cycle_s))) if control == "signals" else None
    made = add_junction(_straight(road, at), s=at, arms=arms, control=control, signals=signals)
    turns = [side for side in ("left", "right") if _leads(made, ego_lane, side)]
    if not turns or rng.random() >= _TURN_SHARE:
        return made, ()
    turn = turns[int(rng.integers(len(turns)))]
    return made, (Manoeuvre(id="turn", action=JunctionTurn(to=turn)),)  # type: ignore[arg-type]


def _straight(road: Road, at: float) -> Road:
    """The same cross-section along a straight line, without zebra crossings at a junction ``at`` metres."""
    zero = round(-road.s_start / road.spacing)
    reference = np.zeros_like(road.reference)
    reference[:, 0] = road.s_start + road.spacing * np.arange(len(reference))
    reference[:, 1] = road.reference[zero, 1]
    crossings = tuple(s for s in road.crossings if abs(s - at) > _CROSSING_M)
    return dataclasses.replace(road, reference=reference, crossings=crossings)


def _leads(road: Road, lane: int, turn: TurnSide) -> bool:
    route = make_route(road, road.junctions[0], "behind", turn)
    return not isinstance(route, str) and route.start_lane.number == lane
