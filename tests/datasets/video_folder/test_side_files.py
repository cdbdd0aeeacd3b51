"""Boxes, poses and cameras beside a video: there and back, and everything that can be wrong with them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numbered_video import BOX_COLUMNS, HEIGHT, WIDTH, write_camera

from drivesim.conditioning.build import build_controls
from drivesim.controls import ACTOR_CHANNELS, Control
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.datasets.sample import Sample
from drivesim.datasets.video_folder import VideoFolderDataset, check_video_folder
from drivesim.geometry import invert_rigid, transform_points, wrap_angle
from drivesim.renderer import ProceduralWorld
from drivesim.runs.video import VideoWriter
from drivesim.scene import Scene

Make = Callable[..., Path]
CAR = "0.0,a,car,10,0,0.8,4.5,1.8,1.5,0.0"


def sample_of(root: Path, index: int = 0) -> Sample:
    return VideoFolderDataset(root, 4, 10.0, HEIGHT, WIDTH)[index]


def export(scene: Scene, root: Path) -> None:
    """A scene as video, boxes.csv, poses.csv and camera.json."""
    root.mkdir(parents=True, exist_ok=True)
    world = ProceduralWorld(scene, appearance_seed=1)
    with VideoWriter(root / "drive.mp4", 128, 64, scene.fps) as writer:
        for frame in range(len(scene)):
            writer.write(world.render_rgb(frame, 128, 64))
    with (root / "drive.boxes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(BOX_COLUMNS.split(","))
        for frame in range(len(scene)):
            ego = scene.ego.pose(frame)
            for actor, box in scene.boxes(frame):
                centre = transform_points(invert_rigid(ego.matrix()), np.array([box.x, box.y, box.z]))
                yaw = float(wrap_angle(box.yaw_rad - ego.yaw_rad))
                numbers = [*centre, box.length, box.width, box.height, yaw]
                table.writerow([frame / scene.fps, actor.id, actor.category, *(f"{v:.4f}" for v in numbers)])
    with (root / "drive.poses.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time_s", "x", "y", "z", "yaw_rad"])
        for frame in range(len(scene)):
            # In some fixed frame, as a map's: turned and moved.
            pose = scene.ego.pose(frame)
            x, y = -pose.y + 500.0, pose.x - 2000.0
            table.writerow([frame / scene.fps, *(f"{v:.6f}" for v in (x, y, pose.z, pose.yaw_rad + np.pi / 2))])
    camera, mount = scene.camera, scene.camera.mount
    values = {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")}
    angles = {name: getattr(mount, name) for name in ("yaw_rad", "pitch_rad", "roll_rad")}
    values["mount"] = {"x": mount.x, "y": mount.y, "z": mount.z, **angles}
    (root / "drive.camera.json").write_text(json.dumps(values))


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A busy street, ten frames."""
    return sample_scene(12, 10, 10.0)


def test_a_scene_comes_back_from_its_files(tmp_path: Path, scene: Scene) -> None:
    export(scene, tmp_path)
    dataset = VideoFolderDataset(tmp_path, 10, 10.0, 64, 128)
    assert not dataset.problems and len(dataset) == 1
    sample = dataset[0]
    assert sample.known == {Control.ACTORS, Control.MOTION}
    start = invert_rigid(scene.ego.pose(0).matrix())
    ego = transform_points(start, scene.ego.positions)
    assert np.abs(sample.scene.ego.positions - ego).max() < 0.001
    compared = 0
    for frame in range(len(scene)):
        wanted, found = dict(boxes_by_id(scene, frame)), dict(boxes_by_id(sample.scene, frame))
        assert set(wanted) == set(found)
        for name, box in wanted.items():
            centre = transform_points(start, np.array([box.x, box.y, box.z]))
            back = found[name]
            assert np.abs(centre - [back.x, back.y, back.z]).max() < 0.01
            turn = wrap_angle(box.yaw_rad - scene.ego.yaw_rad[0] - back.yaw_rad)
            assert abs(float(turn)) < np.deg2rad(0.1)
            assert np.allclose([box.length, box.width, box.height], [back.length, back.width, back.height], atol=1e-3)
            compared += 1
    assert compared >= 50


def boxes_by_id(scene: Scene, frame: int) -> list:
    return [(actor.id, box) for actor, box in scene.boxes(frame)]


