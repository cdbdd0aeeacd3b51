"""One video measured by everything that looks at frames, so that the frames themselves need not be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.features import frame_features
from drivesim.judges.load import Judges
from drivesim.judges.probe import FrameLabels
from drivesim.judges.probe.reading import Readings, read_frames
from drivesim.metrics.drift import Drift, drift_of
from drivesim.metrics.obedience import Obedience, obedience_of

#: Called with what is being done and the share of it that is done.
Progress = Callable[[str, float], None]

#: Frames of each video that are kept to be looked at, and their height.
NUM_SHOWN, SHOWN_HEIGHT = 4, 160


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A video of T frames as numbers.

    ``readings`` are the probe's, in pixels of 512 x 256; ``features`` (T - 1, 128) the feature network's; ``obedience`` is
    None without labels; ``drift`` its curves of appearance; ``shown`` uint8 (4, 160, 320, 3), frames evenly spread from the first to the last.
    """

    readings: Readings
    features: np.ndarray
    drift: Drift
    obedience: Obedience | None
    shown: np.ndarray


def judged(frame: np.ndarray) -> np.ndarray:
    """A frame uint8 (H, W, 3) as judges see it: 256 x 512, by averaging."""
    if frame.shape[:2] == (JUDGED_HEIGHT, JUDGED_WIDTH):
        return frame
    return cv2.resize(frame, (JUDGED_WIDTH, JUDGED_HEIGHT), interpolation=cv2.INTER_AREA)


def measure(
    frames: Iterable[np.ndarray], fps: float, judges: Judges, labels: list[FrameLabels] | None = None
) -> Measured:
    """Measure uint8 RGB frames (H, W, 3) twice as wide as high; ``labels`` of the same frames."""
    small = np.stack([judged(frame) for frame in frames])
    readings = read_frames(judges.probe, small, fps)
    places = np.linspace(0, len(small) - 1, NUM_SHOWN).round().astype(int)
    return Measured(
        readings=readings,
        features=frame_features(judges.features, small),
        drift=drift_of(small, fps),
        obedience=None if labels is None else obedience_of(labels, readings),
        shown=np.stack(
            [
                cv2.resize(small[place], (2 * SHOWN_HEIGHT, SHOWN_HEIGHT), interpolation=cv2.INTER_AREA)
                for place in places
            ]
        ),
    )


def clip_rows(videos: Iterable[Measured], start: int = 0, stop: int | None = None) -> np.ndarray:
    """One feature row (N, 128) for each video: the mean over its pairs of frames ``start`` to ``stop``."""
    return np.stack([video.features[start:stop].mean(axis=0) for video in videos])
