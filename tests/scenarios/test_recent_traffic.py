"""What was played last is not played again, is nobody else's, and is asked for by everything it depends on."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.scenarios import Scenario, after, lane_change, uniform
from drivesim.scenarios import expand as module
from drivesim.scenarios.expand import Development, develop
from drivesim.scenarios.recent_traffic import RecentTraffic
from drivesim.scene import Turn
from drivesim.traffic.simulation import TrafficResult, simulate

CALM = (
    Scenario("calm")
    .road("motorway", lanes=2)
    .ego(speed=20)
    .ambient("light")
    .actor("ahead", "car", lane="ego", gap=30, speed=15)
    .event("out", actor="ahead", action=lane_change(to="left", over=2), start=after(0.5))
    .video(duration=2)
)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every simulation; nothing is remembered yet."""
    calls: list[int] = []

    def counted(*given: object, **named: object) -> TrafficResult:
        calls.append(1)
        return simulate(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "simulate", counted)
    monkeypatch.setattr(module, "_recent", RecentTraffic(most=3))
    return calls


def equal(one: Development, other: Development) -> bool:
    tracks = [(each.scene.ego, *(actor.track for actor in each.scene.actors)) for each in (one, other)]
    arrays = [[array for track in side for array in vars(track).values()] for side in tracks]
    return (one.event_times, one.crashes) == (other.event_times, other.crashes) and all(
        np.array_equal(*pair) for pair in zip(*arrays, strict=True)
    )


def test_the_same_is_played_once_and_belongs_to_whoever_asked(played: list[int]) -> None:
    first = develop(CALM, seed=3)
    first.scene.ego.positions[:] = 7.0
    first.event_times["out"] = 99.0
    again = develop(CALM.model_copy(), seed=3)
    assert len(played) == 1 and again.scene.ego.positions[0, 0] == 0.0 and again.event_times["out"] != 99.0
    again.scene.actors[0].track.speed_mps[:] = 7.0
    third = develop(CALM, seed=3, fps=10.0, duration_s=2.0)
    module._recent = RecentTraffic()
    assert equal(third, develop(CALM, seed=3)) and len(played) == 2


def test_whatever_it_depends_on_is_another(played: list[int]) -> None:
    develop(CALM, seed=3)
    varying = CALM.actor("far", "car", lane="left", gap=uniform(40, 60))
    others = [
        develop(CALM, seed=4),
        develop(CALM, seed=3, fps=20.0),
        develop(CALM, seed=3, duration_s=3.0),
        develop(CALM, seed=3, turns={5: Turn(seed=1)}),
        develop(CALM, seed=3, turns={5: Turn(seed=1, ego=True)}),
        develop(CALM.ego(speed=21), seed=3),
        develop(CALM.model_copy(update={"world": "elsewhere"}), seed=3),
        develop(varying, seed=3),
        develop(varying, seed=3, variation=1),
    ]
    assert len(played) == 1 + len(others)


def test_the_last_few_are_kept_while_they_are_small(played: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2, 3, 1, 4, 1, 3):  # 2 is the one that was asked for longest ago when 4 comes
        develop(CALM, seed=seed)
    assert len(played) == 4
    develop(CALM, seed=2)
    assert len(played) == 5
    monkeypatch.setattr(module, "_recent", RecentTraffic(most_bytes=1000))
    develop(CALM, seed=3)
    develop(CALM, seed=3)
    assert len(played) == 7
