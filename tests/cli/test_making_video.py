"""rollout, futures and start from the command line, with a toy Video LDM in a real model folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_video_ldm import save_toy
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.models import load_model
from drivesim.runs.future import open_run
from drivesim.runs.run_folder import read_png
from drivesim.runs.video import probe
from drivesim.scenarios import load
from drivesim.simulate import futures

pytestmark = pytest.mark.usefixtures("own_cache")

SCENARIO = """\
id: empty-{number}
video: {{duration: 2 s}}
sampling: {{seed: 5, variations: 2}}
vary: {{speed: {{uniform: [10 m/s, 20 m/s]}}}}
scene:
  road: {{type: rural, lanes: 1}}
  ego: {{speed: $speed}}
  traffic: {{density: none}}
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("models") / "toy", steps=1)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "empty.yaml"
    path.write_text("drivesim: 1\n" + SCENARIO.format(number=1))
    return path


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> Result:
    result = drivesim(*arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.usefixtures("known_speed")
def test_rollout_tells_the_plan_and_ends_with_the_videos_place(tmp_path: Path, toy: Path, scenario: Path) -> None:
    out = tmp_path / "run"
    result = succeed("rollout", scenario, "--seconds", "1.3", "--model", toy, "--out", out, "--threads", "1+1")
    assert "1 future × 13 frames = 13 frames; " in result.stderr and "frames/s measured → " in result.stderr
    assert "actors scripted, ego planned, map told, scenery told; start frame: synthesised" in result.stderr
    assert result.stdout.strip() == f"{out / 'f00.mp4'} (1.3 s, 13 frames)"
    info = probe(out / "f00.mp4")
    assert (info.width, info.height, info.num_frames, info.fps) == (1024, 512, 13, 10.0)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["synthetic"] is True and manifest["seed"] == 5
    again = drivesim("rollout", scenario, "--seconds", "1.3", "--model", toy, "--out", out)
    assert again.exit_code == 2 and "already holds a run" in again.stderr
    resumed = succeed("rollout", scenario, "--seconds", "1.3", "--model", toy, "--out", out, "--resume", "--json", "-q")
    assert json.loads(resumed.stdout)["futures"] == [{"id": "empty-1/v000/f00", "video": str(out / "f00.mp4")}]
    other = drivesim("rollout", scenario, "--seconds", "2", "--model", toy, "--out", out, "--resume")
    assert other.exit_code == 2 and "frames: the run has 13, this command asks for 20" in other.stderr


#: What the dry run measures, so that the next command of such settings need not.
MEASURED = ("--actors", "scripted", "--threads", "1")


def test_a_dry_run_writes_nothing(tmp_path: Path, toy: Path, scenario: Path) -> None:
    out = tmp_path / "run"
    asked = ("--minutes", "1", "--futures", "2", "--model", toy, "--out", out, *MEASURED)
    plan = json.loads(succeed("rollout", scenario, *asked, "--dry-run", "--json").stdout)[0]
    assert (plan["frames"], plan["futures"], plan["frames_per_future"]) == (1200, 2, 600)
    looped_s = plan["seconds"] - plan["loading_s"] - plan["start_s"]
    assert looped_s == pytest.approx(1200 / plan["frames_per_s"], rel=0.02)
    assert 0.05 < plan["memory_gb"] < 8.0
    assert plan["disk_bytes"] > 0
    assert not out.exists()


@pytest.mark.usefixtures("known_speed")
def test_futures_are_set_side_by_side_and_branched(tmp_path: Path, toy: Path, scenario: Path) -> None:
    out = tmp_path / "all"
    common = ("--model", toy, "--seconds", "0.7", "--threads", "1+1", "-q")
    succeed("futures", scenario, "--futures", "2", "--out", out, *common)
    assert probe(out / "side_by_side.mp4").num_frames == 7
    sheet = read_png(out / "contact_sheet.png")
    assert sheet.shape[0] > 2 * 160 and sheet.shape[1] > 2 * 320
    succeed("futures", scenario, "--futures", "2", "--only-future", "1", "--out", tmp_path / "one", *common)
    (alone,) = open_run(tmp_path / "one")
    assert alone.index == 1
    assert np.array_equal(alone.frames(), open_run(out)[1].frames())
    result = drivesim("futures", "--from", out, "--at", "0.6", "--future", "1", "--futures", "1", *common, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["run"] == str(tmp_path / "all-f01-at-0.6s")


@pytest.mark.usefixtures("known_speed")
def test_start_writes_the_frame_that_a_rollout_begins_with(tmp_path: Path, toy: Path, scenario: Path) -> None:
    succeed("start", scenario, "--model", toy, "--out", tmp_path / "start.png")
    succeed("rollout", scenario, "--seconds", "0.1", "--model", toy, "--out", tmp_path / "run")
    start = read_png(tmp_path / "start.png")
    assert start.shape == (512, 1024, 3)
    assert np.array_equal(start, read_png(tmp_path / "run/start.png"))
    assert not np.array_equal(start, read_png(tmp_path / "start-boxes.png"))


@pytest.mark.usefixtures("known_speed")
def test_a_rollout_begins_with_the_users_picture(tmp_path: Path, toy: Path, scenario: Path) -> None:
    picture = tmp_path / "photo.png"
    rows = np.linspace(0, 255, 300, dtype=np.uint8)[:, None, None]
    cv2.imwrite(str(picture), np.broadcast_to(rows, (300, 640, 3)))
    command = ("rollout", scenario, "--seconds", "0.6", "--model", toy, "--out", tmp_path / "run", "--start", picture)
    assert "start frame: picture" in succeed(*command).stderr
    first = open_run(tmp_path / "run")[0].frames(0.0, 0.1)[0].astype(int)
    assert first[:64].mean() < 60 < 190 < first[-64:].mean()
    missing = drivesim(*command[:-1], tmp_path / "none.jpg")
    assert missing.exit_code == 2 and "there is no such picture" in missing.stderr


@pytest.mark.usefixtures("known_speed")
def test_a_suite_makes_a_folder_for_each_scenario_and_variation(tmp_path: Path, toy: Path) -> None:
    suite = tmp_path / "suite.yaml"
    entries = "".join("  - " + SCENARIO.format(number=n).replace("\n", "\n    ").rstrip() + "\n" for n in (1, 2))
    suite.write_text(f"drivesim: 1\nscenarios:\n{entries}")
    arguments = ("rollout", suite, "--seconds", "0.1", "--model", toy, "-q")
    succeed(*arguments, "--out", tmp_path / "both", "--variation", "all")
    names = {path.name for path in (tmp_path / "both").iterdir()}
    assert names == {"empty-1-5", "empty-1-v001-5", "empty-2-5", "empty-2-v001-5"}
    succeed(*arguments, "--out", tmp_path / "one", "--only", "empty-2", "--set", "speed=36 km/h")
    manifest = json.loads((tmp_path / "one/manifest.json").read_text())
    assert manifest["scenario_id"] == "empty-2"
    assert "speed: 10" in (tmp_path / "one/scenario.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "1", "--seconds", "3"], "--minutes and --seconds both name the length. Keep one."),
        (["--seconds", "3 m/s"], "--seconds: "),
        (["--seconds", "0"], "a video of 0 s has no frame at 10 frames/s"),
        (["--only", "other"], "--only other: {file} has no such scenario (has: empty-1)."),
        (["--set", "gap=3"], "--set gap: not a parameter in 'vary' of {file} (has: speed)."),
        (["--set", "speed"], "--set speed: expected parameter=value"),
        (["--variation", "2"], "--variation 2: empty-1 has 2, counted from 0."),
        (["--variation", "1-"], "--variation 1-: expected a number such as 3, a range such as 0-7, or all."),
        (["--variation", "9" * 400], "--variation 99999999999999999999: expected a number"),
        (["--seconds", "1e308"], "--seconds 1e308: expected a time from 0 to a day (86400 s)"),
        (["--minutes", "1e308"], "--minutes 1e308: expected a time from 0 to a day"),
        (["--seconds", "nan"], "--seconds nan: expected a time"),
        (["--variation", "x"], "--variation x: expected a number such as 3, a range such as 0-7, or all."),
        (["--threads", "0+1"], "--threads 0+1: expected denoising+decoding"),
        (["--threads", "9" * 26], "--threads 99999999999999999999999999: expected denoising+decoding"),
        (["--threads", "4096"], "at most 1024 each"),
        (["--out", "{file}"], "a file stands where a folder is needed"),
    ],
)
def test_wrong_options_end_in_one_line_with_exit_code_2(
    toy: Path, scenario: Path, arguments: list[str], message: str
) -> None:
    result = drivesim("rollout", scenario, "--model", toy, *[text.format(file=scenario) for text in arguments])
    assert result.exit_code == 2, result.output
    assert message.format(file=scenario) in result.stderr
    assert result.stderr.count("error:") == 1


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("rollout", "--futures", "9" * 26), ("rollout", "--steps", "4294967296"), ("futures", "--futures", "1000001"),
        ("futures", "--only-future", "9" * 26), ("futures", "--max-tries", "9" * 26), ("sweep", "--jobs", "9" * 26),
        ("sweep", "--futures", "9" * 26), ("sweep", "--retries", "4294967296"),
    ],
)  # fmt: skip
def test_numbers_that_nobody_means_are_refused(command: str, option: str, value: str, scenario: Path) -> None:
    result = drivesim(command, scenario, option, value)
    assert result.exit_code == 2 and option in result.stderr and "less than or equal" in result.stderr, result.stderr


