"""The shipped judges on rendered video: each figure moves the way it should, and the worse the damage the further."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.evidence.held_out import REPORT_SEED, held_out_clip
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.features import frame_features
from drivesim.judges.load import Judges, load_judges
from drivesim.judges.probe import FrameLabels
from drivesim.judges.probe.reading import Readings, read_frames
from drivesim.metrics.diversity import mean_diversity
from drivesim.metrics.frechet import frechet_distance
from drivesim.metrics.obedience import obedience_of, pool, shuffled

NUM_SCENES, NUM_FRAMES = 6, 3
FPS = 10.0

Rendered = tuple[list[np.ndarray], list[list[FrameLabels]]]


@pytest.fixture(scope="module")
def judges() -> Judges:
    return load_judges()


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    """Rendered frames (3, 256, 512, 3) and exact labels of scenes that nothing was trained on."""
    videos, labels = [], []
    for index in range(NUM_SCENES):
        scene = held_out_clip(REPORT_SEED + 70_100 + index, NUM_FRAMES)
        pictures = scene.pictures()
        videos.append(np.stack([picture.rgb for picture in pictures]))
        labels.append(scene.labels(pictures))
    assert videos[0].shape == (NUM_FRAMES, JUDGED_HEIGHT, JUDGED_WIDTH, 3)
    return videos, labels


@pytest.fixture(scope="module")
def readings(judges: Judges, rendered: Rendered) -> list[Readings]:
    return [read_frames(judges.probe, video, FPS) for video in rendered[0]]


def _recall(labels: list[list[FrameLabels]], readings: list[Readings]) -> float:
    pairs = zip(labels, readings, strict=True)
    return pool([obedience_of(*pair) for pair in pairs], np.random.default_rng(0)).figures["recall_24px"].value


def _blurred(video: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in video])


def test_shuffled_boxes_fall_to_chance(rendered: Rendered, readings: list[Readings]) -> None:
    _, labels = rendered
    right = _recall(labels, readings)
    chance = _recall(shuffled(labels, np.random.default_rng(1)), readings)
    assert right > 0.7 and chance < 0.15


def test_more_blur_loses_more_boxes(judges: Judges, rendered: Rendered, readings: list[Readings]) -> None:
    videos, labels = rendered
    blurred = [
        _recall(labels, [read_frames(judges.probe, _blurred(video, sigma), FPS) for video in videos])
        for sigma in (4.0, 12.0)
    ]
    assert _recall(labels, readings) > blurred[0] > blurred[1]


def test_a_painted_out_object_is_missed_and_a_pasted_one_is_a_phantom(
    judges: Judges, rendered: Rendered, readings: list[Readings]
) -> None:
    videos, labels = rendered
    scene, row = max(
        ((s, r) for s in range(NUM_SCENES) for r in np.flatnonzero(labels[s][0].boxes.counts)),
        key=lambda at: labels[at[0]][0].boxes.xyxy[at[1], 3] - labels[at[0]][0].boxes.xyxy[at[1], 1],
    )
    left, top, right, bottom = labels[scene][0].boxes.xyxy[row].round().astype(int)
    painted = videos[scene].copy()
    painted[:, top:bottom, left:right] = painted[:, top : top + 1, left:right]
    before = obedience_of(labels[scene], readings[scene]).sums["recall"][0]
    after = obedience_of(labels[scene], read_frames(judges.probe, painted, FPS)).sums["recall"][0]
    assert after[0] < before[0] and after[1] == before[1]
    nothing_commanded = [FrameLabels(boxes=_none_of(label)) for label in labels[scene]]
    phantoms = obedience_of(nothing_commanded, readings[scene]).sums["phantoms_per_frame"]
    assert phantoms[:, 0].sum() > obedience_of(labels[scene], readings[scene]).sums["phantoms_per_frame"][:, 0].sum()


def _none_of(label: FrameLabels):  # type: ignore[no-untyped-def]
    import dataclasses

    boxes, none = label.boxes, np.zeros(0, dtype=int)
    return dataclasses.replace(
        boxes,
        category=boxes.category[none],
        xyxy=boxes.xyxy[none],
        distance_m=boxes.distance_m[none],
        counts=boxes.counts[none],
    )


def test_a_frozen_video_stands_still(judges: Judges, rendered: Rendered, readings: list[Readings]) -> None:
    true = np.array([[label.motion[0] * FPS for label in video[1:]] for video in rendered[1]])
    found = np.array([video.speed_mps[1:] for video in readings])
    assert true.max() > 8.0 and np.median(np.abs(found - true)) < 2.0
    frozen = [read_frames(judges.probe, np.repeat(video[:1], NUM_FRAMES, axis=0), FPS) for video in rendered[0]]
    assert max(np.abs(video.speed_mps[1:]).max() for video in frozen) < 2.0
    assert max(np.abs(np.degrees(video.yaw_rate_rps[1:])).max() for video in frozen) < 1.0


def test_features_tell_damage_by_its_severity(judges: Judges, rendered: Rendered) -> None:
    def rows(change) -> np.ndarray:  # type: ignore[no-untyped-def]
        return np.concatenate([frame_features(judges.features, change(video)) for video in rendered[0]])

    clean = rows(lambda video: video)
    assert frechet_distance(clean, clean) == pytest.approx(0.0, abs=1e-6)
    tints = [rows(lambda video, by=by: np.clip(video * np.array([1.0 + by, 1.0, 1.0 - by]), 0, 255).astype(np.uint8)) for by in (0.1, 0.4)]  # fmt: skip
    blurs = [rows(lambda video, by=by: _blurred(video, by)) for by in (1.0, 5.0)]
    for mild, strong in (tints, blurs):
        assert 0.0 < frechet_distance(clean, mild) < frechet_distance(clean, strong)


def test_features_see_that_nothing_moves(judges: Judges, rendered: Rendered) -> None:
    """A video that stands still is farther away than the same video with some noise."""
    clean = np.concatenate([frame_features(judges.features, video) for video in rendered[0]])
    rng = np.random.default_rng(0)
    noisy = [np.clip(video + rng.normal(0.0, 2.0, video.shape), 0, 255).astype(np.uint8) for video in rendered[0]]
    noisy_rows = np.concatenate([frame_features(judges.features, video) for video in noisy])
    frozen = np.concatenate(
        [frame_features(judges.features, np.repeat(video[:1], NUM_FRAMES, axis=0)) for video in rendered[0]]
    )
    assert frechet_distance(clean, frozen) > 2.0 * frechet_distance(clean, noisy_rows)


def test_equal_futures_have_no_diversity(judges: Judges, rendered: Rendered) -> None:
    features = [frame_features(judges.features, video) for video in rendered[0]]
    rng = np.random.default_rng(0)
    assert mean_diversity(np.stack([features[0]] * 4), rng).value == 0.0
    assert mean_diversity(np.stack([features[0]] * 3 + [features[1]]), rng).value > 0.0
    assert (
        mean_diversity(np.stack(features), rng).value
        > mean_diversity(np.stack([features[0]] * 3 + [features[1]]), rng).value
    )
