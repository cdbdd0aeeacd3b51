"""Which found objects are which labelled ones: recall, precision and errors by class, distance and height."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from drivesim.judges.probe.box_overlap import areas, intersections, overlaps
from drivesim.judges.probe.decode import Detections
from drivesim.judges.probe.labels import BoxLabels
from drivesim.metrics.wilson import wilson_interval


@dataclass(frozen=True, kw_only=True, eq=False)
class Matching:
    """The outcome of one frame. ``found`` (A,) and ``taken`` (D,): the detection of each label and the label of each
    detection, -1 where there is none; ``overlap`` (A,) the IoU of the pair; ``phantom`` (D,) bool: a detection that is no
    label's and lies on none that does not count.
    """

    labels: BoxLabels
    detections: Detections
    found: np.ndarray
    taken: np.ndarray
    overlap: np.ndarray
    phantom: np.ndarray


def match(labels: BoxLabels, detections: Detections, *, min_overlap: float = 0.5, same_class: bool = True) -> Matching:
    """Pair labels and detections of one frame, both in pixels of the same picture, one to one, with the largest sum of IoU.

    Labels that count choose first. A detection left over is no phantom if it fits a label that does not count (IoU of
    ``min_overlap``, or that share of its area inside), of whatever class. With ``same_class`` a pair is of one category.
    """
    shared = overlaps(labels.xyxy, detections.xyxy)
    fits = shared >= min_overlap
    allowed = fits & (labels.category[:, None] == detections.category[None, :]) if same_class else fits
    found = np.full(len(labels), -1)
    taken = np.full(len(detections), -1)
    for rows in (labels.counts, ~labels.counts):
        free = allowed & rows[:, None] & (taken < 0)[None, :]
        for label, detection in zip(*linear_sum_assignment(np.where(free, shared, 0.0), maximize=True), strict=True):
            if free[label, detection]:
                found[label], taken[detection] = detection, label
    inside = intersections(labels.xyxy, detections.xyxy) / np.maximum(areas(detections.xyxy), 1e-9)
    excused = ((fits | (inside >= min_overlap)) & ~labels.counts[:, None]).any(axis=0)
    overlap = np.where(found >= 0, shared[np.arange(len(labels)), found] if len(detections) else 0.0, 0.0)
    return Matching(
        labels=labels,
        detections=detections,
        found=found,
        taken=taken,
        overlap=overlap,
        phantom=(taken < 0) & ~excused,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectTable:
    """One row per label that counts: ``category``, ``distance_m``, ``height_px`` (of a picture 512 high), ``found`` bool,
    and for those found the errors ``centre_px`` (in pixels of the labels' picture), ``size_ratio`` (area found / true)
    and ``distance_ratio``, NaN for the others; all (R,).
    """

    category: np.ndarray
    distance_m: np.ndarray
    height_px: np.ndarray
    found: np.ndarray
    centre_px: np.ndarray
    size_ratio: np.ndarray
    distance_ratio: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectionTable:
    """One row per detection that is right or a phantom: ``category``, ``score``, ``distance_m``, ``height_px`` (of a
    picture 512 high) as detected, and ``right`` bool; all (R,).
    """

    category: np.ndarray
    score: np.ndarray
    distance_m: np.ndarray
    height_px: np.ndarray
    right: np.ndarray


def object_table(matchings: Sequence[Matching]) -> ObjectTable:
    """The labels that count of many frames."""
    parts = [_object_rows(matching) for matching in matchings]
    return ObjectTable(**{f.name: _joined([p[f.name] for p in parts]) for f in dataclasses.fields(ObjectTable)})


def detection_table(matchings: Sequence[Matching]) -> DetectionTable:
    """The detections of many frames, without those that fit a label that does not count."""
    parts = [_detection_rows(matching) for matching in matchings]
    return DetectionTable(**{f.name: _joined([p[f.name] for p in parts]) for f in dataclasses.fields(DetectionTable)})


@dataclass(frozen=True, kw_only=True)
class Share:
    """``hits`` of ``trials`` in a group, with the bounds of the 95 % Wilson interval; ``value`` is NaN without trials."""

    group: str
    hits: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.trials if self.trials else float("nan")


def share(group: str, outcomes: np.ndarray) -> Share:
    """The share of true outcomes (R,)."""
    hits, trials = int(outcomes.sum()), len(outcomes)
    low, high = wilson_interval(hits, trials)
    return Share(group=group, hits=hits, trials=trials, low=low, high=high)


def _object_rows(matching: Matching) -> dict[str, np.ndarray]:
    labels, detections = matching.labels, matching.detections
    is_found = matching.found >= 0
    nothing = np.full((len(labels), 4), np.nan)
    boxes, distance = nothing.copy(), nothing[:, 0].copy()
    boxes[is_found] = detections.xyxy[matching.found[is_found]]
    distance[is_found] = detections.distance_m[matching.found[is_found]]
    centres = 0.5 * (boxes[:, :2] + boxes[:, 2:] - labels.xyxy[:, :2] - labels.xyxy[:, 2:])
    rows = {
        "category": labels.category,
        "distance_m": labels.distance_m,
        "height_px": labels.heights_px,
        "found": is_found,
        "centre_px": np.hypot(centres[:, 0], centres[:, 1]),
        "size_ratio": np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / areas(labels.xyxy),
        "distance_ratio": distance / labels.distance_m,
    }
    return {name: values[labels.counts] for name, values in rows.items()}


def _detection_rows(matching: Matching) -> dict[str, np.ndarray]:
    labels, detections = matching.labels, matching.detections
    right = np.zeros(len(detections), dtype=bool)
    right[matching.taken >= 0] = labels.counts[matching.taken[matching.taken >= 0]]
    rows = {
        "category": detections.category,
        "score": detections.score,
        "distance_m": detections.distance_m,
        "height_px": (detections.xyxy[:, 3] - detections.xyxy[:, 1]) * 512.0 / labels.height,
        "right": right,
    }
    return {name: values[right | matching.phantom] for name, values in rows.items()}


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)
