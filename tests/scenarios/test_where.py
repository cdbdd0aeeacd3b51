"""``where``: what may stand in it, what it leaves, and what broken ones say."""

from __future__ import annotations

import pytest

import drivesim as ds
from drivesim.scenarios import Scenario, ScenarioError, check_text, choice, grid, loads, uniform
from drivesim.scenarios.language.constraints import is_met, names_in

TEXT = """\
drivesim: 1
id: logical
sampling: {method: METHOD, variations: 16}
vary:
  gap: {uniform: [10 m, 50 m]}
  speed: {uniform: [10, 20]}
  sky: {choice: [clear, overcast]}
where: WHERE
scene:
  road: {curvature: 0}
  ego: {speed: $speed}
  environment: {sky: $sky}
  actors:
    - {id: lead, class: car, lane: ego, gap: $gap, speed: $speed}
"""


def logical(where: str, method: str = "sobol") -> Scenario:
    return loads(TEXT.replace("WHERE", where).replace("METHOD", method))[0]


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("gap > 1.5 * speed", True),
        ("$gap / $speed >= 2 s", True),
        ("gap < 30", False),
        ("20 m < gap < 4000 cm and speed == 54 km/h", True),
        ("sky == 'clear' or gap > 100", True),
        ('not sky != "clear"', True),
        ("min(gap, speed) + abs(-5) == 20", True),
        ("-speed > -20 - 1", True),
        ("gap / (speed - 15) > 0", False),
        ("sky == '20 m'", False),
        ("speed < 20 mph", False),
        ("gap > 2e1", True),
        ("gap > .5 km", False),
    ],
)
def test_what_a_condition_says(text: str, met: bool) -> None:
    assert is_met(text, {"gap": 35.0, "speed": 15.0, "sky": "clear"}) is met


@pytest.mark.parametrize("method", ["sobol", "latin", "halton", "random"])
def test_every_variation_meets_all_conditions_and_is_a_point_of_the_plain_design(method: str) -> None:
    scenario = logical("[gap > 2 * speed, sky == 'clear' or gap < 40 m]", method)
    plain = scenario.model_copy(update={"constraints": ()})
    drawn = [scenario.parameters(k) for k in range(scenario.num_variations)]
    assert len(drawn) == 16
    for values in drawn:
        assert values["gap"] > 2 * values["speed"]
        assert values["sky"] == "clear" or values["gap"] < 40
    every = [plain.parameters(k) for k in range(400)]
    places = [every.index(values) for values in drawn]
    assert places == sorted(places) and places != list(range(16))
    assert scenario.parameters(3) == drawn[3], "whatever was asked for before"


def test_a_grid_keeps_the_combinations_that_meet_the_conditions() -> None:
    built = (
        Scenario("logical")
        .ego(speed=grid([10, 20]))
        .actor("lead", "car", lane="ego", gap=grid([15, 30, 45]), speed=10)
        .where("gap > 2 * speed")
        .sampling("grid")
    )
    assert built.num_variations == 3
    assert [built.parameters(k) for k in range(3)] == [
        {"gap": 30.0, "speed": 10.0},
        {"gap": 45.0, "speed": 10.0},
        {"gap": 45.0, "speed": 20.0},
    ]
    assert loads(built.to_yaml())[0] == built


def test_the_order_of_options_is_part_of_the_design() -> None:
    """Two scenarios of one name whose weights are written in another order hand their shares out otherwise."""
    one = Scenario("a").environment(sky=choice({"clear": 3, "overcast": 1})).where("sky != 'x'")
    other = Scenario("a").environment(sky=choice({"overcast": 1, "clear": 3})).where("sky != 'x'")
    assert [one.parameters(k) for k in range(8)] != [other.parameters(k) for k in range(8)]


