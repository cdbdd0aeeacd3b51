"""Procedural scenes through nuScenes' layout and the real devkit, and back as samples."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import Box as DevkitBox
from nuscenes.utils.geometry_utils import view_points
from nuscenes.utils.splits import create_splits_scenes
from pyquaternion import Quaternion

from drivesim.conditioning.build import build_controls
from drivesim.controls import Control
from drivesim.datasets.nuscenes import NuScenesDataset, check_nuscenes
from drivesim.datasets.nuscenes.categories import CATEGORY_OF, LEFT_OUT
from drivesim.datasets.nuscenes.tables import TABLES
from drivesim.errors import InputError
from drivesim.exports.nuscenes_vocabulary import CATEGORY_NAMES
from drivesim.geometry import project, rotation_of_quaternion, transform_points, wrap_angle
from drivesim.renderer.world import ProceduralWorld
from drivesim.scene import CATEGORIES, Box, Scene

VERSION = "v1.0-drivesim"
KEYS = (0, 6, 12)

#: Corners of nuScenes' Box in the order of ours.
SAME_CORNERS = [3, 2, 6, 7, 0, 1, 5, 4]


def read(root, **settings) -> NuScenesDataset:
    return NuScenesDataset(root, VERSION, **{"num_frames": 13, "height": 40, "width": 80, **settings})


@pytest.fixture(scope="module")
def devkit(exported) -> NuScenes:
    return NuScenes(VERSION, str(exported.root), verbose=False)


def pairs(scene: Scene, source: Scene, frame: int):
    """Each actor of ``source`` that is present at a frame with the nearest one that came back there."""
    back = [actor for actor in scene.actors if actor.track.present[frame]]
    for actor in source.actors:
        if actor.track.present[frame]:
            near = min(
                back, key=lambda a: float(np.linalg.norm(a.track.positions[frame] - actor.track.positions[frame]))
            )
            yield actor, near


def test_the_devkit_opens_the_folder_and_finds_nothing_amiss(exported, devkit) -> None:
    assert set(devkit.table_names) == set(TABLES)
    assert check_nuscenes(exported.root) == []
    assert [scene["nbr_samples"] for scene in devkit.scene] == [3, 3]
    assert len(devkit.sample_data) == 26
    for row in devkit.sample_data:
        path, _, matrix = devkit.get_sample_data(row["token"])
        assert path.endswith(row["filename"]) and matrix.shape == (3, 3)
        assert ("samples/" in path) == row["is_key_frame"]
    assert all(row["num_lidar_pts"] >= 1 for row in devkit.sample_annotation)


@pytest.mark.parametrize(("name", "split"), [("alpha", "train"), ("beta", "val")])
def test_boxes_and_poses_come_back(exported, name: str, split: str) -> None:
    """Within 1 cm and 0.1 degrees at key frames; linear interpolation at sweeps costs a few centimetres more."""
    sample, source = read(exported.root, split=split)[0], exported.scenes[name]
    assert sample.scene.name == name
    np.testing.assert_allclose(sample.scene.ego.positions, source.ego.positions, atol=0.01)
    np.testing.assert_allclose(sample.scene.ego.yaw_rad, source.ego.yaw_rad, atol=np.deg2rad(0.1))
    np.testing.assert_allclose(sample.scene.ego.speed_mps[1:-1], source.ego.speed_mps[1:-1], atol=0.05)
    compared = 0
    for frame in KEYS:
        assert len(sample.scene.boxes(frame)) == len(source.boxes(frame))
        for actor, back in pairs(sample.scene, source, frame):
            np.testing.assert_allclose(back.track.positions[frame], actor.track.positions[frame], atol=0.01)
            turned = wrap_angle(back.track.yaw_rad[frame] - actor.track.yaw_rad[frame])
            assert abs(float(turned)) < np.deg2rad(0.1)
            assert (back.category, back.parked) == (actor.category, actor.parked)
            assert back.box(frame).to_wlh() == pytest.approx(actor.box(frame).to_wlh())
            compared += 1
    assert compared > 15
    errors = [
        float(np.linalg.norm(back.track.positions[frame] - actor.track.positions[frame]))
        for frame in set(range(13)) - set(KEYS)
        for actor, back in pairs(sample.scene, source, frame)
        if actor.track.present[[0, 6, 12]].all()
    ]
    # Half a second at a m/s2 bends a path a * 0.5^2 / 8 away from its chord: 0.15 m at 5 m/s2.
    assert max(errors) < 0.15


def test_pictures_camera_and_times(exported) -> None:
    sample, source = read(exported.root)[0], exported.scenes["alpha"]
    full = ProceduralWorld(source, source.seed).render_rgb(7, 160, 90)
    halved = full[5:85].reshape(40, 2, 80, 2, 3).mean(axis=(1, 3))
    assert np.abs(sample.clip.frames[7] - halved).mean() < 4.0
    assert np.abs(sample.large.astype(float) - sample.large.mean()).mean() > 5.0
    assert sample.large.shape == (80, 160, 3)
    np.testing.assert_allclose(np.diff(sample.times_us), 1e6 / 12, atol=1)
    camera = source.camera.resized(160, 90).cropped(0, 5, 160, 80).resized(80, 40)
    assert sample.scene.camera.intrinsics() == pytest.approx(camera.intrinsics())
    assert sample.scene.camera.ego_from_optical() == pytest.approx(camera.ego_from_optical())
    assert sample.scene.environment.hour == pytest.approx(source.environment.hour, abs=0.01)
    told = {Control.ACTORS, Control.MOTION, Control.ATTRIBUTES}
    assert sample.known == told, "of the road there is no map here, of houses and trees nuScenes says nothing"
    controls = build_controls(sample.scene)
    assert controls.given() == told and controls.actors.any()
    assert read(exported.root, height=80, width=160)[0].large is None


def test_projection_equals_the_devkits(exported, devkit, copy_of) -> None:
    """On random boxes, in the whole picture and in the cut and scaled one, also from an ego that is not level."""
    generator = np.random.default_rng(4)
    tilted = copy_of()
    tilt = Quaternion(axis=[0.3, 1.0, 0.0], degrees=2.5)
    poses = [
        {**row, "rotation": list((Quaternion(row["rotation"]) * tilt).elements)} for row in tilted.rows("ego_pose")
    ]
    tilted.write("ego_pose", poses)
    for folder, tolerance in ((exported, 1e-6), (tilted, 0.02)):
        database = NuScenes(VERSION, str(folder.root), verbose=False)
        row = folder.frames_of("alpha")[0]
        pose = database.get("ego_pose", row["ego_pose_token"])
        mount = database.get("calibrated_sensor", row["calibrated_sensor_token"])
        scene = read(folder.root)[0].scene
        yaw = Quaternion(pose["rotation"]).yaw_pitch_roll[0]
        for _ in range(20):
            box = Box.from_wlh(
                centre=generator.uniform([8.0, -4.0, 0.0], [40.0, 4.0, 2.0]),
                wlh=generator.uniform([0.5, 1.0, 0.5], [3.0, 8.0, 4.0]),
                yaw_rad=float(generator.uniform(-3.0, 3.0)),
            )
            theirs = DevkitBox([box.x, box.y, box.z], list(box.to_wlh()), Quaternion(axis=[0, 0, 1], angle=box.yaw_rad))
            theirs.rotate(Quaternion(axis=[0, 0, 1], angle=yaw))
            theirs.rotate(Quaternion(pose["rotation"]).inverse)
            theirs.translate(-np.array(mount["translation"]))
            theirs.rotate(Quaternion(mount["rotation"]).inverse)
            expected = view_points(theirs.corners(), np.array(mount["camera_intrinsic"]), normalize=True)[:2].T
            points = transform_points(scene.optical_from_world(0), box.corners())
            ours = project(points, scene.camera.intrinsics())
            np.testing.assert_allclose(ours, (expected[SAME_CORNERS] - [0, 5]) / 2, atol=tolerance)
            whole = exported.scenes["alpha"].camera.resized(160, 90).intrinsics()
            np.testing.assert_allclose(project(points, whole), expected[SAME_CORNERS], atol=2 * tolerance)


def test_splits_are_respected(exported) -> None:
    names = {
        split: {s.scene.name for s in read(exported.root, split=split, num_frames=4)} for split in ("train", "val")
    }
    assert names == {"train": {"alpha"}, "val": {"beta"}}
    assert read(exported.root).describe()["splits_from"] == "splits.json"


def test_official_splits_come_from_the_devkit(copy_of) -> None:
    """Without a splits.json of its own, scenes are looked up by name in the devkit's list."""
    folder = copy_of()
    (folder.root / VERSION / "splits.json").unlink()
    (folder.root / VERSION).rename(folder.root / "v1.0-trainval")
    official = create_splits_scenes()
    rows = json.loads((folder.root / "v1.0-trainval/scene.json").read_text())
    rows[0]["name"], rows[1]["name"] = official["val"][0], official["train"][3]
    (folder.root / "v1.0-trainval/scene.json").write_text(json.dumps(rows))
    dataset = NuScenesDataset(folder.root, height=40, width=80)
    assert {sample.scene.name for sample in dataset} == {official["train"][3]}
    assert dataset.describe()["splits_from"] == "nuscenes-devkit"
    with pytest.raises(InputError, match=r"no split 'mini_train'.*train, val"):
        NuScenesDataset(folder.root, split="mini_train")


