"""Situations of traffic for random scenes: who is near the ego at t = 0 and what they are about to do.

Each situation is a function of a :class:`FilledRoad` that appends actors to it; the ego's rear axle is at s = 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from drivesim.road import Lane, Road
from drivesim.traffic.dimensions import EGO_FRONT_M, PRESET_SIZES, size_of
from drivesim.traffic.look import CAR_COLOUR_SHARES, draw_colour
from drivesim.traffic.simulation import ActorPlan, Brake, LaneChange, Manoeuvre, SpeedChange, Stop, Trigger, WalkTo

_CLOTHES = ("coat", "jacket", "hoodie", "shirt", "dress")
_HEAVY = ("truck", "bus", "trailer", "construction_vehicle")


@dataclass
class FilledRoad:
    """A road with the ego on it, the generator to draw from, and the actors put there so far."""

    road: Road
    ego_lane: Lane
    ego_speed: float
    duration_s: float
    rng: np.random.Generator
    plans: list[ActorPlan] = field(default_factory=list)
    closed: list[tuple[float, float, float]] = field(default_factory=list)

    def moment(self) -> Trigger:
        """A time in the first part of the clip."""
        return Trigger(at_s=float(self.rng.uniform(0.0, max(0.3, min(3.0, 0.5 * self.duration_s)))))

    def lane(self, number: int, direction: Literal[1, -1] = 1) -> Lane | None:
        """The lane of that number and direction, or None."""
        return self.road.lane(number, direction)

    def beside(self) -> Lane | None:
        """A driving lane next to the ego's in its direction, or None."""
        numbers = [n for n in (self.ego_lane.number - 1, self.ego_lane.number + 1) if n >= 1]
        lanes = [x for x in map(self.lane, numbers) if x is not None and x.kind == "driving"]
        return lanes[int(self.rng.integers(len(lanes)))] if lanes else None

    def kerb_sign(self) -> float:
        """-1 where the own kerb is at negative d (right-hand traffic), else +1."""
        return -1.0 if self.road.traffic_side == "right" else 1.0

    def vehicle_name(self) -> str:
        """A random kind of vehicle, cars most often."""
        names = (
            "car",
            "suv",
            "estate",
            "small",
            "van",
            "truck",
            "bus",
            "trailer",
            "motorcycle",
            "construction_vehicle",
        )
        shares = np.array([0.3, 0.12, 0.12, 0.08, 0.12, 0.1, 0.05, 0.03, 0.05, 0.03])
        return names[int(self.rng.choice(len(names), p=shares))]

    def add(self, name: str, **placement: object) -> ActorPlan:
        """Append one actor of a category or preset, with random size and colour."""
        category = "car" if name in PRESET_SIZES and name != "child" else "pedestrian" if name == "child" else name
        preset = name if name in PRESET_SIZES else None
        length, width, height = size_of(category, preset, self.rng)
        person = category in ("pedestrian", "bicycle")
        colour_name, colour = draw_colour(self.rng, None if person or self.rng.random() < 0.25 else CAR_COLOUR_SHARES)
        noun = _CLOTHES[int(self.rng.integers(len(_CLOTHES)))] if category == "pedestrian" else preset or category
        look: str | None = f"{colour_name} {noun.replace('_', ' ')}"
        painted: tuple[int, int, int] | None = colour
        if category in ("traffic_cone", "barrier"):
            look, painted = None, None
        plan = ActorPlan(
            id=f"actor{len(self.plans) + 1}",
            category=category,
            preset=preset,
            length=length,
            width=width,
            height=height,
            colour=painted,
            look=look,
            **placement,  # type: ignore[arg-type]
        )
        self.plans.append(plan)
        return plan

    def vehicle(
        self, lane: Lane, gap: float, speed: float, name: str | None = None, manoeuvres: tuple[Manoeuvre, ...] = ()
    ) -> ActorPlan:
        """A vehicle ``gap`` metres ahead of the ego's bumper in ``lane``."""
        chosen = name or self.vehicle_name()
        length = size_of("car", chosen)[0] if chosen in PRESET_SIZES else size_of(chosen)[0]
        s = EGO_FRONT_M + gap + 0.6 * length
        return self.add(
            chosen, s=s, d=lane.offset, direction=lane.direction, speed=max(speed, 0.0), manoeuvres=manoeuvres
        )

    def following_gap(self, shortest_s: float = 0.5, longest_s: float = 1.6) -> float:
        """A gap to a leader in metres at a random time headway."""
        return 3.5 + self.ego_speed * float(self.rng.uniform(shortest_s, longest_s))


