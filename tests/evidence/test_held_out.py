"""Held-out scenes and their developments: one frame in common, exact labels of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.evidence.held_out import REPORT_SEED, HeldOutClip, development, held_out_clip
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH

FRAMES = 12


@pytest.fixture(scope="module")
def clip() -> HeldOutClip:
    return held_out_clip(REPORT_SEED, 3)


def test_reports_use_seeds_that_nobody_trains_on() -> None:
    assert REPORT_SEED > HELD_OUT_SEED


def test_a_held_out_clip_is_the_same_every_time_and_another_for_another_seed(clip: HeldOutClip) -> None:
    again = held_out_clip(REPORT_SEED, 3)
    assert again.start == clip.start
    assert np.array_equal(next(again.frames(128, 64)), next(clip.frames(128, 64)))
    assert not np.array_equal(next(held_out_clip(REPORT_SEED + 1, 3).frames(128, 64)), next(clip.frames(128, 64)))


def test_a_longer_clip_begins_as_the_shorter_one(clip: HeldOutClip) -> None:
    longer = held_out_clip(REPORT_SEED, 5)
    assert np.allclose(longer.window.ego.positions[:3], clip.window.ego.positions)


def test_labels_are_of_the_frames_that_are_drawn(clip: HeldOutClip) -> None:
    pictures = clip.pictures()
    labels = clip.labels(pictures)
    assert len(labels) == len(pictures) == len(clip.window) == 3
    for picture, label in zip(pictures, labels, strict=True):
        assert picture.rgb.shape == (JUDGED_HEIGHT, JUDGED_WIDTH, 3)
        assert label.semantic is not None and np.array_equal(label.semantic, picture.semantic)
        assert label.boxes is not None and (label.boxes.width, label.boxes.height) == (JUDGED_WIDTH, JUDGED_HEIGHT)
    ego = clip.window.ego
    for before, label in enumerate(labels[1:]):
        assert label.motion is not None
        moved = np.hypot(*(ego.positions[before + 1, :2] - ego.positions[before, :2]))
        assert label.motion[0] == pytest.approx(moved, abs=0.01)
    assert labels[0].motion is None


def test_exact_flow_leads_from_each_frame_to_the_one_before(clip: HeldOutClip) -> None:
    flows = clip.flows(clip.pictures())
    assert len(flows) == 2
    assert flows[0].displacement.shape == (JUDGED_HEIGHT, JUDGED_WIDTH, 2)
    assert flows[0].valid.mean() > 0.3


def test_developments_share_frame_0_exactly_and_differ_later() -> None:
    seeds = [REPORT_SEED + index for index in range(4)]
    apart = 0
    for seed in seeds:
        worlds = [development(seed, FRAMES, number) for number in range(2)]
        first = [next(world.frames(128, 64)) for world in worlds]
        assert np.array_equal(first[0], first[1])
        egos = [world.scene.ego.positions for world in worlds]
        assert np.array_equal(egos[0][0], egos[1][0])
        for actor, other in zip(worlds[0].scene.actors, worlds[1].scene.actors, strict=False):
            if actor.id == other.id and actor.track.present[0] and other.track.present[0]:
                assert np.array_equal(actor.track.positions[0], other.track.positions[0])
        apart += not all(
            np.allclose(one.track.positions, two.track.positions)
            for one, two in zip(worlds[0].scene.actors, worlds[1].scene.actors, strict=False)
        ) or not np.allclose(egos[0], egos[1])
    assert apart >= 3, "drivers decide otherwise in nearly every start"


def test_a_development_is_the_same_every_time() -> None:
    one, again = (development(REPORT_SEED, FRAMES, 1) for _ in range(2))
    assert np.array_equal(one.scene.ego.positions, again.scene.ego.positions)
