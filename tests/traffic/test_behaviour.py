"""Behaviour models against their published limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.traffic.behaviour import (
    DriverParameters,
    constant_acceleration_heuristic,
    draw_driver,
    following_acceleration,
    idm_acceleration,
    idm_desired_gap,
    idm_free_acceleration,
    lane_change_profile,
    lane_change_rate_limit,
    mobil_incentive,
    mobil_safe,
    pedestrian_accepts_gap,
    walking_speed,
)

DRIVER = DriverParameters(headway_s=1.5, minimum_gap_m=2.0, acceleration=1.0, deceleration=2.0)


def test_idm_free_road_and_equilibrium():
    assert float(idm_free_acceleration(0.0, 30.0, 1.0)) == pytest.approx(1.0)
    assert float(idm_free_acceleration(30.0, 30.0, 1.0)) == pytest.approx(0.0)
    assert float(idm_free_acceleration(33.0, 30.0, 1.0)) < 0.0
    # Treiber et al. 2000, eq. 11: the gap at which a platoon keeps its speed.
    speed = 15.0
    gap = (2.0 + speed * 1.5) / np.sqrt(1.0 - (speed / 30.0) ** 4)
    assert float(idm_acceleration(speed, 30.0, gap, speed, DRIVER)) == pytest.approx(0.0, abs=1e-9)
    assert float(idm_desired_gap(0.0, 0.0, DRIVER)) == 2.0


@given(speed=st.floats(5.0, 35.0), distance=st.floats(0.0, 150.0))
@settings(max_examples=40, deadline=None)
def test_idm_stops_behind_a_standing_leader(speed, distance):
    braking_m = speed**2 / (2.0 * 6.0) + 15.0
    gap, dt = braking_m + distance, 0.1
    for _ in range(900):
        acceleration = max(float(following_acceleration(speed, 30.0, gap, 0.0, 0.0, DRIVER)), -8.0)
        faster = max(speed + acceleration * dt, 0.0)
        gap -= 0.5 * (speed + faster) * dt
        speed = faster
    assert speed < 0.1
    assert 0.5 < gap < 5.0


def test_calm_reaction_to_a_cut_in_but_not_to_danger():
    # A short gap to a faster car: IDM brakes hard, the calm model does not.
    idm = float(idm_acceleration(25.0, 30.0, 8.0, 27.0, DRIVER))
    calm = float(following_acceleration(25.0, 30.0, 8.0, 27.0, 0.0, DRIVER))
    assert idm < -5.0 and calm > -2.5
    danger = float(following_acceleration(25.0, 30.0, 15.0, 10.0, 0.0, DRIVER))
    assert danger < -6.0
    assert float(constant_acceleration_heuristic(20.0, 40.0, 20.0, -8.0, 1.0)) < -3.0


def test_models_broadcast():
    speeds, gaps = np.array([10.0, 20.0, 30.0])[:, None], np.array([10.0, 50.0])[None, :]
    result = following_acceleration(speeds, 30.0, gaps, 15.0, 0.0, DRIVER)
    assert result.shape == (3, 2)
    assert (np.diff(result, axis=1) > 0).all() and (np.diff(result, axis=0) < 0).all()
    assert result[1, 0] == pytest.approx(float(following_acceleration(20.0, 30.0, 10.0, 15.0, 0.0, DRIVER)))


def test_mobil():
    assert mobil_incentive(1.0, -2.0, 0.5, politeness=0.0) == 1.0
    assert mobil_incentive(1.0, -2.0, 0.5, politeness=1.0) == -0.5
    assert mobil_safe(-2.9) and not mobil_safe(-3.1) and mobil_safe(-3.1, safe_deceleration=4.0)


def test_lane_change_profile_starts_and_ends_at_rest():
    share = np.linspace(0.0, 1.0, 1001)
    profile = lane_change_profile(share)
    assert profile[0] == 0.0 and profile[-1] == pytest.approx(1.0) and profile[500] == pytest.approx(0.5)
    rate = np.gradient(profile, share)
    assert rate[0] == pytest.approx(0.0, abs=1e-4) and rate[-1] == pytest.approx(0.0, abs=1e-4)
    assert rate.max() == pytest.approx(1.875, abs=1e-3)
    assert (np.diff(profile) >= 0.0).all()


def test_nobody_slides_sideways_at_a_stand():
    assert float(lane_change_rate_limit(0.0, 3.5, 3.0)) == 0.0
    assert float(lane_change_rate_limit(25.0, 3.5, 3.0)) == 1.0
    assert 0.0 < float(lane_change_rate_limit(4.0, 3.5, 3.0)) < 1.0


def test_people():
    times = np.linspace(0.0, 60.0, 601)
    speeds = walking_speed(1.4, 0.3, times)
    assert speeds.mean() == pytest.approx(1.4, rel=0.02) and np.ptp(speeds) < 0.2
    assert bool(pedestrian_accepts_gap(8.0, 5.0)) and not bool(pedestrian_accepts_gap(6.0, 5.0))


def test_drivers_differ_and_stay_plausible():
    rng = np.random.default_rng(0)
    drivers = [draw_driver(rng) for _ in range(200)]
    headways = np.array([driver.headway_s for driver in drivers])
    assert headways.std() > 0.15 and headways.min() >= 0.7 and headways.max() <= 2.2
    heavy = [draw_driver(rng, heavy=True).acceleration for _ in range(200)]
    assert np.mean(heavy) < np.mean([driver.acceleration for driver in drivers])
