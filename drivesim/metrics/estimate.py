"""A figure with its uncertainty: no metric of this package stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from drivesim.metrics.wilson import wilson_interval

Method = Literal["bootstrap", "wilson", "none"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A ``value`` with the bounds of its 95 % interval, over ``count`` independent units (clips, boxes, futures).

    ``method`` says where the interval is from; ``none`` has no interval, its bounds are the value. All NaN with count 0.
    """

    value: float
    low: float
    high: float
    count: int
    method: Method

    def to_dict(self) -> dict[str, Any]:
        """For JSON; NaN becomes None, as JSON has no NaN."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        return {n: v if np.isfinite(v) else None for n, v in numbers.items()} | {
            "count": self.count,
            "method": self.method,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Estimate:
        """Read back what :meth:`to_dict` wrote."""
        numbers = {n: float("nan") if values[n] is None else float(values[n]) for n in ("value", "low", "high")}
        return cls(**numbers, count=int(values["count"]), method=values["method"])


NOTHING = Estimate(value=float("nan"), low=float("nan"), high=float("nan"), count=0, method="none")


def exact(value: float, count: int = 1) -> Estimate:
    """A figure without interval, such as a setting, or a count."""
    return Estimate(value=float(value), low=float(value), high=float(value), count=count, method="none")


def share_of(hits: int, trials: int) -> Estimate:
    """A share with its Wilson interval, NOTHING without trials."""
    if trials == 0:
        return NOTHING
    low, high = wilson_interval(hits, trials)
    return Estimate(value=hits / trials, low=low, high=high, count=trials, method="wilson")


def bootstrap(
    units: Sequence[Any] | np.ndarray,
    statistic: Callable[[Any], float],
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Estimate:
    """``statistic`` of all units, with the 2.5 and 97.5 % quantiles over resampled ones (Efron 1979).

    Units are what is independent: clips or futures, not their frames. ``statistic`` is given an array of chosen units (an
    index array into a list, if ``units`` is no array, gives a list) and may return NaN, which resamples then leave out.
    NOTHING without units; one unit has no interval.
    """
    count = len(units)
    if count == 0:
        return NOTHING
    value = float(statistic(units))
    if count == 1:
        return exact(value)
    draws = rng.integers(count, size=(resamples, count))
    chosen = units.__getitem__ if isinstance(units, np.ndarray) else lambda rows: [units[row] for row in rows]
    again = np.array([statistic(chosen(rows)) for rows in draws], dtype=np.float64)
    again = again[np.isfinite(again)]
    if not len(again):
        return Estimate(value=value, low=value, high=value, count=count, method="none")
    low, high = np.quantile(again, [0.025, 0.975])
    return Estimate(value=value, low=float(low), high=float(high), count=count, method="bootstrap")


def mean_of(values: Sequence[float] | np.ndarray, rng: np.random.Generator, resamples: int = 1000) -> Estimate:
    """The mean of independent values (N,), NaN among them left out, with a bootstrap interval."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < 2:
        return exact(known[0]) if len(known) else NOTHING
    means = known[rng.integers(len(known), size=(resamples, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(value=float(known.mean()), low=float(low), high=float(high), count=len(known), method="bootstrap")
