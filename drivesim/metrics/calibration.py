"""Are the generated futures as different as the world's own: D_gen / D_true over time, and are they plausible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.metrics.diversity import pairwise_distances
from drivesim.metrics.estimate import NOTHING, Estimate, bootstrap, mean_of
from drivesim.metrics.precision_coverage import expected_coverage, precision_coverage


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Spread of generated futures against the re-simulated futures of the same starts.

    ``ratio`` is D_gen / D_true over all frames: 1 is calibrated, below 1 too certain, 0 one future only. ``ratio_curve``,
    ``low`` and ``high`` (T,) are the ratio per frame with its 95 % band over starts, NaN where the world's own futures do
    not differ (yet). ``generated`` and ``true`` (T,) are the mean distances themselves.
    """

    ratio: Estimate
    ratio_curve: np.ndarray
    low: np.ndarray
    high: np.ndarray
    generated: np.ndarray
    true: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Plausibility:
    """Of each start's futures, as means over starts: see :class:`drivesim.metrics.precision_coverage.PrecisionCoverage`."""

    precision: Estimate
    coverage: Estimate
    ideal_coverage: float
    neighbours: int


def diversity_calibration(
    generated: Sequence[np.ndarray], true: Sequence[np.ndarray], rng: np.random.Generator, resamples: int = 1000
) -> Calibration:
    """Compare futures of S starts: ``generated[s]`` (F, T, ...) and ``true[s]`` (F', T, ...), F and F' at least 2.

    Both are in the same features and judged alike (rendered frames pass through the same network). The distance is that
    of :func:`drivesim.metrics.diversity.pairwise_distances`; it has no bias from the number of futures, so F and F' may
    differ. Ratios are of means over starts, not means of ratios: a start whose truth hardly varies cannot dominate. The interval is
    over starts; one start has none. Raises ValueError for other lengths.
    """
    _same_starts(generated, true)
    curves = np.stack(
        [
            np.stack([pairwise_distances(futures).mean(axis=1) for futures in pair])
            for pair in zip(generated, true, strict=True)
        ]
    )  # (S, 2, T)

    def per_frame(rows: np.ndarray) -> np.ndarray:
        made, real = rows.mean(axis=-3)[..., 0, :], rows.mean(axis=-3)[..., 1, :]
        return np.divide(made, real, out=np.full_like(made, np.nan), where=real > 0.0)

    def overall(rows: np.ndarray) -> float:
        made, real = rows.mean(axis=(0, 2))
        return float(made / real) if real > 0.0 else float("nan")

    ratio_curve = per_frame(curves)
    again = per_frame(curves[rng.integers(len(curves), size=(resamples, len(curves)))])
    bounds, known = np.full((2, len(ratio_curve)), np.nan), np.isfinite(ratio_curve)
    if known.any():
        bounds[:, known] = np.nanquantile(again[:, known], [0.025, 0.975], axis=0)
    return Calibration(
        ratio=bootstrap(curves, overall, rng, resamples) if np.isfinite(overall(curves)) else NOTHING,
        ratio_curve=ratio_curve,
        low=bounds[0],
        high=bounds[1],
        generated=curves[:, 0].mean(axis=0),
        true=curves[:, 1].mean(axis=0),
    )


def futures_plausibility(
    generated: Sequence[np.ndarray], true: Sequence[np.ndarray], rng: np.random.Generator, neighbours: int = 3
) -> Plausibility:
    """Precision and coverage of each start's generated futures among its re-simulated ones, a future being one point.

    Futures (F, T, ...) as in :func:`diversity_calibration`; the interval is over starts. With it a high D_gen / D_true can be
    told from noise: noise has low precision. Raises ValueError when ``neighbours`` is not below F and F'.
    """
    _same_starts(generated, true)
    found = [
        precision_coverage(real.reshape(len(real), -1), made.reshape(len(made), -1), rng, neighbours)
        for made, real in zip(generated, true, strict=True)
    ]
    ideal = [expected_coverage(len(r), len(g), neighbours) for g, r in zip(generated, true, strict=True)]
    return Plausibility(
        precision=mean_of([scores.precision.value for scores in found], rng),
        coverage=mean_of([scores.coverage.value for scores in found], rng),
        ideal_coverage=float(np.mean(ideal)),
        neighbours=neighbours,
    )


def _same_starts(generated: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> None:
    if not len(generated) or len(generated) != len(true):
        raise ValueError(f"generated futures of {len(generated)} starts and true ones of {len(true)}; expected pairs")
    shapes = {np.shape(futures)[1:] for futures in (*generated, *true)}
    if len(shapes) > 1:
        raise ValueError(f"futures are (F, T, ...) with equal T and values; got {sorted(shapes)} after F")
