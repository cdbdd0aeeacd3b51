"""What a player would show is what is stored: clocks, pixels, colours, fields and tracks of files as people have them."""

from __future__ import annotations

import os
import pickle
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numbered_video import HEIGHT, WIDTH, number_in, numbered_frames, write_camera, write_video

from drivesim.datasets.video_folder import VideoFolderDataset, check_video_folder
from drivesim.datasets.video_folder.clock import presentation_clock
from drivesim.datasets.video_folder.colour import ColourReader
from drivesim.errors import InputError

SWATCHES = ((255, 0, 0), (0, 200, 0), (40, 40, 220), (128, 128, 128), (200, 200, 200), (20, 20, 20))


def open_folder(root: Path, **settings: object) -> VideoFolderDataset:
    return VideoFolderDataset(root, 4, 10.0, HEIGHT, WIDTH, **settings)  # type: ignore[arg-type]


def numbers(dataset: VideoFolderDataset, order: list[int] | None = None) -> dict[int, list[int]]:
    order = list(range(len(dataset))) if order is None else order
    return {index: [number_in(frame) for frame in dataset[index].clip.frames] for index in order}


@pytest.mark.parametrize("bf", [0, 2])
def test_joined_clips_lose_no_frame_and_give_the_same_in_any_order(tmp_path: Path, bf: int) -> None:
    parts = [write_video(tmp_path / f"{k}.ts", numbered_frames(20, first=20 * k), g=8, bf=bf) for k in range(3)]
    joined = tmp_path / "joined" / "all.ts"
    joined.parent.mkdir()
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    dataset = open_folder(joined)
    assert not dataset.problems
    assert "60 frames" in dataset.notes[0] and "its clock begins again 2 times, at frame 20, 40:" in dataset.notes[0]
    forward = numbers(dataset)
    assert list(forward.values()) == [[4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3] for k in range(15)]
    for order in ([14, 3, 8, 0, 7], [7, 8], [3]):  # as several workers would ask
        assert numbers(pickle.loads(pickle.dumps(dataset)), order) == {index: forward[index] for index in order}
    assert (np.diff(dataset._entries[0].index.times_s) > 0).all()


def test_a_clip_joined_with_itself(tmp_path: Path) -> None:
    part = write_video(tmp_path / "part.ts", numbered_frames(12), g=4, bf=0)
    (tmp_path / "twice.ts").write_bytes(2 * part.read_bytes())
    part.unlink()
    assert list(numbers(open_folder(tmp_path)).values()) == 2 * [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_boxes_count_up_to_the_restart(tmp_path: Path) -> None:
    part = write_video(tmp_path / "part.ts", numbered_frames(20), g=8, bf=0).read_bytes()
    (tmp_path / "part.ts").write_bytes(2 * part)
    rows = "".join(f"{0.1 * k:.1f},{k},0,0\n" for k in range(41))
    (tmp_path / "part.poses.csv").write_text("time_s,x,y,yaw_rad\n" + rows)
    dataset = open_folder(tmp_path)
    assert [bool(dataset[index].known) for index in range(10)] == [True] * 5 + [False] * 5
    assert "part.ts: the poses tell of 5 of 10 windows" in "\n".join(dataset.notes)


def test_avi_with_b_frames_is_read_in_the_order_of_showing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "b.avi", numbered_frames(40), bf=2, g=12)
    dataset = open_folder(path)
    assert not dataset.problems and "times of decoding only" in dataset.notes[0]
    assert list(numbers(dataset).values()) == [[4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3] for k in range(10)]
    assert numbers(open_folder(path), [9, 2]) == {9: [36, 37, 38, 39], 2: [8, 9, 10, 11]}
    assert np.allclose(np.diff(dataset._entries[0].index.times_s), 0.1)


