"""A future's video at another rate: which frame of the model every frame of the file shows, when, and that the file says so."""

from __future__ import annotations

import json
import math
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_exports import make_run

from drivesim.errors import InputError
from drivesim.exports.resampled import METHOD, exact_rate, shown_frames
from drivesim.exports.run import Exported, export_run
from drivesim.runs.future import open_run
from drivesim.runs.video import probe, read_frames
from drivesim.storage import sha256_of

RATES = st.sampled_from(
    [0.5, 1.0, 5.0, 10.0, 12.5, 15.0, 23.976, 24.0, 25.0, 29.97, 30000 / 1001, 30.0, 50.0, 60.0, 240.0]
)


def resampled(run: Path, out: Path, fps: float, **options: object) -> Exported:
    return export_run(run, "video", out=out, fps=fps, **options)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(num_frames=st.integers(1, 100), source=RATES, target=RATES)
def test_each_frame_is_the_last_that_is_on_screen_at_its_moment(num_frames: int, source: float, target: float) -> None:
    shows = shown_frames(num_frames, source, target)
    begins = [number / exact_rate(source) for number in range(num_frames)]
    at = 0
    for number, shown in enumerate(shows):
        moment = number / exact_rate(target)
        while at + 1 < num_frames and begins[at + 1] <= moment:
            at += 1
        assert shown == at
    off = abs(len(shows) / exact_rate(target) - num_frames / exact_rate(source))
    assert off <= 1 / exact_rate(target) / 2 or (len(shows) == 1 and off < 1 / exact_rate(target))


def test_rates_are_the_ratios_that_files_store() -> None:
    assert (
        exact_rate(25.0) == 25
        and exact_rate(29.97003) == Fraction(30000, 1001)
        and exact_rate(29.97) == Fraction(2997, 100)
    )
    assert exact_rate(23.976024) == Fraction(24000, 1001) and exact_rate(59.94006) == Fraction(60000, 1001)
    assert shown_frames(4, 10.0, 25.0) == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert shown_frames(10, 10.0, 4.0) == [0, 2, 5, 7]
    assert shown_frames(5, 10.0, 10.0) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("fps", [4.0, 10.0, 25.0, 29.97003, 60.0])
def test_the_file_shows_those_frames_at_an_even_rate_without_b_frames(fps: float, run: Path, tmp_path: Path) -> None:
    done = resampled(run, tmp_path / "video", fps)
    assert done.futures == ("tiny-cut-in/v000/f00", "tiny-cut-in/v000/f01") and done.kept == ()
    assert done.notes == (f"resampled from 10 to {fps:g} frames a second: {METHOD}",)
    for future in open_run(run):
        path = next((tmp_path / "video").glob(f"f{future.index:02d}-*fps.mp4"))
        shows = shown_frames(future.num_frames, future.fps, fps)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.average_rate == exact_rate(fps) and not stream.codec_context.has_b_frames
            frames = list(container.decode(stream))
            assert [frame.pts * stream.time_base for frame in frames] == [
                n / exact_rate(fps) for n in range(len(shows))
            ]
            assert {PictureType(frame.pict_type) for frame in frames} <= {PictureType.I, PictureType.P}
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            assert all(packet.pts == packet.dts for packet in packets)
        assert abs(len(frames) / exact_rate(fps) - Fraction(future.num_frames, 10)) <= 1 / exact_rate(fps)
        source, shown = future.frames().astype(float), read_frames(path).astype(float)
        likest = [int(np.argmin(((source - picture) ** 2).mean(axis=(1, 2, 3)))) for picture in shown]
        assert likest == shows


