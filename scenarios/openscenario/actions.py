"""Actions of participants in a scenario's words: speeds, lanes, distances, ways and meetings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.paths import Path, read_trajectory
from drivesim.scenarios.openscenario.triggers import StartTrigger

if TYPE_CHECKING:
    from drivesim.scenarios.openscenario.story import Story

#: Shortest time over which a change of speed is written; OpenSCENARIO's steps take none.
_STEP_S = 0.1
#: A way that ends that near to the middle of another lane, along it, changes to that lane.
_INTO_LANE_M, _ALONG_RAD = 0.7, math.radians(10.0)


@dataclass(frozen=True)
class Written:
    """An action in a scenario's words, empty where it only sets the scene, and how long it lasts (s), None if nobody knows."""

    action: dict[str, Any]
    lasts_s: float | None


def written_action(
    story: Story, kind: Element, actor: str, due: StartTrigger, parameters: Parameters
) -> Written | None:
    """The action in a scenario's words; None where it is left out, which is then listed. Raises InputError for what is broken."""
    from drivesim.scenarios.openscenario.synchronized import synchronize

    outer = ("LongitudinalAction", "LateralAction", "RoutingAction")
    inner = kind.children[0] if kind.children and kind.tag in outer else kind
    inner.read = True
    walks = walks_on_foot(story, actor)
    match inner.tag:
        case "SpeedAction":
            return _speed(story, inner, actor, parameters)
        case "LaneChangeAction":
            return _lane_change(story, inner, actor, parameters)
        case "LongitudinalDistanceAction" if due.time_s == 0.0:
            return set_distance(story, inner, actor, parameters)
        case "FollowTrajectoryAction" if walks:
            return _walk(story, inner, actor, parameters)
        case "FollowTrajectoryAction" if actor != story.ego:
            return _drive_along(story, inner, actor, due, parameters)
        case "AcquirePositionAction" if walks:
            spot = story.places.of(inner.need("Position"), parameters)
            here = story.states[actor].spot
            return _walk_along(story, inner, actor, Path.through([*([here] if here is not None else []), spot]))
        case "SynchronizeAction" if actor != story.ego:
            return synchronize(story, inner, actor, due, parameters)
    here_only = " here" if inner.tag.startswith("Longit") else ""
    story.leave(kind, f"<{inner.tag}> of '{actor}' is not read{here_only}")
    return None


def walks_on_foot(story: Story, actor: str) -> bool:
    """Whether an actor is a pedestrian."""
    return story.entities[actor].category == "pedestrian"


def followed_way(action: Element, story: Story, actor: str, parameters: Parameters) -> tuple[Path, float]:
    """The trajectory of a <FollowTrajectoryAction>, and how far along it one begins."""
    for part in ("TimeReference", "TrajectoryFollowingMode"):
        if (found := action.child(part)) is not None:
            found.take()
    path = read_trajectory(action, story.places, parameters, story.states[actor].spot)
    return path, parameters.number(action, "initialDistanceOffset", 0.0)


def target_speed(
    action: Element, parameters: Parameters, speeds: dict[str, float], *, backwards: bool = False
) -> float:
    """The speed that a <SpeedAction> leads to, m/s. Raises InputError for a negative one, unless ``backwards`` is allowed."""
    target = action.need("SpeedActionTarget").only()
    speed = parameters.number(target, "value")
    if target.tag == "RelativeTargetSpeed":
        other = speeds.get(parameters.text(target, "entityRef"), 0.0)
        kind = parameters.text(target, "speedTargetValueType", "delta")
        speed = other * speed if kind == "factor" else other + speed
    if speed < 0.0 and not backwards:
        raise InputError(
            f"{target.where}: a speed of {speed:g} m/s; driving backwards is read of the ego from the start only."
        )
    return speed


def set_distance(story: Story, action: Element, actor: str, parameters: Parameters) -> Written | None:
    """A distance that is set at the very start is the gap at t = 0; one that is kept is so at even speeds."""
    other, state = parameters.text(action, "entityRef"), story.states[actor]
    continuous = parameters.flag(action, "continuous")
    lead = story.states.get(other)
    if lead is None or lead.spot is None or (continuous and state.speed_mps not in (None, lead.speed_mps)):
        story.leave(action, f"'{actor}' keeping a distance to '{other}' is not read")
        return None
    if "distance" in action.attributes:
        gap = parameters.number(action, "distance")
    else:
        gap = parameters.number(action, "timeGap") * (lead.speed_mps or 0.0)
    mine, theirs = story.entities[actor], story.entities[other]
    if not parameters.flag(action, "freespace"):
        gap -= theirs.ahead + theirs.length / 2 + mine.length / 2 - mine.ahead
    behind = parameters.text(action, "displacement", "leadingReferencedEntity") == "trailingReferencedEntity"
    if continuous:
        state.speed_mps = lead.speed_mps
        story.notes.append(
            f"{action.where}: '{actor}' keeps its distance to '{other}' by the same speed, not by watching it"
        )
    if other == story.ego:
        state.gap_m = -gap if behind else gap
    else:
        front = theirs.ahead + theirs.length / 2 + gap + mine.length / 2 - mine.ahead
        rear = -(theirs.length / 2 - theirs.ahead + gap + mine.length / 2 + mine.ahead)
        aside = 0.0 if state.spot is None else state.spot.t - lead.spot.t
        moved = lead.spot.moved(rear if behind else front)
        state.spot = (
            moved if abs(math.sin(moved.heading)) > 0.5 else type(moved)(moved.s, moved.t + aside, moved.heading)
        )
        story.places.spots[actor] = state.spot
    return Written({}, 0.0)


