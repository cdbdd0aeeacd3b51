"""Peak signal-to-noise ratio."""

from __future__ import annotations

import numpy as np


def psnr_db(picture: np.ndarray, truth: np.ndarray) -> float:
    """PSNR in dB of uint8 pictures of one shape, over all pixels and channels; infinite when they are equal."""
    if picture.shape != truth.shape:
        raise ValueError(f"pictures of shape {picture.shape} and {truth.shape} cannot be compared")
    error = np.mean((picture.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return float("inf") if error == 0.0 else float(10.0 * np.log10(255.0**2 / error))
