"""Speed 0 means 0: who stands, or was braked to a stand, does not move by a centimetre in a minute, whatever the seed."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.scenarios import Scenario, after, brake
from drivesim.scenarios.expand import develop
from drivesim.scene import Track

MINUTE_S, LEAST_M = 60.0, 0.01


def drift_m(track: Track, since_s: float = 0.0) -> float:
    """Farthest that a track comes from its place at a time, in metres and along any axis."""
    positions = track.positions[round(since_s * 10.0) :]
    return float(np.abs(positions - positions[0]).max())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ambient", ["none", "dense"])
def test_who_stands_stays(seed: int, ambient: str) -> None:
    scenario = (
        Scenario("stands")
        .road("urban", lanes=2, ego_lane=1, curvature=0)
        .ego(speed=0)
        .ambient(ambient)
        .actor("before", "car", lane="ego", gap=6, speed=0)
        .actor("beside", "truck", lane="left", gap=-4, speed=0)
        .actor("walker", "pedestrian", at=(12, -5.5), yaw=1.0, speed=0)
        .actor("comes", "car", lane="oncoming", gap=90, speed=12)
        .event("stops", "comes", brake(deceleration=4, to=0), start=after(1))
    )
    scene = develop(scenario, seed=seed, duration_s=MINUTE_S).scene
    assert len(scene) == round(10 * MINUTE_S)
    tracks = {actor.id: actor.track for actor in scene.actors}
    moved = {"ego": drift_m(scene.ego)} | {name: drift_m(tracks[name]) for name in ("before", "beside", "walker")}
    assert all(metres < LEAST_M for metres in moved.values()), moved
    stopped = int(np.flatnonzero(tracks["comes"].speed_mps == 0.0)[0])
    assert stopped < 80 and drift_m(tracks["comes"], stopped / 10.0) < LEAST_M
    assert np.ptp(tracks["comes"].yaw_rad[stopped:]) < 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_an_ego_that_stands_needs_nobody_before_it(seed: int) -> None:
    scenario = Scenario("alone").road("rural", lanes=1, curvature=0.004).ego(speed=0).ambient("none")
    assert drift_m(develop(scenario, seed=seed, duration_s=MINUTE_S).scene.ego) < LEAST_M
