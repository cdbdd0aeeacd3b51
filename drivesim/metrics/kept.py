"""Whether what stood in the first frame is still there later, wherever it drove: for traffic that nobody steers."""

from __future__ import annotations

import numpy as np

from drivesim.judges.probe.box_overlap import overlaps
from drivesim.judges.probe.labels import BoxLabels
from drivesim.judges.probe.reading import Readings
from drivesim.metrics.obedience import TALL_PX
from drivesim.metrics.tracking import FAMILIES, track_objects
from drivesim.scene import CATEGORIES

#: Vehicles of these categories count; who walks or rides is too small in most pictures.
VEHICLES = FAMILIES[0]

#: Frames within which a track must have begun to be that of an object of the first frame.
_BEGUN_BY = 1


def kept_vehicles(
    first: BoxLabels, readings: Readings, seconds: float, *, min_overlap: float = 0.5, min_height_px: float = TALL_PX
) -> tuple[float, float]:
    """Vehicles of the first frame that are still tracked after ``seconds``, and vehicles of the first frame that were found.

    ``first`` are the boxes of frame 0 of the video that ``readings`` are of. One is found by a track that begins in frame 0
    or 1 with an IoU of ``min_overlap``; boxes that do not count or are lower than ``min_height_px`` of a picture 512 high are
    left out. No place is asked for later: a car may brake or turn where nobody told it not to. What leaves the picture is
    lost here as well, so only the same figure of the true video says how much could be kept. Higher is better. Raises
    ValueError for a time after the video's end.
    """
    frame = round(seconds * readings.fps)
    if frame >= len(readings):
        raise ValueError(f"{seconds:g} s is frame {frame}, after the end of a video of {len(readings)} frames")
    labels = first.resized(readings.width, readings.height)
    wanted = labels.counts & (labels.heights_px >= min_height_px)
    wanted &= np.array([CATEGORIES[category] in VEHICLES for category in labels.category], dtype=bool)
    begun = [track for track in track_objects(readings.detections) if track.frames[0] <= _BEGUN_BY]
    begun = [track for track in begun if CATEGORIES[track.category] in VEHICLES]
    if not begun or not wanted.any():
        return 0.0, 0.0
    shared = overlaps(labels.xyxy[wanted], np.stack([track.xyxy[0] for track in begun]))
    best = shared.argmax(axis=1)
    found = shared.max(axis=1) >= min_overlap
    lasting = np.array([track.frames[-1] >= frame for track in begun])
    return float(np.count_nonzero(lasting[best] & found)), float(np.count_nonzero(found))
