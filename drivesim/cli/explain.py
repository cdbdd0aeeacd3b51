"""``drivesim explain``: what each field of a scenario means, in SI, and how it reaches the model."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from drivesim.cli.terminal import say


def explain(
    scenario: Annotated[str, typer.Argument(help="Scenario file (.yaml), or a name from the library.")],
    variation: Annotated[
        int, typer.Option("--variation", "-n", min=0, help="Which draw of the varied parameters to show.")
    ] = 0,
    only: Annotated[str | None, typer.Option("--only", help="Id of one scenario of a suite.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON, for tools.")] = False,
) -> None:
    """Say for each field what it resolves to and which control carries it to the model.

    A field is drawn into a raster of the layout, told as ego motion or as an attribute, shown in the start frame only, used by the
    traffic simulation, or only measured on the finished video.

    \b
    Examples:
      drivesim explain highway-cut-in
      drivesim explain my-suite.yaml --only rain-merge --variation 3
    """
    from drivesim.cli.making import require_variation
    from drivesim.errors import InputError
    from drivesim.scenarios import load
    from drivesim.scenarios.explanation import explain as explain_scenario
    from drivesim.scenarios.library import find

    found = load(find(scenario))
    chosen = [one for one in found if only is None or one.id == only]
    if not chosen:
        raise InputError(f"{scenario} has no scenario '{only}' (has: {', '.join(one.id for one in found)}).")
    for one in chosen:
        require_variation(one, variation)
    if as_json:
        rows = {one.id: [vars(row) for row in explain_scenario(one, variation)] for one in chosen}
        say(json.dumps(rows, indent=2))
        return
    for one in chosen:
        _print_table(one, variation)


def _print_table(scenario: object, variation: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from drivesim.errors import printable
    from drivesim.scenarios import Scenario
    from drivesim.scenarios.explanation import CARRIERS, is_scripted
    from drivesim.scenarios.explanation import explain as explain_scenario

    if not isinstance(scenario, Scenario):
        raise TypeError(f"expected a Scenario, got {type(scenario).__name__}")
    rows = explain_scenario(scenario, variation)
    table = Table(title=printable(f"{scenario.id}: {scenario.title}"), title_justify="left", box=None, pad_edge=False)
    for heading in ("field", "value", "reaches the model through"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, (row.field, row.value, row.carrier)))
    console = Console(markup=False, emoji=False)  # a title may have brackets
    console.print(table)
    console.print()
    for carrier in dict.fromkeys(row.carrier for row in rows):
        console.print(f"{carrier}: {CARRIERS[carrier]}.", style="dim", highlight=False)
    how = "scripted" if is_scripted(scenario) else "free (the video begins from a picture)"
    console.print(
        f"Actors after t = 0: {how}, in several futures each by its own development; '--actors' changes that.",
        style="dim",
        highlight=False,
    )
