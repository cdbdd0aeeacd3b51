"""``drivesim compare``: two reports, figure by figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.terminal import say
from drivesim.cli.values import judged
from drivesim.errors import InputError


def _require_page(out: Path) -> None:
    if out.suffix != ".html" or out.is_dir():
        raise InputError(f"--out {out} is no name of a page. Choose a file that ends in .html, such as compare.html.")


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="A report's JSON file, or the folder that holds it.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The report to compare with it.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", callback=judged(_require_page), help="Where the page goes: a name that ends in .html."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON, for programs.")] = False,
) -> None:
    """Compare two reports: settings that differ, then for each figure whether the 95 % intervals are apart.

    Reports that were measured on different data, seeds or numbers of clips are compared too, with a warning.

    \b
    Examples:
      drivesim compare reports/default reports/mine
      drivesim compare reports/default reports/mine --out compare.html
    """
    from drivesim.report.compare import compare as compare_reports
    from drivesim.report.compare import comparison_lines
    from drivesim.report.files import read_report
    from drivesim.report.page import render_html
    from drivesim.storage import require_file, write_atomic

    if out is not None:
        require_file(out)
    comparison = compare_reports(read_report(before), read_report(after))
    if out is not None:
        write_atomic(out, render_html(comparison))
    if as_json:
        say(json.dumps(json.loads(comparison.to_json()), indent=1))
        return
    say("\n".join(comparison_lines(comparison)))
    if out is not None:
        say(f"\nwrote {out}")