def test_frames_without_a_time_of_their_own_are_counted() -> None:
    stamps = [0, 10, 20, 20, 40, None, 60]
    clock = presentation_clock(stamps, np.arange(7), np.zeros(7, int), 0.01, 10.0)
    assert clock.untimed.tolist() == [False, False, False, True, False, True, False]
    assert np.allclose(clock.times_s, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    bare = presentation_clock([None] * 3, np.arange(3), np.zeros(3, int), 0.01, 25.0)
    assert np.allclose(bare.times_s, [0.0, 0.04, 0.08]) and "no times" in bare.remark


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    frames = numbered_frames(8)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames[:, ((columns - 96) * 4 / 3) ** 2 + (rows - 48) ** 2 < 30**2] = 255  # a circle, as shown
    write_video(tmp_path / "hdv.mp4", frames, pixel_aspect=Fraction(4, 3))
    write_camera(tmp_path / "camera.json", width=256, cx=128.0)
    dataset = open_folder(tmp_path)
    assert not dataset.problems
    assert "256 x 96, 8 frames" in dataset.notes[0] and "192 x 96 are shown as 256 x 96" in dataset.notes[0]
    shown = dataset[0].clip.frames[0][..., 1] > 200
    assert abs(int(shown[48].sum()) - int(shown[:, 96].sum())) <= 2
    write_camera(tmp_path / "camera.json")
    assert "the pictures are 256 x 96" in open_folder(tmp_path).problems[0]


def test_the_largest_of_several_tracks_is_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "dual.mp4"), "w") as container:
        streams = []
        for scale in (2, 1):
            stream = container.add_stream("libx264", rate=10)
            stream.height, stream.width, stream.pix_fmt = HEIGHT // scale, WIDTH // scale, "yuv420p"
            streams.append((stream, scale))
        for number, picture in enumerate(numbered_frames(8)):
            for stream, scale in streams:
                small = np.ascontiguousarray(picture[::scale, ::scale])
                frame = av.VideoFrame.from_ndarray(small if scale == 1 else 255 - small, format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
        for stream, _ in streams:
            container.mux(stream.encode(None))
    dataset = open_folder(tmp_path)
    assert "of its 2 video tracks the largest is read (192 x 96), not 96 x 48" in dataset.notes[0]
    assert list(numbers(dataset).values()) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def swatches(width: int, height: int) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(SWATCHES):
        picture[:, number * width // 6 : (number + 1) * width // 6] = colour
    return picture


def read_swatches(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        picture = ColourReader().rgb(frame, frame.width, frame.height, (frame.width, frame.height))
    step = picture.shape[1] // 6
    return np.array([picture[picture.shape[0] // 2, step // 2 + step * number] for number in range(6)]).astype(int)


@pytest.mark.parametrize(
    ("size", "matrix", "tags"),
    [
        ((1284, 720), 1, {}),
        ((720, 576), 5, {}),
        ((720, 576), 1, {"colorspace": 1}),
        ((1284, 720), 5, {"colorspace": 5}),
    ],
)
def test_matrices_are_those_of_the_tag_or_of_the_size(
    tmp_path: Path, size: tuple[int, int], matrix: int, tags: dict[str, int]
) -> None:
    path = encode(tmp_path / "v.mkv", swatches(*size)[None], "yuv444p", matrix, tags)
    assert np.abs(read_swatches(path) - SWATCHES).max() <= 4


def test_full_range_is_read_as_full_range(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mkv", swatches(240, 96)[None], "yuv444p", 5, {"colorspace": 5, "color_range": 2})
    assert np.abs(read_swatches(path) - SWATCHES).max() <= 4


def test_the_colours_of_an_untagged_hd_file_are_said(tmp_path: Path) -> None:
    frames = np.stack([np.roll(swatches(1284, 720), 20 * number, axis=1) for number in range(4)])
    encode(tmp_path / "v.mkv", frames, "yuv444p", 1, {})
    assert "carry no tag and are read as BT.709" in open_folder(tmp_path).notes[0]


def hlg_of(picture: np.ndarray) -> np.ndarray:
    """uint16 HLG signal in BT.2020 of an sRGB-like picture whose white is at 203 cd/m2: BT.2100 backwards."""
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    display = (picture / 255.0) ** 2.2 @ to_2020.T * 0.203
    luminance = np.maximum(display @ [0.2627, 0.6780, 0.0593], 1e-9)
    scene = display * (luminance ** (-0.2 / 1.2))[..., None]
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)
    return np.round(65535 * np.clip(signal, 0, 1)).astype(np.uint16)


def pq_of(picture: np.ndarray) -> np.ndarray:
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    light = ((picture / 255.0) ** 2.2 @ to_2020.T * 203.0 / 10000.0) ** (2610 / 16384)
    signal = ((3424 / 4096 + 2413 / 128 * light) / (1 + 2392 / 128 * light)) ** (2523 / 32)
    return np.round(65535 * signal).astype(np.uint16)


@pytest.mark.parametrize(("transfer", "coded"), [(18, hlg_of), (16, pq_of)])
def test_high_dynamic_range_is_brought_to_a_plain_screen(tmp_path: Path, transfer: int, coded) -> None:
    frames = np.stack([np.roll(swatches(240, 96), 10 * number, axis=1) for number in range(4)])
    tags = {"colorspace": 9, "color_trc": transfer, "color_primaries": 9}
    encode(tmp_path / "v.mkv", np.stack([coded(frame) for frame in frames]), "yuv444p10le", 9, tags)
    found = read_swatches(tmp_path / "v.mkv")
    # Above the knee room is kept for what is brighter than white.
    assert np.abs(found - SWATCHES).max() <= 14, found
    assert np.abs(found - SWATCHES)[3:].max() <= 3
    note = open_folder(tmp_path).notes[0]
    assert "high dynamic range" in note and "BT.2020 colours are brought into BT.709" in note


def encode(path: Path, pictures: np.ndarray, pix_fmt: str, matrix: int, tags: dict[str, int]) -> Path:
    """Lossless FFV1 of pictures (T, H, W, 3) through a YUV matrix, with colour tags that may say something else."""
    convert = VideoReformatter()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for number, picture in enumerate(pictures):
            given = av.VideoFrame.from_ndarray(picture, format="rgb24" if picture.dtype == np.uint8 else "rgb48le")
            frame = convert.reformat(
                given, format=pix_fmt, dst_colorspace=matrix, dst_color_range=tags.get("color_range", 1)
            )
            for name in ("colorspace", "color_range", "color_trc", "color_primaries"):
                setattr(frame, name, tags.get(name, 1 if name == "color_range" else 2))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_colours_that_are_not_understood_are_a_problem(tmp_path: Path) -> None:
    frames = np.stack([np.roll(swatches(240, 96), 10 * number, axis=1) for number in range(4)])
    encode(tmp_path / "v.mkv", frames, "yuv444p", 5, {"colorspace": 5, "color_trc": 9})
    (line,) = open_folder(tmp_path).problems
    assert "v.mkv: its transfer (logarithmic) is not understood: its colours are wrong" in line
    encode(tmp_path / "v.mkv", frames, "yuv444p", 5, {"colorspace": 8})
    with pytest.raises(InputError, match=r"v\.mkv: left out: its colour coding \(YCgCo\) is not understood"):
        open_folder(tmp_path)


def test_of_an_interlaced_frame_one_moment_is_shown(tmp_path: Path) -> None:
    first, second = numbered_frames(12), np.zeros((12, HEIGHT, WIDTH, 3), np.uint8)
    woven = first.copy()
    woven[:, 1::2] = second[:, 1::2]
    write_video(tmp_path / "CLIP.MTS", woven, container_format="mpegts", bf=0, **{"x264-params": "tff=1:interlaced=1"})
    dataset = open_folder(tmp_path)
    assert "interlaced: one field of each frame is used" in dataset.notes[0]
    shown = dataset[1].clip.frames[0].astype(int)
    assert np.abs(np.diff(shown[20:80, 100], axis=0)).max() < 30  # no combs
    assert np.abs(shown[20:80] - first[4, 20:80]).mean() < 6


def test_files_of_phones_and_cameras_are_found_and_others_are_counted(tmp_path: Path, plain_video: Path) -> None:
    shutil.copy(plain_video, tmp_path / "phone.3gp")
    shutil.copy(plain_video, tmp_path / "OLD.M2TS")
    for name in ("GX01.LRV", "notes.txt", "more.txt", "preview.jpg"):
        (tmp_path / name).write_bytes(b"x")
    dataset = open_folder(tmp_path)
    assert not dataset.problems and len(dataset) == 20
    assert dataset.notes[0] == "passed over: 1 .lrv, 2 .txt, 1 pictures beside videos"


def test_mirrored_video_is_mirrored(tmp_path: Path) -> None:
    frames = numbered_frames(8)
    path = write_video(tmp_path / "front_camera.mp4", frames)
    one, none = (1 << 16).to_bytes(4, "big"), bytes(4)
    unit, mirror = one + 3 * none + one, (2**32 - (1 << 16)).to_bytes(4, "big") + 3 * none + one
    data = path.read_bytes()
    at = data.index(unit, data.index(b"tkhd"))
    path.write_bytes(data[:at] + mirror + data[at + len(unit) :])
    shown = open_folder(path)[0].clip.frames[0]
    assert number_in(shown) != 1 and np.abs(shown[:, ::-1].astype(int) - frames[0]).mean() < 6


def test_a_pipe_in_the_folder_is_named_and_nothing_waits(tmp_path: Path, plain_video: Path) -> None:
    shutil.copy(plain_video, tmp_path / "good.mp4")
    os.mkfifo(tmp_path / "live.mp4")
    os.mkfifo(tmp_path / "camera.json")
    (tmp_path / "pictures").mkdir()
    os.mkfifo(tmp_path / "pictures" / "0.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "pictures")
    problems = "\n".join(check_video_folder(tmp_path, 4, 10.0, HEIGHT, WIDTH))
    for name in ("live.mp4", "camera.json", "0.jpg"):
        assert f"{name}: a pipe, a socket or a device; left out" in problems
    assert "linked: a link to a folder is not followed" in problems
    assert len(open_folder(tmp_path)) == 10
