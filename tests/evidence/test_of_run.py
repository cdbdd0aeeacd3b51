"""A whole run scored: its sections and keys, and what a short, a free or an unfinished one leaves open."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, silent, tiny_judges

from drivesim.errors import InputError
from drivesim.evidence.of_run import Score, score_run
from drivesim.evidence.probe_bar import probe_warnings
from drivesim.evidence.sections.drift import drift_section
from drivesim.judges.load import Judges
from drivesim.metrics.drift import drift_of
from drivesim.metrics.estimate import NOTHING, exact, share_of
from drivesim.metrics.obedience import FIGURES
from drivesim.options import Options, Threads
from drivesim.report import Report
from drivesim.report.page import render_html
from drivesim.scenarios import loads
from drivesim.simulate import futures, rollout

ONE = Threads(denoise=1, decode=1)
RANGES = {
    "luma": (20.0, 235.0),
    "saturation": (0.0, 255.0),
    "contrast": (5.0, 120.0),
    "sharpness": (0.5, 30.0),
    "motion": (0.5, 40.0),
}
EXPECTING = JUDGED_SCENARIO + "expect:\n  - {label: crash, at_least: 1}\n"


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    return tiny_judges(tmp_path_factory.mktemp("judges"))


def scored(folder: Path, judges: Judges) -> Score:
    return score_run(folder, judges, silent, np.random.default_rng(0), ranges=RANGES)


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory, judges: Judges) -> Score:
    """Three futures of 0.8 s with free actors."""
    folder = tmp_path_factory.mktemp("runs") / "free"
    scenario = loads(EXPECTING)[0]
    options = Options(actors="free", threads=ONE)
    futures(JudgedLoaded(), scenario, num_futures=3, seconds=0.8, out=folder, options=options)
    return scored(folder, judges)


def test_the_report_holds_every_part_and_reads_back(free: Score) -> None:
    report = free.report
    assert [section.title for section in report.sections] == [
        "Modes and worst futures", "Conditioned and measured", "Obedience", "Drift", "Danger", "Labels", "Spread",
    ]  # fmt: skip
    assert [row.future for row in free.rows] == [0, 1, 2] and all(row.told == {} for row in free.rows)
    assert set(free.rows[0].events) == {"cut_in"}
    back = Report.from_json(report.to_json(), "report.json")
    assert back.to_json() == report.to_json()
    assert render_html(back) == render_html(report)
    assert set(report.highlights) <= set(report.figures()) and "obedience.recall" in report.highlights
    assert report.settings["actors"] == "free" and report.subject.startswith("3 futures of ")


def test_steadiness_of_told_runs_stands_between_rendered_and_frozen_video(tmp_path: Path, judges: Judges) -> None:
    scenario = loads(EXPECTING)[0]
    futures(JudgedLoaded(), scenario, num_futures=2, seconds=0.5, out=tmp_path / "two", options=Options(threads=ONE))
    report = scored(tmp_path / "two", judges).report
    assert report.settings["actors"] == "simulated" and "own development" in report.sections[2].about
    assert [section.title for section in report.sections][2:5] == ["Obedience", "Steadiness", "Drift"]
    assert report.sections[1].tables[0].title == "Events and labels, told and seen"
    figure = report.figures()["steadiness.flicker"]
    assert figure.value is not None and figure.value.count == 2
    assert set(figure.references) == {"rendered", "frozen"} and figure.references["frozen"].value > 0.0
    assert figure.references["rendered"].value < figure.value.value


def test_futures_are_apart_and_each_stands_in_the_table_of_danger(free: Score) -> None:
    spread = free.report.figures()["futures.diversity"].value
    assert spread is not None and spread.value > 0.0 and spread.count == 3
    danger = next(section for section in free.report.sections if section.title == "Danger")
    assert sorted(str(row[0]) for row in danger.tables[0].rows) == [f"judged-cut-in/v000/f{k:02d}" for k in range(3)]
    assert len(danger.pictures) == 1


def test_what_cannot_be_said_is_left_open_and_an_expectation_of_it_is_not_met(free: Score) -> None:
    """Untrained judges find no car, so nothing can be said of a crash with it."""
    assert [verdict.value for verdict in free.labels.labels["crash"]] == [None] * 3
    assert [outcome.label for outcome in free.labels.unmet] == ["crash"]
    assert free.report.figures()["labels.crash"].value is None


def test_a_short_video_has_no_drift_and_says_so(free: Score) -> None:
    figure = free.report.figures()["drift.f00.usable_s"]
    assert figure.value is None and "0.8 s" in figure.note


def test_one_frame_is_scored_for_what_it_shows(tmp_path: Path, judges: Judges) -> None:
    rollout(JudgedLoaded(), loads(JUDGED_SCENARIO)[0], seconds=0.1, out=tmp_path / "run", options=Options(threads=ONE))
    report = scored(tmp_path / "run", judges).report
    figures = report.figures()
    assert figures["obedience.road_iou"].value is not None
    for key in ("drift.f00.usable_s", "danger.low_ttc", "danger.collisions", "futures.diversity"):
        assert figures[key].value is None and figures[key].note, key
    assert render_html(report).startswith("<!DOCTYPE html>")


def test_a_run_without_a_finished_future_and_no_run_are_refused(tmp_path: Path, judges: Judges) -> None:
    with pytest.raises(InputError):
        scored(tmp_path, judges)
    rollout(JudgedLoaded(), loads(JUDGED_SCENARIO)[0], seconds=0.1, out=tmp_path / "run", options=Options(threads=ONE))
    for path in (tmp_path / "run" / "futures").rglob("*"):
        if path.suffix in (".mp4", ".json"):
            path.unlink()
    with pytest.raises(InputError, match="no finished future"):
        scored(tmp_path / "run", judges)


def test_a_frozen_video_is_not_usable_whoever_moves_the_ego() -> None:
    frame = np.random.default_rng(0).integers(60, 180, (64, 128, 3), dtype=np.uint8)
    still = drift_of([frame] * 40, 10.0)
    noise = drift_of(np.random.default_rng(1).integers(60, 180, (40, 64, 128, 3), dtype=np.uint8), 10.0)
    ranges = RANGES | {"sharpness": (0.0, 255.0), "motion": (0.5, 255.0)}
    for moving in (np.ones(40, dtype=bool), None):
        section = drift_section({"still": still, "moves": noise}, ranges, {"still": moving, "moves": moving})
        usable = {figure.key: figure.value for figure in section.figures}
        assert usable["drift.still.usable_s"] == exact(0.0)
        assert usable["drift.moves.usable_s"] == exact(4.0)
    assert [plot.title for plot in section.plots][-1].startswith("colours")


def test_warnings_name_what_the_probe_misses_and_are_silent_otherwise() -> None:
    good = {name: NOTHING for name in FIGURES} | {
        "recall_24px": share_of(95, 100),
        "precision": share_of(96, 100),
        "speed_error_mps": exact(0.5),
        "yaw_rate_error_dps": exact(0.4),
    }
    assert probe_warnings(good, good) == ()
    bad = {
        "recall_24px": share_of(80, 100),
        "precision": share_of(70, 100),
        "speed_error_mps": exact(2.0),
        "yaw_rate_error_dps": exact(3.0),
    }
    for name, value in bad.items():
        (warning,) = probe_warnings(good | {name: value})
        assert f"{value.value:.2f}" in warning and "with care" in warning
    (warning,) = probe_warnings(good, good | {"recall_24px": share_of(85, 100)})
    assert "recall falls from 0.95" in warning and "codec" in warning
    assert probe_warnings(good, good | {"recall_24px": share_of(88, 100)}) == ()
    assert probe_warnings({name: dataclasses.replace(NOTHING) for name in FIGURES}) == ()
