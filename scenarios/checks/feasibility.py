"""Rules about what can happen: events that never start or change nothing, curves that nobody takes at that speed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.concrete import ConcreteEvent, ConcreteScenario, LaneMove
from drivesim.scenarios.language.distributions import Value
from drivesim.scenarios.placement import Placed, lane_offset, lane_spot
from drivesim.scenarios.ways import actor_way, ego_way
from drivesim.traffic.dimensions import EGO_FRONT_M
from drivesim.traffic.plans import Brake, Follow, JunctionTurn, Reverse, SpeedChange, Stop, WalkTo

if TYPE_CHECKING:
    from drivesim.road import Road

#: What tyres hold sideways on a dry road, m/s²: about 0.9 g.
MOST_LATERAL_MPS2 = 0.9 * 9.81
#: The greatest acceleration of the quintic of minimum jerk, by distance over time squared (10 / sqrt 3).
_QUINTIC_PEAK = 5.7735
_STANDS_MPS = 0.01


def feasibility_findings(
    corners: Sequence[ConcreteScenario], placed: Sequence[Sequence[Placed]], road: Road
) -> Iterator[Finding]:
    """Events that cannot start, in all of the variations or in some, and speeds that the road's bends do not bear."""
    for index, event in enumerate(corners[0].events):
        reasons = [
            (corner.parameters, reason)
            for corner, row in zip(corners, placed, strict=True)
            if (reason := why_never(corner, corner.events[index], row)) is not None
        ]
        if reasons:
            values, reason = reasons[0]
            share = round(100 * len(reasons) / len(corners))
            where = "" if share == 100 else f"in {max(share, 1)} % of the parameter space ({values_text(values)}) "
            text = f"{where}event '{event.id}' never happens: {reason}"
            yield Finding(code="DS067", text=text, location=("events", index), severity="warning")
    yield from _bends(corners, placed, road)
    yield from _swerves(corners, placed, road)
    yield from _turns(corners, road)


def why_never(scenario: ConcreteScenario, event: ConcreteEvent, placed: Sequence[Placed]) -> str | None:
    """Why an event cannot start, with the way out, or None where it may."""
    end_s, earliest_s = scenario.duration_s, _earliest_s(scenario, event)
    latest_s = math.inf if event.within_s is None else event.within_s
    if earliest_s >= end_s:
        return f"it starts at {earliest_s:g} s or later, and the video ends at {end_s:g} s. Start it sooner, or lengthen 'video: duration'."
    if earliest_s > latest_s:
        return f"it starts at {earliest_s:g} s or later, but 'within' allows it up to {latest_s:g} s. Raise one, or lower the other."
    if isinstance(event.action, LaneMove):
        spot = lane_spot(scenario.road, event.action.to)
        if isinstance(spot, str):
            return spot
    if (reason := _changes_nothing(scenario, event, placed)) is not None:
        return reason
    actor = next((one for one in placed if one.actor.id == event.actor), None)
    if actor is None or not _ego_stands(scenario) or _acts_before(scenario, event):
        return None
    trigger, away, speed = event.trigger, math.hypot(actor.x, actor.y), _speed_along(scenario, actor)
    if trigger.ttc_to_ego_below_s is not None and (-speed if actor.s >= 0.0 else speed) <= _STANDS_MPS:
        return f"the ego stands and '{event.actor}' does not come nearer along the road, so no time to collision runs. Use 'start: {{time: 1 s}}'."
    below = trigger.distance_below_m if trigger.gap_below_m is None else trigger.gap_below_m
    near = abs(actor.s) - EGO_FRONT_M - actor.actor.length / 2.0 if trigger.gap_below_m is not None else away
    if below is not None and near >= below and actor.actor.speed_mps <= _STANDS_MPS:
        return f"the ego and '{event.actor}' stand {near:.0f} m apart, never less than {below:g} m. Use 'start: {{time: 1 s}}'."
    return None


