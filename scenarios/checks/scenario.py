"""All that can be wrong with a scenario whose parts are right by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drivesim.scenarios.checks.ego_plan import ego_plan_findings
from drivesim.scenarios.checks.geometry import geometry_findings
from drivesim.scenarios.checks.messages import CheckReport, Finding, report
from drivesim.scenarios.checks.rules import reference_findings, rule_findings
from drivesim.scenarios.checks.scene_text import text_findings
from drivesim.scenarios.checks.video import VideoForm, form_findings

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import Scenario


def check_scenario(scenario: Scenario) -> CheckReport:
    """Errors and warnings of a scenario made in Python."""
    return report(found.problem() for found in scenario_findings(scenario, scenario.to_dict()))


def scenario_findings(scenario: Scenario, keys: Mapping[str, Any], made: VideoForm | None = None) -> list[Finding]:
    """What is wrong between the parts, and at t = 0; ``keys`` are the plain values in which references are looked for.

    With ``made``, what a model makes, a video of another shape or rate is an error.
    """
    findings = [*reference_findings(keys), *rule_findings(scenario), *ego_plan_findings(scenario)]
    findings += text_findings(scenario)
    if not any(found.severity == "error" for found in findings):
        findings += geometry_findings(scenario)
    return [*findings, *form_findings(scenario, made)]
