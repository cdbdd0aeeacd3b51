"""Rules about actions: what an actor cannot do, whatever the moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.concrete import road_plan
from drivesim.scenarios.language.base import single_key
from drivesim.scenarios.language.events import (
    EGO,
    Event,
    FollowAction,
    LaneChangeAction,
    OpenDoorAction,
    ReverseAction,
    WalkAction,
)
from drivesim.scenarios.language.junctions import TurnAction
from drivesim.scenarios.language.values import reference_name, suggestion
from drivesim.scenarios.placement import lane_spot

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import ActorSpec, Scenario

WALKS = "pedestrian"
_WITH_DOORS = ("car", "truck")
STANDS = ("traffic_cone", "barrier")
Location = tuple[str | int, ...]


def action_findings(scenario: Scenario, event: Event, location: Location) -> Iterator[Finding]:
    """An action that does not suit its actor, or names a lane or an actor that is not there."""
    actor = next((one for one in scenario.scene.actors if one.id == event.actor), None)
    where = (*location, "action")
    unsuited = _unsuited(event, actor)
    if unsuited is not None:
        yield Finding(code="DS049", text=unsuited, location=where)
    elif isinstance(event.action, LaneChangeAction) and not reference_name(event.action.lane_change.to):
        spot = lane_spot(road_plan(scenario), event.action.lane_change.to)
        if isinstance(spot, str):
            yield Finding(code="DS047", text=f"event '{event.id}': {spot}", location=(*where, "lane_change", "to"))
    elif isinstance(event.action, FollowAction):
        yield from _followed(scenario, event, event.action.follow.actor, (*where, "follow", "actor"))


def _unsuited(event: Event, actor: ActorSpec | None) -> str | None:
    """Why who acts cannot do that, None where he can; ``actor`` None is the ego."""
    action, kind = event.action, single_key(event.action)
    on_foot = actor is not None and actor.category == WALKS
    if isinstance(action, OpenDoorAction):
        return _no_door(event, actor)
    if actor is not None and (actor.parked is True or actor.category in STANDS):
        why = "is parked" if actor.parked else f"is a {actor.category}"
        return f"actor '{actor.id}' {why} and cannot act. Remove the event."
    if isinstance(action, WalkAction):
        if actor is not None and actor.meets is not None:
            return f"'{actor.id}' goes straight to where it 'meets' the ego. Remove 'walk_to', or place it by 'at'."
        if not on_foot:
            return f"'{event.actor}' is not a pedestrian and cannot walk. Use lane_change or speed."
        if actor is not None and actor.speed == 0.0 and actor.target_speed in (None, 0.0):
            return (
                f"'{actor.id}' walks at 0 m/s and so never arrives. Write its pace as 'speed: 1.4 m/s': it stands until "
                "walk_to starts."
            )
    elif on_foot and isinstance(action, LaneChangeAction | FollowAction | ReverseAction | TurnAction):
        why = "has no lane to change" if kind == "lane_change" else f"does not {kind}"
        return f"'{event.actor}' is a pedestrian and {why}. Use {{walk_to: {{y: 6 m}}}}."
    return None


def _no_door(event: Event, actor: ActorSpec | None) -> str | None:
    """Why somebody has no door that opens, None where he has."""
    if actor is None:
        return "the ego's own door is not in the picture, so it is not simulated. Open that of a parked car."
    if actor.category not in _WITH_DOORS:
        return f"'{actor.id}' is a {actor.category} and has no door that opens. Use a car or truck with 'parked: true'."
    if not actor.parked:
        return f"'{actor.id}' is not parked, and doors open only where somebody stands. Add 'parked: true'."
    return None


def _followed(scenario: Scenario, event: Event, lead: str, location: Location) -> Iterator[Finding]:
    actors = {actor.id: actor for actor in scenario.scene.actors}
    if lead == event.actor:
        text = f"'{lead}' cannot follow itself. Name another actor, or 'ego'."
        yield Finding(code="DS049", text=text, location=location)
    elif lead != EGO and lead not in actors:
        near = suggestion(lead, [EGO, *actors])
        hint = f" Did you mean '{near}'?" if near else ""
        text = f"there is no actor '{lead}' (has: {', '.join([EGO, *actors])}).{hint}"
        yield Finding(code="DS043", text=text, location=location)
    elif lead != EGO and (actors[lead].category in (WALKS, *STANDS) or actors[lead].parked is True):
        text = f"'{lead}' does not drive along the road, so nobody can follow it. Name a vehicle that drives, or 'ego'."
        yield Finding(code="DS049", text=text, location=location)
