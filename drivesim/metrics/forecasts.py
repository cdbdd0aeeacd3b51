"""Several futures of one road user against what really happened: minADE, minFDE and the miss rate.

Source: the nuScenes prediction challenge (Phan-Minh et al. 2020, arXiv:1911.10298): the least, over k futures, of the
average distance to the truth, of the distance at its end, and whether the largest distance is above 2 m in all of them.
Where a simulator knows several true developments of one start, each is compared in turn and the values are averaged: a set
of futures that holds only one of them pays for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.metrics.estimate import Estimate, mean_of

MISS_M = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """One road user: K futures and M true developments from the same start, T moments each, start left out.

    ``futures`` (K, T, 2) and ``truths`` (M, T, 2) in metres; ``futures_seen`` (K, T) and ``truths_seen`` (M, T) bool, where
    positions are known. Raises ValueError when shapes disagree, or a development is nowhere known.
    """

    futures: FloatArray
    truths: FloatArray
    futures_seen: np.ndarray
    truths_seen: np.ndarray

    def __post_init__(self) -> None:
        shapes = (self.futures.shape, self.truths.shape)
        steps = shapes[0][1:]
        fits = all(len(shape) == 3 for shape in shapes) and shapes[1][1:] == steps and steps[1:] == (2,)
        if not fits or self.futures_seen.shape != shapes[0][:2] or self.truths_seen.shape != shapes[1][:2]:
            raise ValueError(
                f"futures {shapes[0]} and truths {shapes[1]} with masks {self.futures_seen.shape} and "
                f"{self.truths_seen.shape}; expected (K, T, 2), (M, T, 2), (K, T) and (M, T)"
            )
        if not len(self.futures) or not len(self.truths) or not self.truths_seen.any(axis=1).all():
            raise ValueError("a forecast needs a future, a development, and one known moment in each development")


def displacement_errors(forecast: Forecast, min_shared: float = 0.5) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Average, final and largest distance (K, M) in metres of each future from each development.

    Over the moments in which both are known. A future known in less than ``min_shared`` of a development's moments is
    infinitely far from it, else one that vanishes would be the best; so is the final distance of one that is not known at
    the development's last moment.
    """
    offsets = forecast.futures[:, None] - forecast.truths[None]
    both = forecast.futures_seen[:, None] & forecast.truths_seen[None]
    apart = np.where(both, np.linalg.norm(np.where(both[..., None], offsets, 0.0), axis=-1), 0.0)
    count, wanted = both.sum(axis=-1), forecast.truths_seen.sum(axis=-1)
    enough = (count > 0) & (count >= min_shared * wanted[None])
    average = np.where(enough, apart.sum(axis=-1) / np.maximum(count, 1), np.inf)
    largest = np.where(enough, apart.max(axis=-1), np.inf)
    last = forecast.truths_seen.shape[1] - 1 - np.argmax(forecast.truths_seen[:, ::-1], axis=1)
    truth = np.arange(len(last))
    final = np.where(both[:, truth, last] & enough, apart[:, truth, last], np.inf)
    return average, final, largest


def min_ade(forecast: Forecast, k: int | None = None) -> FloatArray:
    """minADE_k (M,) in metres against each development, over the first ``k`` futures (all by default)."""
    return displacement_errors(forecast)[0][:k].min(axis=0)


def min_fde(forecast: Forecast, k: int | None = None) -> FloatArray:
    """minFDE_k (M,) in metres against each development, over the first ``k`` futures (all by default)."""
    return displacement_errors(forecast)[1][:k].min(axis=0)


def missed(forecast: Forecast, k: int | None = None, miss_m: float = MISS_M) -> np.ndarray:
    """Developments (M,) bool from which each of the first ``k`` futures strays by more than ``miss_m`` at some moment."""
    return np.asarray(displacement_errors(forecast)[2][:k].min(axis=0) > miss_m)


@dataclass(frozen=True, kw_only=True)
class ForecastScores:
    """minADE_k and minFDE_k in metres and the miss rate, each over road users; ``k`` futures each.

    ``unmatched`` is the share of developments that no future is known long enough for; they count as missed and are left
    out of the two means.
    """

    k: int
    min_ade: Estimate
    min_fde: Estimate
    miss_rate: Estimate
    unmatched: float


def score_forecasts(forecasts: Sequence[Forecast], rng: np.random.Generator, k: int | None = None) -> ForecastScores:
    """Scores over many road users, with bootstrap intervals over them. Raises ValueError without forecasts."""
    if not forecasts:
        raise ValueError("no forecasts to score")
    average, final = ([measure(one, k) for one in forecasts] for measure in (min_ade, min_fde))
    misses = [float(missed(one, k).mean()) for one in forecasts]
    return ForecastScores(
        k=min(len(one.futures[:k]) for one in forecasts),
        min_ade=mean_of([_finite_mean(values) for values in average], rng),
        min_fde=mean_of([_finite_mean(values) for values in final], rng),
        miss_rate=mean_of(misses, rng),
        unmatched=float(np.mean(~np.isfinite(np.concatenate(average)))),
    )


def _finite_mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
