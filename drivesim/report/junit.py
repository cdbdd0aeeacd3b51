"""Verdicts as JUnit XML, which build servers show: one test case per threshold and per expectation."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from drivesim.report.document import Report
from drivesim.report.formatting import full_text
from drivesim.report.thresholds import ThresholdVerdict, missing_reason

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0, section 2.2


def junit_xml(
    report: Report, verdicts: Sequence[ThresholdVerdict], expectations: Sequence[tuple[str, bool]] = ()
) -> str:
    """The verdicts as a JUnit document, and expectations as sentences that say what was found, each met or not.

    A failed threshold is a failure with value, interval and the commands that repeat the measurement; a figure that was not
    computed is an error, with the reason: a bound that nobody could hold it to is not kept, here as in the exit code. Times are 0: a threshold takes none. Nothing depends on when or where it was written.
    """
    counts = {
        "tests": str(len(verdicts) + len(expectations)),
        "failures": str(
            sum(verdict.status == "failed" for verdict in verdicts) + sum(not met for _, met in expectations)
        ),
        "errors": str(sum(verdict.status == "not measured" for verdict in verdicts)),
        "skipped": "0",
        "time": "0",
    }
    suites = ElementTree.Element("testsuites", {"name": "drivesim", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _clean(report.subject), **counts})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in report.settings.items():
        ElementTree.SubElement(properties, "property", {"name": _clean(name), "value": _clean(value)})
    for verdict in verdicts:
        _add_case(suite, report, verdict)
    for sentence, met in expectations:
        name = _clean(sentence.partition(":")[0])
        case = ElementTree.SubElement(suite, "testcase", {"classname": "expect", "name": name, "time": "0"})
        if not met:
            ElementTree.SubElement(case, "failure", {"message": _clean(sentence), "type": "expectation"})
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=False).join(
        ['<?xml version="1.0" encoding="UTF-8"?>\n', "\n"]
    )


def _add_case(suite: ElementTree.Element, report: Report, verdict: ThresholdVerdict) -> None:
    name, case_class = _clean(str(verdict.threshold)), _clean(verdict.threshold.key.rpartition(".")[0] or "report")
    case = ElementTree.SubElement(suite, "testcase", {"classname": case_class, "name": name, "time": "0"})
    if verdict.status == "not measured":
        message = {"message": _clean(f"not computed: {missing_reason(verdict.figure)}"), "type": "threshold"}
        ElementTree.SubElement(case, "error", message)
    elif verdict.status == "failed":
        figure = verdict.figure
        lines = [
            f"{figure.label}: {full_text(figure.value, figure.unit)}, wanted {verdict.threshold}",
            *(f"{name}: {full_text(estimate, figure.unit)}" for name, estimate in figure.references.items()),
            *([f"judge: {figure.judge}"] if figure.judge else []),
            *(f"{purpose}: {command}" for purpose, command in report.commands.items()),
        ]
        message = {"message": _clean(str(verdict)), "type": "threshold"}
        ElementTree.SubElement(case, "failure", message).text = _clean("\n".join(lines))


def _clean(text: str) -> str:
    """Control characters have no place in XML, not even escaped."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
