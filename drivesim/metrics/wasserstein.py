"""1-D Wasserstein distance between histograms that are pooled over clips."""

from __future__ import annotations

import numpy as np

from drivesim.metrics.centred_bootstrap import centred_bootstrap
from drivesim.metrics.estimate import Estimate


def histogram_wasserstein(first: np.ndarray, second: np.ndarray, bin_width: float) -> np.ndarray:
    """Wasserstein-1 distances (...) of histograms (..., bins) over equal bins, in the unit of ``bin_width``.

    The area between the two cumulated shares (Ramdas et al. 2017, proposition 1). Raises ValueError for an empty histogram.
    """
    shares = []
    for counts in (first, second):
        totals = np.sum(counts, axis=-1, keepdims=True, dtype=np.float64)
        if not np.all(totals > 0.0):
            raise ValueError("an empty histogram has no distance to another")
        shares.append(np.cumsum(counts / totals, axis=-1))
    return np.abs(shares[0] - shares[1]).sum(axis=-1) * bin_width


def wasserstein_estimate(
    first: np.ndarray, second: np.ndarray, bin_width: float, rng: np.random.Generator, resamples: int = 300
) -> Estimate:
    """The distance of the pooled histograms of N and M clips (N, rows, bins), as mean over rows, with an interval over clips.

    Each clip counts by its entries. A distance of pools is above 0 even for equal sources, so the interval is centred
    (:func:`drivesim.metrics.centred_bootstrap.centred_bootstrap`), and a floor of the same number of clips belongs beside
    it. ``count`` is the smaller number of clips. Raises ValueError without clips.
    """
    if not len(first) or not len(second):
        raise ValueError(f"expected clips in both sets, got {len(first)} and {len(second)}")
    flat_first, flat_second = (np.reshape(x, (len(x), -1)).astype(np.float64) for x in (first, second))
    shape = np.shape(first)[1:]

    def distance(weights_first: np.ndarray, weights_second: np.ndarray) -> float:
        pooled = (weights_first @ flat_first).reshape(shape), (weights_second @ flat_second).reshape(shape)
        return float(histogram_wasserstein(*pooled, bin_width).mean())

    def again(draw: np.random.Generator) -> float:
        return distance(_times(len(first), draw), _times(len(second), draw))

    value = distance(np.ones(len(first)), np.ones(len(second)))
    return centred_bootstrap(value, again, min(len(first), len(second)), rng, resamples)


def _times(count: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of ``count`` clips is in a resample."""
    return np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