def lead(filled: FilledRoad) -> None:
    """Someone ahead in the ego's lane, near its speed."""
    filled.vehicle(filled.ego_lane, filled.following_gap(), filled.ego_speed * float(filled.rng.uniform(0.85, 1.08)))


def hard_brake(filled: FilledRoad) -> None:
    """The leader brakes hard, sometimes to a stand."""
    brake = Brake(
        deceleration_mps2=float(filled.rng.uniform(3.0, 7.0)),
        to_mps=float(filled.rng.choice([0.0, 0.4]) * filled.ego_speed),
    )
    script = (Manoeuvre(id="hard_brake", action=brake, trigger=filled.moment()),)
    filled.vehicle(filled.ego_lane, filled.following_gap(0.8, 1.8), filled.ego_speed, manoeuvres=script)


def cut_in(filled: FilledRoad) -> None:
    """A vehicle from the next lane moves in close ahead."""
    lane = filled.beside()
    if lane is None:
        return lead(filled)
    change = LaneChange(to_d=filled.ego_lane.offset, over_s=float(filled.rng.uniform(2.0, 4.0)))
    script = (Manoeuvre(id="cut_in", action=change, trigger=filled.moment()),)
    gap = float(filled.rng.uniform(3.0, 8.0 + 0.6 * filled.ego_speed))
    filled.vehicle(lane, gap, filled.ego_speed * float(filled.rng.uniform(0.9, 1.1)), manoeuvres=script)
    if filled.rng.random() < 0.4:
        filled.vehicle(
            filled.ego_lane, gap + 20.0 + filled.ego_speed, filled.ego_speed * float(filled.rng.uniform(0.85, 1.0))
        )
    return None


def cut_out(filled: FilledRoad) -> None:
    """The leader leaves the lane and reveals someone slower."""
    lane = filled.beside()
    if lane is None:
        return lead(filled)
    change = LaneChange(to_d=lane.offset, over_s=float(filled.rng.uniform(2.0, 3.5)))
    gap = filled.following_gap(0.7, 1.4)
    filled.vehicle(
        filled.ego_lane,
        gap,
        filled.ego_speed,
        manoeuvres=(Manoeuvre(id="cut_out", action=change, trigger=filled.moment()),),
    )
    filled.vehicle(
        filled.ego_lane, gap + 25.0 + filled.ego_speed, filled.ego_speed * float(filled.rng.uniform(0.3, 0.8))
    )
    return None


def merge(filled: FilledRoad) -> None:
    """A vehicle comes from the acceleration lane, where the road has one."""
    ramp = next((x for x in filled.road.lanes if x.kind == "ramp"), None)
    if ramp is None:
        return cut_in(filled)
    target = min(
        (x for x in filled.road.lanes if x.kind == "driving" and x.direction == 1),
        key=lambda x: abs(x.offset - ramp.offset),
    )
    change = LaneChange(to_d=target.offset, over_s=float(filled.rng.uniform(3.0, 5.0)))
    script = (Manoeuvre(id="merge", action=change, trigger=filled.moment()),)
    filled.vehicle(
        ramp,
        float(filled.rng.uniform(4.0, 28.0)),
        filled.ego_speed * float(filled.rng.uniform(0.8, 1.0)),
        manoeuvres=script,
    )
    if filled.rng.random() < 0.5:
        lead(filled)
    return None


def queue(filled: FilledRoad) -> None:
    """Slow or standing traffic in every own lane."""
    for lane in filled.road.lanes:
        if lane.direction == 1 and lane.kind == "driving":
            gap = float(filled.rng.uniform(2.5, 6.0) if lane == filled.ego_lane else filled.rng.uniform(-2.0, 6.0))
            for _ in range(3):
                plan = filled.vehicle(lane, gap, filled.ego_speed * float(filled.rng.uniform(0.8, 1.0)))
                gap += plan.length * 1.1 + float(filled.rng.uniform(2.5, 6.0))
    if filled.ego_speed < 1.0:
        # The queue moves off from its head.
        moved = [
            Manoeuvre(id=f"off{i}", action=SpeedChange(to_mps=6.0, over_s=5.0), trigger=Trigger(at_s=float(1.0 + i)))
            for i in range(len(filled.plans))
        ]
        ordered = sorted(range(len(filled.plans)), key=lambda i: -filled.plans[i].s)
        for script, index in zip(moved, ordered, strict=True):
            filled.plans[index] = _with_script(filled.plans[index], (script,))


