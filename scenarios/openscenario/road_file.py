"""What a scenario needs of an OpenDRIVE file: lanes, their width, the course, the rule and the speed of one road."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.scenarios.openscenario.document import Element, read_xml
from drivesim.scenarios.openscenario.expressions import Parameters

_KINDS = {"motorway": "motorway", "rural": "rural", "town": "urban", "lowSpeed": "urban"}
_SPEED_UNITS = {"km/h": 1.0 / 3.6, "mph": 0.44704, "m/s": 1.0}
_STRAIGHT, _STRAIGHT_RAD = 1e-5, 1e-3
_NOTHING = Parameters()


@dataclass(frozen=True, kw_only=True)
class RoadFacts:
    """One road, by its ``id``, at one place: widths (m) of the driving lanes by their id, ``curvature`` in 1/m, positive to the left,
    and whether there are street lamps beside it.

    ``course`` (N, 4) holds s, x, y and heading of the reference line every metre. ``notes`` say what was taken for something
    simpler. Without a file ``known`` is false, ``course`` None, and the rest is assumed.
    """

    widths: dict[int, float]
    id: str = ""
    curvature: float = 0.0
    kind: str | None = None
    speed_limit_mps: float | None = None
    left_hand: bool = False
    lamps: bool = False
    known: bool = True
    notes: tuple[str, ...] = ()
    course: FloatArray | None = None

    @property
    def straight(self) -> bool:
        """Whether the whole road keeps its heading."""
        return self.course is None or float(np.ptp(self.course[:, 3])) < _STRAIGHT_RAD

    def centre(self, lane: int) -> float:
        """Offset of a lane's middle from the reference line, m to the left."""
        side = 1 if lane > 0 else -1
        typical = self.widths.get(lane, 3.5)
        inner = sum(self.widths.get(side * number, typical) for number in range(1, abs(lane)))
        return side * (inner + 0.5 * typical)

    def project(self, x: float, y: float) -> tuple[float, float, float]:
        """s, offset to the left and heading of the road at the place of the reference line nearest to a point."""
        assert self.course is not None, "only a road that is known has a course"
        nearest = self.course[int(np.argmin(np.hypot(self.course[:, 1] - x, self.course[:, 2] - y)))]
        s, line_x, line_y, heading = (float(value) for value in nearest)
        along, aside = x - line_x, y - line_y
        cosine, sine = math.cos(heading), math.sin(heading)
        return s + along * cosine + aside * sine, aside * cosine - along * sine, heading

    def heading_at(self, s: float) -> float:
        """Heading of the reference line at s; 0 where the road is only assumed."""
        if self.course is None:
            return 0.0
        return float(self.course[int(np.argmin(np.abs(self.course[:, 0] - s))), 3])

    def lane_at(self, offset: float) -> int:
        """The driving lane whose middle is nearest to an offset."""
        return min(self.widths, key=lambda lane: abs(self.centre(lane) - offset))

    def lanes_beside(self, lane: int) -> int:
        """How many lanes lead in the same direction as ``lane``."""
        return max(sum((other > 0) == (lane > 0) for other in self.widths), abs(lane))


def assumed_road(lane: int) -> RoadFacts:
    """A straight road for a file that is not there."""
    side = 1 if lane > 0 else -1
    return RoadFacts(widths={side * number: 3.5 for number in range(1, abs(lane) + 1)}, known=False)


def read_network(path: Path) -> Element:
    """The root of an OpenDRIVE file. Raises InputError for any other."""
    root = read_xml(path)
    if root.tag != "OpenDRIVE":
        raise InputError(f"{path}: the root is <{root.tag}>, expected <OpenDRIVE>.")
    return root


