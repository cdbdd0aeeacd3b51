"""Planners that misbehave: each ends in a fault that says what happened, in time."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.closed_loop.observation import EgoState, Observation, Route
from drivesim.closed_loop.planner_process import EXAMPLE, PlannerFault, PlannerProcess
from drivesim.errors import InputError

PLANNERS = """\
import os, sys, time

class Good:
    def __init__(self): self.calls = 0
    def reset(self): self.calls = 0
    def plan(self, seen):
        self.calls += 1
        print("hello")
        return [0.5 * self.calls, seen.route.offset_m]

class Rows:
    def plan(self, seen): return [[0.1, 0.0]] * seen.chunk_frames

class Raises:
    def plan(self, seen): raise ValueError("no idea\\nsecond line")

class Exits:
    def plan(self, seen): sys.exit("enough")

class Dies:
    def plan(self, seen): os._exit(7)

class Hangs:
    def plan(self, seen): time.sleep(60)

class HangsInReset(Good):
    def reset(self): time.sleep(60)

class Nan:
    def plan(self, seen): return float("nan"), 0.0

class Infinite:
    def plan(self, seen): return 0.0, float("inf")

class Three:
    def plan(self, seen): return 1.0, 2.0, 3.0

class OneNumber:
    def plan(self, seen): return 1.0

class TooFewRows:
    def plan(self, seen): return [[0.1, 0.0]] * 2

class Nothing:
    def plan(self, seen): pass

class Words:
    def plan(self, seen): return "left"

class Wanting:
    def __init__(self, weights): pass
    def plan(self, seen): return 0.0, 0.0

class NotAPlanner: pass

class HangsInLoading:
    def __init__(self): time.sleep(60)

function = Good()
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("planners") / "planners.py"
    path.write_text(PLANNERS)
    return path


def seen(frames: int = 1) -> Observation:
    route = Route(
        centre=np.stack([2.0 * np.arange(80), np.zeros(80)], axis=1), spacing_m=2.0, offset_m=0.25, heading_rad=0.0,
        lane_width_m=3.5, speed_limit_mps=30.0, target_speed_mps=25.0,
    )  # fmt: skip
    ego = EgoState(speed_mps=20.0, acceleration_mps2=0.0, yaw_rate_rps=0.0)
    pictures = np.zeros((frames, 512, 1024, 3), dtype=np.uint8)
    return Observation(frame=0, t_s=0.0, fps=10.0, chunk_frames=6, pictures=pictures, ego=ego, route=route, objects=())


def test_a_good_planner_answers_and_begins_anew(file):
    with PlannerProcess(f"{file}:Good", limit_s=20.0) as planner:
        first, second = planner.plan(seen(6)), planner.plan(seen(6))
        planner.reset()
        third = planner.plan(seen())
    assert [one.actions.tolist() for one in (first, second, third)] == [[0.5, 0.25], [1.0, 0.25], [0.5, 0.25]]
    assert 0.0 < first.latency_s < 20.0


def test_an_object_and_a_row_a_frame_will_do(file):
    with PlannerProcess(f"{file}:function", limit_s=20.0) as planner:
        assert planner.plan(seen()).actions.shape == (2,)
    with PlannerProcess(f"{file}:Rows", limit_s=20.0) as planner:
        assert planner.plan(seen()).actions.shape == (6, 2)


def test_the_example_is_one():
    with PlannerProcess(EXAMPLE, limit_s=20.0) as planner:
        acceleration, curvature = planner.plan(seen()).actions
    assert acceleration > 0.0 and curvature == pytest.approx(0.0)


BAD = {
    "Raises": ("raised", "ValueError: no idea$"),
    "Exits": ("raised", "SystemExit: enough"),
    "Dies": ("died", "exit code 7"),
    "Nan": ("wrong answer", "not all finite"),
    "Infinite": ("wrong answer", "not all finite"),
    "Three": ("wrong answer", r"shape \(3,\)"),
    "OneNumber": ("wrong answer", r"shape \(\)"),
    "TooFewRows": ("wrong answer", r"shape \(2, 2\)"),
    "Nothing": ("wrong answer", "answered None|not all finite|shape"),
    "Words": ("wrong answer", "answered 'left'"),
}


@pytest.mark.parametrize(("name", "kind", "said"), [(name, *what) for name, what in BAD.items()], ids=BAD.keys())
def test_a_bad_answer_is_a_fault_that_says_so(file, name, kind, said):
    with PlannerProcess(f"{file}:{name}", limit_s=20.0) as planner, pytest.raises(PlannerFault, match=said) as caught:
        planner.plan(seen(6))
    assert caught.value.kind == kind and "\n" not in str(caught.value)
    if kind == "raised":
        assert "Traceback" in caught.value.details


@pytest.mark.parametrize(("name", "call"), [("Hangs", "plan"), ("HangsInReset", "reset")])
def test_who_hangs_is_stopped(file, name, call):
    planner = PlannerProcess(f"{file}:{name}", limit_s=0.3)
    with pytest.raises(PlannerFault, match=r"within 0\.3 s; it was stopped") as caught:
        planner.reset() if call == "reset" else planner.plan(seen(6))
    assert caught.value.kind == "hung"


LOADED = {
    "Wanting": "weights",
    "NotAPlanner": "has no method plan",
    "Missing": "AttributeError",
    "HangsInLoading": "within 1",
}


@pytest.mark.parametrize(("name", "said"), LOADED.items(), ids=LOADED.keys())
def test_who_cannot_be_loaded_is_told_before_anything_is_made(file, name, said):
    with pytest.raises(PlannerFault, match=said) as caught:
        PlannerProcess(f"{file}:{name}", limit_s=1.0, loading_s=1.0 if "Hangs" in name else 30.0)
    assert caught.value.kind == "not loaded"


def test_modules_and_names_that_are_not_there(tmp_path):
    (tmp_path / "broken.py").write_text("def :\n")
    for name, said in ((f"{tmp_path}/broken.py:P", "SyntaxError"), ("no_such_module:P", "ModuleNotFoundError")):
        with pytest.raises(PlannerFault, match=said):
            PlannerProcess(name, limit_s=1.0)
    for name in ("planner", "a.py:", ":Planner", "a:b c"):
        with pytest.raises(InputError, match="expected module:Name"):
            PlannerProcess(name, limit_s=1.0)
    with pytest.raises(InputError, match="there is no file"):
        PlannerProcess(f"{tmp_path}/none.py:P", limit_s=1.0)
