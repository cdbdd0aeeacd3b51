"""The Fréchet distance against closed forms, and its floor, interval and notes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from drivesim.metrics.frechet import (
    frechet_at_size,
    frechet_distance,
    frechet_estimate,
    sample_note,
    split_floor,
)


def test_closed_form_of_gaussians_with_other_means_and_scales() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(40_000, 4))
    second = 1.0 + rng.normal(size=(40_000, 4)) * np.array([1.0, 2.0, 0.5, 3.0])
    # Diagonal covariances: |1|^2 per dimension and (s1 - s2)^2.
    assert frechet_distance(first, second) == pytest.approx(4.0 + 0.0 + 1.0 + 0.25 + 4.0, rel=0.03)


def test_equals_the_matrix_root_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=(60, 7)) @ rng.normal(size=(7, 7))
    second = rng.normal(size=(50, 7)) @ rng.normal(size=(7, 7)) + 0.3
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    gap = first.mean(0) - second.mean(0)
    expected = gap @ gap + np.trace(a + b - 2.0 * np.real(sqrtm(a @ b)))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [2, 20, 300])
def test_a_set_has_no_distance_to_itself_even_with_few_clips(count: int) -> None:
    features = np.random.default_rng(2).normal(size=(count, 64)) * 100.0
    assert frechet_distance(features, features[::-1]) == pytest.approx(0.0, abs=1e-6)
    shifted = frechet_distance(features, features + 1.0)
    assert shifted == pytest.approx(64.0, rel=1e-6)


def test_severity_is_ranked_and_halves_are_near_the_floor() -> None:
    rng = np.random.default_rng(3)
    pool, other = rng.normal(size=(400, 16)), rng.normal(size=(200, 16))
    floor = split_floor(pool, rng, size=200)
    distances = [frechet_distance(pool[:200], other + shift) for shift in (0.0, 0.3, 0.6, 1.2)]
    assert distances == sorted(distances)
    assert floor.low < floor.value < floor.high
    assert distances[0] < floor.high * 1.5
    assert distances[1] > floor.high
    assert floor.count == 200


def test_the_floor_of_few_clips_is_higher() -> None:
    rng = np.random.default_rng(4)
    pool = rng.normal(size=(800, 16))
    assert split_floor(pool, rng, size=50).value > 2.0 * split_floor(pool, rng, size=400).value


def test_floor_and_distance_compare_at_equal_size_only() -> None:
    rng = np.random.default_rng(6)
    pool, equal, other = rng.normal(size=(100, 32)), rng.normal(size=(100, 32)), rng.normal(size=(100, 32)) + 0.25
    floor = split_floor(pool, rng)
    assert frechet_distance(pool, other) < floor.value, "the floor of halves says nothing about whole sets"
    assert frechet_at_size(pool, equal, 50, rng).value == pytest.approx(floor.value, rel=0.15)
    assert frechet_at_size(pool, other, 50, rng).value > floor.high
    assert frechet_at_size(pool, other, 100, rng).value == pytest.approx(frechet_distance(pool, other))
    with pytest.raises(ValueError, match="groups of 101 clips"):
        frechet_at_size(pool, other, 101, rng)


def test_the_interval_holds_the_value_and_matches_the_spread_of_new_draws() -> None:
    rng = np.random.default_rng(5)
    drawn = [frechet_distance(rng.normal(size=(80, 8)), 0.5 + rng.normal(size=(80, 8))) for _ in range(100)]
    found = frechet_estimate(rng.normal(size=(80, 8)), 0.5 + rng.normal(size=(80, 8)), rng)
    assert found.low < found.value < found.high
    assert found.count == 80 and found.method == "bootstrap"
    width = np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025)
    assert 0.6 * width < found.high - found.low < 1.7 * width


def test_wrong_calls_are_refused_and_small_sets_noted() -> None:
    good = np.zeros((3, 2))
    with pytest.raises(ValueError, match="at least two clips, got 1"):
        frechet_distance(good[:1], good)
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        frechet_distance(good, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="second: features hold NaN"):
        frechet_distance(good, np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="got shape"):
        frechet_distance(good, np.zeros(3))
    with pytest.raises(ValueError, match="two groups of 2 clips"):
        split_floor(good, np.random.default_rng(0), size=2)
    assert sample_note(512, 600, 128) == ""
    assert "511 clips for 128 dimensions (fewer than 512)" in sample_note(600, 511, 128)
