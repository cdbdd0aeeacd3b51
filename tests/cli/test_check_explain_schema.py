"""The three commands that need no model: check, explain, schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.scenarios import check, load
from drivesim.scenarios.checks.video import SHIPPED, VideoForm, video_finding
from drivesim.scenarios.library import names

BROKEN = "drivesim: 1\nid: one\nscene: {ego: {speed: 25 kg}, actors: [{id: a, class: car, lan: ego, gap: 5 m}]}\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_good_library_scenario() -> None:
    result = run("check", "highway-cut-in")
    assert result.exit_code == 0
    assert result.output.startswith(
        "highway-cut-in is good: 4 actors and light ambient traffic, 8 variations × 16 futures × 600 frames of 512×1024"
    )


def test_every_mistake_of_every_file_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    result = run("check", str(path), "cyclist", "higway-cut-in")
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "cyclist is good: 4 actors and light ambient traffic, 8 variations × 16 futures × 600 frames of 512×1024",
        f"{path}:3:22  scene.ego.speed — '25 kg' is not a speed. Use a number in m/s, or '25 m/s', '90 km/h', '56 mph'. [DS025]",
        f"{path}:3:59  scene.actors[0].lan — unknown key 'lan'. Did you mean 'lane'? [DS021]",
        "higway-cut-in — there is no scenario file and no library scenario 'higway-cut-in'. "
        "Did you mean 'highway-cut-in'? [DS081]",
    ]


def test_warnings_fail_only_when_strict(tmp_path: Path) -> None:
    path = tmp_path / "warned.yaml"
    path.write_text("drivesim: 1\nid: one\nscene: {}\nvary: {unused: {uniform: [1, 2]}}\n", encoding="utf-8")
    assert run("check", str(path)).exit_code == 0
    strict = run("check", "--strict", str(path))
    assert strict.exit_code == 2 and "warning: parameter 'unused' is never used" in strict.output


def test_json_for_tools(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    found = json.loads(run("check", "--json", str(path)).output)
    assert [(f["code"], f["line"], f["column"], f["severity"]) for f in found] == [
        ("DS025", 3, 22, "error"),
        ("DS021", 3, 59, "error"),
    ]


def test_the_library_is_listed() -> None:
    output = run("check", "--library").output
    assert all(name in output for name in names())
    assert run("check").exit_code == 2


@pytest.mark.parametrize("name", ["rain-merge", "urban-crossing-day", "empty-road"])
def test_explain_prints_a_table(name: str) -> None:
    result = run("explain", name)
    assert result.exit_code == 0
    assert "environment.sky" in result.output and "attributes" in result.output
    assert "Actors after t = 0: scripted, in several futures each by its own development" in " ".join(
        result.output.split()
    )


def test_explain_as_json_and_its_refusals(tmp_path: Path) -> None:
    rows = json.loads(run("explain", "hard-brake", "--json", "-n", "2").output)["hard-brake"]
    values = {row["field"]: (row["value"], row["carrier"]) for row in rows}
    assert values["ego.speed"] == ("20 m/s", "motion")
    assert values["labels.crash"][1] == "measured"
    assert run("explain", "hard-brake", "--variation", "99").exit_code == 2
    assert run("explain", "hard-brake", "--only", "other").exit_code == 2
    assert run("explain", str(tmp_path / "nowhere.yaml")).exit_code == 2


def test_scripted_scenarios_are_explained_as_such(tmp_path: Path) -> None:
    path = tmp_path / "scripted.yaml"
    path.write_text(
        "drivesim: 1\nid: one\nscene: {actors: [{id: a, class: car, lane: ego, gap: 20 m}]}\n"
        "events: [{id: e, actor: a, action: {speed: {to: 5 m/s}}, mode: condition}]\n",
        encoding="utf-8",
    )
    rows = json.loads(run("explain", str(path), "--json").output)["one"]
    assert {row["carrier"] for row in rows if row["field"] == "actors.a"} == {"actors"}
    assert "scripted" in run("explain", str(path)).output


def test_schema_is_json_and_can_be_written(tmp_path: Path) -> None:
    schema = json.loads(run("schema").output)
    assert schema["title"] == "drivesim scenario"
    path = tmp_path / "schema.json"
    assert run("schema", "--out", str(path)).exit_code == 0
    assert json.loads(path.read_text(encoding="utf-8")) == schema


def test_check_does_not_import_torch() -> None:
    code = "import sys; from drivesim.cli.check import check; check(['cyclist']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_another_models_rate_is_no_fault_where_that_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fps25.yaml"
    path.write_text(
        "drivesim: 1\nid: fps25\nvideo: {fps: 25, duration: 2 s}\nscene: {ego: {speed: 10}, traffic: none}\n"
    )
    made = VideoForm(name="fast", height=512, width=1024, fps=25.0)
    assert check(path, made).errors == check(path, made).warnings == ()
    (warned,) = check(path).warnings
    assert warned.code == "DS073" and "fps 25 is not what the shipped model was trained for" in warned.text
    assert "'drivesim export RUN --to video --fps 25'" in warned.text
    path.write_text(path.read_text().replace("none", "nothing"))
    assert "DS073" not in {problem.code for problem in (*check(path, made).errors, *check(path, made).warnings)}


def test_check_says_of_the_video_what_rollout_says(tmp_path: Path) -> None:
    path = tmp_path / "fps25.yaml"
    path.write_text("drivesim: 1\nid: fps25\nvideo: {fps: 25, duration: 2 s}\nscene: {ego: {speed: 10}}\n")
    checked = run("check", str(path))
    assert checked.exit_code == 2
    (line,) = checked.output.splitlines()
    assert line.startswith(
        f"{path}:3:14  video.fps — scenario 'fps25' asks for 512x1024 at 25 fps, model 'default' makes"
    )
    assert "512x1024 at 10 fps" in line and line.endswith("[DS073]")
    assert "'drivesim export RUN --to video --fps 25' then writes the finished video at 25" in line
    made = SHIPPED
    (scenario,) = load(path)
    finding = video_finding(scenario, made)
    assert finding is not None and finding.text in line
    assert run("check", str(path), "--model", str(tmp_path / "nowhere")).exit_code == 4
    path.write_text(
        "drivesim: 1\nid: one\nscene: {ego: {speed: 10}, traffic: none, actors: [{id: a, class: car, lane: ego, gap: 20 m}]}\n"
    )
    assert run("check", str(path)).output.startswith(
        f"{path}: one is good: 1 actor, 1 variation × 16 futures × 600 frames"
    )