def test_controls_of_the_scene_and_of_its_files_agree(tmp_path: Path, scene: Scene) -> None:
    export(scene, tmp_path)
    back = VideoFolderDataset(tmp_path, 10, 10.0, 64, 128)[0].scene
    # Files know neither the road nor colours, nor the forms of cars, and speeds only as positions tell them.
    formless = replace(scene, actors=tuple(replace(actor, form=None) for actor in scene.actors))
    wanted, found = build_controls(formless), build_controls(back)
    assert wanted.actors is not None and found.actors is not None
    assert wanted.map is not None and found.map is None
    untold = ("red", "green", "blue", "colour_given", "braking")
    told = [at for at, name in enumerate(ACTOR_CHANNELS) if name not in untold]
    assert found.actors[:, ACTOR_CHANNELS.index("box_edge")].any()
    differs = wanted.actors[:, told].astype(int) - found.actors[:, told]
    assert np.mean(np.abs(differs) > 2) < 0.001
    assert wanted.motion is not None and found.motion is not None
    assert np.abs(wanted.motion - found.motion)[:, :3].max() < 0.01
    assert np.abs(wanted.motion - found.motion)[:, 3].max() < 0.25


def test_between_rows_a_standing_thing_stands_while_the_ego_turns(folder_with: Make) -> None:
    # A circle of 20 m radius at 10 m/s; the box is annotated twice a second, as nuScenes' are.
    def ego(t: float) -> np.ndarray:
        return np.array([20.0 * np.sin(0.5 * t), 20.0 - 20.0 * np.cos(0.5 * t), 0.5 * t])

    poses = [",".join(f"{v:.6f}" for v in (0.1 * k, *ego(0.1 * k))) for k in range(40)]
    boxes = []
    for k in range(0, 40, 5):
        x, y, yaw = ego(0.1 * k)
        east, north = 25.0 - x, 5.0 - y
        place = (np.cos(yaw) * east + np.sin(yaw) * north, -np.sin(yaw) * east + np.cos(yaw) * north)
        boxes.append(f"{0.1 * k},a,car,{place[0]:.5f},{place[1]:.5f},0.8,4.5,1.8,1.5,{1.0 - yaw:.6f}")
    root = folder_with(good__poses__csv=POSES + "\n".join(poses), good__boxes__csv=boxes_text(*boxes))
    write_camera(root / "camera.json")
    for index in range(8):
        scene = sample_of(root, index).scene
        track, start = scene.actors[0].track, ego(0.4 * index)
        assert track.present.all() and np.ptp(track.positions, axis=0).max() < 0.001
        assert (
            np.allclose(track.yaw_rad, wrap_angle(1.0 - start[2]), atol=1e-4) and np.abs(track.speed_mps).max() < 0.01
        )
        assert np.allclose(np.diff(scene.ego.yaw_rad), 0.05, atol=1e-4)
        assert np.allclose(scene.ego.speed_mps, 10.0, atol=0.02)


def test_tracks_end_with_their_rows_and_at_gaps(folder_with: Make) -> None:
    rows = [(0.0, 3.0), (0.2, 3.1), (1.0, -3.1), (1.2, 3.1)]  # through the half turn, with a gap of 0.8 s
    lines = [f"{t},a,car,{10 + 10 * t},0,0.8,4.5,1.8,1.5,{yaw}" for t, yaw in rows]
    lines += [f"{t},b,pedestrian,20,3,0.9,0.5,0.6,1.8,0" for t in (0.0, 0.5, 1.0, 1.5)]
    root = folder_with(good__boxes__csv="\n".join([BOX_COLUMNS, *lines]))
    write_camera(root / "camera.json")
    first, third, later = (sample_of(root, index).scene for index in (0, 2, 5))
    a, b = first.actors
    assert (a.id, b.category) == ("a", "pedestrian")
    assert a.track.present.tolist() == [True, True, True, False] and b.track.present.all()
    assert a.track.positions[1, 0] == pytest.approx(11.0) and a.track.yaw_rad[1] == pytest.approx(3.05)
    assert third.actors[0].track.present.tolist() == [False, False, True, True]
    assert abs(third.actors[0].track.yaw_rad[3]) == pytest.approx(np.pi, abs=0.05)
    assert later.actors == () and sample_of(root, 5).known == frozenset()


