"""Traffic without a script that appears and vanishes beyond the view while the ego drives on."""

from __future__ import annotations

import numpy as np

from drivesim.road import Lane, Strip
from drivesim.scenarios.dimensions import PRESET_SIZES, size_of
from drivesim.scenarios.fleet import ON_ROAD, Fleet
from drivesim.scenarios.look import CAR_COLOUR_SHARES, draw_colour
from drivesim.scenarios.plans import ActorPlan, AmbientTraffic

_BEHIND_M = 90.0
_FORGET_M = 60.0
_PERIOD_S = 0.5


class AmbientFlow:
    """Keeps the road around the ego populated; see :class:`AmbientTraffic` for what the numbers mean."""

    def __init__(self, fleet: Fleet, settings: AmbientTraffic, rng: np.random.Generator) -> None:
        self.settings, self.rng = settings, rng
        limit = 0.92 * fleet.road.speed_limit_mps
        self._usual_speed = limit if settings.speed_mps is None else settings.speed_mps
        self.number = 0
        self.next_update_s = _PERIOD_S
        self.filled_to = -_BEHIND_M
        self.wanted_gap: dict[tuple[int, float], float] = {}
        layout = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(7,)))
        lanes = [lane for lane in fleet.road.lanes if lane.kind == "driving"]
        for lane in lanes:
            self._fill_lane(fleet, lane, layout)
        self.roadside = {id(strip): -_BEHIND_M for strip in fleet.road.strips}
        self._fill_roadside(fleet, settings.view_m, layout)

    def update(self, fleet: Fleet, time_s: float) -> None:
        """Remove who is far away and add newcomers at the edges of the view."""
        if time_s < self.next_update_s:
            return
        self.next_update_s = time_s + _PERIOD_S
        ego_s = float(fleet["s"][0])
        n = fleet.count
        ahead = fleet["s"][:n] - ego_s
        fleet.alive[:n] &= (ahead > -_BEHIND_M - _FORGET_M) & (ahead < self.settings.view_m + _FORGET_M)
        fleet.alive[0] = True
        for lane in fleet.road.lanes:
            if lane.kind == "driving":
                self._feed_lane(fleet, lane, ego_s)
        self._fill_roadside(fleet, ego_s + self.settings.view_m, self.rng)

    def _density(self, lane: Lane) -> float:
        return self.settings.density_per_km if lane.direction == 1 else self.settings.oncoming_per_km

    def _gap(self, lane: Lane, rng: np.random.Generator) -> float:
        """Clear distance between two vehicles: gamma distributed around the lane's mean, above a short time gap."""
        least = 2.5 + 0.5 * self._usual_speed
        mean = 1000.0 / max(self._density(lane), 0.1) - 5.0
        return least + float(rng.gamma(1.5, max(mean - least, 1.0) / 1.5))

    def _lane_speed(self, fleet: Fleet, lane: Lane, rng: np.random.Generator) -> float:
        usual = self._usual_speed
        inner = 0.06 * (lane.number - 1) if fleet.road.road_type == "motorway" else 0.0
        return float(usual * np.clip(rng.normal(0.95 + inner, 0.06), 0.7, 1.25))

    def _fill_lane(self, fleet: Fleet, lane: Lane, rng: np.random.Generator) -> None:
        """Vehicles of one lane at t = 0, at even speeds so that nobody starts by braking hard."""
        if self._density(lane) <= 0.0:
            return
        s = -_BEHIND_M + self._gap(lane, rng) * rng.random()
        speed = self._lane_speed(fleet, lane, rng)
        while s < self.settings.view_m + _FORGET_M / 2:
            plan = self._vehicle(fleet, lane, s, speed * float(rng.uniform(0.97, 1.03)), rng)
            clear = (
                self.settings.keep_clear_from_m - plan.length / 2 < s < self.settings.keep_clear_to_m + plan.length / 2
            )
            if not (clear and lane.direction == 1) and self._is_free(fleet, plan, 2.0 + 0.5 * speed):
                fleet.add(plan, rng)
            s += plan.length + self._gap(lane, rng)

    def _feed_lane(self, fleet: Fleet, lane: Lane, ego_s: float) -> None:
        if self._density(lane) <= 0.0:
            return
        rng, ego_v = self.rng, float(fleet["v"][0])
        for edge, at_front in ((self.settings.view_m, True), (-_BEHIND_M, False)):
            if not at_front and lane.direction == -1:
                continue
            key = (int(at_front), lane.offset)
            wanted = self.wanted_gap.setdefault(key, self._gap(lane, rng))
            s = ego_s + edge
            if self._nearest(fleet, lane, s) < wanted:
                continue
            speed = self._lane_speed(fleet, lane, rng)
            # Only who is slower comes into view ahead, and only who is faster catches up from behind.
            if lane.direction == 1 and (
                speed > ego_v + 1.0 if at_front and ego_v > 3.0 else not at_front and speed < ego_v + 1.0
            ):
                continue
            plan = self._vehicle(fleet, lane, s, speed, rng)
            if self._is_free(fleet, plan, 3.0 + 0.7 * speed):
                fleet.add(plan, rng, 0.0)
                self.wanted_gap[key] = self._gap(lane, rng)

    def _nearest(self, fleet: Fleet, lane: Lane, s: float) -> float:
        n = fleet.count
        near = fleet.alive[:n] & (np.abs(fleet["d"][:n] - lane.offset) < 0.6 * lane.width)
        distance = np.abs(fleet["s"][:n][near] - s)
        return float(distance.min()) if len(distance) else float("inf")

    def _is_free(self, fleet: Fleet, plan: ActorPlan, clearance_m: float) -> bool:
        n = fleet.count
        beside = np.abs(fleet["d"][:n] - plan.d) < (fleet["width"][:n] + plan.width) / 2.0 + 0.4
        changing = fleet["change_s"][:n] > 0
        beside |= changing & (np.abs(fleet["change_to"][:n] - plan.d) < (fleet["width"][:n] + plan.width) / 2.0 + 0.4)
        reach = np.maximum(fleet["front"][:n], fleet["rear"][:n]) + plan.length / 2.0
        # Room to brake for whoever is slower: speed difference squared over twice a firm deceleration.
        braking = np.where(fleet["motion"][:n] == ON_ROAD, fleet["v"][:n], 0.0)
        braking = np.square(braking - plan.speed) / 6.0 if not plan.parked else 0.0 * braking
        near = np.abs(fleet["s"][:n] - plan.s) < reach + clearance_m + braking
        return not bool((fleet.alive[:n] & beside & near).any())

    def _vehicle(self, fleet: Fleet, lane: Lane, s: float, speed: float, rng: np.random.Generator) -> ActorPlan:
        names, weights = zip(*self.settings.mix, strict=True)
        share = np.array(weights) / sum(weights)
        if lane.number > 2 or (lane.number == 2 and fleet.road.road_type == "motorway" and rng.random() < 0.6):
            share = share * np.array([name not in ("truck", "bus", "trailer") for name in names])
        name = names[int(rng.choice(len(names), p=share / share.sum()))]
        if name in ("truck", "bus", "trailer") and fleet.road.road_type != "urban":
            speed = min(speed, 24.0)
        return self._plan(name, rng, s=s, d=lane.offset, direction=lane.direction, speed=speed)

    def _plan(self, name: str, rng: np.random.Generator, **placement: object) -> ActorPlan:
        category, preset = ("car", name) if name in PRESET_SIZES and name != "child" else (name, None)
        length, width, height = size_of(category, preset, rng)
        colour_name, colour = draw_colour(rng, CAR_COLOUR_SHARES if category != "pedestrian" else None)
        self.number += 1
        noun = preset or category.replace("_", " ")
        return ActorPlan(
            id=f"ambient{self.number}",
            category=category,
            preset=preset,
            length=length,
            width=width,
            height=height,
            colour=colour,
            look=f"{colour_name} {noun}",
            **placement,  # type: ignore[arg-type]
        )

    def _fill_roadside(self, fleet: Fleet, up_to: float, rng: np.random.Generator) -> None:
        """Parked cars, and pedestrians on pavements, up to an s."""
        for strip in fleet.road.strips:
            if strip.kind not in ("parking", "pavement") or strip.right_end is not None:
                continue
            s = self.roadside[id(strip)]
            while s < up_to:
                s += self._add_roadside(fleet, strip, s, rng)
            self.roadside[id(strip)] = s

    def _add_roadside(self, fleet: Fleet, strip: Strip, s: float, rng: np.random.Generator) -> float:
        """Maybe add one at ``s``; returns the distance to the next place."""
        middle = (strip.left + strip.right) / 2.0
        if strip.kind == "parking":
            if rng.random() < self.settings.parked_share and not any(abs(s - c) < 8.0 for c in fleet.road.crossings):
                own_side = middle < 0.0 if fleet.road.traffic_side == "right" else middle > 0.0
                name = ("car", "small", "suv", "estate", "van")[int(rng.choice(5, p=[0.4, 0.2, 0.17, 0.15, 0.08]))]
                direction = 1 if own_side else -1
                plan = self._plan(
                    name,
                    rng,
                    s=s,
                    d=middle + float(rng.uniform(-0.1, 0.1)),
                    direction=direction,
                    speed=0.0,
                    parked=True,
                )
                if self._is_free(fleet, plan, 0.5):
                    fleet.add(plan, rng)
            return 6.2 + float(rng.exponential(0.8))
        if self.settings.pedestrians_per_km <= 0.0:
            return 1e9
        d = float(rng.uniform(strip.right + 0.5, strip.left - 0.5))
        direction = int(rng.choice([-1, 1]))
        pace = float(np.clip(rng.normal(1.3, 0.2), 0.7, 2.0))
        plan = self._plan("pedestrian", rng, s=s, d=d, direction=direction, speed=pace, kind="pedestrian")
        if self._is_free(fleet, plan, 0.5):
            fleet.add(plan, rng)
        return float(rng.exponential(1000.0 / self.settings.pedestrians_per_km)) + 0.8
