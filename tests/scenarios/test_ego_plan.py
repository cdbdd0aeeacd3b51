"""Plans of the ego's driving: from YAML, CSV and functions, and what is refused of them."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_loaded import TinyLoaded

from drivesim.errors import DriveSimError, InputError
from drivesim.run_spec import decide
from drivesim.runs.tracks import write_tracks
from drivesim.scenarios import Scenario, check, load, loads
from drivesim.scenarios.expand import expand

ROAD = Scenario("driven").road("motorway", lanes=3, ego_lane=2).ambient("none").video(duration=4, height=64, width=128)


def test_a_plan_changes_under_way_and_keeps_its_units():
    scenario = ROAD.ego(plan={"time": ["0 s", 2, 4], "speed": ["72 km/h", 12, 12], "steering": [0, 0, "1 deg"]})
    ego = expand(scenario, seed=1).ego
    assert ego.speed_mps[[0, 10, 20, 39]] == pytest.approx([20.0, 16.0, 12.0, 12.0])
    assert ego.yaw_rad[20] == 0.0 and ego.yaw_rad[39] > 0.01


def test_it_travels_in_the_scenario_and_comes_back_bit_by_bit():
    rng = np.random.default_rng(0)
    time = [round(frame / 10, 6) for frame in range(41)]
    speed = (20.0 + np.cumsum(rng.normal(0.0, 0.05, 41))).round(6).tolist()
    scenario = ROAD.ego(
        plan={"time": time, "speed": speed, "curvature": (1e-6 * rng.integers(-99, 99, 41)).round(6).tolist()}
    )
    (again,) = loads(scenario.to_yaml())
    assert again == scenario
    # No traffic: the ego does what it is told, to the last bit.
    assert expand(again, seed=3).ego.speed_mps.tolist() == speed[:40]


def test_a_file_beside_the_scenario(tmp_path):
    (tmp_path / "drive.csv").write_text("t_s,speed_mps,yaw_rate_rps\n0,10,0\n4,14,0.1\n")
    text = ROAD.to_yaml().replace("road: {lanes", "ego: {plan: drive.csv}\n  road: {lanes")
    (tmp_path / "s.yaml").write_text(text)
    (scenario,) = load(tmp_path / "s.yaml")
    assert scenario.scene.ego.plan.speed == (10.0, 14.0) and scenario.scene.ego.plan.file is None
    assert scenario == ROAD.ego(plan=tmp_path / "drive.csv")
    (tmp_path / "drive.csv").write_text("t_s,speed_mps\n0,10\n4,fast\n")
    (problem,) = check(tmp_path / "s.yaml").errors
    assert problem.code == "DS090" and "row 2" in str(problem) and problem.line > 1


def test_the_tracks_of_a_run_are_a_plan(tmp_path):
    first = expand(ROAD.ego(speed=20, target_speed=26), seed=2)
    write_tracks(tmp_path / "tracks.csv", first, start=0, stop=len(first), actors="scripted", ego="planned")
    again = expand(ROAD.ego(plan=tmp_path / "tracks.csv"), seed=5)
    assert np.abs(again.ego.positions - first.ego.positions).max() < 1e-3


def test_a_function_is_asked_once_a_frame():
    scenario = ROAD.ego(plan=lambda t: (20.0 - 2.0 * t, 0.001 if t > 2 else 0.0))
    assert len(scenario.scene.ego.plan.time) == 41
    assert expand(scenario, seed=1).ego.speed_mps[30] == pytest.approx(14.0)


def test_a_trajectory_without_headings_looks_where_it_goes():
    angle = np.linspace(0.0, 0.4, 9)
    plan = {
        "time": np.linspace(0, 4, 9).tolist(),
        "x": (100 * np.sin(angle)).tolist(),
        "y": (100 * (1 - np.cos(angle))).tolist(),
    }
    ego = expand(ROAD.ego(plan=plan), seed=1).ego
    assert ego.yaw_rad[20] == pytest.approx(0.2, abs=0.01)
    assert ego.speed_mps[20] == pytest.approx(10.0, abs=0.1)


TWO = [0, 4]
BROKEN = {
    "one row": ({"time": [0], "speed": [20]}, "1 moments"),
    "no time": ({"speed": [20, 20]}, "0 moments"),
    "late start": ({"time": [1, 4], "speed": [20, 20]}, "first row is t = 0"),
    "backwards in time": ({"time": [0, 3, 2], "speed": [20, 20, 20]}, "not after the row before"),
    "uneven columns": ({"time": TWO, "speed": [20]}, "'speed' has 1 values"),
    "nothing to do": ({"time": TWO, "curvature": [0, 0]}, "neither 'speed' nor"),
    "two ways to turn": ({"time": TWO, "speed": [9, 9], "curvature": [0, 0], "yaw_rate": [0, 0]}, "Keep one"),
    "speed and places": ({"time": TWO, "speed": [9, 9], "x": [0, 9], "y": [0, 0]}, "both a trajectory"),
    "half a place": ({"time": TWO, "x": [0, 9]}, "both 'x' and 'y'"),
    "not a number": ({"time": TWO, "speed": [20, float("nan")]}, "finite"),
    "negative speed": ({"time": TWO, "speed": [20, -1]}, "at least 0"),
    "too fast": ({"time": [0, 40], "speed": [20, 90]}, "the most is 70"),
    "rocket": ({"time": [0, 1, 4], "speed": [0, 20, 20]}, "cars reach 8"),
    "wall": ({"time": [0, 1, 4], "speed": [30, 0, 0]}, "brake at 11"),
    "hairpin": ({"time": TWO, "speed": [1, 1], "curvature": [0, 0.5]}, "radius of 2.0 m"),
    "bend too fast": ({"time": TWO, "speed": [30, 30], "curvature": [0, 0.05]}, "sideways"),
    "turns on the spot": ({"time": TWO, "speed": [0, 0], "yaw_rate": [0, 1]}, "while it stands"),
    "starts elsewhere": ({"time": TWO, "x": [5, 45], "y": [0, 0]}, "first row is 0, 0, 0"),
    "crab": ({"time": TWO, "x": [0, 40], "y": [0, 40], "yaw": [0, 0]}, "off its heading"),
    "unknown column": ({"time": TWO, "speed": [20, 20], "brake": [0, 0]}, "brake"),
    "two speeds at once": ({"time": TWO, "speed": [5, 5]}, "its plan at 5 m/s"),
}  # fmt: skip


@pytest.mark.parametrize(("plan", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_plans_are_refused_with_the_reason(plan, said):
    base = ROAD.ego(speed=20) if plan.get("speed") == [5, 5] else ROAD
    with pytest.raises(DriveSimError, match=said.replace("(", r"\(")):
        base.ego(plan=plan).concrete()


FILES = {
    "missing": (None, "there is no plan"),
    "empty": ("", "no rows|the columns"),
    "no header": ("0,20\n4,20\n", "the columns 0, 20"),
    "header alone": ("time,speed\n", "no rows"),
    "words": ("time,speed\n0,fast\n", "'fast' is not a number"),
    "not finite": ("time,speed\n0,20\n1,inf\n", "not a finite number"),
    "short row": ("time,speed\n0,20\n1\n", "is not a number"),
    "another table": ("time,price\n0,20\n", "the columns time, price"),
    "binary": (b"\x89PNG\r\n\x00\xff\xfe", "no CSV file"),
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES.keys())
def test_broken_files_are_refused_with_the_reason(tmp_path, content, said):
    path = tmp_path / "plan.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=said):
        ROAD.ego(plan=path)


@pytest.mark.parametrize("function", [lambda t: 20.0, lambda t: (20.0, None), lambda t: 1 / 0, lambda t: (np.nan, 0.0)])
def test_functions_that_are_no_plan_are_refused(function):
    with pytest.raises(InputError, match="the ego's plan at 0 s"):
        ROAD.ego(plan=function)


def test_a_plan_reaches_to_the_end_of_what_is_made():
    scenario = ROAD.ego(plan={"time": [0, 2], "speed": [20, 18]})
    assert decide(TinyLoaded(), scenario, num_frames=21, seed=1).manifest.timeline.num_frames == 21
    with pytest.raises(InputError, match=r"ends at 2 s, the last frame is at 3\.9 s"):
        decide(TinyLoaded(), scenario, num_frames=40, seed=1)


def test_nobody_else_drives_a_planned_ego():
    planned = ROAD.ego(plan={"time": [0, 4], "speed": [20, 20]})
    from drivesim.options import Options

    for ego in ("free", "simulated"):
        with pytest.raises(InputError, match="has a plan for the ego"):
            decide(TinyLoaded(), planned, num_frames=10, seed=1, options=Options(ego=ego, actors="free"))
    with pytest.raises(DriveSimError, match="its event 'b' cannot happen"):
        planned.event("b", "ego", {"brake": {"deceleration": 2}}).concrete()
