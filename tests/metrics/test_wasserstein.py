"""Histogram distances against scipy's, with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from drivesim.metrics.wasserstein import histogram_wasserstein, wasserstein_estimate


def test_equals_scipy_on_values_in_bins() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 20, 300), rng.integers(5, 40, 200)
    found = histogram_wasserstein(np.bincount(first, minlength=50), np.bincount(second, minlength=50), 0.5)
    assert found == pytest.approx(wasserstein_distance(first * 0.5, second * 0.5))


def test_the_estimate_pools_clips_and_ranks_shifts() -> None:
    rng = np.random.default_rng(1)

    def clips(count: int, shift: int) -> np.ndarray:
        middles = 100 + shift + rng.integers(-10, 10, count)
        return np.stack([np.bincount(rng.integers(m - 20, m + 20, 500), minlength=256) for m in middles])[:, None]

    first = clips(30, 0)
    found = [wasserstein_estimate(first, clips(20, shift), 1.0, rng) for shift in (0, 10, 30, 60)]
    assert [e.value for e in found] == sorted(e.value for e in found)
    assert found[3].value == pytest.approx(60.0, abs=4.0) and found[3].count == 20
    assert all(e.low < e.value < e.high for e in found)
    assert found[3].high - found[3].low == pytest.approx(2 * 1.96 * 5.8 * np.sqrt(1 / 30 + 1 / 20), rel=0.4)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="empty histogram"):
        histogram_wasserstein(np.zeros(4), np.ones(4), 1.0)
    with pytest.raises(ValueError, match="both sets, got 0 and 1"):
        wasserstein_estimate(np.zeros((0, 4)), np.ones((1, 4)), 1.0, np.random.default_rng(0))
