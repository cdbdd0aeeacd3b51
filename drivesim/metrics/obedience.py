"""Does a video show what was commanded: boxes, road, ego motion and attributes, frame by frame, judged by the probe.

Every figure is a ratio of sums (hits of trials, or errors over their number). For one video the independent units are its
seconds, for a set of videos the videos; figures of frames would pretend to know more than they do.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drivesim.geometry import wrap_angle
from drivesim.judges.probe.labels import FrameLabels
from drivesim.judges.probe.network import PROBE_ATTRIBUTES
from drivesim.judges.probe.reading import Readings
from drivesim.metrics import tally
from drivesim.metrics.estimate import Estimate
from drivesim.metrics.lane_paint import road_overlap
from drivesim.metrics.matching import Matching, ObjectTable, detection_table, match, object_table
from drivesim.scene import CATEGORIES

#: Boxes at least this tall, in pixels of a picture 512 high, are what ``recall_24px`` counts.
TALL_PX = 24.0

DISTANCE_EDGES_M = (0.0, 20.0, 40.0, 80.0, 160.0)
HEIGHT_EDGES_PX = (12.0, 24.0, 48.0, 96.0, 512.0)

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class FigureNote:
    """What a figure of :class:`ObedienceSummary` says: ``better`` is ``higher``, ``lower`` or ``none`` (a bias)."""

    label: str
    unit: str
    better: Literal["higher", "lower", "none"]


#: Every figure by its key. Pixels are those of a picture 512 high.
FIGURES: dict[str, FigureNote] = {
    "recall": FigureNote(label="commanded boxes found, class right", unit="", better="higher"),
    "recall_24px": FigureNote(label="commanded boxes 24 px and taller found, class right", unit="", better="higher"),
    "recall_any_class": FigureNote(label="commanded boxes found, of whatever class", unit="", better="higher"),
    "precision": FigureNote(label="found objects that were commanded, class right", unit="", better="higher"),
    "phantoms_per_frame": FigureNote(label="objects where none was commanded", unit="per frame", better="lower"),
    "class_accuracy": FigureNote(label="found boxes whose class is right", unit="", better="higher"),
    "centre_error_px": FigureNote(label="distance of centres", unit="px", better="lower"),
    "centre_error_relative": FigureNote(label="distance of centres over box height", unit="", better="lower"),
    "size_error": FigureNote(label="size of boxes, |ln(area found / commanded)|", unit="", better="lower"),
    "size_bias": FigureNote(label="size of boxes, ln(area found / commanded)", unit="", better="none"),
    "distance_error": FigureNote(label="distance, |ln(found / commanded)|", unit="", better="lower"),
    "distance_ratio": FigureNote(label="distance, found / commanded", unit="", better="none"),
    "road_iou": FigureNote(label="road, intersection over union", unit="", better="higher"),
    "lane_paint_iou": FigureNote(label="lane paint, intersection over union", unit="", better="higher"),
    "lane_paint_near": FigureNote(label="lane paint, right to one cell", unit="", better="higher"),
    "speed_error_mps": FigureNote(label="ego speed error", unit="m/s", better="lower"),
    "speed_bias_mps": FigureNote(label="ego speed, found - commanded", unit="m/s", better="none"),
    "yaw_rate_error_dps": FigureNote(label="ego yaw rate error", unit="deg/s", better="lower"),
    "yaw_rate_bias_dps": FigureNote(label="ego yaw rate, found - commanded", unit="deg/s", better="none"),
    "attribute_error": FigureNote(label="scene attributes, mean difference", unit="", better="lower"),
}


@dataclass(frozen=True, kw_only=True)
class ObedienceSummary:
    """Final figures. ``figures`` by the keys of FIGURES; ``groups`` by ``figure/group`` (``recall/car``,
    ``recall/0-20 m``, ``recall/24-48 px``, ``precision/car``, ``attribute_error/snow``), only groups that occur.

    ``confusion`` int (10, 11): rows the commanded category, columns the found one, the last one "not found", over boxes
    that count, numbered as CATEGORIES. ``unit`` says what was resampled: ``seconds`` or ``videos``.
    """

    figures: dict[str, Estimate]
    groups: dict[str, Estimate]
    confusion: np.ndarray
    unit: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Obedience:
    """One video of T frames. ``matchings`` holds what was found where the class must agree, None for frames whose boxes
    are not known; ``sums`` the numerator and denominator (T, 2) of every figure and group; ``confusion`` as in
    :class:`ObedienceSummary`.
    """

    fps: float
    matchings: tuple[Matching | None, ...]
    sums: dict[str, np.ndarray]
    confusion: np.ndarray

    def __len__(self) -> int:
        return len(self.matchings)

    @property
    def seconds(self) -> np.ndarray:
        """The whole second (T,) that each frame lies in."""
        return np.floor(np.arange(len(self)) / self.fps + 1e-9).astype(np.int64)

    def start(self) -> Obedience:
        """Frame 0 alone; what it was taken for is not kept by frame, so ``confusion`` is zero."""
        return Obedience(
            fps=self.fps,
            matchings=self.matchings[:1],
            sums={name: sums[:1] for name, sums in self.sums.items()},
            confusion=np.zeros_like(self.confusion),
        )

    def second_sums(self) -> dict[str, np.ndarray]:
        """The sums (S, 2) of every second, the last one maybe in part."""
        index = self.seconds
        return {name: tally.blocks(sums, index, int(index[-1]) + 1) for name, sums in self.sums.items()}

    def per_second(self) -> dict[str, np.ndarray]:
        """Every figure of FIGURES (S,) by seconds, NaN where nothing was commanded."""
        sums = self.second_sums()
        return {name: tally.values(sums[name]) for name in FIGURES}

    def curve(self, name: str) -> np.ndarray:
        """A figure (T,) for each frame: that of its second, so that few boxes in a frame make no noise."""
        return self.per_second()[name][self.seconds]

    def summary(self, rng: np.random.Generator) -> ObedienceSummary:
        """The video's figures, with intervals from resampled seconds; objects that stay longer make them a bit narrow."""
        return _summary(self.second_sums(), self.confusion, "seconds", rng)


