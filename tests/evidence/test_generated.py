"""Videos in memory: as long as asked, begun as given, told what they are told, and the round trip of a codec."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_judges import JudgedLoaded, JudgedWorldModel
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.errors import ModelError
from drivesim.evidence.generated import FREE, SCRIPTED, UNTOLD, frames_needed, generate_video, round_trip, start_frame
from drivesim.noise import NoiseStream
from drivesim.options import Options
from drivesim.scenarios import loads
from drivesim.scenarios.expand import develop
from drivesim.scene import Scene
from drivesim.simulate import rollout

NOISE = NoiseStream(3)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return develop(loads(SCENARIO_TEXT)[0], seed=7, fps=10.0, duration_s=2.0).scene


@pytest.fixture(scope="module")
def first(scene: Scene) -> np.ndarray:
    return start_frame(TinyLoaded(), scene, NOISE.child(0))


def test_a_video_begins_with_its_first_frame_and_is_as_long_as_asked(scene: Scene, first: np.ndarray) -> None:
    video = generate_video(TinyLoaded(), scene, first, SCRIPTED, 7, NOISE)
    assert video.shape == (7, 64, 128, 3) and video.dtype == np.uint8
    assert np.array_equal(video[0], first)
    assert not np.array_equal(video[1], first)
    assert frames_needed(TinyLoaded(), 7) == 9  # the first frame and two chunks of four


def test_the_same_noise_makes_the_same_video_and_other_noise_another(scene: Scene, first: np.ndarray) -> None:
    video = generate_video(TinyLoaded(), scene, first, FREE, 5, NOISE)
    assert np.array_equal(video, generate_video(TinyLoaded(), scene, first, FREE, 5, NOISE))
    other = generate_video(TinyLoaded(), scene, first, FREE, 5, NOISE.child(9))
    assert np.array_equal(video[0], other[0]) and not np.array_equal(video[1:], other[1:])


def test_what_is_told_decides(scene: Scene, first: np.ndarray) -> None:
    videos = [generate_video(TinyLoaded(), scene, first, told, 5, NOISE) for told in (SCRIPTED, FREE, UNTOLD)]
    for index, video in enumerate(videos):
        assert not any(np.array_equal(video[1:], other[1:]) for other in videos[index + 1 :])


def test_the_first_frame_is_the_one_of_a_run_with_the_same_noise(scene: Scene, first: np.ndarray) -> None:
    assert np.array_equal(first, start_frame(TinyLoaded(), scene, NOISE.child(0)))
    assert not np.array_equal(first, start_frame(TinyLoaded(), scene, NOISE.child(1)))


def test_a_generated_video_is_what_a_run_stores(tmp_path_factory: pytest.TempPathFactory) -> None:
    model, scenario = TinyLoaded(), loads(SCENARIO_TEXT)[0]
    future = rollout(
        model, scenario, seconds=0.9, seed=7, out=tmp_path_factory.mktemp("run"),
        options=Options(actors="free", lossless=True), resume=True,
    )  # fmt: skip
    scene = develop(scenario, seed=7, fps=10.0, duration_s=future.manifest.scene_frames / 10.0).scene
    video = generate_video(model, scene, future.frame_at(0.0), FREE, 9, future.stream)
    stored = future.frames()
    assert np.abs(video.astype(int) - stored).mean() < 2.0  # the store keeps colours as video does
    assert np.abs(generate_video(model, scene, video[0], FREE, 9, NOISE).astype(int) - stored).mean() > 10.0


def test_a_round_trip_keeps_what_the_codec_keeps() -> None:
    flat = np.full((5, 256, 512, 3), 100, dtype=np.uint8)
    flat[:, :, 256:] = 180
    again = np.stack(list(round_trip(JudgedLoaded(), flat, batch_size=2)))
    assert again.shape == flat.shape
    assert np.abs(again[:, :, :240].astype(int) - 100).max() <= 1
    noise = np.random.default_rng(0).integers(0, 255, flat.shape, dtype=np.uint8)
    assert np.stack(list(round_trip(JudgedLoaded(), noise))).std() < 0.5 * noise.std()


def test_a_model_without_a_codec_says_so() -> None:
    model = JudgedLoaded(world_model=JudgedWorldModel(codec=False))
    with pytest.raises(ModelError, match="'judged' shows no codec"):
        list(round_trip(model, np.zeros((1, 256, 512, 3), dtype=np.uint8)))
