"""The state of everyone in a traffic simulation as arrays, one slot for each participant; slot 0 is the ego."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.road import Lane, Road
from drivesim.traffic.behaviour import Mask, Slots, draw_driver, draw_walker
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_HEIGHT_M, EGO_LENGTH_M, EGO_REAR_M, EGO_WIDTH_M
from drivesim.traffic.plans import ActorPlan, EgoPlan, OpenDoor, WalkTo
from drivesim.traffic.routes import JunctionRoute

#: How a participant moves: along the road, freely in the plane, not at all, with the vehicle that has hit it, as only the
#: ego does, as it is told from outside, or on a way through a junction.
ON_ROAD, FREE, STATIC, CARRIED, COMMANDED, ON_ROUTE = 0, 1, 2, 3, 4, 5
#: Those who drive, whoever decides how.
DRIVEN = (ON_ROAD, COMMANDED, ON_ROUTE)
#: Whether one who moves like that drives, by the code of the motion: asked for all in each frame.
IS_DRIVEN = np.isin(np.arange(16), DRIVEN)
VEHICLE, CYCLIST, PEDESTRIAN = 0, 1, 2
HEAVY = ("truck", "bus", "trailer", "construction_vehicle")
#: Share of a change of mind that shows in the pace: of the ego, of scripted drivers and walkers, and of drivers who are
#: only told how fast they want to be.
_EGO_LEEWAY, _SCRIPTED_LEEWAY, _SCRIPTED_WALKER_LEEWAY, _TOLD_LEEWAY = 0.15, 0.3, 0.08, 0.6

#: Slots at first; the arrays double when they are full.
_CAPACITY = 64


def _numbers() -> FloatArray:
    return np.zeros(_CAPACITY)


def _codes() -> Slots:
    return np.zeros(_CAPACITY, dtype=np.int64)


def _flags() -> Mask:
    return np.zeros(_CAPACITY, dtype=bool)


@dataclass(eq=False)
class Fleet:
    """Mutable arrays (capacity,) of every participant; metres, seconds, radians, road coordinates as in :class:`Road`.

    ``s``, ``d`` belong to the box centre (the ego: rear axle), ``front`` and ``rear`` reach from there to the bumpers.
    ``held_d`` is the lane held, ``base_d`` the line driven now (beside it while passing a cyclist); a lane change runs while ``change_s`` > 0. ``script_a`` is NaN without a script.
    ``follows`` is one more than the slot that is followed, 0 for none, at ``follow_headway``; ``reverse_mps`` is positive
    while ``reverse_m`` metres are still to be driven backwards.
    ``desired`` and ``headway`` drift towards ``desired_to`` and ``headway_to``, what the driver has in mind by now;
    ``wish`` is the pace it varies around, ``leeway`` 1 where it does so freely, ``scripted`` 1 for those with manoeuvres.
    Who is ``steady`` keeps ``desired`` whatever is in the way, and stands until ``waits``.
    Who is on a route (one more than its index in ``routes``, 0 for none) is ``route_p`` along it and ``route_d`` beside it;
    ``inside`` is 1 once he has passed the line to wait at, ``halted`` once he has stood there, ``line_s`` for how long, ``next_gap`` when
    he looks for a gap again.
    ``closed`` are the lines where signals hold traffic on the road: s, direction, and the braking (m/s²) beyond which one
    drives on.
    """

    road: Road
    count: int = 0
    plans: list[ActorPlan] = field(default_factory=list)
    routes: list[JunctionRoute] = field(default_factory=list)
    closed: list[tuple[float, int, float]] = field(default_factory=list)
    alive: Mask = field(default_factory=_flags)
    free_choice: Mask = field(default_factory=_flags)
    direction: Slots = field(default_factory=_codes)
    motion: Slots = field(default_factory=_codes)
    kind: Slots = field(default_factory=_codes)
    s: FloatArray = field(default_factory=_numbers)
    d: FloatArray = field(default_factory=_numbers)
    v: FloatArray = field(default_factory=_numbers)
    a: FloatArray = field(default_factory=_numbers)
    x: FloatArray = field(default_factory=_numbers)
    y: FloatArray = field(default_factory=_numbers)
    yaw: FloatArray = field(default_factory=_numbers)
    slope: FloatArray = field(default_factory=_numbers)
    length: FloatArray = field(default_factory=_numbers)
    width: FloatArray = field(default_factory=_numbers)
    front: FloatArray = field(default_factory=_numbers)
    rear: FloatArray = field(default_factory=_numbers)
    desired: FloatArray = field(default_factory=_numbers)
    headway: FloatArray = field(default_factory=_numbers)
    minimum_gap: FloatArray = field(default_factory=_numbers)
    comfort: FloatArray = field(default_factory=_numbers)
    deceleration: FloatArray = field(default_factory=_numbers)
    politeness: FloatArray = field(default_factory=_numbers)
    alert: FloatArray = field(default_factory=_numbers)
    base_d: FloatArray = field(default_factory=_numbers)
    held_d: FloatArray = field(default_factory=_numbers)
    change_from: FloatArray = field(default_factory=_numbers)
    change_to: FloatArray = field(default_factory=_numbers)
    change_progress: FloatArray = field(default_factory=_numbers)
    change_s: FloatArray = field(default_factory=_numbers)
    script_a: FloatArray = field(default_factory=_numbers)
    script_to: FloatArray = field(default_factory=_numbers)
    noise: FloatArray = field(default_factory=_numbers)
    phase: FloatArray = field(default_factory=_numbers)
    wander: FloatArray = field(default_factory=_numbers)
    wander_k: FloatArray = field(default_factory=_numbers)
    travelled: FloatArray = field(default_factory=_numbers)
    target_x: FloatArray = field(default_factory=_numbers)
    target_y: FloatArray = field(default_factory=_numbers)
    next_choice: FloatArray = field(default_factory=_numbers)
    next_look: FloatArray = field(default_factory=_numbers)
    yields: FloatArray = field(default_factory=_numbers)
    struck_by: FloatArray = field(default_factory=_numbers)
    crashed: FloatArray = field(default_factory=_numbers)
    wish: FloatArray = field(default_factory=_numbers)
    desired_to: FloatArray = field(default_factory=_numbers)
    headway_to: FloatArray = field(default_factory=_numbers)
    leeway: FloatArray = field(default_factory=_numbers)
    lane_wish: FloatArray = field(default_factory=_numbers)
    next_temper: FloatArray = field(default_factory=_numbers)
    scripted: FloatArray = field(default_factory=_numbers)
    follows: Slots = field(default_factory=_codes)
    follow_headway: FloatArray = field(default_factory=_numbers)
    reverse_mps: FloatArray = field(default_factory=_numbers)
    reverse_m: FloatArray = field(default_factory=_numbers)
    steady: Mask = field(default_factory=_flags)
    waits: FloatArray = field(default_factory=_numbers)
    route: Slots = field(default_factory=_codes)
    route_p: FloatArray = field(default_factory=_numbers)
    route_d: FloatArray = field(default_factory=_numbers)
    inside: FloatArray = field(default_factory=_numbers)
    halted: FloatArray = field(default_factory=_numbers)
    line_s: FloatArray = field(default_factory=_numbers)
    next_gap: FloatArray = field(default_factory=_numbers)

    def _grow(self) -> None:
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):
                setattr(self, name, np.concatenate([array, np.zeros_like(array)]))

    def add_ego(self, plan: EgoPlan, rng: np.random.Generator) -> None:
        """Put the ego into slot 0, rear axle at s = 0 in its lane."""
        as_actor = ActorPlan(
            id="ego",
            category="car",
            length=EGO_LENGTH_M,
            width=EGO_WIDTH_M,
            height=EGO_HEIGHT_M,
            s=0.0,
            lane=plan.lane,
            speed=plan.speed,
            desired_speed=plan.desired_speed,
            free=plan.free,
            steady=plan.steady,
            manoeuvres=plan.manoeuvres,
        )
        self.add(as_actor, rng)
        self.front[0], self.rear[0] = EGO_FRONT_M, EGO_REAR_M
        self.leeway[0] = 0.0 if plan.steady else _EGO_LEEWAY

    def release_ego(self) -> None:
        """Let the ego's driver change his mind, and lanes, like the driver of any vehicle of the same plan; who is steady does not."""
        if self.steady[0]:
            return
        self.leeway[0] = _leeway(self.plans[0], VEHICLE)
        self.free_choice[0] = not self.plans[0].manoeuvres

    def add(self, plan: ActorPlan, rng: np.random.Generator, time_s: float = 0.0) -> int:
        """Append a participant and return its slot; who is where is taken from the plan, temper from ``rng``."""
        if self.count == len(self.alive):
            self._grow()
        slot = self.count
        self.count += 1
        self.plans.append(plan)
        heavy = plan.category in HEAVY
        kind = {"vehicle": VEHICLE, "cyclist": CYCLIST, "pedestrian": PEDESTRIAN}[plan.kind]
        driver = draw_walker(rng) if kind == PEDESTRIAN else draw_driver(rng, heavy or kind == CYCLIST)
        wish = plan.speed if plan.desired_speed is None else plan.desired_speed
        walks_later = any(isinstance(m.action, WalkTo) for m in plan.manoeuvres)
        placed = self._place(plan)
        temper = 1.0 + min(max(0.04 * float(rng.normal()), -0.1), 0.1)
        desired = wish if walks_later or kind != VEHICLE or plan.steady else wish * temper
        values = {
            **placed,
            "v": 0.0 if (walks_later and placed["motion"] == FREE) or plan.waits_s > 0.0 else plan.speed,
            "length": plan.length,
            "width": plan.width,
            "front": plan.length / 2.0,
            "rear": plan.length / 2.0,
            "desired": desired,
            "desired_to": desired,
            "wish": desired,
            "leeway": _leeway(plan, kind),
            "scripted": float(len(plan.manoeuvres) > 0),
            "headway": driver.headway_s,
            "headway_to": driver.headway_s,
            "minimum_gap": driver.minimum_gap_m,
            "comfort": driver.acceleration,
            "deceleration": driver.deceleration,
            "politeness": driver.politeness,
            "alert": float(rng.uniform(0.5, 1.2)) if rng.random() < 0.92 else float(rng.uniform(-0.6, 0.0)),
            "yields": float(plan.yields),
            "struck_by": -1.0,
            "script_a": math.nan,
            "phase": float(rng.uniform(0.0, 2.0 * math.pi)),
            "wander": float(rng.uniform(-0.12, 0.12)) * (0.7 if kind == PEDESTRIAN else 1.0),
            "wander_k": 2.0 * math.pi / float(rng.uniform(90.0, 200.0)),
            "target_x": math.nan,
            "target_y": math.nan,
            "next_choice": time_s + float(rng.uniform(0.5, 2.0)),
            "kind": kind,
        }
        if plan.steady:
            waits = math.inf if walks_later and placed["motion"] == FREE else plan.waits_s
            values |= {"steady": True, "waits": waits, "wander": 0.0, "leeway": 0.0}
        for name, value in values.items():
            getattr(self, name)[slot] = value
        # From a number drawn anyway: one draw more would change who stands where at t = 0.
        self.next_temper[slot] = time_s + 0.05 + self.phase[slot] / (2.0 * math.pi)
        self.base_d[slot] = self.held_d[slot] = placed["d"]
        # A closed door is part of its car.
        self.alive[slot] = not any(isinstance(m.action, OpenDoor) for m in plan.manoeuvres)
        chooses = plan.free and not plan.parked and not plan.steady
        self.free_choice[slot] = chooses and kind == VEHICLE and placed["motion"] == ON_ROAD
        return slot

    def _place(self, plan: ActorPlan) -> dict[str, float]:
        """Initial world and road coordinates and the way of moving."""
        if plan.x is not None:
            x, y = plan.x, plan.y or 0.0
            s, d = self.road.to_road(np.array([x]), np.array([y]), np.array([x]))
            road_yaw = float(self.road.frame_at(s)[2][0])
            along = math.cos(plan.yaw_rad - road_yaw)
            still = plan.parked or plan.category in ("traffic_cone", "barrier")
            follows = plan.kind != "pedestrian" and abs(along) > 0.94 and not still
            motion = STATIC if still else ON_ROAD if follows else FREE
            direction = 1 if along >= 0 else -1
            return {
                "s": float(s[0]),
                "d": float(d[0]),
                "x": x,
                "y": y,
                "yaw": plan.yaw_rad,
                "direction": direction,
                "motion": motion,
            }
        offset = plan.d if plan.d is not None else self.lane_offset(plan.lane, plan.direction, plan.id)
        x_array, y_array, yaw = self.road.to_world(np.array([plan.s]), np.array([offset]))
        heading = float(yaw[0]) + (math.pi if plan.direction < 0 else 0.0) + plan.yaw_rad
        still = plan.parked or plan.category in ("traffic_cone", "barrier")
        return {
            "s": plan.s,
            "d": offset,
            "x": float(x_array[0]),
            "y": float(y_array[0]),
            "yaw": heading,
            "direction": plan.direction,
            "motion": STATIC if still else ON_ROAD,
        }

    def lane_offset(self, number: int | None, direction: int, actor_id: str) -> float:
        """Centre offset of a lane by number and direction; raises InputError when there is none."""
        lane = self.road.lane(number, direction)
        if lane is not None:
            return lane.offset
        have = ", ".join(str(lane.number) for lane in self.road.lanes if lane.direction == direction) or "none"
        raise InputError(f"{actor_id!r} uses lane {number}, but the road has lanes {have} in that direction")

    def lane_at(self, slot: int) -> Lane | None:
        """The lane whose band holds the participant's base offset at its s, if any."""
        s, d = float(self.s[slot]), float(self.base_d[slot])
        for lane in self.road.lanes:
            if abs(lane.offset - d) <= lane.width / 2.0 and lane.s_start <= s <= lane.s_end:
                return lane
        return None

    def take_route(self, slot: int, route: JunctionRoute, p: float, aside: float = 0.0) -> None:
        """Put a participant on a route, ``p`` metres along it and ``aside`` to its left."""
        if route not in self.routes:
            self.routes.append(route)
        self.route[slot] = self.routes.index(route) + 1
        self.route_p[slot], self.route_d[slot] = p, aside
        self.inside[slot] = self.halted[slot] = self.line_s[slot] = self.next_gap[slot] = 0.0
        self.motion[slot] = ON_ROUTE
        self.free_choice[slot] = False
        self.change_s[slot] = 0.0

    def route_of(self, slot: int) -> JunctionRoute:
        """The route of one who is on one."""
        return self.routes[int(self.route[slot]) - 1]

    def keep_pace(self, slot: int, speed: float) -> None:
        """Hold the participant to a desired speed in m/s that a script sets, whatever he might have in mind."""
        self.desired[slot] = self.desired_to[slot] = self.wish[slot] = speed
        self.leeway[slot] = 0.0

    def begin_change(self, slot: int, to_d: float, over_s: float, *, passing: bool = False) -> None:
        """Start a lane change to offset ``to_d`` that takes ``over_s`` seconds at speed; ``passing`` keeps the lane."""
        if not passing:
            self.held_d[slot] = to_d
        self.change_from[slot] = self.base_d[slot]
        self.change_to[slot] = to_d
        self.change_progress[slot] = 0.0
        self.change_s[slot] = max(over_s, 0.5)


def _leeway(plan: ActorPlan, kind: int) -> float:
    """Share of a change of mind that shows in the pace: little of it where an author wrote what is to happen."""
    if plan.manoeuvres:
        return _SCRIPTED_WALKER_LEEWAY if kind == PEDESTRIAN else _SCRIPTED_LEEWAY
    return 1.0 if plan.desired_speed is None or kind == PEDESTRIAN else _TOLD_LEEWAY
