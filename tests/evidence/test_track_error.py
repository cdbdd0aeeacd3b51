"""What the probe errs by, and what that makes of a figure: a bound within the bar is not decided."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import drivesim as ds
from drivesim.evidence.labels import judge_labels
from drivesim.evidence.track_error import NO_ERROR, SHIPPED, TrackError, ego_shifted, shifted, spread, track_error
from drivesim.metrics.measured_tracks import integrate_ego
from drivesim.scenarios.concrete import concrete_of
from drivesim.scene import Actor, Track
from drivesim.traffic.road_builder import build_road

FRAMES, FPS = 61, 10.0
ERROR = TrackError(
    distance_share=0.05, sideways_m=0.2, speed_mps=1.0, ego_speed_mps=0.5, ego_yaw_rate_rps=0.01, frames=100
)


def moving(x: float, y: float, speed: float) -> Track:
    way = x + speed * np.arange(FRAMES) / FPS
    return Track(
        positions=np.stack([way, np.full(FRAMES, y), np.zeros(FRAMES)], axis=1),
        yaw_rad=np.zeros(FRAMES),
        speed_mps=np.full(FRAMES, speed),
        present=np.ones(FRAMES, dtype=bool),
    )


def car(track: Track) -> Actor:
    return Actor(id="other", category="car", length=4.0, width=2.0, height=1.5, track=track)


def test_the_error_is_found_again() -> None:
    ego, truth = moving(0.0, 0.0, 10.0), car(moving(40.0, 1.0, 11.0))
    seen = shifted(ego, truth, farther=0.06, faster_mps=0.7)
    motion = np.full(FRAMES, 10.4), np.full(FRAMES, 0.003)
    found = track_error(ego, [truth], [seen], *motion, FPS)
    assert (found.distance_share, found.speed_mps) == (pytest.approx(0.06), pytest.approx(0.7))
    assert (found.ego_speed_mps, found.ego_yaw_rate_rps) == (pytest.approx(0.4), pytest.approx(0.003))
    assert found.frames == FRAMES
    assert track_error(ego, [truth], [], *motion, FPS) is SHIPPED


def test_a_free_egos_path_is_what_its_readings_sum_up_to() -> None:
    speed, rate = np.full(FRAMES, 10.0), np.full(FRAMES, 0.05)
    ego = integrate_ego(speed, rate, FPS)
    moved = ego_shifted(ego, FPS, faster_mps=1.0, turning_rps=0.02)
    np.testing.assert_allclose(moved.positions, integrate_ego(speed + 1.0, rate + 0.02, FPS).positions, atol=0.05)


def test_errors_add_up_in_squares_and_what_is_never_near_may_come_near() -> None:
    found = spread(2.0, [[1.7, 2.4], [2.4, 1.6], [2.0, 2.0]])
    assert (found.low, found.high) == (pytest.approx(1.5), pytest.approx(2.0 + np.hypot(0.4, 0.4)))
    never = spread(np.inf, [[3.0, np.inf], [np.inf, np.inf]])
    assert (never.low, never.high) == (3.0, np.inf)


@pytest.mark.parametrize(
    ("label", "gap", "speed", "answers"),
    [
        (ds.ttc("other") < 1.5, 45.0, 12.0, (True, True)), (ds.ttc("other") < 1.5, 200.0, 20.0, (False, False)),
        (ds.gap("other") < 10.0, 16.0, 20.0, (False, None)), (ds.collision("other"), 5.9, 20.0, (False, None)),
        (ds.collision("other"), 30.0, 10.0, (True, True)), (ds.thw("other") < 1.0, 26.0, 20.0, (False, None)),
        (ds.drac("other") > 2.0, 60.0, 12.0, (True, True)), (ds.pet("other") < 1.0, 60.0, 20.0, (False, False)),
        (ds.off_road("other") > 0.5, 60.0, 20.0, (False, False)),
    ],
)  # fmt: skip
def test_each_measure_is_open_where_the_error_reaches_to_both_sides(
    label: dict[str, object], gap: float, speed: float, answers: tuple[bool | None, bool | None]
) -> None:
    road = build_road(
        "motorway", lanes=2, ego_lane=1, length_m=600.0, rng=np.random.default_rng(0), curvature=0.0, ramp=None
    )
    scenario = (
        ds.Scenario("measured").road("motorway", lanes=2, ego_lane=1).ego(speed=20)
        .actor("other", "car", lane="ego", gap=30, speed=15).label("asked", label).expect("asked", at_least=1)
    )  # fmt: skip
    futures = [(moving(0.0, 0.0, 20.0), (car(moving(gap, 0.0, speed)),))]
    for error, answer in zip((NO_ERROR, ERROR), answers, strict=True):
        outcome = judge_labels(concrete_of(scenario), futures, road, FPS, error=error)
        verdict = outcome.labels["asked"][0]
        assert verdict.value is answer, verdict
        assert outcome.expectations[0].outcome == {True: "passed", False: "failed", None: "undecided"}[answer]
        assert (verdict.reason.startswith("undecided")) == (answer is None)


def test_the_ego_off_the_road_is_known_where_it_was_told_and_doubtful_where_it_is_measured() -> None:
    road = build_road(
        "motorway", lanes=1, ego_lane=1, length_m=600.0, rng=np.random.default_rng(0), curvature=0.0, ramp=None
    )
    scenario = ds.Scenario("off").road("motorway", lanes=1).label("off", ds.off_road() > 0.5)
    for measured, wanted in ((False, False), (True, None)):
        error = dataclasses.replace(ERROR, ego_yaw_rate_rps=0.05)
        futures = [(moving(0.0, 0.0, 20.0), ())]
        found = judge_labels(concrete_of(scenario), futures, road, FPS, error=error, ego_measured=measured)
        assert found.labels["off"][0].value is wanted
