"""Intervals hold what they promise: checked against closed forms and by counting how often they cover the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from drivesim.metrics.estimate import NOTHING, Estimate, bootstrap, exact, mean_of, share_of


def is_nothing(estimate: Estimate) -> bool:
    return (
        estimate.count == 0 and estimate.method == "none" and math.isnan(estimate.value + estimate.low + estimate.high)
    )


def test_a_share_has_wilsons_bounds() -> None:
    """The bounds are the shares p with |hits/n - p| = z sqrt(p (1 - p) / n)."""
    estimate = share_of(30, 40)
    assert (estimate.value, estimate.count, estimate.method) == (0.75, 40, "wilson")
    for bound in (estimate.low, estimate.high):
        assert abs(0.75 - bound) / math.sqrt(bound * (1 - bound) / 40) == pytest.approx(1.96, abs=1e-3)
    assert share_of(0, 10).low == pytest.approx(0, abs=1e-12) and share_of(10, 10).high == pytest.approx(1)
    assert is_nothing(share_of(0, 0))


def test_the_mean_of_normal_values_has_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 400)
    estimate = mean_of(values, np.random.default_rng(1), resamples=4000)
    half = 1.96 * values.std() / math.sqrt(400)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_mean_and_bootstrap_agree_and_repeat() -> None:
    values = np.random.default_rng(2).gamma(2.0, size=60)
    one = mean_of(values, np.random.default_rng(3))
    assert one == mean_of(values, np.random.default_rng(3)) != mean_of(values, np.random.default_rng(4))
    other = bootstrap(values, np.mean, np.random.default_rng(3))
    assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high))
    assert (other.count, other.method) == (60, "bootstrap")


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """The percentile interval is a little short on few values, so some room below 95 % is right."""
    rng = np.random.default_rng(5)
    found = [mean_of(rng.normal(size=30), rng, resamples=300) for _ in range(300)]
    covered = np.mean([estimate.low <= 0.0 <= estimate.high for estimate in found])
    assert 0.89 <= covered <= 0.98


def test_more_units_give_a_narrower_interval() -> None:
    rng = np.random.default_rng(6)
    few, many = (mean_of(rng.normal(size=count), rng) for count in (25, 400))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.35)


def test_units_may_be_anything_and_stay_whole() -> None:
    """Clips of two boxes each: a share over boxes, drawn by clips."""
    clips = [(2, 2), (0, 2), (1, 2), (2, 2)]
    estimate = bootstrap(
        clips, lambda some: sum(h for h, _ in some) / sum(n for _, n in some), np.random.default_rng(7)
    )
    assert estimate.value == 0.625 and estimate.count == 4
    assert 0 <= estimate.low < 0.625 < estimate.high <= 1


def test_too_little_to_resample() -> None:
    rng = np.random.default_rng(8)
    assert is_nothing(bootstrap([], len, rng)) and is_nothing(mean_of([], rng)) and is_nothing(mean_of([math.nan], rng))
    assert bootstrap([3.0], lambda some: some[0], rng) == exact(3.0) == mean_of([3.0, math.nan], rng)
    assert mean_of([1.0, math.nan, 3.0], rng).value == 2.0
    never = bootstrap([1.0, 2.0], lambda some: 1.5 if some == [1.0, 2.0] else math.nan, rng)
    assert never.value == 1.5 and never.low <= 1.5 <= never.high


def test_json_knows_no_nan() -> None:
    for estimate in (share_of(3, 9), exact(2.0), exact(2.0, count=7)):
        assert Estimate.from_dict(estimate.to_dict()) == estimate
    assert NOTHING.to_dict() == {"value": None, "low": None, "high": None, "count": 0, "method": "none"}
    assert is_nothing(Estimate.from_dict(NOTHING.to_dict()))
