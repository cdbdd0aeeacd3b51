"""``drivesim score``: exit codes, JSON, JUnit, and what is refused."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, write_judges
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.options import Options, Threads
from drivesim.report import Report
from drivesim.scenarios import loads
from drivesim.simulate import rollout


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_judges(tmp_path_factory.mktemp("judges"))


def made(folder: Path, text: str) -> Path:
    """A run of three frames."""
    options = Options(threads=Threads(denoise=1, decode=1))
    rollout(JudgedLoaded(), loads(text)[0], seconds=0.3, seed=1, out=folder, options=options)
    return folder


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("runs") / "run", JUDGED_SCENARIO)


@pytest.fixture
def run(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "run"))


def score(run: Path, judges: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", str(run), "--judges", str(judges), *map(str, arguments)])


def test_a_report_is_written_and_every_figure_told(run: Path, judges: Path) -> None:
    result = score(run, judges)
    assert result.exit_code == 0, result.output
    report = Report.from_json((run / "report" / "report.json").read_text(), "report.json")
    assert all(key in result.stdout for key in report.figures())
    assert f"wrote {run / 'report' / 'report.html'}" in result.stdout
    assert "warning: The probe errs by" in result.stderr


def test_json_says_everything_to_programs(run: Path, judges: Path, tmp_path: Path) -> None:
    result = score(run, judges, "--json", "--out", tmp_path / "elsewhere", "--require", "obedience.road_iou>=0")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["outcome"] == "passed" and data["exit_code"] == 0
    assert [(one["name"], one["outcome"]) for one in data["demands"]] == [("obedience.road_iou >= 0", "passed")]
    assert data["figures"]["drift.f00.usable_s"] is None
    assert data["figures"]["obedience.road_iou"]["count"] > 0
    assert Path(data["report"]).parent == tmp_path / "elsewhere" and Path(data["page"]).is_file()


def test_a_bound_that_is_not_kept_ends_with_1_and_stands_in_junit(run: Path, judges: Path, tmp_path: Path) -> None:
    junit = tmp_path / "ci" / "verdicts.xml"
    result = score(
        run, judges, "--min-recall", "0.8", "--require", "obedience.attribute_error<=1", "--junit", junit, "--quiet"
    )
    assert result.exit_code == 1, result.output
    assert "obedience.recall >= 0.8: failed" in result.stderr and "attribute_error" not in result.stderr
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "obedience.recall" in (run / "report" / "report.html").read_text()


@pytest.mark.parametrize("bound", ["drift.f00.usable_s >= 1", "futures.diversity >= 0.1"])
def test_what_could_not_be_measured_is_not_kept_either(run: Path, judges: Path, tmp_path: Path, bound: str) -> None:
    """Usable seconds of a video too short for them, the spread of a single future."""
    junit = tmp_path / "verdicts.xml"
    result = score(run, judges, "--require", bound, "--junit", junit, "--json", "--quiet")
    assert result.exit_code == 1
    # One verdict: exit code, the line that a quiet command owes, JUnit, JSON and page.
    assert f"{bound}: not measured" in result.stderr
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "1",
        "0",
        "1",
        "0",
    )
    data = json.loads(result.stdout)
    assert data["outcome"] == data["demands"][0]["outcome"] == "not measured"
    assert "0 of 1 passed" in (run / "report" / "report.html").read_text()


def test_an_expectation_that_nothing_shows_ends_with_1(tmp_path: Path, judges: Path) -> None:
    run = made(tmp_path / "run", JUDGED_SCENARIO + "expect:\n  - {label: crash, at_least: 1}\n")
    result = score(run, judges, "--json")
    assert result.exit_code == 1
    (demand,) = json.loads(result.stdout)["demands"]
    assert "expect 'crash' in at least 1: 0 of 0 futures show it, of 1 it cannot be said" in demand["message"]


def test_an_unknown_figure_ends_with_2_and_the_report_stays(run: Path, judges: Path) -> None:
    result = score(run, judges, "--require", "recall>=0.8")
    assert result.exit_code == 2
    assert "no figure 'recall'" in result.stderr and "obedience.recall" in result.stderr
    assert (run / "report" / "report.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--require", "nonsense"], "no threshold"),
        (["--require", "a>=much"], "no number"),
        (["--min-recall", "2"], "--min-recall"),
    ],
)
def test_bounds_that_are_none_end_with_2_before_anything_is_measured(
    run: Path, judges: Path, arguments: list[str], says: str
) -> None:
    result = score(run, judges, *arguments)
    assert result.exit_code == 2 and says in result.output
    assert not (run / "report").exists()


def test_no_run_ends_with_2_and_no_judges_with_4_as_other_models_do(tmp_path: Path, run: Path, judges: Path) -> None:
    assert score(tmp_path / "nowhere", judges).exit_code == 2
    result = score(run, tmp_path)
    assert result.exit_code == 4 and "no judges here" in result.output
