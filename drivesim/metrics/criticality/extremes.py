"""The worst value of a curve and when it is reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """The worst ``value`` of a curve and the frame of its first occurrence; NaN and None where nothing was known."""

    value: float
    frame: int | None

    def time_s(self, fps: float) -> float | None:
        """Seconds from frame 0, None where nothing was known."""
        return None if self.frame is None else self.frame / fps


def smallest(curve: np.ndarray) -> Extreme:
    """The least value of a curve (T,), NaN left out; infinite when it is infinite throughout."""
    known = np.flatnonzero(~np.isnan(curve))
    if not len(known):
        return Extreme(value=float("nan"), frame=None)
    frame = int(known[np.argmin(curve[known])])
    return Extreme(value=float(curve[frame]), frame=frame)


def largest(curve: np.ndarray) -> Extreme:
    """The greatest value of a curve (T,), NaN left out."""
    found = smallest(-np.asarray(curve, dtype=np.float64))
    return Extreme(value=-found.value, frame=found.frame)
