"""Shot cuts, frozen and black stretches, from small copies of the frames.

Thresholds are in grey levels of 255, on copies of 128 x 72 pixels; docs/own-data.md says what they were tried on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

#: Size (width, height) of the copies.
THUMBNAIL = (128, 72)

#: A picture is black when 99 of 100 pixels are darker than this. Lamps and signs keep night scenes above it.
BLACK_LEVEL = 24.0

#: A picture is unchanged when its mean and its largest difference to the one before stay within these.
STILL_MEAN, STILL_MAX = 0.05, 8.0

#: The same for a key frame, which codes the same picture anew, and for the two after it, in which that settles.
STILL_KEY_MEAN, STILL_KEY_MAX, _SETTLING = 1.0, 24.0, 3

#: Where key frames lie closer than this, most frames would get the larger bounds: none does.
_CLOSEST_KEYS = 8

#: Unchanged pictures for at least this long, in seconds, are a frozen stretch.
FROZEN_S = 0.5

#: A cut changes the picture by at least this mean difference, by this many times what is usual around it ...
CUT_MEAN, CUT_RATIO = 8.0, 2.5

#: ... and either its colours (share of pixels that change their bin) or, beyond all doubt, the picture itself.
CUT_COLOURS, CUT_SURE_RATIO = 0.12, 4.0

#: Pictures on each side that tell what is usual.
_AROUND = 6


@dataclass(frozen=True)
class Changes:
    """What each of N frames is like: ``black`` (N,) bool, and its change since the frame before it (0 for the first).

    ``mean`` and ``largest`` (N,) are differences of grey levels, ``colours`` (N,) is the share of pixels in another bin.
    """

    black: np.ndarray
    mean: np.ndarray
    largest: np.ndarray
    colours: np.ndarray


class ChangeMeter:
    """Takes small frames one after another and measures how they change."""

    def __init__(self) -> None:
        self._grey: np.ndarray | None = None
        self._bins: np.ndarray | None = None
        self._rows: list[tuple[float, float, float, float]] = []

    def add(self, thumbnail: np.ndarray) -> None:
        """The next frame, uint8 RGB at THUMBNAIL size."""
        grey = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY).astype(np.int16)
        index = (thumbnail >> 5).astype(np.int32) @ np.array([64, 8, 1], dtype=np.int32)
        bins = np.bincount(index.ravel(), minlength=512) / index.size
        black = float(np.percentile(grey, 99) < BLACK_LEVEL)
        if self._grey is None or self._bins is None:
            self._rows.append((black, 0.0, 0.0, 0.0))
        else:
            step = np.abs(grey - self._grey)
            self._rows.append(
                (black, float(step.mean()), float(step.max()), 0.5 * float(np.abs(bins - self._bins).sum()))
            )
        self._grey, self._bins = grey, bins

    def changes(self) -> Changes:
        """All that was measured."""
        black, mean, largest, colours = np.array(self._rows, dtype=np.float64).reshape(-1, 4).T
        return Changes(black > 0.5, mean, largest, colours)


def find_cuts(changes: Changes) -> np.ndarray:
    """Numbers (C,) of the frames that begin another shot. Slow fades are not found.

    A cut stands out from the median change of the twelve frames around it; a bump or a bright tunnel mouth changes many
    frames, or leaves the colours as they are.
    """
    mean = changes.mean
    found = []
    for frame in np.flatnonzero(mean >= CUT_MEAN):
        before, after = mean[max(1, frame - _AROUND) : frame], mean[frame + 1 : frame + 1 + _AROUND]
        around = np.concatenate([before, after])
        usual = max(float(np.median(around)) if len(around) else 0.0, 0.5)
        ratio = mean[frame] / usual
        if ratio >= CUT_SURE_RATIO or (ratio >= CUT_RATIO and changes.colours[frame] >= CUT_COLOURS):
            found.append(int(frame))
    return np.array(found, dtype=np.int64)


def find_frozen(changes: Changes, times_s: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Which frames (N,) lie in a stretch of at least FROZEN_S without change, its first frame included."""
    limit_mean = np.full(len(times_s), STILL_MEAN)
    limit_max = np.full(len(times_s), STILL_MAX)
    if len(keys) * _CLOSEST_KEYS <= len(times_s) + _CLOSEST_KEYS:
        anew = np.minimum(keys[:, None] + np.arange(_SETTLING), len(times_s) - 1)
        limit_mean[anew], limit_max[anew] = STILL_KEY_MEAN, STILL_KEY_MAX
    still = (changes.mean <= limit_mean) & (changes.largest <= limit_max)
    still[:1] = False
    frozen = np.zeros(len(times_s), dtype=bool)
    for start, stop in runs(still):
        if times_s[stop - 1] - times_s[start - 1] >= FROZEN_S - 1e-6:
            frozen[start - 1 : stop] = True
    return frozen


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and last (exclusive) index of each run of True in ``mask`` (N,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
