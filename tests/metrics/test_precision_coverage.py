"""Precision, recall, density and coverage against loops, and on sets with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.metrics.precision_coverage import expected_coverage, precision_coverage


def _radius(index: int, items: np.ndarray, k: int) -> float:
    return sorted(float(np.linalg.norm(items[index] - y)) for j, y in enumerate(items) if j != index)[k - 1]


def _inside(items: np.ndarray, point: np.ndarray, k: int) -> list[bool]:
    return [bool(np.linalg.norm(point - items[i]) <= _radius(i, items, k)) for i in range(len(items))]


def test_equals_loops() -> None:
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(14, 3)), rng.normal(size=(11, 3)) * 1.4 + 0.5
    found = precision_coverage(real, generated, rng, neighbours=3)
    around = np.array([_inside(real, point, 3) for point in generated])
    assert found.precision.value == pytest.approx(around.any(1).mean())
    assert found.density.value == pytest.approx(around.sum() / (3 * 11))
    assert found.coverage.value == pytest.approx(around.any(0).mean())
    assert found.recall.value == pytest.approx(np.mean([any(_inside(generated, point, 3)) for point in real]))
    assert 0.0 < found.precision.value < 1.0 and 0.0 < found.recall.value < 1.0
    assert (found.precision.count, found.recall.count, found.coverage.count) == (11, 14, 14)


def test_one_mode_is_precise_and_covers_little_while_noise_does_the_reverse() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(200, 4))
    equal = precision_coverage(real, rng.normal(size=(200, 4)), rng)
    one_mode = precision_coverage(real, rng.normal(size=(200, 4)) * 0.05, rng)
    strange = precision_coverage(real, rng.normal(size=(200, 4)) + 20.0, rng)
    spread = precision_coverage(real, rng.normal(size=(200, 4)) * 3.0, rng)
    assert one_mode.precision.value == 1.0 and one_mode.coverage.high < equal.coverage.low
    assert one_mode.recall.high < equal.recall.low
    assert strange.precision.value == strange.coverage.value == strange.density.value == 0.0
    assert spread.precision.high < equal.precision.low
    assert equal.coverage.low < equal.ideal_coverage < equal.coverage.high
    assert equal.density.value == pytest.approx(1.0, abs=0.15)


def test_dropped_modes_lower_coverage_in_order() -> None:
    rng = np.random.default_rng(2)
    centres = np.eye(8) * 30.0

    def sample(modes: int) -> np.ndarray:
        return centres[rng.integers(modes, size=160)] + rng.normal(size=(160, 8))

    real = sample(8)
    found = [precision_coverage(real, sample(modes), rng).coverage.value for modes in (8, 6, 4, 2, 1)]
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(0.5, abs=0.12)


def test_expected_coverage_is_what_equal_sources_reach() -> None:
    rng = np.random.default_rng(3)
    drawn = [
        precision_coverage(rng.normal(size=(30, 2)), rng.normal(size=(20, 2)), rng, neighbours=2).coverage.value
        for _ in range(150)
    ]
    assert np.mean(drawn) == pytest.approx(expected_coverage(30, 20, 2), abs=0.03)
    assert expected_coverage(10_000, 10_000, 5) == pytest.approx(1.0 - 0.5**5, abs=1e-3)


def test_wrong_calls_are_refused() -> None:
    rng = np.random.default_rng(4)
    with pytest.raises(ValueError, match="5 neighbours need more clips"):
        precision_coverage(np.zeros((5, 2)), np.zeros((9, 2)), rng)
    with pytest.raises(ValueError, match="dimensions cannot be compared"):
        precision_coverage(np.zeros((9, 2)), np.zeros((9, 3)), rng)
