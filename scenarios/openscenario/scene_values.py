"""What was read of a scene, in the words of a scenario file: road, actors, and how long to film."""

from __future__ import annotations

import math
from typing import Any

from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.story import State, Story
from drivesim.traffic.dimensions import PRESET_SIZES

#: An actor nearer than this to the middle of a lane, and along it, drives in that lane.
_IN_LANE_M, _ALONG_RAD = 1.0, 0.1

#: Offsets from the middle of a lane that are not worth a word.
_OFFSET_M = 0.05

_SHORTEST_S, _LONGEST_S, _AFTERWARDS_S = 4.0, 60.0, 3.0
_URBAN_MPS, _RURAL_MPS = 60.0 / 3.6, 110.0 / 3.6
_WIDEST_M, _NARROWEST_M, _MOST_LANES = 6.0, 2.2, 6


def road_values(story: Story, ego_mps: float) -> dict[str, Any]:
    """The scenario's ``road``: lanes of the ego's direction and of the other, width, bend, limit."""
    places, road = story.places, story.places.road
    assert road is not None, "the ego's place is on a road"
    own = places.spots[story.ego]
    lane = places.lane_of(own) if road.widths else -1
    beside = min(road.lanes_beside(lane), _MOST_LANES)
    width = road.widths.get(lane, 3.5)
    kept = min(max(width, _NARROWEST_M), _WIDEST_M)
    if kept != width:
        story.notes.append(f"lanes are {width:g} m wide in the road file; {kept:g} m is taken")
    kind = road.kind or ("urban" if ego_mps <= _URBAN_MPS else "rural" if ego_mps <= _RURAL_MPS else "motorway")
    written: dict[str, Any] = {
        "type": kind,
        "lanes": beside,
        "ego_lane": max(beside - abs(lane) + 1, 1),
        "lane_width": round(kept, 3),
        "curvature": round(places.facing * road.curvature, 6),
    }
    if road.known:
        written["oncoming_lanes"] = min(sum((other > 0) != (lane > 0) for other in road.widths), _MOST_LANES)
    if road.speed_limit_mps is not None:
        written["speed_limit"] = round(road.speed_limit_mps, 3)
    aside = own.t - road.centre(lane)
    if abs(aside) > _OFFSET_M:
        story.notes.append(
            f"the ego begins {aside:+.2f} m beside the middle of its lane in the file; here in the middle"
        )
    return written


def actor_values(state: State, story: Story) -> dict[str, Any]:
    """An actor of the scenario: in a lane with a gap where it drives along one, else at its place."""
    entity, spot = state.entity, state.spot
    assert spot is not None, "who has no place is left out before"
    written: dict[str, Any] = {"id": entity.id, "class": entity.category}
    if entity.preset in PRESET_SIZES:
        written["preset"] = entity.preset
    if entity.look:
        written["look"] = entity.look
    written["size"] = {name: round(getattr(entity, name), 3) for name in ("length", "width", "height")}
    if entity.category not in ("traffic_cone", "barrier"):
        written["speed"] = round(state.speed_mps or 0.0, 4)
    lane = _lane(state, story)
    if lane is not None:
        return written | lane
    x, y, yaw = story.places.in_ego_frame(spot, entity.ahead)
    return written | {"at": {"x": round(x, 3), "y": round(y, 3)}, "yaw": round(yaw, 5)}


def _lane(state: State, story: Story) -> dict[str, Any] | None:
    """``lane`` and ``gap`` of who drives along a lane of the ego's direction; None for all others."""
    entity, spot, places, road = state.entity, state.spot, story.places, story.places.road
    assert spot is not None and road is not None
    if entity.category in ("pedestrian", "traffic_cone", "barrier"):
        return None
    own = places.spots[story.ego]
    lane, ego_lane = places.lane_of(spot) if road.widths else -1, places.lane_of(own)
    aside = spot.t - road.centre(lane)
    astray = abs(math.remainder(spot.heading - own.heading, 2.0 * math.pi)) > _ALONG_RAD
    if astray or abs(aside) > _IN_LANE_M or (lane > 0) != (ego_lane > 0):
        return None
    ego = story.entities[story.ego]
    middle = places.distance_ahead(spot) + entity.ahead
    gap = middle - entity.length / 2 - (ego.ahead + ego.length / 2)
    behind = middle + entity.length / 2 + (ego.length / 2 - ego.ahead)
    gap = gap if gap >= 0.0 else behind
    if state.gap_m is not None:
        gap = state.gap_m
    elif gap > 0.0 > middle or (gap == behind and behind > 0.0):
        return None  # beside the ego
    if abs(aside) > _OFFSET_M and not state.speed_mps and state.gap_m is None:
        return None  # who stands keeps its place exactly
    if abs(aside) > _OFFSET_M:
        story.notes.append(
            f"'{entity.name}' drives {aside:+.2f} m beside the middle of its lane in the file; here in the middle"
        )
    number = road.lanes_beside(ego_lane) - abs(lane) + 1
    return {"lane": "ego" if lane == ego_lane else number, "gap": round(gap, 3)}


def duration_of(storyboard: Element, story: Story, ego_mps: float, actors: list[dict[str, Any]]) -> float:
    """Seconds to film: as the stop trigger says, else until a while after the ego would be at the farthest actor."""
    stop = storyboard.child("StopTrigger")
    if stop is not None:
        times = [
            story.parameters.number(condition, "value")
            for group in stop.all("ConditionGroup")
            for one in group.all("Condition")
            for by_value in one.all("ByValueCondition")
            for condition in by_value.all("SimulationTimeCondition")
        ]
        unread = list(stop.unread())
        if unread:
            stop.take()
            story.left_out.append(
                f"{stop.where}: <StopTrigger>: only a simulation time ends a scenario here; its other conditions are not read"
            )
        if times and max(times) > 0.0:
            return round(min(max(max(times), 0.1), 36_000.0), 3)
    places, own = story.places, 0.0
    for actor in actors:
        ahead = float(actor["gap"]) if "gap" in actor else float(actor["at"]["x"])
        closing = ego_mps - (float(actor.get("speed", 0.0)) if "gap" in actor else 0.0)
        own = max(own, ahead / closing if closing > 1.0 else 0.0)
    assert places.road is not None
    latest = max((float(event["start"].get("time", 0.0)) + 4.0 for event in story.events), default=0.0)
    return float(math.ceil(min(max(own + _AFTERWARDS_S, latest, _SHORTEST_S), _LONGEST_S)))
