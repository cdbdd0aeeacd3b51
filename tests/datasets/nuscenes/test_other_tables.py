"""nuScenes' layout as others fill it: names, sizes and clocks of their own; check and pack say the same."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from drivesim.cli.data_source import SourceOptions, check_source, kind_of, open_source
from drivesim.controls import Control
from drivesim.datasets.nuscenes import NuScenesDataset, check_nuscenes
from drivesim.datasets.nuscenes.categories import CATEGORY_OF, LEFT_OUT, read_category_map
from drivesim.errors import InputError

VERSION = "v1.0-drivesim"


def read(folder, **settings) -> NuScenesDataset:
    return NuScenesDataset(
        folder.root, **{"version": VERSION, "num_frames": 4, "height": 40, "width": 80, "split": "train", **settings}
    )


def rename_categories(folder) -> dict[str, str]:
    """Names as Lyft writes them: short ones; returns what each is."""
    rows = folder.rows("category")
    names = {row["name"]: row["name"].split(".")[-1] for row in rows}
    for row in rows:
        row["name"] = names[row["name"]]
    folder.write("category", rows)
    return {names[name]: CATEGORY_OF.get(name) for name in names}


def test_other_category_names_are_an_error_that_lists_them(copy_of) -> None:
    folder = copy_of()
    own = read(folder)[0]
    map_of_names = rename_categories(folder)
    (finding,) = check_nuscenes(folder.root)
    assert f"{VERSION}/category.json: boxes of " in str(finding) and "car (" in str(finding)
    assert "--category-map FILE" in str(finding) and '"car": "car"' in str(finding)
    with pytest.raises(InputError, match=r"names that nuScenes has not: .*car \(\d+\)"):
        read(folder)
    path = folder.root / "map.json"
    path.write_text(json.dumps(map_of_names))
    sample = read(folder, category_map=read_category_map(path))[0]
    assert [a.category for a in sample.scene.actors] == [a.category for a in own.scene.actors] and own.scene.actors
    assert sample.known == own.known and Control.ACTORS in own.known
    options = SourceOptions(frames=4, height=40, width=80, split="train")
    assert any("names that nuScenes has not" in line for line in check_source(str(folder.root), options).problems)
    told = check_source(str(folder.root), SourceOptions(**{**vars(options), "category_map": path}))
    assert told.problems == []


def test_where_boxes_are_left_out_the_actors_are_not_known(copy_of) -> None:
    folder = copy_of()
    own = read(folder)[0]
    seen = {actor.category for actor in own.scene.actors}
    without = read(folder, category_map={name: None for name, category in CATEGORY_OF.items() if category in seen})
    assert Control.ACTORS not in without[0].known and Control.MOTION in without[0].known
    assert without[0].scene.actors == ()
    assert all("the actors count as not known" in note for note in without.notes if "boxes of" in note)
    assert any("boxes of vehicle.car were left out" in note for note in without.notes)


def test_what_is_left_out_behind_the_camera_changes_nothing(copy_of) -> None:
    folder = copy_of()
    whole = read(folder)[0]
    animal = next(row["token"] for row in folder.rows("category") if row["name"] == LEFT_OUT[0])
    instances = folder.rows("instance")
    instances[0]["category_token"] = animal
    folder.write("instance", instances)
    rows, scene = folder.rows("sample_annotation"), folder.scenes["alpha"]
    ego = {row["token"]: row for row in folder.rows("ego_pose")}
    at = {row["sample_token"]: ego[row["ego_pose_token"]] for row in folder.frames_of("alpha") if row["is_key_frame"]}
    for metres, known in ((-40.0, True), (20.0, False)):
        for row in rows:
            if row["instance_token"] == instances[0]["token"]:
                pose, yaw = at[row["sample_token"]], float(scene.ego.yaw_rad[0])
                ahead = metres * np.array([np.cos(yaw), np.sin(yaw), 0.0])
                row["translation"] = (np.array(pose["translation"]) + ahead + [0.0, 0.0, 1.0]).tolist()
        folder.write("sample_annotation", rows)
        sample = read(folder)[0]
        assert len(sample.scene.actors) == len(whole.scene.actors) - 1
        assert (Control.ACTORS in sample.known) == known


def test_a_map_of_categories_is_checked(tmp_path) -> None:
    for text, expected in (("[1]", "expected an object"), ("{", "as JSON"), ('{"car": "auto"}', "expected car, truck")):
        (tmp_path / "map.json").write_text(text)
        with pytest.raises(InputError, match=expected):
            read_category_map(tmp_path / "map.json")


def test_tables_in_a_folder_of_another_name(copy_of) -> None:
    folder = copy_of()
    (folder.root / VERSION).rename(folder.root / "v1.01-train")
    assert kind_of(str(folder.root)) == "nuScenes"
    (folder.root / "v1.01-train" / "splits.json").unlink()
    options = {"frames": 4, "height": 40, "width": 80}
    found = check_source(str(folder.root), SourceOptions(**options))
    (line,) = found.problems
    assert "none of the" in line and "'all' takes every scene" in line
    assert check_source(str(folder.root), SourceOptions(**options, split="all")).problems == []
    assert len(open_source(str(folder.root), SourceOptions(**options, split="all"))) == 6


def test_a_lidar_has_no_size(copy_of) -> None:
    folder = copy_of()
    folder.write("sensor", [*folder.rows("sensor"), {"token": "l", "channel": "LIDAR_TOP", "modality": "lidar"}])
    mounts, frames = folder.rows("calibrated_sensor"), folder.rows("sample_data")
    folder.write(
        "calibrated_sensor", [*mounts, {**mounts[0], "token": "m", "sensor_token": "l", "camera_intrinsic": []}]
    )
    sweep = {**frames[0], "token": "s", "calibrated_sensor_token": "m", "prev": "", "next": ""}
    sweep.pop("height"), sweep.pop("width")
    folder.write("sample_data", [*frames, sweep])
    assert check_nuscenes(folder.root) == []
    frames[3].pop("width")
    folder.write("sample_data", frames)
    folder.write("sensor", folder.rows("sensor"))
    (finding,) = check_nuscenes(folder.root)
    assert "of cameras without width" in str(finding) and "Unpack" not in str(finding)


@pytest.mark.parametrize(("value", "expected"), [(-1e7, "time does not rise"), ("soon", "'soon' is no finite number")])
def test_times_that_are_no_whole_numbers(copy_of, value, expected: str) -> None:
    folder = copy_of()
    seventh = folder.frames_of("alpha")[7]["token"]
    rows = [{**row, "timestamp": float(row["timestamp"])} for row in folder.rows("sample_data")]
    for row in rows:
        if row["token"] == seventh:
            row["timestamp"] = value if isinstance(value, str) else row["timestamp"] + value
    folder.write("sample_data", rows)
    lines = [str(finding) for finding in check_nuscenes(folder.root)]
    assert any(expected in line for line in lines)
    if isinstance(value, str):
        with pytest.raises(InputError, match=r"sample_data\.json"):
            read(folder)
    else:
        assert read(folder).problems == lines


def test_pictures_resized_on_disk(copy_of) -> None:
    folder = copy_of()
    for path in (folder.root / "samples/CAM_FRONT").iterdir():
        cv2.imwrite(str(path), np.zeros((45, 80, 3), np.uint8))
    (finding,) = check_nuscenes(folder.root)
    assert "6 of 6 pictures have another size; first" in str(finding)
    assert "80 x 45 pixels, but sample_data.json says 160 x 90" in str(finding)


def test_between_key_frames_far_apart_the_actors_are_not_known(copy_of) -> None:
    """Two seconds in the place of one: key frames lie a second apart."""
    folder = copy_of()
    for table in ("sample", "sample_data"):
        rows = folder.rows(table)
        first = min(row["timestamp"] for row in rows)
        folder.write(table, [{**row, "timestamp": first + 2 * (row["timestamp"] - first)} for row in rows])
    dataset = read(folder, fps=6.0)
    assert all(Control.ACTORS not in dataset[index].known for index in range(len(dataset)))
    assert any("key frames lie more than 0.6 s apart" in note for note in dataset.notes)
    assert not any("key frames lie" in note for note in read(copy_of_key_frames(folder), fps=1.0, num_frames=2).notes)


def copy_of_key_frames(folder):
    """The same folder without the frames between key frames."""
    rows = [row for row in folder.rows("sample_data") if row["is_key_frame"]]
    by_sample = {row["sample_token"]: row["token"] for row in rows}
    samples = {row["token"]: row for row in folder.rows("sample")}
    for row in rows:
        sample = samples[row["sample_token"]]
        row["prev"], row["next"] = (by_sample.get(sample[side], "") for side in ("prev", "next"))
    folder.write("sample_data", rows)
    return folder


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda row: {"translation": [20.0 * value for value in row["translation"]]}, "m/s since the row before"),
        (lambda row: {"rotation": turned(row["rotation"])}, "90 degrees off the way"),
    ],
)
def test_an_ego_that_no_vehicle_could_be(copy_of, change, expected: str) -> None:
    folder = copy_of()
    folder.write("ego_pose", [{**row, **change(row)} for row in folder.rows("ego_pose")])
    lines = [str(finding) for finding in check_nuscenes(folder.root)]
    assert any("ego_pose.json: in " in line and expected in line for line in lines), lines


def turned(wxyz: list[float]) -> list[float]:
    """A quarter turn to the left of where it headed."""
    w, x, y, z = (float(value) * np.sqrt(0.5) for value in wxyz)
    return [w - z, x + y, y - x, z + w]
