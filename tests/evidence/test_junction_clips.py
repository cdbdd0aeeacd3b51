"""Held-out scenes at junctions: the junction is near ahead as they begin, and they are the same again."""

from __future__ import annotations

import itertools

import numpy as np

from drivesim.evidence.held_out import JUNCTION_AHEAD_M, REPORT_SEED, HeldOutClip, junction_clips

NUM_FRAMES = 5


def ahead_m(clip: HeldOutClip, frame: int) -> float:
    """How far the ego's origin is from where the road waits, metres along the straight road."""
    assert clip.scene.road is not None
    (junction,) = clip.scene.road.junctions
    return float(junction.s - junction.reach_m - clip.scene.ego.positions[frame, 0])


def test_a_junction_is_near_ahead_as_each_begins() -> None:
    clips = list(junction_clips(REPORT_SEED, 4, NUM_FRAMES))
    assert len(clips) == 4
    assert all(first.seed < second.seed for first, second in itertools.pairwise(clips))
    for clip in clips:
        assert len(clip.window) == NUM_FRAMES
        assert ahead_m(clip, clip.start) <= JUNCTION_AHEAD_M
        if clip.start:
            assert ahead_m(clip, clip.start - 1) > JUNCTION_AHEAD_M
        assert ahead_m(clip, clip.start) > 0.0, "it is ahead"


def test_the_same_seed_gives_the_same_clips() -> None:
    (first,), (again,) = (list(junction_clips(REPORT_SEED + 3, 1, NUM_FRAMES)) for _ in range(2))
    assert (first.seed, first.start) == (again.seed, again.start)
    assert np.array_equal(first.scene.ego.positions, again.scene.ego.positions)
