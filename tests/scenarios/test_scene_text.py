"""A sentence about a scene becomes keys of the scenario: which, who wins, what is refused, and that nothing is read twice."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tiny_encoder import write_word_vectors

import drivesim as ds
from drivesim.conditioning.attributes import scene_attributes
from drivesim.controls import ATTRIBUTE_CHANNELS
from drivesim.scenarios.scene_text import KEY_OF_WORD, text_lines
from drivesim.text.phrases import WORDS

SENTENCE = "at night, in heavy rain, in the city, one drives on the left here"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an encoder in it, for scenarios to lie beside."""
    made = tmp_path_factory.mktemp("cases")
    write_word_vectors(made / "words")
    return made


def write(folder: Path, text: str, rest: str = "") -> Path:
    path = folder / "case.yaml"
    path.write_text(f"drivesim: 1\nid: told\nscene:\n  text: {text}\n{rest}", encoding="utf-8")
    return path


def test_every_word_stands_for_a_value_that_the_language_knows() -> None:
    assert set(KEY_OF_WORD) == {word.name for word in WORDS}
    for key, value in KEY_OF_WORD.values():
        tree: dict = {}
        holder = tree
        for part in key[:-1]:
            holder = holder.setdefault(part, {})
        holder[key[-1]] = value
        ds.Scenario("one", **tree)


def test_a_text_becomes_keys_and_reaches_the_attributes(folder: Path) -> None:
    (scenario,) = ds.load(write(folder, f"{{says: '{SENTENCE}', encoder: words}}"))
    scene = ds.expand(scenario, duration_s=0.2)
    told = dict(zip(ATTRIBUTE_CHANNELS, scene_attributes(scene), strict=True))
    expected = {"darkness": 1.0, "rain": 1.0, "urban": 1.0, "motorway": 0.0, "left_hand": 1.0, "snow": 0.0}
    assert {name: told[name] for name in expected} == expected


def test_what_is_written_wins_even_where_it_is_the_default(folder: Path) -> None:
    environment = '  environment: {time_of_day: "14:00", sky: overcast}\n  road: {type: motorway}\n'
    (scenario,) = ds.load(write(folder, f"{{says: '{SENTENCE}', encoder: words}}", environment))
    concrete = scenario.concrete()
    assert concrete.environment.darkness == 0.0 and concrete.environment.sky == "overcast"
    assert concrete.environment.rain == 1.0
    assert (concrete.road.type, concrete.road.side) == ("motorway", "left")
    understood, overruled = text_lines(scenario)
    assert understood.startswith(f"'{SENTENCE}' is understood as: night ") and "heavy rain" in understood
    assert overruled == "overruled by what is written: night by scene.environment.time_of_day, urban by scene.road.type"


def test_what_was_read_is_not_read_again(folder: Path, tmp_path: Path) -> None:
    (scenario,) = ds.load(write(folder, f"{{says: '{SENTENCE}', encoder: words}}"))
    text = scenario.to_yaml()
    copy = tmp_path / "elsewhere.yaml"  # where there is no encoder
    copy.write_text(text, encoding="utf-8")
    (again,) = ds.load(copy)
    assert again == scenario and again.to_yaml() == text
    assert scenario.scene.text is not None and scenario.scene.text.reading is not None
    assert scenario.scene.text.reading.by.startswith("words ")


def test_a_text_that_was_changed_after_it_was_read_is_refused(folder: Path) -> None:
    (scenario,) = ds.load(write(folder, f"{{says: '{SENTENCE}', encoder: words}}"))
    changed = scenario.to_yaml().replace("at night", "at noon")
    with pytest.raises(ds.ScenarioError, match="changed after it was read") as caught:
        ds.loads(changed)
    assert [problem.code for problem in caught.value.problems] == ["DS096"]


def test_a_text_that_says_nothing_of_the_scene_is_refused_with_its_line(folder: Path) -> None:
    with pytest.raises(ds.ScenarioError) as caught:
        ds.load(write(folder, "{says: the committee meets on Tuesday, encoder: words}"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.path) == ("DS095", 4, "scene.text")
    assert "'the committee meets on Tuesday' says nothing of the scene" in problem.text


def test_a_text_is_one_sentence_for_all_variations(folder: Path) -> None:
    report = ds.check(write(folder, "$which", "vary:\n  which: {choice: [at night, by day]}\n"))
    assert [problem.code for problem in report.errors] == ["DS024"]
    assert "does not vary" in report.errors[0].text


def test_an_encoder_that_is_none_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir(exist_ok=True)
    report = ds.check(write(folder, "{says: at night, encoder: nowhere}"))
    assert report.errors[0].code == "DS094" and "neither a folder nor a hub repository" in report.errors[0].text


def test_the_extra_is_named_where_it_is_missing(folder: Path) -> None:
    try:
        import transformers  # noqa: F401
    except ImportError:
        report = ds.check(write(folder, "at night"))
        assert [problem.code for problem in report.errors] == ["DS094"]
        assert report.errors[0].text.endswith('Run: pip install "drivesim[text]"')
        with pytest.raises(ds.ScenarioError, match=r'pip install "drivesim\[text\]"'):
            ds.Scenario("told").text("at night")
    else:
        pytest.skip("the extra is installed")


def test_in_python_later_calls_win_and_a_new_text_takes_the_place_of_the_old(folder: Path) -> None:
    encoder = folder / "words"
    night = (
        ds.Scenario("told")
        .environment(sky="overcast")
        .text("at night, in heavy rain, under a clear sky", encoder=encoder)
    )
    assert night.concrete().environment.darkness == 1.0 and night.concrete().environment.sky == "overcast"
    assert night.environment(time_of_day="12:00").concrete().environment.darkness == 0.0
    day = night.text("by day, in fog", encoder=encoder).concrete().environment
    assert (day.darkness, day.rain, day.fog_visibility_m, day.sky) == (0.0, 0.0, 150.0, "overcast")
    assert math.isinf(night.concrete().environment.fog_visibility_m)


def test_a_text_that_nobody_read_is_no_concrete_scenario() -> None:
    with pytest.raises(ds.ScenarioError, match="has not been read"):
        ds.Scenario("told", scene={"text": "at night"}).concrete()


def test_text_is_held_to_its_form() -> None:
    for wrong in ("", "x" * 501, 7, "two\nlines"):
        with pytest.raises(ds.ScenarioError) as caught:
            ds.Scenario("told").text(wrong)  # type: ignore[arg-type]
        assert caught.value.problems[0].path.startswith("scene.text")
