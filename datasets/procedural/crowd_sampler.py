"""Crowds for random training scenes: people close before an ego that waits, so that walkers are seen at every angle and stride."""

from __future__ import annotations

import numpy as np

from drivesim.datasets.procedural.situations import FilledRoad, Situation
from drivesim.road import RoadType
from drivesim.traffic.dimensions import EGO_FRONT_M

#: How far ahead of the ego's bumper and how far aside of its lane's middle people are, metres.
_AHEAD_M, _ASIDE_M = (3.0, 16.0), 6.5


def has_crowd(road_type: RoadType, seed: int, share: float) -> bool:
    """Whether a scene is one of the ``share`` of urban ones that have a crowd, drawn from ``seed`` by itself."""
    return road_type == "urban" and _rng(seed).random() < share


def crowd_of(seed: int) -> Situation:
    """The situation of a crowd that is drawn from ``seed`` by itself, so that all other scenes are the same whatever the share."""

    def crowd(filled: FilledRoad) -> None:
        """Six to fourteen people on foot or on bicycles stand, walk and ride about before the ego, which waits."""
        rng = _rng(seed)
        rng.random()  # the draw of has_crowd
        for _ in range(int(rng.integers(6, 15))):
            s = EGO_FRONT_M + float(rng.uniform(*_AHEAD_M))
            d = filled.ego_lane.offset + float(rng.uniform(-1.0, 1.0)) * _ASIDE_M
            x, y, _ = filled.road.to_world(s, d)
            rides, stands = rng.random() < 0.2, rng.random() < 0.15
            filled.add(
                "bicycle" if rides else "child" if rng.random() < 0.15 else "pedestrian",
                x=float(x),
                y=float(y),
                yaw_rad=float(rng.uniform(-np.pi, np.pi)),
                speed=0.0 if stands else float(rng.uniform(1.5, 4.0) if rides else rng.uniform(0.6, 2.2)),
                kind="pedestrian",
            )

    return crowd


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(10,)))