def _changes_nothing(scenario: ConcreteScenario, event: ConcreteEvent, placed: Sequence[Placed]) -> str | None:
    """Why an action leaves everything as it is, where the actor's first event is its action at its own pace."""
    first = next(other for other in scenario.events if other.actor == event.actor)
    actor = next((one for one in placed if one.actor.id == event.actor), None)
    if first.id != event.id or (actor is None and event.actor != "ego"):
        return None
    speed = scenario.ego_speed_mps if actor is None else actor.actor.speed_mps
    later = scenario.ego_target_speed_mps if actor is None else actor.actor.target_speed_mps
    fastest = max(speed, later or 0.0)
    slowest = event.action.to_mps if isinstance(event.action, Brake) else None
    slowest = 0.0 if isinstance(event.action, Stop) else slowest
    if slowest is not None and fastest <= slowest + _STANDS_MPS:
        return f"'{event.actor}' drives at {fastest:.3g} m/s and cannot slow down to {slowest:.3g} m/s. Let it drive faster, or brake further."
    if actor is not None and actor.lane is not None and isinstance(event.action, LaneMove):
        if lane_spot(scenario.road, event.action.to) == actor.lane:
            return f"'{event.actor}' is on that lane from the beginning. Name another lane in 'to'."
        if fastest <= _STANDS_MPS:
            return f"'{event.actor}' stands, and who stands changes no lane. Give it a speed."
    return None


def _earliest_s(scenario: ConcreteScenario, event: ConcreteEvent, depth: int = 0) -> float:
    """The earliest moment at which an event may start: its time, or when the one before it can be done."""
    if event.trigger.at_s is not None:
        return event.trigger.at_s
    if event.trigger.after is None or depth >= len(scenario.events):
        return 0.0
    before = next(one for one in scenario.events if one.id == event.trigger.after)
    takes_s = before.action.over_s if isinstance(before.action, LaneMove) else 0.0
    return _earliest_s(scenario, before, depth + 1) + takes_s


def _ego_stands(scenario: ConcreteScenario) -> bool:
    """Whether the ego stands and is told nothing else."""
    told = [e.action.to_mps for e in scenario.events if e.actor == "ego" and isinstance(e.action, SpeedChange)]
    if any(e.actor == "ego" and isinstance(e.action, Follow | Reverse) for e in scenario.events):
        return False
    return max(scenario.ego_speed_mps, scenario.ego_target_speed_mps, *told) <= _STANDS_MPS


def _acts_before(scenario: ConcreteScenario, event: ConcreteEvent) -> bool:
    """Whether the actor has another event, which may have changed its speed by then."""
    return any(other.actor == event.actor and other.id != event.id for other in scenario.events)


def _speed_along(scenario: ConcreteScenario, placed: Placed) -> float:
    """Speed of an actor at t = 0 along the road, m/s, with the ego's direction positive; who waits to walk stands."""
    if placed.lane is not None:
        return placed.actor.speed_mps * placed.lane.direction
    if any(event.actor == placed.actor.id and isinstance(event.action, WalkTo) for event in scenario.events):
        return 0.0
    along = math.cos(placed.yaw_rad)
    return placed.actor.speed_mps * along if abs(along) > 0.1 else 0.0


def _bends(corners: Sequence[ConcreteScenario], placed: Sequence[Sequence[Placed]], road: Road) -> Iterator[Finding]:
    """Speeds at which the bends of the road ask for more than tyres hold; traffic keeps its speed in bends."""
    given = corners[0].road.curvature
    where: tuple[str | int, ...] = ("scene", "road", "curvature") if given is not None else ("scene", "ego", "speed")
    speeds = {
        "the ego": [max(corner.ego_speed_mps, corner.ego_target_speed_mps, _told(corner, "ego")) for corner in corners]
    }
    for index, one in enumerate(placed[0]):
        if one.lane is not None:
            reached = [(row[index].actor, corner) for row, corner in zip(placed, corners, strict=True)]
            speeds[f"'{one.actor.id}'"] = [
                max(actor.speed_mps, actor.target_speed_mps or 0.0, _told(corner, actor.id))
                for actor, corner in reached
            ]
    for name, all_speeds in speeds.items():
        speed = max(all_speeds)
        curvature = _sharpest(road, speed * corners[0].duration_s) if given is None else abs(given)
        if (bend := _too_sharp(curvature, speed)) is not None:
            text = (
                f"{name} at {speed:.3g} m/s in a bend of {1 / curvature:.0f} m radius needs {bend.needs}, "
                f"tyres hold about 0.9 g. Drive at most {bend.most} there, or bend the road less."
            )
            yield Finding(code="DS068", text=text, location=where, severity="warning")


def _turns(corners: Sequence[ConcreteScenario], road: Road) -> Iterator[Finding]:
    """Turns at a junction that somebody who does not react, and so does not slow down, takes faster than tyres hold."""
    for index, event in enumerate(corners[0].events):
        curvature, speed = max(
            (_turn(corner, corner.events[index], road) for corner in corners), key=lambda one: one[0] * one[1] ** 2
        )
        if (bend := _too_sharp(curvature, speed)) is not None:
            text = (
                f"'{event.actor}' does not react, so it turns at {speed:.3g} m/s where the bend has {1 / curvature:.0f} m radius: that "
                f"needs {bend.needs}, tyres hold about 0.9 g. Write at most {bend.most}, or 'reacts: true', and it slows down."
            )
            yield Finding(code="DS068", text=text, location=("events", index), severity="warning")


