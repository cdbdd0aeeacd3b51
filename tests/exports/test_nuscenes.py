"""The writer of nuScenes' layout; tests/datasets/nuscenes reads its folders back with the devkit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.exports.nuscenes import RecordedScene, describe_environment, key_frames, write_nuscenes
from drivesim.geometry import quaternion_of_rotation, rotation_of_quaternion, rotation_zyx
from drivesim.scene import Actor, Environment, Scene, Track

VERSION = "v1.0-drivesim"


def scene(name: str = "one", num_frames: int = 8, fps: float = 10.0, **options) -> Scene:
    track = Track(
        positions=np.stack([np.arange(num_frames) * 1.0, np.full(num_frames, 2.0), np.full(num_frames, 0.8)], 1),
        yaw_rad=np.full(num_frames, 0.3),
        speed_mps=np.full(num_frames, 10.0),
        present=np.arange(num_frames) < 5,
    )
    actors = (
        Actor(id="a", category="car", length=4.5, width=1.8, height=1.6, track=track),
        Actor(id="b", category="traffic_cone", length=0.3, width=0.4, height=0.7, track=track),
        Actor(id="c", category="pedestrian", length=0.6, width=0.5, height=1.2, track=track, preset="child"),
    )
    return Scene(name=name, fps=fps, ego=track, actors=actors, **options)


def pictures(count: int, height: int = 20, width: int = 40) -> Iterator[np.ndarray]:
    for value in range(count):
        picture = np.zeros((height, width, 3), dtype=np.uint8)
        picture[..., 0] = 20 * value
        yield picture


def table(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / VERSION / f"{name}.json").read_text())


def test_what_stands_in_the_folder(tmp_path: Path) -> None:
    out = write_nuscenes(
        str(tmp_path / "out"),
        [
            RecordedScene(scene=scene(), frames=pictures(8)),
            RecordedScene(scene=scene("two"), frames=pictures(8), split="val"),
        ],
        licence="CC0",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert len(list((out / VERSION).glob("*.json"))) == 13 + 2
    assert json.loads((out / VERSION / "splits.json").read_text()) == {"train": ["one"], "val": ["two"]}
    provenance = json.loads((out / VERSION / "drivesim.json").read_text())
    assert provenance["synthetic"] is True and provenance["licence"] == "CC0"
    assert any("num_lidar_pts" in note for note in provenance["notes"])
    assert [row["is_key_frame"] for row in table(out, "sample_data")[:8]] == [True, *[False] * 4, True, False, False]
    for row in table(out, "sample_data"):
        assert row["filename"].startswith("samples/" if row["is_key_frame"] else "sweeps/")
        assert cv2.imread(str(out / row["filename"])).shape == (20, 40, 3)
    third = cv2.imread(str(out / table(out, "sample_data")[3]["filename"]))
    assert np.abs(third.reshape(-1, 3).mean(axis=0) - [0, 0, 60]).max() < 4  # OpenCV reads blue first
    (world_map,) = table(out, "map")
    assert world_map["log_tokens"] == [row["token"] for row in table(out, "log")]
    assert (out / world_map["filename"]).exists()
    assert (
        len(table(out, "category")) == 23 and len(table(out, "attribute")) == 8 and len(table(out, "visibility")) == 4
    )


def test_annotations_stand_at_key_frames_while_the_actor_is_present(tmp_path: Path) -> None:
    out = write_nuscenes(str(tmp_path / "out"), [RecordedScene(scene=scene(), frames=pictures(8))])
    rows = table(out, "sample_annotation")
    assert len(rows) == 3 and [row["num_lidar_pts"] for row in rows] == [1, 1, 1]
    assert rows[0]["size"] == [1.8, 4.5, 1.6]
    names = {row["token"]: row["name"] for row in table(out, "attribute") + table(out, "category")}
    assert [[names[t] for t in row["attribute_tokens"]] for row in rows] == [
        ["vehicle.moving"],
        [],
        ["pedestrian.moving"],
    ]
    assert [names[row["category_token"]] for row in table(out, "instance")] == [
        "vehicle.car",
        "movable_object.trafficcone",
        "human.pedestrian.child",
    ]


def test_equal_scenes_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_nuscenes(tmp_path / name, [RecordedScene(scene=scene(), frames=pictures(8))])
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 15 + 1 + 8
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        (lambda: [], "there is no scene to write"),
        (lambda: [RecordedScene(scene=scene(), frames=pictures(7))], "8 frames, but 7 pictures"),
        (lambda: [RecordedScene(scene=scene(), frames=pictures(9))], "8 frames, but more pictures"),
        (lambda: [RecordedScene(scene=scene(fps=1.0), frames=pictures(8))], "need 2 or more"),
        (lambda: [RecordedScene(scene=scene(), frames=pictures(8)) for _ in range(2)], "two scenes are called 'one'"),
        (lambda: [RecordedScene(scene=scene(), frames=pictures(8, 20, 30))], "cut one of them"),
        (
            lambda: [RecordedScene(scene=scene(), frames=[*pictures(7), np.zeros((9, 9, 3), np.uint8)])],
            "like the first",
        ),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, recordings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_nuscenes(tmp_path / "out", recordings())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists already"):
        write_nuscenes(tmp_path / "out", [RecordedScene(scene=scene(), frames=pictures(8))])
    assert list((tmp_path / "out").iterdir()) == []


def test_key_frames_are_nearest_to_every_half_second() -> None:
    assert key_frames(13, 12.0) == [0, 6, 12]
    assert key_frames(12, 10.0) == [0, 5, 10]
    assert key_frames(20, 7.0) == [0, 4, 7, 10, 14, 18]
    assert key_frames(1, 10.0) == [0]


def test_weather_in_words() -> None:
    assert describe_environment(Environment()) == "Day"
    assert describe_environment(Environment(hour=23.0, rain=1.0, sky="overcast")) == "Night, heavy rain, overcast"


def test_quaternions_and_rotations_are_inverse() -> None:
    generator = np.random.default_rng(8)
    turns = [*generator.uniform(-np.pi, np.pi, (30, 3)), [np.pi, 0.0, 0.0], [0.0, np.pi / 2, 0.0], [0.0, 0.0, np.pi]]
    for turn in turns:
        rotation = rotation_zyx(*(float(angle) for angle in turn))
        quaternion = quaternion_of_rotation(rotation)
        assert np.linalg.norm(quaternion) == pytest.approx(1.0) and quaternion[0] >= 0.0
        np.testing.assert_allclose(rotation_of_quaternion(quaternion), rotation, atol=1e-12)
