"""Two futures on one clock, and when they part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.options import Options, Threads
from drivesim.pictures.difference import Difference, write_difference
from drivesim.runs.future import open_run
from drivesim.runs.video import probe, read_frames
from drivesim.scenarios import loads
from drivesim.simulate import branch, futures

ONE = Options(threads=Threads(denoise=1, decode=1), noise="own", lossless=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    futures(TinyLoaded(), loads(SCENARIO_TEXT)[0], num_futures=2, seconds=3.0, seed=7, out=folder, options=ONE)
    branch(
        TinyLoaded(), folder, at_s=1.0, future=1, num_futures=1, seconds=3.0, out=folder.parent / "later", options=ONE
    )
    return folder


def test_futures_of_one_run_share_a_frame_and_part(tmp_path: Path, run: Path) -> None:
    first, second = open_run(run)
    found = write_difference(tmp_path / "apart.mp4", first, second)
    frames = zip(first.frames(), second.frames(), strict=True)
    expected = [np.abs(one.astype(int) - other.astype(int)).mean() for one, other in frames]
    assert found.levels == pytest.approx(expected) and found.start_s == 0.0
    assert (
        found.levels[0] == 0.0 < 2.0 < found.levels[-1]
        and found.parts_at_s is not None
        and 0.0 < found.parts_at_s < 2.0
    )
    info = probe(tmp_path / "apart.mp4")
    assert (info.width, info.height, info.num_frames, info.fps) == (256, 128, 30, 10.0)
    same = write_difference(tmp_path / "same.mp4", first, first)
    assert not same.levels.any() and same.parts_at_s is None
    dark = read_frames(tmp_path / "same.mp4", 29, 30)[0][100:, :128].mean()
    lit = read_frames(tmp_path / "apart.mp4", 29, 30)[0][100:, :128].mean()
    assert lit > dark + 10.0


def test_a_branch_meets_its_parent_on_the_scenes_clock(tmp_path: Path, run: Path) -> None:
    (later,) = open_run(run.parent / "later")
    origin = later.manifest.branch
    assert origin is not None
    found = write_difference(tmp_path / "branch.mp4", open_run(run)[1], later)
    assert found.start_s == pytest.approx(origin.time_s) and len(found.levels) == 30 - origin.frame
    assert found.levels[0] == 0.0


def test_they_part_for_good_only_where_they_do_not_meet_again() -> None:
    def parts(*levels: float) -> float | None:
        return Difference(levels=np.array(levels), start_s=4.0, fps=10.0).parts_at_s

    assert parts(0.0, 0.0, 5.0, 6.0) == pytest.approx(4.2)
    assert parts(0.0, 5.0, 0.0, 6.0) == pytest.approx(4.3)
    assert parts(0.0, 5.0, 0.0) is None
    assert parts(5.0, 6.0) == pytest.approx(4.0)


def test_the_command_names_futures_by_their_videos(tmp_path: Path, run: Path) -> None:
    out = tmp_path / "out.mp4"

    def diff(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["diff", *map(str, arguments), "--out", str(out)])
        return result.exit_code, result.output

    code, text = diff(run / "f00.mp4", run.parent / "later", "--json")
    assert code == 0 and json.loads(text)["start_s"] > 0.0 and out.is_file()
    assert diff(run / "f00.mp4", run / "f01.mp4")[0] == 2
    code, text = diff(run / "f00.mp4", run / "f01.mp4", "--overwrite")
    assert code == 0 and "they part at" in text
    assert "2 finished futures (f00.mp4, f01.mp4)" in diff(run, run, "--overwrite")[1]
    assert "no finished future" in diff(run / "f07.mp4", run, "--overwrite")[1]


def test_what_shows_no_common_moment_is_refused(tmp_path: Path, run: Path) -> None:
    made = TinyLoaded()
    futures(made, loads(SCENARIO_TEXT)[0], num_futures=1, seconds=0.5, seed=7, out=tmp_path / "short", options=ONE)
    (short,), (later,) = open_run(tmp_path / "short"), open_run(run.parent / "later")
    with pytest.raises(InputError, match="no common moment"):
        write_difference(tmp_path / "none.mp4", short, later)
    assert not (tmp_path / "none.mp4").exists()
