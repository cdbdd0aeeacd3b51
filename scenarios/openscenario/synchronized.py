"""Who is to be somewhere when the ego is somewhere else: a meeting where the two boxes would touch, else a place at t = 0.

Worked out from the file's own boxes and ways with both at even speeds: the ego at its first one, the other at its last one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from shapely import Polygon

from drivesim.errors import InputError
from drivesim.geometry import footprint, wrap_angle
from drivesim.scenarios.openscenario.actions import Written, walks_on_foot
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.paths import Spot
from drivesim.scenarios.openscenario.triggers import StartTrigger

if TYPE_CHECKING:
    from drivesim.scenarios.openscenario.story import State, Story

#: The first touch is looked for so long before and after the moment of the file, in such steps, seconds.
_BEFORE_S, _AFTER_S, _STEP_S = 4.0, 3.0, 0.05
#: Impact points that a scenario can say, shares of the ego's width; and the farthest that somebody waits from there, metres.
_IMPACTS, _FARTHEST_M = (-0.5, 1.5), 200.0
#: From this angle to the ego's heading on somebody comes towards it, up to the other one he goes along; else he crosses.
_TOWARDS_RAD, _ALONG_RAD = math.radians(125.0), math.radians(30.0)
#: Who crosses the way of an ego that goes straight does so within that of a right angle.
_SQUARE_RAD = math.radians(12.0)


@dataclass(frozen=True)
class _Course:
    """Somebody at an even speed: at ``spot`` at ``time_s``, ``speed_mps`` along its heading or along a way."""

    state: State
    spot: Spot
    time_s: float
    speed_mps: float

    def at(self, time_s: float) -> Spot:
        state, way = self.state, self.speed_mps * (time_s - self.time_s)
        if state.path is None or state.path.is_straight(state.begins_m):
            return self.spot.moved(way)
        return state.path.at(state.begins_m + self.speed_mps * time_s)

    def outline(self, time_s: float) -> Polygon:
        entity = self.state.entity
        middle = self.at(time_s).moved(entity.ahead)
        return Polygon(footprint(middle.s, middle.t, entity.length, entity.width, middle.heading))


def synchronize(story: Story, action: Element, actor: str, due: StartTrigger, parameters: Parameters) -> Written | None:
    """Reads a <SynchronizeAction>: sets where and how the actor begins, and says nothing more of it as an event.

    None where it is left out, which is then listed. Raises InputError for what is broken.
    """
    state, ego = story.states[actor], story.states[story.ego]
    if parameters.text(action, "masterEntityRef") != story.ego or not ego.speed_mps or ego.spot is None:
        story.leave(action, f"'{actor}' is synchronised with another than a moving ego")
        return None
    if state.spot is None or due.condition is not None:
        story.leave(action, f"'{actor}' has no place, or nobody knows when its synchronisation begins")
        return None
    if state.path is not None and not state.path.is_straight(state.begins_m):
        story.leave(action, f"'{actor}' is synchronised on a way that bends")
        return None
    own = _way_of_ego(story, action.need("TargetPositionMaster"), ego.speed_mps, parameters)
    target = (action.child("TargetPosition") or action.need("TargetPositionSlave")).only()
    begin = state.course
    assert begin is not None
    if target.tag == "TrajectoryPosition" and state.path is not None:
        target.take()
        along = parameters.number(target, "s") - state.begins_m
    else:
        holder = next(one for one in action.children if one.tag in ("TargetPosition", "TargetPositionSlave"))
        along = story.places.of(holder, parameters).ahead_of(begin)
    moment = own / abs(ego.speed_mps)
    if moment <= 0.0:
        story.leave(action, f"the ego is past the place at which '{actor}' is synchronised with it")
        return None
    state.speed_mps = _last_speed(action, parameters, ego.speed_mps, along / moment)
    if state.speed_mps <= 0.0:
        raise InputError(
            f"{action.where}: '{actor}' arrives at {state.speed_mps:g} m/s (<FinalSpeed>); expected more than 0."
        )
    there = _Course(state, begin.moved(along), moment, state.speed_mps)
    _begin(story, action, actor, there, along, _Course(ego, ego.spot, 0.0, ego.speed_mps))
    return Written({}, moment)


def _begin(story: Story, action: Element, actor: str, there: _Course, along: float, ego: _Course) -> None:
    """Set how the actor begins, so that it is there at the moment."""
    state, moment, pace = there.state, there.time_s, there.speed_mps
    touch = _first_touch(ego, there)
    state.touch_s = touch
    state.meets = None if touch is None else _meeting(story, actor, ego, there, touch)
    assert state.spot is not None
    begin = there.at(0.0)
    moved = along - pace * moment
    if touch is None or state.meets is None or "distance" not in state.meets:
        state.spot, state.path = begin, None
        what = f"begins {abs(moved):.1f} m further {'on' if moved > 0.0 else 'back'}, at the speed that it has at last"
    else:
        what = "stands where it begins in the file until it sets off, at the speed that it has at last"
    story.notes.append(
        f"{action.where}: '{actor}' {what} ({pace:.2f} m/s), so that it is in its place {moment:.2f} s after t = 0, when the ego is; "
        "how it gathers speed is not kept"
    )


def _meeting(story: Story, actor: str, ego: _Course, other: _Course, touch_s: float) -> dict[str, Any] | None:
    """The words of ``meets`` for the first touch; None where there are none."""
    here, there = ego.at(touch_s), other.at(touch_s)
    turned = float(wrap_angle(there.heading - here.heading))
    moves = _moves(turned)
    turns = ego.state.path is not None and not ego.state.path.is_straight(ego.state.begins_m)
    if moves.startswith("from_") and not turns and abs(abs(turned) - math.pi / 2.0) > _SQUARE_RAD:
        return None
    entity, width = other.state.entity, ego.state.entity.width
    # The middle of the side that is touched, to the left of the ego's middle.
    looks = turned + {"against": 0.0, "along": math.pi, "from_left": -math.pi / 2.0, "from_right": math.pi / 2.0}[moves]
    depth = (entity.length if moves in ("against", "along") else entity.width) / 2.0
    offset = _aside(here, there.moved(entity.ahead)) + depth * math.sin(looks)
    right_hand = story.places.road is None or not story.places.road.left_hand
    from_right = moves == "from_right" or (not moves.startswith("from_") and right_hand)
    impact = 0.5 + (offset if from_right else -offset) / width
    if not _IMPACTS[0] <= impact <= _IMPACTS[1]:
        return None
    said: dict[str, Any] = {"moves": moves, "impact": round(impact, 3)}
    if not moves.startswith("from_"):
        if not turns:
            return said | {"time": round(touch_s, 3)}
        return said | {"lane": "oncoming"} if moves == "against" and _innermost(story, there) else None
    said["time"] = round(touch_s, 3)
    begin = other.state.course
    assert begin is not None
    distance = there.ahead_of(begin)
    if walks_on_foot(story, actor) and 0.1 < distance < min(other.speed_mps * touch_s, _FARTHEST_M):
        said["distance"] = round(distance, 3)
    return said


def _innermost(story: Story, spot: Spot) -> bool:
    """Whether somebody is on the oncoming lane beside the ego's direction."""
    return story.places.road is not None and abs(story.places.lane_of(spot)) == 1


