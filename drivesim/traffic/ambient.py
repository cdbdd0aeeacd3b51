"""Traffic without a script that appears and vanishes beyond the view while the ego drives on."""

from __future__ import annotations

import numpy as np

from drivesim.road import Lane
from drivesim.traffic.fleet import ON_ROUTE, Fleet
from drivesim.traffic.newcomers import is_free, random_plan
from drivesim.traffic.plans import ActorPlan, AmbientTraffic
from drivesim.traffic.roadside import RoadsideTraffic

_BEHIND_M = 90.0
_FORGET_M = 60.0
_PERIOD_S = 0.5
_HEAVY = ("truck", "bus", "trailer")
_HEAVY_SPEED_MPS = 24.0
#: Nobody appears so near to a junction, in seconds, while others are inside it.
_SEEN_BEFORE_S = 10.0


class AmbientFlow:
    """Keeps the road around the ego populated; see :class:`AmbientTraffic` for what the numbers mean."""

    def __init__(self, fleet: Fleet, settings: AmbientTraffic, rng: np.random.Generator) -> None:
        self.settings, self.rng = settings, rng
        limit = 0.92 * fleet.road.speed_limit_mps
        self.usual_speed = limit if settings.speed_mps is None else settings.speed_mps
        self.number = 0
        self.next_update_s = _PERIOD_S
        self.wanted_gap: dict[tuple[bool, float], float] = {}
        self.lanes = [lane for lane in fleet.road.lanes if lane.kind == "driving" and self._density(lane) > 0.0]
        layout = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(7,)))
        for lane in self.lanes:
            self._fill_lane(fleet, lane, layout)
        self.roadside = RoadsideTraffic(fleet.road, settings, start_s=-_BEHIND_M)
        self.roadside.fill(fleet, settings.view_m, layout)

    def update(self, fleet: Fleet, time_s: float) -> None:
        """Remove who is far away and add newcomers at the edges of the view."""
        self.roadside.cross(fleet, self.rng)
        if time_s < self.next_update_s:
            return
        self.next_update_s = time_s + _PERIOD_S
        ego_s = float(fleet.s[0])
        n = fleet.count
        ahead = fleet.s[:n] - ego_s
        fleet.alive[:n] &= (ahead > -_BEHIND_M - _FORGET_M) & (ahead < self.settings.view_m + _FORGET_M)
        fleet.alive[0] = True
        for lane in self.lanes:
            self._feed_lane(fleet, lane, ego_s, at_front=True)
            if lane.direction == 1:
                self._feed_lane(fleet, lane, ego_s, at_front=False)
        self.roadside.fill(fleet, ego_s + self.settings.view_m, self.rng)

    def _density(self, lane: Lane) -> float:
        return self.settings.density_per_km if lane.direction == 1 else self.settings.oncoming_per_km

    def _gap(self, lane: Lane, rng: np.random.Generator) -> float:
        """Clear distance between two vehicles: gamma distributed around the lane's mean, above a short time gap."""
        least = 2.5 + 0.5 * self.usual_speed
        mean = 1000.0 / self._density(lane) - 5.0
        return least + float(rng.gamma(1.5, max(mean - least, 1.0) / 1.5))

    def _lane_speed(self, fleet: Fleet, lane: Lane, rng: np.random.Generator) -> float:
        inner = 0.06 * (lane.number - 1) if fleet.road.road_type == "motorway" else 0.0
        return self.usual_speed * min(max(float(rng.normal(0.95 + inner, 0.06)), 0.7), 1.25)

    def _fill_lane(self, fleet: Fleet, lane: Lane, rng: np.random.Generator) -> None:
        """Vehicles of one lane at t = 0, at even speeds so that nobody starts by braking hard."""
        settings = self.settings
        s = -_BEHIND_M + self._gap(lane, rng) * rng.random()
        speed = self._lane_speed(fleet, lane, rng)
        while s < settings.view_m + _FORGET_M / 2.0:
            plan = self._vehicle(fleet, lane, s, speed * float(rng.uniform(0.97, 1.03)), rng)
            half = plan.length / 2.0
            kept_clear = settings.keep_clear_from_m - half < s < settings.keep_clear_to_m + half
            kept_clear |= any(
                abs(d - lane.offset) < 1.0 and low - half < s < high + half for d, low, high in settings.closed
            )
            if not (kept_clear and lane.direction == 1) and is_free(fleet, plan, 2.0 + 0.5 * speed):
                fleet.add(plan, rng)
            s += plan.length + self._gap(lane, rng)

    def _feed_lane(self, fleet: Fleet, lane: Lane, ego_s: float, *, at_front: bool) -> None:
        """Add a vehicle at one edge of the view when the lane is emptier there than wanted."""
        rng, ego_v = self.rng, float(fleet.v[0])
        key = (at_front, lane.offset)
        wanted = self.wanted_gap.setdefault(key, self._gap(lane, rng))
        s = ego_s + (self.settings.view_m if at_front else -_BEHIND_M)
        if self._nearest(fleet, lane, s) < wanted:
            return
        plan = self._vehicle(fleet, lane, s, self._lane_speed(fleet, lane, rng), rng)
        # Only who is slower comes into view ahead, and only who is faster catches up from behind.
        comes_in = plan.speed < ego_v + 1.0 or ego_v < 3.0 if at_front else plan.speed > ego_v + 1.0
        if self._surprises(fleet, plan):
            return
        if (comes_in or lane.direction == -1) and is_free(fleet, plan, 3.0 + 0.7 * plan.speed):
            fleet.add(plan, rng, self.next_update_s)
            self.wanted_gap[key] = self._gap(lane, rng)

    def _surprises(self, fleet: Fleet, plan: ActorPlan) -> bool:
        """Whether somebody inside a junction, who has looked for a gap, could not have seen the newcomer come."""
        n = fleet.count
        for junction in fleet.road.junctions:
            way = plan.direction * (junction.s - plan.s)
            if -junction.reach_m < way < _SEEN_BEFORE_S * max(plan.speed, 5.0):
                inside = fleet.alive[:n] & (fleet.motion[:n] == ON_ROUTE) & (fleet.inside[:n] > 0)
                if bool((inside & (np.abs(fleet.s[:n] - junction.s) < 2.0 * junction.reach_m)).any()):
                    return True
        return False

    def _nearest(self, fleet: Fleet, lane: Lane, s: float) -> float:
        n = fleet.count
        near = fleet.alive[:n] & (np.abs(fleet.d[:n] - lane.offset) < 0.6 * lane.width)
        distance = np.abs(fleet.s[:n][near] - s)
        return float(distance.min()) if len(distance) else float("inf")

    def _vehicle(self, fleet: Fleet, lane: Lane, s: float, speed: float, rng: np.random.Generator) -> ActorPlan:
        names, weights = zip(*self.settings.mix, strict=True)
        motorway = fleet.road.road_type == "motorway"
        share = np.array(weights) / sum(weights)
        if lane.number > 2 or (lane.number == 2 and motorway and rng.random() < 0.6):
            share = share * np.array([name not in _HEAVY for name in names])
        name = names[int(rng.choice(len(names), p=share / share.sum()))]
        if name in _HEAVY and fleet.road.road_type != "urban":
            speed = min(speed, _HEAVY_SPEED_MPS)
        self.number += 1
        return random_plan(
            name, f"ambient{self.number}", rng, s=s, d=lane.offset, direction=lane.direction, speed=speed
        )
