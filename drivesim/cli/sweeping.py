"""What ``drivesim sweep`` does, in order: check, plan, make, sum up; and what it says meanwhile."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from drivesim.cli.options import Computing, Machine
from drivesim.cli.progress import ProgressCount, Voice, display
from drivesim.cli.terminal import say
from drivesim.errors import InputError, ModelError
from drivesim.options import Options, Threads, usable_cores

if TYPE_CHECKING:
    from drivesim.runs.rows import FutureRow
    from drivesim.sweeps.plan import Sweep, SweepPlan
    from drivesim.sweeps.run import SweepNews
    from drivesim.sweeps.task import FutureTask, SweepSettings
    from drivesim.sweeps.workers import Workers

#: A future of the sweep could not be made.
NOT_MADE = 4


@dataclass(frozen=True, kw_only=True)
class How:
    """Who makes the futures: ``jobs`` processes here, or a Ray cluster with ``gpus`` for each future."""

    jobs: int
    ray: str | None
    gpus: float
    retries: int

    def __post_init__(self) -> None:
        if self.gpus and self.ray is None:
            raise InputError(
                f"--gpus {self.gpus:g} without --ray: processes here share the accelerator of --device. Leave out --gpus."
            )


def jobs_of(asked: int | None, ray: str | None) -> int:
    """Processes side by side. Raises InputError for a number of them where Ray decides it."""
    if asked is not None and ray is not None:
        raise InputError(
            "--jobs with --ray: Ray places as many futures as the cluster's processors hold. Leave out --jobs."
        )
    return asked or max(1, usable_cores() // 2)


def settings_of(
    machine: Machine,
    computing: Computing,
    options: Options,
    *,
    seconds: float | None,
    seed: int | None,
    judges: Path | None,
    measured: bool,
    side_by_side: int,
    on_ray: bool,
) -> SweepSettings:
    """What all futures share; threads are shared out among the workers where none are given. Raises InputError."""
    from drivesim.sweeps.task import SweepSettings

    if judges is not None and not measured:
        raise InputError("--judges with --no-score: nobody looks at the videos. Leave out one of them.")
    options = computing.applied(options)
    if options.threads is None:
        each = 1 if on_ray else usable_cores() // side_by_side
        options = dataclasses.replace(options, threads=Threads.sharing(each))
    folder = Path(machine.model)
    return SweepSettings(
        model=str(folder.absolute()) if folder.is_dir() else machine.model,
        device=machine.device,
        dtype=machine.dtype,
        steps=computing.steps,
        mode=computing.mode,
        seconds=seconds,
        seed=seed,
        options=options,
        judges=None if judges is None else str(judges.absolute()),
        measured=measured,
    )


def perform(sweep: Sweep, how: How, *, dry_run: bool, voice: Voice) -> None:
    """Plan, and unless ``dry_run`` make, measure and sum up. Raises DriveSimError; leaves with NOT_MADE for a failed future."""
    from drivesim.cli.exporting import require_outputs
    from drivesim.sweeps.on_ray import load_ray
    from drivesim.sweeps.run import kept_rows
    from drivesim.wording import number_of

    require_outputs(sweep.suite.scenarios)
    if how.ray is not None:
        load_ray()
    if dry_run:
        _announce(_planned(sweep, how, voice), dry_run=True, voice=voice)
        return
    # Of a new sweep: what its model or its settings cannot do is refused before there is a folder.
    sweep.refuse_foreign()
    planned = None if sweep.is_begun() else _planned(sweep, how, voice)
    with sweep.locked():
        sweep.open_folder()
        tasks = sweep.tasks()
        kept = kept_rows(tasks, sweep.settings.judges_sha256())
        found = sum(row.status == "finished" for row in kept.values())
        if found:
            voice.say(f"{found} of {number_of(len(tasks), 'future')} are there already, checked and kept.")
        kept_all = len(kept) == len(tasks)
        if not kept_all:
            plan = planned or _planned(sweep, how, voice)
            _announce(plan, dry_run=False, voice=voice)
            if not found:
                plan.require_disk()
        rows = _made(sweep, how, tasks, kept, voice)
        _finish(sweep, rows, voice)


def _planned(sweep: Sweep, how: How, voice: Voice) -> SweepPlan:
    """The plan, with the cost of one worker measured here, or remembered."""
    from drivesim.models import load_model
    from drivesim.planning import cost_of
    from drivesim.sweeps.plan import plan_sweep

    settings = sweep.settings
    try:
        model = load_model(
            settings.model, device=settings.device, dtype=settings.dtype, steps=settings.steps, mode=settings.mode
        )
    except ModelError:
        if how.ray is None:
            raise
        voice.say(f"this machine has no {settings.device}; the cost is measured on its processor instead.")
        model = load_model(settings.model, device="cpu", steps=settings.steps, mode=settings.mode)
    loading_s = time.monotonic() - voice.started_at
    return plan_sweep(
        sweep, model, lambda decided: cost_of(decided, voice.say), how.jobs if how.ray is None else None, loading_s
    )


def _announce(plan: SweepPlan, *, dry_run: bool, voice: Voice) -> None:
    if dry_run and voice.as_json:
        say(json.dumps(plan.to_dict()))
        return
    for line in plan.lines():
        (say if dry_run else voice.say)(line)


def _made(
    sweep: Sweep, how: How, tasks: Sequence[FutureTask], kept: dict[str, FutureRow], voice: Voice
) -> list[FutureRow]:
    from drivesim.sweeps.run import run_sweep
    from drivesim.wording import number_of

    count = ProgressCount("futures", len(tasks))
    count.add(len(kept), found=True)
    with display(voice) as show:

        def hear(news: SweepNews) -> None:
            if news.what == "again":
                voice.say(f"{news.task.id} is tried again: {news.text}")
                return
            if news.what == "failed":
                voice.insist(f"{news.task.id} could not be made: {news.text}")
            count.add(1, found=news.what == "kept")
            show("sweep", count.done, count.total, count.status())

        try:
            with _workers(sweep, how, needed=len(kept) < len(tasks)) as workers:
                return run_sweep(sweep, tasks, kept, workers, retries=how.retries, hear=hear)
        except KeyboardInterrupt:
            again = shlex.join(["drivesim", *sys.argv[1:]])
            voice.say(
                f"stopped at {count.done} of {number_of(count.total, 'future')}; {sweep.folder} keeps what is complete."
            )
            voice.say(f"Go on with: {again}")
            raise


def _workers(sweep: Sweep, how: How, *, needed: bool) -> Workers:
    from drivesim.sweeps.on_ray import RayWorkers
    from drivesim.sweeps.workers import LocalWorkers

    if how.ray is None or not needed:  # a local process is started when it is given something to do
        return LocalWorkers(how.jobs, sweep.folder / "logs")
    threads = sweep.settings.options.threads
    assert threads is not None
    cpus = threads.denoise + threads.decode if threads.overlap else max(threads.denoise, threads.decode)
    return RayWorkers(how.ray, cpus=cpus, gpus=how.gpus)


def _finish(sweep: Sweep, rows: Sequence[FutureRow], voice: Voice) -> None:
    """Write outputs and pages, say the outcome, and leave with NOT_MADE when a future failed."""
    from drivesim.cli.exporting import write_outputs
    from drivesim.sweeps.summary import summary_of, write_summary
    from drivesim.wording import number_of

    finished = {row.run: row.scenario for row in rows if row.status == "finished"}
    scenarios = {scenario.id: scenario for scenario in sweep.suite.scenarios}
    for run, scenario in finished.items():
        write_outputs(sweep.folder / run, scenarios[scenario], voice)
    commands = {
        "go on, or check": shlex.join(["drivesim", *sys.argv[1:]]),
        "what to sample next": shlex.join(["drivesim", "coverage", str(sweep.folder), "--plan", "next"]),
    }
    page = write_summary(rows, sweep.folder, sweep.suite, _settings_text(sweep), commands)
    summary = summary_of(rows, sweep.suite.name)
    said = f"{summary['finished']} of {number_of(summary['futures'], 'future')} made, {summary['kept']} of them kept: {page}"
    voice.result(said, {"sweep": str(sweep.folder), "page": str(page), **summary})
    if summary["failed"]:
        raise typer.Exit(NOT_MADE)


def _settings_text(sweep: Sweep) -> dict[str, str]:
    plain: dict[str, Any] = dataclasses.asdict(sweep.settings)
    options = {name: value for name, value in plain.pop("options").items() if value is not None and name != "variation"}
    futures = "as each scenario says" if sweep.num_futures is None else sweep.num_futures
    every = {**plain, **options, "futures of each variation": futures}
    return {name: str(value) for name, value in every.items() if value is not None}