def _moves(turned: float) -> str:
    if abs(turned) > _TOWARDS_RAD:
        return "against"
    if abs(turned) < _ALONG_RAD:
        return "along"
    return "from_right" if turned > 0.0 else "from_left"


def _aside(here: Spot, there: Spot) -> float:
    """Metres from one's heading line to the left to the other."""
    return (there.t - here.t) * math.cos(here.heading) - (there.s - here.s) * math.sin(here.heading)


def _first_touch(ego: _Course, other: _Course) -> float | None:
    """When the two boxes first touch around the moment of the file, None where they do not."""

    def touch(time_s: float) -> bool:
        return bool(ego.outline(time_s).intersects(other.outline(time_s)))

    before = max(other.time_s - _BEFORE_S, 0.0)
    if touch(before):
        return None
    for after in np.arange(before + _STEP_S, other.time_s + _AFTER_S, _STEP_S):
        if touch(float(after)):
            early, late = float(after) - _STEP_S, float(after)
            for _ in range(12):
                middle = 0.5 * (early + late)
                early, late = (early, middle) if touch(middle) else (middle, late)
            return late
    return None


def _way_of_ego(story: Story, position: Element, speed_mps: float, parameters: Parameters) -> float:
    """Metres that the ego drives, forwards or backwards, until it is at a position."""
    place, ego = position.only(), story.states[story.ego]
    if place.tag == "TrajectoryPosition" and ego.path is not None:
        place.take()
        return parameters.number(place, "s") - ego.begins_m
    spot = story.places.of(position, parameters)
    if ego.path is not None and not ego.path.is_straight(ego.begins_m):
        return ego.path.nearest(spot) - ego.begins_m
    ahead = story.places.distance_ahead(spot)
    return ahead if speed_mps > 0.0 else -ahead


def _last_speed(action: Element, parameters: Parameters, ego_mps: float, even_mps: float) -> float:
    """The speed with which the actor arrives: as written, or the even one where nothing is."""
    final = action.child("FinalSpeed")
    if final is None:
        return even_mps
    speed = final.only()
    speed.take()
    if speed.tag == "AbsoluteSpeed":
        return parameters.number(speed, "value")
    value = parameters.number(speed, "value")
    kind = parameters.text(speed, "speedTargetValueType", "delta")
    return ego_mps * value if kind == "factor" else ego_mps + value
