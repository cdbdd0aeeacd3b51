"""Exposure to a low time to collision: how long below a threshold (TET), and how far below for how long (TIT).

Source: Minderhoud and Bovy 2001 (doi:10.1016/S0001-4575(00)00019-1). The threshold always goes with the figure.
"""

from __future__ import annotations

import numpy as np


def time_exposed(ttc_s: np.ndarray, fps: float, threshold_s: float) -> float:
    """TET in seconds: the time with TTC (T,) below ``threshold_s``; NaN (unknown) frames do not count."""
    return float(np.count_nonzero(_below(ttc_s, threshold_s)) / fps)


def time_integrated(ttc_s: np.ndarray, fps: float, threshold_s: float) -> float:
    """TIT in s²: the area between ``threshold_s`` and TTC (T,) where that is below; NaN (unknown) frames do not count."""
    below = _below(ttc_s, threshold_s)
    return float(np.sum(threshold_s - ttc_s[below]) / fps)


def _below(ttc_s: np.ndarray, threshold_s: float) -> np.ndarray:
    return np.asarray(np.nan_to_num(ttc_s, nan=np.inf) < threshold_s)
