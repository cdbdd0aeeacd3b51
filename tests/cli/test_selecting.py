"""``drivesim futures`` of a scenario with ``mode: select``: every try is told, and a spent budget ends with 3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_judges import write_judges
from tiny_video_ldm import save_toy
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.evidence import selection as module
from drivesim.evidence.verdict import Verdict
from drivesim.judges.load import Judges
from drivesim.runs.future import Future, open_run

SCENARIO = """\
drivesim: 1
id: chosen
video: {duration: 2 s}
sampling: {futures: 2, max_tries: 3}
outputs: [mp4, frames]
scene:
  road: {type: rural, lanes: 1}
  ego: {speed: 15 m/s}
  traffic: {density: none}
  actors:
    - {id: lead, class: car, lane: ego, gap: 20 m, speed: 15 m/s}
events:
  - {id: stops, actor: lead, action: {brake: {deceleration: 3 m/s2}}, start: {time: 0 s}, mode: select}
"""

SHOWING = {2, 4}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_speed: None) -> tuple[object, ...]:
    """The command, with verdicts said by SHOWING instead of the probe."""
    (tmp_path / "chosen.yaml").write_text(SCENARIO)

    def verdicts(future: Future, events: tuple[str, ...], judges: Judges, progress: object) -> dict[str, Verdict]:
        return {name: Verdict(value=future.index in SHOWING) for name in events}

    monkeypatch.setattr(module, "_verdicts", verdicts)
    given = {
        "--model": save_toy(tmp_path / "toy", steps=1),
        "--judges": write_judges(tmp_path / "judges"),
        "--seconds": "0.1",
    }
    options = [part for pair in given.items() for part in pair]
    return ("futures", tmp_path / "chosen.yaml", "--out", tmp_path / "run", "--threads", "1", *options)


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_budget_is_spent_then_raised_and_the_run_goes_on(tmp_path: Path, command: tuple[object, ...]) -> None:
    spent = drivesim(*command)
    assert spent.exit_code == 3, spent.output
    assert "future 0 not accepted (stops: not seen): 0 of 2 wanted, 1 of at most 3 tries" in spent.stderr
    assert "future 2 accepted: 1 of 2 wanted, 3 of at most 3 tries" in spent.stderr
    assert "   2 × stops: not seen" in spent.stderr
    assert "the tries were spent: 1 of 3 futures show stops (33 %, interval" in spent.stderr
    assert "--max-tries" in spent.stderr and "--no-select" in spent.stderr
    met = drivesim(*command, "--resume", "--max-tries", "9", "--json", "-q")
    assert met.exit_code == 0, met.output
    assert [one["id"] for one in json.loads(met.stdout)["futures"]] == ["chosen/v000/f02", "chosen/v000/f04"]
    assert [future.index for future in open_run(tmp_path / "run")] == [0, 1, 2, 3, 4]
    assert json.loads((tmp_path / "run/selection.json").read_text())["rate"]["count"] == 5
    assert list((tmp_path / "run").rglob("*.png")), "outputs: frames"


def test_without_selecting_all_futures_count(tmp_path: Path, command: tuple[object, ...]) -> None:
    bare = [part for at, part in enumerate(command) if "--judges" not in command[max(at - 1, 0) : at + 1]]
    made = drivesim(*bare, "--no-select", "--json", "-q")
    assert made.exit_code == 0, made.output
    assert len(json.loads(made.stdout)["futures"]) == 2 and not (tmp_path / "run/selection.json").exists()


def test_fewer_tries_than_wanted_futures_are_refused(tmp_path: Path, command: tuple[object, ...]) -> None:
    few = drivesim(*command, "--max-tries", "1")
    assert few.exit_code == 2 and not (tmp_path / "run/selection.json").exists()
    assert "chosen: --max-tries 1 allows fewer futures than the 2 that are wanted" in few.output
    many = drivesim(*command, "--futures", "5")
    assert many.exit_code == 2 and "'sampling: max_tries: 3' allows fewer futures than the 5" in many.output


@pytest.mark.parametrize("options", [("--no-select",), ("--only-future", "1")])
def test_options_of_selecting_are_refused_where_nothing_is_selected(
    command: tuple[object, ...], options: tuple[str, ...]
) -> None:
    refused = drivesim(*command, *options, "--max-tries", "9")
    assert refused.exit_code == 2 and "--max-tries and --judges: nothing is selected here" in refused.output


@pytest.mark.parametrize("option", [("--set", "gap=20 m"), ("--variation", "1"), ("--only", "x"), ("--start", "a.png")])
def test_what_a_scenario_decides_is_refused_beside_a_run(command: tuple[object, ...], option: tuple[str, str]) -> None:
    refused = drivesim("futures", "--from", "somewhere", "--at", "1.0", *option)
    assert refused.exit_code == 2 and f"{option[0]} with --from" in refused.output
