"""Damaged recordings: each gets its line, the good ones beside it stay."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numbered_video import HEIGHT, WIDTH, number_in, numbered_frames, write_video

from drivesim.datasets.sample import BrokenSample
from drivesim.datasets.video_folder import VideoFolderDataset, check_video_folder
from drivesim.errors import InputError

Make = Callable[..., Path]


def open_folder(root: Path, **settings: object) -> VideoFolderDataset:
    return VideoFolderDataset(root, 4, 10.0, HEIGHT, WIDTH, **settings)  # type: ignore[arg-type]


def sound(path: Path, **_: object) -> None:
    """A file with a second of sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        for number in range(16):
            frame.pts = 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def no_times(path: Path) -> None:
    path.mkdir()
    for number in range(3):
        cv2.imwrite(str(path / f"{number}.png"), np.zeros((8, 16, 3), np.uint8))


def bad_times(path: Path, text: str, frames: int = 6) -> None:
    path.mkdir()
    for number, frame in enumerate(numbered_frames(frames)):
        cv2.imwrite(str(path / f"{number}.png"), frame)
    (path / "timestamps.csv").write_text(text)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty": ("bad.mp4", lambda p: p.write_bytes(b""), "0 bytes"),
    "text": ("bad.mp4", lambda p: p.write_text("no video, just a text of some length\n" * 40), "not a complete video"),
    "zeros": ("bad.mkv", lambda p: p.write_bytes(bytes(5000)), "not a complete video"),
    "sound only": ("bad.mp4", sound, "holds no video that can be decoded, only audio"),
    "index missing": (
        "bad.mp4",
        lambda p: p.write_bytes(write_video(p, numbered_frames(20)).read_bytes()[:4000]),
        "not a complete video",
    ),
    "folder named like a video": ("bad.mp4", lambda p: no_times(p), "3 pictures without times"),
    "too short": ("bad.mp4", lambda p: write_video(p, numbered_frames(2)), "0.10 s long, a window needs 0.30 s"),
    "too few a second": ("bad.mp4", lambda p: write_video(p, numbered_frames(9), 4.0), "ask for fps=4 or less"),
    "all black": ("bad.mp4", lambda p: write_video(p, numbered_frames(20) * 0), "(0% of the frames are usable)"),
    "all frozen": (
        "bad.avi",
        lambda p: write_video(p, numbered_frames(1).repeat(20, 0), codec="mpeg4"),
        "no window of 0.30 s without cut, frozen",
    ),
    "times go back": (
        "bad",
        lambda p: bad_times(p, "frame,time_s\n0,0\n1,0.1\n2,0.3\n3,0.2\n4,0.4\n5,0.5\n"),
        "time goes back or stands still at frame 3",
    ),
    "times of other frames": (
        "bad",
        lambda p: bad_times(p, "frame,time_s\n0,0\n17,0.1\n"),
        "timestamps.csv:3: frame '17'",
    ),
    "times in other columns": ("bad", lambda p: bad_times(p, "name,seconds\n0,0\n"), "expected frame, time_s"),
    "times that are no numbers": ("bad", lambda p: bad_times(p, "frame,time_s\n0,soon\n"), "'soon' is not a number"),
    "times missing": ("bad", lambda p: bad_times(p, "frame,time_s\n0,0\n1,0.1\n"), "no time for 4 of 6 frames"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_recording_gets_one_line_and_the_good_one_stays(case: str, folder_with: Make) -> None:
    name, make, expected = BROKEN[case]
    root = folder_with()
    make(root / name)
    dataset = open_folder(root)
    (line,) = dataset.problems
    assert expected in line and str(root / name) in line and "left out" in line
    assert len(dataset) == 10 and number_in(dataset[9].clip.frames[3]) == 39
    assert check_video_folder(root, 4, 10.0, HEIGHT, WIDTH) == dataset.problems


def test_nothing_usable_lists_all(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.mov").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"(?s)nothing in it is usable.*a\.mp4.*b\.mov"):
        open_folder(tmp_path)
    assert len(check_video_folder(tmp_path)) == 2


@pytest.mark.parametrize("name", ["absent", "notes.txt", "nothing"])
def test_a_root_that_holds_no_recording(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=rf"{name}.*(no such|not a video|no videos)"):
        open_folder(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_video_that_may_not_be_read(folder_with: Make) -> None:
    root = folder_with(secret__mp4=b"x")
    (root / "secret.mp4").chmod(0)
    assert "permission denied" in open_folder(root).problems[0].lower()


def test_a_link_to_nowhere(folder_with: Make) -> None:
    root = folder_with()
    (root / "gone.mp4").symlink_to(root / "moved_away.mp4")
    assert "gone.mp4: left out: cannot be opened (No such file" in open_folder(root).problems[0]


def test_windows_before_the_end_of_a_truncated_video_stay(tmp_path: Path) -> None:
    whole = write_video(
        tmp_path / "whole.mp4", numbered_frames(60), g=10, bf=0, container_options={"movflags": "+faststart"}
    )
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    whole.unlink()
    dataset = open_folder(tmp_path)
    (line,) = dataset.problems
    assert "cut.mp4: damaged" in line and "whole frames are used" in line
    assert 5 <= len(dataset) <= 11
    for index in range(len(dataset)):
        assert [number_in(frame) for frame in dataset[index].clip.frames] == [4 * index + k for k in range(4)]


def test_damage_in_the_middle_costs_its_group_of_pictures(tmp_path: Path) -> None:
    path = write_video(tmp_path / "hit.ts", numbered_frames(80), g=10, bf=0)
    clean = {number: frame for number, frame in enumerate(straight(path))}
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 188 * 188
    for packet in range(middle, middle + 188 * 6, 188):
        data[packet + 20 : packet + 188] = bytes(168)
    path.write_bytes(data)
    dataset = open_folder(tmp_path)
    assert "damaged" in dataset.problems[0]
    assert 10 <= len(dataset) < 20
    for index in range(len(dataset)):
        for frame in dataset[index].clip.frames:
            assert np.array_equal(frame, clean[number_in(frame)])


def straight(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_damaged_pictures_are_left_out_of_a_frame_folder(tmp_path: Path) -> None:
    for number, frame in enumerate(numbered_frames(20)):
        cv2.imwrite(str(tmp_path / f"{number:03d}.jpg"), frame[..., ::-1])
    cut = tmp_path / "009.jpg"
    cut.write_bytes(cut.read_bytes()[:2000])
    (tmp_path / "013.jpg").write_bytes(b"")
    (tmp_path / "camera.json").write_text('{"fps": 10}')
    dataset = open_folder(tmp_path)
    assert "damaged (2 of 20 pictures; first: " in dataset.problems[0] and "009.jpg" in dataset.problems[0]
    assert [number_in(dataset[index].clip.frames[0]) for index in range(len(dataset))] == [0, 4, 14]


def test_a_file_damaged_after_it_was_opened_breaks_its_samples_only(folder_with: Make, plain_video: Path) -> None:
    root = folder_with(second__mp4=plain_video.read_bytes())
    dataset = open_folder(root)
    (root / "good.mp4").write_bytes(plain_video.read_bytes()[:3000])
    with pytest.raises(BrokenSample, match=r"good\.mp4.*was it changed"):
        dataset[0]
    assert number_in(dataset[10].clip.frames[0]) == 0 and dataset[10].id.startswith("second.mp4")


@pytest.mark.parametrize("settings", [{"stride_s": 0.0}, {"stride_s": float("nan")}])
def test_settings_that_make_no_sense(plain_video: Path, settings: dict) -> None:
    with pytest.raises(InputError, match="stride_s"):
        open_folder(plain_video, **settings)
