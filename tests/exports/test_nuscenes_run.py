"""A run in nuScenes' layout: the real devkit loads it, and its detection evaluation runs on what was measured."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from nuscenes.eval.detection.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.nuscenes import NuScenes

from drivesim.exports.contents import Contents
from drivesim.exports.nuscenes import VERSION
from drivesim.exports.nuscenes_run import DETECTIONS_NAME, SPLIT, write_nuscenes_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Path:
    made = tmp_path_factory.mktemp("nuscenes")
    write_nuscenes_run(made, [contents])
    return made


@pytest.fixture(scope="module")
def devkit(folder: Path) -> NuScenes:
    return NuScenes(VERSION, str(folder), verbose=False)


def test_the_devkit_loads_scene_camera_and_boxes(folder: Path, devkit: NuScenes, contents: Contents) -> None:
    (scene,) = devkit.scene
    assert scene["name"] == "tiny-cut-in-v000-f01" and "synthetic" in scene["description"]
    sample = devkit.get("sample", scene["first_sample_token"])
    path, boxes, intrinsics = devkit.get_sample_data(sample["data"]["CAM_FRONT"])
    np.testing.assert_allclose(intrinsics, contents.scene.camera.intrinsics())
    assert b"synthetic" in Path(path).read_bytes()[:80]
    assert (
        len(boxes) >= len(contents.conditioned.boxes[0]) > 0
    )  # the devkit counts those that only touch the border too
    assert json.loads((folder / VERSION / "drivesim.json").read_text())["synthetic"] is True


def test_detection_evaluation_runs_and_finds_what_is_half_a_metre_off(
    tmp_path: Path, folder: Path, devkit: NuScenes
) -> None:
    evaluation = DetectionEval(
        devkit,
        config_factory("detection_cvpr_2019"),
        str(folder / DETECTIONS_NAME),
        SPLIT,
        str(tmp_path),
        verbose=False,
    )
    metrics, _ = evaluation.evaluate()
    assert metrics.get_label_ap("car", 1.0) > 0.3 and metrics.get_label_ap("car", 1.0) >= metrics.get_label_ap(
        "car", 0.5
    )
    assert metrics.get_label_tp("car", "trans_err") == pytest.approx(0.5, abs=0.01)
    assert metrics.get_label_tp("car", "scale_err") < 0.01


def test_boxes_that_nobody_can_see_claim_no_point(tmp_path: Path, contents: Contents) -> None:
    unseen = dataclasses.replace(contents.conditioned, boxes=((),) * 12)
    write_nuscenes_run(tmp_path / "n", [dataclasses.replace(contents, conditioned=unseen, measured=None)])
    rows = json.loads((tmp_path / "n" / VERSION / "sample_annotation.json").read_text())
    assert rows and {row["num_lidar_pts"] for row in rows} == {0}
    assert not (tmp_path / "n" / DETECTIONS_NAME).exists()
