"""Calibration: 1 for the world against itself, and lower or higher with the spread; plausibility tells noise."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.metrics.calibration import diversity_calibration, futures_plausibility


def _futures(seed: int, starts: int = 10, count: int = 12, spread: float = 1.0) -> list[np.ndarray]:
    """Futures (count, 6, 8) per start: each start varies by its own amount, and all are equal at t = 0."""
    rng = np.random.default_rng(seed)
    amounts = np.random.default_rng(99).uniform(0.2, 2.0, starts)
    found = []
    for index in range(starts):
        start = np.random.default_rng(index).normal(size=(1, 1, 8)) * 5.0
        steps = rng.normal(size=(count, 5, 8)) * amounts[index] * spread
        found.append(start + np.concatenate([np.zeros((count, 1, 8)), steps.cumsum(axis=1)], axis=1))
    return found


def test_the_world_is_calibrated_against_itself() -> None:
    found = diversity_calibration(_futures(0), _futures(1, count=8), np.random.default_rng(0))
    assert found.ratio.low < 1.0 < found.ratio.high
    assert found.ratio.value == pytest.approx(1.0, abs=0.08) and found.ratio.count == 10
    assert np.isnan(found.ratio_curve[0]) and np.isnan(found.low[0])
    assert found.ratio_curve[1:] == pytest.approx(1.0, abs=0.15)
    assert (found.low[1:] <= found.ratio_curve[1:]).all() and (found.ratio_curve[1:] <= found.high[1:]).all()


def test_too_little_and_too_much_spread_are_ranked() -> None:
    true = _futures(1)
    found = [
        diversity_calibration(_futures(0, spread=spread), true, np.random.default_rng(0)).ratio
        for spread in (0.0, 0.25, 0.5, 1.0, 2.0)
    ]
    assert [e.value for e in found] == pytest.approx([0.0, 0.25, 0.5, 1.0, 2.0], rel=0.1)
    assert found[2].high < 1.0 < found[4].low


def test_the_ratio_is_of_means() -> None:
    generated = [np.array([[[0.0]], [[2.0]]]), np.array([[[0.0]], [[10.0]]])]
    true = [np.array([[[0.0]], [[1.0]]]), np.array([[[0.0]], [[20.0]]])]
    found = diversity_calibration(generated, true, np.random.default_rng(0))
    assert found.ratio.value == pytest.approx(12.0 / 21.0)
    assert found.generated == pytest.approx([6.0]) and found.true == pytest.approx([10.5])


def test_one_start_has_no_interval_and_a_certain_world_no_ratio() -> None:
    one = diversity_calibration(_futures(0, 1), _futures(1, 1), np.random.default_rng(0)).ratio
    assert one.method == "none" and one.count == 1
    still = [np.zeros((3, 4, 2))]
    found = diversity_calibration([np.random.default_rng(0).normal(size=(3, 4, 2))], still, np.random.default_rng(0))
    assert found.ratio.count == 0 and np.isnan(found.ratio_curve).all()


def test_noise_is_diverse_and_not_plausible() -> None:
    true = _futures(1, count=20)
    honest, noisy = _futures(0, count=20), _futures(0, count=20, spread=4.0)
    copies = [np.repeat(futures[:1], 20, axis=0) for futures in honest]
    rng = np.random.default_rng(0)
    good, bad, single = (futures_plausibility(made, true, rng) for made in (honest, noisy, copies))
    assert bad.precision.high < good.precision.low
    assert single.coverage.high < good.coverage.low
    assert good.coverage.value == pytest.approx(good.ideal_coverage, abs=0.08)
    assert diversity_calibration(noisy, true, rng).ratio.low > 2.0
    assert diversity_calibration(copies, true, rng).ratio.value == 0.0


def test_wrong_calls_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="2 starts and true ones of 1"):
        diversity_calibration([np.zeros((2, 3, 4))] * 2, [np.zeros((2, 3, 4))], rng)
    with pytest.raises(ValueError, match="equal T"):
        diversity_calibration([np.zeros((2, 3, 4))], [np.zeros((2, 5, 4))], rng)
    with pytest.raises(ValueError, match="3 neighbours"):
        futures_plausibility([np.zeros((3, 3, 4))], [np.zeros((9, 3, 4))], rng)
