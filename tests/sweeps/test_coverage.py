"""Coverage of parameters and events by the rows of sweeps, and the points that are to be sampled next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.options import Options
from drivesim.runs.rows import FutureRow, measures, read_rows, write_rows
from drivesim.scenarios import Scenario, load, loads
from drivesim.scenarios.expand import expand
from drivesim.scenarios.suite import Case, Suite, at_values, load_suite
from drivesim.simulate import generate
from drivesim.sweeps.coverage import coverage_of, next_points, next_scenarios
from drivesim.sweeps.coverage_page import coverage_by_scenario, coverage_section
from drivesim.sweeps.summary import summary_of, sweep_report

TEXT = """\
drivesim: 1
id: logical
sampling: {method: latin, variations: 8}
vary:
  gap: {uniform: [10 m, 50 m]}
  speed: {uniform: [10, 20]}
  sky: {choice: {clear: 3, overcast: 1}}
where: gap > 2 * speed
scene:
  road: {curvature: 0}
  ego: {speed: 15}
  environment: {sky: $sky}
  traffic: none
  actors:
    - {id: lead, class: car, lane: ego, gap: $gap, speed: $speed}
events:
  - {id: stops, actor: lead, action: {brake: {deceleration: 3}}, start: {time: 1 s}}
labels:
  close: {ttc: {actor: lead, min_below: 1.5 s}}
