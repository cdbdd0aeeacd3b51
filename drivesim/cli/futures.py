"""``drivesim futures``: several ways one first picture, or one moment of a run, may go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from drivesim.cli import measuring
from drivesim.cli import options as given
from drivesim.cli.values import a_time
from drivesim.options import MOST_FUTURES, Options

FutureCount = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_FUTURES, help="How many futures; 'sampling: futures' of the scenario (16) by default."
    ),
]
Seconds = Annotated[str, typer.Option(callback=a_time("--seconds"), help="Length of each, such as 8 or '8s'.")]
OnlyFuture = Annotated[
    int | None,
    typer.Option(min=0, max=MOST_FUTURES, help="Make just this one of the futures; it is the same as among all."),
]
From = Annotated[Path | None, typer.Option("--from", help="Branch off this run folder instead of starting a scenario.")]
At = Annotated[
    str | None,
    typer.Option(callback=a_time("--at"), help="With --from: the moment to branch at, such as 4.0 or '42s'."),
]
Future = Annotated[
    int, typer.Option(min=0, max=MOST_FUTURES, help="With --from: which future of that run to branch off.")
]
Select = Annotated[
    bool,
    typer.Option(
        "--select/--no-select",
        help="Whether events of 'mode: select' decide which futures count: the probe looks at each finished future, "
        "and futures are drawn until --futures show all of them. With --no-select, and with --from, all count.",
    ),
]
MaxTries = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_FUTURES,
        help="With 'mode: select': futures to draw at most; 'sampling: max_tries' (128) by default.",
    ),
]


def futures(
    options: Options,
    chosen: given.Chosen,
    machine: given.Machine,
    computing: given.Computing,
    keeping: given.Keeping,
    speech: given.Speech,
    scenario: given.OptionalScenarioName = None,
    futures: FutureCount = None,
    seconds: Seconds = "8",
    seed: given.Seed = None,
    only_future: OnlyFuture = None,
    run: From = None,
    at: At = None,
    future: Future = 0,
    start: given.StartPicture = None,
    ego_plan: given.EgoPlanFile = None,
    select: Select = True,
    max_tries: MaxTries = None,
    judges: measuring.Judges = None,
    frames_per_call: given.FramesPerCall = None,
) -> None:
    """Sample several futures of the same first picture, and set them side by side.

    In each, drivers decide anew what they do (--actors free: the model). Future 3 is the same alone or among 800. Writes mp4s,
    contact_sheet.png and side_by_side.mp4. With --from, they share the past of a run to --at; --ego-plan then drives the ego from there on,
    its times on the scene's clock. 'mode: select' draws until enough show an event.

    \b
    Examples:
      drivesim futures highway-cut-in --futures 8 --seconds 8
      drivesim futures --from runs/highway-cut-in-7 --at 4.0 --futures 8
      drivesim futures --from runs/highway-cut-in-7 --at 4.0 --ego-plan brakes.csv
    """
    from drivesim.cli import making, selecting
    from drivesim.runs.run_folder import RunFolder

    voice = speech.voice()
    indices = [only_future] if only_future is not None else None if futures is None else range(futures)
    making.require_one_source(scenario, run, at)
    making.refuse_beside_a_run(run, start, chosen)
    scenarios = making.chosen_scenarios(scenario, chosen, voice)
    scenarios = making.driven_by(ego_plan, scenarios) if run is None else scenarios
    scenarios = making.starting_from(start, scenarios)
    common: dict[str, Any] = dict(
        length_s=making.length_of(None, seconds), indices=indices, seed=seed, options=computing.applied(options),
        out=keeping.out,
    )  # fmt: skip
    if run is not None and frames_per_call is None:
        frames_per_call = RunFolder(run).manifest().timeline.chunk_frames
    loaded = machine.load(computing.steps, frames_per_call=frames_per_call, mode=computing.mode)
    if run is not None:
        jobs = [making.branch_job(loaded, run, at, future, ego_plan=ego_plan, **common)]
    else:
        jobs = making.scenario_jobs(loaded, scenarios, chosen.variation, suffix="-futures", several=True, **common)
    maker = selecting.maker_of(jobs, max_tries, judges, may_select=select and only_future is None and run is None)
    together = only_future is None
    selecting.make(jobs, maker, together=together, resume=keeping.resume, dry_run=keeping.dry_run, voice=voice)
