"""Broken folders: each fault gives a clear line naming the file and the fix, and good windows around it stay readable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from drivesim.datasets.nuscenes import NuScenesDataset, check_nuscenes
from drivesim.datasets.nuscenes.rows import row_problem
from drivesim.datasets.sample import BrokenSample
from drivesim.errors import InputError

VERSION = "v1.0-drivesim"


def read(folder, **settings) -> NuScenesDataset:
    """Windows of 4 frames of scene alpha: frames 0-3, 4-7, 8-11; key frames are 0, 6 and 12."""
    return NuScenesDataset(
        folder.root, **{"version": VERSION, "num_frames": 4, "height": 40, "width": 80, "split": "train", **settings}
    )


def lines(folder) -> list[str]:
    return [str(finding) for finding in check_nuscenes(folder.root)]


def one_line(folder, *parts: str) -> None:
    """check_nuscenes reports exactly one finding, with all the parts."""
    found = lines(folder)
    assert len(found) == 1, found
    assert all(part in found[0] for part in parts), found[0]


def broken_windows(dataset: NuScenesDataset) -> dict[int, str]:
    """Index and message of the windows that cannot be read; the others are read whole."""
    messages = {}
    for index in range(len(dataset)):
        try:
            assert len(dataset[index].clip) == dataset.num_frames
        except BrokenSample as error:
            messages[index] = str(error)
    return messages


# Faults that keep the data set from being opened: check and reader say the same.


def remove_table(folder) -> None:
    (folder.root / VERSION / "ego_pose.json").unlink()


def truncate_table(folder) -> None:
    path = folder.root / VERSION / "sample_annotation.json"
    path.write_text(path.read_text()[: path.stat().st_size // 2])


def binary_table(folder) -> None:
    (folder.root / VERSION / "log.json").write_bytes(b"\x1f\x8b\xff\xfe\x00")


def table_of_another_shape(folder) -> None:
    folder.write("sensor", {"token": "x"})


def remove_mask(folder) -> None:
    (folder.root / "maps/blank.png").unlink()


def forget_a_log(folder) -> None:
    rows = folder.rows("map")
    rows[0]["log_tokens"].pop()
    folder.write("map", rows)


def mix_tables_of_two_versions(folder) -> None:
    folder.write("instance", folder.rows("instance")[3:])


def drop_a_column(folder) -> None:
    rows = folder.rows("sample_data")
    del rows[4]["timestamp"]
    folder.write("sample_data", rows)


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (drop_a_column, ["v1.0-drivesim/sample_data.json", "without timestamp", "Unpack"]),
        (remove_table, ["v1.0-drivesim/ego_pose.json", "missing", "Unpack the metadata archive again"]),
        (truncate_table, ["v1.0-drivesim/sample_annotation.json", "JSON at line", "Unpack"]),
        (binary_table, ["v1.0-drivesim/log.json", "no text", "Unpack"]),
        (table_of_another_shape, ["v1.0-drivesim/sensor.json", "no list of rows", "Unpack"]),
        (remove_mask, ["maps/blank.png", "1 of 1 map masks are absent", "maps/ folder"]),
        (forget_a_log, ["v1.0-drivesim/map.json", "of log.json in no map's log_tokens"]),
        (mix_tables_of_two_versions, ["v1.0-drivesim/sample_annotation.json", "instance_token", "of one version"]),
    ],
)
def test_a_folder_that_cannot_be_opened(copy_of, damage: Callable, parts: list[str]) -> None:
    folder = copy_of()
    damage(folder)
    one_line(folder, *parts)
    with pytest.raises(InputError) as error:
        read(folder)
    assert all(part in str(error.value) for part in parts), error.value


def test_all_faults_are_listed_at_once(copy_of) -> None:
    folder = copy_of()
    for damage in (remove_table, truncate_table, remove_mask):
        damage(folder)
    files = [line.split(":")[0] for line in lines(folder)]
    assert files == [f"{VERSION}/ego_pose.json", f"{VERSION}/sample_annotation.json", "maps/blank.png"]


def test_a_version_that_is_not_there(copy_of) -> None:
    folder = copy_of()
    with pytest.raises(InputError, match=r"v1\.0-trainval: there is no such version; found v1\.0-drivesim"):
        read(folder, version="v1.0-trainval")
    problem = str(check_nuscenes(folder.root / VERSION, "v1.0-mini")[0])
    assert "the tables themselves stand here" in problem and "version v1.0-drivesim" in problem
    assert "Download nuScenes' metadata" in str(check_nuscenes(folder.root / "maps")[0])
    assert "is no folder" in str(check_nuscenes(folder.root / "nowhere")[0])


def test_an_unknown_channel_split_and_an_empty_split(copy_of) -> None:
    folder = copy_of()
    with pytest.raises(InputError, match=r"sensor\.json has no camera 'CAM_BACK'; its cameras are CAM_FRONT"):
        read(folder, channel="CAM_BACK")
    assert "there is no camera 'CAM_BACK'" in str(check_nuscenes(folder.root, channel="CAM_BACK")[0])
    with pytest.raises(InputError, match=r"no split 'test'; its splits \(splits\.json\) are: train, val"):
        read(folder, split="test")
    (folder.root / VERSION / "splits.json").write_text(json.dumps({"train": [], "val": ["beta", "gamma"]}))
    with pytest.raises(InputError, match=r"none of the 0 scenes of split 'train' is in scene\.json"):
        read(folder)
    assert [line for line in lines(folder) if "'train' is empty" in line or "'gamma' first" in line] == lines(folder)
    assert len(lines(folder)) == 2
    for content, why in (
        (b'{"train": [', "no valid JSON"),
        (b'{"tr\xe4in": []}', "it is not UTF-8"),
        (b"[" * 9999, "it is nested"),
    ):
        (folder.root / VERSION / "splits.json").write_bytes(content)
        one_line(folder, "splits.json", f"cannot be read as JSON ({why}")
        with pytest.raises(InputError, match=rf"splits\.json: cannot be read as JSON \({why}"):
            read(folder)


# Faults of single rows and files: the windows that need them are broken, the others are read.


@dataclass(frozen=True)
class Case:
    """A fault, the windows of four frames that it spoils, and what check and reader say."""

    damage: Callable
    spoiled: set[int]
    checked: list[str]
    read: str


def change(table: str, choose: Callable, column: str, value: object) -> Callable:
    def damage(folder) -> None:
        rows = folder.rows(table)
        chosen = choose(folder)
        for row in rows:
            if row["token"] in chosen:
                row[column] = value
        folder.write(table, rows)

    return damage


def annotation_at_last_key_frame(folder) -> set[str]:
    last = folder.frames_of("alpha")[12]["sample_token"]
    return {next(row["token"] for row in folder.rows("sample_annotation") if row["sample_token"] == last)}


def pose_of_frame_9(folder) -> set[str]:
    return {folder.frames_of("alpha")[9]["ego_pose_token"]}


def mount_of_alpha(folder) -> set[str]:
    return {folder.frames_of("alpha")[0]["calibrated_sensor_token"]}


def remove_pictures(*frames: int) -> Callable:
    def damage(folder) -> None:
        for frame in frames:
            (folder.root / folder.frames_of("alpha")[frame]["filename"]).unlink()

    return damage


def write_picture(frame: int, data: Callable[[bytes], bytes]) -> Callable:
    def damage(folder) -> None:
        path = folder.root / folder.frames_of("alpha")[frame]["filename"]
        path.write_bytes(data(path.read_bytes()))

    return damage


def size_in_table(folder) -> None:
    change("sample_data", lambda f: {f.frames_of("alpha")[5]["token"]}, "width", 320)(folder)


ANNOTATION, POSE = f"{VERSION}/sample_annotation.json", f"{VERSION}/ego_pose.json"
NAN = float("nan")
CASES = {
    "absent sweep": Case(remove_pictures(2), {0}, ["sweeps/CAM_FRONT", "1 of 20 pictures", "blobs"], "Unpack the file blobs"),
    "absent key frame": Case(remove_pictures(6), {1}, ["samples/CAM_FRONT", "1 of 6 pictures"], "samples/CAM_FRONT"),
    "empty picture": Case(write_picture(1, lambda _: b""), {0}, ["sweeps/CAM_FRONT", "absent or empty"], "0 bytes that are no picture"),
    "no picture": Case(
        write_picture(1, lambda _: b"<html>"), {0}, ["sweeps/CAM_FRONT", "1 of 20 pictures cannot be read", "no picture"], "6 bytes that are no picture"
    ),
    "picture cut short": Case(
        write_picture(1, lambda data: data[: len(data) // 2]), {0}, ["1 of 20 pictures cannot be read"], "not a complete picture"
    ),
    "size": Case(size_in_table, {1}, ["1 of 20 pictures have another size", "says 320 x 90"], "160 x 90 pixels, but sample_data.json says 320 x 90"),
    "NaN box": Case(
        change("sample_annotation", annotation_at_last_key_frame, "translation", [NAN, 1.0, 1.0]),
        {1, 2},
        [ANNOTATION, "1 unsound row,", "not 3 finite numbers"],
        "sample_annotation.json: row",
    ),
    "box without size": Case(
        change("sample_annotation", annotation_at_last_key_frame, "size", [1.8, 0.0, 1.5]),
        {1, 2},
        [ANNOTATION, "is not above 0"],
        "size [1.8, 0.0, 1.5] (width, length, height) is not above 0",
    ),
    "null in a box": Case(
        change("sample_annotation", annotation_at_last_key_frame, "size", [1.8, None, 1.5]),
        {1, 2},
        [ANNOTATION, "not 3 finite numbers"],
        "not 3 finite numbers",
    ),
    "box quaternion": Case(
        change("sample_annotation", annotation_at_last_key_frame, "rotation", [0.0, 0.0, 0.0, 2.0]),
        {1, 2},
        [ANNOTATION, "has length 2.0000"],
        "a unit quaternion w, x, y, z has 1",
    ),
    "pose quaternion": Case(
        change("ego_pose", pose_of_frame_9, "rotation", [0.9, 0.0, 0.0, 0.0]),
        {2},
        [POSE, "has length 0.9000"],
        "ego_pose.json: row",
    ),
    "NaN pose": Case(
        change("ego_pose", pose_of_frame_9, "translation", [1.0, 2.0, NAN]), {2}, [POSE, "finite"], "ego_pose.json: row"
    ),
    "pose in no table": Case(
        change("sample_data", lambda f: {f.frames_of("alpha")[9]["token"]}, "ego_pose_token", "lost"),
        {2},
        [f"{VERSION}/sample_data.json", "ego_pose_token 'lost' is in no row of ego_pose.json"],
        "needs 'lost', which is in no row",
    ),
    "mount": Case(
        change("calibrated_sensor", mount_of_alpha, "rotation", [1.0, 0.0, 0.0]),
        {0, 1, 2},
        ["calibrated_sensor.json", "not 4 finite numbers"],
        "calibrated_sensor.json: row",
    ),
    "camera matrix": Case(
        change("calibrated_sensor", mount_of_alpha, "camera_intrinsic", []), {0, 1, 2}, ["calibrated_sensor.json", "no camera matrix"], "is no camera matrix"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_fault_spoils_the_windows_that_need_it(copy_of, case: Case) -> None:
    folder = copy_of()
    case.damage(folder)
    if case.checked:
        one_line(folder, *case.checked)
    dataset = read(folder)
    messages = broken_windows(dataset)
    assert len(dataset) == 3 and set(messages) == case.spoiled
    assert all(case.read in message for message in messages.values()), messages
    assert not broken_windows(read(folder, split="val"))


def test_time_that_goes_backwards(copy_of) -> None:
    folder = copy_of()
    seventh = folder.frames_of("alpha")[7]["token"]
    rows = folder.rows("sample_data")
    for row in rows:
        if row["token"] == seventh:
            row["timestamp"] -= 10_000_000
    folder.write("sample_data", rows)
    one_line(folder, f"{VERSION}/sample_data.json", "time does not rise", "microseconds")
    dataset = read(folder)
    messages = broken_windows(dataset)
    assert len(messages) == 1 and "time does not rise in scene alpha" in next(iter(messages.values()))
    sound = [dataset[index] for index in range(len(dataset)) if index not in messages]
    assert [sample.id for sample in sound] == ["alpha/00000", "alpha/00008"]
    ego = folder.scenes["alpha"].ego
    np.testing.assert_allclose(sound[1].scene.ego.speed_mps, ego.speed_mps[8:12], atol=0.3)


def test_no_pictures_at_all_and_key_frames_only(copy_of) -> None:
    folder = copy_of()
    for path in (folder.root / "sweeps/CAM_FRONT").iterdir():
        path.unlink()
    one_line(folder, "20 of 20 pictures", "key frames alone with fps 2")
    assert not broken_windows(read(folder, fps=2.0, num_frames=3))
    for path in (folder.root / "samples/CAM_FRONT").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"none of the pictures.*blobs"):
        read(folder)


def test_boxes_in_the_lidar_frame(copy_of) -> None:
    """Local coordinates lie near the global origin, far from the ego; the lidar's yaw is a quarter turn off."""
    folder = copy_of()
    rows = folder.rows("sample_annotation")
    folder.write("sample_annotation", [{**row, "translation": [3.0, 20.0, -1.0]} for row in rows])
    one_line(folder, ANNOTATION, "more than 500 m from the ego", "lidar or ego frame", "global = ego_pose")
    half = np.sqrt(0.5)
    turned = [{**row, "rotation": (np.array([[half, 0, 0, -half], [0, half, half, 0], [0, -half, half, 0], [half, 0, 0, half]]) @ row["rotation"]).tolist()} for row in rows]  # fmt: skip
    folder.write("sample_annotation", turned)
    assert all(row_problem(row, "sample_annotation") is None for row in turned)
    one_line(folder, ANNOTATION, "head 90 degrees away", "lidar frame")
    swapped = [{**row, "size": [row["size"][1], row["size"][0], row["size"][2]]} for row in rows]
    folder.write("sample_annotation", swapped)
    one_line(folder, ANNOTATION, "wider than long", "width, length, height")


def test_messages_name_no_folder_above_the_data_set(copy_of) -> None:
    folder = copy_of()
    remove_pictures(2)(folder)
    message = broken_windows(read(folder))[0]
    assert not re.search(re.escape(str(folder.root.parent)), message)
