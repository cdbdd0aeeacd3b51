"""What was read of a file, put together to a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.checks.messages import ScenarioError
from drivesim.scenarios.concrete import concrete_of
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.ending import ending_of, seconds_to_contact
from drivesim.scenarios.openscenario.scene_values import actor_values, road_values
from drivesim.scenarios.openscenario.story import Story
from drivesim.scenarios.placement import make_road, place
from drivesim.traffic.dimensions import EGO_LENGTH_M, EGO_WIDTH_M

#: A meeting is looked for that much longer than the video lasts, and the video goes on for that long behind it, seconds.
_LONGER_S, _BEHIND_S = 8.0, 1.0
#: Road on which a meeting is placed, metres.
_ROAD_M = 1500.0


def assemble(
    story: Story, environment: dict[str, Any], storyboard: Element, identity: str, title: str, path: Path
) -> Scenario:
    """The scenario. Raises InputError where what was read makes none."""
    _walk_from_the_start(story)
    _leave_who_has_no_place(story)
    made = _values(story, environment, storyboard, identity, title)
    refused = _met(made, path)
    for name, why in refused.items():
        state = next(state for state in story.states.values() if state.entity.id == name)
        state.meets = None
        story.notes.append(f"'{state.entity.name}' is placed and not said to meet the ego, as on this road {why}")
    if refused:
        made = _values(story, environment, storyboard, identity, title)
    if not made.said_when_to_stop and any(event["actor"] != "ego" for event in made.values["events"]):
        made.reach(seconds_to_contact(_scenario(made.values, path)))
    return _scenario(made.values, path)


@dataclass
class _Made:
    """The values of a scenario's file, and whether the file said when the video ends."""

    values: dict[str, Any]
    said_when_to_stop: bool

    def reach(self, seconds: float | None) -> None:
        """Let the video last so long at least."""
        if seconds is not None and seconds > self.values["video"]["duration"]:
            self.values["video"]["duration"] = seconds


def _scenario(values: dict[str, Any], path: Path) -> Scenario:
    try:
        return Scenario.from_dict(values)
    except ScenarioError as error:
        raise InputError(f"{path}: what was read is no valid scenario:\n{error}") from error


def _met(made: _Made, path: Path) -> dict[str, str]:
    """Why actors cannot be placed to meet the ego, by their id; the video lasts until a while after those who can are met."""
    if not any("meets" in actor for actor in made.values["scene"]["actors"]):
        return {}
    duration_s = float(made.values["video"]["duration"])
    longer = concrete_of(_scenario({**made.values, "video": {"duration": duration_s + _LONGER_S}}, path))
    road = make_road(longer, _ROAD_M)
    why: dict[str, str] = {}
    for actor in (one for one in longer.actors if one.meets is not None):
        try:
            made.reach(round((place(longer, actor, road).meets_s or 0.0) + _BEHIND_S, 3))
        except ValueError as reason:
            why[actor.id] = str(reason)
    return why


def _values(story: Story, environment: dict[str, Any], storyboard: Element, identity: str, title: str) -> _Made:
    ego = story.entities[story.ego]
    speed = story.states[story.ego].speed_mps
    if speed is None:
        raise InputError(f"{storyboard.where}: at what speed the ego '{ego.name}' begins is not said in <Init>.")
    kept = len(story.notes)
    road = road_values(story, speed)
    actors = [
        actor_values(state, story, lanes_kept=road.lanes_kept)
        for name, state in story.states.items()
        if name != ego.name and state.spot is not None and not state.gone
    ]
    present = {actor["id"] for actor in actors} | {"ego"}
    ending = ending_of(storyboard, story, speed, actors)
    lamps = story.places.road is not None and story.places.road.lamps
    story.notes.append(
        f"the ego is {EGO_LENGTH_M:g} x {EGO_WIDTH_M:g} m here (in the file {ego.length:g} x {ego.width:g} m); gaps between "
        "bumpers are kept"
    )
    # Said once, however often a scenario is put together.
    story.notes[:] = dict.fromkeys([*story.notes[:kept], *story.notes[kept:]])
    values = {
        "id": identity,
        "title": title,
        "tags": ["openscenario"],
        "video": {"duration": ending.seconds},
        "traffic": "left_hand" if story.places.road is not None and story.places.road.left_hand else "right_hand",
        "scene": {
            "environment": environment | ({"street_lights": True} if lamps else {}),
            "road": road.written,
            "ego": {"speed": round(speed, 4), "reacts": False},
            "actors": actors,
            "traffic": {"density": "none"},
        },
        "events": [event for event in story.events if event["actor"] in present],
    }
    return _Made(values, said_when_to_stop=ending.said)


def _leave_who_has_no_place(story: Story) -> None:
    for name, state in story.states.items():
        if state.spot is None and name != story.ego and not state.gone:
            story.left_out.append(f"entity '{name}' has no place at t = 0 and is left out, with all that it does")


def _walk_from_the_start(story: Story) -> None:
    """Who was given a way in <Init> and nothing later sets off at once: on foot to its end, on wheels straight on."""
    walking = {event["actor"] for event in story.events if "walk_to" in event["action"]}
    for name, state in story.states.items():
        if state.path is None or state.meets is not None or name == story.ego or state.entity.id in walking:
            continue
        if state.entity.category == "pedestrian":
            x, y, _ = story.places.in_ego_frame(state.path.at(float(state.path.lengths[-1])))
            action = {"walk_to": {"x": round(x, 4), "y": round(y, 4)}}
            story.add_event(f"{state.entity.id}_walks", name, action, {"time": 0.0})
        elif state.path.is_straight(state.begins_m):
            state.spot = state.course
        else:
            story.left_out.append(
                f"the way of '{name}' in <Init> bends by {abs(state.path.turned(state.begins_m)):.2f} rad and is not read"
            )