def _with_script(plan: ActorPlan, script: tuple[Manoeuvre, ...]) -> ActorPlan:
    return dataclasses.replace(plan, manoeuvres=script, desired_speed=8.0)


def road_works(filled: FilledRoad) -> None:
    """Cones or barriers along the kerb side, with a construction vehicle and a worker behind them."""
    rng, sign = filled.rng, filled.kerb_sign()
    kerb_lane = filled.lane(1) or filled.ego_lane
    edge = abs(kerb_lane.offset) + kerb_lane.width / 2.0
    closed = kerb_lane is not filled.ego_lane and rng.random() < 0.6
    line = sign * (edge - (kerb_lane.width if closed else 0.0) + 0.35)
    start, step = float(rng.uniform(9.0, 25.0)), float(rng.uniform(3.0, 6.0))
    if closed:
        filled.closed.append((kerb_lane.offset, start - 2.5 * filled.ego_speed, start + 14.0 * step))
    kind = "barrier" if rng.random() < 0.45 else "traffic_cone"
    for index in range(int(rng.integers(6, 14))):
        taper = sign * kerb_lane.width * max(0.0, 1.0 - index / 4.0) if closed else 0.0
        filled.add(kind, s=start + index * step, d=line + taper + float(rng.normal(0.0, 0.05)))
    behind = line + sign * 1.6
    if rng.random() < 0.8:
        filled.add(
            "construction_vehicle",
            s=start + 4.0 * step + float(rng.uniform(8.0, 16.0)),
            d=behind + sign * 0.4,
            parked=True,
        )
    for index in range(int(rng.integers(0, 3))):
        x, y, _yaw = filled.road.to_world(start + 4.0 * step + 1.8 * index + float(rng.uniform(0.0, 1.0)), behind)
        filled.add("pedestrian", x=float(x), y=float(y), yaw_rad=float(rng.uniform(-3.0, 3.0)), kind="pedestrian")
    if rng.random() < 0.5 and not closed:
        lead(filled)


def breakdown(filled: FilledRoad) -> None:
    """A vehicle stands on the shoulder or at the kerb, sometimes with a person beside it."""
    rng, sign = filled.rng, filled.kerb_sign()
    kerb_lane = filled.lane(1) or filled.ego_lane
    edge = abs(kerb_lane.offset) + kerb_lane.width / 2.0
    s = float(rng.uniform(12.0, 45.0))
    plan = filled.add(filled.vehicle_name(), s=s, d=0.0, parked=True)
    shift = 0.25 + plan.width / 2.0 + (0.3 if filled.road.road_type == "motorway" else 0.0)
    filled.plans[-1] = dataclasses.replace(plan, d=sign * (edge + shift))
    if rng.random() < 0.5:
        x, y, _yaw = filled.road.to_world(
            s + float(rng.choice([-1.0, 1.0])) * (plan.length / 2 + 1.0), sign * (edge + shift)
        )
        filled.add("pedestrian", x=float(x), y=float(y), yaw_rad=float(rng.uniform(-3.0, 3.0)), kind="pedestrian")
    if rng.random() < 0.5:
        lead(filled)


