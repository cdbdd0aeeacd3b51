"""``scene.roadside``: written, equal in YAML and Python, acting on the scene, the same whatever the seed."""

from __future__ import annotations

import pytest

from drivesim.scenarios import ScenarioError, loads
from drivesim.scenarios.expand import expand

TEXT = """\
drivesim: 1
id: by-the-road
scene:
  road: {type: rural, lanes: 1}
  ego: {speed: 15 m/s}
  roadside: {trees: %s, buildings: none}
"""


def test_what_is_written_stands_there() -> None:
    def trees(word: str) -> int:
        scenery = expand(loads(TEXT % word)[0], duration_s=2.0).scenery
        assert scenery is not None
        things = scenery.between(0.0, 400.0)
        assert not any(thing.kind.scenery_class == "building" for thing in things)
        return sum(thing.kind.scenery_class == "vegetation" for thing in things)

    assert trees("none") == 0 < trees("sparse") < trees("dense")


def test_every_seed_drives_past_the_same_things() -> None:
    (scenario,) = loads(TEXT % "usual")
    first, second = (expand(scenario, seed=seed, duration_s=2.0).scenery for seed in (0, 1))
    assert first is not None and second is not None
    assert first.between(0.0, 200.0) == second.between(0.0, 200.0)
    other = expand(loads((TEXT % "usual").replace("by-the-road", "elsewhere"))[0], duration_s=2.0).scenery
    assert other is not None and other.between(0.0, 200.0) != first.between(0.0, 200.0)


def test_python_writes_the_same_as_yaml_and_mistakes_are_answered() -> None:
    (scenario,) = loads(TEXT % "dense")
    again = loads(scenario.to_yaml())[0]
    assert again == scenario and again.scene.roadside.trees == "dense"
    built = loads(TEXT % "usual")[0].roadside(trees="dense", buildings="none")
    assert built.scene.roadside == scenario.scene.roadside
    with pytest.raises(ScenarioError, match="trees"):
        loads(TEXT % "many")