def _speed(story: Story, action: Element, actor: str, parameters: Parameters) -> Written:
    to = target_speed(action, parameters, {name: state.speed_mps or 0.0 for name, state in story.states.items()})
    now = story.states[actor].speed_mps or 0.0
    dynamics = action.need("SpeedActionDynamics")
    value, dimension = parameters.number(dynamics, "value"), parameters.text(dynamics, "dynamicsDimension")
    if parameters.text(dynamics, "dynamicsShape") == "step":
        over = _STEP_S
    elif dimension == "rate":
        if value <= 0.0:
            raise InputError(f"{dynamics.where}: a rate of {value:g} never reaches the speed.")
        if to < now:
            return Written({"brake": {"deceleration": short(value), "to": short(to)}}, (now - to) / value)
        over = abs(to - now) / value
    elif dimension == "distance":
        over = 2.0 * value / max(now + to, 0.1)
    else:
        over = value
    return Written({"speed": {"to": short(to), "over": short(max(over, _STEP_S))}}, over)


def _lane_change(story: Story, action: Element, actor: str, parameters: Parameters) -> Written:
    places = story.places
    spot, road = story.states[actor].spot, places.road
    assert spot is not None and road is not None, "who acts has a place"
    target = action.need("LaneChangeTarget").only()
    if target.tag == "AbsoluteTargetLane":
        lane = int(parameters.number(target, "value"))
    else:
        other = story.states.get(parameters.text(target, "entityRef"))
        if other is None or other.spot is None:
            raise InputError(f"{target.where}: '{target.attributes.get('entityRef')}' has no place.")
        lane = places.lane_of(other.spot) + int(parameters.number(target, "value"))
    own = places.lane_of(places.spots[story.ego])
    if road.known and lane not in road.widths:
        raise InputError(f"{target.where}: there is no lane {lane} (has: {', '.join(map(str, sorted(road.widths)))}).")
    if (lane > 0) != (own > 0):
        raise InputError(f"{target.where}: a change to lane {lane}, of the other direction, has no word in a scenario.")
    dynamics = action.need("LaneChangeActionDynamics")
    value, dimension = parameters.number(dynamics, "value"), parameters.text(dynamics, "dynamicsDimension")
    over = value if dimension == "time" else value / max(story.states[actor].speed_mps or 0.0, 0.1)
    if dimension == "rate":
        over = road.widths.get(lane, 3.5) / max(value, 0.01)
    return _to_lane(story, lane, over)


def _to_lane(story: Story, lane: int, over_s: float) -> Written:
    """A change to a lane of the ego's direction."""
    road, places = story.places.road, story.places
    assert road is not None
    beside, over = road.lanes_beside(places.lane_of(places.spots[story.ego])), max(over_s, 0.5)
    return Written({"lane_change": {"to": beside - abs(lane) + 1, "over": short(over)}}, over)


def _walk(story: Story, action: Element, actor: str, parameters: Parameters) -> Written | None:
    path, _ = followed_way(action, story, actor, parameters)
    return _walk_along(story, action, actor, path)


def _walk_along(story: Story, action: Element, actor: str, path: Path | None) -> Written | None:
    state, places = story.states[actor], story.places
    if path is None:
        story.leave(action, f"'{actor}' is there already")
        return None
    if state.spot is None:
        state.spot = path.at(0.0)
    if not path.is_straight():
        story.notes.append(
            f"{action.where}: '{actor}' walks straight to the end of its way, past {len(path.points) - 2} corners"
        )
    end = path.at(float(path.lengths[-1]))
    x, y, _ = places.in_ego_frame(end)
    length = math.dist(places.in_ego_frame(state.spot)[:2], (x, y))
    pace = state.speed_mps or 0.0
    return Written({"walk_to": {"x": short(x), "y": short(y)}}, length / pace if pace else None)


def _drive_along(
    story: Story, action: Element, actor: str, due: StartTrigger, parameters: Parameters
) -> Written | None:
    """A way of somebody who drives is read where it leads into another lane, and where it goes straight on."""
    state, road, places = story.states[actor], story.places.road, story.places
    who = f"the way of '{actor}'"
    if state.spot is None or road is None or not state.speed_mps:
        story.leave(action, f"{who}: it has no place or no speed")
        return None
    path, begins = followed_way(action, story, actor, parameters)
    end, begin = path.at(float(path.lengths[-1])), path.at(begins)
    aside = -math.sin(begin.heading) * (end.s - begin.s) + math.cos(begin.heading) * (end.t - begin.t)
    lane = places.lane_of(end)
    own = places.lane_of(places.spots[story.ego])
    reached = abs(end.t - road.centre(lane)) < _INTO_LANE_M and abs(math.sin(end.heading)) < math.sin(_ALONG_RAD)
    if (
        path.is_straight(begins)
        and abs(aside) < _INTO_LANE_M
        and abs(math.sin(begin.heading - state.spot.heading)) < 0.1
    ):
        story.notes.append(f"{action.where}: {who} leads straight on, where it goes anyway")
        return Written({}, None)
    if not reached or abs(path.turned(begins)) > _ALONG_RAD or (lane > 0) != (own > 0):
        story.leave(action, f"{who} leads neither straight on nor into a lane of the ego's direction")
        return None
    over = (path.bends_until() - begins) / state.speed_mps
    story.notes.append(f"{action.where}: {who} leads into lane {lane}; it is taken for a lane change of {over:.1f} s")
    return _to_lane(story, lane, over)


def short(value: float) -> float:
    """Rounded to what a scenario file shows."""
    return round(value, 4)
