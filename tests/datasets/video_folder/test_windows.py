"""Which frames windows hold: times, gaps, cuts, frozen and black stretches, and exact access."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_video import HEIGHT, WIDTH, number_in, numbered_frames, write_camera, write_video

from drivesim.datasets.video_folder import VideoFolderDataset, check_video_folder
from drivesim.datasets.video_folder.decode import FrameReader
from drivesim.datasets.video_folder.index import RecordingIndex, index_of
from drivesim.datasets.video_folder.recordings import find_recordings

DASHCAM = Path(__file__).resolve().parents[4] / "shared/real/dashcam_highway.mp4"


def open_folder(root: Path, num_frames: int = 4, fps: float = 10.0, **settings: object) -> VideoFolderDataset:
    return VideoFolderDataset(root, num_frames, fps, HEIGHT, WIDTH, **settings)  # type: ignore[arg-type]


def numbers(dataset: VideoFolderDataset) -> list[list[int]]:
    return [[number_in(frame) for frame in dataset[index].clip.frames] for index in range(len(dataset))]


def index_of_file(path: Path) -> RecordingIndex:
    return index_of(find_recordings(path).recordings[0], fps=None, index_folder=None)


def reader_of(path: Path, index: RecordingIndex) -> FrameReader:
    return FrameReader(path, index.pts, index.keys, index.marks)


def test_windows_lie_side_by_side_and_hold_the_frames_of_their_times(plain_video: Path) -> None:
    dataset = open_folder(plain_video)
    assert numbers(dataset) == [[4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3] for k in range(10)]
    sample = dataset[3]
    assert sample.times_us.tolist() == [1200000, 1300000, 1400000, 1500000]
    assert sample.known == frozenset() and sample.scene.actors == () and not sample.scene.ego.speed_mps.any()
    assert sample.id == "plain.mp4@1.200s" and sample.source.endswith("plain.mp4")
    assert sample.licence == "unknown: see the folder"
    assert not dataset.problems


def test_stride_and_lower_rates(plain_video: Path) -> None:
    assert numbers(open_folder(plain_video, stride_s=1.5)) == [[0, 1, 2, 3], [15, 16, 17, 18], [30, 31, 32, 33]]
    assert numbers(open_folder(plain_video, fps=5.0))[1] == [8, 10, 12, 14]
    assert numbers(open_folder(plain_video, fps=4.0))[0] in ([0, 2, 5, 7], [0, 3, 5, 8])


def test_a_sample_is_the_same_in_any_order_and_after_pickling(plain_video: Path) -> None:
    dataset = open_folder(plain_video)
    forward = [dataset[index].clip.frames for index in range(len(dataset))]
    copy = pickle.loads(pickle.dumps(dataset))
    for index in (7, 2, 3, 9, 0):
        assert np.array_equal(copy[index].clip.frames, forward[index])
    assert copy.describe() == dataset.describe() and json.dumps(dataset.describe())


def test_variable_frame_rate_takes_the_nearest_frame_and_leaves_gaps_out(tmp_path: Path) -> None:
    steps = [0.0, 0.03, 0.11, 0.19, 0.31, 0.33, 0.39, 0.5, 0.62, 0.7]  # then nothing for a second
    times = steps + [1.7 + 0.1 * k for k in range(8)]
    path = write_video(tmp_path / "vfr.mp4", numbered_frames(len(times)), 30.0, times_s=times)
    dataset = open_folder(path)
    assert numbers(dataset) == [[0, 2, 3, 4], [6, 7, 8, 9], [10, 11, 12, 13], [14, 15, 16, 17]]
    assert np.allclose(dataset[0].times_us / 1e6, [0.0, 0.11, 0.19, 0.31], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b_frames.mp4", {"bf": 3, "g": 250}),
        ("open_groups.mp4", {"bf": 3, "g": 12, "x264-params": "open-gop=1:scenecut=0"}),
        ("stream.ts", {"bf": 2, "g": 12}),
        ("film.mkv", {"bf": 3, "g": 25}),
        ("h265.mov", {"codec": "libx265", "x265-params": "log-level=none:keyint=15:bframes=3:pools=1"}),
        ("old.avi", {"codec": "mpeg4", "bf": 0, "g": 12, "b": 8000000}),
    ],
)
def test_seeking_gives_the_frames_of_a_straight_pass(tmp_path: Path, name: str, options: dict) -> None:
    path = write_video(tmp_path / name, numbered_frames(60), 20.0, **options)
    index = index_of_file(path)
    assert len(index.pts) == 60 and not index.damaged.any() and np.allclose(np.diff(index.times_s), 0.05, atol=1e-3)
    straight = reader_of(path, index).read(list(range(60)))
    assert [number_in(frame) for frame in straight] == list(range(60))
    reader = reader_of(path, index)
    for start in (41, 7, 55, 13, 14, 0, 30):
        for number, frame in zip(range(start, start + 4), reader.read(list(range(start, start + 4))), strict=True):
            assert np.array_equal(frame, straight[number]), f"frame {number}"


def test_a_raw_stream_takes_its_rate_from_the_camera_file(tmp_path: Path) -> None:
    options = {"codec": "libx265", "x265-params": "log-level=none:keyint=15:pools=1"}
    write_video(tmp_path / "video.hevc", numbered_frames(30), 20.0, container_format="hevc", **options)
    assert "has no times" in check_video_folder(tmp_path)[0]
    write_camera(tmp_path / "camera.json", fps=20.0)
    dataset = open_folder(tmp_path)
    assert numbers(dataset) == [[k, k + 2, k + 4, k + 6] for k in (0, 8, 16)]
    assert numbers(dataset)[::-1] == [[k, k + 2, k + 4, k + 6] for k in (16, 8, 0)]
    assert dataset[1].times_us.tolist() == [400000, 500000, 600000, 700000]


def test_no_window_crosses_a_cut(tmp_path: Path) -> None:
    frames = np.concatenate([numbered_frames(17), numbered_frames(23, first=17, shot=1)])
    path = write_video(tmp_path / "cut.mp4", frames, g=250)
    assert index_of_file(path).cuts.tolist() == [17]
    assert numbers(open_folder(path)) == [[k, k + 1, k + 2, k + 3] for k in (0, 4, 8, 12, 17, 21, 25, 29, 33)]


@pytest.mark.parametrize("options", [{"g": 250, "bf": 3}, {"g": 10}, {"codec": "mpeg4", "g": 10, "b": 8000000}])
def test_frozen_stretches_are_left_out_and_short_stops_are_not(tmp_path: Path, options: dict) -> None:
    moving = numbered_frames(50)
    frozen = np.concatenate([moving[:14], np.repeat(moving[14:15], 12, axis=0), moving[15:40]])
    path = write_video(tmp_path / "frozen.mkv", frozen, **options)
    index = index_of_file(path)
    found = np.flatnonzero(index.frozen)
    # A coder may let the first repeats settle, and mix the last with what follows.
    assert 14 <= found[0] <= 16 and 24 <= found[-1] <= 25 and len(found) == found[-1] - found[0] + 1
    assert all(window[-1] < found[0] or window[0] > found[-1] for window in open_folder(path)._entries[0].windows)
    brief = np.concatenate([moving[:14], np.repeat(moving[14:15], 4, axis=0), moving[15:35]])
    assert not index_of_file(write_video(tmp_path / "brief.mkv", brief, **options)).frozen.any()


def test_a_standing_view_in_which_something_moves_is_not_frozen(tmp_path: Path) -> None:
    frames = numbered_frames(1).repeat(30, axis=0)
    for number, frame in enumerate(frames):
        frame[60:72, 20 + number : 24 + number] = 255  # someone walks by
    assert not index_of_file(write_video(tmp_path / "standing.mp4", frames, bf=3)).frozen.any()


def test_black_stretches_are_left_out_and_dark_pictures_with_lamps_are_not(tmp_path: Path) -> None:
    frames = numbered_frames(40)
    frames[10:14] = 4
    night = (numbered_frames(40) * 0.1).astype(np.uint8)
    night[:, 50:60, 80:100] = 200
    path = write_video(tmp_path / "black.mp4", frames)
    assert np.flatnonzero(index_of_file(path).black).tolist() == [10, 11, 12, 13]
    assert [window[0] for window in numbers(open_folder(path))] == [0, 4, 14, 18, 22, 26, 30, 34]
    assert not index_of_file(write_video(tmp_path / "night.mp4", night)).black.any()


def test_a_video_that_is_to_be_shown_turned_is_turned(tmp_path: Path) -> None:
    picture = np.zeros((96, 192, 3), dtype=np.uint8)
    picture[:48, :96] = (220, 40, 40)
    frames = np.clip(picture[None].astype(int) + 5 * np.arange(12)[:, None, None, None], 0, 255).astype(np.uint8)
    path = write_video(tmp_path / "turned.mp4", frames, rotation=180)
    red_level = open_folder(path)[0].clip.frames[0][:, :, 0]
    assert red_level[60:, 100:].mean() > 180 and red_level[:40, :90].mean() < 60
    quarter = write_video(tmp_path / "quarter.mp4", frames, rotation=90)  # counter-clockwise
    index = index_of_file(quarter)
    shown = reader_of(quarter, index).read([0])[0]
    assert (index.width, index.height) == (96, 192) == shown.shape[1::-1]
    assert shown[110:, :40, 0].mean() > 180 and shown[:90, :, 0].mean() < 60


def test_crop_resize_and_camera_go_together(tmp_path: Path) -> None:
    tall = np.concatenate([numbered_frames(8)] * 2, axis=1)  # 192 x 192
    write_video(tmp_path / "tall.mp4", tall)
    write_camera(tmp_path / "tall.camera.json", height=192, cy=96.0)
    middle = VideoFolderDataset(tmp_path, 4, 10.0, 48, 96)[0]
    camera = middle.scene.camera
    assert (camera.fx, camera.cx, camera.cy, camera.height) == (80.0, 48.0, 24.0, 48)
    assert middle.large is not None and middle.large.shape == (96, 192, 3)
    assert VideoFolderDataset(tmp_path, 4, 10.0, 64, 128)[0].large is None
    write_camera(tmp_path / "tall.camera.json", height=192, cy=96.0, horizon_row=50.0)
    dataset = VideoFolderDataset(tmp_path, 4, 10.0, HEIGHT, WIDTH)
    assert dataset[0].scene.camera.cy == 94.0
    straight = reader_of(tmp_path / "tall.mp4", index_of_file(tmp_path / "tall.mp4")).read([0])[0]
    assert np.array_equal(dataset[0].clip.frames[0], straight[2:98])


def test_frame_folders_with_times_a_rate_or_kitti_times(tmp_path: Path) -> None:
    frames = numbered_frames(9)
    for folder in ("timed", "rated", "drive/image_02/data"):
        (tmp_path / folder).mkdir(parents=True)
        for number, frame in enumerate(frames):
            cv2.imwrite(str(tmp_path / folder / f"{number:010d}.png"), frame[..., ::-1])
    rows = "".join(f"{number:010d}.png,{1700000000 + 0.1 * number}\n" for number in range(9))
    (tmp_path / "timed/timestamps.csv").write_text("frame,time_s\n" + rows)
    (tmp_path / "rated/camera.json").write_text('{"fps": 20}')
    lines = "".join(f"2011-09-26 13:02:{25.964389445 + 0.1 * number:012.9f}\n" for number in range(9))
    (tmp_path / "drive/image_02/timestamps.txt").write_text(lines)
    dataset = open_folder(tmp_path)
    assert not dataset.problems
    assert [dataset[index].id for index in range(len(dataset))] == [
        "drive/image_02@0.000s",
        "drive/image_02@0.400s",
        "rated@0.000s",
        "timed@0.000s",
        "timed@0.400s",
    ]
    assert np.array_equal(dataset[0].clip.frames, frames[:4])
    assert np.array_equal(dataset[2].clip.frames, frames[:8:2])
    assert open_folder(tmp_path / "rated", frame_folder_fps=7.0)[0].times_us[1] == 100000


def test_the_index_is_kept_and_made_anew_when_the_file_changes(tmp_path: Path, plain_video: Path) -> None:
    video = tmp_path / "videos" / "a.mp4"
    video.parent.mkdir()
    video.write_bytes(plain_video.read_bytes())
    first = open_folder(video, index_folder=tmp_path / "index")
    (kept,) = (tmp_path / "index").iterdir()
    assert open_folder(video, index_folder=tmp_path / "index").describe() == first.describe()
    whole = kept.read_text()
    for broken in ("{", whole[:-40], whole.replace('"damaged": [false', '"damaged": [false, false'), "[" * 100_000):
        kept.write_text(broken)
        assert open_folder(video, index_folder=tmp_path / "index").describe() == first.describe()
        assert kept.read_text() == whole
    write_video(video, numbered_frames(13))
    assert len(open_folder(video, index_folder=tmp_path / "index")) == 3
    assert sorted(path.name for path in video.parent.iterdir()) == ["a.mp4"]


def test_no_window_of_the_dashcam_video_is_lost() -> None:
    if not DASHCAM.is_file():
        pytest.skip("the dashcam video is not there")
    dataset = VideoFolderDataset(DASHCAM)
    assert len(dataset) == 11 and not dataset.problems  # 221 frames at 25 a second: 89 grid times
    sample = dataset[10]
    assert sample.clip.frames.shape == (8, 256, 512, 3) and sample.large is None
    assert np.abs(np.diff(sample.times_us) - 100000).max() <= 20000


def test_a_recording_named_by_the_time_of_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "10:30.mp4", numbered_frames(8))
    monkeypatch.chdir(tmp_path)
    assert len(VideoFolderDataset("10:30.mp4", 4, 10.0, HEIGHT, WIDTH)) == 2
