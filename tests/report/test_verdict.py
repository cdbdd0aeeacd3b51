"""One rule: exit code, JUnit, JSON and page agree over all that may come out, and an error bar across a bound decides nothing."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from drivesim.report import Report
from drivesim.report.files import VERDICT_NAME, write_report
from drivesim.report.junit import junit_xml
from drivesim.report.verdict import OUTCOMES, Demand, Outcome, conclude, counted, decided

NAN = float("nan")


@pytest.mark.parametrize(
    "outcomes", [c for n in range(3) for c in itertools.combinations_with_replacement(OUTCOMES, n)]
)
def test_everything_that_tells_the_verdict_tells_the_same(outcomes: tuple[Outcome, ...], tmp_path: Path) -> None:
    demands = [Demand(group="expect", name=f"d{i}", outcome=o, message=f"d{i}: said") for i, o in enumerate(outcomes)]
    conclusion = conclude(demands)
    report = Report(title="T", subject="S", sections=())
    write_report(report, tmp_path, conclusion)
    suite = ElementTree.fromstring(junit_xml(report, conclusion))[0]
    green = suite.get("failures") == suite.get("errors") == suite.get("skipped") == "0"
    page = (tmp_path / "report.html").read_text()
    assert conclusion.passed == green == (conclusion.exit_code == 0) == all(o == "passed" for o in outcomes)
    assert (tmp_path / VERDICT_NAME).is_file() == bool(outcomes)
    if outcomes:
        kept = json.loads((tmp_path / VERDICT_NAME).read_text())
        assert (kept["outcome"], kept["exit_code"]) == (conclusion.outcome, conclusion.exit_code)
        assert [one["outcome"] for one in kept["demands"]] == list(outcomes)
        assert f"Verdict: {conclusion.outcome}, {outcomes.count('passed')} of {len(outcomes)} passed" in page
    assert conclusion.outcome == min(outcomes, key=OUTCOMES.index, default="passed")


@pytest.mark.parametrize(
    ("value", "low", "high", "relation", "outcome"),
    [
        (1.0, 0.9, 1.1, "<", "passed"), (1.4, 1.2, 1.6, "<", "undecided"), (1.6, 1.4, 1.8, "<", "undecided"),
        (2.0, 1.6, 2.4, "<", "failed"), (float("inf"), 1.0, float("inf"), "<", "undecided"),
        (float("inf"), float("inf"), float("inf"), "<", "failed"), (2.0, 1.6, 2.4, ">=", "passed"),
        (1.6, 1.4, 1.8, ">=", "undecided"), (1.5, 1.5, 1.5, ">=", "passed"), (1.5, NAN, NAN, ">", "failed"),
        (NAN, NAN, NAN, "<", "not measured"),
    ],
)  # fmt: skip
def test_an_error_bar_across_the_bound_decides_nothing(
    value: float, low: float, high: float, relation: str, outcome: Outcome
) -> None:
    assert decided(value, low, high, relation, 1.5) == outcome


@pytest.mark.parametrize("at_least", [None, 0, 2, 4])
@pytest.mark.parametrize("at_most", [None, 1, 3])
@pytest.mark.parametrize(("hits", "unknown"), [(h, u) for h in range(5) for u in range(3)])
def test_counting_is_what_every_way_to_settle_the_unknown_comes_to(
    at_least: int | None, at_most: int | None, hits: int, unknown: int
) -> None:
    def kept(count: int) -> bool:
        return (at_least is None or count >= at_least) and (at_most is None or count <= at_most)

    ways = {kept(hits + settled) for settled in range(unknown + 1)}
    found = counted(hits, unknown, at_least, at_most)
    if ways == {True}:
        assert found == "passed"
    elif ways == {False} and (at_least is None or at_most is None):
        assert found == "failed"
    else:
        assert found in ("undecided", "failed") and (found == "undecided" or True not in ways)