def crossing(filled: FilledRoad) -> None:
    """One to three pedestrians step onto the road ahead, at a zebra crossing where there is one."""
    rng, sign = filled.rng, filled.kerb_sign()
    # Far enough that an attentive driver can stop; close calls come from the other drivers' tempers.
    stopping = 6.0 + filled.ego_speed + filled.ego_speed**2 / 10.0
    ahead = [s for s in filled.road.crossings if stopping < s < 3.0 * stopping + 10.0]
    base = ahead[0] if ahead and rng.random() < 0.8 else stopping + float(rng.uniform(0.0, 14.0))
    edges = filled.road.kerbs or (-8.0, 8.0)
    own, far = sorted((edges[0], edges[-1]), key=lambda kerb: -kerb * sign)
    for index in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        start, goal = (own, far) if rng.random() < 0.65 else (far, own)
        s, outward = base + 1.1 * index + float(rng.uniform(-0.2, 0.2)), float(np.sign(start - goal))
        step_back = float(rng.uniform(-2.5, 0.6)) if rng.random() < 0.3 else 0.5
        x, y, _ = filled.road.to_world(s, start + outward * step_back)
        goal_x, goal_y, _ = filled.road.to_world(s, goal - 1.0 * outward)
        trigger = filled.moment() if rng.random() < 0.6 else Trigger(ttc_to_ego_below_s=float(rng.uniform(2.2, 6.0)))
        if step_back < 0.0:
            trigger = Trigger(at_s=0.0)
        filled.add(
            "child" if rng.random() < 0.15 else "pedestrian",
            x=float(x),
            y=float(y),
            yaw_rad=float(np.arctan2(goal_y - y, goal_x - x)),
            speed=float(rng.uniform(0.8, 2.2)),
            kind="pedestrian",
            yields=bool(rng.random() < 0.95),
            manoeuvres=(
                Manoeuvre(id=f"cross{index}", action=WalkTo(x=float(goal_x), y=float(goal_y)), trigger=trigger),
            ),
        )
    if rng.random() < 0.25:
        filled.vehicle(filled.ego_lane, base + 12.0, 0.8 * filled.ego_speed)


def cyclist(filled: FilledRoad) -> None:
    """One or two cyclists along the kerb of the own lane."""
    rng, sign = filled.rng, filled.kerb_sign()
    lane = filled.lane(1) or filled.ego_lane
    d = sign * (abs(lane.offset) + lane.width / 2.0 - 0.45)
    braking = max(filled.ego_speed - 4.0, 0.0) ** 2 / 7.0
    s = 8.0 + braking + float(rng.uniform(0.0, 22.0))
    for _ in range(int(rng.choice([1, 2], p=[0.75, 0.25]))):
        filled.add(
            "bicycle", s=s, d=d + float(rng.uniform(-0.1, 0.1)), speed=float(rng.uniform(3.0, 7.0)), kind="cyclist"
        )
        s += float(rng.uniform(3.5, 8.0))
    if rng.random() < 0.4:
        filled.vehicle(filled.ego_lane, s + 8.0, filled.ego_speed)


def oncoming(filled: FilledRoad) -> None:
    """Someone comes towards the ego, close; often someone leads as well."""
    lanes = [x for x in filled.road.lanes if x.direction == -1]
    if lanes:
        lane = min(lanes, key=lambda x: abs(x.offset - filled.ego_lane.offset))
        gap = float(filled.rng.uniform(12.0, 60.0))
        for _ in range(int(filled.rng.integers(1, 4))):
            filled.vehicle(lane, gap, max(filled.ego_speed, 5.0) * float(filled.rng.uniform(0.85, 1.1)))
            gap += float(filled.rng.uniform(25.0, 60.0))
    if filled.rng.random() < 0.6:
        lead(filled)


def bus_stop(filled: FilledRoad) -> None:
    """A bus or truck ahead slows to a stop."""
    name = "bus" if filled.rng.random() < 0.7 else "truck"
    script = (
        Manoeuvre(
            id="stop", action=Stop(deceleration_mps2=float(filled.rng.uniform(1.2, 2.5))), trigger=filled.moment()
        ),
    )
    filled.vehicle(filled.ego_lane, filled.following_gap(0.8, 2.0), filled.ego_speed, name=name, manoeuvres=script)


Situation = Callable[[FilledRoad], None]
#: Situations and their shares by road type.
SITUATIONS: dict[str, tuple[tuple[Situation, float], ...]] = {
    "motorway": (
        (lead, 0.24), (cut_in, 0.2), (cut_out, 0.08), (hard_brake, 0.1), (merge, 0.16), (road_works, 0.12), (breakdown, 0.1),
    ),
    "rural": (
        (lead, 0.25), (oncoming, 0.33), (hard_brake, 0.1), (cyclist, 0.12), (breakdown, 0.1), (road_works, 0.1),
    ),
    "urban": (
        (lead, 0.17), (crossing, 0.27), (cyclist, 0.14), (hard_brake, 0.08), (cut_in, 0.07), (oncoming, 0.08),
        (bus_stop, 0.07), (road_works, 0.12),
    ),
}  # fmt: skip
