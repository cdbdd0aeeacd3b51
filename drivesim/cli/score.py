"""``drivesim score``: does a finished run show what it was told, does it last, how critical are its futures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli import measuring as given
from drivesim.cli.options import AsJson, Quiet


def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as rollout and futures write it.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the report; RUN/report by default.")] = None,
    min_recall: given.MinRecall = None,
    require: given.Require = None,
    junit: given.JUnit = None,
    judges: given.Judges = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples behind the intervals.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a run: its modes and worst futures, obedience to boxes, road and ego motion, drift, danger, labels, spread.

    Writes report.html, report.json and futures.jsonl, a row for each future, which 'drivesim rank' reads. Figures come with 95 % intervals and with the error of the probe that measured them.
    Ends with 1 unless every 'expect' of the scenario and every bound of --min-recall and --require is passed: what its error bar
    leaves undecided is not.

    \b
    Examples:
      drivesim score runs/highway-cut-in-7
      drivesim score runs/highway-cut-in-7 --min-recall 0.8 --junit verdicts.xml
    """
    import numpy as np

    from drivesim.cli.progress import Voice, shares
    from drivesim.evidence.of_run import score_run
    from drivesim.evidence.ranking import REPORT_FOLDER
    from drivesim.judges.load import SHIPPED, load_judges
    from drivesim.runs.rows import ROWS_NAME, write_rows

    voice = Voice(quiet=quiet, as_json=as_json)
    folder = given.writable(out or run / REPORT_FOLDER, junit)
    thresholds = given.thresholds_of(min_recall, require)
    loaded = load_judges(judges or SHIPPED)
    with shares(voice) as progress:
        found = score_run(run, loaded, progress, np.random.default_rng(seed))
    expected = [outcome.demand() for outcome in found.labels.expectations]
    write_rows(folder / ROWS_NAME, found.rows)
    given.finish(found.report, thresholds, folder, junit, voice, expected)
