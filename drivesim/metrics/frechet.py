"""Fréchet distance between two sets of clip features (Heusel et al. 2017, equation 6)."""

from __future__ import annotations

import numpy as np

from drivesim.metrics.centred_bootstrap import centred_bootstrap
from drivesim.metrics.estimate import Estimate

CLIPS_PER_DIMENSION = 4
"""Below this many clips per feature dimension the covariance is poor, and :func:`sample_note` says so."""


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to features (N, D) and (M, D), in squared feature units.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`` with unbiased covariances. With ``Ci = Ai^T Ai`` the trace of the root is
    the sum of the singular values of ``A1 A2^T``: no matrix root, no complex part, and singular covariances (N <= D) are
    no special case. The value is biased upwards by about 1/N (Chong & Forsyth 2020): compare it with :func:`split_floor`
    at the same number of clips. Raises ValueError for fewer than two clips, other dimensions, or values not finite.
    """
    first, second = checked_features(first, "first"), checked_features(second, "second")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"features of {first.shape[1]} and {second.shape[1]} dimensions cannot be compared")
    return _distance(first, second)


def frechet_estimate(first: np.ndarray, second: np.ndarray, rng: np.random.Generator, resamples: int = 200) -> Estimate:
    """:func:`frechet_distance` with a 95 % interval over clips of both sets; ``count`` is the smaller set.

    The interval shows what other clips of the same sources would give *at this number of clips*; see
    :func:`drivesim.metrics.centred_bootstrap.centred_bootstrap` for why its centre is moved. The bias of few clips stays
    in the value, as in published figures. The interval errs on the wide side: on Gaussians about 1.7 times the spread
    of new draws at three clips per dimension, 1.4 at six, 1.1 at 25.
    """
    value = frechet_distance(first, second)
    a, b = checked_features(first, "first"), checked_features(second, "second")

    def again(draw: np.random.Generator) -> float:
        return _distance(a[draw.integers(len(a), size=len(a))], b[draw.integers(len(b), size=len(b))])

    return centred_bootstrap(value, again, min(len(a), len(b)), rng, resamples)


def split_floor(features: np.ndarray, rng: np.random.Generator, size: int | None = None, splits: int = 50) -> Estimate:
    """The noise floor: distance of two disjoint random groups of ``size`` clips of one set (N, D), by default halves.

    The value is the mean over ``splits`` random splits, the bounds their 2.5 and 97.5 % quantiles; ``count`` is ``size``.
    The floor grows as ``size`` falls and may pass the distance of larger sets: compare it with :func:`frechet_at_size`.
    Raises ValueError when two groups of ``size`` (at least 2) are not there.
    """
    features = checked_features(features, "features")
    size = len(features) // 2 if size is None else size
    if size < 2 or 2 * size > len(features):
        raise ValueError(f"two groups of {size} clips cannot be drawn from {len(features)}; a group has at least 2")
    orders = (rng.permutation(len(features)) for _ in range(splits))
    return _spread([_distance(features[at[:size]], features[at[size : 2 * size]]) for at in orders], size)


def frechet_at_size(
    first: np.ndarray, second: np.ndarray, size: int, rng: np.random.Generator, splits: int = 50
) -> Estimate:
    """The distance of random groups of ``size`` clips of each set, which compares with :func:`split_floor` of that size.

    Mean and 2.5 and 97.5 % quantiles over ``splits`` draws without repeats; ``count`` is ``size``. Raises ValueError when a set
    has fewer clips, or ``size`` is below 2.
    """
    first, second = checked_features(first, "first"), checked_features(second, "second")
    if not 2 <= size <= min(len(first), len(second)):
        raise ValueError(f"groups of {size} clips cannot be drawn from {len(first)} and {len(second)}")
    pairs = ((rng.permutation(first)[:size], rng.permutation(second)[:size]) for _ in range(splits))
    return _spread([_distance(a, b) for a, b in pairs], size)


def sample_note(num_first: int, num_second: int, dimensions: int) -> str:
    """What a reader must know about too small sets, or "" when both have ``CLIPS_PER_DIMENSION`` clips per dimension."""
    fewest, wanted = min(num_first, num_second), CLIPS_PER_DIMENSION * dimensions
    if fewest >= wanted:
        return ""
    return (
        f"{fewest} clips for {dimensions} dimensions (fewer than {wanted}): the distance is biased upwards; "
        "compare it only with figures at the same number of clips, such as its floor"
    )


def checked_features(features: np.ndarray, name: str) -> np.ndarray:
    """Features as float64 (N, D). Raises ValueError for another shape, fewer than two rows, or values not finite."""
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"{name}: features are (clips, dimensions), got shape {values.shape}")
    if len(values) < 2:
        raise ValueError(f"{name}: a set needs at least two clips, got {len(values)}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: features hold NaN or infinity")
    return values


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    gap = first.mean(axis=0) - second.mean(axis=0)
    a, b = _root(first), _root(second)
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return max(0.0, float(gap @ gap + np.sum(a * a) + np.sum(b * b) - 2.0 * shared))


def _spread(drawn: list[float], count: int) -> Estimate:
    value = float(np.mean(drawn))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(
        value=value, low=min(value, float(low)), high=max(value, float(high)), count=count, method="bootstrap"
    )


def _root(features: np.ndarray) -> np.ndarray:
    """A with A^T A = covariance, with no more rows than needed."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(centred) > centred.shape[1] else centred
