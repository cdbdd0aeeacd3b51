"""Traffic at the junctions of a road: who turns, who comes out of the arms, and who has to wait."""

from __future__ import annotations

import math

import numpy as np

from drivesim.junctions import Arm, Junction, Leg, arm_coordinates
from drivesim.road import Road
from drivesim.traffic.behaviour import Mask
from drivesim.traffic.fleet import ON_ROAD, ON_ROUTE, VEHICLE, Fleet
from drivesim.traffic.newcomers import random_plan
from drivesim.traffic.plans import AmbientTraffic
from drivesim.traffic.right_of_way import close_lines, must_wait_at_line
from drivesim.traffic.routes import JunctionRoute, TurnSide, make_route
from drivesim.traffic.turning import drive_routes

#: Where drivers along the road make up their minds whether to turn, metres before their line, and how many do each way.
_DECIDES_M = (45.0, 85.0)
_TURN_SHARE = 0.16
#: Traffic of an arm against that of a lane of the road, where it appears before its line, and what is drawn for it.
_ARM_SHARE, _APPEARS_M, _FORGET_M = 0.7, 110.0, 170.0
_MIX = {"car": 0.72, "suv": 0.14, "van": 0.14}
_CLEAR_M = 14.0
#: How hard one who appears on an arm may have to brake at once, m/s², what he keeps to who stands ahead, between the
#: middles of two boxes, and how far beside him somebody is no longer ahead; metres.
_BRAKES_MPS2, _KEEPS_M, _ASIDE_M = 3.0, 8.0, 2.0
#: A scripted turn begins at most this far before the junction, metres.
_LATEST_M = 130.0
TURNS: tuple[TurnSide, ...] = ("left", "straight", "right")


