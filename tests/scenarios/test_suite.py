"""Suites: entries that name files, what overrides what, and what the broken ones say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.scenarios import Scenario, ScenarioError, check, load, loads, uniform
from drivesim.scenarios.expand import expand
from drivesim.scenarios.suite import Suite, load_suite, write_cases
from drivesim.scene import Scene

ONE = """\
drivesim: 1
id: one
video: {duration: 20 s}
sampling: {seed: 3, futures: 5}
vary:
  gap: {uniform: [20 m, 30 m]}
scene:
  ego: {speed: 10}
  actors:
    - {id: lead, class: car, lane: ego, gap: $gap, speed: 8}
"""


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(folder: Path, **files: str) -> Path:
    """Files by their stem; returns the suite."""
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "suite.yaml"


def suite_of(*entries: str, more: str = "") -> str:
    return "drivesim: 1\n" + more + "scenarios:\n" + "".join(f"  - {entry}\n" for entry in entries)


def test_entries_name_files_globs_and_the_library_and_may_stand_beside_whole_scenarios(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    path = write(
        tmp_path,
        suite=suite_of("cases/*.yaml", "empty-road", "'fog-*'", "{id: own, scene: {}}"),
        **{"cases/one": ONE, "cases/two": ONE.replace("id: one", "id: two")},
    )
    suite = load_suite(path)
    assert [scenario.id for scenario in suite.scenarios] == ["one", "two", "empty-road", "fog-motorway", "own"]
    assert suite.scenarios[0] == load(tmp_path / "cases/one.yaml")[0]
    assert [case.name for case in suite.cases()][:9] == [*(f"one/v{n:03d}" for n in range(8)), "two/v000"]
    assert [s.id for s in load_suite(tmp_path / "cases").scenarios] == ["one", "two"]
    assert load_suite(tmp_path) == suite, "suite.yaml stands for its folder"
    assert suite.num_futures == sum(s.num_variations * s.sampling_settings.futures for s in suite.scenarios)


def test_defaults_fill_in_overrides_win_and_an_entry_wins_over_both(tmp_path: Path) -> None:
    more = "defaults: {video: {duration: 5 s, fps: 10}, traffic: left_hand}\noverrides: {sampling: {futures: 2}}\n"
    entry = "{file: one.yaml, sampling: {variations: 4}, set: {gap: 2500 cm}}"
    path = write(tmp_path, one=ONE, suite=suite_of("one.yaml", entry.replace("}}", "}, id: other}"), more=more))
    plain, other = load_suite(path).scenarios
    assert plain.video_settings.duration == 20.0 and plain.traffic == "left_hand"
    assert plain.sampling_settings.futures == 2 and plain.sampling_settings.seed == 3
    assert plain.sampling_settings.variations == 8 and other.sampling_settings.variations == 4
    assert other.sampling_settings.futures == 2 and other.vary == {}
    assert other.scene.actors[0].gap == 25.0
    assert other.world_name == "one", "a renamed scenario stays on its road"


def test_a_suite_of_suites_keeps_what_each_says(tmp_path: Path) -> None:
    inner = suite_of("../one.yaml", more="defaults: {tags: [inner]}\n")
    outer = suite_of("{file: inner/suite.yaml, only: one, outputs: [mp4, frames]}")
    (tmp_path / "inner").mkdir()
    path = write(tmp_path, one=ONE, suite=outer, **{"inner/suite": inner})
    (scenario,) = load_suite(path).scenarios
    assert scenario.tags == ("inner",) and scenario.outputs == ("mp4", "frames")


def test_a_glob_beside_the_suite_leaves_the_suite_out(tmp_path: Path) -> None:
    path = write(tmp_path, one=ONE, suite=suite_of("./*.yaml"))
    assert [scenario.id for scenario in load_suite(path).scenarios] == ["one"]


def test_yaml_and_python_are_equal(tmp_path: Path) -> None:
    built = Scenario("built").ego(speed=10).actor("lead", "car", lane="ego", gap=uniform(20, 30), speed=8)
    suite = Suite(name=tmp_path.name, scenarios=(built, load(write(tmp_path, suite=ONE))[0]))
    (tmp_path / "suite.yaml").write_text(suite.to_yaml(), encoding="utf-8")
    assert load_suite(tmp_path / "suite.yaml") == suite


def test_a_mistake_is_said_at_the_file_that_makes_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one=ONE.replace("class: car", "class: cart"),
        suite=suite_of("one.yaml", more="overrides: {video: {fps: fast}}\n"),
    )
    found = {(Path(problem.file).name, problem.line, problem.code) for problem in check(path).errors}
    assert found == {("one.yaml", 10, "DS024"), ("suite.yaml", 2, "DS025")}


BROKEN = {
    "no such file": ("cases/none.yaml", "there is no file 'cases/none.yaml' in"),
    "a glob of nothing": ("cases/*.yaml", "no .yaml file matches 'cases/*.yaml' in"),
    "no such name": (
        "highway-cutin",
        "'highway-cutin' is neither a path nor in the library. Did you mean 'highway-cut-in'?",
    ),
    "no such pattern": ("'zebra-*'", "'zebra-*' is neither a path nor in the library. The library has:"),
    "itself": ("suite.yaml", "the suite leads back to itself: suite.yaml → suite.yaml."),
    "twice the same": ("one.yaml\n  - one.yaml", "scenario id 'one' is used twice (first on line 2)."),
    "no such id": ("{file: one.yaml, only: two}", "no scenario of 'one.yaml' has the id 'two' (has: one)."),
    "unknown key": ("{file: one.yaml, futures: 4}", "unknown key 'futures'."),
    "one id for several": ("{file: 'one*.yaml', id: all}", "'id' names one scenario, but 'one*.yaml' stands for 2."),
    "parameter that is not there": ("{file: one.yaml, set: {gpa: 3}}", "'gpa' is not in 'vary' of one (has: gap)."),
    "parameter without a number": ("{file: one.yaml, set: {gap: wide}}", "'wide' is not a length."),
    "file that is a number": ("{file: 7}", "7 is not text."),
    "a number as entry": ("7", "7 is not a mapping."),
    "a folder": ("folder.yaml", "this is a folder."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_suites_say_what_is_wrong_at_its_line(tmp_path: Path, name: str) -> None:
    entry, message = BROKEN[name]
    (tmp_path / "folder.yaml").mkdir()
    path = write(tmp_path, one=ONE, one_more=ONE.replace("id: one", "id: more"), suite=suite_of(entry))
    with pytest.raises(ScenarioError) as caught:
        load_suite(path)
    problems = caught.value.problems
    assert any(problem.text.startswith(message) for problem in problems), str(caught.value)
    assert all(problem.line > 0 or problem.code == "DS002" for problem in problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drivesim: 1\noverrides: {vide: {}}\nscenarios: [empty-road]\n", "unknown key 'vide'. Did you mean 'video'?"),
        ("drivesim: 1\noverrides: {}\n", "'scenarios' must be a list with at least one scenario."),
        ("drivesim: 1\nscenarios: [cases/one.yaml]\n", "'cases/one.yaml' is relative to the suite's file"),
    ],
)
def test_broken_texts_of_suites(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(text)
    assert caught.value.problems[0].text.startswith(message)


def test_folders_and_python_suites_without_scenarios_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no scenario files"):
        load_suite(tmp_path)
    with pytest.raises(ScenarioError, match="has no scenario"):
        Suite(name="empty", scenarios=())
    with pytest.raises(ScenarioError, match="id 'a' is used twice in suite 'two'"):
        Suite(name="two", scenarios=(Scenario("a"), Scenario("a")))


def same_scene(one: Scene, other: Scene) -> bool:
    """Whether two scenes are equal in everything but their name."""
    if [a.id for a in one.actors] != [b.id for b in other.actors]:
        return False
    tracks = [(one.ego, other.ego), *((a.track, b.track) for a, b in zip(one.actors, other.actors, strict=True))]
    equal = all(
        np.array_equal(a.positions, b.positions, equal_nan=True) and np.array_equal(a.present, b.present)
        for a, b in tracks
    )
    looks = all(
        (a.category, a.colour, a.look) == (b.category, b.colour, b.look)
        for a, b in zip(one.actors, other.actors, strict=True)
    )
    return (
        equal
        and looks
        and one.environment == other.environment
        and np.array_equal(one.road.reference, other.road.reference)
        and one.scenery.seed == other.scenery.seed
    )


@pytest.mark.parametrize("name", ["highway-cut-in", "night-pedestrian", "rain-merge"])
def test_a_sampled_file_goes_as_the_variation_that_it_came_from(tmp_path: Path, name: str) -> None:
    suite = load_suite(name)
    cases = [case for case in suite.cases() if case.variation in (0, 3, 5)]
    written = write_cases(suite, cases, tmp_path)
    assert [path.name for path in written] == [
        f"{name}-v000.yaml",
        f"{name}-v003.yaml",
        f"{name}-v005.yaml",
        "suite.yaml",
    ]
    for case, alone in zip(cases, load_suite(tmp_path).scenarios, strict=True):
        assert alone.vary == {} and alone.num_variations == 1
        assert alone.drawn_as(0) == case.variation and alone.world_name == name
        assert alone.sampling_settings.futures == case.num_futures
        wanted, found = (
            expand(one, seed=7, duration_s=6.0, variation=k) for one, k in ((case.scenario, case.variation), (alone, 0))
        )
        assert same_scene(found, wanted)
        assert not same_scene(expand(alone, seed=8, duration_s=6.0), wanted)
    assert write_cases(suite, cases, tmp_path) == written, "equal files are kept"
    written[1].write_text("drivesim: 1\nid: mine\nscene: {}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"v003.yaml is there already and is another"):
        write_cases(suite, cases, tmp_path)


def test_what_does_not_vary_is_sampled_as_it_is(tmp_path: Path) -> None:
    suite = load_suite("empty-road")
    write_cases(suite, list(suite.cases()), tmp_path)
    assert load_suite(tmp_path).scenarios == suite.scenarios


def test_the_command_samples_what_is_chosen(tmp_path: Path) -> None:
    out = tmp_path / "cases"
    result = drivesim("sample", "highway-cut-in", "--variation", "2-3", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["scenarios"] == [str(out / f"highway-cut-in-v00{k}.yaml") for k in (2, 3)]
    assert drivesim("sample", "highway-cut-in", "--only", "no", "--out", out).exit_code == 2
    assert "has 8, counted from 0" in drivesim("sample", "highway-cut-in", "--variation", "8", "--out", out).stderr


def test_a_suite_may_be_named_anything_and_replaces_nothing(tmp_path: Path) -> None:
    write(tmp_path, one=ONE)
    odd = (tmp_path / "one.yaml").rename(tmp_path / "a\nscenarios: []\x85.yaml")
    assert drivesim("sample", odd, "--variation", "0", "--out", tmp_path / "out").exit_code == 0
    assert [one.id for one in load_suite(str(tmp_path / "out" / "suite.yaml")).scenarios] == ["one-v000"]
    (tmp_path / "out" / "suite.yaml").write_bytes(b"\xff\xfe")
    again = drivesim("sample", odd, "--variation", "0", "--out", tmp_path / "out")
    assert again.exit_code == 2 and "suite.yaml is there already and is another" in again.output
    assert (tmp_path / "out" / "suite.yaml").read_bytes() == b"\xff\xfe"
