"""Colour inside boxes: exact where it is known, and only boxes that are tall enough and count."""

from __future__ import annotations

import numpy as np

from drivesim.judges.probe.labels import BoxLabels, FrameLabels
from drivesim.metrics.box_colour import colour_sums


def labels(*boxes: tuple[float, float, float, float], counts: bool = True) -> FrameLabels:
    xyxy = np.array(boxes, float).reshape(-1, 4)
    count = len(xyxy)
    return FrameLabels(
        boxes=BoxLabels(
            width=512,
            height=256,
            category=np.zeros(count, int),
            xyxy=xyxy,
            distance_m=np.full(count, 20.0),
            counts=np.full(count, counts),
        )
    )


def test_the_error_is_that_inside_tall_boxes_that_count() -> None:
    truth = np.full((4, 256, 512, 3), 100, np.uint8)
    frames = truth.copy()
    frames[0, 40:60, 10:40] = 130
    frames[1, :, :, 0] = 160
    told = [
        labels((10, 40, 40, 60), (200, 40, 240, 70), (10, 40, 14, 50)),  # the last is 20 px tall at 512
        labels((-20, 100, 30, 300)),
        labels((10, 40, 40, 60), counts=False),
        FrameLabels(),
    ]
    assert np.allclose(colour_sums(frames, truth, told), [[30.0, 2], [20.0, 1], [0, 0], [0, 0]])
