"""Targets decode back to the boxes that they were made from, and nothing unknown or uncounted is taught."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.conditioning import scene_attributes
from drivesim.conditioning.projection import ImageBox, image_boxes
from drivesim.controls import ATTRIBUTE_CHANNELS
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.judges.probe import (
    BoxLabels,
    CountingRule,
    FrameLabels,
    ProbeOutputs,
    ProbeTargets,
    box_labels,
    build_targets,
    decode_motion,
    decode_objects,
    decode_semantic,
    scene_labels,
)
from drivesim.judges.probe.labels import ego_steps, visible_attributes
from drivesim.judges.probe.network import PROBE_ATTRIBUTES, SEMANTIC_CLASSES
from drivesim.judges.probe.targets import semantic_shares
from drivesim.renderer.semantics import Semantic
from drivesim.scene import CATEGORIES, CLASS_OF_CATEGORY


def ideal(targets: ProbeTargets) -> ProbeOutputs:
    """The outputs of a network that makes no mistake."""
    return ProbeOutputs(
        heatmap=torch.logit(targets.heatmap.clamp(1e-6, 1.0 - 1e-6)),
        size=targets.size,
        offset=targets.offset,
        log_distance=targets.log_distance,
        semantic=targets.semantic,
        attributes=targets.attributes,
        motion=targets.motion,
    )


def labels_of(*rows: tuple[str, tuple[float, float, float, float], float, bool]) -> BoxLabels:
    """Labels in a picture of 1024 x 512 from (category, box, metres, counts)."""
    return BoxLabels(
        width=1024,
        height=512,
        category=np.array([CATEGORIES.index(row[0]) for row in rows], dtype=np.int64),
        xyxy=np.array([row[1] for row in rows], dtype=float).reshape(-1, 4),
        distance_m=np.array([row[2] for row in rows], dtype=float),
        counts=np.array([row[3] for row in rows], dtype=bool),
    )


def seen(**changes) -> ImageBox:
    """A car that counts, with changes."""
    values = {
        "actor_index": 0,
        "actor_id": "a",
        "category": "car",
        "x_min": 400.0,
        "y_min": 200.0,
        "x_max": 480.0,
        "y_max": 260.0,
        "depth_m": 20.0,
        "visible_share": 1.0,
        "truncated": False,
    }
    return ImageBox(**(values | changes))


def test_targets_decode_back_to_their_own_boxes() -> None:
    rows = (
        ("pedestrian", (101.3, 220.7, 113.9, 251.2), 31.7, True),
        ("car", (300.25, 240.5, 371.75, 290.0), 18.2, True),
        ("truck", (600.0, 100.0, 1023.5, 400.0), 7.3, True),
        ("traffic_cone", (2.0, 300.0, 10.0, 313.0), 9.9, True),
    )
    frame = labels_of(*rows)
    (found,) = decode_objects(ideal(build_targets([FrameLabels(boxes=frame)])), 1024, 512)
    order = np.argsort(found.xyxy[:, 0])
    wanted = np.argsort(frame.xyxy[:, 0])
    np.testing.assert_allclose(found.xyxy[order], frame.xyxy[wanted], atol=2e-3)
    np.testing.assert_allclose(found.distance_m[order], frame.distance_m[wanted], rtol=1e-5)
    np.testing.assert_array_equal(found.category[order], frame.category[wanted])


def test_boxes_of_sampled_scenes_come_back() -> None:
    """Only boxes whose centres share a cell may be lost, and those are rare."""
    wanted = found_again = 0
    for seed in range(2_000_000, 2_000_006):
        scene = sample_scene(seed, 2)
        boxes = box_labels(image_boxes(scene, 0), 1024, 512)
        (found,) = decode_objects(ideal(build_targets([FrameLabels(boxes=boxes)])), 1024, 512)
        for row in np.flatnonzero(boxes.counts):
            wanted += 1
            near = np.abs(found.xyxy - boxes.xyxy[row]).max(axis=1, initial=0.0) < 0.01
            found_again += bool((near & (found.category == boxes.category[row])).any())
    assert wanted > 15
    assert found_again >= 0.95 * wanted


def test_boxes_that_do_not_count_are_not_taught_either_way() -> None:
    frame = labels_of(
        ("car", (400.0, 200.0, 600.0, 300.0), 10.0, False),
        ("pedestrian", (440.0, 210.0, 470.0, 290.0), 8.0, True),
        ("bus", (800.0, 100.0, 900.0, 200.0), 30.0, False),
    )
    targets = build_targets([FrameLabels(boxes=frame)])
    assert targets.is_centre.sum() == 1
    weight = targets.heat_weight[0, 0]
    assert weight[50 // 2, 420 // 8] == 0.0, "inside the car that does not count"
    assert weight[250 // 8, 455 // 8] == 1.0, "the pedestrian in front of it"
    assert weight[150 // 8, 850 // 8] == 0.0
    assert weight[10, 10] == 1.0, "elsewhere a phantom is one"


def test_the_nearer_of_two_boxes_takes_a_shared_cell() -> None:
    frame = labels_of(
        ("car", (400.0, 200.0, 480.0, 260.0), 10.0, True), ("truck", (300.0, 100.0, 580.0, 360.0), 14.0, True)
    )
    targets = build_targets([FrameLabels(boxes=frame)])
    assert targets.is_centre.sum() == 1
    assert torch.exp(targets.log_distance.max()) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"y_max": 211.0}, False),
        ({"visible_share": 0.3}, False),
        ({"truncated": True}, False),
        ({"depth_m": 50.0}, False),
    ],
)
def test_which_boxes_count(changes: dict, counts: bool) -> None:
    assert box_labels([seen(**changes)], 1024, 512, fog_visibility_m=80.0).counts.tolist() == [counts]


def test_a_box_that_scenery_hides_does_not_count() -> None:
    semantic = np.full((256, 512), Semantic.BUILDING, dtype=np.uint8)
    assert not box_labels([seen()], 1024, 512, semantic=semantic).counts[0]
    semantic[100:130, 200:220] = Semantic.CAR
    assert box_labels([seen()], 1024, 512, semantic=semantic).counts[0]
    strict = CountingRule(min_drawn_share=0.9)
    assert not box_labels([seen()], 1024, 512, semantic=semantic, rule=strict).counts[0]


def test_semantic_targets_are_shares_and_decode_to_the_majority() -> None:
    semantic = np.full((128, 256), Semantic.ROAD, dtype=np.uint8)
    semantic[:, :1] = Semantic.LANE_PAINT
    semantic[::2, 2] = Semantic.SKY
    shares = semantic_shares(semantic)
    assert shares[Semantic.LANE_PAINT, 5, 0] == 0.5 and shares[Semantic.SKY, 5, 1] == 0.25
    assert np.allclose(shares.sum(0), 1.0)
    targets = build_targets([FrameLabels(semantic=semantic)])
    assert (decode_semantic(ideal(targets))[0][:, 1:] == Semantic.ROAD).all()
    with pytest.raises(ValueError, match="multiple of 64x128"):
        semantic_shares(semantic[:100])


def test_the_classes_are_the_renderers() -> None:
    assert [member.name.lower() for member in Semantic] == list(SEMANTIC_CLASSES)
    assert set(CLASS_OF_CATEGORY) == set(CATEGORIES)
    assert len(PROBE_ATTRIBUTES) == len(ATTRIBUTE_CHANNELS) - 2


def test_motion_of_a_scene_is_its_speed_and_yaw_rate() -> None:
    scene = sample_scene(2_000_003, 12)
    steps = ego_steps(scene)
    assert np.isnan(steps[0]).all()
    speeds = 0.5 * (scene.ego.speed_mps[1:] + scene.ego.speed_mps[:-1])
    np.testing.assert_allclose(steps[1:, 0] * scene.fps, speeds, atol=0.3)
    targets = build_targets([FrameLabels(motion=steps[5])])
    speed, yaw_rate = decode_motion(ideal(targets), 1.0 / scene.fps)[0]
    assert speed == pytest.approx(steps[5, 0] * scene.fps, rel=1e-5)
    assert yaw_rate == pytest.approx(steps[5, 1] * scene.fps, rel=1e-4, abs=1e-6)


def test_labels_of_a_scenes_window() -> None:
    scene = sample_scene(2_000_001, 3)
    boxes = [image_boxes(scene, frame) for frame in range(3)]
    attributes = np.repeat(scene_attributes(scene)[None], 3, axis=0)
    labels = scene_labels(scene, boxes, attributes=attributes)
    assert [label.motion is None for label in labels] == [True, False, False]
    darkness = labels[1].attributes[PROBE_ATTRIBUTES.index("darkness")]
    assert darkness == pytest.approx(scene.environment.darkness)
    targets = build_targets(labels)
    assert targets.motion_known.tolist() == [0.0, 1.0, 1.0] and targets.semantic_known.tolist() == [0.0] * 3
    assert visible_attributes(attributes).shape == (3, len(PROBE_ATTRIBUTES))


def test_labels_must_agree_in_length() -> None:
    with pytest.raises(ValueError, match=r"expected \(A, 4\)"):
        BoxLabels(
            width=8,
            height=4,
            category=np.zeros(2, int),
            xyxy=np.zeros((1, 4)),
            distance_m=np.ones(2),
            counts=np.ones(2),
        )
