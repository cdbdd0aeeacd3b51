"""The likeliest course of a point that was seen with known errors: what a Kalman smoother finds, in one banded solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.geometry import FloatArray


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What is known beforehand of how somebody moves: ``acceleration_mps2`` is the standard deviation of what its velocity changes
    by within a second, along each axis; ``speed_mps`` that of the velocity itself.
    """

    acceleration_mps2: float
    speed_mps: float


#: Deviations beyond a few of these degrees of freedom lose weight (Student's t, Lange et al. 1989).
_FREEDOM = 4.0


def smoothed_course(
    places: FloatArray, precision: FloatArray, fps: float, motion: Motion, *, rounds: int = 4
) -> tuple[FloatArray, FloatArray]:
    """Places (K, 2) in metres and velocities (K, 2) in m/s, from sightings ``places`` (K, 2) with inverse covariances ``precision``
    (K, 2, 2), zero where nothing was seen.

    The maximum a posteriori course under white acceleration: what the Rauch-Tung-Striebel smoother (1965) gives, as the solution
    of one block tridiagonal system. Sightings that the course does not explain lose weight over ``rounds`` solves (Student's t).
    """
    from scipy.linalg import solveh_banded  # takes a second to import

    step, noise = _transition(1.0 / fps, motion)
    weights = np.ones(len(places))
    for _ in range(rounds):
        seen = precision * weights[:, None, None]
        diagonal, beside, right = _normal_equations(places, seen, step, noise, motion)
        state = solveh_banded(_banded(diagonal, beside), right.ravel(), lower=True).reshape(-1, 4)
        off = places - state[:, :2]
        weights = (_FREEDOM + 2.0) / (_FREEDOM + np.einsum("ki,kij,kj->k", off, precision, off))
    return state[:, :2], state[:, 2:]


def _transition(dt: float, motion: Motion) -> tuple[FloatArray, FloatArray]:
    """The step (4, 4) of place and velocity over a frame, and the inverse covariance (4, 4) of what white acceleration adds."""
    eye = np.eye(2)
    step = np.block([[eye, dt * eye], [0.0 * eye, eye]])
    power = motion.acceleration_mps2**2
    inverse = np.array([[12.0 / dt**3, -6.0 / dt**2], [-6.0 / dt**2, 4.0 / dt]]) / power
    return step, np.kron(inverse, eye)


def _normal_equations(
    places: FloatArray, seen: FloatArray, step: FloatArray, noise: FloatArray, motion: Motion
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Diagonal blocks (K, 4, 4), the block (4, 4) below each but the last, and the right side (K, 4)."""
    diagonal, right = np.zeros((len(places), 4, 4)), np.zeros((len(places), 4))
    diagonal[:, :2, :2] = seen
    right[:, :2] = np.einsum("kij,kj->ki", seen, places)
    diagonal[0, [2, 3], [2, 3]] += 1.0 / motion.speed_mps**2
    diagonal[:-1] += step.T @ noise @ step
    diagonal[1:] += noise
    return diagonal, -noise @ step, right


def _banded(diagonal: FloatArray, beside: FloatArray) -> FloatArray:
    """The lower bands (8, 4 K) of the block tridiagonal matrix, as LAPACK takes them."""
    count, size = diagonal.shape[:2]
    bands = np.zeros((2 * size, count, size))
    for row in range(size):
        for column in range(size):
            if row >= column:
                bands[row - column, :, column] = diagonal[:, row, column]
            bands[size + row - column, :-1, column] = beside[row, column]
    return bands.reshape(2 * size, count * size)