def test_the_json_beside_it_says_what_was_done_and_whence_it_comes(run: Path, tmp_path: Path) -> None:
    resampled(run, tmp_path, 25.0, futures=[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f01-25fps.json", "f01-25fps.mp4"]
    (future,) = (one for one in open_run(run) if one.index == 1)
    said = json.loads((tmp_path / "f01-25fps.json").read_text())
    assert (
        said["synthetic"] is True and said["future"] == "tiny-cut-in/v000/f01" and said["seed"] == future.manifest.seed
    )
    assert said["weights_sha256"] == future.manifest.weights_sha256
    assert said["video"] == "f01-25fps.mp4" and said["video_sha256"] == sha256_of(tmp_path / "f01-25fps.mp4")
    told = said["resampled"]
    assert (told["source"], told["source_sha256"]) == ("f01.mp4", sha256_of(run / "f01.mp4"))
    assert (told["source_fps"], told["source_frames"], told["source_duration_s"]) == (10.0, 12, 1.2)
    assert (told["fps"], told["fps_ratio"], told["frames"], told["duration_s"]) == (25.0, "25", 30, 1.2)
    assert told["method"] == METHOD and told["encoded_again"] is True and told["begins_s"] == 0.0
    assert told["rule"] == "frame j shows source frame floor(j * (10) / (25))"
    assert said["source_frame_of_each"] == [math.floor(number * 10 / 25) for number in range(30)]
    comment = probe(tmp_path / "f01-25fps.mp4").comment
    assert "synthetic" in comment and f"resampled from 10 to 25 frames a second: {METHOD}" in comment


def test_the_lossless_video_is_what_is_resampled_where_there_is_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 1, lossless=True)
    resampled(run, tmp_path / "out", 20.0)
    told = json.loads((tmp_path / "out/f00-20fps.json").read_text())["resampled"]
    assert (told["source"], told["source_sha256"]) == ("f00.mkv", sha256_of(run / "f00.mkv"))


def test_two_rates_lie_side_by_side_and_neither_is_taken_for_the_other(run: Path, tmp_path: Path) -> None:
    resampled(run, tmp_path / "video", 29.97, futures=[0])
    with pytest.raises(InputError, match="--overwrite"):
        resampled(run, tmp_path / "video", 25.0)
    assert resampled(run, tmp_path / "video", 29.97003, futures=[0], resume=True).kept == ()
    more = resampled(run, tmp_path / "video", 29.97, resume=True)
    assert more.kept == ("tiny-cut-in/v000/f00",)
    assert sorted(path.name for path in (tmp_path / "video").glob("*.mp4")) == [
        "f00-29.97003fps.mp4", "f00-29.97fps.mp4", "f01-29.97fps.mp4",
    ]  # fmt: skip
    before = (tmp_path / "video/f00-29.97fps.mp4").read_bytes()
    resampled(run, tmp_path / "video", 29.97, overwrite=True)
    assert (tmp_path / "video/f00-29.97fps.mp4").read_bytes() == before, "equal frames give equal files"


def test_a_stopped_writer_leaves_no_video_and_nothing_that_is_in_the_way(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(what: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resampled(run, tmp_path / "video", 25.0, progress=stop)
    assert list((tmp_path / "video").iterdir()) == []
    (tmp_path / "video/.f00-25fps.mp4.part").write_bytes(b"half")  # of a writer that was killed
    (tmp_path / "video/..f00-25fps.mp4.part.part").write_bytes(b"half")
    assert len(resampled(run, tmp_path / "video", 25.0, resume=True).futures) == 2
    assert len(list((tmp_path / "video").iterdir())) == 4


@pytest.mark.parametrize("fps", [0.0, -25.0, math.nan, math.inf, 0.4, 241.0])
def test_what_is_no_rate_is_refused(fps: float, run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no frame rate of a video file; expected 0\.5 to 240"):
        resampled(run, tmp_path / "video", fps)
    assert not (tmp_path / "video").exists()


def test_a_rate_is_refused_where_it_means_nothing_and_asked_for_where_it_does(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--fps 25 has no meaning for coco: boxes, poses and pictures"):
        export_run(run, "coco", out=tmp_path / "coco", fps=25.0)
    with pytest.raises(InputError, match=r"needs the frame rate.* 10 frames a second .*f00\.mp4 is there already"):
        export_run(run, "video", out=tmp_path / "video")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damaged", ["f00.mp4", "scenario.yaml"])
def test_what_was_changed_since_is_not_resampled(damaged: str, run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    data = bytearray((copy / damaged).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / damaged).write_bytes(data)
    with pytest.raises(InputError, match=r"is not what this run wrote|was changed since the run began"):
        resampled(copy, tmp_path / "video", 25.0, futures=[0])
    assert not list((tmp_path / "video").glob("*"))
