"""Start triggers of a storyboard, in the words that a scenario has: a time, after another event, nearness to the ego."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters

if TYPE_CHECKING:
    from drivesim.scenarios.openscenario.story import Story

_ENDS = {"completeState", "endTransition", "endState"}
_COMPARE = {
    "equalTo": lambda a, b: a == b, "notEqualTo": lambda a, b: a != b, "greaterThan": lambda a, b: a > b,
    "lessThan": lambda a, b: a < b, "greaterOrEqual": lambda a, b: a >= b, "lessOrEqual": lambda a, b: a <= b,
}  # fmt: skip
_LESS = ("lessThan", "lessOrEqual")
_MORE = ("greaterThan", "greaterOrEqual")


class Impossible(Exception):
    """Why something never starts, or why it cannot be said when; ``by_choice`` where the file's own parameters say so."""

    def __init__(self, why: str, *, by_choice: bool = False) -> None:
        super().__init__(why)
        self.by_choice = by_choice


@dataclass(frozen=True)
class Due:
    """When something is done: by an event's id, and by the time (s) where that is known."""

    event: str | None
    time_s: float | None


@dataclass
class StartTrigger:
    """A start: at ``time_s``, or by a ``condition`` in a scenario's words, whose time nobody knows."""

    time_s: float | None = 0.0
    condition: dict[str, Any] | None = None

    def then(self, later: StartTrigger) -> StartTrigger:
        """The start of what waits for both."""
        if later.condition is not None:
            return dataclasses.replace(later)
        if self.condition is not None:
            return dataclasses.replace(self)
        return StartTrigger(max(self.time_s or 0.0, later.time_s or 0.0))

    def written(self) -> dict[str, Any]:
        """As an event's ``start``."""
        return self.condition if self.condition is not None else {"time": round(self.time_s or 0.0, 4)}


def read_trigger(element: Element, parameters: Parameters, story: Story) -> StartTrigger:
    """The start that a trigger means: of several groups the one that holds first, as far as that is known. Raises Impossible."""
    groups = element.all("ConditionGroup")
    if not groups:
        return StartTrigger()
    found: list[StartTrigger] = []
    reasons: list[Impossible] = []
    for group in groups:
        try:
            found.append(read_group(group, parameters, story))
        except Impossible as reason:
            group.take()
            reasons.append(reason)
    if not found:
        raise next((reason for reason in reasons if not reason.by_choice), reasons[0])
    known = [one for one in found if one.time_s is not None]
    first = min(known, key=lambda one: one.time_s or 0.0) if known else found[0]
    others = len(found) - 1 + sum(not reason.by_choice for reason in reasons)
    if others and first.time_s != 0.0:
        story.notes.append(f"{element.where}: of {others + 1} groups of conditions one is taken ({first.written()})")
    return first


def read_group(group: Element, parameters: Parameters, story: Story) -> StartTrigger:
    """The start at which all conditions of a group hold. Raises Impossible."""
    found = StartTrigger()
    waiting: list[Element] = []
    for condition in group.all("Condition"):
        one = _condition(condition, parameters, story)
        if one.condition is not None:
            waiting.append(condition)
        found = found.then(one)
    if len(waiting) > 1:
        story.notes.append(f"{waiting[0].where}: of {len(waiting)} conditions that must all hold the last is taken")
    return found


def _condition(condition: Element, parameters: Parameters, story: Story) -> StartTrigger:
    delay = parameters.number(condition, "delay", 0.0)
    value, entity = condition.child("ByValueCondition"), condition.child("ByEntityCondition")
    if value is not None:
        made = _by_value(value.only(), parameters, story, delay)
    elif entity is not None:
        made = _by_entity(entity, parameters, story)
    else:
        raise Impossible("its condition is empty")
    if delay and made.condition is not None:
        story.notes.append(f"{condition.where}: a delay of {delay:g} s after this condition is not kept")
    return made if made.time_s is None else StartTrigger(made.time_s + delay)


