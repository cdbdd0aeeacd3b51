"""Positions: every kind that is read, as a place on the ego's road: s along it, offset to the left of its reference line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.catalogs import Catalogs
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.road_file import RoadFacts, assumed_road

#: Reads the road with an id at an s; None where the file has no road network that is there.
RoadReader = Callable[[str, float], RoadFacts | None]


@dataclass(frozen=True)
class Spot:
    """A place on the road: ``s`` along the reference line, ``t`` to its left (m), ``heading`` from the road's own (rad)."""

    s: float
    t: float
    heading: float = 0.0


@dataclass
class Places:
    """Works out positions on the road of the first one that is asked for, which is the ego's.

    ``ego`` is its name.
    """

    read_road: RoadReader
    catalogs: Catalogs
    ego: str
    spots: dict[str, Spot] = field(default_factory=dict)
    road: RoadFacts | None = None
    road_id: str | None = None
    origin: tuple[float, float, float] | None = None

    @property
    def facing(self) -> int:
        """1 where the ego drives along the reference line, -1 against it."""
        return 1 if math.cos(self.spots[self.ego].heading) > 0.0 else -1

    def of(self, position: Element, parameters: Parameters) -> Spot:
        """The place of a <Position>. Raises InputError for a kind that is not read, or on another road."""
        kind = position.only()
        readers = {
            "LanePosition": self._lane,
            "RoadPosition": self._road,
            "WorldPosition": self._world,
            "RelativeLanePosition": self._relative_lane,
            "RelativeRoadPosition": self._relative_road,
            "RelativeObjectPosition": self._relative_object,
            "RelativeWorldPosition": self._relative_object,
        }
        if kind.tag not in readers:
            raise InputError(f"{kind.where}: <{kind.tag}> is not read. Positions that are: {', '.join(readers)}.")
        return readers[kind.tag](kind, parameters)

    def lane_of(self, spot: Spot) -> int:
        """The lane whose middle is nearest."""
        return self._known().lane_at(spot.t)

    def in_ego_frame(self, spot: Spot, ahead: float = 0.0) -> tuple[float, float, float]:
        """x, y and yaw in the ego's frame at t = 0 of a point ``ahead`` metres before a spot, along a bend of even radius."""
        own = self.spots[self.ego]
        along, aside = self.facing * (spot.s - own.s), self.facing * (spot.t - own.t)
        bend = self.facing * self._known().curvature
        bend = bend / (1.0 - bend * self.facing * own.t) if bend else 0.0
        turn = bend * along
        chord = along * (math.sin(turn / 2) / (turn / 2) if abs(turn) > 1e-9 else 1.0)
        x = chord * math.cos(turn / 2) - aside * math.sin(turn)
        y = chord * math.sin(turn / 2) + aside * math.cos(turn)
        yaw = turn + spot.heading - own.heading
        return x + ahead * math.cos(yaw), y + ahead * math.sin(yaw), math.remainder(yaw, 2.0 * math.pi)

    def distance_ahead(self, spot: Spot) -> float:
        """Metres along the road from the ego to a spot; less than 0 behind."""
        return self.facing * (spot.s - self.spots[self.ego].s)

    def _known(self) -> RoadFacts:
        assert self.road is not None, "the ego is placed before anybody else"
        return self.road

    def _enter(self, element: Element, road_id: str, s: float, lane: int) -> RoadFacts:
        if self.road is None:
            self.road = self.read_road(road_id, s) or assumed_road(lane)
            self.road_id = self.road.id if self.road.known else road_id
        elif road_id != self.road_id:
            raise InputError(
                f"{element.where}: this is on road '{road_id}', the ego on '{self.road_id}'. Scenarios of one road are read."
            )
        return self.road

    def _lane(self, element: Element, parameters: Parameters) -> Spot:
        lane, s = int(parameters.number(element, "laneId")), parameters.number(element, "s")
        if lane == 0:
            raise InputError(f"{element.where}: lane 0 is the reference line, nobody drives on it.")
        road = self._enter(element, parameters.text(element, "roadId"), s, lane)
        if road.known and lane not in road.widths:
            known = ", ".join(map(str, sorted(road.widths)))
            raise InputError(f"{element.where}: road '{self.road_id}' has no driving lane {lane} (has: {known}).")
        backwards = (lane > 0) != road.left_hand
        return Spot(
            s, road.centre(lane) + parameters.number(element, "offset", 0.0),
            self._heading(element, parameters, s, math.pi if backwards else 0.0),
        )  # fmt: skip

    def _road(self, element: Element, parameters: Parameters) -> Spot:
        s = parameters.number(element, "s")
        self._enter(element, parameters.text(element, "roadId"), s, -1)
        return Spot(s, parameters.number(element, "t"), self._heading(element, parameters, s, 0.0))

    def _world(self, element: Element, parameters: Parameters) -> Spot:
        x, y, heading = (parameters.number(element, name, 0.0) for name in ("x", "y", "h"))
        if self.road is None:
            road = self._enter(element, "", 0.0, -1)
            if road.known:  # once more, for the lanes and the bend at this place
                self.road = self.read_road("", road.project(x, y)[0])
            else:  # the road goes through the ego, along its heading
                self.origin = (x, y, heading)
        road = self._known()
        if road.known:
            s, t, course = road.project(x, y)
            return Spot(s, t, heading - course)
        if self.origin is None:
            raise InputError(
                f"{element.where}: a world position beside the ego's place on a lane needs the road file, which is not there."
            )
        from_x, from_y, course = self.origin
        along, aside = x - from_x, y - from_y
        cosine, sine = math.cos(course), math.sin(course)
        return Spot(along * cosine + aside * sine, road.centre(-1) + aside * cosine - along * sine, heading - course)

    def _relative_lane(self, element: Element, parameters: Parameters) -> Spot:
        other = self._other(element, parameters)
        lane = self.lane_of(other)
        steps = int(parameters.number(element, "dLane"))
        wanted = lane + steps
        if (wanted > 0) != (lane > 0) or wanted == 0:
            wanted += 1 if steps > 0 else -1  # there is no lane 0
        along = "dsLane" if "dsLane" in element.attributes else "ds"
        road = self._known()
        if road.known and wanted not in road.widths:
            raise InputError(f"{element.where}: there is no lane {wanted}, {steps} from lane {lane} of the other.")
        backwards = (wanted > 0) != road.left_hand
        t = road.centre(wanted) + parameters.number(element, "offset", 0.0)
        s = other.s + parameters.number(element, along, 0.0)
        return Spot(s, t, self._heading(element, parameters, s, math.pi if backwards else 0.0))

    def _relative_road(self, element: Element, parameters: Parameters) -> Spot:
        other = self._other(element, parameters)
        s, t = other.s + parameters.number(element, "ds"), other.t + parameters.number(element, "dt")
        return Spot(s, t, self._heading(element, parameters, s, 0.0))

    def _relative_object(self, element: Element, parameters: Parameters) -> Spot:
        """Forward and left of the other; in the world's axes where the element says so, which are the road's where unknown."""
        other = self._other(element, parameters)
        along, aside = parameters.number(element, "dx"), parameters.number(element, "dy")
        turn = other.heading
        if element.tag == "RelativeWorldPosition":
            road = self._known()
            turn = 0.0 if road.course is None else -float(road.course[0, 3])
        s = other.s + along * math.cos(turn) - aside * math.sin(turn)
        t = other.t + along * math.sin(turn) + aside * math.cos(turn)
        return Spot(s, t, self._heading(element, parameters, s, other.heading))

    def _other(self, element: Element, parameters: Parameters) -> Spot:
        name = parameters.text(element, "entityRef")
        if name not in self.spots:
            known = ", ".join(self.spots) or "nobody"
            raise InputError(f"{element.where}: '{name}' has no place yet (placed before: {known}).")
        return self.spots[name]

    def _heading(self, element: Element, parameters: Parameters, s: float, along: float) -> float:
        """Heading from the road's own: as the <Orientation> says, else ``along``."""
        orientation = element.child("Orientation")
        if orientation is None:
            return along
        turned = parameters.number(orientation, "h", 0.0)
        if parameters.text(orientation, "type", "absolute") == "relative":
            return turned + along
        return turned - self._known().heading_at(s)