def obedience_of(labels: Sequence[FrameLabels], readings: Readings, *, min_overlap: float = 0.5) -> Obedience:
    """Compare what was commanded with what the probe found, frame by frame.

    A box is found by a detection with an IoU of ``min_overlap`` at least. Position, size, distance and phantoms are judged
    whatever the class, so that a wrong class shows in its own figures (``class_accuracy``, ``confusion``) and in
    ``recall`` and ``precision`` only. Raises ValueError when labels and readings are not of the same frames.
    """
    if len(labels) != len(readings):
        raise ValueError(f"labels of {len(labels)} frames and readings of {len(readings)}; they must agree")
    confusion = np.zeros((len(CATEGORIES), len(CATEGORIES) + 1), dtype=np.int64)
    matchings: list[Matching | None] = []
    rows: list[dict[str, Pair]] = []
    for frame, label in enumerate(labels):
        row = _ego_pairs(label, readings, frame) | _attribute_pairs(label, readings.attributes[frame])
        if label.semantic is not None:
            row |= road_overlap(readings.semantic[frame], label.semantic, label.boxes)
        strict = None
        if label.boxes is not None:
            boxes, found = label.boxes.resized(readings.width, readings.height), readings.detections[frame]
            strict = match(boxes, found, min_overlap=min_overlap)
            loose = match(boxes, found, min_overlap=min_overlap, same_class=False)
            row |= _object_pairs(strict) | _place_pairs(loose)
            _count_classes(loose, confusion)
        matchings.append(strict)
        rows.append(row)
    names = dict.fromkeys([*FIGURES, *(name for row in rows for name in row)])
    sums = {name: np.array([row.get(name, (0.0, 0.0)) for row in rows]).reshape(-1, 2) for name in names}
    return Obedience(fps=readings.fps, matchings=tuple(matchings), sums=sums, confusion=confusion)


def pool(videos: Sequence[Obedience], rng: np.random.Generator) -> ObedienceSummary:
    """Figures of a set of videos, with intervals from resampled videos. Raises ValueError without any."""
    if not videos:
        raise ValueError("no videos to pool")
    names = dict.fromkeys(name for video in videos for name in video.sums)
    nothing = np.zeros((1, 2))
    sums = {name: np.stack([video.sums.get(name, nothing).sum(axis=0) for video in videos]) for name in names}
    return _summary(sums, np.sum([video.confusion for video in videos], axis=0), "videos", rng)


