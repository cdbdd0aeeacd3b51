"""The likeliest course is what a Kalman filter and the Rauch-Tung-Striebel recursion give, and it lets go of what it cannot explain."""

from __future__ import annotations

import numpy as np

from drivesim.metrics.smoothing import Motion, smoothed_course

FPS = 10.0
MOTION = Motion(acceleration_mps2=2.0, speed_mps=10.0)
COVARIANCE = np.array([[1.0, 0.3], [0.3, 0.2]])


def sightings(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True places, seen places and inverse covariances of a walk at constant velocity, with three frames unseen."""
    truth = np.array([10.0, 0.0]) + np.arange(count)[:, None] / FPS * np.array([3.0, 1.0])
    seen = truth + np.random.default_rng(0).multivariate_normal([0.0, 0.0], COVARIANCE, count)
    precision = np.tile(np.linalg.inv(COVARIANCE), (count, 1, 1))
    precision[5:8] = 0.0
    return truth, seen, precision


def recursion(seen: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """States (K, 4) by the textbook's forward and backward recursions."""
    dt, power, eye = 1.0 / FPS, MOTION.acceleration_mps2**2, np.eye(2)
    step = np.block([[eye, dt * eye], [0.0 * eye, eye]])
    noise = power * np.kron([[dt**3 / 3.0, dt**2 / 2.0], [dt**2 / 2.0, dt]], eye)
    state, spread, look = np.zeros(4), np.diag([1e9, 1e9, *[MOTION.speed_mps**2] * 2]), np.eye(2, 4)
    filtered, predicted = [], []
    for index, place in enumerate(seen):
        if index:
            state, spread = step @ state, step @ spread @ step.T + noise
        predicted.append((state, spread))
        if precision[index].any():
            gain = spread @ look.T @ np.linalg.inv(look @ spread @ look.T + COVARIANCE)
            state, spread = state + gain @ (place - look @ state), spread - gain @ look @ spread
        filtered.append((state, spread))
    smooth = [filtered[-1][0]]
    for index in range(len(seen) - 2, -1, -1):
        back = filtered[index][1] @ step.T @ np.linalg.inv(predicted[index + 1][1])
        smooth.insert(0, filtered[index][0] + back @ (smooth[0] - predicted[index + 1][0]))
    return np.array(smooth)


def test_it_is_the_smoother_of_the_textbook() -> None:
    _, seen, precision = sightings(40)
    places, velocities = smoothed_course(seen, precision, FPS, MOTION, rounds=1)
    wanted = recursion(seen, precision)
    np.testing.assert_allclose(places, wanted[:, :2], atol=1e-5)
    np.testing.assert_allclose(velocities, wanted[:, 2:], atol=1e-5)


def test_sightings_that_nothing_explains_are_let_go() -> None:
    truth, seen, precision = sightings(40)
    seen[20] += [15.0, 0.0]
    robust, _ = smoothed_course(seen, precision, FPS, MOTION)
    plain, _ = smoothed_course(seen, precision, FPS, MOTION, rounds=1)
    far, near = (np.abs(places[20] - truth[20]).max() for places in (plain, robust))
    assert near < 0.8 and far > 1.1


def test_exact_later_sightings_say_where_somebody_was_before() -> None:
    """The first second is 4 m off along the line of sight, and known to be seen badly; the rest is exact."""
    truth, _, precision = sightings(40)
    seen = truth.copy()
    seen[:10, 0] += 4.0
    precision[:10] = np.eye(2) / 6.0**2
    precision[10:] = np.eye(2) / 0.3**2
    places, velocities = smoothed_course(seen, precision, FPS, Motion(acceleration_mps2=0.5, speed_mps=5.0))
    assert np.abs(places - truth).max() < 0.7
    assert np.abs(velocities - [3.0, 1.0]).max() < 0.8
