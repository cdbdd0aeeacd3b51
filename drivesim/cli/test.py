"""``drivesim test``: scenarios driven by a planner, or as written, with a verdict on each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from drivesim.cli import measuring
from drivesim.cli import options as given
from drivesim.options import Options

Sources = Annotated[
    list[str], typer.Argument(metavar="SCENARIO...", help="Scenario files, suites, folders of them, library names.")
]
PlannerName = Annotated[
    str | None,
    typer.Option(
        "--planner",
        help="Who drives: module:Name or file.py:Name, a class with plan(observation). 'example' keeps lane and distance. "
        "Without it the ego drives as written.",
    ),
]
Limit = Annotated[float, typer.Option(min=0.01, max=3600.0, help="Longest that the planner may take for an answer, s.")]
Observe = Annotated[
    Literal["measured", "truth"],
    typer.Option(help="What the planner is shown of the others: what a detector finds in the picture, or the truth."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier test in the same folder.")]


def test(
    sources: Sources,
    options: Options,
    machine: given.Machine,
    computing: given.Computing,
    speech: given.Speech,
    planner: PlannerName = None,
    seconds: given.Seconds = None,
    futures: given.Futures = 1,
    seed: given.Seed = None,
    variation: given.Variations = "0",
    limit: Limit = 5.0,
    observe: Observe = "measured",
    out: Annotated[Path, typer.Option(help="Folder of the test: a run for each scenario, and the report.")] = Path(
        "runs/test"
    ),
    overwrite: Overwrite = False,
    junit: measuring.JUnit = None,
    judges: measuring.Judges = None,
) -> None:
    """Drive scenarios and judge them: report.html, report.json, with --junit a file for build servers.

    With --planner a program of yours drives: after every chunk it is shown the picture and the tracks of others that a
    detector finds in it, and answers with acceleration and curvature; the traffic reacts. One that raises, hangs or answers
    nonsense fails the scenario. Leaves with 1 unless all pass.

    \b
    Examples:
      drivesim test highway-cut-in --planner example --seconds 10
      drivesim test scenarios/library --seconds 2 --junit verdicts.xml
      drivesim test suite.yaml --planner my_planner.py:Planner --limit 1
    """
    from drivesim.cli.testing import run_tests

    run_tests(
        sources, computing.applied(options), machine, computing, speech.voice(), planner=planner, seconds=seconds,
        futures=futures, seed=seed, variation=variation, limit_s=limit, observed=observe, out=out, overwrite=overwrite,
        junit=junit, judges=judges,
    )  # fmt: skip
