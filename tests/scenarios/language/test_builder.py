"""Python and YAML are equal, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivesim as ds
from drivesim import choice, deg, grid, kmh, normal, uniform
from drivesim.errors import InputError
from drivesim.scenarios.library import library

SUITE = (Path(__file__).parents[1] / "suite.yaml").read_text(encoding="utf-8")

CUT_IN = (
    ds.Scenario("highway-cut-in", tags=["cut_in", "motorway", "day"])
    .environment(time_of_day="14:00", sky=choice({"clear": 3, "overcast": 1}))
    .road("motorway", lanes=3, ego_lane=2, lane_width=3.5)
    .ego(speed=25)
    .actor(
        "challenger",
        "car",
        lane="left",
        gap=uniform(20, 40),
        speed=normal(22, 2, clip=(18, 28)),
        look="white estate car",
    )
    .actor("lead", "truck", lane="ego", gap=70, speed=23)
    .event("cut_in", "challenger", ds.lane_change(to="ego", over=3), start=ds.after(2), within=8, mode="select")
    .label("close_call", ds.ttc("challenger").min() < 1.5)
    .label("crash", ds.collision("challenger"))
    .expect("close_call", at_least=2)
)
NIGHT = (
    ds.Scenario("night-pedestrian", tags=["vru", "crossing", "occlusion", "night"])
    .environment(time_of_day="22:30", sky="clear", street_lights=True)
    .road("urban", lanes=2, ego_lane=1, lane_width=3.5, speed_limit=50 * kmh)
    .ego(speed=40 * kmh)
    .actor("van", "car", preset="van", at=(19, -2.9), parked=True)
    .actor(
        "walker",
        "pedestrian",
        at=(uniform(23, 35), -4.4),
        yaw=90 * deg,
        speed=uniform(0.8, 2.0),
        look=choice(["dark coat", "reflective jacket"]),
    )
    .event("crosses", "walker", ds.walk_to(y=6), start=ds.ttc_to_ego() < 3, within=6, mode="select")
    .label("near_miss", ds.pet("walker") < 1.5)
    .label("crash", ds.collision("walker"))
    .expect("crosses", at_least=4)
)
MERGE = (
    ds.Scenario("rain-merge", tags=["merge", "motorway", "rain"])
    .video(duration=90)
    .sampling("grid", futures=32)
    .environment(
        time_of_day="17:30", precipitation=ds.rain(grid(["moderate", "heavy"])), road_surface="wet_with_puddles"
    )
    .road("motorway", lanes=3, ego_lane=1, ramp="right")
    .ego(speed=27)
    .actor("merger", "car", preset="van", lane="ramp", gap=grid([8, 14, 20]), speed=22)
    .actor("lead", "car", lane="ego", gap=45, speed=26)
    .event("merges", "merger", ds.lane_change(to="ego", over=4), start=ds.after(1), within=12, mode="select")
    .event("slows", "lead", ds.speed(to=18, over=5), start=ds.after("merges"), within=20, mode="tag")
    .label("hard_brake_needed", ds.drac("merger").max() > 2.5)
    .expect("merges", at_least=8)
)


@pytest.mark.parametrize("scenario", [CUT_IN, NIGHT, MERGE], ids=lambda s: s.id)
def test_python_to_yaml_and_back(scenario: ds.Scenario) -> None:
    text = scenario.to_yaml()
    assert ds.loads(text) == [scenario]
    assert ds.loads(text)[0].to_yaml() == text


def test_yaml_to_python_and_back() -> None:
    for scenario in ds.loads(SUITE):
        assert ds.loads(scenario.to_yaml()) == [scenario]


@pytest.mark.parametrize("entry", library(), ids=lambda entry: entry.name)
def test_library_files_round_trip(entry: object) -> None:
    scenario = ds.load(entry.path)[0]  # type: ignore[attr-defined]
    assert ds.loads(scenario.to_yaml()) == [scenario]


#: What the YAML of the format's description has and its Python does not.
_ONLY_IN_YAML = ("title", "outputs", "sampling")
_NAMES = {"start_x": "x", "pace": "speed", "clothes": "look", "merge_gap": "gap"}


@pytest.mark.parametrize(("index", "built"), [(0, CUT_IN), (1, NIGHT), (2, MERGE)])
def test_the_two_languages_describe_the_same(index: int, built: ds.Scenario) -> None:
    """Equal apart from title and defaults, and from parameters that Python named after the key they stand at."""
    written = ds.loads(SUITE)[index].to_yaml()
    for ours, theirs in _NAMES.items():
        written = written.replace(f"${ours}", f"${theirs}").replace(f"  {ours}: {{", f"  {theirs}: {{")
    keys = {k: v for k, v in ds.loads(written)[0].to_dict().items() if k not in _ONLY_IN_YAML}
    assert keys == {k: v for k, v in built.to_dict().items() if k not in _ONLY_IN_YAML}


def test_named_distributions_are_shared_and_unnamed_are_not() -> None:
    both = uniform(10, 20, name="spacing")
    shared = ds.Scenario("one").actor("a", "car", lane="ego", gap=both).actor("b", "car", lane="left", gap=both)
    assert list(shared.vary) == ["spacing"]
    apart = ds.Scenario("one").actor("a", "car", lane="ego", gap=uniform(10, 20))
    apart = apart.actor("b", "car", lane="left", gap=uniform(10, 20))
    assert list(apart.vary) == ["gap", "b_gap"]
    with pytest.raises(ds.ScenarioError, match="another distribution"):
        shared.actor("c", "car", lane="right", gap=uniform(1, 2, name="spacing"))


def test_methods_return_copies() -> None:
    first = ds.Scenario("one")
    second = first.ego(speed=20)
    assert first.scene.ego.speed is None and second.scene.ego.speed == 20.0
    assert second.ego(target_speed=25).scene.ego.speed == 20.0


def test_text_with_units_may_stand_in_python() -> None:
    assert ds.Scenario("one").ego(speed="72 km/h") == ds.Scenario("one").ego(speed=20)
    assert ds.after("2 s") == {"time": "2 s"} and ds.after("merges") == {"after": "merges"}


def test_wrong_values_are_refused_at_once() -> None:
    with pytest.raises(ds.ScenarioError, match=r"scene.actors\[0\].speed — '25 kg' is not a speed"):
        ds.Scenario("one").actor("a", "car", lane="ego", gap=20, speed="25 kg")
    with pytest.raises(ds.ScenarioError, match="DS032"):
        uniform(40, 20)
    with pytest.raises(InputError, match=r"drac is bad when high: write ds\.drac\('a'\) > 2"):
        _ = ds.drac("a").max() < 2
    with pytest.raises(InputError, match=r"drac is bad when high"):
        _ = ds.drac("a") < 2
    with pytest.raises(InputError, match=r"pet is bad when low: write ds\.pet\('a'\) < 2"):
        _ = ds.pet("a") > 2
    with pytest.raises(InputError, match=r"ttc is bad when low: write ds\.ttc\('q0'\) < 2\.5"):
        _ = ds.ttc("q0") > 2.5


def test_what_one_writes_first_is_what_is_meant() -> None:
    assert (ds.ttc("q0") < 1.0) == (ds.ttc("q0").min() < 1.0) == {"ttc": {"actor": "q0", "min_below": 1.0}}
    assert (ds.drac("q0") > 4.0) == (ds.drac("q0").max() > 4.0)
    assert ds.brake(7) == ds.brake(deceleration=7)
    assert ds.lane_change("left") == ds.lane_change(to="left") and ds.speed(20, 5) == ds.speed(to=20, over=5)
    scenario = ds.Scenario("one").actor("a", "car", lane="left", gap=20)
    for start in (2.5, "2.5 s", ds.after(2.5)):
        event = scenario.event("e", "a", ds.brake(7), start=start).events[0]
        assert event.start.time == 2.5
    after = scenario.event("e", "a", ds.brake(7)).event("f", "a", ds.speed(20), start="e")
    assert after.events[1].start.after == "e"


def test_metrics_become_labels() -> None:
    assert (ds.thw("a").min() < 1) == {"thw": {"actor": "a", "min_below": 1}}
    assert (ds.gap("a").min() < 2) == {"gap": {"actor": "a", "min_below": 2}}
    assert (ds.distance_to_ego() < 30) == {"distance_to_ego": {"below": 30}}
    assert ds.brake(deceleration=6) == {"brake": {"deceleration": 6, "to": 0.0}}
    assert ds.snow("light") == {"type": "snow", "intensity": "light"}


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=40),
    st.floats(0, 100),
    st.floats(-1000, 1000),
)
def test_any_text_and_number_round_trips(title: str, speed: float, x: float) -> None:
    title = title.lstrip("$")
    if not title.isprintable():
        title = ascii(title)
    scenario = ds.Scenario("one", title=title).ego(speed=speed).actor("a", "car", at=(x, -3.5), allow_overlap=True)
    scenario = scenario.actor("b", "car", lane="ego", gap=20, look=title)
    assert ds.loads(scenario.to_yaml()) == [scenario]


def test_all_public_names_exist() -> None:
    assert [name for name in ds.__all__ if not hasattr(ds, name)] == []
    assert set(ds.__all__) <= set(dir(ds))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ds.nothing
