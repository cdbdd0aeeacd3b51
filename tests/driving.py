"""Straight roads, and traffic that is played on them, for tests of the simulation."""

from __future__ import annotations

import numpy as np

from drivesim.traffic.road_builder import build_road
from drivesim.traffic.simulation import TrafficResult, simulate

CAR = {"category": "car", "length": 4.5, "width": 1.85, "height": 1.5}
PERSON = {"category": "pedestrian", "length": 0.6, "width": 0.6, "height": 1.75, "kind": "pedestrian"}


def straight(road_type="motorway", lanes=3, ego_lane=2, **more):
    return build_road(road_type, lanes=lanes, ego_lane=ego_lane, length_m=3000.0, curvature="straight", **more)


def run(road, ego, plans, seconds=10.0, seed=0, fps=10.0, ambient=None) -> TrafficResult:
    rng = np.random.default_rng(seed)
    return simulate(road, ego, plans, duration_s=seconds, fps=fps, rng=rng, ambient=ambient)


def actor(result: TrafficResult, name: str):
    return next(x for x in result.actors if x.id == name)
