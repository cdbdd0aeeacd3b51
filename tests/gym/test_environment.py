"""The Gymnasium environment; without gymnasium these tests are skipped, but for what is said of its absence."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, tiny_judges
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.errors import InputError
from drivesim.options import Options, Threads
from drivesim.scenarios import loads

ONE = Options(threads=Threads(denoise=1, decode=1, overlap=False))
(SCENARIO,) = loads(SCENARIO_TEXT)


def environment(**settings):
    import drivesim.gym as driving

    return driving.make(SCENARIO, TinyLoaded(), **{"seconds": 0.9, "options": ONE, **settings})


def test_without_gymnasium_the_line_that_installs_it_is_given():
    program = "import sys; sys.modules['gymnasium'] = None\nimport drivesim.gym"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.returncode == 1
    assert "MissingPackageError: gym needs gymnasium" in found.stderr and 'pip install "drivesim[gym]"' in found.stderr


def test_the_checker_of_gymnasium_passes():
    pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises bounds that physical units do not have
        check_env(environment(observe=("picture", "state", "truth"), render_mode="rgb_array"))


def test_an_episode_repeats_by_its_seed_and_is_cut_when_the_time_is_up():
    gymnasium = pytest.importorskip("gymnasium")

    env = gymnasium.make("drivesim/Driving-v0", scenario=SCENARIO, model=TinyLoaded(), seconds=0.9, options=ONE)
    action = np.array([1.0, 0.0], dtype=np.float32)
    episodes = []
    for _ in range(2):
        picture, info = env.reset(seed=5)
        steps = [env.step(action) for _ in range(2)]
        episodes.append([picture, *(step[0] for step in steps)])
        assert [step[3] for step in steps] == [False, True] and not steps[-1][2]
    assert all(np.array_equal(one, other) for one, other in zip(*episodes, strict=True))
    terms = steps[-1][4]["reward_terms"]
    assert 0.99 < terms["progress"] <= 1.0 and terms["collision"] == 0.0
    assert steps[-1][1] == pytest.approx(terms["progress"] + 0.3 * terms["lane"] + 0.1 * terms["comfort"])
    assert info["scenario"] == "tiny-cut-in"
    env.reset(seed=6)
    assert not np.array_equal(env.step(action)[0], episodes[0][1])


def test_leaving_the_road_terminates_and_costs():
    pytest.importorskip("gymnasium")
    env = environment(seconds=4.0, steering=True, observe="state")
    env.reset(seed=1)
    for _ in range(9):
        _, reward, terminated, truncated, info = env.step(np.array([0.0, -0.5]))
        if terminated:
            break
    assert terminated and not truncated and info["off_road"] and reward < -10.0
    with pytest.raises(InputError, match="episode is over"):
        env.step(np.zeros(2))


def test_what_a_detector_finds_can_be_observed(tmp_path):
    pytest.importorskip("gymnasium")
    import drivesim.gym as driving

    (scenario,) = loads(JUDGED_SCENARIO)
    env = driving.make(
        scenario, JudgedLoaded(), seconds=0.5, observe=("measured", "truth"), judges=tiny_judges(tmp_path), options=ONE
    )
    seen, _ = env.reset(seed=1)
    assert seen["measured"].shape == (16, 8) and seen["truth"][:2, 0].tolist() == [1.0, 1.0]
    assert env.observation_space.contains(env.step(np.zeros(2))[0])


def test_futures_disagree_and_keep_their_samples():
    pytest.importorskip("gymnasium")
    env = environment(futures=2)
    env.reset(seed=1)
    asked = env.imagine(np.zeros(2), num_futures=2)
    *_, info = env.step(np.zeros(2))
    found = info["disagreement"]
    assert found.frames.shape == (2, 4, 64, 128, 3) and float(found.picture.mean()) > 0.0
    assert np.array_equal(asked.frames, found.frames)


def test_several_at_once():
    pytest.importorskip("gymnasium")
    import drivesim.gym as driving

    envs = driving.make_vec(SCENARIO, 2, TinyLoaded(), seconds=0.9, observe="state", options=ONE)
    first, _ = envs.reset(seed=[1, 2])
    state, reward, _, truncated, _ = envs.step(np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32))
    assert first.shape == state.shape == (2, 11) and reward.shape == (2,) and not truncated.any()
    assert state[0, 0] > first[0, 0] and state[1, 0] < first[1, 0]
    envs.close()
    with pytest.raises(InputError, match="give its name"):
        driving.make_vec(SCENARIO, 2, TinyLoaded(), vectorization_mode="async")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"observe": "lidar"}, "use picture, state"),
        ({"observe": ()}, "use picture, state"),
        ({"render_mode": "human"}, "rgb_array"),
    ],
)
def test_settings_that_are_none_are_refused(settings, said):
    pytest.importorskip("gymnasium")
    with pytest.raises(InputError, match=said):
        environment(**settings)


@pytest.mark.parametrize("action", [[np.nan, 0.0], [0.0], [[0.0, 0.0]], ["fast", 0.0]])
def test_actions_that_are_none_are_refused(action):
    pytest.importorskip("gymnasium")
    env = environment()
    with pytest.raises(InputError, match="reset\\(\\) comes before"):
        env.step(np.zeros(2))
    env.reset(seed=1)
    with pytest.raises(InputError, match="expected two finite numbers"):
        env.step(action)
