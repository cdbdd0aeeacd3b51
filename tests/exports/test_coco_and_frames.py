"""COCO files that pycocotools loads and evaluates, and frame folders that come back through the reader of video folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from drivesim.datasets.video_folder import VideoFolderDataset, check_video_folder
from drivesim.exports.coco import LEAST_VISIBLE, write_coco
from drivesim.exports.contents import Contents
from drivesim.exports.frame_folder import attribute_words, write_frame_folder
from drivesim.geometry import invert_rigid, transform_points
from drivesim.runs.video import read_frames
from drivesim.scenarios import Scenario
from drivesim.scene import CATEGORIES, Environment


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_coco(folder, [contents])
    return folder


def test_pycocotools_loads_both_files_and_evaluates_one_against_the_other(coco: Path, contents: Contents) -> None:
    truth, found = (COCO(str(coco / "annotations" / f"{name}.json")) for name in ("conditioned", "measured"))
    assert truth.dataset["info"]["synthetic"] is True and "synthetic" in found.dataset["info"]["description"]
    assert [category["name"] for category in truth.loadCats(truth.getCatIds())] == list(CATEGORIES)
    assert len(truth.getImgIds()) == len(found.getImgIds()) == 12
    expected = sum(box.visible_share >= LEAST_VISIBLE for boxes in contents.conditioned.boxes for box in boxes)
    assert len(truth.getAnnIds()) == expected > 0
    evaluation = COCOeval(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert 0.0 < evaluation.stats[1] <= 1.0  # AP at an overlap of a half: the boxes are a pixel off


def test_boxes_are_x_y_width_height_inside_their_picture(coco: Path, contents: Contents) -> None:
    truth = COCO(str(coco / "annotations" / "conditioned.json"))
    image = truth.loadImgs(truth.getImgIds())[4]
    assert image["file_name"] == "tiny-cut-in-v000-f01/000004.jpg" and image["future"] == "tiny-cut-in/v000/f01"
    rows = truth.loadAnns(truth.getAnnIds(imgIds=[image["id"]]))
    shown = [box for box in contents.conditioned.boxes[4] if box.visible_share >= LEAST_VISIBLE]
    for row, box in zip(rows, shown, strict=True):
        assert row["bbox"] == pytest.approx(
            [box.x_min, box.y_min, box.x_max - box.x_min, box.y_max - box.y_min], abs=0.006
        )
        assert row["track_id"] == box.actor_id and row["iscrowd"] == 0
        assert row["area"] == pytest.approx(row["bbox"][2] * row["bbox"][3], rel=0.05)
    path = coco / "images" / image["file_name"]
    assert b"synthetic" in path.read_bytes()[:80]
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert (
        np.abs(picture.astype(int) - read_frames(contents.future.video)[4]).mean() < 12.0
    )  # the tiny model films noise


def test_what_was_told_in_the_first_frame_alone_names_that_picture_alone(tmp_path: Path, contents: Contents) -> None:
    import dataclasses

    known = np.arange(12) == 0
    told = dataclasses.replace(contents.conditioned, known=known, boxes=(contents.conditioned.boxes[0], *[()] * 11))
    write_coco(tmp_path, [dataclasses.replace(contents, conditioned=told)])
    data = json.loads((tmp_path / "annotations/conditioned.json").read_text())
    assert [image["frame"] for image in data["images"]] == [0]
    assert len(json.loads((tmp_path / "annotations/measured.json").read_text())["images"]) == 12


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Path:
    folder = tmp_path_factory.mktemp("frames") / "f01"
    folder.mkdir()
    write_frame_folder(folder, contents)
    return folder


def test_a_frame_folder_comes_back_as_a_sample_with_its_boxes(frames: Path, contents: Contents) -> None:
    assert check_video_folder(frames.parent, height=64, width=128) == []
    dataset = VideoFolderDataset(frames.parent, num_frames=8, fps=10.0, height=64, width=128, stride_s=0.4)
    assert list(dataset.problems) == []
    sample = dataset[0]
    scene, first = sample.scene, round(int(sample.times_us[0]) / 1e5)
    assert scene.camera.fx == pytest.approx(contents.scene.camera.fx)
    assert scene.environment.hour == pytest.approx(contents.scene.environment.hour, abs=0.01)
    shown = slice(first, first + 8)  # the tiny model films noise, of which the reader may take the start for a cut
    own = {actor.id: actor for actor in contents.scene.actors if actor.track.present[shown].any()}
    back = {actor.id: actor for actor in scene.actors}
    assert set(back) == set(own) >= {"challenger", "lead"}
    into_ego = invert_rigid(contents.ego.pose(first).matrix())
    for name, actor in back.items():
        assert actor.category == own[name].category
        expected = transform_points(into_ego, own[name].track.positions[shown])
        np.testing.assert_allclose(actor.track.positions, expected, atol=2e-3)
        turned = own[name].track.yaw_rad[shown] - contents.ego.yaw_rad[first]
        np.testing.assert_allclose(actor.track.yaw_rad, turned, atol=1e-4)


def test_tracks_and_picture_boxes_hold_both_sources(frames: Path, contents: Contents) -> None:
    rows = list(csv.DictReader((frames / "tracks.csv").open()))
    assert {row["source"] for row in rows} == {"conditioned", "measured"}
    third = [row for row in rows if row["frame"] == "2" and row["source"] == "measured" and row["class"] != "ego"]
    assert contents.measured is not None
    assert [row["track_id"] for row in third] == [a.id for a in contents.measured.actors if a.track.present[2]]
    assert float(third[0]["score"]) == pytest.approx(contents.measured.scores[third[0]["track_id"]], abs=1e-4)
    boxes = list(csv.DictReader((frames / "boxes2d.csv").open()))
    assert len(boxes) == sum(len(found) for traffic in contents.traffic for found in traffic.boxes)
    assert json.loads((frames / "provenance.json").read_text())["synthetic"] is True
    assert "synthetic" in json.loads((frames / "camera.json").read_text())["source"]


@pytest.mark.parametrize(
    "environment",
    [
        Environment(hour=22.5, street_lights=True),
        Environment(rain=0.6, wetness=0.7, sky="overcast"),
        Environment(snow=1.0, fog_visibility_m=120.0),
    ],
)
def test_weather_is_written_in_words_that_a_scenario_understands(environment: Environment) -> None:
    from drivesim.scenarios.concrete import environment_of

    back = environment_of(Scenario("weather").environment(**attribute_words(environment)))
    assert (back.hour, back.rain, back.snow, back.wetness) == (
        environment.hour, environment.rain, environment.snow, pytest.approx(environment.wetness, abs=0.15),
    )  # fmt: skip
    assert back.fog_visibility_m == environment.fog_visibility_m and back.street_lights == environment.street_lights