def test_windows_and_rates(exported) -> None:
    dataset = read(exported.root, num_frames=4)
    assert [sample.id for sample in dataset] == ["alpha/00000", "alpha/00004", "alpha/00008"]
    second = dataset[1]
    assert second.scene.ego.positions[0] == pytest.approx([0.0, 0.0, 0.0])
    assert second.scene.ego.yaw_rad[0] == pytest.approx(0.0)
    assert len(read(exported.root, num_frames=4, stride=1)) == 10
    slow = read(exported.root, num_frames=3, fps=2.0)[0]
    assert np.diff(slow.times_us).tolist() == [500_000, 500_000]
    # 5 Hz from 12 Hz: the nearest frame is up to half of 83 ms away.
    rough = read(exported.root, num_frames=5, fps=5.0)[0]
    grid = np.arange(5) * 200_000
    assert 0 < np.abs(rough.times_us - rough.times_us[0] - grid).max() <= 41_667
    with pytest.raises(InputError, match="no window of 40 frames at 12 fps"):
        read(exported.root, num_frames=40)


def test_a_sample_is_a_pure_function_of_the_index_in_every_process(exported) -> None:
    dataset = read(exported.root, num_frames=4)
    data = pickle.dumps(dataset)
    assert len(data) < 10_000
    again = pickle.loads(data)
    for index in (2, 0):
        first, second = dataset[index], again[index]
        np.testing.assert_array_equal(first.clip.frames, second.clip.frames)
        np.testing.assert_array_equal(first.scene.ego.positions, second.scene.ego.positions)
    assert dataset.describe() == again.describe() == read(exported.root, num_frames=4).describe()
    assert json.loads(json.dumps(dataset.describe())) == dataset.describe()
    assert dataset.describe() != read(exported.root, num_frames=4, stride=1).describe()
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_categories_are_those_of_the_detection_task(copy_of) -> None:
    emergency = {"vehicle.emergency.police": "car", "vehicle.emergency.ambulance": "truck"}
    for name in CATEGORY_NAMES:
        assert CATEGORY_OF.get(name) == (category_to_detection_name(name) or emergency.get(name))
    assert set(CATEGORY_OF) | set(LEFT_OUT) == set(CATEGORY_NAMES) and len(CATEGORY_NAMES) == 23
    assert set(CATEGORY_OF.values()) == set(CATEGORIES)
    folder = copy_of()
    animal = next(row["token"] for row in folder.rows("category") if row["name"] == "animal")
    instances = folder.rows("instance")
    before = len(read(folder.root)[0].scene.actors)
    instances[0]["category_token"] = animal
    folder.write("instance", instances)
    dataset = read(folder.root)
    assert len(dataset[0].scene.actors) == before - 1
    count = instances[0]["nbr_annotations"]
    assert dataset.describe()["boxes_left_out"] == {"animal": count}
    assert (
        dataset.notes[0].startswith(f"{count} boxes of animal were left out; where one is in the picture")
        and "no map" in dataset.notes[1]
    )


def test_a_rotation_of_a_quaternion_equals_the_devkits() -> None:
    generator = np.random.default_rng(2)
    for _ in range(20):
        quaternion = generator.normal(size=4)
        np.testing.assert_allclose(
            rotation_of_quaternion(quaternion), Quaternion(quaternion).rotation_matrix, atol=1e-12
        )
    with pytest.raises(ValueError, match="no rotation"):
        rotation_of_quaternion(np.zeros(4))
