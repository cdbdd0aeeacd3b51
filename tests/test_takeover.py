"""A branch with another plan for the ego: its past is the run's bit by bit, its future follows the plan, the rest is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded
from tiny_video_ldm import EMPTY_ROAD, save_toy
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.options import Options, Threads
from drivesim.replay import replay
from drivesim.run_spec import decide_branch, developed, stored_scenario
from drivesim.runs.future import Future
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import loads
from drivesim.scene import Scene, Track
from drivesim.simulate import branch, futures, open_run

ONE = Options(threads=Threads(denoise=1, decode=1))
FRAME = 8  # the last stored moment before a second


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    futures(TinyLoaded(), loads(SCENARIO_TEXT)[0], num_futures=2, seconds=2.0, seed=7, out=folder, options=ONE)
    return folder


def scene_of(run: Path, future: int) -> Scene:
    folder = RunFolder(run)
    return developed(stored_scenario(folder), folder.manifest(), future)


def equal(one: Track, other: Track, stop: int) -> bool:
    names = ("positions", "yaw_rad", "speed_mps", "present")
    return all(np.array_equal(getattr(one, name)[:stop], getattr(other, name)[:stop]) for name in names)


def speed_at(run: Path, future: int, frame: int) -> float:
    return float(scene_of(run, future).ego.speed_mps[frame])


def slowing(run: Path, future: int = 1) -> dict[str, list[float]]:
    speed = speed_at(run, future, FRAME)
    return {"time": [0.0, 0.9, 1.9, 20.0], "speed": [speed, speed, speed - 5.0, speed - 5.0]}


def driven_on(run: Path, plan: Any, out: Path, *, num_futures: int = 1, seconds: float = 1.5) -> tuple[Future, ...]:
    """Futures that leave future 1 of a run at FRAME, the ego driven by a plan."""
    return branch(
        TinyLoaded(), run, at_s=1.0, future=1, num_futures=num_futures, seconds=seconds, options=ONE, ego_plan=plan, out=out,
    )  # fmt: skip


@pytest.mark.parametrize("index", [0, 1])
def test_the_past_stays_and_the_future_follows_the_plan(tmp_path: Path, run: Path, index: int) -> None:
    plan = slowing(run)
    made = driven_on(run, plan, tmp_path / "b", num_futures=2)
    origin = made[0].manifest.branch
    assert origin is not None and origin.frame == FRAME and made[0].manifest.ego == "planned"
    before, after = scene_of(run, 1), scene_of(tmp_path / "b", index)
    assert equal(before.ego, after.ego, FRAME + 1)
    here = {actor.id: actor.track for actor in after.actors}
    for actor in before.actors:
        if actor.track.present[: FRAME + 1].any():
            assert equal(actor.track, here[actor.id], FRAME + 1)
    times = np.arange(FRAME + 1, len(after)) / after.fps
    wanted = np.interp(times, plan["time"], plan["speed"])
    np.testing.assert_allclose(after.ego.speed_mps[FRAME + 1 :], wanted, atol=1e-9)
    assert np.array_equal(made[index].frame_at(0.0), open_run(tmp_path / "b")[0].frame_at(0.0))
    assert replay(TinyLoaded(), tmp_path / "b", index).is_equal


def test_a_plan_is_followed_by_another_one(tmp_path: Path, run: Path) -> None:
    driven_on(run, slowing(run), tmp_path / "b")
    speed = speed_at(tmp_path / "b", 0, 16)
    again = branch(
        TinyLoaded(), tmp_path / "b", at_s=1.9, num_futures=1, seconds=0.8, options=ONE, ego_plan=lambda t: (speed, 0.0), out=tmp_path / "c",
    )  # fmt: skip
    assert again[0].manifest.branch is not None and again[0].manifest.branch.frame == 16
    before, after = scene_of(tmp_path / "b", 0), scene_of(tmp_path / "c", 0)
    assert equal(before.ego, after.ego, 17)
    assert np.all(after.ego.speed_mps[17:24] == speed)


def test_a_trajectory_that_begins_at_the_moment_follows_another_at_its_speed(tmp_path: Path, run: Path) -> None:
    driven_on(run, run / "futures/f01/tracks.csv", tmp_path / "b", seconds=1.2)
    ego = scene_of(tmp_path / "b", 0).ego
    where, speed = ego.pose(16), float(ego.speed_mps[16])
    way = 4.0 * speed * np.array([np.cos(where.yaw_rad), np.sin(where.yaw_rad)])
    plan = {"time": [1.6, 5.6], "x": [where.x, where.x + way[0]], "y": [where.y, where.y + way[1]]}
    made = decide_branch(TinyLoaded(), tmp_path / "b", at_s=1.9, seconds=0.8, options=ONE, ego_plan=plan)
    np.testing.assert_allclose(made.scene.ego.speed_mps[17:24], speed, rtol=1e-6)


def test_the_tracks_of_another_drive_are_a_plan(tmp_path: Path, run: Path) -> None:
    """As far as the drive was the same; here it is the run's own, so nothing changes but who drives."""
    path = run / "futures/f01/tracks.csv"
    made = decide_branch(TinyLoaded(), run, at_s=1.0, seconds=0.8, future=1, options=ONE, ego_plan=path)
    np.testing.assert_allclose(made.scene.ego.positions[:16], scene_of(run, 1).ego.positions[:16], atol=2e-3)


