"""How far the futures of one start lie apart, and in how many groups: over time, from features, pictures or tracks.

Diversity is no virtue by itself: noise is diverse. Show it beside precision and beside what the world allows
(:mod:`drivesim.metrics.calibration`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from drivesim.metrics.centred_bootstrap import centred_bootstrap
from drivesim.metrics.estimate import NOTHING, Estimate, exact


@dataclass(frozen=True, kw_only=True)
class DistanceCurve:
    """Mean pairwise distance per frame (T,) with the bounds (T,) of its 95 % interval over ``num_futures`` futures."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    num_futures: int


def pairwise_distances(futures: np.ndarray) -> np.ndarray:
    """Distances (T, P) of all P = F (F - 1) / 2 pairs, in the order of scipy's pdist, of futures (F, T, ...).

    The distance at a frame is the root of the mean squared difference over all values of the frame: for pictures in grey
    levels, for features per dimension. Equal futures have distance exactly 0. Raises ValueError below two futures.
    """
    futures = _checked(futures)
    rows = futures.reshape(*futures.shape[:2], -1)
    scale = np.sqrt(rows.shape[2])
    return np.stack([pdist(np.asarray(rows[:, frame], dtype=np.float64)) for frame in range(rows.shape[1])]) / scale


def diversity_curve(futures: np.ndarray, rng: np.random.Generator, resamples: int = 500) -> DistanceCurve:
    """Mean pairwise distance over time of futures (F, T, ...), with a bootstrap band over futures.

    A future drawn twice makes no pair with its own copy (that would only add zeros).
    """
    futures = _checked(futures)
    distances = pairwise_distances(futures)
    again = distances @ _pair_weights(len(futures), rng, resamples).T
    low, high = np.quantile(again, [0.025, 0.975], axis=1)
    mean = distances.mean(axis=1)
    return DistanceCurve(mean=mean, low=np.minimum(low, mean), high=np.maximum(high, mean), num_futures=len(futures))


def mean_diversity(futures: np.ndarray, rng: np.random.Generator, resamples: int = 1000) -> Estimate:
    """Mean pairwise distance over all frames of futures (F, T, ...), in the units of :func:`pairwise_distances`."""
    futures = _checked(futures)
    return _pair_mean(pairwise_distances(futures).mean(axis=0), len(futures), rng, resamples)


def noise_scale(futures: np.ndarray, again: np.ndarray) -> float:
    """Median distance of frames of futures (F, T, ...) to the same frames made again (F, T, ...), as :func:`pairwise_distances`.

    ``again`` differs only in what no one calls another future: a codec round-trip, or rendered noise. A threshold of about three times
    this scale separates modes from noise. Raises ValueError for other shapes.
    """
    if np.shape(futures) != np.shape(again) or np.ndim(futures) < 3:
        raise ValueError(
            f"expected two sets of futures (F, T, ...) of one shape, got {np.shape(futures)}, {np.shape(again)}"
        )
    difference = np.asarray(futures, dtype=np.float64) - np.asarray(again, dtype=np.float64)
    return float(np.median(np.sqrt(np.mean(difference**2, axis=tuple(range(2, difference.ndim))))))


def mode_labels(points: np.ndarray, threshold: float) -> np.ndarray:
    """Group of each of F points (F, ...), int (F,) from 0, the largest group first.

    Agglomerative clustering with average linkage (scipy), cut where the mean distance between two groups passes
    ``threshold``; distances as in :func:`pairwise_distances`. Set it to about three times :func:`noise_scale`.
    Equal points are one group at any threshold. Raises ValueError below 0, without points, or for values not finite.
    """
    if threshold < 0.0:
        raise ValueError(f"a threshold is a distance and not below 0, got {threshold}")
    rows = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"modes need finite points (F, ...), got {np.shape(points)}")
    if len(rows) == 1:
        return np.zeros(1, dtype=int)
    merged = linkage(pdist(rows) / np.sqrt(rows.shape[1]), method="average")
    found = fcluster(merged, threshold, criterion="distance")
    order = np.argsort(-np.bincount(found)[1:], kind="stable")
    return np.argsort(order)[found - 1]


def effective_modes(labels: np.ndarray) -> float:
    """``exp(entropy)`` of the shares of the groups in labels (F,): k for k equal groups, 1 for one (Hill 1973, order 1)."""
    _, sizes = np.unique(labels, return_counts=True)
    shares = sizes / sizes.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def effective_modes_estimate(labels: np.ndarray, rng: np.random.Generator, resamples: int = 1000) -> Estimate:
    """:func:`effective_modes` of one label per future (F,) with an interval over futures.

    The labels may be of any kind: groups of :func:`mode_labels`, or events such as yields / goes first. Modes that were never drawn
    are not in the number: it is biased downwards for few futures.
    """
    labels = np.asarray(labels)
    if not len(labels):
        return NOTHING

    def again(draw: np.random.Generator) -> float:
        return effective_modes(labels[draw.integers(len(labels), size=len(labels))])

    found = centred_bootstrap(effective_modes(labels), again, len(labels), rng, resamples)
    return Estimate(value=found.value, low=max(1.0, found.low), high=found.high, count=found.count, method=found.method)


def position_modes(tracks: np.ndarray, threshold_m: float = 2.0, frame: int = -1) -> np.ndarray:
    """Groups (F,) of one actor's positions at ``frame`` over futures, -1 where it is not seen (NaN).

    ``tracks`` are positions (F, T, 2) in m; groups are cut at a mean distance of ``threshold_m`` metres.
    """
    at = _positions(tracks, frame)
    seen = np.isfinite(at).all(axis=1)
    labels = np.full(len(at), -1)
    if seen.any():
        labels[seen] = mode_labels(at[seen], threshold_m / np.sqrt(2.0))  # mode_labels takes the mean over x and y
    return labels


def _checked(futures: np.ndarray) -> np.ndarray:
    futures = np.asarray(futures)
    if futures.ndim < 3 or len(futures) < 2 or not futures.shape[1]:
        raise ValueError(f"diversity takes at least two futures (F, T, ...), got shape {futures.shape}")
    if not np.isfinite(futures).all():
        raise ValueError("futures hold NaN or infinity")
    return futures


def _positions(tracks: np.ndarray, frame: int) -> np.ndarray:
    tracks = np.asarray(tracks, dtype=np.float64)
    if tracks.ndim != 3 or tracks.shape[2] != 2:
        raise ValueError(f"tracks are positions (F, T, 2) in m, got shape {tracks.shape}")
    return tracks[:, frame]


def _pair_mean(distances: np.ndarray, num_futures: int, rng: np.random.Generator, resamples: int) -> Estimate:
    value = float(distances.mean())
    if num_futures < 3:
        return exact(value, num_futures)
    low, high = np.quantile(_pair_weights(num_futures, rng, resamples) @ distances, [0.025, 0.975])
    return Estimate(
        value=value,
        low=min(value, float(low)),
        high=max(value, float(high)),
        count=num_futures,
        method="bootstrap",
    )


def _pair_weights(num_futures: int, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Weights (R, P) of the pairs in each resample of the futures; each row sums to 1."""
    drawn = rng.integers(num_futures, size=(resamples, num_futures))
    times = np.stack([np.bincount(row, minlength=num_futures) for row in drawn]).astype(np.float64)
    first, second = np.triu_indices(num_futures, k=1)
    weights = times[:, first] * times[:, second]
    totals = weights.sum(axis=1)
    return weights[totals > 0.0] / totals[totals > 0.0, None]
