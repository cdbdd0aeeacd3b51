"""How far walkers and riders have come in the cycle of their legs: what the renderer draws, and what the layout tells."""

from __future__ import annotations

import zlib

import numpy as np

from drivesim.geometry import FloatArray

#: Metres of walking for one cycle of both legs, at a height of 1.75 m and a brisk pace.
STRIDE_M = 1.45

#: A brisk pace, and the pace (m/s) from which on the legs swing to their full.
_BRISK_MPS, _FULL_SWING_MPS = 1.4, 0.7

#: Metres that a bicycle rolls while its pedals turn by one radian.
_PEDAL_M = 0.9


def first_phase_rad(identity: str) -> float:
    """Where in its cycle an actor begins, 0 to 2 pi; always the same for the same ``identity``."""
    return 2.0 * np.pi * (zlib.crc32(f"gait {identity}".encode()) % 4096) / 4096.0


def phase_rad(first: float, category: str, height: float, speed_mps: FloatArray, fps: float) -> FloatArray:
    """Where in the cycle of its legs an actor is at each frame (T,): ``first`` in frame 0, then on by the way it goes.

    ``height`` in metres; ``speed_mps`` (T,) is its own, of which nothing from a frame on decides where it is in that frame.
    """
    pace = np.abs(speed_mps)
    if category == "bicycle":
        turned = pace / _PEDAL_M
    else:
        # Who walks faster takes longer steps too.
        stride = STRIDE_M * height / 1.75 * (0.75 + 0.25 * np.minimum(pace / _BRISK_MPS, 2.0))
        turned = 2.0 * np.pi * pace / stride
    return first + np.concatenate([[0.0], np.cumsum(turned[:-1] / fps)])[: len(pace)]


def swing(category: str, speed_mps: FloatArray) -> FloatArray:
    """How far the legs swing at each frame (T,), 0 (standing) to 1; pedals stay where they are when a bicycle stands."""
    if category == "bicycle":
        return np.ones(len(speed_mps))
    return np.minimum(np.abs(speed_mps) / _FULL_SWING_MPS, 1.0)
