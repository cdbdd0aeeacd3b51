"""The scenario model: defaults, parameters, sampling designs, immutability, JSON Schema."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from drivesim.scenarios import Scenario, ScenarioError, loads, uniform
from drivesim.scenarios.checks.messages import CODES
from drivesim.scenarios.concrete import concrete_of
from drivesim.scenarios.json_schema import scenario_schema
from drivesim.scenarios.language.classes import CLASSES
from drivesim.scenarios.language.designs import Design
from drivesim.scenarios.language.distributions import Choice, Normal
from drivesim.scenarios.language.sobol import MAX_DIMENSIONS, sobol
from drivesim.scene import CATEGORIES

SUITE = (Path(__file__).parents[1] / "suite.yaml").read_text(encoding="utf-8")


def test_classes_are_those_of_a_scene() -> None:
    assert CLASSES == CATEGORIES


def test_the_smallest_scenario() -> None:
    scenario = loads("drivesim: 1\nid: one\nscene: {}\n")[0]
    assert scenario == Scenario("one")
    assert (scenario.video_settings.height, scenario.video_settings.width, scenario.video_settings.fps) == (
        512,
        1024,
        10,
    )
    assert scenario.num_variations == 1 and scenario.parameters(0) == {}


def test_aliases_become_canonical_words() -> None:
    scenario = Scenario("one").road("freeway").actor("a", "human.pedestrian.adult", at=(5, 3)).environment(sky="cloudy")
    assert scenario.scene.actors[0].category == "pedestrian"
    assert scenario.scene.road.type == "motorway" and scenario.scene.environment.sky == "overcast"


def test_shorthands_equal_the_long_forms() -> None:
    short = loads("drivesim: 1\nid: one\nscene: {environment: {precipitation: snow, fog: 150 m}, traffic: none}\n")
    long = "{environment: {precipitation: {type: snow}, fog: {visual_range: 150}}, traffic: {density: none}}"
    assert short == loads(f"drivesim: 1\nid: one\nscene: {long}\n")


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Scenario("one").title = "other"


def test_python_errors_carry_paths_and_codes() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario("one", tags=["a b"], video={"hight": 5})
    assert [(p.path, p.code) for p in caught.value.problems] == [("tags[0]", "DS031"), ("video.hight", "DS021")]


def test_a_concrete_scenario_is_plain_numbers_of_its_variation() -> None:
    for scenario in loads(SUITE):
        concrete = scenario.concrete(3)
        assert concrete.parameters == scenario.parameters(3)
        numbers = [concrete.ego_speed_mps, concrete.duration_s, *(actor.speed_mps for actor in concrete.actors)]
        assert all(isinstance(number, int | float) for number in numbers)
        filled = scenario.with_parameters(concrete.parameters)
        assert filled.vary == {} and "$" not in filled.to_yaml()
        assert filled.concrete().actors == concrete.actors
    varying = next(scenario for scenario in loads(SUITE) if scenario.vary)
    with pytest.raises(ValueError, match="has no value yet"):
        concrete_of(varying)


def test_some_parameters_may_be_fixed() -> None:
    cut_in = loads(SUITE)[0].with_parameters({"gap": 25.0})
    assert cut_in.scene.actors[0].gap == 25.0 and set(cut_in.vary) == {"speed", "sky"}


def test_the_order_of_parameters_does_not_matter() -> None:
    scenario = loads(SUITE)[0]
    turned = scenario.from_dict({**scenario.to_dict(), "vary": dict(reversed(scenario.to_dict()["vary"].items()))})
    assert [turned.parameters(k) for k in range(8)] == [scenario.parameters(k) for k in range(8)]


def test_another_seed_or_id_gives_another_design() -> None:
    scenario = Scenario("one").actor("a", "car", lane="ego", gap=uniform(10, 50))
    other_seed = scenario.sampling("sobol", seed=1)
    other_id = scenario.from_dict({**scenario.to_dict(), "id": "two"})
    values = {s.parameters(0)["gap"] for s in (scenario, other_seed, other_id)}
    assert len(values) == 3


def test_sobol_is_the_sequence_of_torch() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.quasirandom.SobolEngine(MAX_DIMENSIONS).draw(64).numpy()
    ours = np.stack([sobol(index, MAX_DIMENSIONS) for index in range(64)])
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("method", ["sobol", "latin", "halton"])
def test_designs_cover_every_eighth(method: str) -> None:
    scenario = Scenario("one").actor("a", "car", lane="ego", gap=uniform(0, 8), speed=uniform(0, 8))
    scenario = scenario.sampling(method, variations=8)
    draws = [scenario.parameters(k) for k in range(8)]
    for name in ("gap", "speed"):
        cells = {int(float(values[name])) for values in draws}
        assert len(cells) == 8 if method != "halton" else len(cells) >= 6


def test_random_method_is_repeatable_and_spread() -> None:
    vary = {"x": uniform(0, 1).distribution}
    design = Design(vary=vary, method="random", seed=1, name="a", count=4)
    values = [design.values(k)["x"] for k in range(200)]
    assert len(set(values)) == 200 and 0.4 < statistics.mean(map(float, values)) < 0.6


def test_grid_steps_through_every_combination() -> None:
    merge = loads(SUITE)[2]
    combinations = {tuple(sorted(merge.parameters(k).items())) for k in range(6)}
    assert len(combinations) == merge.num_variations == 6


def test_normal_is_cut_and_not_piled_up() -> None:
    normal = Normal.model_validate({"normal": {"mean": 22, "std": 2, "clip": [18, 28]}})
    values = [normal.quantile((k + 0.5) / 400) for k in range(400)]
    assert 18 < min(values) and max(values) < 28
    assert statistics.median(values) == pytest.approx(22.05, abs=0.05)


def test_choice_follows_its_weights() -> None:
    choice = Choice.model_validate({"choice": {"clear": 3, "overcast": 1, "never": 0}})
    drawn = [choice.quantile((k + 0.5) / 400) for k in range(400)]
    assert (drawn.count("clear"), drawn.count("overcast"), drawn.count("never")) == (300, 100, 0)


def test_json_schema_knows_both_forms() -> None:
    schema = scenario_schema()
    one, suite = schema["oneOf"]
    assert {"drivesim", "id", "scene", "vary", "expect"} <= set(one["properties"])
    assert suite["required"] == ["drivesim", "scenarios"]
    text = str(schema)
    for name in (part.split("'")[0] for part in text.split("#/$defs/")[1:]):
        assert name in schema["$defs"], name


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "errors.md").read_text(encoding="utf-8")
    assert [code for code in CODES if f"## {code}" not in page] == []
