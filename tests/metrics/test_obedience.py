"""Obedience on synthetic detections made from the labels: each fault is caught by its own figure, and ranked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drivesim.judges.probe import BoxLabels, Detections, FrameLabels
from drivesim.judges.probe.network import SEMANTIC_CLASSES
from drivesim.judges.probe.reading import Readings
from drivesim.metrics import tally
from drivesim.metrics.lane_paint import free_cells, majority_classes, road_overlap
from drivesim.metrics.obedience import FIGURES, Obedience, obedience_of, pool, shuffled

FPS, FRAMES = 10.0, 40
CAR, TRUCK, PEDESTRIAN = 0, 1, 5
ROAD, PAINT, TERRAIN = (SEMANTIC_CLASSES.index(name) for name in ("road", "lane_paint", "terrain"))


def commanded(seed: int) -> list[FrameLabels]:
    """Four objects of three classes that drift through the picture, a road with a line, and a steady ego motion."""
    rng = np.random.default_rng(seed)
    middle, speed = rng.uniform((100, 180), (900, 420), (4, 2)), rng.uniform(-6.0, 6.0, (4, 2))
    size = rng.uniform((30, 30), (140, 120), (4, 2))
    size[3] = (12.0, 18.0)  # counts, but is shorter than 24 px
    semantic = np.full((64, 128), TERRAIN, dtype=np.uint8)
    semantic[34:, 20:110] = ROAD
    line = int(rng.integers(40, 90))
    semantic[34:, line : line + 2] = PAINT
    forward, turn = rng.uniform(0.5, 2.5), np.radians(rng.uniform(-1.0, 1.0))
    frames = []
    for frame in range(FRAMES):
        centre = middle + frame * speed
        boxes = BoxLabels(
            width=1024,
            height=512,
            category=np.array([CAR, CAR, TRUCK, PEDESTRIAN]),
            xyxy=np.concatenate([centre - size / 2, centre + size / 2], axis=1),
            distance_m=np.array([10.0, 30.0, 60.0, 90.0]),
            counts=np.ones(4, dtype=bool),
        )
        motion = None if frame == 0 else np.array([forward, turn])
        frames.append(FrameLabels(boxes=boxes, semantic=semantic, attributes=rng.uniform(0, 1, 11), motion=motion))
    return frames


def read(labels: list[FrameLabels]) -> Readings:
    """What a perfect probe finds, on frames of half the size of the labels."""
    found = []
    for label in labels:
        boxes = label.boxes.resized(512, 256)
        found.append(
            Detections(
                category=boxes.category, score=np.full(len(boxes), 0.9), xyxy=boxes.xyxy, distance_m=boxes.distance_m
            )
        )
    motion = np.array([(np.nan, np.nan) if label.motion is None else label.motion for label in labels])
    return Readings(
        fps=FPS,
        width=512,
        height=256,
        detections=tuple(found),
        semantic=np.stack([label.semantic for label in labels]),
        attributes=np.stack([label.attributes for label in labels]),
        speed_mps=motion[:, 0] * FPS,
        yaw_rate_rps=motion[:, 1] * FPS,
    )


def with_boxes(readings: Readings, change) -> Readings:
    return dataclasses.replace(readings, detections=tuple(change(found) for found in readings.detections))


def figures(labels: list[FrameLabels], readings: Readings) -> dict[str, float]:
    summary = obedience_of(labels, readings).summary(np.random.default_rng(0))
    return {name: estimate.value for name, estimate in summary.figures.items()}


@pytest.fixture(scope="module")
def labels() -> list[FrameLabels]:
    return commanded(1)


@pytest.fixture(scope="module")
def perfect(labels) -> Readings:
    return read(labels)


def test_a_perfect_video_has_perfect_figures(labels, perfect) -> None:
    found = figures(labels, perfect)
    assert set(found) == set(FIGURES)
    ones = {name for name, note in FIGURES.items() if note.better == "higher"} | {"distance_ratio"}
    for name, value in found.items():
        assert value == pytest.approx(float(name in ones), abs=1e-9), name


def test_dropped_boxes_lower_recall_by_their_share_and_nothing_else(labels, perfect) -> None:
    found = figures(labels, with_boxes(perfect, lambda d: d.rows(np.array([0, 2, 3]))))
    assert found["recall"] == found["recall_any_class"] == 0.75
    assert found["recall_24px"] == pytest.approx(2 / 3)
    assert (found["precision"], found["phantoms_per_frame"]) == (1.0, 0.0)
    assert found["centre_error_px"] == pytest.approx(0.0, abs=1e-9)
    short = figures(labels, with_boxes(perfect, lambda d: d.rows(np.array([0, 1, 2]))))
    assert (short["recall"], short["recall_24px"]) == (0.75, 1.0)


def test_shifted_boxes_raise_the_centre_error_by_the_shift(labels, perfect) -> None:
    last = 0.0
    for shift in (0.5, 1.0, 2.0):  # of a picture 256 high
        moved = with_boxes(perfect, lambda d, by=shift: dataclasses.replace(d, xyxy=d.xyxy + [by, 0.0, by, 0.0]))
        found = figures(labels, moved)
        assert found["centre_error_px"] == pytest.approx(2.0 * shift)
        assert found["recall"] == 1.0 and found["size_error"] == pytest.approx(0.0)
        assert found["centre_error_relative"] > last
        last = found["centre_error_relative"]
    far = with_boxes(perfect, lambda d: dataclasses.replace(d, xyxy=d.xyxy + [300.0, 0.0, 300.0, 0.0]))
    lost = figures(labels, far)
    assert lost["recall"] < 0.1 and lost["phantoms_per_frame"] > 3.5


def test_size_and_distance_errors_are_logarithms_of_ratios(labels, perfect) -> None:
    def wider(found: Detections) -> Detections:
        grow = 0.1 * (found.xyxy[:, 2] - found.xyxy[:, 0])[:, None] * [-1.0, 0.0, 1.0, 0.0]
        return dataclasses.replace(found, xyxy=found.xyxy + grow, distance_m=0.8 * found.distance_m)

    found = figures(labels, with_boxes(perfect, wider))
    assert found["size_error"] == found["size_bias"] == pytest.approx(np.log(1.2))
    assert found["distance_error"] == pytest.approx(-np.log(0.8)) and found["distance_ratio"] == pytest.approx(0.8)
    assert found["recall"] == 1.0


def test_phantoms_are_counted_per_frame(labels, perfect) -> None:
    def haunted(number: int):
        extra = np.array([[5.0 + 14.0 * k, 2.0, 15.0 + 14.0 * k, 20.0] for k in range(number)])

        def change(found: Detections) -> Detections:
            return Detections(
                category=np.concatenate([found.category, np.full(number, CAR)]),
                score=np.concatenate([found.score, np.full(number, 0.5)]),
                xyxy=np.concatenate([found.xyxy, extra]),
                distance_m=np.concatenate([found.distance_m, np.full(number, 20.0)]),
            )

        return change

    for number in (1, 3):
        found = figures(labels, with_boxes(perfect, haunted(number)))
        assert found["phantoms_per_frame"] == number and found["precision"] == pytest.approx(4 / (4 + number))
        assert found["recall"] == 1.0


def test_a_wrong_class_shows_in_the_confusion_and_makes_no_phantom(labels, perfect) -> None:
    def confused(found: Detections) -> Detections:
        return dataclasses.replace(found, category=np.where(found.category == TRUCK, CAR, found.category))

    result = obedience_of(labels, with_boxes(perfect, confused))
    found = figures(labels, with_boxes(perfect, confused))
    assert found["class_accuracy"] == 0.75 == found["recall"] and found["recall_any_class"] == 1.0
    assert found["phantoms_per_frame"] == 0.0 and found["precision"] == 0.75
    assert result.confusion[TRUCK, CAR] == FRAMES and result.confusion[TRUCK].sum() == FRAMES
    assert result.confusion[CAR, CAR] == 2 * FRAMES
    gone = obedience_of(labels, with_boxes(perfect, lambda d: d.rows(np.zeros(0, dtype=int))))
    assert gone.confusion[:, -1].sum() == gone.confusion.sum() == 4 * FRAMES


def test_groups_by_class_distance_and_height(labels, perfect) -> None:
    without_far = with_boxes(perfect, lambda d: d.rows(d.distance_m < 70.0))
    groups = obedience_of(labels, without_far).summary(np.random.default_rng(0)).groups
    assert groups["recall/80-160 m"].value == groups["recall/pedestrian"].value == groups["recall/12-24 px"].value == 0
    assert groups["recall/0-20 m"].value == groups["recall/car"].value == groups["precision/truck"].value == 1.0
    assert "recall/bus" not in groups and "precision/pedestrian" not in groups


def test_speed_and_yaw_rate_errors_in_their_units(labels, perfect) -> None:
    off = dataclasses.replace(
        perfect, speed_mps=perfect.speed_mps - 1.5, yaw_rate_rps=perfect.yaw_rate_rps + np.radians(2.0)
    )
    found = figures(labels, off)
    assert found["speed_error_mps"] == pytest.approx(1.5) and found["speed_bias_mps"] == pytest.approx(-1.5)
    assert found["yaw_rate_error_dps"] == pytest.approx(2.0) == found["yaw_rate_bias_dps"]
    still = dataclasses.replace(perfect, speed_mps=0.0 * perfect.speed_mps)
    assert figures(labels, still)["speed_error_mps"] == pytest.approx(labels[1].motion[0] * FPS)


def test_moved_road_and_paint_lower_their_overlap_in_order(labels, perfect) -> None:
    values = []
    for shift in (0, 1, 2, 6):
        found = figures(labels, dataclasses.replace(perfect, semantic=np.roll(perfect.semantic, shift, axis=2)))
        values.append((found["road_iou"], found["lane_paint_iou"], found["lane_paint_near"]))
    road, paint, near = np.array(values).T
    assert (np.diff(road) < 0.0).all() and road[-1] > 0.8
    assert paint[0] == 1.0 and paint[1] == pytest.approx(1 / 3, abs=0.05) and paint[2] == paint[3] == 0.0
    assert near[0] == near[1] == 1.0 and near[3] == 0.0


def test_overlap_by_hand_and_cells_under_boxes_are_left_out(labels) -> None:
    wanted = np.full((128, 256), TERRAIN, dtype=np.uint8)
    wanted[64:96, :] = ROAD
    assert (majority_classes(wanted) == ROAD).sum() == 16 * 128
    found = np.full((64, 128), TERRAIN, dtype=np.uint8)
    found[40:56] = ROAD
    assert road_overlap(found, wanted, None)["road_iou"] == (8 * 128, 24 * 128)
    box = dataclasses.replace(
        labels[0].boxes,
        category=np.array([CAR]),
        xyxy=np.array([[0.0, 256.0, 1024.0, 319.0]]),  # rows 32 to 39 of the grid
        distance_m=np.ones(1),
        counts=np.array([False]),
    )
    assert (~free_cells(box)).sum() == 8 * 128
    assert road_overlap(found, wanted, box)["road_iou"] == (8 * 128, 16 * 128)


def test_shuffled_labels_fall_to_chance() -> None:
    videos = [commanded(seed) for seed in range(6)]
    readings = [read(video) for video in videos]
    rng = np.random.default_rng(0)
    others = shuffled(videos, rng)
    assert all(other is not video and other[0] is not video[0] for other, video in zip(others, videos, strict=True))
    own = pool([obedience_of(v, r) for v, r in zip(videos, readings, strict=True)], rng).figures
    chance = pool([obedience_of(v, r) for v, r in zip(others, readings, strict=True)], rng).figures
    assert own["recall"].value == 1.0 and chance["recall"].high < 0.2
    assert chance["speed_error_mps"].low > 0.5 > own["speed_error_mps"].value
    assert chance["lane_paint_iou"].high < 0.5 < own["lane_paint_iou"].value
    alone = shuffled(videos[:1], rng)[0]
    assert not any(a is b for a, b in zip(alone, videos[0], strict=True))
    with pytest.raises(ValueError, match="no labels"):
        shuffled([], rng)


def test_a_fault_of_one_second_shows_in_that_second(labels, perfect) -> None:
    found = list(perfect.detections)
    found[20:30] = [each.rows(np.array([0])) for each in found[20:30]]
    result = obedience_of(labels, dataclasses.replace(perfect, detections=tuple(found)))
    np.testing.assert_allclose(result.per_second()["recall"], [1.0, 1.0, 0.25, 1.0])
    assert result.curve("recall").shape == (FRAMES,) and result.curve("recall")[25] == 0.25
    recall = result.summary(np.random.default_rng(0)).figures["recall"]
    assert recall.value == pytest.approx(0.8125) and recall.low < 0.7 and recall.high == 1.0 and recall.count == 4


def test_videos_are_the_units_of_a_set_and_weigh_by_what_they_hold(labels, perfect) -> None:
    blind = with_boxes(perfect, lambda d: d.rows(np.zeros(0, dtype=int)))
    both = [obedience_of(labels, perfect), obedience_of(labels[:10], blind.window(0, 10))]
    summary = pool(both, np.random.default_rng(0))
    assert summary.figures["recall"].value == pytest.approx(FRAMES / (FRAMES + 10))
    assert (summary.figures["recall"].low, summary.figures["recall"].high) == (0.0, 1.0)
    assert summary.unit == "videos" and summary.figures["recall"].count == 2
    assert summary.confusion.sum() == 4 * (FRAMES + 10)
    with pytest.raises(ValueError, match="no videos"):
        pool([], np.random.default_rng(0))


def test_what_was_not_commanded_is_not_judged(labels, perfect) -> None:
    bare = [FrameLabels(motion=label.motion) for label in labels]
    result = obedience_of(bare, perfect)
    summary = result.summary(np.random.default_rng(0))
    assert np.isnan(summary.figures["recall"].value) and summary.figures["recall"].count == 0
    assert summary.figures["speed_error_mps"].value == pytest.approx(0.0)
    assert isinstance(result, Obedience) and result.matchings == (None,) * FRAMES
    with pytest.raises(ValueError, match="40 frames and readings of 5"):
        obedience_of(labels, perfect.window(0, 5))


def test_interval_of_a_ratio_agrees_with_the_bootstrap_by_hand() -> None:
    rng = np.random.default_rng(3)
    sums = np.stack([rng.integers(0, 5, 30), np.full(30, 5)], axis=1).astype(float)
    estimate = tally.ratios({"share": sums}, np.random.default_rng(0))["share"]
    again = [sums[rng.integers(30, size=30)].sum(axis=0) for _ in range(4000)]
    low, high = np.quantile([hits / trials for hits, trials in again], [0.025, 0.975])
    assert estimate.value == sums[:, 0].sum() / 150.0
    assert estimate.low == pytest.approx(low, abs=0.02) and estimate.high == pytest.approx(high, abs=0.02)
