"""drivesim data check and pack say the same of a source, and view shows what came of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

sys.path.append(str(Path(__file__).resolve().parent.parent / "datasets" / "video_folder"))

from numbered_video import numbered_frames, write_video

from drivesim.cli.main import app

SMALL = ["--frames", "4", "--height", "96", "--width", "192"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Joined clips, a pipe, a file with nothing in it, and poses on another clock."""
    root = tmp_path_factory.mktemp("videos")
    part = write_video(root / "joined.ts", numbered_frames(12), g=4, bf=0)
    part.write_bytes(2 * part.read_bytes())
    (root / "joined.poses.csv").write_text("time_s,x,y,yaw_rad\n1700000000,0,0,0\n1700000001,1,0,0\n")
    (root / "empty.mp4").write_bytes(b"")
    os.mkfifo(root / "live.mkv")
    return root


def test_check_and_pack_print_the_same_lines(videos: Path, tmp_path: Path) -> None:
    checked = run("check", videos, *SMALL)
    packed = run("pack", videos, tmp_path / "v.zarr", *SMALL, "--workers", 1)
    assert (checked.exit_code, packed.exit_code) == (2, 0), checked.output + packed.output
    for words in (
        "live.mkv: a pipe, a socket or a device; left out",
        "empty.mp4: left out: empty, 0 bytes",
        "joined.poses.csv: no row falls into the recording",
        "joined.ts: 192 x 96, 24 frames",
        "its clock begins again 1 time, at frame 12",
    ):
        assert words in checked.output and words in packed.output
    assert f"{videos}: 3 problems" in checked.output and "notes (1):" in checked.output
    assert "6 samples of 4 frames" in packed.output
    assert run("view", tmp_path / "v.zarr", "--out", tmp_path / "page.png").exit_code == 0


def test_check_takes_the_settings_of_pack(videos: Path) -> None:
    assert "is enlarged to 512 x 256" in run("check", videos, "--frames", 4).output
    assert "a window needs 3.90 s" in run("check", videos, *SMALL[2:], "--frames", 40).output
    assert "--split does not apply to it" in run("check", videos, "--split", "val").output


def test_options_of_a_source_are_refused_for_a_store(tmp_path: Path) -> None:
    result = run("check", tmp_path / "s.zarr", "--frames", 4)
    assert result.exit_code == 2 and "is a store: its samples are made" in result.output


def test_a_category_map_is_for_nuscenes(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text("{}")
    result = run("pack", videos, tmp_path / "v.zarr", "--category-map", tmp_path / "map.json")
    assert result.exit_code == 2 and "--category-map does not apply to it" in result.output