class JunctionTraffic:
    """What happens at the junctions of one road; ``authored`` slots belong to the ego and the script.

    Drivers along the road may turn off, others come out of the arms and join or cross; all give way as the junction says.
    """

    def __init__(self, fleet: Fleet, settings: AmbientTraffic | None, authored: int) -> None:
        self._routes: dict[tuple[int, Leg, TurnSide, int | None], JunctionRoute | str] = {}
        self._decided: set[tuple[int, int]] = set()
        self._authored, self._settings, self._number = authored, settings, 0
        self._next_s: dict[tuple[int, str], float] = {}
        if settings is not None and settings.density_per_km > 0.0:
            layout = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(8,)))
            for number, junction in enumerate(fleet.road.junctions):
                for arm in junction.arms:
                    self._fill(fleet, number, junction, arm, layout)

    def route(
        self, road: Road, number: int, origin: Leg, turn: TurnSide, lane: int | None = None
    ) -> JunctionRoute | str:
        """A way through junction ``number``, made once; or why there is none."""
        key = (number, origin, turn, lane)
        if key not in self._routes:
            self._routes[key] = make_route(road, road.junctions[number], origin, turn, lane)
        return self._routes[key]

    def step(self, fleet: Fleet, dt: float, time_s: float, rng: np.random.Generator) -> None:
        """Move those on routes by ``dt`` seconds, after everyone else has moved."""
        fleet.closed = []
        for junction in fleet.road.junctions:
            close_lines(fleet, junction, time_s)
        self._turn_off(fleet, rng)
        waits: dict[int, bool] = {}
        n = fleet.count
        for slot in np.flatnonzero(fleet.alive[:n] & (fleet.motion[:n] == ON_ROUTE) & ~fleet.steady[:n]):
            waits[int(slot)] = must_wait_at_line(fleet, int(slot), time_s, dt)
        drive_routes(fleet, waits, dt, time_s)

    def update(self, fleet: Fleet, time_s: float, rng: np.random.Generator) -> None:
        """Remove who has driven away along an arm, and let others come out of the arms."""
        if self._settings is None or self._settings.density_per_km <= 0.0:
            return
        n = fleet.count
        away = np.hypot(fleet.x[:n] - fleet.x[0], fleet.y[:n] - fleet.y[0])
        gone = (fleet.motion[:n] == ON_ROUTE) & (away > self._settings.view_m + _FORGET_M)
        gone[: self._authored] = False
        for number, junction in enumerate(fleet.road.junctions):
            if abs(junction.s - fleet.s[0]) < self._settings.view_m:
                for arm in junction.arms:
                    gone |= _far_on_arm(fleet, arm, self._along(fleet, arm) + _FORGET_M)[:n]
                    self._feed(fleet, number, junction, arm, time_s, rng)
        gone[: self._authored] = False
        fleet.alive[:n] &= ~gone

    def _along(self, fleet: Fleet, arm: Arm) -> float:
        """How far along the arm the ego is, at least 0."""
        s, d = arm_coordinates(arm, fleet.x[:1], fleet.y[:1])
        return max(float(s[0]), 0.0) if abs(float(d[0])) < 15.0 else 0.0

    def _turn_off(self, fleet: Fleet, rng: np.random.Generator) -> None:
        """Let ambient drivers along the road, cars only, decide whether they turn."""
        n = fleet.count
        cars = fleet.alive[:n] & (fleet.motion[:n] == ON_ROAD) & (fleet.kind[:n] == VEHICLE) & (fleet.length[:n] < 6.5)
        cars[: self._authored] = False
        for number, junction in enumerate(fleet.road.junctions):
            line = fleet.direction[:n] * (junction.s - fleet.s[:n]) - junction.reach_m - fleet.front[:n]
            for slot in np.flatnonzero(cars & (line > _DECIDES_M[0]) & (line < _DECIDES_M[1])):
                if (int(slot), number) in self._decided or fleet.change_s[slot] > 0 or fleet.crashed[slot] > 0:
                    continue
                self._decided.add((int(slot), number))
                drawn = rng.random()
                turn: TurnSide = "left" if drawn < _TURN_SHARE else "right" if drawn < 2.0 * _TURN_SHARE else "straight"
                if turn != "straight":
                    self.begin_turn(fleet, int(slot), number, turn)

    def begin_turn(self, fleet: Fleet, slot: int, number: int, turn: TurnSide) -> bool:
        """Put one who drives along the road onto the way to turn; False where his lane does not lead there."""
        junction = fleet.road.junctions[number]
        direction = int(fleet.direction[slot])
        route = self.route(fleet.road, number, "behind" if direction == 1 else "ahead", turn)
        if isinstance(route, str):
            return False
        aside = float(fleet.d[slot]) - route.start_lane.offset
        line = direction * (junction.s - float(fleet.s[slot])) - junction.reach_m
        if abs(aside) > 0.4 * route.start_lane.width or line < fleet.front[slot] + 2.0:
            return False
        fleet.take_route(slot, route, -line, aside * direction)
        return True

    def enter_by_arm(self, fleet: Fleet, slot: int, side: Leg, turn: TurnSide | None = None) -> bool:
        """Put one who stands on an arm of the first junction onto his way, straight on where no ``turn`` is wanted."""
        wanted: tuple[TurnSide, ...] = ("straight", "right", "left") if turn is None else (turn,)
        ways = [self.route(fleet.road, 0, side, one) for one in wanted]
        route = next((way for way in ways if not isinstance(way, str)), None)
        if route is None or fleet.inside[slot] > 0:
            return False
        p, aside = _along_route(route, float(fleet.x[slot]), float(fleet.y[slot]))
        fleet.take_route(slot, route, p, aside)
        return True

    def take_turn(self, fleet: Fleet, slot: int, turn: TurnSide) -> bool:
        """Begin a scripted turn; False while the junction is too far, too near, or the lane does not lead there."""
        if fleet.motion[slot] == ON_ROUTE:
            return self.enter_by_arm(fleet, slot, fleet.route_of(slot).origin, turn)
        number = self.next_junction(fleet, slot) if fleet.motion[slot] == ON_ROAD else None
        if number is None:
            return False
        junction = fleet.road.junctions[number]
        away = float(fleet.direction[slot] * (junction.s - fleet.s[slot]))
        if away > _LATEST_M or fleet.change_s[slot] > 0:
            return False
        return self.begin_turn(fleet, slot, number, turn)

    def next_junction(self, fleet: Fleet, slot: int) -> int | None:
        """The number of the next junction ahead of one who drives along the road."""
        ahead = [
            (fleet.direction[slot] * (junction.s - fleet.s[slot]), number)
            for number, junction in enumerate(fleet.road.junctions)
        ]
        coming = [(way, number) for way, number in ahead if way > 0.0]
        return min(coming)[1] if coming else None

    def _fill(self, fleet: Fleet, number: int, junction: Junction, arm: Arm, layout: np.random.Generator) -> None:
        """Who comes along an arm at t = 0."""
        line = float(layout.exponential(0.6 * self._gap_m()))
        while line < _APPEARS_M:
            self._come(fleet, number, junction, arm, max(line, 4.0), layout, 0.0, standing=line < 10.0)
            line += _CLEAR_M + float(layout.exponential(self._gap_m()))

    def _gap_m(self) -> float:
        assert self._settings is not None
        return 1000.0 / (_ARM_SHARE * self._settings.density_per_km)

    def _feed(
        self, fleet: Fleet, number: int, junction: Junction, arm: Arm, time_s: float, rng: np.random.Generator
    ) -> None:
        key = (number, arm.side)
        pace = 0.85 * arm.road.speed_limit_mps
        if key not in self._next_s:
            self._next_s[key] = time_s + float(rng.exponential(self._gap_m() / pace))
        if time_s < self._next_s[key]:
            return
        away = max(_APPEARS_M, self._along(fleet, arm) + _APPEARS_M)
        self._come(fleet, number, junction, arm, away, rng, time_s, standing=False)
        self._next_s[key] = time_s + 1.5 + float(rng.exponential(self._gap_m() / pace))

    def _come(
        self,
        fleet: Fleet,
        number: int,
        junction: Junction,
        arm: Arm,
        line: float,
        rng: np.random.Generator,
        time_s: float,
        *,
        standing: bool,
    ) -> None:
        """Somebody on an arm, ``line`` metres before where he may have to wait, if there is room for him."""
        ways = [self.route(fleet.road, number, arm.side, turn) for turn in TURNS]
        open_ways = [way for way in ways if not isinstance(way, str)]
        name = list(_MIX)[int(rng.choice(len(_MIX), p=list(_MIX.values())))]
        if not open_ways:
            return
        route = open_ways[int(rng.integers(len(open_ways)))]
        p = -line - 3.0
        x, y, yaw = (float(value) for value in route.at(p))
        n = fleet.count
        near = np.hypot(fleet.x[:n] - x, fleet.y[:n] - y) < _CLEAR_M
        if bool((near & fleet.alive[:n]).any()):
            return
        pace = float(rng.uniform(0.75, 0.95)) * arm.road.speed_limit_mps
        speed = 0.0 if standing else min(pace, route.limit_at(p), _stoppable(fleet, line, x, y, yaw))
        self._number += 1
        plan = random_plan(
            name, f"ambient_arm{self._number}", rng, x=x, y=y, yaw_rad=yaw, speed=speed, desired_speed=pace
        )
        slot = fleet.add(plan, rng, time_s)
        fleet.take_route(slot, route, p)


