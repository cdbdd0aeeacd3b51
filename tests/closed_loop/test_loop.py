"""The loop: what is driven in it repeats as a run, bit by bit; what ends it; and what else could have followed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.closed_loop.disagreement import disagreement
from drivesim.closed_loop.drive import observe
from drivesim.closed_loop.example_planner import LaneKeeper
from drivesim.closed_loop.loop import ClosedLoop
from drivesim.errors import InputError
from drivesim.options import Options, Threads
from drivesim.scenarios import Scenario, loads
from drivesim.simulate import generate

ONE = Options(threads=Threads(denoise=1, decode=1, overlap=False))
(SCENARIO,) = loads(SCENARIO_TEXT)


def driven(loop: ClosedLoop, steps: int) -> np.ndarray:
    planner, frames = LaneKeeper(), [loop.start_picture[None]]
    for _ in range(steps):
        frames.append(loop.step(np.array(planner.plan(observe(loop, frames[-1], None)))).frames)
    return np.concatenate(frames)


def test_a_drive_repeats_as_a_run_bit_by_bit():
    model = TinyLoaded()
    loop = ClosedLoop(model, SCENARIO, seconds=1.3, seed=3, options=ONE)
    frames = driven(loop, 3)
    assert loop.is_over and len(frames) == 13
    written = SCENARIO.ego(plan=loop.driven).video(duration=loop.decided.manifest.scene_frames / 10.0).to_yaml()
    (again,) = loads(written)
    pieces = list(generate(model, again, seconds=1.3, seed=3, options=ONE))
    assert np.array_equal(np.concatenate([piece.frames for piece in pieces]), frames)
    assert np.array_equal(pieces[-1].scene.ego.positions[-1], loop.scene.ego.positions[12])
    with pytest.raises(InputError, match="are over"):
        loop.step(np.zeros(2))


def test_actions_may_differ_from_frame_to_frame_and_are_held_to_what_a_car_can_do():
    loop = ClosedLoop(TinyLoaded(), SCENARIO, seconds=2, seed=3, options=ONE)
    loop.step(np.array([[1.0, 0.0], [2.0, 0.0], [-100.0, 0.0], [100.0, 9.0]]))
    _, speed, curvature = loop.driven.values()
    assert np.diff(speed) == pytest.approx([0.1, 0.2, -0.8, 0.4])
    assert curvature[-1] == pytest.approx(10.0 / speed[-1] ** 2, abs=1e-5)


def test_a_collision_and_the_edge_of_the_road_are_noticed():
    wall = (
        Scenario("wall")
        .road("rural")
        .ambient("none")
        .ego(speed=15)
        .actor("parked", "car", lane="ego", gap=12, speed=0, parked=True)
    )
    wall = wall.video(duration=4, height=64, width=128)
    loop = ClosedLoop(TinyLoaded(), wall, seconds=2, options=ONE)
    steps = [loop.step(np.array([0.0, 0.0])) for _ in range(4)]
    assert [step.collision for step in steps].index("parked") == 1 and not any(step.off_road for step in steps[:3])
    loop = ClosedLoop(TinyLoaded(), wall, seconds=2, options=ONE)
    assert any(loop.step(np.array([2.0, -0.1])).off_road for _ in range(4))


def test_what_else_could_follow_leaves_the_loop_where_it_is():
    loop, other = (ClosedLoop(TinyLoaded(), SCENARIO, seconds=2, seed=3, options=ONE) for _ in range(2))
    for each in (loop, other):
        each.step(np.zeros(2))
    found = disagreement(loop, np.zeros(2), num_futures=2, chunks=2)
    assert found.frames.shape == (2, 8, 64, 128, 3) and len(found.scenes) == 2
    assert not np.array_equal(found.frames[0], found.frames[1])
    assert found.picture.min() > 0.0 and found.map.shape == (64, 128)
    assert 5.0 > found.traffic_m[-1] > found.traffic_m[0] >= 0.0
    assert np.array_equal(loop.step(np.zeros(2)).frames, other.step(np.zeros(2)).frames)
    with pytest.raises(InputError, match="two futures"):
        disagreement(loop, np.zeros(2), num_futures=1)


def test_only_a_free_ego_can_be_driven():
    planned = SCENARIO.ego(plan={"time": [0, 12], "speed": [25, 25]})
    with pytest.raises(InputError, match="has a plan for the ego"):
        ClosedLoop(TinyLoaded(), planned, seconds=1)
    braking = SCENARIO.event("slow", "ego", {"brake": {"deceleration": 2}})
    with pytest.raises(InputError, match="event 'slow' is the ego's"):
        ClosedLoop(TinyLoaded(), braking, seconds=1)
    with pytest.raises(InputError, match="is kept for 600 s at most"):
        ClosedLoop(TinyLoaded(), SCENARIO, seconds=700)


def test_the_example_keeps_its_lane_and_its_distance():
    bend = Scenario("bend").road("rural", curvature=0.005).ambient("none").ego(speed=15)
    bend = bend.actor("slow", "car", lane="ego", gap=30, speed=8).video(duration=12, height=64, width=128)
    loop, planner = ClosedLoop(TinyLoaded(), bend, seconds=12, options=ONE), LaneKeeper()
    spec = dataclasses.replace(loop.decided.manifest.timeline)
    for _ in range(spec.num_chunks):
        # The traffic alone: what the picture shows decides nothing here.
        for command in loop._commands_of(np.array(planner.plan(observe(loop, loop.start_picture[None], None)))):
            loop._commands.append((command.speed_mps, command.curvature))
            loop.development.step(command)
        loop.scene = loop.development.scene()
        assert abs(loop.route().offset_m) < 0.4
    assert not loop.development.ego_crashed
    assert loop.ego().speed_mps == pytest.approx(8.0, abs=1.5)
