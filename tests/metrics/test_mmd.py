"""MMD against a loop over pairs, and around zero for equal sources."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.metrics.mmd import mmd_estimate, polynomial_mmd


def _by_pairs(first: np.ndarray, second: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(np.dot(x, y)) / len(x) + 1.0) ** 3

    def within(items: np.ndarray) -> float:
        return float(np.mean([kernel(x, y) for i, x in enumerate(items) for j, y in enumerate(items) if i != j]))

    return within(first) + within(second) - 2.0 * float(np.mean([kernel(x, y) for x in first for y in second]))


def test_equals_the_loop_over_pairs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(9, 5)), rng.normal(size=(7, 5)) + 0.4
    assert polynomial_mmd(first, second) == pytest.approx(_by_pairs(first, second), rel=1e-10)


def test_is_zero_on_average_for_equal_sources_even_with_few_clips() -> None:
    rng = np.random.default_rng(1)
    drawn = [polynomial_mmd(rng.normal(size=(10, 16)), rng.normal(size=(10, 16))) for _ in range(400)]
    assert abs(np.mean(drawn)) < 3.0 * np.std(drawn) / 20.0
    assert min(drawn) < 0.0 < max(drawn)


def test_severity_is_ranked_and_intervals_tell_equal_from_other_sources() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(120, 16)), rng.normal(size=(100, 16))
    found = [mmd_estimate(first, second + shift, rng, resamples=300) for shift in (0.0, 0.3, 0.6, 1.2)]
    assert [e.value for e in found] == sorted(e.value for e in found)
    assert found[0].low < 0.0 < found[0].high
    assert found[1].low > 0.0
    assert all(e.low <= e.value <= e.high and e.count == 100 for e in found)


def test_the_interval_matches_the_spread_of_new_draws() -> None:
    rng = np.random.default_rng(3)
    drawn = [polynomial_mmd(rng.normal(size=(60, 8)), 0.5 + rng.normal(size=(60, 8))) for _ in range(200)]
    found = mmd_estimate(rng.normal(size=(60, 8)), 0.5 + rng.normal(size=(60, 8)), rng, resamples=300)
    width = np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025)
    assert 0.5 * width < found.high - found.low < 2.0 * width


def test_wrong_calls_are_refused() -> None:
    good = np.zeros((3, 2))
    with pytest.raises(ValueError, match="at least two clips, got 1"):
        polynomial_mmd(good[:1], good)
    with pytest.raises(ValueError, match="2 and 4 dimensions"):
        mmd_estimate(good, np.zeros((3, 4)), np.random.default_rng(0))
