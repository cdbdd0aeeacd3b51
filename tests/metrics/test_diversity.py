"""Diversity: exactly 0 for equal futures, against loops, ranked by spread, with the right number of modes."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.metrics.diversity import (
    diversity_curve,
    effective_modes,
    effective_modes_estimate,
    mean_diversity,
    mode_labels,
    noise_scale,
    pairwise_distances,
    position_modes,
)


def _walks(seed: int, num_futures: int = 12, spread: float = 1.0) -> np.ndarray:
    """Futures (F, 10, 6) that start equal and drift apart."""
    steps = np.random.default_rng(seed).normal(size=(num_futures, 9, 6)) * spread
    return np.concatenate([np.zeros((num_futures, 1, 6)), steps.cumsum(axis=1)], axis=1)


def test_distances_equal_the_loop_over_pairs() -> None:
    futures = _walks(0, 4)
    found = pairwise_distances(futures)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for frame in (0, 3, 9):
        for column, (i, j) in enumerate(pairs):
            expected = np.sqrt(np.mean((futures[i, frame] - futures[j, frame]) ** 2))
            assert found[frame, column] == pytest.approx(expected)


def test_pictures_are_measured_in_grey_levels() -> None:
    futures = np.stack([np.full((3, 4, 5, 3), level, np.uint8) for level in (10, 250)])
    assert pairwise_distances(futures) == pytest.approx(240.0)


def test_equal_futures_have_diversity_exactly_zero_and_one_mode() -> None:
    one = np.random.default_rng(1).normal(size=(1, 5, 7)) * 1e3
    futures = np.repeat(one, 6, axis=0)
    curve, whole = diversity_curve(futures, np.random.default_rng(0)), mean_diversity(futures, np.random.default_rng(0))
    assert not curve.mean.any() and not curve.low.any() and not curve.high.any()
    assert (whole.value, whole.low, whole.high) == (0.0, 0.0, 0.0)
    assert not mode_labels(futures[:, 3], 0.0).any()


def test_the_curve_starts_at_zero_grows_and_ranks_spread() -> None:
    curve = diversity_curve(_walks(2), np.random.default_rng(0))
    assert curve.mean[0] == 0.0 and (np.diff(curve.mean) > 0.0).all()
    assert (curve.low <= curve.mean).all() and (curve.mean <= curve.high).all()
    assert (curve.low[1:] < curve.high[1:]).all() and curve.num_futures == 12
    values = [mean_diversity(_walks(2, spread=s), np.random.default_rng(0)).value for s in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values) and values[3] == pytest.approx(2.0 * values[2])


def test_duplicates_lower_diversity_in_order_and_copies_do_not_bias_the_band() -> None:
    futures = _walks(3, 12)
    found = [
        mean_diversity(np.concatenate([futures[: 12 - copies], np.repeat(futures[:1], copies, 0)]), np.random.default_rng(0))
        for copies in (0, 4, 8, 11)
    ]  # fmt: skip
    values = [e.value for e in found]
    assert values == sorted(values, reverse=True) and values[-1] < 0.6 * values[0]
    middle = 0.5 * (found[0].low + found[0].high)
    assert middle == pytest.approx(found[0].value, rel=0.05)


def test_the_interval_matches_the_spread_of_new_draws() -> None:
    drawn = [pairwise_distances(_walks(seed, 24)).mean() for seed in range(100, 200)]
    found = mean_diversity(_walks(4, 24), np.random.default_rng(0))
    width = np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025)
    assert 0.5 * width < found.high - found.low < 1.8 * width


def test_modes_are_counted_and_sorted_by_size() -> None:
    rng = np.random.default_rng(5)
    centres = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    true = np.repeat([2, 0, 1], [7, 4, 1])
    labels = mode_labels(centres[true] + rng.normal(size=(12, 2)) * 0.3, threshold=2.0)
    assert labels.tolist() == np.repeat([0, 1, 2], [7, 4, 1]).tolist()
    assert mode_labels(centres[true], threshold=1e6).max() == 0
    assert mode_labels(centres[:1], threshold=1.0).tolist() == [0]


def test_the_noise_scale_separates_modes_from_noise() -> None:
    rng = np.random.default_rng(6)
    clean = np.repeat(np.array([0.0, 1.0]), 6)[:, None, None] * np.ones((12, 4, 50))
    first, again = (clean + rng.normal(size=clean.shape) * 0.1 for _ in range(2))
    scale = noise_scale(first, again)
    assert scale == pytest.approx(0.1 * np.sqrt(2.0), rel=0.1)
    assert [mode_labels(first[:, frame], 3.0 * scale).max() + 1 for frame in range(4)] == [2] * 4
    assert min(mode_labels(first[:, frame], 0.5 * scale).max() + 1 for frame in range(4)) > 2
    with pytest.raises(ValueError, match="of one shape"):
        noise_scale(first, again[1:])


def test_effective_modes_of_known_shares() -> None:
    assert effective_modes(np.array([0, 0, 0])) == pytest.approx(1.0)
    assert effective_modes(np.array([0, 1, 2, 3])) == pytest.approx(4.0)
    shares = np.array([0.75, 0.25])
    assert effective_modes(np.array([0, 0, 0, 1])) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    found = effective_modes_estimate(np.array(["yields", "goes"] * 10), np.random.default_rng(0))
    assert found.value == pytest.approx(2.0) and 1.0 <= found.low < 2.0 <= found.high and found.count == 20
    same = effective_modes_estimate(np.zeros(8), np.random.default_rng(0))
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert effective_modes_estimate(np.zeros(0), np.random.default_rng(0)).count == 0


def test_modes_over_time_show_when_futures_part() -> None:
    time = np.linspace(0.0, 10.0, 6)
    futures = np.stack([side * time[:, None] * np.ones((6, 3)) for side in (-1.0, -1.0, 1.0, 1.0)])
    found = [mode_labels(futures[:, frame], threshold=1.0) for frame in range(6)]
    assert [labels.max() + 1 for labels in found] == [1, 2, 2, 2, 2, 2]
    assert [effective_modes(labels) for labels in found] == pytest.approx([1.0, 2.0, 2.0, 2.0, 2.0, 2.0])


def test_positions_in_metres_and_unseen_actors() -> None:
    tracks = np.zeros((4, 3, 2))
    tracks[:, 2, 0] = [0.0, 3.0, 30.0, np.nan]
    assert position_modes(tracks).tolist() == [0, 1, 2, -1]
    assert position_modes(tracks, threshold_m=3.1).tolist() == [0, 0, 1, -1]
    assert position_modes(tracks, threshold_m=2.9).tolist() == [0, 1, 2, -1]
    assert position_modes(tracks * np.nan).tolist() == [-1] * 4


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two futures"):
        pairwise_distances(np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match="finite"):
        mode_labels(np.full((2, 2), np.nan), 1.0)
    with pytest.raises(ValueError, match="not below 0"):
        mode_labels(np.zeros((2, 2)), -1.0)
    with pytest.raises(ValueError, match="positions"):
        position_modes(np.zeros((2, 3, 3)))