def test_json_boxes_with_frame_numbers_and_clock_times(folder_with: Make) -> None:
    names = BOX_COLUMNS.split(",")[1:]
    values = ["a", "car", 10, 0, 0.8, 4.5, 1.8, 1.5, 0.1]
    boxes = [{"frame": frame, **dict(zip(names, values, strict=True))} for frame in range(0, 40, 2)]
    times = "frame,time_s\n" + "".join(f"{frame},{1700000000 + 0.1 * frame}\n" for frame in range(40))
    poses = "time_s,x,y,yaw_rad\n" + "".join(f"{1700000000 + 0.5 * k},{5 * k},0,0\n" for k in range(9))
    root = folder_with(
        good__boxes__json=json.dumps({"boxes": boxes}), good__timestamps__csv=times, good__poses__csv=poses
    )
    write_camera(root / "good.camera.json", width=2 * WIDTH, height=2 * HEIGHT, fx=320.0, fy=320.0, cx=192.0, cy=96.0)
    sample = sample_of(root, 3)
    assert sample.known == {Control.ACTORS, Control.MOTION}
    assert sample.scene.camera.fx == 160.0 and sample.scene.camera.cy == 48.0
    assert np.allclose(sample.scene.ego.speed_mps, 10.0) and np.allclose(sample.scene.ego.positions[:, 0], [0, 1, 2, 3])
    assert np.allclose(sample.scene.actors[0].track.positions[:, 0], [10, 11, 12, 13])


def test_attributes_licence_and_source(folder_with: Make) -> None:
    root = folder_with()
    attributes = {"time_of_day": "22:30", "sky": "overcast", "precipitation": "rain"}
    (root / "camera.json").write_text(json.dumps({"attributes": attributes, "licence": "CC0", "source": "own car"}))
    sample = sample_of(root)
    assert sample.known == {Control.ATTRIBUTES} and (sample.licence, sample.source) == ("CC0", "own car")
    assert sample.scene.environment.hour == 22.5 and sample.scene.environment.rain > 0.3


def boxes_text(*rows: str, head: str = BOX_COLUMNS) -> str:
    return "\n".join([head, *rows]) + "\n"


POSES = "time_s,x,y,yaw_rad\n"

