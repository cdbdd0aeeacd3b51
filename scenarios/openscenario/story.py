"""Acts, manoeuvres and events of a storyboard as events of a scenario; what has no counterpart is listed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.entities import Entity
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.places import Places, Spot
from drivesim.scenarios.openscenario.triggers import Due, Impossible, StartTrigger, read_trigger

#: Shortest time over which a change of speed is written; OpenSCENARIO's steps take none.
_STEP_S = 0.1


@dataclass(kw_only=True)
class State:
    """An actor at t = 0 as the file leaves it: its place, speed (m/s), and the way it is to follow."""

    entity: Entity
    spot: Spot | None = None
    speed_mps: float | None = None
    gap_m: float | None = None
    way: list[Spot] = field(default_factory=list)


@dataclass(kw_only=True)
class Story:
    """What reading a storyboard needs and gathers."""

    entities: dict[str, Entity]
    states: dict[str, State]
    places: Places
    parameters: Parameters
    ego: str
    declared: frozenset[str]
    notes: list[str]
    left_out: list[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, Due] = field(default_factory=dict)

    def read(self, storyboard: Element) -> None:
        """Read all stories; events are in the order of the file."""
        for story in storyboard.all("Story"):
            inside = self.parameters.extended(story.child("ParameterDeclarations"), {})
            for act in story.all("Act"):
                self._act(act, inside)

    def _act(self, act: Element, parameters: Parameters) -> None:
        begins = self._trigger(act.child("StartTrigger"), parameters, act)
        if begins is None:
            return
        for group in act.all("ManeuverGroup"):
            actors = group.child("Actors")
            names = [parameters.text(ref, "entityRef") for ref in actors.all("EntityRef")] if actors else []
            maneuvers = [(maneuver, parameters) for maneuver in group.all("Maneuver")]
            for reference in group.all("CatalogReference"):
                entry = self.places.catalogs.entry(reference, parameters)
                if entry is None:
                    self._leave(reference, f"catalog '{parameters.text(reference, 'catalogName')}' is not there")
                else:
                    maneuvers.append(entry)
            for maneuver, inside in maneuvers:
                self._maneuver(maneuver, names, begins, inside)
        for trigger in act.all("StopTrigger"):
            if trigger.children:
                self._leave(trigger, "acts that are broken off are not read")

    def _maneuver(self, maneuver: Element, names: list[str], begins: StartTrigger, parameters: Parameters) -> None:
        inside = parameters.extended(maneuver.child("ParameterDeclarations"), {})
        for event in maneuver.all("Event"):
            due = self._trigger(event.child("StartTrigger"), inside, event)
            if due is None:
                continue
            for action in event.all("Action"):
                self._action(event, action, names, begins.then(due), inside, maneuver)

    def _trigger(self, element: Element | None, parameters: Parameters, of: Element) -> StartTrigger | None:
        """When it starts, at once without a trigger; None where it never does or cannot be said, which is then listed."""
        if element is None:
            return StartTrigger()
        try:
            return read_trigger(element, parameters, self)
        except Impossible as reason:
            of.take()
            name = of.attributes.get("name", "")
            self.left_out.append(f"{of.where}: {of.tag} '{name}': {reason}")
            return None

    def _action(
        self,
        event: Element,
        action: Element,
        names: list[str],
        due: StartTrigger,
        parameters: Parameters,
        maneuver: Element,
    ) -> None:
        name = event.attributes.get("name", "event")
        private = action.child("PrivateAction")
        if private is None:
            self._leave(action, "only actions of participants are read")
            return
        kind = private.only()
        if not names:
            self._leave(action, "it names nobody who acts")
        for actor in names:
            if actor not in self.states:
                if actor not in self.declared:
                    known = ", ".join(self.entities)
                    raise InputError(f"{event.where}: event '{name}': '{actor}' is no entity (there are: {known}).")
                self._leave(kind, f"'{actor}' takes no part")
                continue
            made = self._written(kind, actor, due, parameters)
            if made is None:
                continue
            written, lasts_s = made
            identity = self._identifier(name)
            if written:
                start = due.written()
                self.events.append(
                    {"id": identity, "actor": self._id(actor), "action": written, "start": start, "mode": "condition"}
                )
            ends = Due(
                identity if written else None, None if due.time_s is None or lasts_s is None else due.time_s + lasts_s
            )
            for key in (name, maneuver.attributes.get("name", ""), action.attributes.get("name", "")):
                self.done[key] = ends

    def _written(
        self, kind: Element, actor: str, due: StartTrigger, parameters: Parameters
    ) -> tuple[dict[str, Any], float | None] | None:
        """The action in a scenario's words, empty where it only sets the scene, and how long it lasts; None if left out."""
        inner = (
            kind.children[0]
            if kind.children and kind.tag in ("LongitudinalAction", "LateralAction", "RoutingAction")
            else kind
        )
        inner.read = True
        match inner.tag:
            case "SpeedAction":
                return self._speed(inner, actor, parameters)
            case "LaneChangeAction":
                return self._lane_change(inner, actor, parameters)
            case "LongitudinalDistanceAction" if due.time_s == 0.0:
                return self._distance(inner, actor, parameters)
            case "FollowTrajectoryAction" if self._walks(actor):
                return self._walk(self.way(inner, parameters), actor, inner)
            case "AcquirePositionAction" if self._walks(actor):
                return self._walk([self.places.of(inner.need("Position"), parameters)], actor, inner)
            case "SynchronizeAction" if self._walks(actor):
                return self._synchronized(inner, actor, due, parameters)
        self._leave(
            kind, f"<{inner.tag}> of '{actor}' is not read" + (" here" if inner.tag.startswith("Longit") else "")
        )
        return None

    def way(self, action: Element, parameters: Parameters) -> list[Spot]:
        """The vertices of a trajectory. Raises InputError for a shape that is not read."""
        for part in ("TimeReference", "TrajectoryFollowingMode"):
            if (found := action.child(part)) is not None:
                found.take()
        reference = action.child("TrajectoryRef")
        holder = action if reference is None else reference
        trajectory, inside = holder.child("Trajectory"), parameters
        if trajectory is None:
            named = holder.need("CatalogReference")
            entry = self.places.catalogs.entry(named, parameters)
            if entry is None:
                raise InputError(f"{named.where}: the catalog of this trajectory is not there; put it beside the file.")
            trajectory, inside = entry
        shape = trajectory.need("Shape").only()
        if shape.tag != "Polyline":
            raise InputError(
                f"{shape.where}: <{shape.tag}> is not read; a trajectory of straight lines (<Polyline>) is."
            )
        return [self.places.of(vertex.need("Position"), inside) for vertex in shape.all("Vertex")]

    def _speed(self, action: Element, actor: str, parameters: Parameters) -> tuple[dict[str, Any], float | None]:
        to = target_speed(action, parameters, {name: state.speed_mps or 0.0 for name, state in self.states.items()})
        now = self.states[actor].speed_mps or 0.0
        dynamics = action.need("SpeedActionDynamics")
        value, dimension = parameters.number(dynamics, "value"), parameters.text(dynamics, "dynamicsDimension")
        if parameters.text(dynamics, "dynamicsShape") == "step":
            over = _STEP_S
        elif dimension == "rate":
            if value <= 0.0:
                raise InputError(f"{dynamics.where}: a rate of {value:g} never reaches the speed.")
            if to < now:
                return {"brake": {"deceleration": _short(value), "to": _short(to)}}, (now - to) / value
            over = abs(to - now) / value
        elif dimension == "distance":
            over = 2.0 * value / max(now + to, 0.1)
        else:
            over = value
        return {"speed": {"to": _short(to), "over": _short(max(over, _STEP_S))}}, over

    def _lane_change(self, action: Element, actor: str, parameters: Parameters) -> tuple[dict[str, Any], float | None]:
        spot, road = self.states[actor].spot, self.places.road
        assert spot is not None and road is not None, "who acts has a place"
        target = action.need("LaneChangeTarget").only()
        if target.tag == "AbsoluteTargetLane":
            lane = int(parameters.number(target, "value"))
        else:
            other = self.states.get(parameters.text(target, "entityRef"))
            if other is None or other.spot is None:
                raise InputError(f"{target.where}: '{target.attributes.get('entityRef')}' has no place.")
            lane = self.places.lane_of(other.spot) + int(parameters.number(target, "value"))
        own = self.places.lane_of(self.places.spots[self.ego])
        if road.known and lane not in road.widths:
            raise InputError(
                f"{target.where}: there is no lane {lane} (has: {', '.join(map(str, sorted(road.widths)))})."
            )
        if (lane > 0) != (own > 0):
            raise InputError(
                f"{target.where}: a change to lane {lane}, of the other direction, has no word in a scenario."
            )
        dynamics = action.need("LaneChangeActionDynamics")
        value, dimension = parameters.number(dynamics, "value"), parameters.text(dynamics, "dynamicsDimension")
        over = value if dimension == "time" else value / max(self.states[actor].speed_mps or 0.0, 0.1)
        if dimension == "rate":
            over = road.widths.get(lane, 3.5) / max(value, 0.01)
        over = max(over, 0.5)
        beside = road.lanes_beside(own)
        return {"lane_change": {"to": beside - abs(lane) + 1, "over": _short(over)}}, over

    def _distance(self, action: Element, actor: str, parameters: Parameters) -> tuple[dict[str, Any], float] | None:
        """A distance that is set at the very start is the gap at t = 0."""
        if parameters.text(action, "entityRef") != self.ego or parameters.flag(action, "continuous"):
            self._leave(action, f"'{actor}' keeping a distance is not read")
            return None
        if "distance" in action.attributes:
            gap = parameters.number(action, "distance")
        else:
            gap = parameters.number(action, "timeGap") * (self.states[self.ego].speed_mps or 0.0)
        if not parameters.flag(action, "freespace"):
            ego, other = self.entities[self.ego], self.entities[actor]
            gap -= ego.ahead + ego.length / 2 + other.length / 2 - other.ahead
        behind = parameters.text(action, "displacement", "leadingReferencedEntity") == "trailingReferencedEntity"
        self.states[actor].gap_m = -gap if behind else gap
        return {}, 0.0

    def _walks(self, actor: str) -> bool:
        return self.entities[actor].category == "pedestrian"

    def _walk(self, way: list[Spot], actor: str, action: Element) -> tuple[dict[str, Any], float | None]:
        state = self.states[actor]
        if len(way) > 1 and state.spot is None:
            state.spot = way[0]
        if len(way) > 2:
            self.notes.append(
                f"{action.where}: '{actor}' walks straight to the end of its way, past {len(way) - 2} corners"
            )
        state.way = way
        x, y, _ = self.places.in_ego_frame(way[-1])
        length = math.dist(self.places.in_ego_frame(state.spot)[:2], (x, y)) if state.spot is not None else 0.0
        pace = state.speed_mps or 0.0
        return {"walk_to": {"x": _short(x), "y": _short(y)}}, length / pace if pace else None

    def _synchronized(
        self, action: Element, actor: str, due: StartTrigger, parameters: Parameters
    ) -> tuple[dict[str, Any], float | None] | None:
        """Sets off so that both are there together, the ego at its first speed and the walker at its last."""
        state, ego = self.states[actor], self.states[self.ego]
        if parameters.text(action, "masterEntityRef") != self.ego or len(state.way) < 2 or not ego.speed_mps:
            self._leave(action, f"'{actor}' is synchronised with another than a moving ego, or has no way to follow")
            return None
        way = self._way_of_ego(action.need("TargetPositionMaster"), ego.speed_mps, parameters)
        position = action.child("TargetPosition") or action.need("TargetPositionSlave")
        target = position.only()
        if target.tag == "TrajectoryPosition":
            along = parameters.number(target, "s")
            target.take()
        else:
            end = self.places.of(position, parameters)
            along = math.dist(self.places.in_ego_frame(state.way[0])[:2], self.places.in_ego_frame(end)[:2])
        final = action.child("FinalSpeed")
        speed = final.only() if final is not None else None
        if speed is not None and speed.tag == "AbsoluteSpeed":
            state.speed_mps = parameters.number(speed, "value")
            speed.take()
        if not state.speed_mps:
            raise InputError(f"{action.where}: at what speed '{actor}' arrives is not said (<AbsoluteSpeed>).")
        starts = way / abs(ego.speed_mps) - along / state.speed_mps
        self.notes.append(
            f"{action.where}: '{actor}' sets off at {max(starts, 0.0):.2f} s, so that it has walked {along:.2f} m when the ego has "
            f"driven {way:.1f} m at {ego.speed_mps:.2f} m/s; how it gathers speed is not kept"
        )
        due.time_s, due.condition = max(starts, 0.0), None
        x, y, _ = self.places.in_ego_frame(state.way[-1])
        return {"walk_to": {"x": _short(x), "y": _short(y)}}, None

    def _way_of_ego(self, position: Element, speed_mps: float, parameters: Parameters) -> float:
        """Metres that the ego drives, forwards or backwards, until it is at a position."""
        place = position.only()
        if place.tag == "TrajectoryPosition":
            place.take()
            return parameters.number(place, "s")
        ahead = self.places.distance_ahead(self.places.of(position, parameters))
        return ahead if speed_mps > 0.0 else -ahead

    def _leave(self, element: Element, why: str) -> None:
        element.take()
        self.left_out.append(f"{element.where}: <{element.tag}>: {why}")

    def _id(self, actor: str) -> str:
        return "ego" if actor == self.ego else self.entities[actor].id

    def _identifier(self, name: str) -> str:
        word = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "event"
        word = word if word[0].isalpha() else f"e{word}"
        taken = {event["id"] for event in self.events}
        return next(made for made in _numbered(word) if made not in taken)


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


def _numbered(word: str) -> Iterator[str]:
    yield word
    for number in range(2, 10_000):
        yield f"{word}-{number}"


def _short(value: float) -> float:
    return round(value, 4)
