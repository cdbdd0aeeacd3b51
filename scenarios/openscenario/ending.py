"""How long the video lasts: as the stop trigger says where a time can be worked out, else until all has happened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from shapely import Polygon

from drivesim.errors import InputError
from drivesim.geometry import footprint
from drivesim.scenarios.expand import develop
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.story import Story
from drivesim.scenarios.openscenario.triggers import Impossible, StartTrigger, read_group
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_LENGTH_M, EGO_REAR_M, EGO_WIDTH_M

_SHORTEST_S, _LONGEST_S, _AFTERWARDS_S = 4.0, 60.0, 3.0
#: A video goes on for that long behind a meeting, at least and at most, whatever would end it, seconds.
_BEHIND_MEETING_S, _LONG_BEHIND_S = 1.0, 4.0
_MOST_S = 36_000.0
_PLAYED_FPS = 5.0
#: The cosine to the ego's heading from which on somebody counts as going its way, or towards it.
_ALONG = 0.9
#: Boxes whose middles are further apart do not touch, metres.
_NEAR_M = 15.0


@dataclass(frozen=True)
class Ending:
    """Seconds of video, and whether the file says so or it is only an estimate."""

    seconds: float
    said: bool


def ending_of(storyboard: Element, story: Story, ego_mps: float, actors: list[dict[str, Any]]) -> Ending:
    """When the video ends."""
    stop = storyboard.child("StopTrigger")
    said = None if stop is None else _stop_time(stop, story)
    last = max((state.touch_s for state in story.states.values() if state.touch_s is not None), default=0.0)
    if said is not None:
        longest = last + _LONG_BEHIND_S if last > 0.0 else _MOST_S
        return Ending(round(min(max(said, last + _BEHIND_MEETING_S, 0.1), longest, _MOST_S), 3), said=True)
    own = 0.0
    for actor in actors:
        if "meets" in actor:
            continue
        ahead = float(actor["gap"]) if "gap" in actor else float(actor["at"]["x"])
        along = math.cos(float(actor.get("yaw", 0.0)))
        closing = ego_mps - (along * float(actor.get("speed", 0.0)) if abs(along) > _ALONG else 0.0)
        own = max(own, ahead / closing if closing > 1.0 else 0.0)
    events = max((float(event["start"].get("time", 0.0)) + 4.0 for event in story.events), default=0.0)
    wanted = max(own, last) + _AFTERWARDS_S
    return Ending(float(math.ceil(min(max(wanted, events, _SHORTEST_S), _LONGEST_S))), said=False)


def seconds_to_contact(scenario: Scenario) -> float | None:
    """Seconds until a while after the ego first touches somebody, when the scenario is played by itself; None if it never does."""
    scene = develop(scenario, fps=_PLAYED_FPS, duration_s=_LONGEST_S).scene
    middle = (EGO_FRONT_M - EGO_REAR_M) / 2
    for frame in range(len(scene)):
        x, y, yaw = (*(float(v) for v in scene.ego.positions[frame, :2]), float(scene.ego.yaw_rad[frame]))
        own = Polygon(footprint(x + middle * math.cos(yaw), y + middle * math.sin(yaw), EGO_LENGTH_M, EGO_WIDTH_M, yaw))
        for actor in scene.actors:
            there = actor.track.positions[frame, :2]
            if not actor.track.present[frame] or math.dist(there, (x, y)) > _NEAR_M:
                continue
            other = footprint(
                float(there[0]), float(there[1]), actor.length, actor.width, float(actor.track.yaw_rad[frame])
            )
            if own.intersects(Polygon(other)):
                return float(math.ceil(frame / scene.fps + _AFTERWARDS_S))
    return None


def _stop_time(stop: Element, story: Story) -> float | None:
    """The earliest time of a group of conditions that can be worked out; the others end nothing here, which is noted."""
    times: list[float] = []
    others: list[str] = []
    for group in stop.all("ConditionGroup"):
        kept, found = len(story.notes), None
        try:
            found = read_group(group, story.parameters, story)
        except (Impossible, InputError):
            pass
        del story.notes[kept:]
        if isinstance(found, StartTrigger) and found.time_s is not None and found.time_s > 0.0:
            times.append(found.time_s)
        else:
            others += [one.attributes.get("name", "a condition") for one in group.all("Condition")]
        group.take()
    if others or times:
        ends = f"ends after {min(times):.2f} s" if times else "ends when all has happened"
        without = f"; what else would end it does not: {', '.join(others)}" if others else ""
        story.notes.append(f"{stop.where}: <StopTrigger>: the video {ends}{without}")
    return min(times) if times else None
