"""``drivesim sample``: the concrete scenarios of a suite, each as a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli import options as given
from drivesim.cli.values import judged

SuiteName = Annotated[
    str, typer.Argument(help="Suite or scenario file, a folder of them, or the name of a library scenario.")
]
OutFolder = Annotated[Path, typer.Option(help="Folder for the files; made if need be.")]
Every = Annotated[
    str,
    typer.Option(
        "--variation", callback=judged(given.variation_range), help="Which variations of each scenario: 3, 0-7 or all."
    ),
]


def sample(
    suite: SuiteName,
    out: OutFolder,
    speech: given.Speech,
    only: given.Only = None,
    variation: Every = "all",
) -> None:
    """Write every variation of every scenario as a scenario file without parameters, and a suite that lists them.

    A file goes as the variation it came from: the same scene, the same developments, the same noise. No model is needed.

    \b
    Examples:
      drivesim sample highway-cut-in --out cases
      drivesim sample my-suite.yaml --only rain-merge --variation 0-3 --out cases
      drivesim sweep cases --out runs/cases
    """
    from drivesim.cli.making import chosen_variations, only_of
    from drivesim.scenarios.suite import Case, load_suite, write_cases
    from drivesim.storage import require_folder
    from drivesim.wording import number_of

    require_folder(out)
    found = load_suite(suite)
    cases = [
        Case(scenario=scenario, variation=number)
        for scenario in only_of(found.scenarios, only, suite)
        for number in chosen_variations(variation, scenario)
    ]
    files = write_cases(found, cases, out)
    said = f"{number_of(len(cases), 'scenario')} and {files[-1].name} in {out}"
    speech.voice().result(said, {"suite": str(files[-1]), "scenarios": [str(path) for path in files[:-1]]})