REFUSED: dict[str, tuple[Any, str]] = {
    "another speed": ({"time": [0, 9], "speed": [0, 0]}, r"the ego goes at .* m/s at 0.8 s, the plan wants 0.00 m/s a frame later"),
    "too late": ({"time": [2, 9], "speed": [24, 24]}, r"speaks of from 2 to 9 s; it is to take over at 0.8 s"),
    "over by then": ({"time": [0, 0.5], "speed": [24, 24]}, r"speaks of from 0 to 0.5 s; it is to take over"),
    "ends in the video": ({"time": [0, 1], "speed": [24.2, 24.2]}, r"ends at 1 s, the last frame is at 2.2 s"),
    "elsewhere": ({"time": [0, 9], "x": [0, 90], "y": [3, 3]}, r"the plan has the ego .* m and .* degrees off where it is at 0.8 s"),
    "no motion": ({"time": [0, 9]}, "neither 'speed' nor 'x' and 'y'"),
    "no times": ({"speed": [1, 2]}, "speaks of no moment"),
    "a word": ({"time": [0, 9], "speed": ["fast", 2]}, "'fast' is not a speed"),
    "a strange column": ({"time": [0, 9], "speed": [24, 24], "brake": [0, 0]}, "brake"),
    "no such file": ("nothing.csv", "there is no plan nothing.csv"),
    "a function that raises": (lambda t: 1 / 0, "ZeroDivisionError"),
    "a leap": ({"time": [0, 0.9, 1.0, 9], "speed": [24.2, 24.2, 10, 10]}, "its speed changes by"),
}  # fmt: skip


@pytest.mark.parametrize(("plan", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_with_the_reason(run: Path, plan: Any, message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        decide_branch(TinyLoaded(), run, at_s=1.0, seconds=1.5, future=1, options=ONE, ego_plan=plan)
    assert type(caught.value).__name__ in ("InputError", "ScenarioError")


def test_nobody_knows_where_a_free_ego_is_and_two_kinds_of_plans_do_not_join(tmp_path: Path, run: Path) -> None:
    free = tmp_path / "free"
    options = dataclasses.replace(ONE, ego="free", actors="free")
    futures(TinyLoaded(), loads(SCENARIO_TEXT)[0], num_futures=1, seconds=1.5, out=free, options=options)
    with pytest.raises(InputError, match=r"the ego's motion was free, so nobody knows where it is at 0\.8 s"):
        decide_branch(TinyLoaded(), free, at_s=1.0, seconds=1.0, options=ONE, ego_plan=slowing(run))
    for ego in ("free", "simulated"):
        with pytest.raises(InputError, match="has a plan for the ego"):
            asked = dataclasses.replace(ONE, ego=ego)
            decide_branch(TinyLoaded(), run, at_s=1.0, seconds=1.0, future=1, options=asked, ego_plan=slowing(run))
    driven_on(run, slowing(run), tmp_path / "b")
    track = {"time": [0, 9], "x": [0, 200], "y": [0, 0]}
    with pytest.raises(InputError, match=r"driven by speed and turning, the new plan has a trajectory"):
        decide_branch(TinyLoaded(), tmp_path / "b", at_s=1.9, seconds=0.8, options=ONE, ego_plan=track)


@pytest.mark.usefixtures("known_speed")
def test_the_command_branches_with_a_plan(tmp_path: Path) -> None:
    common = ["--model", str(save_toy(tmp_path / "toy")), "--steps", "1", "--threads", "1"]

    def drivesim(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(argument) for argument in (*arguments, *common)])

    out = tmp_path / "run"
    (tmp_path / "empty.yaml").write_text(EMPTY_ROAD)
    assert drivesim("rollout", tmp_path / "empty.yaml", "--seconds", "1.2", "--out", out).exit_code == 0
    speed = open_run(out)[0].tracks[0].speed_mps
    plan = tmp_path / "plan.csv"
    plan.write_text(f"time,speed\n0,{speed[8]}\n9,{speed[8]}\n")
    made = drivesim("futures", "--from", out, "--at", "1.0", "--futures", "1", "--seconds", "0.6", "--ego-plan", plan)
    assert made.exit_code == 0, made.output
    (folder,) = tmp_path.glob("run-f00-at-*-plan")
    assert "begins:" in (folder / "scenario.yaml").read_text()
    plan.write_text("time,speed\n0,0\n9,0\n")
    refused = drivesim(
        "futures", "--from", out, "--at", "1.0", "--futures", "1", "--seconds", "0.6", "--ego-plan", plan, "--out", tmp_path / "x",
    )  # fmt: skip
    assert (
        refused.exit_code == 2
        and "Let it begin at the ego's speed." in refused.stderr
        and not (tmp_path / "x").exists()
    )