def test_the_library_refuses_them_too(toy: Path, scenario: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="steps is 0: expected 1 to 1000"):
        load_model(toy, steps=0)
    for count in (0, -3, 10**30):
        with pytest.raises(InputError, match=f"num_futures is {count}: expected 1 to 1000000"):
            futures(load_model(toy), load(scenario)[0], num_futures=count, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_futures_need_one_source(toy: Path, scenario: Path, tmp_path: Path) -> None:
    for arguments in ([], [scenario, "--from", tmp_path, "--at", "4"], ["--from", tmp_path]):
        result = drivesim("futures", *arguments, "--model", toy)
        assert result.exit_code == 2 and result.stderr.startswith("error: ")


@pytest.mark.parametrize("command", ["rollout", "futures", "sweep", "test"])
def test_a_mode_that_the_model_lacks_is_refused_by_every_command(
    command: str, toy: Path, scenario: Path, tmp_path: Path
) -> None:
    refused = drivesim(command, scenario, "--model", toy, "--mode", "hierarchical", "--out", tmp_path / "out")
    assert refused.exit_code == 2, refused.output
    assert "mode hierarchical: the temporal layers of 'toy' were trained on neighbouring frames only" in refused.output
    assert not (tmp_path / "out").exists()


def test_a_missing_model_has_exit_code_4(scenario: Path, tmp_path: Path) -> None:
    result = drivesim("rollout", scenario, "--model", tmp_path / "nothing")
    assert result.exit_code == 4 and "no such folder and no packaged model" in result.stderr


def test_ctrl_c_says_how_to_continue_and_exits_with_130(tmp_path: Path, toy: Path, scenario: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "drivesim", "rollout", scenario, "--seconds", "30", "--model", toy, "--out", out]
    process = subprocess.Popen([str(part) for part in (*command, *MEASURED)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240.0
    while not (out / "futures/f00/segments/000000.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "of 300 frames" in stderr and "Traceback" not in stderr
    assert "--resume" in stderr
