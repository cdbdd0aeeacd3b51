"""Rules about junctions: roads that cannot have one, who comes by which arm, and turns that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.concrete import road_plan
from drivesim.scenarios.language.events import EGO, FollowAction, LaneChangeAction, ReverseAction
from drivesim.scenarios.language.junctions import JunctionSpec, TurnAction
from drivesim.scenarios.language.values import reference_name
from drivesim.scenarios.placement import lane_spot

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import ActorSpec, Scenario

_ON_FOOT_OR_FIXED = ("pedestrian", "traffic_cone", "barrier")
#: Zebra crossings keep this far from the middle of a junction, metres.
_CROSSING_M = 20.0
Location = tuple[str | int, ...]


def junction_findings(scenario: Scenario) -> Iterator[Finding]:
    """What is wrong with the junction of a scenario, and with those who come by its arms or turn there."""
    junction = scenario.scene.road.junction
    if junction is not None:
        yield from _road(scenario, junction)
    for index, actor in enumerate(scenario.scene.actors):
        yield from _comer(scenario, junction, actor, ("scene", "actors", index))
    for index, event in enumerate(scenario.events):
        if isinstance(event.action, TurnAction):
            yield from _turn(scenario, junction, event.actor, event.action.turn.to, ("events", index, "action", "turn"))
    yield from _on_arms(scenario)


def _road(scenario: Scenario, junction: JunctionSpec) -> Iterator[Finding]:
    road, where = scenario.scene.road, ("scene", "road", "junction")
    faults: list[tuple[str, Location]] = []
    if road.type == "motorway":
        faults.append(("a motorway has no junctions. Write 'type: urban' or 'type: rural', or 'ramp' instead.", where))
    if road.curvature not in (None, 0.0):
        text = f"a junction lies on a straight road, and 'curvature' is {road.curvature:g}. Leave it out, or write 0."
        faults.append((text, ("scene", "road", "curvature")))
    if road.ramp is not None:
        faults.append(("a road has a junction or a ramp, not both. Leave one out.", ("scene", "road", "ramp")))
    for number, crossing in enumerate(road.crossings):
        if isinstance(crossing, float) and abs(crossing - junction.at) < _CROSSING_M:
            text = (
                f"the zebra crossing at {crossing:g} m lies in the junction at {junction.at:g} m. Keep {_CROSSING_M:g} m "
                f"away: at most {junction.at - _CROSSING_M:g} m, or at least {junction.at + _CROSSING_M:g} m."
            )
            faults.append((text, ("scene", "road", "crossings", number)))
    if len(set(junction.arms)) != len(junction.arms) or not junction.arms:
        faults.append(
            ("a junction has an arm on the left, on the right, or both. Write [left, right].", (*where, "arms"))
        )
    if junction.signals is not None and junction.control != "signals":
        text = f"'signals' tells times, but 'control' is {junction.control}. Write 'control: signals', or leave the times out."
        faults.append((text, (*where, "signals")))
    for text, location in faults:
        yield Finding(code="DS050", text=text, location=location)


def _comer(
    scenario: Scenario, junction: JunctionSpec | None, actor: ActorSpec, location: Location
) -> Iterator[Finding]:
    if actor.arm is None:
        if actor.to_line is not None:
            text = f"actor '{actor.id}' has 'to_line' but no 'arm'. Add 'arm: left' or 'arm: right'."
            yield Finding(code="DS046", text=text, location=location)
        return
    if actor.meets is not None:
        pass  # what is wrong with that the rules about meetings tell
    elif actor.lane is not None or actor.gap is not None or actor.at is not None:
        text = f"actor '{actor.id}' has both 'arm' and another place. Keep one: 'arm'+'to_line', 'lane'+'gap', or 'at'."
        yield Finding(code="DS045", text=text, location=location)
    elif actor.to_line is None:
        text = f"actor '{actor.id}' has 'arm' but no 'to_line', metres from its front to the stop line. Add 'to_line: 20 m'."
        yield Finding(code="DS046", text=text, location=location)
    if junction is None or actor.arm not in junction.arms:
        what = "the road has no junction" if junction is None else f"the junction has no arm on the {actor.arm}"
        text = f"actor '{actor.id}': {what}. Add 'junction: {{at: 60 m, arms: [{actor.arm}]}}' to 'road'."
        yield Finding(code="DS047", text=text, location=(*location, "arm"))
    if actor.category in _ON_FOOT_OR_FIXED or actor.parked is True or actor.yaw is not None:
        text = f"actor '{actor.id}' does not drive along an arm as it is written. Place it with 'at: {{x: …, y: …}}'."
        yield Finding(code="DS049", text=text, location=location)


def _turn(
    scenario: Scenario, junction: JunctionSpec | None, actor_id: str, to: str, location: Location
) -> Iterator[Finding]:
    actor = next((one for one in scenario.scene.actors if one.id == actor_id), None)
    if junction is None:
        text = f"'{actor_id}' cannot turn: the road has no junction. Add 'junction: {{at: 60 m}}' to 'road'."
        yield Finding(code="DS051", text=text, location=location)
        return
    if actor is not None and (actor.category in _ON_FOOT_OR_FIXED or actor.parked is True or not _on_a_lane(actor)):
        text = f"'{actor_id}' does not drive along a lane and so cannot turn. Place a vehicle by 'lane'+'gap' or 'arm'+'to_line'."
        yield Finding(code="DS049", text=text, location=location)
        return
    if reference_name(to):
        return
    why = _leads_nowhere(scenario, junction, actor, to) or _wrong_lane(scenario, actor_id, actor, to)
    if why is not None:
        yield Finding(code="DS051", text=f"'{actor_id}' cannot turn {to}: {why}", location=location)


def _on_a_lane(actor: ActorSpec) -> bool:
    """Whether an actor is placed on a lane of the road or of an arm."""
    return actor.at is None and (actor.meets is None or actor.lane is not None or actor.arm is not None)


def _leads_nowhere(scenario: Scenario, junction: JunctionSpec, actor: ActorSpec | None, to: str) -> str | None:
    oncoming = actor is not None and actor.lane == "oncoming"
    plan = road_plan(scenario)
    if actor is not None and actor.arm is not None:
        opposite = "left" if actor.arm == "right" else "right"
        if to == "straight" and opposite not in junction.arms:
            return f"the junction has no arm on the {opposite}. Write 'arms: [left, right]', or turn left or right."
        if to == actor.arm and plan.num_oncoming_lanes == 0:
            return "no lane leads there on a one-way road. Turn the other way, or leave out 'oncoming_lanes: 0'."
        return None
    side = {"left": "right", "right": "left"}.get(to, to) if oncoming else to
    if side != "straight" and side not in junction.arms:
        seen = " (an oncoming driver's left is the ego's right)" if oncoming else ""
        return f"the junction has no arm on the {side}{seen}. Add it to 'arms', or turn another way."
    return None


def _wrong_lane(scenario: Scenario, actor_id: str, actor: ActorSpec | None, to: str) -> str | None:
    """Why the lane that somebody is on does not lead there, unless he changes it before."""
    if to == "straight" or (actor is not None and actor.arm is not None):
        return None
    if any(event.actor == actor_id and isinstance(event.action, LaneChangeAction) for event in scenario.events):
        return None
    plan = road_plan(scenario)
    spot = lane_spot(plan, "ego" if actor is None else actor.lane if actor.lane is not None else "ego")
    if isinstance(spot, str) or (actor is not None and reference_name(actor.lane)):
        return None
    count = plan.lanes if spot.direction == 1 else plan.num_oncoming_lanes
    due = 1 if to == plan.side else count
    if spot.number != due:
        lane = "'ego_lane'" if actor is None else "'lane'"
        return f"it is on lane {spot.number}, and lane {due} of {count} leads there. Change {lane}, or let it change lanes before."
    return None


def _on_arms(scenario: Scenario) -> Iterator[Finding]:
    """What nobody can do on an arm: change lanes, follow by script, reverse."""
    by_arm = {actor.id for actor in scenario.scene.actors if actor.arm is not None}
    turning = {
        event.actor
        for event in scenario.events
        if isinstance(event.action, TurnAction) and event.action.turn.to != "straight"
    }
    for index, event in enumerate(scenario.events):
        acts = isinstance(event.action, LaneChangeAction | FollowAction | ReverseAction)
        after = getattr(event.start, "after", None)
        turns_before = any(
            other.id == after and other.actor == event.actor and isinstance(other.action, TurnAction)
            for other in scenario.events
        )
        if not acts or (event.actor == EGO and event.actor not in turning):
            continue
        if event.actor in by_arm or (event.actor in turning and turns_before):
            text = (
                f"'{event.actor}' is on an arm of the junction then, where nobody changes lanes, follows by script or "
                "reverses. Use speed, brake or stop there, or let it do so before it turns."
            )
            yield Finding(code="DS049", text=text, location=("events", index, "action"))
