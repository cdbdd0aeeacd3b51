"""The road network of an OpenDRIVE file: its roads by id, where their places lie in the world, routes over them, and the
junction that a road leads to.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import wrap_angle
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.road_file import RoadFacts, read_network, road_of

#: How far from a right angle an arm may meet the road, radians.
_SQUARE_RAD = math.radians(12.0)
_NOTHING = Parameters()


@dataclass(frozen=True)
class WorldPose:
    """A place and heading in the file's world, metres and radians."""

    x: float
    y: float
    yaw_rad: float


@dataclass(frozen=True)
class Leg:
    """A piece of a route: on ``road`` from s ``begins`` to ``ends``, forwards where that is more."""

    road: str
    begins: float
    ends: float

    @property
    def length(self) -> float:
        """Metres."""
        return abs(self.ends - self.begins)


@dataclass(frozen=True, kw_only=True)
class JunctionFacts:
    """A junction that a road leads to: ``beyond_m`` metres behind the road's end its middle, the sides that have an arm, how
    many lanes lead in on the widest, and what was taken for something simpler.
    """

    beyond_m: float
    arms: tuple[Literal["left", "right"], ...]
    arm_lanes: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _End:
    """An end of a road at a junction: ``away_rad`` is the heading that leads out of the junction."""

    road: str
    x: float
    y: float
    away_rad: float


class Network:
    """An OpenDRIVE file, read once; roads are looked up by their id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = read_network(path)
        self._roads = {road.attributes.get("id", ""): road for road in self._root.all("road")}
        self.facts = functools.cache(self._facts)

    def _facts(self, road_id: str, s: float) -> RoadFacts:
        return road_of(self._root, self.path, road_id, s)

    def pose(self, road_id: str, s: float, t: float, turned: float = 0.0) -> WorldPose:
        """The place ``t`` metres left of a road's reference line at s, heading ``turned`` radians from the road's own."""
        course = self.facts(road_id, s).course
        assert course is not None, "a road of a file has a course"
        within = float(np.clip(s, course[0, 0], course[-1, 0]))
        x, y, heading = (float(np.interp(within, course[:, 0], course[:, axis])) for axis in (1, 2, 3))
        cosine, sine, beyond = math.cos(heading), math.sin(heading), s - within
        return WorldPose(x + beyond * cosine - t * sine, y + beyond * sine + t * cosine, heading + turned)

    def legs(self, stops: list[tuple[str, float]], element: Element) -> list[Leg]:
        """The pieces of the way over places (road, s). Raises InputError where two follow each other on roads that do not meet."""
        legs: list[Leg] = []
        (here, s), forward = stops[0], True
        for there, goal in stops[1:]:
            if there == here:
                legs.append(Leg(here, s, goal))
                forward, s = goal >= s, goal
                continue
            found = self._between(here, there)
            if found is None:
                raise InputError(
                    f"{element.where}: roads '{here}' and '{there}' of this route do not meet in {self.path.name}."
                )
            leaves_at, via, enters_at = found
            legs.append(Leg(here, s, leaves_at))
            legs += [via] if via is not None else []
            legs.append(Leg(there, enters_at, goal))
            forward, s = goal >= enters_at, goal
            here = there
        return legs or [Leg(here, s, s + (1.0 if forward else -1.0))]

    def junction_ahead(self, road_id: str, forward: bool) -> JunctionFacts | None:
        """The junction at the end that a road leads to, None where there is none."""
        link = self._link(self._roads[road_id], "successor" if forward else "predecessor")
        if link is None or link.attributes.get("elementType") != "junction":
            return None
        own = self._end(road_id, at_end=forward)
        cosine, sine = -math.cos(own.away_rad), -math.sin(own.away_rad)
        arms: dict[Literal["left", "right"], float] = {}
        notes: list[str] = []
        lanes, straight_on = 1, False
        for end in self._ends(link.attributes.get("elementId", "")):
            if end.road == road_id:
                continue
            angle = float(wrap_angle(end.away_rad - own.away_rad - math.pi))
            if abs(angle) < _SQUARE_RAD:
                straight_on = True
            elif abs(abs(angle) - math.pi / 2.0) < _SQUARE_RAD:
                arms["left" if angle > 0.0 else "right"] = (end.x - own.x) * cosine + (end.y - own.y) * sine
                widths = self.facts(end.road, 0.0).widths
                lanes = max(lanes, *(sum((lane > 0) == side for lane in widths) for side in (True, False)))
            else:
                notes.append(
                    f"road '{end.road}' meets the ego's at {math.degrees(angle):.0f} deg and is left out; arms stand at right angles"
                )
        if not arms:
            return None
        if not straight_on:
            notes.append("the road goes straight on behind the junction here, which it does not in the file")
        sides = tuple(side for side in ("left", "right") if side in arms)
        return JunctionFacts(
            beyond_m=sum(arms.values()) / len(arms), arms=sides, arm_lanes=min(lanes, 3), notes=tuple(notes)
        )  # fmt: skip

    def _link(self, road: Element, which: str) -> Element | None:
        links = road.child("link")
        return None if links is None else links.child(which)

    def _length(self, road_id: str) -> float:
        return _NOTHING.number(self._roads[road_id], "length")

    def _end(self, road_id: str, *, at_end: bool) -> _End:
        pose = self.pose(road_id, self._length(road_id) if at_end else 0.0, 0.0)
        return _End(road_id, pose.x, pose.y, pose.yaw_rad + (math.pi if at_end else 0.0))

    def _ends(self, junction: str) -> list[_End]:
        """The ends of the roads that lead into a junction, each once."""
        found = {
            (link.attributes.get("elementId", ""), link.attributes.get("contactPoint") == "end")
            for road in self._roads.values()
            if road.attributes.get("junction") == junction
            for link in (self._link(road, which) for which in ("predecessor", "successor"))
            if link is not None and link.attributes.get("elementType") == "road"
        }
        return [self._end(road, at_end=at_end) for road, at_end in sorted(found) if road in self._roads]

    def _between(self, here: str, there: str) -> tuple[float, Leg | None, float] | None:
        """The s at which one leaves a road for another, the road that leads across, and the s at which one enters the other."""
        for via, road in self._roads.items():
            links = {
                link.attributes.get("elementId", ""): (which, link.attributes.get("contactPoint") == "end")
                for which in ("predecessor", "successor")
                if (link := self._link(road, which)) is not None and link.attributes.get("elementType") == "road"
            }
            if via == here and there in links:
                leaves = self._length(here) if links[there][0] == "successor" else 0.0
                return leaves, None, self._length(there) if links[there][1] else 0.0
            if here in links and there in links:
                forward = links[here][0] == "predecessor"
                length = self._length(via)
                across = Leg(via, 0.0, length) if forward else Leg(via, length, 0.0)
                return (
                    (self._length(here) if links[here][1] else 0.0),
                    across,
                    (self._length(there) if links[there][1] else 0.0),
                )
        return None