class _TooSharp(NamedTuple):
    """What a bend ``needs``, and the ``most`` that can be driven through it, as texts."""

    needs: str
    most: str


def _too_sharp(curvature: float, speed: float) -> _TooSharp | None:
    """Of a bend (1/m) that is driven through at ``speed`` (m/s), if tyres do not hold."""
    lateral = curvature * speed**2
    if lateral <= MOST_LATERAL_MPS2:
        return None
    slower = math.sqrt(MOST_LATERAL_MPS2 / curvature)
    return _TooSharp(needs=f"{lateral / 9.81:.2f} g sideways", most=f"{math.floor(10 * slower) / 10:g} m/s")


def _turn(scenario: ConcreteScenario, event: ConcreteEvent, road: Road) -> tuple[float, float]:
    """The sharpest curvature (1/m) of a turn, and the speed (m/s) of one who does not slow down for it; 0 for others."""
    actor = next((one for one in scenario.actors if one.id == event.actor), None)
    if not isinstance(event.action, JunctionTurn) or (scenario.ego_reacts if actor is None else actor.reacts):
        return 0.0, 0.0
    spot = None if actor is None or actor.lane is None else lane_spot(scenario.road, actor.lane)
    if isinstance(spot, str):
        return 0.0, 0.0
    way = ego_way(scenario, road)[0] if actor is None else actor_way(scenario, actor, spot, road)
    return way.sharpest, scenario.ego_speed_mps if actor is None else actor.speed_mps


def _told(scenario: ConcreteScenario, actor_id: str) -> float:
    """The greatest speed that events ask of an actor, m/s."""
    asked = [e.action.to_mps for e in scenario.events if e.actor == actor_id and isinstance(e.action, SpeedChange)]
    return max(asked, default=0.0)


def _swerves(corners: Sequence[ConcreteScenario], placed: Sequence[Sequence[Placed]], road: Road) -> Iterator[Finding]:
    """Lane changes so quick that tyres would have to hold more sideways than they do."""
    for index, event in enumerate(corners[0].events):
        worst = max(
            _swerve(corner, corner.events[index], row, road) for corner, row in zip(corners, placed, strict=True)
        )
        lateral, offset = worst
        if lateral > MOST_LATERAL_MPS2:
            slower = math.sqrt(_QUINTIC_PEAK * offset / MOST_LATERAL_MPS2)
            text = (
                f"event '{event.id}' moves {offset:.2g} m sideways so quickly that it needs {lateral / 9.81:.2f} g, tyres hold "
                f"about 0.9 g; the simulation takes longer over it. Write at least 'over: {math.ceil(10 * slower) / 10:g} s'."
            )
            where: tuple[str | int, ...] = ("events", index, "action", "lane_change", "over")
            yield Finding(code="DS068", text=text, location=where, severity="warning")


def _swerve(
    scenario: ConcreteScenario, event: ConcreteEvent, placed: Sequence[Placed], road: Road
) -> tuple[float, float]:
    """The greatest acceleration sideways (m/s²) of a lane change as it is written, and how far it leads (m); 0 for others."""
    if not isinstance(event.action, LaneMove):
        return 0.0, 0.0
    spot = lane_spot(scenario.road, event.action.to)
    actor = next((one for one in placed if one.actor.id == event.actor), None)
    if isinstance(spot, str) or (actor is None and event.actor != "ego"):
        return 0.0, 0.0
    offset = abs(lane_offset(road, spot) - (0.0 if actor is None else actor.d))
    return _QUINTIC_PEAK * offset / max(event.action.over_s, 1e-3) ** 2, offset


def _sharpest(road: Road, reach_m: float) -> float:
    """The sharpest curvature (1/m) within ``reach_m`` ahead of the ego, as far as ``road`` was built."""
    s = road.s_start + road.spacing * np.arange(len(road.reference) - 1)
    bends = np.abs(np.diff(road.reference[:, 2])) / road.spacing
    return float(bends[(s >= 0.0) & (s <= reach_m)].max(initial=0.0))


def values_text(values: Mapping[str, Value]) -> str:
    """``gap 25, speed 12.5``: values of parameters as a message shows them."""
    return ", ".join(f"{name} {v:.3g}" if isinstance(v, float) else f"{name} {v}" for name, v in values.items())
