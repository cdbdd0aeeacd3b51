"""What shows when the traffic is played: events whose trigger never holds, and crashes that nobody asks about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from drivesim.scenarios.checks.feasibility import values_text
from drivesim.scenarios.checks.messages import Finding, ScenarioError
from drivesim.scenarios.language.events import CollisionLabel, Event, LaneChangeAction, TimeToActorTrigger, TimeTrigger
from drivesim.scenarios.language.junctions import TurnAction

if TYPE_CHECKING:
    from drivesim.scenarios.expand import Development
    from drivesim.scenarios.language.schema import ActorSpec, Scenario

#: Variations that are played, and frames a second: traffic itself goes on in steps of a tenth of a second.
_PLAYED, _FPS = 4, 5.0
#: Most events have started by then, seconds; only where one has not is the whole time of the video played.
_SOON_S = 8.0


def staged_findings(scenario: Scenario) -> Iterator[Finding]:
    """What shows when a scenario without errors is played for the time of its video, by its script alone: events that do not
    start, and crashes of those who react which no label is about.

    Ambient traffic is left out, so a time that is late only because of it is not told. What starts by the clock and needs
    no room starts always; only where something else is waited for is anything played.
    """
    if all(_starts_by_itself(event) for event in scenario.events):
        return
    alone = scenario.ambient("none", pedestrians=False, parked=False)
    played = list(_all_played(alone))
    yield from _unstarted(alone, played)
    yield from _crashes(alone, played)


def _all_played(scenario: Scenario) -> Iterator[Development]:
    for variation in range(min(scenario.num_variations, _PLAYED)):
        # A value that a parameter takes may be wrong, of which another finding speaks.
        with contextlib.suppress(ScenarioError):
            yield _played(scenario, variation)


def _unstarted(alone: Scenario, played: list[Development]) -> Iterator[Finding]:
    """Events that do not start."""
    count = len(played)
    missed = {event.id: [made for made in played if made.event_times[event.id] is None] for event in alone.events}
    for index, event in enumerate(alone.events):
        if not missed[event.id] or _waits_for_one_that_never_comes(event, missed):
            continue
        first = missed[event.id][0]
        part = "" if len(missed[event.id]) == count else f"in {len(missed[event.id])} of {count} variations played "
        values = f" ({values_text(first.parameters)})" if first.parameters and part else ""
        text = f"{part}event '{event.id}' does not start{values}: {_why(event, first)}"
        yield Finding(code="DS069", text=text, location=("events", index), severity="warning")


def _crashes(scenario: Scenario, played: list[Development]) -> Iterator[Finding]:
    """The first crash of each two who react, where no label asks whether either is hit."""
    asked = {label.collision.actor for label in scenario.labels.values() if isinstance(label, CollisionLabel)}
    passed_over = {actor.id for actor in scenario.scene.actors if actor.id in asked or not _reacts(actor)}
    if scenario.scene.ego.reacts is False:
        passed_over.add("ego")
    places = {actor.id: index for index, actor in enumerate(scenario.scene.actors)}
    for made in played:
        for time_s, *hit in made.crashes:
            first, second = (name.removesuffix("-door") for name in hit)
            if {first, second} & passed_over:
                continue
            named = second if second in places else first
            passed_over |= {first, second} - {"ego"}
            values = f" ({values_text(made.parameters)})" if made.parameters else ""
            text = (
                f"'{first}' runs into '{second}' at {time_s:.1f} s when the script is played alone{values}. If that is not meant, change a "
                f"gap, a speed or when an event starts; if it is, ask for it by a label: {{collision: {{actor: {named}}}}}."
            )
            yield Finding(code="DS074", text=text, location=("scene", "actors", places[named]), severity="warning")


def _reacts(actor: ActorSpec) -> bool:
    return actor.meets is None if actor.reacts is None else actor.reacts is not False


def _played(scenario: Scenario, variation: int) -> Development:
    """One variation, as far as it takes for everything to start, at most until the video or the last ``within`` ends."""
    from drivesim.scenarios.expand import develop

    seed, whole = scenario.sampling_settings.seed, float(scenario.video_settings.duration)
    latest = [event.within for event in scenario.events]
    if all(isinstance(limit, float) for limit in latest):
        whole = min(whole, max(float(limit) for limit in latest if limit is not None) + 1.0)
    for seconds in (min(_SOON_S, whole), whole):
        made = develop(scenario, seed=seed, fps=_FPS, duration_s=seconds, variation=variation)
        if None not in made.event_times.values():
            break
    return made


def _starts_by_itself(event: Event) -> bool:
    return isinstance(event.start, TimeTrigger) and not isinstance(event.action, LaneChangeAction | TurnAction)


def _waits_for_one_that_never_comes(event: Event, missed: dict[str, list[Development]]) -> bool:
    """Whether another event, which is told of itself, is what keeps this one waiting."""
    after = getattr(event.start, "after", None)
    return after is not None and bool(missed.get(after))


def _why(event: Event, made: Development) -> str:
    """What the trigger waits for and how near it comes, and the way out."""
    scene = made.scene
    seconds = len(scene.ego) / scene.fps
    limit = event.within if isinstance(event.within, float) else seconds
    held = f"played for {min(limit, seconds):g} s"
    start = event.start
    if isinstance(event.action, TurnAction) and isinstance(start, TimeTrigger):
        return (
            f"{held}, '{event.actor}' never comes to the junction on a lane that leads there, or it was too near by then. "
            "Move the junction, change lane or speed, or lengthen 'video: duration'."
        )
    if isinstance(start, TimeTrigger) or (hasattr(start, "after") and isinstance(event.action, LaneChangeAction)):
        return f"{held}, there is never room for it beside '{event.actor}'. Change gap or speed, or start it at another time."
    if hasattr(start, "after"):
        return f"{held}, '{start.after}' is not done in time. Raise 'within', or lengthen 'video: duration'."
    if isinstance(start, TimeToActorTrigger):
        name = start.ttc_to.actor
        return (
            f"{held}, the boxes of '{event.actor}' and '{name}' are never less than {start.ttc_to.below:g} s from touching at their present "
            "speeds and headings. Raise the bound, change a speed, or start it by time."
        )
    track = next(actor.track for actor in scene.actors if actor.id == event.actor)
    shown = np.asarray(track.present, dtype=bool)
    shown[round(limit * scene.fps) + 1 :] = False
    apart = np.hypot(*(track.positions[:, :2] - scene.ego.positions[:, :2]).T)
    nearest = float(apart[shown].min(initial=np.inf))
    key = next(iter(type(start).model_fields))
    bound = getattr(start, key).below
    unit = "s" if key == "ttc_to_ego" else "m"
    return (
        f"{held}, {key} is never below {bound:g} {unit}; the two come as near as {nearest:.0f} m, centre to centre. Raise "
        "the bound, change gap or speed, or start it by time."
    )