def test_fixing_a_parameter_fills_it_into_the_conditions() -> None:
    scenario = logical("[gap > 2 * speed, speed < 19]")
    fixed = scenario.with_parameters({"speed": 15.0})
    assert fixed.constraints == ("gap > 2 * 15.0",)
    assert all(fixed.parameters(k)["gap"] > 30 for k in range(16))
    assert scenario.with_parameters(scenario.parameters(2)).constraints == ()
    with pytest.raises(ScenarioError, match=r"speed = 19.5 contradicts 'speed < 19'. \[DS034\]"):
        scenario.with_parameters({"speed": 19.5})


def test_names_in_the_order_of_the_text() -> None:
    assert names_in("$gap > 1.5 * speed + min(gap, other)") == ("gap", "speed", "other")


BROKEN = {
    "gap > 1.5 * sped": "'sped' is not in 'vary' (has: gap, speed, sky). Did you mean 'speed'?",
    "gap >": "'gap >' cannot be read. Write a comparison, as gap > 1.5 * speed.",
    "gap = 30": "'gap = 30' cannot be read. '==' compares, words are quoted.",
    "gap < 25 kg": "'gap < 25 kg' cannot be read. 'kg' is not a unit.",
    "gap + 3": "'gap + 3' is a value, not a condition. Compare it, as gap + 3 > 0.",
    "sky > 'clear'": "'sky > 'clear'': words are equal (==) or not (!=), never less or more.",
    "sky == 3": "'sky == 3' compares a number with a word.",
    "sky == clear": "'clear' is not in 'vary' (has: gap, speed, sky). Words are quoted, as sky == 'clear'.",
    "gap > 3 and speed": "'speed' is a value where 'gap > 3 and speed' needs a condition.",
    "gap ** 2 > 3": "'gap ** 2' is no part of a condition.",
    "__import__('os').system('true') == 0": "'__import__('os').system('true')' is no part of a condition.",
    "abs(gap, speed) > 1": "'abs(gap, speed)': abs takes one value.",
    "min(gap) > 1": "'min(gap)': min takes two values or more.",
    "gap > 10000 m": "'gap > 10000 m': 0 of 4096 points of the design meet this, 16 variations are to be found.",
    "(gap > 3) == (speed > 3)": "'(gap > 3) == (speed > 3)' compares a condition.",
    "sky + 1 > 2": "'sky' is a word where 'sky + 1' needs a number.",
    "gap[0] > 1": "'gap[0]' is no part of a condition.",
    "(" * 300 + "gap": "cannot be read",
    "gap > 1 or " * 60 + "gap > 2": "a condition of 667 characters is too long. Use at most 400.",
}


@pytest.mark.parametrize("where", BROKEN)
def test_broken_conditions(where: str) -> None:
    problems = check_text(TEXT.replace("WHERE", f'["{where}"]').replace("METHOD", "sobol"), "bad.yaml").errors
    assert len(problems) == 1
    assert BROKEN[where] in problems[0].text
    assert problems[0].line == 8 and problems[0].path.startswith("where")
    assert problems[0].code in ("DS033", "DS034")


@pytest.mark.parametrize(
    ("where", "message"), [("7", "7 is not a list."), ("[7]", "7 is no condition."), ("['']", "'' is no condition.")]
)
def test_conditions_that_are_no_text(where: str, message: str) -> None:
    problems = check_text(TEXT.replace("WHERE", where).replace("METHOD", "sobol"), "bad.yaml").errors
    assert problems[0].text.startswith(message)


def test_a_grid_of_nothing_and_a_number_beside_parameters() -> None:
    built = Scenario("a").ego(speed=grid([10, 20])).sampling("grid").where("speed > 30")
    (found,) = ds.scenarios.check_scenario(built).errors
    assert found.text == "no combination of the grid meets 'speed > 30'. Loosen 'where', or widen 'vary'."
    both = Scenario("a", variation=3).ego(speed=uniform(10, 20))
    assert [p.code for p in ds.scenarios.check_scenario(both).errors] == ["DS071"]
