"""Maximum mean discrepancy with a polynomial kernel (Gretton et al. 2012; the kernel of KID, Binkowski et al. 2018)."""

from __future__ import annotations

import numpy as np

from drivesim.metrics.estimate import Estimate
from drivesim.metrics.frechet import checked_features


def polynomial_mmd(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased MMD² of features (N, D) and (M, D) with the kernel ``(x·y / D + 1)^3``, in kernel units.

    Gretton et al. 2012, equation 3: pairs of one clip with itself are left out, so equal sources give 0 on average at any
    number of clips, and single values may be below 0. The kernel is not free of scale: features of one network only.
    Raises ValueError for fewer than two clips, other dimensions, or values not finite.
    """
    within_first, within_second, across = _kernels(first, second)
    ones, others = np.ones(len(within_first)), np.ones(len(within_second))
    return _weighted(within_first, within_second, across, ones, others)


def mmd_estimate(first: np.ndarray, second: np.ndarray, rng: np.random.Generator, resamples: int = 1000) -> Estimate:
    """:func:`polynomial_mmd` with a 95 % bootstrap interval over clips of both sets; ``count`` is the smaller set.

    A clip drawn twice makes no pair with its own copy, so that resampling adds no bias. Under equal sources the interval
    is wider than it need be (the statistic is degenerate there): it seldom leaves out 0 by mistake.
    """
    within_first, within_second, across = _kernels(first, second)
    value = _weighted(within_first, within_second, across, np.ones(len(across)), np.ones(across.shape[1]))
    drawn = np.empty(resamples)
    for index in range(resamples):
        a = np.bincount(rng.integers(len(across), size=len(across)), minlength=len(across))
        b = np.bincount(rng.integers(across.shape[1], size=across.shape[1]), minlength=across.shape[1])
        drawn[index] = _weighted(within_first, within_second, across, a.astype(np.float64), b.astype(np.float64))
    drawn = drawn[np.isfinite(drawn)]  # two clips drawn as one clip twice leave no pair
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (value, value)
    return Estimate(
        value=value,
        low=min(value, float(low)),
        high=max(value, float(high)),
        count=min(across.shape),
        method="bootstrap",
    )


def _kernels(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second = checked_features(first, "first"), checked_features(second, "second")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"features of {first.shape[1]} and {second.shape[1]} dimensions cannot be compared")
    within_first, within_second = _kernel(first, first), _kernel(second, second)
    np.fill_diagonal(within_first, 0.0)
    np.fill_diagonal(within_second, 0.0)
    return within_first, within_second, _kernel(first, second)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def _weighted(
    within_first: np.ndarray, within_second: np.ndarray, across: np.ndarray, a: np.ndarray, b: np.ndarray
) -> float:
    """The statistic with each clip counted ``a`` and ``b`` times; the diagonals of the kernels are 0."""
    pairs_first, pairs_second = a.sum() ** 2 - a @ a, b.sum() ** 2 - b @ b
    if pairs_first == 0.0 or pairs_second == 0.0:
        return float("nan")
    mean_across = a @ across @ b / (a.sum() * b.sum())
    return float(a @ within_first @ a / pairs_first + b @ within_second @ b / pairs_second - 2.0 * mean_across)