BROKEN: dict[str, tuple[str, str | bytes, list[str]]] = {
    "misspelt column": ("boxes.csv", boxes_text(CAR, head=BOX_COLUMNS.replace("length", "lenght")), [":1: missing column length", "did you mean 'length'?"]),
    "no columns": ("boxes.csv", "", [":1: missing columns track_id, class"]),
    "semicolons": ("boxes.csv", boxes_text(CAR).replace(",", ";"), ["part them by commas"]),
    "no rows": ("boxes.csv", boxes_text(), ["no rows"]),
    "short row": ("boxes.csv", boxes_text(CAR, "0.1,a,car"), [":3: 3 values for 10 columns"]),
    "unknown class": ("boxes.csv", boxes_text(CAR.replace("car", "cars")), [":2: unknown class 'cars'; did you mean 'car'?"]),
    "not a number": ("boxes.csv", boxes_text(CAR.replace("0.8", "high")), [":2: z 'high' is not a number"]),
    "NaN": ("boxes.csv", boxes_text(CAR, CAR.replace("10", "nan").replace("0.0,a", "0.1,a")), [":3: x is nan"]),
    "zero size": ("boxes.csv", boxes_text(CAR.replace("1.8", "0")), [":2: width 0: sizes are more than 0 m"]),
    "negative size": ("boxes.csv", boxes_text(CAR.replace("4.5", "-4.5")), [":2: length -4.5"]),
    "width first": ("boxes.csv", boxes_text(CAR.replace("4.5,1.8", "1.8,4.5")), [":2: a car of length 1.8 and width 4.5 m: swapped?"]),
    "degrees": ("boxes.csv", boxes_text(CAR[:-3] + "90"), ["angles are in radians, this looks like degrees"]),
    "map coordinates": ("boxes.csv", boxes_text(CAR.replace(",10,", ",664310,")), ["ego frame of their time"]),
    "time back": ("boxes.csv", boxes_text(CAR.replace("0.0,a", "0.5,a"), CAR), [":3: track 'a': time goes back"]),
    "two classes": ("boxes.csv", boxes_text(CAR, CAR.replace("0.0,a,car", "0.1,a,bus")), ["track 'a' is a bus here and a car before"]),
    "frame outside": ("boxes.csv", boxes_text(CAR.replace("0.0,a", "40,a"), head=BOX_COLUMNS.replace("time_s", "frame")), [":2: frame 40 is not in the recording; it has frames 0 to 39"]),
    "other clock": ("boxes.csv", boxes_text(CAR.replace("0.0,a", "1700000000,a")), ["no row falls into the recording"]),
    "no time": ("boxes.csv", boxes_text(CAR[4:], head=BOX_COLUMNS[7:]), ["expected one of the columns time_s and frame"]),
    "not UTF-8": ("boxes.csv", boxes_text(CAR).encode() + b"0.1,\xff\xfe,car\n", [":3: byte 0xff is not UTF-8"]),
    "truncated JSON": ("boxes.json", '{"boxes": [{"time_s": 0.0, "track_id": "a",', ["boxes.json:1:", "ends in the middle"]),
    "bare list": ("boxes.json", "[]", ["a bare list; expected an object"]),
    "other key": ("boxes.json", '{"objects": []}', ["keys 'objects'; expected one list under 'boxes'"]),
    "JSON without a size": ("boxes.json", '{"boxes": [{"time_s": 0, "track_id": 1, "class": "car"}]}', ["boxes[0]: missing columns x, y, z"]),
    "poses back": ("poses.csv", POSES + "0,0,0,0\n1,1,0,0\n0.5,2,0,0\n", [":4: time goes back"]),
    "poses that jump": ("poses.csv", POSES + "0,0,0,0\n0.1,5000,0,0\n", [":3: moves at 50000 m/s"]),
    "poses in degrees": ("poses.csv", POSES + "0,0,0,80\n0.1,1,0,81\n", ["is yaw_rad in degrees?"]),
    "one pose": ("poses.csv", POSES + "0,0,0,0\n", ["motion needs two or more"]),
    "infinite pose": ("poses.csv", POSES + "0,0,0,0\n1,inf,0,0\n", [":3: x is inf"]),
    "camera in part": ("camera.json", '{"fx": 100}', ["has fx but no fy, cx, cy, width, height, mount"]),
    "camera of another shape": ("camera.json", json.dumps({"fx": 9, "fy": 9, "cx": 50, "cy": 50, "width": 100, "height": 100, "mount": {"x": 0, "y": 0, "z": 1}}), ["100 x 100, the pictures are 192 x 96: another shape"]),
    "camera key": ("camera.json", '{"focal": 100, "license": "MIT"}', ["unknown key 'focal'", "did you mean 'licence'?"]),
    "camera without words": ("camera.json", '{"licence": 4}', ["licence 4; expected words"]),
    "attributes in part": ("camera.json", '{"attributes": {"sky": "clear"}}', ["no time_of_day, precipitation"]),
    "attributes in other words": ("camera.json", '{"attributes": {"sky": "green", "time_of_day": "14:00", "precipitation": "dry"}}', ["'green'"]),
    "two box files": ("boxes.json", "{}", ["keep one of them"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_side_file_is_named_and_the_pictures_stay(case: str, folder_with: Make) -> None:
    ending, content, expected = BROKEN[case]
    root = folder_with(**{f"good__{ending.replace('.', '__')}": content})
    if case == "two box files":
        (root / "good.boxes.csv").write_text(boxes_text(CAR))
    if ending != "camera.json":
        write_camera(root / "camera.json")
    dataset = VideoFolderDataset(root, 4, 10.0, HEIGHT, WIDTH)
    text = "\n".join(dataset.problems)
    for words in expected:
        assert words in text
    assert f"good.{ending}" in text and len(dataset) == 10
    sample = dataset[0]
    assert sample.known == frozenset() and sample.scene.actors == ()
    assert check_video_folder(root, 4, 10.0, HEIGHT, WIDTH) == dataset.problems


def test_all_faults_of_all_files_are_listed_at_once(folder_with: Make) -> None:
    rows = [CAR.replace("car", "cra"), CAR.replace("4.5", "0").replace("0.0,a", "0.1,a"), "0.2,b,tree,nan,0,0,1,1,1,0"]
    root = folder_with(good__boxes__csv=boxes_text(*rows), good__poses__csv=POSES + "0,x,0,0\n", zero__mp4="")
    (root / "camera.json").write_text("{")
    problems = check_video_folder(root, 4, 10.0, HEIGHT, WIDTH)
    places = ["camera.json:1:2", "boxes.csv:2", "boxes.csv:3", "boxes.csv:4", "poses.csv:2", "zero.mp4"]
    assert all(any(place in line for line in problems) for place in places)


def test_boxes_without_a_camera(folder_with: Make) -> None:
    root = folder_with(good__boxes__csv=boxes_text(CAR))
    (line,) = check_video_folder(root, 4, 10.0, HEIGHT, WIDTH)
    assert "boxes need a camera" in line and "good.camera.json" in line


def test_many_faults_are_counted(folder_with: Make) -> None:
    root = folder_with(good__boxes__csv=boxes_text(*[CAR.replace("car", "x")] * 50))
    write_camera(root / "camera.json")
    problems = check_video_folder(root, 4, 10.0, HEIGHT, WIDTH)
    assert len(problems) == 21 and "more faults" in problems[-1] and "its boxes are left out" in problems[-1]
