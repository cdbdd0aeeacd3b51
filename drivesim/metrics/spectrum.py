"""Power-spectrum slope of luma: blur makes it steeper, noise and ringing flatter."""

from __future__ import annotations

import cv2
import numpy as np

LOWEST, HIGHEST = 0.03, 0.4
"""Range of the fit in cycles per pixel: above what the window smears, below the corners of the square band (0.5)."""
NUM_BANDS = 12


def power_spectrum(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radial frequencies (B,) in cycles per pixel and mean power (B,) of luma (BT.601) of a uint8 RGB frame (H, W, 3).

    Hann window, mean removed; bands are equally wide in log frequency and averaged over direction (van der Schaaf & van
    Hateren 1996). Bands without a frequency of the grid are left out.
    """
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64)
    window = np.hanning(luma.shape[0])[:, None] * np.hanning(luma.shape[1])[None, :]
    power = np.abs(np.fft.rfft2((luma - luma.mean()) * window)) ** 2 / np.sum(window**2)
    radius = np.hypot(np.fft.fftfreq(luma.shape[0])[:, None], np.fft.rfftfreq(luma.shape[1])[None, :])
    edges = np.geomspace(LOWEST, HIGHEST, NUM_BANDS + 1)
    band = np.digitize(radius.ravel(), edges)
    sizes = np.bincount(band, minlength=NUM_BANDS + 2)[1:-1]
    sums = np.bincount(band, weights=power.ravel(), minlength=NUM_BANDS + 2)[1:-1]
    full = sizes > 0
    return np.sqrt(edges[:-1] * edges[1:])[full], sums[full] / sizes[full]


def spectrum_slope(frames: np.ndarray) -> np.ndarray:
    """Slope (T,) of log power over log frequency of uint8 RGB frames (T, H, W, 3), fitted by least squares.

    About -2 for natural pictures, more negative for blurred ones; NaN for a frame without structure. It depends on the
    picture's size: compare equal sizes. Raises ValueError for frames below 32 x 32.
    """
    if frames.ndim != 4 or min(frames.shape[1:3]) < 32:
        raise ValueError(f"a spectrum needs frames (T, H, W, 3) of at least 32 x 32, got {frames.shape}")
    return np.array([_slope(*power_spectrum(frame)) for frame in frames])


def _slope(frequency: np.ndarray, power: np.ndarray) -> float:
    if np.any(power <= 1e-12):
        return float("nan")
    return float(np.polyfit(np.log(frequency), np.log(power), 1)[0])
