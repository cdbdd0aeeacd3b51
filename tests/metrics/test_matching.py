"""Matching on hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.judges.probe import BoxLabels, Detections
from drivesim.judges.probe.box_overlap import overlaps
from drivesim.metrics.matching import (
    detection_table,
    match,
    object_table,
    share,
)
from drivesim.metrics.wilson import wilson_interval

CAR, TRUCK = 0, 1


def labels(*boxes: tuple[int, float, float, float, float], counts: list[bool] | None = None) -> BoxLabels:
    return BoxLabels(
        width=1024,
        height=512,
        category=np.array([box[0] for box in boxes], dtype=int),
        xyxy=np.array([box[1:] for box in boxes], dtype=float).reshape(-1, 4),
        distance_m=np.full(len(boxes), 20.0),
        counts=np.ones(len(boxes), dtype=bool) if counts is None else np.array(counts),
    )


def detections(*boxes: tuple[int, float, float, float, float]) -> Detections:
    return Detections(
        category=np.array([box[0] for box in boxes], dtype=int),
        score=np.linspace(0.9, 0.5, len(boxes)),
        xyxy=np.array([box[1:] for box in boxes], dtype=float).reshape(-1, 4),
        distance_m=np.full(len(boxes), 22.0),
    )


def test_overlaps_by_hand() -> None:
    boxes = np.array([[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [20.0, 20.0, 30.0, 30.0], [4.0, 4.0, 4.0, 9.0]])
    found = overlaps(boxes, boxes)
    assert found[0, 1] == pytest.approx(1.0 / 3.0)
    assert found[0, 2] == 0.0 and found[3, 3] == 0.0 and found[0, 0] == 1.0


def test_each_label_takes_one_detection_and_the_best() -> None:
    result = match(
        labels((CAR, 0, 0, 100, 100), (CAR, 300, 0, 400, 100)),
        detections((CAR, 10, 0, 110, 100), (CAR, 2, 0, 102, 100), (CAR, 700, 0, 800, 100)),
    )
    assert result.found.tolist() == [1, -1]
    assert result.taken.tolist() == [-1, 0, -1]
    assert result.phantom.tolist() == [True, False, True], "a second box on the same car is a phantom too"


def test_the_larger_overlap_goes_first() -> None:
    result = match(
        labels((CAR, 0, 0, 100, 100), (CAR, 20, 0, 120, 100)), detections((CAR, 20, 0, 120, 100), (CAR, 0, 0, 100, 100))
    )
    assert result.found.tolist() == [1, 0]


def test_the_pairing_with_the_largest_sum_leaves_nobody_out() -> None:
    """Taking the largest overlap first would give the first label the only detection that the second one can have."""
    frame = labels((CAR, 0, 0, 100, 100), (CAR, 25, 0, 125, 100))
    found = detections((CAR, 5, 0, 105, 100), (CAR, -25, 0, 75, 100))
    assert overlaps(frame.xyxy, found.xyxy)[1, 1] < 0.5
    assert match(frame, found).found.tolist() == [1, 0]


def test_class_must_agree_unless_told_otherwise() -> None:
    frame, found = labels((CAR, 0, 0, 100, 100)), detections((TRUCK, 0, 0, 100, 100))
    assert match(frame, found).found.tolist() == [-1] and match(frame, found).phantom.tolist() == [True]
    assert match(frame, found, same_class=False).found.tolist() == [0]


def test_boxes_that_do_not_count_are_neither_missed_nor_phantoms() -> None:
    frame = labels((CAR, 0, 0, 100, 100), (TRUCK, 200, 0, 400, 100), counts=[False, False])
    result = match(frame, detections((CAR, 0, 0, 100, 100), (CAR, 250, 20, 290, 60), (CAR, 600, 0, 700, 100)))
    assert result.phantom.tolist() == [False, False, True]
    table, rows = object_table([result]), detection_table([result])
    assert len(table.found) == 0
    assert rows.right.tolist() == [False]


def test_a_label_that_counts_is_served_before_one_that_does_not() -> None:
    frame = labels((CAR, 0, 0, 100, 100), (CAR, 5, 0, 105, 100), counts=[False, True])
    assert match(frame, detections((CAR, 0, 0, 100, 100))).found.tolist() == [-1, 0]


def test_empty_frames() -> None:
    nothing = match(labels(), detections())
    assert object_table([nothing]).found.size == 0 and detection_table([nothing]).right.size == 0
    assert match(labels((CAR, 0, 0, 9, 9)), detections()).found.tolist() == [-1]
    assert match(labels(), detections((CAR, 0, 0, 9, 9))).phantom.tolist() == [True]
    assert object_table([]).found.size == 0


def test_errors_and_shares_in_the_tables() -> None:
    result = match(
        labels((CAR, 0, 0, 100, 100), (CAR, 300, 0, 310, 10), (TRUCK, 500, 0, 600, 50)),
        detections((CAR, 6, 8, 106, 108), (TRUCK, 500, 0, 600, 50), (TRUCK, 800, 0, 900, 50)),
    )
    table = object_table([result, result])
    assert table.found.tolist() == [True, False, True] * 2
    assert table.centre_px[0] == pytest.approx(10.0) and np.isnan(table.centre_px[1])
    assert table.size_ratio[0] == pytest.approx(1.0) and table.distance_ratio[0] == pytest.approx(1.1)
    recall = {index: share("", table.found[table.category == index]) for index in (CAR, TRUCK)}
    assert [(recall[index].hits, recall[index].trials) for index in (CAR, TRUCK)] == [(2, 4), (2, 2)]
    rows = detection_table([result, result])
    assert [share("", rows.right[rows.category == index]).value for index in (CAR, TRUCK)] == [1.0, 0.5]
    assert np.isnan(share("none", np.zeros(0, dtype=bool)).value)


def test_wilson_interval() -> None:
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    low, high = wilson_interval(0, 10)
    assert low == 0.0 and high == pytest.approx(0.2775, abs=1e-4)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 hits of 2 trials"):
        wilson_interval(3, 2)
