"""Figures that are ratios of sums, such as hits of trials: kept as sums, so that they pool and resample exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from drivesim.metrics.estimate import NOTHING, Estimate, exact


def blocks(sums: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Sums (B, 2) of each of ``count`` blocks, from those of frames (T, 2) and the block (T,) of each frame."""
    added = np.zeros((count, 2))
    np.add.at(added, index, sums)
    return added


def values(sums: np.ndarray) -> np.ndarray:
    """The ratio (U,) of sums (U, 2), each a numerator and a denominator; NaN where the denominator is 0."""
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0.0)


def ratios(sums: Mapping[str, np.ndarray], rng: np.random.Generator, resamples: int = 1000) -> dict[str, Estimate]:
    """Each named ratio of sums (U, 2) over units, with a 95 % interval from resampling the units (Efron 1979).

    All share the same U and the same resamples. ``count`` is the number of units with a denominator. A figure without any
    is NOTHING; one that rests on a single unit has no interval.
    """
    if not sums:
        return {}
    units = len(next(iter(sums.values())))
    weights = rng.multinomial(units, np.full(units, 1.0 / units), size=resamples) if units else np.zeros((0, 0))
    return {name: _ratio(each, weights) for name, each in sums.items()}


def _ratio(sums: np.ndarray, weights: np.ndarray) -> Estimate:
    known = int(np.count_nonzero(sums[:, 1] > 0.0))
    if known == 0:
        return NOTHING
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    if known == 1:
        return exact(value)
    again = values(weights @ sums)
    low, high = np.nanquantile(again, [0.025, 0.975])
    return Estimate(value=value, low=float(low), high=float(high), count=known, method="bootstrap")
