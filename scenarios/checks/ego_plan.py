"""Rules about how the ego is driven: the plan by itself, and beside the rest of its scenario."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.ego_plan import first_speed, plan_faults, read_plan

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import Scenario

PLAN = ("scene", "ego", "plan")
_SAME_SPEED_MPS = 0.1


def with_plan_read(written: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """The values of a scenario with the columns of its plan in place of the plan's file, which lies beside the scenario's.

    Raises InputError for a file that is no plan, or where there is no ``folder`` to look for it in.
    """
    scene = written.get("scene")
    ego = scene.get("ego") if isinstance(scene, dict) else None
    plan = ego.get("plan") if isinstance(ego, dict) else None
    file = plan.get("file") if isinstance(plan, dict) else plan
    if not isinstance(file, str) or not isinstance(scene, dict) or not isinstance(ego, dict):
        return written
    columns = read_plan(Path(file) if folder is None else folder / file)
    beside = {key: value for key, value in plan.items() if key != "file"} if isinstance(plan, dict) else {}
    return {**written, "scene": {**scene, "ego": {**ego, "plan": {**beside, **columns}}}}


def ego_plan_findings(scenario: Scenario) -> Iterator[Finding]:
    """What is wrong with the plan of a scenario, and what of the rest it contradicts."""
    plan = scenario.scene.ego.plan
    if plan is None:
        return
    faults = list(plan_faults(plan))
    for fault in faults:
        yield Finding(code="DS091", text=f"the ego's plan does not work: {fault}", location=PLAN)
    for index, event in enumerate(scenario.events):
        if event.actor == "ego" and not plan.begins:
            text = f"the ego is driven by a plan, so its event '{event.id}' cannot happen. Write it into the plan, or drop one."
            yield Finding(code="DS092", text=text, location=("events", index))
    if faults or plan.file is not None:
        return
    written, first = scenario.scene.ego.speed, first_speed(plan)
    if not plan.begins and isinstance(written, float | int) and abs(written - first) > _SAME_SPEED_MPS:
        text = f"the ego starts at {written:g} m/s, its plan at {first:g} m/s. Leave 'speed' out, or make them one."
        yield Finding(code="DS092", text=text, location=("scene", "ego", "speed"))
    duration, end = scenario.video_settings.duration, float(plan.time[-1])
    if isinstance(duration, float | int) and end < duration - 1.5 / scenario.video_settings.fps:
        text = f"the ego's plan ends at {end:g} s, the video at {duration:g} s. Lengthen it, or ask for less video (--seconds)."
        yield Finding(code="DS093", text=text, location=PLAN, severity="warning")
