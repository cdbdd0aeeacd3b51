"""Flicker rises with jitter and noise, not with motion that the flow explains."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from drivesim.conditioning.flow import Flow, surface_flow
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.metrics.appearance import appearance
from drivesim.metrics.baselines import frozen
from drivesim.metrics.flicker import (
    plain_flicker,
    warp,
    warped_difference,
    warped_flicker,
)
from drivesim.renderer.world import ProceduralWorld

WIDTH, HEIGHT, FIRST = 256, 128, 10
SEED = 8  # a rural road at noon, dry


@pytest.fixture(scope="module")
def rendered() -> tuple[np.ndarray, list]:
    scene = sample_scene(SEED, FIRST + 5)
    world = ProceduralWorld(scene, SEED)
    pictures = [world.render(FIRST + step, WIDTH, HEIGHT) for step in range(5)]
    flows = [
        surface_flow(scene, FIRST + step + 1, FIRST + step, pictures[step + 1], pictures[step]) for step in range(4)
    ]
    return np.stack([picture.rgb for picture in pictures]), flows


def jittered(frames: np.ndarray, amount: float) -> np.ndarray:
    """Every other frame brighter, the others darker."""
    signs = np.where(np.arange(len(frames)) % 2, amount, -amount)
    return np.clip(np.round(frames + signs[:, None, None, None]), 0, 255).astype(np.uint8)


def noisy(frames: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, amount, frames.shape)
    return np.clip(np.round(frames + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("damage", [jittered, noisy])
def test_every_figure_rises_with_the_damage(rendered, damage) -> None:
    frames, flows = rendered
    videos = [frames, *(damage(frames, amount) for amount in (3.0, 8.0, 20.0))]
    for figure in (
        lambda video: warped_flicker(video, flows).mean(),
        lambda video: plain_flicker(video).pixels.mean(),
    ):
        values = [figure(video) for video in videos]
        assert all(a < b for a, b in itertools.pairwise(values)), values


def test_the_surface_flow_explains_the_motion(rendered) -> None:
    frames, flows = rendered
    pairs = zip(itertools.pairwise(frames), flows, strict=True)
    plain = np.mean([cv2.absdiff(before, after)[flow.valid].mean() for (before, after), flow in pairs])
    assert warped_flicker(frames, flows).mean() < 0.25 * plain


def test_brightness_flicker_is_the_amplitude_and_hardly_sees_motion(rendered) -> None:
    frames, _ = rendered
    moving = plain_flicker(frames)
    assert moving.brightness.mean() < 0.25 * moving.pixels.mean()
    middle = np.clip(frames, 40, 215)
    np.testing.assert_allclose(plain_flicker(jittered(middle, 10.0)).brightness, 10.0, atol=1.0)
    ramp = np.stack([np.full((8, 8, 3), 20 + 7 * step, np.uint8) for step in range(6)])
    assert plain_flicker(ramp).pixels.max() == 0.0


def test_a_frozen_video_does_not_flicker_and_does_not_move(rendered) -> None:
    frames, flows = rendered
    still = list(frozen(frames[0], 5))
    assert plain_flicker(still).pixels.max() == 0.0 == plain_flicker(still).brightness.max()
    assert appearance(still).motion.max() == 0.0 < appearance(frames).motion.min()
    assert warped_flicker(still, flows).mean() > 3.0 * warped_flicker(frames, flows).mean()
    with pytest.raises(ValueError, match="three frames, got 2"):
        plain_flicker(still[:2])


def test_a_known_shift_is_undone() -> None:
    rng = np.random.default_rng(1)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (96, 200, 3)).astype(np.float32), (0, 0), 2.0)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    before, after = texture[:, 10:170], texture[:, 7:167]  # the picture moves three pixels to the right
    flow = Flow(displacement=np.full((96, 160, 2), (-3.0, 0.0), np.float32), valid=np.ones((96, 160), bool))
    flow.valid[:, :3] = False
    assert warped_difference(before, after, flow) == 0.0 < cv2.absdiff(before, after).mean()
    assert warp(before, flow).shape == before.shape
    flow.valid[:] = False
    assert np.isnan(warped_difference(before, after, flow))


def test_wrong_sizes_and_numbers_are_refused(rendered) -> None:
    frames, flows = rendered
    with pytest.raises(ValueError, match="must agree"):
        warped_difference(frames[0][:64], frames[1][:64], flows[0])
    with pytest.raises(ValueError):
        warped_flicker(frames, flows[:3])
