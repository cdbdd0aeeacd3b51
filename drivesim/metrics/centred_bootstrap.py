"""Intervals for statistics that resampling itself pushes to one side, such as distances between sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drivesim.metrics.estimate import Estimate


def centred_bootstrap(
    value: float, again: Callable[[np.random.Generator], float], count: int, rng: np.random.Generator, resamples: int
) -> Estimate:
    """``value`` with the 95 % quantiles of resampled statistics, moved so that their mean is ``value``.

    A resample repeats some units, so it looks poorer than the sample: a distance between sets grows, a number of modes
    shrinks. Plain quantiles may then miss the value itself. The *spread* of the resamples is kept and their shift
    (the bootstrap's estimate of bias, Efron & Tibshirani 1993, chapter 10) is taken out; what the finite sample does
    to ``value`` stays in it and is shown by a floor of the same size. Bounds are at least 0 and include the value.
    ``again`` draws one resample and returns its statistic; NaN is left out.
    """
    if count < 2:
        return Estimate(value=value, low=value, high=value, count=count, method="none")
    drawn = np.array([again(rng) for _ in range(resamples)], dtype=np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not np.isfinite(value):
        return Estimate(value=value, low=value, high=value, count=count, method="none")
    low, high = np.quantile(drawn - drawn.mean() + value, [0.025, 0.975])
    return Estimate(
        value=value, low=min(value, max(0.0, float(low))), high=max(value, float(high)), count=count, method="bootstrap"
    )
