"""What was read of a scene, in the words of a scenario file: road with its junction, and actors."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from drivesim.scenarios.openscenario.story import State, Story
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_REAR_M, PRESET_SIZES

#: An actor nearer than this to the middle of a lane, and along it, drives in that lane.
_IN_LANE_M, _ALONG_RAD = 1.0, 0.1

#: Offsets from the middle of a lane that are not worth a word.
_OFFSET_M = 0.05

_URBAN_MPS, _RURAL_MPS = 60.0 / 3.6, 110.0 / 3.6
_WIDEST_M, _NARROWEST_M, _MOST_LANES = 6.0, 2.2, 6
#: How far ahead of the ego a scenario's junction lies, metres.
_JUNCTION_M = (20.0, 2000.0)


@dataclasses.dataclass(frozen=True)
class RoadValues:
    """The scenario's ``road``, and whether its lanes lie where those of the file do."""

    written: dict[str, Any]
    lanes_kept: bool


def road_values(story: Story, ego_mps: float) -> RoadValues:
    """Lanes of the ego's direction and of the other, width, bend, limit, and the junction that it leads to."""
    places, road = story.places, story.places.road
    assert road is not None, "the ego's place is on a road"
    own = places.spots[story.ego]
    lane = places.lane_of(own) if road.widths else -1
    beside = min(road.lanes_beside(lane), _MOST_LANES)
    width = road.widths.get(lane, 3.5)
    kept = min(max(width, _NARROWEST_M), _WIDEST_M)
    if kept != width:
        story.notes.append(f"lanes are {width:g} m wide in the road file; {kept:g} m is taken")
    pace = abs(ego_mps)
    kind = road.kind or ("urban" if pace <= _URBAN_MPS else "rural" if pace <= _RURAL_MPS else "motorway")
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
    narrowed = _add_junction(written, story)
    return RoadValues(written, lanes_kept=kept == width and not narrowed)


def _add_junction(written: dict[str, Any], story: Story) -> bool:
    """The junction ahead, with lanes from which the ego's turn is possible; whether lanes had to go for that."""
    found = story.places.junction()
    if found is None:
        return False
    at, facts = found
    if not _JUNCTION_M[0] <= at <= _JUNCTION_M[1]:
        story.notes.append(
            f"the junction {at:.0f} m ahead of the ego is left out; one lies {_JUNCTION_M[0]:g} to {_JUNCTION_M[1]:g} m ahead"
        )
        return False
    story.notes += facts.notes
    story.notes.append("who gives way at the junction is not read; its arms do")
    if written["type"] == "motorway":
        written["type"] = "rural"
    turn = next((one["action"]["turn"]["to"] for one in story.events if "turn" in one["action"]), None)
    lanes, own = int(written["lanes"]), int(written["ego_lane"])
    narrowed = False
    if turn is not None:
        near = "left" if story.places.road is not None and story.places.road.left_hand else "right"
        before = lanes
        lanes, own = (lanes - own + 1, 1) if turn == near else (own, own)
        narrowed = lanes != before
        if narrowed:
            story.notes.append(f"lanes beside the ego's are left out, from which alone one turns {turn} here")
    arm_lanes = 1 if turn is not None else facts.arm_lanes
    written |= {
        "lanes": lanes,
        "ego_lane": own,
        "junction": {"at": round(at, 3), "arms": list(facts.arms), "arm_lanes": arm_lanes},
    }
    return narrowed


def actor_values(state: State, story: Story, *, lanes_kept: bool) -> dict[str, Any]:
    """An actor of the scenario: by how it meets the ego, in a lane with a gap where it drives along one, else at its place."""
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
        written["reacts"] = False
    if state.meets is not None:
        on = {key: state.meets[key] for key in ("lane",) if key in state.meets}
        return written | on | {"meets": {key: value for key, value in state.meets.items() if key not in on}}
    lane = _lane(state, story, lanes_kept=lanes_kept)
    if lane is not None:
        return written | lane
    x, y, yaw = story.places.in_ego_frame(spot, entity.ahead)
    return written | {"at": {"x": round(x + _bumper_shift(state, story), 3), "y": round(y, 3)}, "yaw": round(yaw, 5)}


def _lane(state: State, story: Story, *, lanes_kept: bool) -> dict[str, Any] | None:
    """``lane`` and ``gap`` of who drives along the middle of a lane of the ego's direction; None for all others."""
    entity, spot, places, road = state.entity, state.spot, story.places, story.places.road
    assert spot is not None and road is not None
    if entity.category in ("pedestrian", "traffic_cone", "barrier") or not _along(state, story):
        return None
    own = places.spots[story.ego]
    lane, ego_lane = places.lane_of(spot) if road.widths else -1, places.lane_of(own)
    aside = spot.t - road.centre(lane) - (own.t - road.centre(ego_lane))
    if (lane > 0) != (ego_lane > 0) or abs(aside) > _OFFSET_M or (lane != ego_lane and not lanes_kept):
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
    number = road.lanes_beside(ego_lane) - abs(lane) + 1
    return {"lane": "ego" if lane == ego_lane else number, "gap": round(gap, 3)}


def _along(state: State, story: Story) -> bool:
    """Whether an actor stands along the ego's road, heading as the ego does."""
    assert state.spot is not None
    own = story.places.spots[story.ego]
    return abs(math.remainder(state.spot.heading - own.heading, 2.0 * math.pi)) <= _ALONG_RAD


def _bumper_shift(state: State, story: Story) -> float:
    """By how much further ahead an actor in the ego's way is placed, so that the gap between the bumpers is that of the file."""
    entity, ego, places = state.entity, story.entities[story.ego], story.places
    assert state.spot is not None
    beside = abs(places.in_ego_frame(state.spot)[1]) > (entity.width + ego.width) / 2
    if not _along(state, story) or beside:
        return 0.0
    middle = places.distance_ahead(state.spot) + entity.ahead
    front, rear = ego.ahead + ego.length / 2, ego.length / 2 - ego.ahead
    if state.gap_m is not None:
        ahead = (
            front + state.gap_m + entity.length / 2 if state.gap_m >= 0.0 else state.gap_m - rear - entity.length / 2
        )
        return ahead - middle + (EGO_FRONT_M - front if state.gap_m >= 0.0 else rear - EGO_REAR_M)
    return EGO_FRONT_M - front if middle > 0.0 else rear - EGO_REAR_M
