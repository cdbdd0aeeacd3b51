"""The Wilson interval of a share (Wilson 1927), which stays sensible for few trials and for shares of 0 and 1."""

from __future__ import annotations

import math


def wilson_interval(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Lower and upper bound of the share behind ``hits`` of ``trials``; 95 % by default, (0, 1) without trials."""
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits of {trials} trials; expected 0 to {trials}")
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    middle = share + z**2 / (2 * trials)
    reach = z * math.sqrt(share * (1.0 - share) / trials + z**2 / (4 * trials**2))
    scale = 1.0 + z**2 / trials
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
