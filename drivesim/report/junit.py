"""A conclusion as JUnit XML, which build servers show: one test case for each demand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from drivesim.report.document import Report
from drivesim.report.verdict import Conclusion, Demand

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0, section 2.2


def junit_xml(report: Report, conclusion: Conclusion) -> str:
    """The conclusion on a report as a JUnit document: green where it has passed, and only there.

    What failed, and what is undecided, is a failure of that type, with what was found and the commands that repeat the
    measurement; what was not measured is an error, with the reason. Times are 0: a demand takes none. Nothing depends on
    when or where it was written.
    """
    counts = {
        "tests": str(len(conclusion.demands)),
        "failures": str(conclusion.count("failed") + conclusion.count("undecided")),
        "errors": str(conclusion.count("not measured")),
        "skipped": "0",
        "time": "0",
    }
    suites = ElementTree.Element("testsuites", {"name": "drivesim", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _clean(report.subject), **counts})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in report.settings.items():
        ElementTree.SubElement(properties, "property", {"name": _clean(name), "value": _clean(value)})
    for demand in conclusion.demands:
        _add_case(suite, demand)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=False).join(
        ['<?xml version="1.0" encoding="UTF-8"?>\n', "\n"]
    )


def _add_case(suite: ElementTree.Element, demand: Demand) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": _clean(demand.group), "name": _clean(demand.name), "time": "0"}
    )
    if demand.outcome == "passed":
        return
    kind = "error" if demand.outcome == "not measured" else "failure"
    found = ElementTree.SubElement(case, kind, {"message": _clean(demand.message), "type": demand.outcome})
    if demand.details:
        found.text = _clean("\n".join(demand.details))


def _clean(text: str) -> str:
    """Control characters have no place in XML, not even escaped."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