def road_of(network: Element, path: Path, road_id: str, s: float) -> RoadFacts:
    """The road of an OpenDRIVE file's root at ``s`` metres. Raises InputError where it has no such road, or none at all."""
    roads = {road.attributes.get("id", ""): road for road in network.all("road")}
    road_id = road_id or next(iter(roads), "")  # a place in the world names none
    if road_id not in roads:
        raise InputError(f"{path}: there is no road '{road_id}'; it has {', '.join(list(roads)[:8]) or 'none'}.")
    road = roads[road_id]
    notes: list[str] = []
    widths = _widths(road, s, notes)
    if not widths:
        raise InputError(f"{path}: road '{road_id}' has no driving lane at s = {s:g} m.")
    kind = road.child("type")
    speed = kind.child("speed") if kind is not None else None
    return RoadFacts(
        widths=widths,
        id=road_id,
        curvature=_curvature(road, s, notes),
        kind=None if kind is None else _KINDS.get(kind.attributes.get("type", "")),
        speed_limit_mps=None if speed is None else _speed(speed),
        left_hand=road.attributes.get("rule", "RHT") == "LHT",
        lamps=any(
            thing.attributes.get("type") == "streetLamp"
            for group in road.all("objects")
            for thing in group.all("object")
        ),
        notes=tuple(notes),
        course=_course(road),
    )


def _course(road: Element) -> FloatArray:
    """The reference line in steps of a metre; spirals and curves are followed by their chords' headings."""
    rows: list[tuple[float, float, float, float]] = []
    for piece in road.need("planView").all("geometry"):
        start, x, y, heading, length = (_NOTHING.number(piece, name) for name in ("s", "x", "y", "hdg", "length"))
        shape = piece.children[0] if piece.children else None
        bend = _NOTHING.number(shape, "curvature") if shape is not None and shape.tag == "arc" else 0.0
        for step in np.append(np.arange(0.0, length, 1.0), length):
            turn = 0.5 * bend * step
            chord = step * float(np.sinc(turn / math.pi))
            place = x + chord * math.cos(heading + turn), y + chord * math.sin(heading + turn)
            rows.append((start + float(step), *place, heading + 2.0 * turn))
    if not rows:
        raise InputError(f"{road.where}: the road has no geometry.")
    return np.array(rows)


def _widths(road: Element, s: float, notes: list[str]) -> dict[int, float]:
    sections = road.need("lanes").all("laneSection")
    here = [section for section in sections if _NOTHING.number(section, "s", 0.0) <= s + 1e-6] or sections[:1]
    if len(sections) > 1:
        notes.append(
            f"{road.where}: the road has {len(sections)} lane sections; the one at s = {s:g} m is taken throughout"
        )
    widths = {}
    for side in ("left", "right"):
        for lane in [lane for group in here[-1].all(side) for lane in group.all("lane")] if here else ():
            width = lane.child("width")
            if lane.attributes.get("type") == "driving" and width is not None:
                widths[int(_NOTHING.number(lane, "id"))] = _NOTHING.number(width, "a")
    return widths


def _curvature(road: Element, s: float, notes: list[str]) -> float:
    pieces = road.need("planView").all("geometry")
    here = [piece for piece in pieces if _NOTHING.number(piece, "s", 0.0) <= s + 1e-6][-1:]
    shape = here[0].children[0] if here and here[0].children else None
    curvature = 0.0
    if shape is not None and shape.tag == "arc":
        curvature = _NOTHING.number(shape, "curvature")
    elif shape is not None and shape.tag != "line":
        notes.append(f"{shape.where}: <{shape.tag}> is taken for a straight line")
    if (
        len({(piece.children[0].tag if piece.children else "", str(piece.children[0].attributes)) for piece in pieces})
        > 1
    ):
        notes.append(
            f"{road.where}: the road bends differently further on; its curvature at s = {s:g} m is taken throughout"
        )
    return 0.0 if abs(curvature) < _STRAIGHT else curvature


def _speed(speed: Element) -> float | None:
    if speed.attributes.get("max") in (None, "no limit", "undefined"):
        return None
    return _NOTHING.number(speed, "max") * _SPEED_UNITS.get(speed.attributes.get("unit", "m/s"), 1.0)
