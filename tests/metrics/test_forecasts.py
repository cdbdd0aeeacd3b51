"""Forecast scores against loops over futures, developments and moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from drivesim.metrics.forecasts import Forecast, min_ade, min_fde, missed, score_forecasts


def forecast(rng: np.random.Generator, futures: int = 4, truths: int = 3, steps: int = 12) -> Forecast:
    seen = rng.random((truths, steps)) < 0.8
    seen[:, 0] = True
    return Forecast(
        futures=rng.normal(size=(futures, steps, 2)).cumsum(axis=1),
        truths=rng.normal(size=(truths, steps, 2)).cumsum(axis=1),
        futures_seen=rng.random((futures, steps)) < 0.8,
        truths_seen=seen,
    )


def by_hand(one: Forecast, truth: int, k: int) -> tuple[float, float, bool]:
    best_average = best_final = best_largest = math.inf
    known = [t for t in range(one.truths.shape[1]) if one.truths_seen[truth, t]]
    for future in range(k):
        shared = [t for t in known if one.futures_seen[future, t]]
        if len(shared) < 0.5 * len(known):
            continue
        apart = [math.dist(one.futures[future, t], one.truths[truth, t]) for t in shared]
        best_average = min(best_average, sum(apart) / len(apart))
        best_largest = min(best_largest, max(apart))
        if shared[-1] == known[-1]:
            best_final = min(best_final, apart[-1])
    return best_average, best_final, best_largest > 2.0


def test_against_loops() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        one = forecast(rng)
        for k in (1, 3, 4):
            expected = [by_hand(one, truth, k) for truth in range(3)]
            assert min_ade(one, k) == pytest.approx([e[0] for e in expected])
            assert min_fde(one, k) == pytest.approx([e[1] for e in expected])
            assert missed(one, k).tolist() == [e[2] for e in expected]


def constant(offsets: list[float], truths: list[float], steps: int = 10) -> Forecast:
    """Futures and developments that run beside each other at constant offsets."""
    way = np.stack([np.arange(steps, dtype=float), np.zeros(steps)], axis=1)
    return Forecast(
        futures=np.stack([way + [0.0, offset] for offset in offsets]),
        truths=np.stack([way + [0.0, offset] for offset in truths]),
        futures_seen=np.ones((len(offsets), steps), dtype=bool),
        truths_seen=np.ones((len(truths), steps), dtype=bool),
    )


def test_more_futures_never_score_worse_and_equal_ones_cover_one_mode_only() -> None:
    diverse, equal = constant([0.0, 4.0, 8.0], [0.0, 4.0, 8.0]), constant([0.0] * 3, [0.0, 4.0, 8.0])
    assert min_ade(diverse).tolist() == [0.0, 0.0, 0.0] == min_fde(diverse).tolist()
    assert min_ade(equal).tolist() == [0.0, 4.0, 8.0]
    assert missed(equal).tolist() == [False, True, True]
    assert (min_ade(diverse, 1) >= min_ade(diverse, 3)).all()
    assert missed(constant([1.9], [0.0])).tolist() == [False] and missed(constant([2.1], [0.0])).tolist() == [True]


def test_a_future_that_vanishes_is_no_match() -> None:
    one = constant([0.0], [0.0])
    one.futures_seen[0, 3:] = False
    assert np.isinf(min_ade(one)).all() and missed(one).all()
    one.futures_seen[0, :9] = True
    assert min_ade(one)[0] == 0.0 and np.isinf(min_fde(one)[0])


def test_scores_over_road_users_with_intervals() -> None:
    cases = [constant([offset], [0.0]) for offset in (0.5, 1.0, 1.5, 3.0)]
    scores = score_forecasts(cases, np.random.default_rng(0))
    assert scores.min_ade.value == pytest.approx(1.5) and scores.miss_rate.value == 0.25
    assert scores.min_ade.low < 1.5 < scores.min_ade.high and scores.min_ade.count == 4
    assert scores.unmatched == 0.0 and scores.k == 1
    lost = constant([0.0], [0.0])
    lost.futures_seen[:] = False
    with_lost = score_forecasts([*cases, lost], np.random.default_rng(0))
    assert with_lost.unmatched == 0.2 and with_lost.miss_rate.value == pytest.approx(0.4)
    assert with_lost.min_ade.value == pytest.approx(1.5)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(K, T, 2\)"):
        Forecast(
            futures=np.zeros((2, 5, 2)),
            truths=np.zeros((1, 6, 2)),
            futures_seen=np.ones((2, 5), dtype=bool),
            truths_seen=np.ones((1, 6), dtype=bool),
        )
    with pytest.raises(ValueError, match="one known moment"):
        Forecast(
            futures=np.zeros((2, 5, 2)),
            truths=np.zeros((1, 5, 2)),
            futures_seen=np.ones((2, 5), dtype=bool),
            truths_seen=np.zeros((1, 5), dtype=bool),
        )
    with pytest.raises(ValueError, match="no forecasts"):
        score_forecasts([], np.random.default_rng(0))
