"""Vehicles that last, whatever way they drive, and vehicles that dissolve."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.judges.probe import BoxLabels, Detections
from drivesim.judges.probe.reading import Readings
from drivesim.metrics.kept import kept_vehicles
from drivesim.scene import CATEGORIES

CAR, PEDESTRIAN = (CATEGORIES.index(name) for name in ("car", "pedestrian"))
BOXES = np.array([[60.0, 110.0, 100.0, 140.0], [300.0, 110.0, 350.0, 145.0], [200.0, 118.0, 206.0, 124.0]])


def labels(category: int = CAR) -> BoxLabels:
    """Two tall boxes and one of 12 px of a picture 512 high."""
    return BoxLabels(
        width=512, height=256, category=np.full(3, category), xyxy=BOXES, distance_m=np.full(3, 20.0), counts=np.ones(3, bool)
    )  # fmt: skip


def readings(last_frames: tuple[int, ...], *, category: int = CAR, drift_px: float = 3.0) -> Readings:
    """Boxes that drift to the right and are found up to their last frame."""
    detections = []
    for frame in range(16):
        rows = [index for index, last in enumerate(last_frames) if frame <= last]
        detections.append(
            Detections(
                category=np.full(len(rows), category),
                score=np.full(len(rows), 0.9),
                xyxy=BOXES[rows] + np.array([drift_px, 0.0, drift_px, 0.0]) * frame,
                distance_m=np.full(len(rows), 20.0),
            )
        )
    return Readings(
        fps=10.0, width=512, height=256, detections=tuple(detections), semantic=np.zeros((16, 16, 32), np.uint8),
        attributes=np.zeros((16, 11)), speed_mps=np.zeros(16), yaw_rate_rps=np.zeros(16),
    )  # fmt: skip


def test_who_drives_elsewhere_is_kept_and_who_dissolves_is_not() -> None:
    assert kept_vehicles(labels(), readings((15, 15, 15)), 1.0) == (2.0, 2.0)
    assert kept_vehicles(labels(), readings((15, 15, 15), drift_px=-6.0), 1.0) == (2.0, 2.0)
    assert kept_vehicles(labels(), readings((15, 4, 15)), 1.0) == (1.0, 2.0)
    assert kept_vehicles(labels(), readings((15, 4, 15)), 0.4) == (2.0, 2.0)


def test_what_was_never_there_and_what_is_no_vehicle_does_not_count() -> None:
    assert kept_vehicles(labels(), readings((15, -1, 15)), 1.0) == (1.0, 1.0)
    assert kept_vehicles(labels(PEDESTRIAN), readings((15, 15, 15), category=PEDESTRIAN), 1.0) == (0.0, 0.0)
    with pytest.raises(ValueError, match="after the end of a video of 16 frames"):
        kept_vehicles(labels(), readings((15, 15, 15)), 2.0)
