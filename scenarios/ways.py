"""The ways of those who drive as written: along the road, or through its junction, as places by the metres driven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.scenarios.placement import LaneSpot, lane_offset, wanted_turn
from drivesim.traffic.routes import SPACING_M, JunctionRoute, make_route

if TYPE_CHECKING:
    from drivesim.junctions import Leg
    from drivesim.road import Road
    from drivesim.scenarios.concrete import ConcreteActor, ConcreteScenario


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """A line that somebody drives along: ``route`` through the junction, or the road itself at offset ``d``.

    Lengths count in the direction of travel from where one waits before the junction; without a route from there on the
    road where ``begins_s`` is. ``leads`` is +1 along the road and -1 against it.
    """

    road: Road
    route: JunctionRoute | None = None
    begins_s: float = 0.0
    d: float = 0.0
    leads: int = 1

    @property
    def sharpest(self) -> float:
        """The sharpest curvature of a way through a junction, 1/m; 0 along the road."""
        if self.route is None:
            return 0.0
        return float(np.abs(np.gradient(self.route.points[:, 2])).max()) / SPACING_M

    def at(self, lengths: FloatArray | float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """World x, y and heading, each like ``lengths``."""
        if self.route is not None:
            return self.route.at(lengths)
        x, y, yaw = self.road.to_world(self.begins_s + self.leads * np.asarray(lengths, dtype=np.float64), self.d)
        return x, y, yaw if self.leads == 1 else yaw + np.pi


def ego_way(scenario: ConcreteScenario, road: Road) -> tuple[Way, float]:
    """The way of the ego, and the length at which it is at t = 0. Raises ValueError for a turn that leads nowhere."""
    way = _by_lane(scenario, road, "ego", LaneSpot(direction=1, number=scenario.road.ego_lane))
    return way, -way.begins_s


def actor_way(scenario: ConcreteScenario, actor: ConcreteActor, spot: LaneSpot | None, road: Road) -> Way:
    """The way of an actor on the lane ``spot``, or on its arm; lengths of both belong to the middle of its box.

    Raises ValueError for a turn that leads nowhere.
    """
    if actor.arm is None:
        assert spot is not None, "on a lane or on an arm"
        return _by_lane(scenario, road, actor.id, spot)
    turn = wanted_turn(scenario, actor.id)
    ways = [_route(road, actor.arm, one) for one in (("straight", "right", "left") if turn is None else (turn,))]
    found = next((way for way in ways if isinstance(way, JunctionRoute)), ways[0])
    if isinstance(found, str):
        raise ValueError(f"'{actor.id}' comes by the arm on the {actor.arm}: {found}.")
    return Way(road=road, route=found)


def _by_lane(scenario: ConcreteScenario, road: Road, name: str, spot: LaneSpot) -> Way:
    """The way of one on a lane of the road, who may turn off it."""
    turn, offset = wanted_turn(scenario, name), lane_offset(road, spot)
    junction = road.junctions[0] if road.junctions else None
    begins = 0.0 if junction is None else junction.s - spot.direction * junction.reach_m
    if junction is None or turn in (None, "straight"):
        return Way(road=road, begins_s=begins, d=offset, leads=spot.direction)
    found = _route(road, "behind" if spot.direction == 1 else "ahead", turn)
    if isinstance(found, str):
        raise ValueError(f"'{name}' turns {turn}: {found}.")
    return Way(road=road, route=found, begins_s=begins, d=offset, leads=spot.direction)


def _route(road: Road, origin: Leg, turn: str | None) -> JunctionRoute | str:
    return make_route(road, road.junctions[0], origin, turn or "straight")  # type: ignore[arg-type]
