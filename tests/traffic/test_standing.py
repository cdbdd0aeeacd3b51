"""Speed 0 means 0: who stands stays where he is, whatever the seed and whoever changes his mind."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.scenarios import loads
from drivesim.scenarios.expand import develop
from drivesim.scene import Track, Turn
from drivesim.traffic.behaviour import idm_free_acceleration

STANDING = """\
drivesim: 1
id: standing
scene:
  road: {type: urban, lanes: 1, curvature: 0}
  ego: {speed: 0}
  traffic: none
  actors:
    - {id: target, class: car, lane: ego, gap: 60 m, speed: 0}
    - {id: behind, class: truck, lane: ego, gap: -9 m, speed: 0}
    - {id: cyclist, class: bicycle, lane: ego, gap: 20 m, speed: 0}
    - {id: person, class: pedestrian, at: {x: 15 m, y: -5 m}, speed: 0}
    - {id: far, class: car, lane: oncoming, gap: 90 m, speed: 0}
"""


def furthest(track: Track) -> float:
    """Metres from the first place."""
    return float(np.linalg.norm(track.positions - track.positions[0], axis=1).max())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_who_stands_stays_for_a_minute(seed: int) -> None:
    turns = {20: Turn(seed=seed + 100, ego=True), 300: Turn(seed=seed + 200, ego=True)}
    scene = develop(loads(STANDING)[0], seed=seed, duration_s=60.0, turns=turns).scene
    for track in (scene.ego, *(actor.track for actor in scene.actors)):
        assert furthest(track) < 0.01
        assert float(track.speed_mps.max()) < 0.01


def test_who_has_braked_to_a_stand_stays() -> None:
    text = STANDING.replace("gap: 60 m, speed: 0", "gap: 60 m, speed: 8 m/s")
    text += (
        "events:\n  - {id: stop, actor: target, action: {brake: {deceleration: 4 m/s2, to: 0}}, start: {time: 1 s}}\n"
    )
    scene = develop(loads(text)[0], seed=3, duration_s=60.0).scene
    track = next(actor.track for actor in scene.actors if actor.id == "target")
    stopped = int(np.argmax(track.speed_mps < 0.01))
    assert 20 < stopped < 50
    assert np.ptp(track.positions[stopped:, 0]) < 0.01


def test_free_acceleration_towards_nothing() -> None:
    assert float(idm_free_acceleration(0.0, 0.0, 1.4)) == 0.0
    assert float(idm_free_acceleration(3.0, 0.0, 1.4)) == -2.0
    speeds, wishes = np.array([0.0, 5.0, 10.0, 12.0]), np.array([[10.0], [0.0]])
    found = idm_free_acceleration(speeds, wishes, 1.4)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found[0], [1.4, 1.4 * (1 - 0.5**4), 0.0, -0.9])
    np.testing.assert_allclose(found[1], [0.0, -2.0, -2.0, -2.0])