def _stoppable(fleet: Fleet, line: float, x: float, y: float, yaw: float) -> float:
    """The speed (m/s) at which one at x, y on an arm, ``line`` metres before its line, can still stop there and behind others."""
    n = fleet.count
    dx, dy = fleet.x[:n] - x, fleet.y[:n] - y
    along, aside = dx * np.cos(yaw) + dy * np.sin(yaw), dy * np.cos(yaw) - dx * np.sin(yaw)
    ahead = np.flatnonzero(fleet.alive[:n] & (along > 0.0) & (along < line + _KEEPS_M) & (np.abs(aside) < _ASIDE_M))
    theirs = fleet.v[ahead] * np.maximum(np.cos(fleet.yaw[ahead] - yaw), 0.0)
    ways = np.maximum(along[ahead] - _KEEPS_M, 0.0) + theirs**2 / (2.0 * _BRAKES_MPS2)
    return math.sqrt(2.0 * _BRAKES_MPS2 * float(np.min(ways, initial=line)))


def _far_on_arm(fleet: Fleet, arm: Arm, away_m: float) -> Mask:
    """Mask (count,) of those who drive away on an arm and are further along it than that."""
    result = np.zeros(fleet.count, dtype=bool)
    for slot in np.flatnonzero(fleet.motion[: fleet.count] == ON_ROUTE):
        route = fleet.route_of(int(slot))
        result[slot] = route.destination == arm.side and fleet.route_p[slot] - route.leave_p > away_m
    return result


def _along_route(route: JunctionRoute, x: float, y: float) -> tuple[float, float]:
    """Length along the straight way in, and metres to the left of it, of a place before the junction."""
    line_x, line_y, yaw = (float(value) for value in route.points[0])
    along = (x - line_x) * np.cos(yaw) + (y - line_y) * np.sin(yaw)
    return route.first_p + float(along), float((y - line_y) * np.cos(yaw) - (x - line_x) * np.sin(yaw))
