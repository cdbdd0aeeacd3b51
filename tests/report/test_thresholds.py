"""Thresholds, and the JUnit file that they become."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree

import pytest

from drivesim.errors import InputError
from drivesim.metrics.estimate import exact
from drivesim.report import Figure, Report, Section
from drivesim.report.junit import junit_xml
from drivesim.report.thresholds import Threshold, judge
from drivesim.report.verdict import Conclusion, Demand, conclude

ASKED = ("obedience.recall>=0.6", "obedience.recall >= 0.8", "drift.fvd<=400", "obedience.speed_error < 5")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("obedience.recall>=0.8", ("obedience.recall", ">=", 0.8)),
        (" drift.usable_s > 60 ", ("drift.usable_s", ">", 60.0)),
        ("drift.frechet[0-10s]<=1e2", ("drift.frechet[0-10s]", "<=", 100.0)),
        ("a<-3.5", ("a", "<", -3.5)),
    ],
)
def test_thresholds_are_read(text: str, parts: tuple[str, str, float]) -> None:
    threshold = Threshold.parse(text)
    assert (threshold.key, threshold.relation, threshold.bound) == parts
    assert Threshold.parse(str(threshold)) == threshold


@pytest.mark.parametrize(
    "text", ["", "recall", "recall=0.8", "recall>=", ">=0.8", "recall>=high", "recall>=nan", "a=>1"]
)
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="threshold"):
        Threshold.parse(text)


def concluded(report: Report, *asked: str) -> Conclusion:
    verdicts = judge(report, [Threshold.parse(text) for text in asked])
    return conclude(verdict.demand(report.commands) for verdict in verdicts)


@pytest.mark.parametrize(
    ("relation", "expected"), [(">=", "failed passed passed"), (">", "failed failed passed"),
                               ("<=", "passed passed failed"), ("<", "passed failed failed")],
)  # fmt: skip
def test_without_an_error_bar_the_value_decides(relation: str, expected: str) -> None:
    found = []
    for value in (0.4, 0.5, 0.6):
        section = Section(title="T", about="", figures=(Figure(key="a", label="A", value=exact(value)),))
        report = Report(title="T", subject="S", sections=(section,))
        found += [verdict.outcome for verdict in judge(report, [Threshold.parse(f"a{relation}0.5")])]
    assert " ".join(found) == expected


def test_verdicts_of_the_sample(report: Report) -> None:
    verdicts = judge(report, [Threshold.parse(text) for text in (*ASKED, "futures.collisions<1")])
    assert [verdict.outcome for verdict in verdicts] == ["passed", "failed", "not measured", "passed", "not measured"]
    assert str(verdicts[1]) == "obedience.recall >= 0.8: failed with 0.65 [0.62, 0.68]"
    assert "no I3D network was named" in str(verdicts[2])


@pytest.mark.parametrize(
    ("key", "near"),
    [("recall", "obedience.recall"), ("obedience.recal", "obedience.recall"), ("drift.fdv", "drift.fvd")],
)
def test_an_unknown_figure_lists_the_near_ones(report: Report, key: str, near: str) -> None:
    with pytest.raises(InputError, match="Did you mean") as caught:
        judge(report, [Threshold.parse(f"{key}>0")])
    assert near in str(caught.value)
    with pytest.raises(InputError, match=r"It has: obedience\.recall, "):
        judge(report, [Threshold.parse("zzzz>0")])


def test_junit_has_the_shape_that_build_servers_read(report: Report) -> None:
    """Elements, attributes and order of the common JUnit schema (jenkins-junit.xsd)."""
    text = junit_xml(report, concluded(report, *ASKED))
    suites = ElementTree.fromstring(text.encode())
    assert suites.tag == "testsuites"
    (suite,) = suites
    for element in (suites, suite):
        counts = {name: element.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "0"}
        assert set(element.attrib) <= {"name", "tests", "failures", "errors", "skipped", "time"}
    assert [child.tag for child in suite] == ["properties", *["testcase"] * 4]
    assert {child.tag for child in suite[0]} == {"property"}
    assert suite[0][0].attrib == {"name": "model", "value": "default"}
    cases = suite.findall("testcase")
    assert all({"classname", "name", "time"} == set(case.attrib) for case in cases)
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["error"], []]
    failure, unmeasured = cases[1][0], cases[2][0]
    assert set(failure.attrib) == {"message", "type"} and "0.65 [0.62, 0.68]" in failure.attrib["message"]
    assert failure.text is not None
    assert "codec: 0.916" in failure.text and "drivesim evaluate default --clips 48" in failure.text
    assert "no I3D network was named" in unmeasured.attrib["message"]


def test_junit_holds_expectations_met_and_not(report: Report) -> None:
    said = [
        Demand(
            group="expect", name="expect 'crosses' in at least 4", outcome="passed", message="5 of 8 futures show it"
        ),
        Demand(group="expect", name="expect 'crash' in at most 0", outcome="failed", message="1 of 8"),
        Demand(group="expect", name="expect 'crash' in at most 1", outcome="undecided", message="1 of 8"),
    ]
    suite = ElementTree.fromstring(junit_xml(report, conclude(said)))[0]
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [demand.name for demand in said]
    assert [[found.get("type") for found in case] for case in cases] == [[], ["failed"], ["undecided"]]
    assert suite.get("tests") == "3" and suite.get("failures") == "2"


def test_junit_of_strange_texts_is_still_xml(report: Report) -> None:
    strange = dataclasses.replace(report, subject="a\x00b\x1b[1m & <c>", settings={"k\x07": "\ufffe]]>"})
    text = junit_xml(strange, concluded(strange, ASKED[1]))
    (suite,) = ElementTree.fromstring(text.encode())
    assert suite.attrib["name"] == "a\ufffdb\ufffd[1m & <c>"
