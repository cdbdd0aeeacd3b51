"""Does the road lie where it was commanded: overlap of road and lane paint on the probe's grid of cells."""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.judges.probe.labels import BoxLabels
from drivesim.judges.probe.network import GRID, SEMANTIC_CLASSES
from drivesim.judges.probe.targets import semantic_shares

_ROAD, _PAINT = SEMANTIC_CLASSES.index("road"), SEMANTIC_CLASSES.index("lane_paint")
_ONE_CELL = np.ones((3, 3), dtype=np.uint8)


def majority_classes(semantic: np.ndarray) -> np.ndarray:
    """The class uint8 (64, 128) that most pixels of each cell show, of a map uint8 (H, W) numbered as SEMANTIC_CLASSES.

    H and W are 64 and 128 or whole multiples of them; ValueError otherwise.
    """
    return semantic_shares(semantic).argmax(axis=0).astype(np.uint8)


def free_cells(boxes: BoxLabels | None) -> np.ndarray:
    """Cells bool (64, 128) that no box touches, whether it counts or not."""
    free = np.ones(GRID, dtype=bool)
    if boxes is not None:
        for left, top, right, bottom in boxes.resized(GRID[1], GRID[0]).xyxy:
            rows = slice(max(int(np.floor(top)), 0), max(int(np.ceil(bottom)), 0))
            free[rows, max(int(np.floor(left)), 0) : max(int(np.ceil(right)), 0)] = False
    return free


def road_overlap(found: np.ndarray, commanded: np.ndarray, boxes: BoxLabels | None) -> dict[str, tuple[float, float]]:
    """Numerators and denominators of three shares over cells free of boxes.

    ``found`` is the probe's map uint8 (64, 128), ``commanded`` a map of pixels, uint8 (H, W). ``road_iou`` takes the lane
    paint as part of the road. ``lane_paint_iou`` is strict; ``lane_paint_near`` is the share of painted cells, of both
    maps together, with paint of the other map in the same cell or one of its eight neighbours.
    """
    wanted, free = majority_classes(commanded), free_cells(boxes)
    road = [np.isin(classes, (_ROAD, _PAINT)) & free for classes in (found, wanted)]
    paint = [(classes == _PAINT) & free for classes in (found, wanted)]
    wide = [cv2.dilate(mask.astype(np.uint8), _ONE_CELL) > 0 for mask in paint]
    near = np.sum(paint[0] & wide[1]) + np.sum(paint[1] & wide[0])
    return {
        "road_iou": (float(np.sum(road[0] & road[1])), float(np.sum(road[0] | road[1]))),
        "lane_paint_iou": (float(np.sum(paint[0] & paint[1])), float(np.sum(paint[0] | paint[1]))),
        "lane_paint_near": (float(near), float(np.sum(paint[0]) + np.sum(paint[1]))),
    }
