"""From the probe's outputs to objects, semantic maps, attributes and speeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.judges.probe.box_overlap import overlaps
from drivesim.judges.probe.network import GRID, MOTION_UNITS, ProbeOutputs


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """The D objects found in one frame, best first.

    ``category`` (D,) int, index into CATEGORIES; ``score`` (D,) in [0, 1]; ``xyxy`` (D, 4) left, top, right, bottom in
    pixels; ``distance_m`` (D,) along the optical axis.
    """

    category: np.ndarray
    score: np.ndarray
    xyxy: np.ndarray
    distance_m: np.ndarray

    def __len__(self) -> int:
        return len(self.category)

    def rows(self, chosen: np.ndarray) -> Detections:
        """The chosen ones, by index or mask."""
        return Detections(
            category=self.category[chosen],
            score=self.score[chosen],
            xyxy=self.xyxy[chosen],
            distance_m=self.distance_m[chosen],
        )


def decode_objects(
    outputs: ProbeOutputs,
    width: int,
    height: int,
    *,
    min_score: float = 0.3,
    max_objects: int = 64,
    max_overlap: float = 0.5,
) -> list[Detections]:
    """Objects of each frame, boxes in pixels of a picture of ``width`` x ``height``, clipped to it.

    A cell is an object where its highest class is a peak among its eight neighbours. Of two boxes that overlap by more
    than ``max_overlap`` (IoU) only the better is kept.
    """
    scores, categories = torch.sigmoid(outputs.heatmap).max(dim=1, keepdim=True)
    peaks = scores == F.max_pool2d(scores, 3, stride=1, padding=1)
    kept = scores * peaks * (scores >= min_score)
    return [
        _frame_objects(outputs, index, kept[index, 0], categories[index, 0], (width, height), max_objects, max_overlap)
        for index in range(len(scores))
    ]


def decode_semantic(outputs: ProbeOutputs) -> np.ndarray:
    """The likeliest class of every cell: uint8 (N, 64, 128), numbered as SEMANTIC_CLASSES."""
    return outputs.semantic.argmax(dim=1).to(torch.uint8).cpu().numpy()


def decode_attributes(outputs: ProbeOutputs) -> np.ndarray:
    """Attributes (N, 11) in [0, 1], ordered as PROBE_ATTRIBUTES."""
    return torch.sigmoid(outputs.attributes).detach().cpu().numpy()


def decode_motion(outputs: ProbeOutputs, seconds: float) -> np.ndarray:
    """Ego speed in m/s and yaw rate in rad/s (N, 2) from pairs of frames ``seconds`` apart.

    Raises ValueError when the network was not given the frames before.
    """
    if outputs.motion is None:
        raise ValueError("no motion in these outputs: give the network the previous frames as well")
    return outputs.motion.detach().cpu().numpy() * np.array(MOTION_UNITS) / seconds


def _frame_objects(
    outputs: ProbeOutputs,
    index: int,
    scores: Tensor,
    categories: Tensor,
    size: tuple[int, int],
    max_objects: int,
    max_overlap: float,
) -> Detections:
    best = scores.flatten().topk(min(max_objects, scores.numel()))
    cells = best.indices[best.values > 0.0]
    rows, columns = cells // GRID[1], cells % GRID[1]
    extent = torch.exp(outputs.size[index, :, rows, columns].double())
    centre = outputs.offset[index, :, rows, columns].double() + torch.stack([columns, rows])
    corners = torch.cat([centre - extent / 2.0, centre + extent / 2.0]).T.detach().cpu().numpy()
    scale = np.array([size[0] / GRID[1], size[1] / GRID[0]] * 2)
    limit = np.array([size[0], size[1]] * 2)
    found = Detections(
        category=categories[rows, columns].cpu().numpy(),
        score=scores[rows, columns].detach().cpu().numpy(),
        xyxy=np.clip(corners * scale, 0.0, limit),
        distance_m=torch.exp(outputs.log_distance[index, 0, rows, columns].double()).detach().cpu().numpy(),
    )
    return found.rows(_not_twice(found.xyxy, max_overlap))


def _not_twice(xyxy: np.ndarray, max_overlap: float) -> np.ndarray:
    """Indices of the boxes (D, 4), best first, that no better one overlaps by more than ``max_overlap``."""
    shared = overlaps(xyxy, xyxy)
    kept: list[int] = []
    for row in range(len(xyxy)):
        if all(shared[row, better] <= max_overlap for better in kept):
            kept.append(row)
    return np.array(kept, dtype=np.int64)