"""


@pytest.fixture(scope="module")
def logical() -> Scenario:
    return loads(TEXT)[0]


def row(
    scenario: Scenario, variation: int, future: int = 0, *, measured: float = 3.0, **seen: bool | None
) -> FutureRow:
    return FutureRow(
        id=f"{scenario.id}/v{variation:03d}/f{future:02d}",
        scenario=scenario.id,
        variation=variation,
        future=future,
        status="finished",
        run=f"runs/{scenario.id}/v{variation:03d}",
        parameters=scenario.parameters(variation if scenario.num_variations > 1 else 0),
        events={"stops": {"value": seen.get("stops", True)}},
        labels={"close": {"value": seen.get("close", False), "measured": measured}},
    )


def test_bins_are_equally_likely_and_those_that_conditions_rule_out_do_not_count(logical: Scenario) -> None:
    rows = [row(logical, k) for k in range(8)]
    found = coverage_of(logical, rows, num_bins=4)
    gap, sky, speed = found.parameters
    assert [bins.name for bins in found.parameters] == ["gap", "sky", "speed"]
    assert gap.labels == ("10 to 20", "20 to 30", "30 to 40", "40 to 50")
    assert gap.allowed == (False, True, True, True), "gap > 2 * speed, and speed is 10 or more"
    assert sum(gap.counts) == sum(speed.counts) == 8 and gap.counts[0] == 0
    assert sky.labels == ("clear", "overcast")
    expected = [sum(20 + 10 * k <= r.parameters["gap"] < 30 + 10 * k for r in rows) for k in range(3)]
    assert list(gap.counts[1:]) == expected
    assert "gap 10 to 20" not in found.unseen
    assert found.pairs_reached <= found.pairs_allowed < 4 * 2 + 4 * 4 + 2 * 4


def test_events_labels_and_their_combinations(logical: Scenario) -> None:
    rows = [
        row(logical, 0, stops=True, close=False),
        row(logical, 1, stops=True, close=False),
        row(logical, 2, stops=False, close=False),
        row(logical, 3, stops=None, close=False),
    ]
    found = coverage_of(logical, rows)
    stops, close = found.modes
    assert (stops.seen, stops.not_seen, stops.open) == (2, 1, 1) and stops.share.count == 3
    assert found.combinations == {
        "stops seen, close not seen": 2, "stops not seen, close not seen": 1, "stops open, close not seen": 1,
    }  # fmt: skip
    assert "'close': seen in none of 4 futures (at most 49 %)" in found.unseen
    assert (close.share.value, close.share.count) == (0.0, 4)


def test_failed_futures_reach_nothing(logical: Scenario) -> None:
    from dataclasses import replace

    found = coverage_of(logical, [replace(row(logical, 0), status="failed")])
    assert found.variations == found.futures == 0
    assert all(not sum(bins.counts) for bins in found.parameters)


def test_the_next_points_fill_what_is_missing_and_meet_the_conditions(logical: Scenario) -> None:
    rows = [row(logical, 0, close=True)]
    points = next_points(logical, rows, 6, num_bins=3)
    assert len(points) == 6 and all(point["gap"] > 2 * point["speed"] for point in points)
    following = next_scenarios(logical, rows, 6, num_bins=3)
    assert [one.id for one in following] == [f"logical-v{k:03d}" for k in range(8, 14)]
    more = [*rows, *(row(one, 8 + k) for k, one in enumerate(following))]
    before, after = coverage_of(logical, rows, 3), coverage_of(logical, more, 3)
    assert all(bins.reached.value == 1.0 for bins in after.parameters)
    assert after.pairs_reached > before.pairs_reached and after.variations == 7
    assert next_points(logical, rows, 6, num_bins=3) == points, "a pure function"


def test_a_label_that_was_never_seen_draws_points_to_where_it_came_nearest(logical: Scenario) -> None:
    rows = [row(logical, k, measured=3.0 - 0.2 * (k == 5)) for k in range(8)]
    near = rows[5].parameters
    first, second, *_ = next_points(logical, rows, 8)
    for point in (first, second):
        assert point["sky"] == near["sky"]
        assert abs(point["gap"] - near["gap"]) < 4 and abs(point["speed"] - near["speed"]) < 1


def test_a_grid_has_no_more_than_its_own_points() -> None:
    scenario = loads(
        TEXT.replace("latin", "grid")
        .replace("uniform: [10 m, 50 m]", "grid: [25, 45]")
        .replace("uniform: [10, 20]", "grid: [12]")
    )[0]
    assert scenario.num_variations == 4
    rows = [row(scenario, k) for k in range(3)]
    assert next_points(scenario, rows, 8) == [scenario.parameters(3)]


def test_what_was_sampled_next_goes_on_in_the_same_world_and_counts_for_the_scenario(logical: Scenario) -> None:
    rows = [row(logical, 0)]
    (following,) = next_scenarios(logical, rows, 1)
    assert loads(following.to_yaml()) == [following] and following.drawn_as(0) == 8
    assert (
        expand(following, duration_s=1.0).road.reference.tolist()
        == expand(logical, duration_s=1.0).road.reference.tolist()
    )
    counted = coverage_by_scenario([logical, following], [*rows, row(following, 0)])
    assert [(scenario.id, len(own), found.variations) for scenario, own, found in counted] == [("logical", 2, 2)]


@pytest.fixture
def sweep(tmp_path: Path, logical: Scenario) -> Path:
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "suite.yaml").write_text(Suite(name="s", scenarios=(logical,)).to_yaml(), encoding="utf-8")
    write_rows(folder / "futures.jsonl", [row(logical, k, close=True) for k in range(2)])
    return folder


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_shows_tables_and_writes_a_suite_that_can_be_swept(tmp_path: Path, sweep: Path) -> None:
    out, plan = tmp_path / "page", tmp_path / "next"
    shown = drivesim("coverage", sweep, "--plan", plan, "--variations", 3, "--out", out)
    assert shown.exit_code == 0, shown.output
    assert "logical: 2 futures at 2 points of the parameter space" in shown.stdout
    assert "10 to 20: not allowed" in shown.stdout and "still unseen: " in shown.stdout
    assert "logical: still unseen" in (out / "report.html").read_text()
    assert [one.id for one in load_suite(plan).scenarios] == ["logical-v008", "logical-v009", "logical-v010"]
    assert load(plan / "suite.yaml") == list(load_suite(plan).scenarios)
    told = json.loads(drivesim("coverage", sweep, "--json").stdout)["scenarios"][0]
    assert told["points"] == 2 and told["modes"]["close"] == {"seen": 2, "not_seen": 0, "open": 0}


def test_broken_sweeps_and_empty_plans_are_said(tmp_path: Path, sweep: Path) -> None:
    assert "has no futures.jsonl" in drivesim("coverage", tmp_path).stderr
    (sweep / "suite.yaml").write_text("drivesim: 1\nid: logical\nscene: {}\n", encoding="utf-8")
    result = drivesim("coverage", sweep, "--plan", tmp_path / "next")
    assert result.exit_code == 2 and "--plan: nothing is left to sample" in result.stderr
    (sweep / "futures.jsonl").write_text('{"id": 7}\n')
    result = drivesim("coverage", sweep)
    assert result.exit_code == 2 and "futures.jsonl, line 1 is damaged (" in result.stderr


def test_rows_keep_what_json_cannot_hold(tmp_path: Path, logical: Scenario) -> None:
    from dataclasses import replace

    kept = replace(
        row(logical, 0), metrics=measures({"ttc_s": float("inf"), "thw_s": float("nan"), "drac": 2.5, "who": "a"})
    )
    write_rows(tmp_path / "futures.jsonl", [kept])
    (found,) = read_rows(tmp_path)
    assert found == kept and found.metric("ttc_s") == float("inf") and found.metric("drac") == 2.5
    assert str(found.metric("thw_s")) == "nan" and str(found.metric("who")) == "nan"
    with pytest.raises(InputError, match="is no sweep"):
        read_rows(tmp_path / "nowhere")


def test_the_page_of_a_sweep_shows_shares_failures_and_what_is_unseen(logical: Scenario, tmp_path: Path) -> None:
    from dataclasses import replace

    rows = [
        row(logical, 0, close=True),
        row(logical, 1, close=None),
        replace(row(logical, 2), status="failed", error="full"),
    ]
    report = sweep_report(rows, tmp_path, Suite(name="s", scenarios=(logical,)), {}, {})
    titles = [table.title for section in report.sections for table in section.tables]
    assert titles[:4] == ["Scenarios", "Not made", "Modes", "Worst"] and "logical: still unseen" in titles
    assert titles[-1] == "Futures" and titles.count("Modes") == 1 and "logical: modes" not in titles
    assert report.figures()["sweep.made"].value.value == pytest.approx(2 / 3)
    summary = summary_of(rows, "s")
    assert summary["failures"] == {"logical/v002/f00": "full"}
    assert summary["scenarios"]["logical"]["seen"]["close"]["count"] == 1
    assert coverage_section([]).tables == ()


def test_a_sampled_scenario_has_the_frames_of_its_variation() -> None:
    """And so has a point that coverage asked for, once it is drawn under the same number."""
    scenario = loads(SCENARIO_TEXT)[0]
    case = Case(scenario=scenario, variation=3)
    again = at_values(scenario, case.parameters, 3)
    wanted = list(generate(TinyLoaded(), scenario, seconds=0.9, future=1, options=Options(variation=3)))
    for other in (case.alone(), again, loads(case.alone().to_yaml())[0]):
        found = list(generate(TinyLoaded(), other, seconds=0.9, future=1))
        assert [piece.first for piece in found] == [piece.first for piece in wanted]
        assert all(np.array_equal(a.frames, b.frames) for a, b in zip(found, wanted, strict=True))
    plain = list(generate(TinyLoaded(), scenario, seconds=0.9, future=1))
    assert not np.array_equal(plain[0].frames, wanted[0].frames)
