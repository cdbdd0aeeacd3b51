"""Times, angles, positions and speeds that are none of this recording: said, whatever file they stand in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_video import BOX_COLUMNS, HEIGHT, WIDTH, number_in, numbered_frames, write_camera

from drivesim.controls import Control
from drivesim.datasets.video_folder import VideoFolderDataset
from drivesim.errors import InputError

Make = Callable[..., Path]
BOX = "a,car,20,0,0.8,4.5,1.8,1.5,0"


def open_folder(root: Path) -> VideoFolderDataset:
    return VideoFolderDataset(root, 4, 10.0, HEIGHT, WIDTH)


def poses(*columns: np.ndarray) -> str:
    rows = np.stack(np.broadcast_arrays(*columns), axis=1)
    return "time_s,x,y,yaw_rad\n" + "".join(",".join(f"{value:.7f}" for value in row) + "\n" for row in rows)


def boxes(*rows: str) -> str:
    return "\n".join([BOX_COLUMNS, *rows]) + "\n"


T = np.arange(40) * 0.1
NORTH = 0.3  # a drive along this heading, 10 m/s
X, Y = 10.0 * T * np.cos(NORTH), 10.0 * T * np.sin(NORTH)

WRONG_POSES = {
    "unix times": ((T + 1.7e9, X, Y, NORTH), ["no row falls into the recording", "minus 1700000000.000 s"]),
    "milliseconds": ((1000 * T, X, Y, NORTH), ["look like milliseconds; divide them by 1000"]),
    "latitude and longitude": (
        (T, 48.1371 + 9e-5 * T, 11.5754 + 1e-5 * T, NORTH),
        ["at (48.1371, 11.5754), as degrees of latitude and longitude one of 39 m", "x = 111320 cos(lat0)"],
    ),
    "degrees beyond a turn": ((T, X, Y, np.degrees(NORTH) + T), ["yaw_rad 17.1887 is more than a turn"]),
    "degrees below a turn": (
        (T, 10 * T, 0.5 * T, np.degrees(0.05) + 0 * T),
        ["the heading is 161 degrees off the way", "the way fits if yaw_rad is degrees"],
    ),
    "compass": ((T, X, Y, np.pi / 2 - NORTH), ["56 degrees off", "is a compass heading (clockwise from north)"]),
    "sideways": ((T, X, Y, NORTH + 1.0), ["57 degrees off the way"]),
    "backwards at 10 m/s": ((T, X, Y, NORTH + np.pi), ["180 degrees off the way", "is a half turn off"]),
}


@pytest.mark.parametrize("case", WRONG_POSES)
def test_poses_that_cannot_be_are_refused_with_a_way_out(case: str, folder_with: Make) -> None:
    columns, expected = WRONG_POSES[case]
    dataset = open_folder(folder_with(good__poses__csv=poses(*columns)))
    text = "\n".join(dataset.problems)
    assert all(words in text for words in expected), text
    assert "good.poses.csv" in text and len(dataset) == 10 and dataset[0].known == frozenset()


SOUND_POSES = {
    "driving": (T, X, Y, NORTH),
    "reversing slowly": (T, X / 5, Y / 5, NORTH + np.pi),
    "standing with noise": (T, 48.1 + 1e-5 * np.sin(997.0 * T), 11.5 + 1e-5 * np.cos(313.0 * T), NORTH),
    "standing": (T, 12.3, -4.1, NORTH),
    "map coordinates": (T, 691_000.0 + X, 5_334_000.0 + Y, NORTH),
    "a curve": (T, 20 * np.sin(0.5 * T), 20 - 20 * np.cos(0.5 * T), 0.5 * T),
}


@pytest.mark.parametrize("case", SOUND_POSES)
def test_poses_that_can_be_are_taken(case: str, folder_with: Make) -> None:
    dataset = open_folder(folder_with(good__poses__csv=poses(*SOUND_POSES[case])))
    assert dataset.problems == [] and dataset[3].known == {Control.MOTION}


def test_boxes_once_a_second_are_not_known_between_rows(folder_with: Make) -> None:
    root = folder_with(good__boxes__csv=boxes(*[f"{k}.0,{BOX}" for k in range(5)]))
    write_camera(root / "camera.json")
    dataset = open_folder(root)
    (line,) = dataset.problems
    assert "the boxes tell of 0 of 10 windows; a row every 1 s: between rows more than 0.6 s apart" in line
    assert all(dataset[index].known == frozenset() for index in range(10))
    assert all(dataset[index].scene.actors == () for index in range(10))


def test_one_sparse_track_among_dense_ones_leaves_the_layout_unknown(folder_with: Make) -> None:
    dense = [f"{0.1 * k:.1f},{BOX}" for k in range(40)]
    sparse = [f"{k}.0,{BOX.replace('a,car,20,0', 'b,car,12,3')}" for k in (1, 2)]
    root = folder_with(good__boxes__csv=boxes(*dense, *sparse))
    write_camera(root / "camera.json")
    dataset = open_folder(root)
    known = [Control.ACTORS in dataset[index].known for index in range(10)]
    assert known == [True, True, False, False, False, True, True, True, True, True]
    assert "the boxes tell of 7 of 10 windows" in "\n".join(dataset.notes) and not dataset.problems


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_moment_alone_says_that_nothing_was_there(form: str, folder_with: Make) -> None:
    if form == "csv":
        empty = "".join(f"{0.5 * k},,,,,,,,,\n" for k in range(1, 8))
        root = folder_with(good__boxes__csv=boxes(f"0.0,{BOX}") + empty)
    else:
        names = BOX_COLUMNS.split(",")[1:]
        first = ",".join(f'"{name}": {value!r}' for name, value in zip(names, _values(), strict=True)).replace("'", '"')
        empty = ",".join(f'{{"time_s": {0.5 * k}}}' for k in range(1, 8))
        root = folder_with(good__boxes__json=f'{{"boxes": [{{"time_s": 0, {first}}}, {empty}]}}')
    write_camera(root / "camera.json")
    dataset = open_folder(root)
    assert not dataset.problems
    assert [Control.ACTORS in dataset[index].known for index in range(10)] == [True] * 9 + [False]
    assert [len(dataset[index].scene.actors) for index in range(3)] == [1, 0, 0]


def _values() -> list[object]:
    name, category, *rest = BOX.split(",")
    return [name, category, *(float(value) for value in rest)]


def test_a_stretch_without_rows_is_not_known(folder_with: Make) -> None:
    times = [0.1 * k for k in range(40) if not 10 < k < 25]
    root = folder_with(good__boxes__csv=boxes(*[f"{time:.1f},{BOX}" for time in times]))
    write_camera(root / "camera.json")
    dataset = open_folder(root)
    known = [Control.ACTORS in dataset[index].known for index in range(10)]
    assert known == [True, True, False, False, False, False, False, True, True, True]


def test_a_track_that_jumps_is_another_thing(folder_with: Make) -> None:
    rows = [f"{0.1 * k:.1f},{BOX}" if k < 20 else f"{0.1 * k:.1f},{BOX.replace('20', '220')}" for k in range(40)]
    root = folder_with(good__boxes__csv=boxes(*rows))
    write_camera(root / "camera.json")
    assert "boxes.csv:22: track 'a' moves at 2000 m/s" in open_folder(root).problems[0]


def write_pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name, frame in zip(names, numbered_frames(len(names)), strict=True):
        cv2.imwrite(str(folder / name), frame[..., ::-1])


def test_kitti_copied_in_part_takes_names_as_line_numbers(tmp_path: Path) -> None:
    write_pictures(tmp_path / "image_02" / "data", [f"{number:010d}.png" for number in range(8, 16)])
    lines = [f"2011-09-26 13:02:{25 + 0.05 * number * number:012.9f}\n" for number in range(20)]
    (tmp_path / "image_02" / "timestamps.txt").write_text("".join(lines))
    dataset = VideoFolderDataset(tmp_path, 2, 1.2, HEIGHT, WIDTH)
    assert not dataset.problems
    assert "20 times for 8 pictures: a picture's name is taken as the number of its line" in "\n".join(dataset.notes)
    assert dataset[0].times_us.tolist() == [0, 850_000]  # lines 8 and 9: 0.05 (81 - 64) s
    other = tmp_path / "image_02/data/0000000009.png"
    other.rename(other.with_name("last.png"))
    with pytest.raises(InputError, match="20 times for 8 pictures; one line for each picture"):
        VideoFolderDataset(tmp_path, 2, 1.2, HEIGHT, WIDTH)


def test_times_of_absent_pictures_are_passed_over(tmp_path: Path) -> None:
    write_pictures(tmp_path / "drive", [f"{number}.png" for number in range(4)])
    rows = "".join(f"{number}.png,{0.1 * number}\n" for number in range(9))
    (tmp_path / "drive" / "timestamps.csv").write_text("frame,time_s\n" + rows)
    dataset = open_folder(tmp_path)
    assert not dataset.problems and "timestamps.csv names 5 pictures that are not there" in dataset.notes[0]
    assert [number_in(frame) for frame in dataset[0].clip.frames] == [0, 1, 2, 3]


def test_motion_photos_are_pictures(tmp_path: Path) -> None:
    names = [f"PXL_{number}.MP.jpg" for number in range(4)]
    write_pictures(tmp_path / "phone", names)
    for name in names:
        path = tmp_path / "phone" / name
        path.write_bytes(path.read_bytes() + b"\0\0\0\x18ftypmp42" + bytes(9000))
    (tmp_path / "camera.json").write_text('{"fps": 10}')
    dataset = open_folder(tmp_path)
    assert not dataset.problems and [number_in(frame) for frame in dataset[0].clip.frames] == [0, 1, 2, 3]
