"""``drivesim sweep``: every future of every variation of a suite, side by side, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli import measuring
from drivesim.cli import options as given
from drivesim.cli.sample import SuiteName
from drivesim.options import MOST_FUTURES, MOST_THREADS, Options

OutFolder = Annotated[Path, typer.Option(help="Folder of the sweep. The same command goes on with what is there.")]
FutureCount = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_FUTURES,
        help="Futures of each variation; what each scenario's 'sampling: futures' says by default.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=MOST_THREADS,
        help="Processes side by side, each with a model of its own; one for two cores by default.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Have a Ray cluster do it: auto, local, or an address such as ray://head:10001. Needs drivesim[ray].",
    ),
]
Gpus = Annotated[
    float,
    typer.Option(
        min=0.0, max=MOST_THREADS, help="With --ray: accelerators set aside for one future, such as 1 or 0.25."
    ),
]
Retries = Annotated[
    int, typer.Option(min=0, max=1000, help="Times that a future is tried again when its worker fails or is lost.")
]
Scored = Annotated[
    bool,
    typer.Option(
        "--score/--no-score", help="Whether the probe looks at every finished future, as 'drivesim score' does."
    ),
]


def sweep(
    suite: SuiteName,
    out: OutFolder,
    options: Options,
    machine: given.Machine,
    computing: given.Computing,
    speech: given.Speech,
    futures: FutureCount = None,
    seconds: given.Seconds = None,
    seed: given.Seed = None,
    jobs: Jobs = None,
    ray: RayAddress = None,
    gpus: Gpus = 0.0,
    retries: Retries = 2,
    score: Scored = True,
    judges: measuring.Judges = None,
    dry_run: given.DryRun = False,
) -> None:
    """Make every future of every variation of a suite with several processes, or on a Ray cluster, and measure each.

    Finished futures are checked and kept, so the same command goes on after any interruption. Writes a run folder for each
    variation, a row for each future (futures.jsonl), summary.json, junit.xml and report.html. Ends with 4 when a future could not be made.

    \b
    Examples:
      drivesim sweep my-suite.yaml --out runs/sweep --futures 4 --seconds 5 --dry-run
      drivesim sweep highway-cut-in --out runs/sweep --jobs 4
      drivesim sweep my-suite.yaml --out /shared/sweep --ray auto --device cuda --gpus 0.5
    """
    from drivesim.cli import making, sweeping
    from drivesim.scenarios.suite import load_suite
    from drivesim.sweeps.plan import Sweep

    voice = speech.voice()
    settings = sweeping.settings_of(
        machine, computing, options, seconds=making.length_of(None, seconds), seed=seed, judges=judges, measured=score,
        side_by_side=sweeping.jobs_of(jobs, ray), on_ray=ray is not None,
    )  # fmt: skip
    wanted = Sweep(suite=load_suite(suite), settings=settings, folder=out, num_futures=futures)
    how = sweeping.How(jobs=sweeping.jobs_of(jobs, ray), ray=ray, gpus=gpus, retries=retries)
    sweeping.perform(wanted, how, dry_run=dry_run, voice=voice)
