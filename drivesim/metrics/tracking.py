"""Tracks in the picture: detections joined over time.

Of the libraries for this, motpy and norfair rest on filterpy, which is no longer maintained, and trackers asks for numpy 2
and for the OpenCV wheel that breaks the headless one; the assignment is SciPy's and the rest is this page.

Method: constant velocity of the box in the picture, Hungarian assignment on overlap, as SORT (Bewley et al. 2016,
arXiv:1602.00763), with the probe's distance as a further gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from drivesim.judges.probe.box_overlap import overlaps
from drivesim.judges.probe.decode import Detections
from drivesim.scene import CATEGORIES

#: Categories that a detector may take for each other; across families nothing is joined.
FAMILIES: tuple[frozenset[str], ...] = (
    frozenset({"car", "truck", "bus", "trailer", "construction_vehicle"}),
    frozenset({"pedestrian", "motorcycle", "bicycle"}),
    frozenset({"traffic_cone", "barrier"}),
)
_FAMILY = np.array([next(i for i, names in enumerate(FAMILIES) if name in names) for name in CATEGORIES])


@dataclass(frozen=True, kw_only=True)
class TrackingRule:
    """What may be joined. A detection continues a track when it overlaps the predicted box by ``min_overlap`` (IoU) and its
    distance is within a factor of ``max_distance_ratio``; another category of the same family costs ``class_penalty`` of
    overlap. A track is born with its ``min_hits``-th hit in as many frames, ends after more than ``max_misses`` frames
    without one, and follows changes of its velocity by ``velocity_share`` each frame.
    """

    min_overlap: float = 0.15
    max_distance_ratio: float = 1.5
    class_penalty: float = 0.2
    min_hits: int = 2
    max_misses: int = 5
    velocity_share: float = 0.5


DEFAULT_RULE = TrackingRule()


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageTrack:
    """One object in the picture over K frames without a break.

    ``frames`` (K,) int; ``xyxy`` (K, 4) left, top, right, bottom in pixels; ``distance_m`` (K,) along the optical axis;
    ``interpolated`` (K,) bool where it was not found and its neighbours fill in. ``category`` indexes CATEGORIES, chosen by
    the sum of scores; ``score`` is the mean over the frames in which it was found; ``id`` counts by birth.
    """

    id: int
    category: int
    score: float
    frames: np.ndarray
    xyxy: np.ndarray
    distance_m: np.ndarray
    interpolated: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)


def track_objects(detections: Sequence[Detections], rule: TrackingRule = DEFAULT_RULE) -> tuple[ImageTrack, ...]:
    """Tracks of the detections of successive frames (``Readings.detections``), in order of birth."""
    living: list[_Candidate] = []
    ended: list[_Candidate] = []
    for frame, found in enumerate(detections):
        taken = _assign(living, found, frame, rule)
        for row, candidate in enumerate(living):
            if row in taken:
                candidate.hit(frame, found, taken[row], rule)
        fresh = sorted(set(range(len(found))) - set(taken.values()))
        still = [candidate for candidate in living if candidate.lives(frame, rule)]
        ended += [candidate for candidate in living if not candidate.lives(frame, rule)]
        living = still + [_Candidate.born(frame, found, row) for row in fresh]
    kept = [candidate for candidate in ended + living if len(candidate.frames) >= rule.min_hits]
    kept.sort(key=lambda candidate: candidate.frames[0])
    return tuple(candidate.track(index) for index, candidate in enumerate(kept))


@dataclass(eq=False)
class _Candidate:
    """A track while it grows: its hits, and its box as centre and logarithm of the size, with their rate per frame."""

    frames: list[int]
    boxes: list[np.ndarray]
    distances: list[float]
    categories: list[int]
    scores: list[float]
    state: np.ndarray
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(4))

    @classmethod
    def born(cls, frame: int, found: Detections, row: int) -> _Candidate:
        candidate = cls([], [], [], [], [], _state_of(found.xyxy[row]))
        candidate._keep(frame, found, row)
        return candidate

    def hit(self, frame: int, found: Detections, row: int, rule: TrackingRule) -> None:
        state = _state_of(found.xyxy[row])
        seen = (state - self.state) / (frame - self.frames[-1])
        share = 1.0 if len(self.frames) == 1 else rule.velocity_share
        self.velocity = self.velocity + share * (seen - self.velocity)
        self.state = state
        self._keep(frame, found, row)

    def lives(self, frame: int, rule: TrackingRule) -> bool:
        allowed = rule.max_misses if len(self.frames) >= rule.min_hits else 0
        return frame - self.frames[-1] <= allowed

    def predicted(self, frame: int) -> np.ndarray:
        """The box (4,) expected at ``frame``."""
        x, y, width, height = self.state + (frame - self.frames[-1]) * self.velocity
        half = 0.5 * np.exp(np.minimum([width, height], 12.0))
        return np.array([x - half[0], y - half[1], x + half[0], y + half[1]])

    def category(self) -> int:
        votes = np.bincount(self.categories, weights=self.scores, minlength=len(CATEGORIES))
        return int(np.argmax(votes))

    def track(self, index: int) -> ImageTrack:
        frames = np.arange(self.frames[0], self.frames[-1] + 1)
        boxes = np.stack(self.boxes)
        return ImageTrack(
            id=index,
            category=self.category(),
            score=float(np.mean(self.scores)),
            frames=frames,
            xyxy=np.stack([np.interp(frames, self.frames, boxes[:, side]) for side in range(4)], axis=1),
            distance_m=np.interp(frames, self.frames, self.distances),
            interpolated=~np.isin(frames, self.frames),
        )

    def _keep(self, frame: int, found: Detections, row: int) -> None:
        self.frames.append(frame)
        self.boxes.append(found.xyxy[row])
        self.distances.append(float(found.distance_m[row]))
        self.categories.append(int(found.category[row]))
        self.scores.append(float(found.score[row]))


def _assign(living: list[_Candidate], found: Detections, frame: int, rule: TrackingRule) -> dict[int, int]:
    """Detection row by candidate row: the assignment of largest total overlap among the pairs that are allowed."""
    if not living or not len(found):
        return {}
    shared = overlaps(np.stack([candidate.predicted(frame) for candidate in living]), found.xyxy)
    known = np.array([candidate.distances[-1] for candidate in living])
    ratio = np.abs(np.log(found.distance_m[None, :] / known[:, None]))
    category = np.array([candidate.category() for candidate in living])
    allowed = (shared >= rule.min_overlap) & (ratio <= np.log(rule.max_distance_ratio))
    allowed &= _FAMILY[category][:, None] == _FAMILY[found.category][None, :]
    # A bonus of one for every allowed pair joins as many as possible; the overlap decides which.
    gain = 1.0 + shared - rule.class_penalty * (category[:, None] != found.category[None, :])
    rows, columns = linear_sum_assignment(np.where(allowed, gain, 0.0), maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if allowed[r, c]}


def _state_of(box: np.ndarray) -> np.ndarray:
    size = np.maximum(box[2:] - box[:2], 1.0)
    return np.concatenate([0.5 * (box[:2] + box[2:]), np.log(size)])