def _by_value(kind: Element, parameters: Parameters, story: Story, delay: float) -> StartTrigger:
    match kind.tag:
        case "SimulationTimeCondition":
            if parameters.text(kind, "rule") not in _MORE:
                raise Impossible("it starts before a time, not after one")
            return StartTrigger(max(parameters.number(kind, "value"), 0.0))
        case "ParameterCondition":
            name = parameters.text(kind, "parameterRef").lstrip("$")
            own = parameters.resolve(f"${name}", kind.where)
            if not _holds(own, parameters.text(kind, "rule"), parameters.text(kind, "value")):
                raise Impossible(f"does not happen: {name} is {own}", by_choice=True)
            return StartTrigger()
        case "StoryboardElementStateCondition":
            name, state = parameters.text(kind, "storyboardElementRef"), parameters.text(kind, "state")
            if state not in _ENDS or name not in story.done:
                raise Impossible(f"it waits for '{name}' to be in {state}, which has no counterpart")
            done = story.done[name]
            if done.time_s is not None and (done.event is None or delay):
                return StartTrigger(done.time_s)
            return StartTrigger(None, {"after": done.event}) if done.event is not None else StartTrigger()
    raise Impossible(f"<{kind.tag}> is not read")


def _by_entity(entity: Element, parameters: Parameters, story: Story) -> StartTrigger:
    holder = entity.need("TriggeringEntities")
    who = [parameters.text(ref, "entityRef") for ref in holder.all("EntityRef")]
    kind = entity.need("EntityCondition").only()
    other = kind.attributes.get("entityRef", "")
    if kind.tag == "TimeToCollisionCondition":
        target = kind.need("TimeToCollisionConditionTarget").only()
        target.take()
        other = target.attributes.get("entityRef", "")
    if kind.tag in ("TimeToCollisionCondition", "RelativeDistanceCondition"):
        if story.ego not in (*who, parameters.resolve(other, kind.where)):
            raise Impossible(f"<{kind.tag}> between others than the ego has no counterpart")
        if parameters.text(kind, "rule") not in _LESS:
            raise Impossible(f"<{kind.tag}> above a value has no counterpart")
        name = "ttc_to_ego" if kind.tag == "TimeToCollisionCondition" else _distance(kind, parameters)
        return StartTrigger(None, {name: {"below": round(parameters.number(kind, "value"), 4)}})
    if kind.tag in ("TraveledDistanceCondition", "ReachPositionCondition") and who == [story.ego]:
        speed = abs(story.states[story.ego].speed_mps or 0.0)
        if speed <= 0.0:
            raise Impossible(f"<{kind.tag}> of an ego that stands")
        if kind.tag == "TraveledDistanceCondition":
            way = parameters.number(kind, "value")
        else:
            ahead = story.places.distance_ahead(story.places.of(kind.need("Position"), parameters))
            way = ahead if (story.states[story.ego].speed_mps or 0.0) > 0.0 else -ahead
        story.notes.append(
            f"{kind.where}: <{kind.tag}> is taken for the time at which the ego gets there at {speed:.2f} m/s"
        )
        return StartTrigger(max(way / speed, 0.0))
    raise Impossible(f"<{kind.tag}> is not read")


def _distance(kind: Element, parameters: Parameters) -> str:
    """Between bumpers along the road, or between middles."""
    along = parameters.text(kind, "relativeDistanceType", "longitudinal") == "longitudinal"
    return "gap_to_ego" if along and parameters.flag(kind, "freespace") else "distance_to_ego"


def _holds(own: str, rule: str, value: str) -> bool:
    if rule not in _COMPARE:
        raise Impossible(f"rule '{rule}' is not read")
    try:
        return bool(_COMPARE[rule](float(own), float(value)))
    except ValueError:
        return bool(_COMPARE[rule](own.lower(), value.lower()))
