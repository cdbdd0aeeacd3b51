"""``drivesim coverage``: what the futures of sweeps have reached, and what to sample next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.options import AsJson, Quiet

if TYPE_CHECKING:
    from drivesim.scenarios import Scenario


def coverage(
    sweeps: Annotated[list[Path], typer.Argument(metavar="SWEEP...", help="Folders that 'drivesim sweep' wrote.")],
    bins: Annotated[int, typer.Option(min=2, max=100, help="Bins of a continuous parameter.")] = 4,
    plan: Annotated[
        Path | None, typer.Option(help="Write what to sample next as scenario files and a suite into this folder.")
    ] = None,
    variations: Annotated[int, typer.Option(min=1, max=1000, help="With --plan: variations of each scenario.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Folder of a page, report.html, with the same tables.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say which bins of each parameter, and which events and labels, the futures of sweeps have reached, and what is unseen.

    With --plan the next variations are chosen: those that add most bins, then most pairs of bins, then the farthest from all;
    of labels that were never seen also next to where they came nearest. The folder is a suite for 'drivesim sweep', whose
    result counts for the same scenario here.

    \b
    Examples:
      drivesim coverage runs/sweep
      drivesim coverage runs/sweep --plan next --variations 8
      drivesim sweep next --out runs/sweep-2
      drivesim coverage runs/sweep runs/sweep-2
    """
    import json

    from drivesim.cli.terminal import say
    from drivesim.report import Report
    from drivesim.report.files import HTML_NAME, write_report
    from drivesim.runs.rows import read_rows
    from drivesim.scenarios import load
    from drivesim.storage import require_folder
    from drivesim.sweeps.coverage import next_scenarios
    from drivesim.sweeps.coverage_page import coverage_by_scenario, coverage_lines, coverage_section, coverage_values
    from drivesim.sweeps.plan import SUITE_NAME
    from drivesim.wording import number_of

    for folder in (out, plan):
        if folder is not None:
            require_folder(folder)
    rows = [row for folder in sweeps for row in read_rows(folder)]
    scenarios = {scenario.id: scenario for folder in sweeps for scenario in load(folder / SUITE_NAME)}
    found = coverage_by_scenario(list(scenarios.values()), rows, bins)
    data: dict[str, object] = {"scenarios": [coverage_values(one) for _, _, one in found]}
    if out is not None:
        section = coverage_section([one for _, _, one in found])
        names = ", ".join(str(folder) for folder in sweeps)
        write_report(
            Report(title="Coverage", subject=f"{number_of(len(rows), 'future')} of {names}", sections=(section,)), out
        )
        data["page"] = str(out / HTML_NAME)
    if plan is not None:
        following = [one for scenario, own, _ in found for one in next_scenarios(scenario, own, variations, bins)]
        data["plan"] = str(_written(following, plan))
    if as_json:
        say(json.dumps(data))
        return
    lines = [] if quiet else [line for _, _, one in found for line in coverage_lines(one)]
    for line in (*lines, *(f"wrote {data[name]}" for name in ("plan", "page") if name in data)):
        say(line)


def _written(following: Sequence[Scenario], plan: Path) -> Path:
    """Write what to sample next; returns the suite. Raises InputError where there is nothing."""
    from drivesim.errors import InputError
    from drivesim.scenarios.suite import write_scenarios
    from drivesim.wording import number_of

    if not following:
        raise InputError(
            "--plan: nothing is left to sample; no scenario has parameters, or every point of its grid was made."
        )
    return write_scenarios(f"{number_of(len(following), 'variation')} for what is unseen", following, plan)[-1]