def shuffled(labels: Sequence[Sequence[FrameLabels]], rng: np.random.Generator) -> list[list[FrameLabels]]:
    """Labels of other videos for each video, the input of the chance level: what a video scores that obeys nothing.

    Each video gets the labels of another one, repeated or cut to its own length. A single video gets its own from another
    moment, a quarter to three quarters of its length away. Raises ValueError without labels.
    """
    if not labels or any(not video for video in labels):
        raise ValueError("no labels to shuffle, or a video without frames")
    if len(labels) == 1:
        own = labels[0]
        away = int(rng.integers(len(own) // 4, max(3 * len(own) // 4, len(own) // 4 + 1)))
        return [[own[(frame + away) % len(own)] for frame in range(len(own))]]
    order = rng.permutation(len(labels))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # one cycle through all: nobody keeps its own
    return [
        [labels[source][frame % len(labels[source])] for frame in range(len(video))]
        for video, source in zip(labels, other.tolist(), strict=True)
    ]


def _summary(
    sums: dict[str, np.ndarray], confusion: np.ndarray, unit: str, rng: np.random.Generator
) -> ObedienceSummary:
    estimates = tally.ratios(sums, rng)
    return ObedienceSummary(
        figures={name: estimates[name] for name in FIGURES},
        groups={name: each for name, each in estimates.items() if "/" in name and each.count},
        confusion=confusion,
        unit=unit,
    )


def _object_pairs(matching: Matching) -> dict[str, Pair]:
    """Recall and precision of one frame, the class being right."""
    objects, found = object_table([matching]), detection_table([matching])
    pairs = {
        "recall": _hits(objects.found),
        "recall_24px": _hits(objects.found[objects.height_px >= TALL_PX]),
        "precision": _hits(found.right),
    }
    for number in np.unique(objects.category):
        pairs[f"recall/{CATEGORIES[number]}"] = _hits(objects.found[objects.category == number])
    for number in np.unique(found.category):
        pairs[f"precision/{CATEGORIES[number]}"] = _hits(found.right[found.category == number])
    return (
        pairs
        | _by_range(objects, objects.distance_m, DISTANCE_EDGES_M, "m")
        | _by_range(objects, objects.height_px, HEIGHT_EDGES_PX, "px")
    )


def _by_range(objects: ObjectTable, values: np.ndarray, edges: tuple[float, ...], unit: str) -> dict[str, Pair]:
    return {
        f"recall/{low:g}-{high:g} {unit}": _hits(objects.found[(values >= low) & (values < high)])
        for low, high in itertools.pairwise(edges)
    }


def _place_pairs(matching: Matching) -> dict[str, Pair]:
    """Where and how large objects are in one frame, whatever their class."""
    objects = object_table([matching])
    found = objects.found
    centre = objects.centre_px[found] * (512.0 / matching.labels.height)
    size, distance = np.log(np.maximum(objects.size_ratio[found], 1e-6)), objects.distance_ratio[found]
    return {
        "recall_any_class": _hits(found),
        "phantoms_per_frame": (float(matching.phantom.sum()), 1.0),
        "centre_error_px": _total(centre),
        "centre_error_relative": _total(centre / objects.height_px[found]),
        "size_error": _total(np.abs(size)),
        "size_bias": _total(size),
        "distance_error": _total(np.abs(np.log(np.maximum(distance, 1e-6)))),
        "distance_ratio": _total(distance),
        "class_accuracy": _hits(_found_classes(matching)[found] == objects.category[found]),
    }


def _found_classes(matching: Matching) -> np.ndarray:
    """The category found for each label that counts, the number after the last category where none is."""
    found = matching.found[matching.labels.counts]
    classes = np.full(len(found), len(CATEGORIES))
    classes[found >= 0] = matching.detections.category[found[found >= 0]]
    return classes


def _count_classes(matching: Matching, confusion: np.ndarray) -> None:
    np.add.at(confusion, (matching.labels.category[matching.labels.counts], _found_classes(matching)), 1)


def _ego_pairs(label: FrameLabels, readings: Readings, frame: int) -> dict[str, Pair]:
    found = readings.speed_mps[frame], readings.yaw_rate_rps[frame]
    if label.motion is None or not np.isfinite([*found, *label.motion]).all():
        return {}
    speed = float(found[0] - label.motion[0] * readings.fps)
    turn = float(np.degrees(wrap_angle(found[1] / readings.fps - label.motion[1])) * readings.fps)
    return {
        "speed_error_mps": (abs(speed), 1.0),
        "speed_bias_mps": (speed, 1.0),
        "yaw_rate_error_dps": (abs(turn), 1.0),
        "yaw_rate_bias_dps": (turn, 1.0),
    }


def _attribute_pairs(label: FrameLabels, found: np.ndarray) -> dict[str, Pair]:
    if label.attributes is None:
        return {}
    error = np.abs(found - label.attributes)
    pairs = {f"attribute_error/{name}": (float(each), 1.0) for name, each in zip(PROBE_ATTRIBUTES, error, strict=True)}
    return {"attribute_error": (float(error.mean()), 1.0)} | pairs


def _hits(outcomes: np.ndarray) -> Pair:
    return float(outcomes.sum()), float(len(outcomes))


def _total(errors: np.ndarray) -> Pair:
    return float(errors.sum()), float(len(errors))
