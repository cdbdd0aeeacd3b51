"""Crowds in random scenes: people close before an ego that waits, and no other scene changed by them."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.conditioning.projection import BoxGeometry
from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.errors import InputError

SEEDS = range(24)


def test_people_walk_about_close_before_an_ego_that_waits() -> None:
    crowds = [scene for scene in (sample_scene(seed, 30, crowd_share=1.0) for seed in SEEDS) if "crowd" in scene.name]
    assert len(crowds) > 5
    for scene in crowds:
        assert scene.road is not None and scene.road.road_type == "urban"
        assert not scene.ego.speed_mps.any()
        people = [actor for actor in scene.actors if actor.category in ("pedestrian", "bicycle")]
        assert all(actor.gait_rad is not None for actor in people)
        x, y, _ = np.stack([actor.track.positions[0] for actor in people]).T
        assert ((x > 3.0) & (x < 24.0) & (np.abs(y) < 14.0)).sum() >= 6
        moved = [np.hypot(*(actor.track.positions[-1] - actor.track.positions[0])[:2]) for actor in people]
        assert np.median(moved) > 0.5
        assert len(BoxGeometry(scene).at(0).actor_indices) >= 6


def test_the_other_scenes_are_what_they_were_and_the_share_is_kept() -> None:
    found = [sample_scene(seed, 5, crowd_share=0.5) for seed in SEEDS]
    plain = [sample_scene(seed, 5) for seed in SEEDS]
    urban = [scene for scene in plain if scene.road is not None and scene.road.road_type == "urban"]
    crowded = [scene for scene in found if "crowd" in scene.name]
    assert 0.2 < len(crowded) / len(urban) < 0.8
    for scene, other in zip(found, plain, strict=True):
        if "crowd" not in scene.name:
            assert scene.name == other.name and np.array_equal(scene.ego.positions, other.ego.positions)


def test_a_store_without_crowds_does_not_name_them() -> None:
    assert "crowd_share" not in ProceduralDataset(num_samples=1).describe()
    assert ProceduralDataset(num_samples=1, crowd_share=0.2).describe()["crowd_share"] == 0.2
    with pytest.raises(InputError, match=r"crowd_share is -0\.5"):
        ProceduralDataset(crowd_share=-0.5)
