"""Training scenes with junctions: in the share asked for, and nothing else changed by it."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.procedural.junction_sampler import with_junction
from drivesim.errors import InputError
from drivesim.traffic.road_builder import build_road


def test_the_share_is_kept_and_roads_without_stay_as_they_are() -> None:
    road = build_road("urban", lanes=1, ego_lane=1, seed=2, length_m=600.0, crossings=[40.0, 150.0])
    made = [with_junction(road, 1, 10.0, seed, 0.4) for seed in range(200)]
    joined = [(one, manoeuvres) for one, manoeuvres in made if one.junctions]
    assert 60 < len(joined) < 100
    assert all(one is road for one, _ in made if not one.junctions)
    assert {one.junctions[0].control for one, _ in joined} == {"priority", "stop", "signals"}
    assert {len(one.junctions[0].arms) for one, _ in joined} == {1, 2}
    assert 0.3 < np.mean([bool(manoeuvres) for _, manoeuvres in joined]) < 0.7
    for one, _ in joined:
        np.testing.assert_allclose(one.frame_at(0.0)[1], road.frame_at(0.0)[1])
        assert all(abs(s - one.junctions[0].s) > 20.0 for s in one.crossings)
    motorway = build_road("motorway", lanes=2, ego_lane=1, seed=2)
    assert with_junction(motorway, 1, 30.0, 3, 1.0) == (motorway, ())


def test_a_data_set_tells_its_share_and_refuses_one_that_cannot_be() -> None:
    assert "junction_share" not in ProceduralDataset(num_samples=1).describe()
    assert ProceduralDataset(num_samples=1, junction_share=0.2).describe()["junction_share"] == 0.2
    with pytest.raises(InputError, match=r"junction_share is 1\.5"):
        ProceduralDataset(junction_share=1.5)
