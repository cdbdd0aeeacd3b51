"""Do generated clips look like real ones, and do they cover them: precision, recall, density, coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from drivesim.metrics.estimate import Estimate, mean_of, share_of
from drivesim.metrics.frechet import checked_features


@dataclass(frozen=True, kw_only=True)
class PrecisionCoverage:
    """Shares with Wilson intervals, over generated clips (``precision``) or real ones (``recall``, ``coverage``).

    ``density`` is a mean over generated clips and may exceed 1. ``ideal_coverage`` is what generated clips from the very
    source of the real ones reach on average. ``neighbours`` is k.
    """

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate
    ideal_coverage: float
    neighbours: int


def precision_coverage(
    real: np.ndarray, generated: np.ndarray, rng: np.random.Generator, neighbours: int = 5
) -> PrecisionCoverage:
    """Compare real (N, D) and generated (M, D) features by balls to the k-th nearest clip of the same set.

    Precision: share of generated clips in at least one ball of a real clip; recall: the same with the roles changed
    (Kynkäänniemi et al. 2019, equation 1). Density: mean number of real balls around a generated clip over k; coverage:
    share of real clips whose ball holds a generated clip (Naeem et al. 2020, equations 3 and 5), less moved by outliers.
    A ball includes its edge. The intervals take the other set as given. Raises ValueError when k is not below N and M.
    """
    real, generated = checked_features(real, "real"), checked_features(generated, "generated")
    if real.shape[1] != generated.shape[1]:
        raise ValueError(f"features of {real.shape[1]} and {generated.shape[1]} dimensions cannot be compared")
    if not 1 <= neighbours < min(len(real), len(generated)):
        raise ValueError(
            f"{neighbours} neighbours need more clips than that in each set, got {len(real)} and {len(generated)}"
        )
    distances = cdist(real, generated)
    in_real_ball = distances <= _radii(real, neighbours)[:, None]
    in_generated_ball = distances <= _radii(generated, neighbours)[None, :]
    return PrecisionCoverage(
        precision=share_of(int(in_real_ball.any(axis=0).sum()), len(generated)),
        recall=share_of(int(in_generated_ball.any(axis=1).sum()), len(real)),
        density=mean_of(in_real_ball.sum(axis=0) / neighbours, rng),
        coverage=share_of(int(in_real_ball.any(axis=1).sum()), len(real)),
        ideal_coverage=expected_coverage(len(real), len(generated), neighbours),
        neighbours=neighbours,
    )


def expected_coverage(num_real: int, num_generated: int, neighbours: int) -> float:
    """Mean coverage when both sets have one continuous source (Naeem et al. 2020, lemma 2).

    A real clip is missed when the k nearest of all others are real: ``1 - prod_i (N - 1 - i) / (N + M - 1 - i)``, i < k.
    """
    index = np.arange(neighbours)
    return float(1.0 - np.prod((num_real - 1.0 - index) / (num_real + num_generated - 1.0 - index)))


def _radii(features: np.ndarray, neighbours: int) -> np.ndarray:
    """Distance (N,) of each clip to its k-th nearest other clip."""
    return np.partition(cdist(features, features), neighbours, axis=1)[:, neighbours]
