"""Positions: every kind that is read, as a place on the ego's road: s along it, offset to the left of its reference line.

Places on other roads of the network are given on the ego's too where it is straight, as if that went on for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.catalogs import Catalogs
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.network import JunctionFacts, Leg, Network
from drivesim.scenarios.openscenario.paths import Path, Spot, read_trajectory
from drivesim.scenarios.openscenario.road_file import RoadFacts, assumed_road

#: Gives the network of the file; None where it names none that is there.
NetworkReader = Callable[[], Network | None]


@dataclass
class Places:
    """Works out positions on the road of the first one that is asked for, which is the ego's.

    ``ego`` is its name.
    """

    read_network: NetworkReader
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
        """The place of a <Position>. Raises InputError for a kind that is not read, or on a road that the ego's is not."""
        kind = position.only()
        readers = {
            "LanePosition": self._lane,
            "RoadPosition": self._road,
            "RoutePosition": self._route,
            "TrajectoryPosition": self._trajectory,
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

    def junction(self) -> tuple[float, JunctionFacts] | None:
        """The junction that the ego's road leads to, and the metres from the ego to its middle; None where there is none."""
        network = self.read_network()
        if network is None or self.road_id is None or not self._known().straight:
            return None
        facts = network.junction_ahead(self.road_id, self.facing > 0)
        if facts is None:
            return None
        course = self._known().course
        assert course is not None, "a road of a file has a course"
        end = float(course[-1, 0]) if self.facing > 0 else float(course[0, 0])
        return self.facing * (end - self.spots[self.ego].s) + facts.beyond_m, facts

    def route(self, holder: Element, parameters: Parameters) -> list[Leg]:
        """The way of a <Route> that an element holds or names. Raises InputError for one that no road leads along."""
        route, inside = self.catalogs.held(holder, "Route", parameters)
        network = self.read_network()
        if network is None:
            raise InputError(f"{holder.where}: a route needs the road file, which is not there.")
        stops: list[tuple[str, float]] = []
        for waypoint in route.all("Waypoint"):
            place = waypoint.need("Position").only()
            place.take()
            if place.tag not in ("LanePosition", "RoadPosition"):
                raise InputError(
                    f"{place.where}: <{place.tag}> in a route is not read; <LanePosition> and <RoadPosition> are."
                )
            stops.append((inside.text(place, "roadId"), inside.number(place, "s")))
        if len(stops) < 2:
            raise InputError(f"{route.where}: a route has two places or more.")
        return network.legs(stops, route)

    def on_leg(self, element: Element, leg: Leg, along: float, aside: float) -> Spot:
        """The place ``along`` metres from the begin of a leg, ``aside`` to the left of who goes that way."""
        forward = leg.ends >= leg.begins
        s = leg.begins + (along if forward else -along)
        return self._on(element, leg.road, s, aside if forward else -aside, 0.0 if forward else math.pi)

    def _known(self) -> RoadFacts:
        assert self.road is not None, "the ego is placed before anybody else"
        return self.road

    def _enter(self, element: Element, road_id: str, s: float, lane: int) -> RoadFacts:
        """The facts of a road at s; the first road that is entered is the ego's."""
        network = self.read_network()
        if self.road is None:
            self.road = assumed_road(lane) if network is None else network.facts(road_id, s)
            self.road_id = self.road.id if self.road.known else road_id
            return self.road
        if road_id == self.road_id:
            return self.road
        if network is None or not self.road.straight:
            why = "the road file is not there" if network is None else "the ego's bends"
            raise InputError(
                f"{element.where}: this is on road '{road_id}', the ego on '{self.road_id}'. Places on other roads are read where the "
                f"ego's is straight and the road file there; here {why}."
            )
        return network.facts(road_id, s)

    def _on(self, element: Element, road_id: str, s: float, t: float, turned: float, lane: int = -1) -> Spot:
        """A place of any road, on the ego's."""
        self._enter(element, road_id, s, lane)
        if road_id == self.road_id or (self.road is not None and not self.road.known):
            return Spot(s, t, turned)
        network, own = self.read_network(), self._known()
        assert network is not None, "only a known network has other roads"
        pose = network.pose(road_id, s, t, turned)
        line_s, line_t, heading = own.project(pose.x, pose.y)
        return Spot(line_s, line_t, pose.yaw_rad - heading)

    def _lane(self, element: Element, parameters: Parameters) -> Spot:
        lane, s = int(parameters.number(element, "laneId")), parameters.number(element, "s")
        if lane == 0:
            raise InputError(f"{element.where}: lane 0 is the reference line, nobody drives on it.")
        road_id = parameters.text(element, "roadId")
        road = self._enter(element, road_id, s, lane)
        if road.known and lane not in road.widths:
            known = ", ".join(map(str, sorted(road.widths)))
            raise InputError(f"{element.where}: road '{road_id}' has no driving lane {lane} (has: {known}).")
        backwards = (lane > 0) != road.left_hand
        turned = self._heading(element, parameters, road.heading_at(s), math.pi if backwards else 0.0)
        return self._on(element, road_id, s, road.centre(lane) + parameters.number(element, "offset", 0.0), turned)

    def _road(self, element: Element, parameters: Parameters) -> Spot:
        s, road_id = parameters.number(element, "s"), parameters.text(element, "roadId")
        road = self._enter(element, road_id, s, -1)
        turned = self._heading(element, parameters, road.heading_at(s), 0.0)
        return self._on(element, road_id, s, parameters.number(element, "t"), turned)

    def _route(self, element: Element, parameters: Parameters) -> Spot:
        """Along a route; lanes and offsets count as who goes that way sees them."""
        legs = self.route(element.need("RouteRef"), parameters)
        inside = element.need("InRoutePosition").only()
        if inside.tag not in ("FromLaneCoordinates", "FromRoadCoordinates"):
            raise InputError(
                f"{inside.where}: <{inside.tag}> is not read; <FromLaneCoordinates> and <FromRoadCoordinates> are."
            )
        along = parameters.number(inside, "pathS")
        leg = legs[-1]
        for leg in legs:
            if along <= leg.length or leg is legs[-1]:
                break
            along -= leg.length
        forward = leg.ends >= leg.begins
        aside = parameters.number(inside, "t", 0.0)
        if inside.tag == "FromLaneCoordinates":
            lane = int(parameters.number(inside, "laneId")) * (1 if forward else -1)
            s = leg.begins + (along if forward else -along)
            centre = self._enter(element, leg.road, s, lane).centre(lane) * (1 if forward else -1)
            aside = centre + parameters.number(inside, "laneOffset", 0.0)
        return self._oriented(element, parameters, self.on_leg(element, leg, along, aside))

    def _trajectory(self, element: Element, parameters: Parameters) -> Spot:
        path: Path = read_trajectory(element, self, parameters)
        spot = path.at(parameters.number(element, "s")).moved(0.0, parameters.number(element, "t", 0.0))
        return self._oriented(element, parameters, spot)

    def _world(self, element: Element, parameters: Parameters) -> Spot:
        x, y, heading = (parameters.number(element, name, 0.0) for name in ("x", "y", "h"))
        network = self.read_network()
        if self.road is None:
            road = self._enter(element, "", 0.0, -1)
            if network is not None:  # once more, for the lanes and the bend at this place
                self.road = network.facts("", road.project(x, y)[0])
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
        return Spot(s, t, self._heading(element, parameters, road.heading_at(s), math.pi if backwards else 0.0))

    def _relative_road(self, element: Element, parameters: Parameters) -> Spot:
        other = self._other(element, parameters)
        s, t = other.s + parameters.number(element, "ds"), other.t + parameters.number(element, "dt")
        return Spot(s, t, self._heading(element, parameters, self._known().heading_at(s), 0.0))

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
        return Spot(s, t, self._heading(element, parameters, self._known().heading_at(s), other.heading))

    def _other(self, element: Element, parameters: Parameters) -> Spot:
        name = parameters.text(element, "entityRef")
        if name not in self.spots:
            known = ", ".join(self.spots) or "nobody"
            raise InputError(f"{element.where}: '{name}' has no place yet (placed before: {known}).")
        return self.spots[name]

    def _oriented(self, element: Element, parameters: Parameters, spot: Spot) -> Spot:
        """A spot with the heading that its element says, or its own."""
        road_heading = self._known().heading_at(spot.s)
        return Spot(spot.s, spot.t, self._heading(element, parameters, road_heading, spot.heading))

    def _heading(self, element: Element, parameters: Parameters, road_heading: float, along: float) -> float:
        """Heading from the road's own: ``along`` where nothing is said, or what an orientation adds to it or is instead of it."""
        orientation = element.child("Orientation")
        if orientation is None:
            return along
        turned = parameters.number(orientation, "h", 0.0)
        if parameters.text(orientation, "type", "absolute") == "relative":
            return turned + along
        return turned - road_heading
