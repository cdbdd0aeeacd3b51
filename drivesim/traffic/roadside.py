"""What keeps to the side of a road: parked cars, pedestrians on pavements and at crossings, cyclists."""

from __future__ import annotations

import math

import numpy as np

from drivesim.road import Lane, Road, Strip
from drivesim.traffic.fleet import FREE, PEDESTRIAN, Fleet
from drivesim.traffic.newcomers import is_free, random_plan
from drivesim.traffic.plans import AmbientTraffic
from drivesim.traffic.zebra import Walker, kerb_to_kerb, makes_up_his_mind, start_walking, steps_out

_PARKED = {"car": 0.4, "small": 0.2, "suv": 0.17, "estate": 0.15, "van": 0.08}
_CLEAR_OF_CROSSING_M, _CLEAR_OF_JUNCTION_M = 8.0, 5.0
_KERB_ROOM_M, _WALL_ROOM_M, _SPLIT_M = 1.2, 0.4, 0.25


class RoadsideTraffic:
    """Fills the sides of the road section by section as the ego comes near; every place is decided once."""

    def __init__(self, road: Road, settings: AmbientTraffic, start_s: float) -> None:
        self.road, self.settings = road, settings
        self.number = 0
        self.waiting: list[Walker] = []
        self.strips = [x for x in road.strips if x.kind in ("parking", "pavement") and x.right_end is None]
        self.strip_s = [start_s] * len(self.strips)
        self.kerb_lanes = [lane for lane in road.lanes if lane.number == 1 and lane.kind == "driving"]
        self.lane_s = [start_s] * len(self.kerb_lanes)
        self.crossing_s = start_s

    def fill(self, fleet: Fleet, up_to_s: float, rng: np.random.Generator) -> None:
        """Place everyone along the road up to ``up_to_s`` metres."""
        for index, strip in enumerate(self.strips):
            while self.strip_s[index] < up_to_s:
                s = self.strip_s[index]
                step = (
                    self._park(fleet, strip, s, rng) if strip.kind == "parking" else self._stroll(fleet, strip, s, rng)
                )
                self.strip_s[index] += step
        for index, lane in enumerate(self.kerb_lanes):
            while self.settings.cyclists_per_km > 0.0 and self.lane_s[index] < up_to_s:
                self.lane_s[index] += self._ride(fleet, lane, self.lane_s[index], rng)
        for crossing in self.road.crossings:
            if self.crossing_s <= crossing < up_to_s:
                self._wait_at(fleet, crossing, rng)
        self.crossing_s = max(self.crossing_s, up_to_s)

    def cross(self, fleet: Fleet, rng: np.random.Generator) -> None:
        """Let those who wait at crossings start when their gap has come."""
        waiting = [makes_up_his_mind(fleet, one, rng) for one in self.waiting if fleet.alive[one.slot]]
        self.waiting = []
        for walker in waiting:
            if steps_out(fleet, walker):
                start_walking(fleet, walker)
            else:
                self.waiting.append(walker)

    def _name(self, what: str) -> str:
        self.number += 1
        return f"{what}{self.number}"

    def _park(self, fleet: Fleet, strip: Strip, s: float, rng: np.random.Generator) -> float:
        """Maybe a parked car at ``s``; returns the distance in metres to the next place."""
        taken = any(abs(s - crossing) < _CLEAR_OF_CROSSING_M for crossing in self.road.crossings)
        taken |= any(abs(s - junction.s) < junction.reach_m + _CLEAR_OF_JUNCTION_M for junction in self.road.junctions)
        n = fleet.count
        on_foot = fleet.alive[:n] & (fleet.motion[:n] == FREE) & (fleet.kind[:n] == PEDESTRIAN)
        # No parked car in the way of someone who is to cross there.
        taken |= bool((on_foot & (np.abs(fleet.s[:n] - s) < 4.5)).any())
        if rng.random() < self.settings.parked_share and not taken:
            middle = (strip.left + strip.right) / 2.0
            own_side = middle < 0.0 if self.road.traffic_side == "right" else middle > 0.0
            plan = random_plan(
                list(_PARKED)[int(rng.choice(len(_PARKED), p=list(_PARKED.values())))],
                self._name("parked"),
                rng,
                s=s,
                d=middle + float(rng.uniform(-0.1, 0.1)),
                direction=1 if own_side else -1,
                parked=True,
            )
            if is_free(fleet, plan, 0.5):
                fleet.add(plan, rng)
        return 6.2 + float(rng.exponential(0.8))

    def _stroll(self, fleet: Fleet, strip: Strip, s: float, rng: np.random.Generator) -> float:
        """A pedestrian walking on a pavement, on the half of its direction; returns the distance to the next."""
        if self.settings.pedestrians_per_km <= 0.0:
            return math.inf
        kerb_is_left = strip.left < 0.0
        low = strip.right + (_WALL_ROOM_M if kerb_is_left else _KERB_ROOM_M)
        high = strip.left - (_KERB_ROOM_M if kerb_is_left else _WALL_ROOM_M)
        middle = (low + high) / 2.0
        direction = int(rng.choice([-1, 1]))
        d = float(rng.uniform(low, middle - _SPLIT_M) if direction == 1 else rng.uniform(middle + _SPLIT_M, high))
        plan = random_plan(
            "child" if rng.random() < 0.06 else "pedestrian",
            self._name("walker"),
            rng,
            s=s,
            d=d,
            direction=1 if direction == 1 else -1,
            speed=min(max(float(rng.normal(1.3, 0.2)), 0.7), 2.0),
            kind="pedestrian",
        )
        if is_free(fleet, plan, 0.8):
            fleet.add(plan, rng)
        return float(rng.exponential(1000.0 / self.settings.pedestrians_per_km)) + 0.8

    def _ride(self, fleet: Fleet, lane: Lane, s: float, rng: np.random.Generator) -> float:
        """A cyclist at the kerb of a lane; returns the distance to the next."""
        gap = float(rng.exponential(1000.0 / self.settings.cyclists_per_km))
        edge = math.copysign(lane.width / 2.0 - 0.45, lane.offset - self._middle())
        plan = random_plan(
            "bicycle",
            self._name("cyclist"),
            rng,
            s=s + gap,
            d=lane.offset + edge,
            direction=lane.direction,
            speed=float(rng.uniform(3.5, 6.5)),
            kind="cyclist",
        )
        if is_free(fleet, plan, 12.0):
            fleet.add(plan, rng)
        return gap + 3.0

    def _middle(self) -> float:
        """Offset between the outermost lanes: kerbs lie away from it."""
        offsets = [lane.offset for lane in self.road.lanes if lane.kind == "driving"]
        middle = (min(offsets) + max(offsets)) / 2.0
        if len({lane.direction for lane in self.road.lanes}) == 1:
            # A one-way road has its lane 1 at the kerb on the side that one drives on.
            return max(offsets) + 1.0 if self.road.traffic_side == "right" else min(offsets) - 1.0
        return middle

    def _wait_at(self, fleet: Fleet, crossing: float, rng: np.random.Generator) -> None:
        """One or two pedestrians at a crossing, at two of three crossings of a lively street."""
        if self.settings.pedestrians_per_km <= 0.0 or rng.random() > 0.65:
            return
        for _ in range(int(rng.choice([1, 2], p=[0.7, 0.3]))):
            x, y, yaw, goal_x, goal_y = kerb_to_kerb(fleet, crossing, rng)
            pace = float(rng.uniform(1.0, 1.8))
            plan = random_plan(
                "pedestrian", self._name("walker"), rng, x=x, y=y, yaw_rad=yaw, desired_speed=pace, kind="pedestrian"
            )
            slot = fleet.add(plan, rng)
            crowded = np.hypot(fleet.x[:slot] - x, fleet.y[:slot] - y) < 1.0
            if bool((crowded & fleet.alive[:slot]).any()):
                fleet.alive[slot] = False
                continue
            self.waiting.append(
                Walker(
                    slot=slot,
                    goal_x=goal_x,
                    goal_y=goal_y,
                    pace=pace,
                    trusting=bool(rng.random() < 0.7),
                    starts_below_s=float(rng.uniform(3.0, 9.0)),
                )
            )
