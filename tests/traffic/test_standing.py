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


KINDS = """\
drivesim: 1
id: standing-{road}-{side}-{density}
traffic: {side}
scene:
  road: {{type: {road}, lanes: 2, ego_lane: 1}}
  ego: {{speed: 0}}
  traffic: {density}
  actors:
    - {{id: car, class: car, lane: ego, gap: 14 m, speed: 0}}
    - {{id: wheels, class: bicycle, lane: ego, gap: 40 m, speed: 0}}
    - {{id: rider, class: motorcycle, lane: 2, gap: 20 m, speed: 0}}
    - {{id: walker, class: pedestrian, lane: 1, gap: 70 m, speed: 0}}
    - {{id: aside, class: pedestrian, at: {{x: 15 m, y: {aside} m}}, speed: 0}}
    - {{id: across, class: car, at: {{x: 25 m, y: {further} m}}, yaw: 90 deg, speed: 0}}
"""


@pytest.mark.parametrize(
    ("road", "side", "density", "seed"),
    [
        ("motorway", "right_hand", "none", 0), ("rural", "left_hand", "none", 1), ("urban", "right_hand", "none", 2),
        ("urban", "left_hand", "light", 3), ("rural", "right_hand", "light", 4), ("motorway", "left_hand", "light", 5),
    ],
)  # fmt: skip
def test_nobody_creeps_on_any_road(road: str, side: str, density: str, seed: int) -> None:
    sign = -1 if side == "right_hand" else 1
    text = KINDS.format(road=road, side=side, density=density, aside=sign * 7, further=sign * 9)
    scene = develop(loads(text)[0], seed=seed, duration_s=60.0, turns={50: Turn(seed=seed, ego=True)}).scene
    names = ("car", "wheels", "rider", "walker", "aside", "across")
    scripted = [actor for actor in scene.actors if actor.id in names]
    assert len(scripted) == 6
    for track in (scene.ego, *(actor.track for actor in scripted)):
        assert furthest(track) < 0.01


ENDS = {
    "brake": "{brake: {deceleration: 3 m/s2, to: 0}}",
    "speed": "{speed: {to: 0, over: 3 s}}",
    "stop": "{stop: 3 m/s2}",
    "reverse": "{reverse: {distance: 3 m, speed: 1.5 m/s}}",
}
WHO = {
    "ego": "",
    "car": "{id: car, class: car, lane: left, gap: 20 m, speed: 6 m/s}",
    "bicycle": "{id: bicycle, class: bicycle, lane: ego, gap: 30 m, speed: 4 m/s}",
    "walker on a lane": "{id: walker, class: pedestrian, lane: 1, gap: 60 m, speed: 1.4 m/s}",
    "walker in the plane": "{id: walker, class: pedestrian, at: {x: 40 m, y: -7 m}, yaw: 0, speed: 1.4 m/s}",
    "car in the plane": "{id: car, class: car, at: {x: 30 m, y: -12 m}, yaw: 50 deg, speed: 3 m/s}",
}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("how", ENDS)
def test_whoever_is_stopped_stays(who: str, how: str) -> None:
    if "walker" in who and how == "reverse":
        pytest.skip("a pedestrian does not reverse, and the check says so")
    actor = who if who == "ego" else who.split(" ")[0]
    text = (
        "drivesim: 1\nid: stopped\nscene:\n  road: {type: urban, lanes: 2, curvature: 0}\n  traffic: none\n"
        f"  ego: {{speed: 6 m/s}}\n  actors: [{WHO[who]}]\n"
        f"events:\n  - {{id: ends, actor: {actor}, action: {ENDS[how]}, start: {{time: 1 s}}}}\n"
    )
    made = develop(loads(text)[0], seed=len(who), duration_s=30.0, turns={140: Turn(seed=len(how), ego=True)})
    assert made.event_times["ends"] == 1.0
    track = made.scene.ego if actor == "ego" else made.scene.actors[0].track
    late = track.positions[130:]
    assert np.linalg.norm(late - late[0], axis=1).max() < 0.01
    assert np.abs(track.speed_mps[130:]).max() == 0.0
