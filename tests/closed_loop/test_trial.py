"""``drivesim test``: planners and plans on trial, the verdicts and what is written of them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, write_judges
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.closed_loop.drive import DriveLog
from drivesim.closed_loop.planner_process import PlannerFault
from drivesim.closed_loop.trial import Trial, standing_of, verdict_of
from drivesim.closed_loop.trial_report import demands
from drivesim.evidence.labels import ExpectationOutcome, LabelOutcome
from drivesim.metrics.estimate import share_of
from drivesim.report import Report
from drivesim.report.verdict import conclude, counted
from drivesim.runs.future import open_run

PLANNERS = """\
import time

class Coasts:
    def plan(self, seen):
        assert seen.pictures.shape[1:] == (256, 512, 3)
        return 0.0, 0.0

class GivesUp:
    def __init__(self): self.calls = 0
    def plan(self, seen):
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("lost")
        return 0.0, 0.0

class Hangs:
    def plan(self, seen): time.sleep(60)

class LeavesTheRoad:
    def plan(self, seen): return 0.0, -0.2
"""


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture
def command(tmp_path: Path, judges: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("drivesim.models.load_model", lambda *names, **settings: JudgedLoaded())
    (tmp_path / "planners.py").write_text(PLANNERS)
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes/one.yaml").write_text(JUDGED_SCENARIO)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        fixed = ("--judges", judges, "--threads", "1", "--out", tmp_path / "out")
        return CliRunner().invoke(app, ["test", *map(str, (*arguments, *fixed))])

    return call


def test_a_planner_that_drives_well_passes_and_its_drive_is_a_run(command, tmp_path):
    found = command("scenes", "--planner", "planners.py:Coasts", "--seconds", "0.9", "--junit", "v.xml", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    (trial,) = told["trials"]
    assert trial["verdict"] == "passed" and trial["drives"][0]["ending"] == "time up"
    assert 0.0 < trial["drives"][0]["latency_median_s"] <= trial["drives"][0]["latency_max_s"]
    (future,) = open_run(Path(trial["runs"][0]))
    assert future.num_frames == 9 and "plan:" in (future.folder / "scenario.yaml").read_text()
    report = Report.from_json(Path(told["report"]).read_text(), "report")
    assert report.figures()["test.latency_max_s"].value.count == 2
    case = ElementTree.parse(tmp_path / "v.xml").getroot().find(".//testcase")
    assert case is not None and case.find("failure") is None
    again = command("scenes", "--planner", "planners.py:Coasts", "--seconds", "0.9")
    assert again.exit_code == 2 and "--overwrite" in again.output


BAD = {
    "GivesUp": ("planner", "RuntimeError: lost", 2),
    "Hangs": ("planner", "within 1 s; it was stopped", 1),
    "LeavesTheRoad": ("off road", "off the road", None),
}


@pytest.mark.parametrize(("name", "ending", "said", "chunks"), [(n, *what) for n, what in BAD.items()], ids=BAD.keys())
def test_a_planner_that_does_not_fails_with_a_verdict(command, tmp_path, name, ending, said, chunks):
    planner = ("--planner", f"planners.py:{name}", "--limit", "1", "--seconds", "2.5")
    found = command("scenes/one.yaml", *planner, "--junit", "v.xml", "--json")
    assert found.exit_code == 1, found.output
    (trial,) = json.loads(found.stdout)["trials"]
    assert trial["verdict"] == "failed" and said in trial["reasons"][0]
    assert trial["drives"][0]["ending"] == ending
    if chunks:  # the video ends where a state is kept
        assert open_run(Path(trial["runs"][0]))[0].num_frames == 1 + 4 * 2
    assert "failed" in (tmp_path / "out/report.html").read_text()
    assert ElementTree.parse(tmp_path / "v.xml").getroot().find(".//failure") is not None


def test_without_a_planner_the_ego_drives_as_written(command):
    found = command("scenes", "--seconds", "0.5", "--futures", "2", "--json")
    assert found.exit_code == 0, found.output
    (trial,) = json.loads(found.stdout)["trials"]
    assert trial["reasons"] == ["the scenario expects nothing"] and trial["drives"] == []
    assert len(open_run(Path(trial["runs"][0]))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scenes", "--planner", "planners.py"), "expected module:Name"),
        (("scenes", "--planner", "planners.py:Missing"), "AttributeError"),
        (("scenes", "--planner", "planners.py:Coasts", "--seconds", "0.2"), "ask for 0.5 s or more"),
        (("scenes", "scenes/one.yaml"), "is used twice"),
        (("nowhere",), "nowhere"),
    ],
)
def test_what_cannot_be_tested_is_refused_before_anything_is_made(command, tmp_path, arguments, said):
    found = command(*arguments)
    assert found.exit_code == 2 and said in found.output
    assert not list((tmp_path / "out").glob("*/manifest.json"))


def outcome(hits: int, unknown: int = 0, at_least: int | None = None, at_most: int | None = None, of: int = 2):
    share = share_of(hits, of - unknown)
    return ExpectationOutcome(
        label="x",
        at_least=at_least,
        at_most=at_most,
        hits=hits,
        unknown=unknown,
        share=share,
        outcome=counted(hits, unknown, at_least, at_most),
    )


def test_an_expectation_is_failed_only_where_nothing_could_still_keep_it():
    assert standing_of(outcome(2, at_least=2), 2, shortened=False) == "passed"
    assert standing_of(outcome(1, at_least=2), 2, shortened=False) == "failed"
    assert standing_of(outcome(1, at_least=2), 2, shortened=True) == "undecided"
    assert standing_of(outcome(1, unknown=1, at_least=2), 2, shortened=False) == "undecided"
    assert standing_of(outcome(1, at_least=4), 2, shortened=False) == "undecided"
    assert standing_of(outcome(1, at_most=0), 2, shortened=True) == "failed"
    assert standing_of(outcome(0, unknown=1, at_most=0), 2, shortened=False) == "undecided"


def test_a_fault_or_crash_of_the_planner_outweighs_everything():
    good, crash = DriveLog(), DriveLog(ending="collision", ended_s=3.0, collided_with="lead")
    fault = DriveLog(ending="planner", fault=PlannerFault("hung", "no answer"))
    assert verdict_of([outcome(2, at_least=1)], 2, [good, good], shortened=False)[0] == "passed"
    for bad, said in ((crash, "collision with lead by 3.0 s"), (fault, "hung: no answer")):
        standing, reasons = verdict_of([outcome(1, at_least=2)], 2, [good, bad], shortened=True)
        assert standing == "failed" and reasons[0] == said and len(reasons) == 2


def test_undecided_is_not_passed_in_junit_and_exit_code():
    def trial(name, standing):
        labels = LabelOutcome(labels={}, events={}, expectations=())
        return Trial(
            name=name, standing=standing, reasons=(), folders=(), recorded=(), traffic=(), labels=labels, logs=()
        )

    def outcome_of(*standings):
        found = conclude(demands([trial(f"case {index}", one) for index, one in enumerate(standings)]))
        return found.outcome, found.exit_code

    assert outcome_of("passed", "passed") == ("passed", 0)
    assert outcome_of("passed", "undecided") == ("undecided", 1)
    assert outcome_of("undecided", "failed") == ("failed", 1)
