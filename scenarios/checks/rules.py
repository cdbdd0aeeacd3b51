"""Rules between the parts of a scenario: references, ids, placements, events, sampling and video shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from drivesim.scenarios.checks.actions import action_findings
from drivesim.scenarios.checks.junctions import junction_findings
from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.concrete import road_plan
from drivesim.scenarios.language.base import single_key
from drivesim.scenarios.language.constraints import kind_of
from drivesim.scenarios.language.designs import grid_size
from drivesim.scenarios.language.distributions import AnyDistribution, listed_values
from drivesim.scenarios.language.events import (
    EGO,
    AfterTrigger,
    Event,
    OffRoadLabel,
    TimeToActorTrigger,
    target_of,
)
from drivesim.scenarios.language.meeting import ONE_MOMENT
from drivesim.scenarios.language.sobol import MAX_DIMENSIONS
from drivesim.scenarios.language.values import VARIABLE_PARTS, reference_name, suggestion
from drivesim.scenarios.placement import lane_spot

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import ActorSpec, Scenario

_WALKS = "pedestrian"
_STANDS = ("traffic_cone", "barrier")


def reference_findings(keys: Mapping[str, Any]) -> Iterator[Finding]:
    """Parameters used but not in ``vary``, or never used; ``keys`` are plain values."""
    vary = keys.get("vary")
    names = [str(name) for name in vary] if isinstance(vary, Mapping) else []
    used: set[str] = set()
    for part in VARIABLE_PARTS:
        for location, name in references(keys.get(part), (part,)):
            used.add(name)
            if name not in names:
                near = suggestion(name, names)
                hint = f" Did you mean '${near}'?" if near else ""
                has = f"has: {', '.join(names)}" if names else "it is empty"
                yield Finding(code="DS040", text=f"${name} is not in 'vary' ({has}).{hint}", location=location)
    for name in names:
        if name not in used:
            text = f"parameter '{name}' is never used. Write ${name} where it applies, or remove it."
            yield Finding(code="DS041", text=text, location=("vary", name), severity="warning")


def references(value: Any, location: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every ``$name`` in plain values, with its location."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from references(item, (*location, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from references(item, (*location, index))
    elif name := reference_name(value):
        yield location, name


def rule_findings(scenario: Scenario) -> Iterator[Finding]:
    """Everything wrong between the parts of a scenario whose parts are right by themselves."""
    yield from _ids(scenario)
    yield from _road(scenario)
    yield from _ego(scenario)
    for index, actor in enumerate(scenario.scene.actors):
        yield from _placement(scenario, actor, ("scene", "actors", index))
    for index, event in enumerate(scenario.events):
        yield from _event(scenario, event, ("events", index))
    yield from _waiting(scenario)
    yield from junction_findings(scenario)
    yield from _labels(scenario)
    yield from _sampling(scenario)
    yield from _video(scenario)


def _ids(scenario: Scenario) -> Iterator[Finding]:
    lists: tuple[tuple[tuple[str, ...], list[str], str], ...] = (
        (("scene", "actors"), [actor.id for actor in scenario.scene.actors], "actor"),
        (("events",), [event.id for event in scenario.events], "event"),
    )
    for location, ids, kind in lists:
        for index, name in enumerate(ids):
            if name in ids[:index]:
                text = f"{kind} id '{name}' is used twice. Give each {kind} its own id."
                yield Finding(code="DS042", text=text, location=(*location, index, "id"))
            if kind == "actor" and (name == EGO or name.startswith("ambient")):
                whose = "the ego vehicle" if name == EGO else "ambient traffic"
                text = f"'{name}' is a name of {whose}. Give the actor another id."
                yield Finding(code="DS042", text=text, location=(*location, index, "id"))
    for name in scenario.labels:
        if name in lists[1][1]:
            text = f"'{name}' is also the id of an event. Give the label another name."
            yield Finding(code="DS042", text=text, location=("labels", name))


def _road(scenario: Scenario) -> Iterator[Finding]:
    road = road_plan(scenario)
    if road.ego_lane > road.lanes:
        text = f"the ego is on lane {road.ego_lane}, but the road has lanes 1 to {road.lanes} (1 = nearest the kerb)."
        yield Finding(
            code="DS047", text=f"{text} Lower ego_lane or raise lanes.", location=("scene", "road", "ego_lane")
        )


def _meeting(scenario: Scenario, actor: ActorSpec, location: tuple[str | int, ...]) -> Iterator[Finding]:
    """What cannot be said beside ``meets``, which places an actor and sets its heading."""
    other = next((key for key in ("gap", "at", "yaw", "to_line") if getattr(actor, key) is not None), None)
    if other is not None:
        text = f"actor '{actor.id}' has both 'meets' and '{other}'. Keep one: where it meets the ego says where it stands and how it heads."
        yield Finding(code="DS045", text=text, location=(*location, other))
    yield from _moment_of_meeting(actor, location)
    if actor.parked:
        text = f"actor '{actor.id}' is parked, and 'meets' moves it. Leave 'parked' out, or write 'speed: 0 m/s'."
        yield Finding(code="DS045", text=text, location=(*location, "parked"))
    if actor.meets is not None and actor.meets.impact is not None and actor.meets.overlap is not None:
        text = f"actor '{actor.id}' has both 'impact' and 'overlap'. Keep one: the place of its middle, or the share that is covered."
        yield Finding(code="DS045", text=text, location=(*location, "meets", "overlap"))
    if scenario.scene.ego.plan is not None:
        text = f"actor '{actor.id}' meets an ego that keeps its speed, and this one has a plan. Place it by 'at'."
        yield Finding(code="DS045", text=text, location=(*location, "meets"))


def _moment_of_meeting(actor: ActorSpec, location: tuple[str | int, ...]) -> Iterator[Finding]:
    """What is too much or too little beside the way on which an actor is met, or where it has none."""
    meeting, where = actor.meets, (*location, "meets")
    if meeting is None:
        return
    way = next((key for key in ("lane", "arm") if getattr(actor, key) is not None), None)
    said = next((key for key in ("time", "after", "distance") if getattr(meeting, key) is not None), None)
    if way is None and meeting.time is None and meeting.after is None:
        yield Finding(code="DS046", text=f"'meets' of actor '{actor.id}' has no moment. {ONE_MOMENT}", location=where)
    elif way is not None and said is not None:
        text = f"actor '{actor.id}' is met on its '{way}', so '{said}' follows from where the ways cross. Leave it out."
        yield Finding(code="DS045", text=text, location=(*where, said))
    if actor.lane is not None and actor.arm is not None:
        text = f"actor '{actor.id}' has both 'lane' and 'arm'. Keep one."
        yield Finding(code="DS045", text=text, location=(*location, "arm"))


def _ego(scenario: Scenario) -> Iterator[Finding]:
    """An ego that drives backwards, or does not react and is to do so."""
    ego = scenario.scene.ego
    backwards = isinstance(ego.speed, float) and ego.speed < 0.0
    if ego.reacts and backwards:
        text = "an ego that drives backwards has no driver. Add 'reacts: false', or let it stand and use the action 'reverse'."
        yield Finding(code="DS049", text=text, location=("scene", "ego", "speed"))
    for key in ("target_speed", "plan"):
        if not ego.reacts and getattr(ego, key) is not None:
            why = (
                "keeps its speed until an event"
                if key == "target_speed"
                else "has no use for 'plan', which is driven whatever is in the way"
            )
            text = f"an ego with 'reacts: false' {why}. Remove '{key}' or 'reacts'."
            yield Finding(code="DS049", text=text, location=("scene", "ego", key))


def _placement(scenario: Scenario, actor: ActorSpec, location: tuple[str | int, ...]) -> Iterator[Finding]:
    on_lane = actor.lane is not None or actor.gap is not None
    if actor.meets is not None:
        yield from _meeting(scenario, actor, location)
        return
    if on_lane and actor.at is not None:
        text = f"actor '{actor.id}' has both 'lane' and 'at'. Keep one: 'lane'+'gap', or 'at' in the ego frame (x forward, y left)."
        yield Finding(code="DS045", text=text, location=location)
    elif actor.arm is not None:
        pass  # what is wrong with that the rules about junctions tell
    elif not on_lane and actor.at is None:
        text = f"actor '{actor.id}' has no place. Add 'lane'+'gap', or 'at: {{x: 20 m, y: -3 m}}' in the ego frame."
        yield Finding(code="DS046", text=text, location=location)
    elif on_lane and actor.gap is None:
        text = f"actor '{actor.id}' has 'lane' but no 'gap'. Add 'gap', the bumper-to-bumper distance from the ego, as 'gap: 30 m'."
        yield Finding(code="DS046", text=text, location=location)
    elif on_lane and actor.lane is None:
        text = f"actor '{actor.id}' has 'gap' but no 'lane'. Add 'lane: ego', left, right, ramp, oncoming or a number."
        yield Finding(code="DS046", text=text, location=location)
    if actor.lane is not None and not reference_name(actor.lane):
        spot = lane_spot(road_plan(scenario), actor.lane)
        if isinstance(spot, str):
            yield Finding(code="DS047", text=f"actor '{actor.id}': {spot}", location=(*location, "lane"))
    yield from _size(actor, location)


def _size(actor: ActorSpec, location: tuple[str | int, ...]) -> Iterator[Finding]:
    size = actor.size
    if size is None or not isinstance(size.length, float) or not isinstance(size.width, float):
        return
    if actor.category not in (_WALKS, *_STANDS) and size.width > size.length:
        text = f"actor '{actor.id}': length {size.length:g} m, width {size.width:g} m. Swapped? nuScenes writes w,l,h; here sizes are named."
        yield Finding(code="DS062", text=text, location=(*location, "size"), severity="warning")


def _event(scenario: Scenario, event: Event, location: tuple[str | int, ...]) -> Iterator[Finding]:
    actors = {actor.id: actor for actor in scenario.scene.actors}
    if event.actor != EGO and event.actor not in actors:
        yield _unknown(event.actor, [EGO, *actors], "actor", "DS043", (*location, "actor"))
    else:
        yield from action_findings(scenario, event, location)
    if isinstance(event.start, AfterTrigger):
        others = [other.id for other in scenario.events if other.id != event.id]
        if event.start.after == event.id:
            text = f"event '{event.id}' waits for itself. Name another event, or use 'start: {{time: 2 s}}'."
            yield Finding(code="DS048", text=text, location=(*location, "start", "after"))
        elif event.start.after not in others:
            yield _unknown(event.start.after, others, "event", "DS044", (*location, "start", "after"))
    elif isinstance(event.start, TimeToActorTrigger):
        other, place = event.start.ttc_to.actor, (*location, "start", "ttc_to", "actor")
        if other == event.actor:
            text = f"'{other}' has no time to collision with itself. Name another actor, or 'ego'."
            yield Finding(code="DS049", text=text, location=place)
        elif other not in [EGO, *actors]:
            yield _unknown(other, [EGO, *actors], "actor", "DS043", place)
    elif event.actor == EGO and single_key(event.start) != "time":
        text = "the ego cannot wait for its own distance to itself. Use 'start: {time: 2 s}', {ttc_to: {actor: lead, below: 1.5 s}} or {after: event}."
        yield Finding(code="DS049", text=text, location=(*location, "start"))


def _waiting(scenario: Scenario) -> Iterator[Finding]:
    """Events that wait for each other in a ring."""
    waits = {event.id: event.start.after for event in scenario.events if isinstance(event.start, AfterTrigger)}
    for index, event in enumerate(scenario.events):
        ring, current = [event.id], waits.get(event.id)
        while current is not None and current not in ring:
            ring.append(current)
            current = waits.get(current)
        if current == event.id and len(ring) > 1 and event.id == min(ring):
            text = f"events wait for each other: {' → '.join([*ring, event.id])}. Start one by time."
            yield Finding(code="DS048", text=text, location=("events", index, "start"))


def _labels(scenario: Scenario) -> Iterator[Finding]:
    actors = [actor.id for actor in scenario.scene.actors]
    for name, label in scenario.labels.items():
        target = target_of(label)
        if target not in actors and not (target == EGO and isinstance(label, OffRoadLabel)):
            yield _unknown(target, actors, "actor", "DS043", ("labels", name, single_key(label) or "", "actor"))
    known = [*scenario.labels, *(event.id for event in scenario.events)]
    for index, expectation in enumerate(scenario.expectations):
        if expectation.label not in known:
            yield _unknown(expectation.label, known, "label or event", "DS044", ("expect", index, "label"))


def _sampling(scenario: Scenario) -> Iterator[Finding]:
    sampling, vary = scenario.sampling_settings, scenario.vary
    wrong = list(_where(scenario))
    yield from wrong
    if scenario.variation is not None and (count := scenario.num_variations) > 1:
        text = f"'variation' says as what one concrete scenario is drawn; by 'vary' this one has {count}. Keep one of them."
        yield Finding(code="DS071", text=text, location=("variation",))
    if not vary:
        return
    continuous = [name for name, d in vary.items() if listed_values(d) is None]
    count = sampling.variations
    if sampling.method == "sobol" and count & (count - 1) and not scenario.constraints:
        low = 1 << (count.bit_length() - 1)
        text = f"method: sobol with variations: {count}: use a power of two ({low} or {2 * low}) or 'latin'."
        yield Finding(code="DS070", text=text, location=("sampling",))
    if sampling.method == "sobol" and len(vary) > MAX_DIMENSIONS:
        text = f"method: sobol takes at most {MAX_DIMENSIONS} parameters, 'vary' has {len(vary)}. Use 'latin'."
        yield Finding(code="DS071", text=text, location=("sampling",))
    if sampling.method == "grid" and continuous:
        text = f"method: grid needs values to step through, but '{continuous[0]}' is continuous. Use {{grid: [..]}} for it, or 'latin'."
        yield Finding(code="DS071", text=text, location=("vary", continuous[0]))
    if sampling.method == "grid" and grid_size(vary) > 65_536:
        text = f"the full grid has {grid_size(vary)} variations. Use fewer values, or method: latin."
        yield Finding(code="DS070", text=text, location=("sampling",))
    elif scenario.constraints and not wrong and (why := scenario.design.shortage()) is not None:
        yield Finding(code="DS034", text=why, location=("where",))


def _where(scenario: Scenario) -> Iterator[Finding]:
    """Conditions on parameters that are not there, or of another kind."""
    words = {name: _is_word(distribution) for name, distribution in scenario.vary.items()}
    for index, text in enumerate(scenario.constraints):
        try:
            kind_of(text, words)
        except ValueError as error:
            yield Finding(code="DS033", text=str(error), location=("where", index))


def _is_word(distribution: AnyDistribution) -> bool:
    return any(isinstance(value, str) for value in listed_values(distribution) or ())


def _video(scenario: Scenario) -> Iterator[Finding]:
    video = scenario.video_settings
    for name, size in (("height", video.height), ("width", video.width)):
        if size % 64:
            nearest = max(64, round(size / 64) * 64)
            text = f"{name} {size} must be a multiple of 64. Nearest: {nearest}."
            yield Finding(code="DS072", text=text, location=("video", name))


def _unknown(name: str, known: list[str], kind: str, code: str, location: tuple[str | int, ...]) -> Finding:
    near = suggestion(name, known)
    has = f"has: {', '.join(known)}" if known else "there is none"
    hint = f" Did you mean '{near}'?" if near else ""
    return Finding(code=code, text=f"there is no {kind} '{name}' ({has}).{hint}", location=location)
