"""Acts, manoeuvres and events of a storyboard as events of a scenario; what has no counterpart is listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.actions import Written, written_action
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.entities import Entity
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.paths import Path, Spot
from drivesim.scenarios.openscenario.places import Places
from drivesim.scenarios.openscenario.triggers import Due, Impossible, StartTrigger, read_trigger

#: Who is taken away that soon was never there, seconds.
_AT_ONCE_S = 0.5


@dataclass(kw_only=True)
class State:
    """An actor at t = 0 as the file leaves it: its place, speed (m/s), the gap to the ego (m) that is set, and the way that it
    follows, on which it begins ``begins_m`` metres from the start.

    ``meets`` is how a scenario says that it meets the ego, ``touch_s`` when their boxes touch first, ``gone`` that it is taken away
    at once.
    """

    entity: Entity
    spot: Spot | None = None
    speed_mps: float | None = None
    gap_m: float | None = None
    path: Path | None = None
    begins_m: float = 0.0
    meets: dict[str, Any] | None = None
    touch_s: float | None = None
    gone: bool = False

    @property
    def course(self) -> Spot | None:
        """Where it stands, heading along its way where it has one."""
        if self.path is None or self.spot is None:
            return self.spot
        return Spot(self.spot.s, self.spot.t, self.path.at(self.begins_m).heading)


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

    def leave(self, element: Element, why: str) -> None:
        """List something as left out."""
        element.take()
        self.left_out.append(f"{element.where}: <{element.tag}>: {why}")

    def id_of(self, actor: str) -> str:
        """An actor's id in the scenario."""
        return "ego" if actor == self.ego else self.entities[actor].id

    def add_event(self, name: str, actor: str, action: dict[str, Any], start: dict[str, Any]) -> str:
        """Write an event down under a name of its own, which is returned."""
        identity = self._identifier(name)
        self.events.append(
            {"id": identity, "actor": self.id_of(actor), "action": action, "start": start, "mode": "condition"}
        )
        return identity

    def _act(self, act: Element, parameters: Parameters) -> None:
        begins = self._trigger(act.child("StartTrigger"), parameters, act)
        if begins is None:
            return
        for group in act.all("ManeuverGroup"):
            actors = group.child("Actors")
            names = [parameters.text(ref, "entityRef") for ref in actors.all("EntityRef")] if actors else []
            maneuvers = [
                (one, parameters.extended(one.child("ParameterDeclarations"), {})) for one in group.all("Maneuver")
            ]
            for reference in group.all("CatalogReference"):
                entry = self.places.catalogs.entry(reference, parameters)
                if entry is None:
                    self.leave(reference, f"catalog '{parameters.text(reference, 'catalogName')}' is not there")
                else:
                    maneuvers.append(entry)
            for maneuver, inside in maneuvers:
                self._maneuver(maneuver, names, begins, inside)
        for trigger in act.all("StopTrigger"):
            if trigger.children:
                self.leave(trigger, "acts that are broken off are not read")

    def _maneuver(self, maneuver: Element, names: list[str], begins: StartTrigger, parameters: Parameters) -> None:
        for event in maneuver.all("Event"):
            actions = event.all("Action")
            if actions and all(_keeps_a_record(action) for action in actions):
                event.take()
                self.notes.append(
                    f"{event.where}: event '{event.attributes.get('name', '')}' sets variables, which move nobody; 'drivesim score' measures"
                )
                continue
            due = self._trigger(event.child("StartTrigger"), parameters, event)
            if due is None:
                continue
            for action in actions:
                self._action(event, action, names, begins.then(due), parameters, maneuver)

    def _trigger(self, element: Element | None, parameters: Parameters, of: Element) -> StartTrigger | None:
        """When it starts, at once without a trigger; None where it never does or cannot be said, which is then listed."""
        if element is None:
            return StartTrigger()
        try:
            return read_trigger(element, parameters, self)
        except Impossible as reason:
            of.take()
            name = of.attributes.get("name", "")
            written = self.notes if reason.by_choice else self.left_out
            written.append(f"{of.where}: {of.tag} '{name}': {reason}")
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
            self._global(action, due, parameters)
            return
        kind = private.only()
        if not names:
            self.leave(action, "it names nobody who acts")
        for actor in names:
            if actor not in self.states:
                if actor not in self.declared:
                    known = ", ".join(self.entities)
                    raise InputError(f"{event.where}: event '{name}': '{actor}' is no entity (there are: {known}).")
                self.leave(kind, f"'{actor}' takes no part")
                continue
            made: Written | None = written_action(self, kind, actor, due, parameters)
            if made is None:
                continue
            identity = self.add_event(name, actor, made.action, due.written()) if made.action else None
            ends = None if due.time_s is None or made.lasts_s is None else due.time_s + made.lasts_s
            for key in (name, maneuver.attributes.get("name", ""), action.attributes.get("name", "")):
                self.done[key] = Due(identity, ends)

    def _global(self, action: Element, due: StartTrigger, parameters: Parameters) -> None:
        """Of what happens to the whole, only that somebody is taken away at the start is read."""
        holder = action.child("GlobalAction")
        kind = holder.children[0] if holder is not None and len(holder.children) == 1 else None
        removed = kind is not None and kind.tag == "EntityAction" and kind.child("DeleteEntityAction") is not None
        if kind is None or not removed or due.time_s is None or due.time_s > _AT_ONCE_S:
            self.leave(action, "only actions of participants, and taking one away at the start, are read")
            return
        action.take()
        name = parameters.text(kind, "entityRef")
        if name in self.states:
            self.states[name].gone = True
            self.notes.append(f"{action.where}: '{name}' is taken away at the start and so is not there at all")

    def _identifier(self, name: str) -> str:
        word = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "event"
        word = word if word[0].isalpha() else f"e{word}"
        taken = {event["id"] for event in self.events}
        return next(made for made in _numbered(word) if made not in taken)


def _keeps_a_record(action: Element) -> bool:
    """Whether an action only sets a variable or a parameter."""
    holder = next((child for child in action.children if child.tag == "GlobalAction"), None)
    kinds = {child.tag for child in holder.children} if holder is not None else set()
    return bool(kinds) and kinds <= {"VariableAction", "ParameterAction"}


def _numbered(word: str) -> Iterator[str]:
    yield word
    for number in range(2, 10_000):
        yield f"{word}-{number}"
