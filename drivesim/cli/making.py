"""What ``rollout`` and ``futures`` share: choosing scenarios, the plan before the start, progress, the last line."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim.cli.options import setting_of, variation_range
from drivesim.cli.progress import Progress, Voice
from drivesim.cli.terminal import say
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.cli.options import Chosen
    from drivesim.options import Options
    from drivesim.run_spec import RunSpec
    from drivesim.runs.future import Future
    from drivesim.runs.manifest import Manifest
    from drivesim.runs.plan import Plan
    from drivesim.scenarios import Scenario
    from drivesim.world_model import LoadedModel


#: Makes the futures of a job by its plan; whether to resume, and who to tell.
Maker = Callable[["Job", "Plan", bool, Voice], "tuple[Future, ...]"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One run to make: what was decided, where it goes, and which futures."""

    decided: RunSpec
    folder: Path
    indices: Sequence[int]


def chosen_scenarios(name: str | None, chosen: Chosen, voice: Voice) -> list[Scenario]:
    """The scenarios of a file or library name, ``--only`` one of them, with ``--set`` parameters fixed; none of no name."""
    from drivesim.scenarios import check, load
    from drivesim.scenarios.library import find

    if name is None:
        return []
    path = find(name)
    scenarios = load(path)
    for warning in check(path).warnings:
        voice.say(str(warning))
    only, settings = chosen.only, chosen.settings or []
    scenarios = only_of(scenarios, only, name)
    values = dict(setting_of(text) for text in settings)
    for key in values:
        if not any(key in scenario.vary for scenario in scenarios):
            known = ", ".join(sorted({parameter for scenario in scenarios for parameter in scenario.vary})) or "nothing"
            raise InputError(f"--set {key}: not a parameter in 'vary' of {name} (has: {known}).")
    return [_fixed(scenario, values) for scenario in scenarios]


def only_of(scenarios: Sequence[Scenario], only: str | None, source: str) -> list[Scenario]:
    """The scenario of the id ``only``, all where that is None. Raises InputError where ``source`` has none of it."""
    chosen = [scenario for scenario in scenarios if only is None or scenario.id == only]
    if not chosen:
        known = ", ".join(scenario.id for scenario in scenarios)
        raise InputError(f"--only {only}: {source} has no such scenario (has: {known}).")
    return chosen


def starting_from(picture: Path | None, scenarios: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios, beginning from a picture if one is given. Raises InputError when it is not there."""
    from drivesim.scenarios.language.schema import Start

    if picture is None:
        return list(scenarios)
    if not picture.is_file():
        raise InputError(f"--start {picture}: there is no such picture.")
    start = Start(image=str(picture.resolve()))
    return [scenario.model_copy(update={"start": start}) for scenario in scenarios]


def driven_by(plan: Path | None, scenarios: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios, their ego driven by the plan of a CSV file if one is given. Raises InputError for one that is none."""
    return list(scenarios) if plan is None else [scenario.ego(plan=plan) for scenario in scenarios]


def chosen_variations(text: str, scenario: Scenario) -> list[int]:
    """The variations that ``--variation`` names: ``3``, ``0-7`` or ``all``. Raises InputError for others, or for one that is not there."""
    named = variation_range(text)
    if named is None:
        return list(range(scenario.num_variations))
    first, last = named
    require_variation(scenario, last, text)
    return list(range(first, last + 1))


def require_variation(scenario: Scenario, variation: int, text: str | None = None) -> None:
    """Raise InputError for a variation that a scenario does not have; ``text`` is how it was asked for."""
    if variation >= max(scenario.num_variations, 1):
        raise InputError(
            f"--variation {text or variation}: {scenario.id} has {scenario.num_variations}, counted from 0."
        )


def duration_of(option: str, text: str | None, unit_s: float = 1.0) -> float | None:
    """Seconds of an option such as ``8``, ``8s`` or ``1.5 min``; a plain number counts in ``unit_s``.

    Raises InputError for what is no time, is negative, or is more than a day.
    """
    from drivesim.scenarios.language.units import LONGEST_S, UnitError, parse

    if text is None:
        return None
    try:
        seconds = float(text) * unit_s
    except ValueError:
        try:
            seconds = float(parse(text, "time", minimum=0.0))
        except UnitError as error:
            raise InputError(f"{option}: {error}") from None
    if not 0.0 <= seconds <= LONGEST_S:
        raise InputError(
            f"{option} {text[:40]}: expected a time from 0 to a day ({LONGEST_S:g} s), such as 8, 8s or 1.5 min."
        )
    return seconds


def length_of(minutes: str | None, seconds: str | None) -> float | None:
    """Seconds of video asked for; None leaves it to the scenario."""
    if minutes is not None and seconds is not None:
        raise InputError("--minutes and --seconds both name the length. Keep one.")
    return duration_of("--minutes", minutes, 60.0) if minutes is not None else duration_of("--seconds", seconds)


def scenario_jobs(
    model: LoadedModel,
    scenarios: Sequence[Scenario],
    variation: str,
    *,
    length_s: float | None,
    seed: int | None,
    options: Options,
    out: Path | None,
    indices: Sequence[int] | None,
    suffix: str = "",
    several: bool = False,
) -> list[Job]:
    """One job for each scenario and variation; everything is checked before the first one starts.

    Without ``indices`` each makes as many futures as its scenario asks for (``sampling.futures``).
    """
    from drivesim.run_spec import decide
    from drivesim.simulate import default_folder, num_frames

    chosen = [(scenario, number) for scenario in scenarios for number in chosen_variations(variation, scenario)]
    jobs = []
    for scenario, number in chosen:
        decided = decide(
            model,
            scenario,
            num_frames=num_frames(model, scenario, length_s),
            seed=scenario.sampling_settings.seed if seed is None else seed,
            options=dataclasses.replace(options, variation=number),
            several=several,
        )
        name = default_folder(decided.manifest, suffix)
        folder = name if out is None else out if len(chosen) == 1 else out / name.name
        jobs.append(Job(decided=decided, folder=folder, indices=_asked_for(scenario, indices)))
    return jobs


def require_one_source(scenario: str | None, run: Path | None, at: str | None) -> None:
    """Raise InputError unless there is either a scenario or a run with a moment."""
    if (scenario is None) == (run is None):
        raise InputError("name a scenario, or a run to branch off with --from RUN --at 4.0; one of the two.")
    if (run is None) != (at is None):
        raise InputError("--from and --at go together: the run to branch off, and the moment, such as --at 4.0.")


def refuse_beside_a_run(run: Path | None, start: Path | None, chosen: Chosen) -> None:
    """Raise InputError for options of a scenario that were given beside a run (--from), which has its scene already."""
    given = {
        "--start": start, "--only": chosen.only, "--set": chosen.settings, "--variation": chosen.variation != "0",
    }  # fmt: skip
    useless = [name for name, value in given.items() if value]
    if run is not None and useless:
        raise InputError(
            f"{', '.join(useless)} with --from: a run that is branched has its scenario, variation and first picture already. "
            "Leave that out, or name a scenario instead of --from."
        )


def branch_job(
    model: LoadedModel,
    run: Path,
    at: str | None,
    future: int,
    *,
    length_s: float | None,
    seed: int | None,
    options: Options,
    out: Path | None,
    indices: Sequence[int] | None,
    ego_plan: Path | None = None,
) -> Job:
    """The job of futures that branch off a run; without ``indices`` as many as in :func:`scenario_jobs`."""
    from drivesim.run_spec import decide_branch
    from drivesim.simulate import branch_folder

    at_s = duration_of("--at", at)
    assert at_s is not None and length_s is not None
    decided = decide_branch(
        model, run, at_s=at_s, seconds=length_s, future=future, seed=seed, options=options, ego_plan=ego_plan
    )
    made = _asked_for(decided.scenario, indices)
    folder = branch_folder(decided.manifest, replanned=ego_plan is not None) if out is None else out
    return Job(decided=decided, folder=folder, indices=made)


def _asked_for(scenario: Scenario, indices: Sequence[int] | None) -> Sequence[int]:
    """The futures to make: those named, else as many as the scenario says."""
    return range(scenario.sampling_settings.futures) if indices is None else indices


def make_all(
    jobs: Sequence[Job], *, resume: bool, dry_run: bool, voice: Voice, maker: Maker | None = None
) -> Iterator[tuple[Job, tuple[Future, ...]]]:
    """Print the plan of every job and, unless ``dry_run``, make them one after the other, by ``maker`` where one is given."""
    from drivesim.cli.exporting import require_outputs
    from drivesim.planning import plan_run
    from drivesim.runs.run import require_room
    from drivesim.runs.run_folder import RunFolder

    require_outputs(job.decided.scenario for job in jobs)
    if not dry_run:
        for job in jobs:
            run = RunFolder(job.folder)
            with run.locked():
                require_room(run, resume=resume)
    plans = [
        plan_run(job.decided, len(job.indices), job.folder, say=voice.say, anew=dry_run, begun_at=voice.started_at)
        for job in jobs
    ]
    _announce(plans, dry_run, voice, selects=maker is not None)
    if dry_run:
        return
    if not resume:
        for plan in plans:
            plan.require_disk()
    for job, plan in zip(jobs, plans, strict=True):
        yield job, (maker or make_job)(job, plan, resume, voice)


def report(job: Job, made: Sequence[Future], voice: Voice, *, sheet: bool = False, grid: bool = False) -> None:
    """Set the futures beside each other where asked, and say where everything is: the last line of a run."""
    from drivesim.cli.exporting import write_outputs
    from drivesim.pictures.contact_sheet import write_contact_sheet, write_side_by_side

    first = made[0]
    exported = write_outputs(job.folder, job.decided.scenario, voice)
    pictures: dict[str, str] = {}
    if sheet:
        pictures["contact_sheet"] = str(job.folder / "contact_sheet.png")
        write_contact_sheet(Path(pictures["contact_sheet"]), made)
    if grid:
        pictures["side_by_side"] = str(job.folder / "side_by_side.mp4")
        write_side_by_side(Path(pictures["side_by_side"]), made)
    data = {
        "run": str(job.folder),
        "scenario": first.manifest.scenario_id,
        "actors": first.manifest.actors,
        "ego": first.manifest.ego,
        "synthetic": True,
        "futures": [{"id": future.id, "video": str(future.video)} for future in made],
        "exports": {each.format: str(each.folder) for each in exported},
        **pictures,
    }
    where = str(first.video) if len(made) == 1 else f"{len(made)} futures in {job.folder}"
    more = "".join(f"\n{path}" for path in (*pictures.values(), *(each.folder for each in exported)))
    each = " each" if len(made) > 1 else ""
    voice.result(
        f"{where} ({first.duration_s:g} s, {first.num_frames} frame{'s' * (first.num_frames > 1)}{each}){more}", data
    )


def _announce(plans: Sequence[Plan], dry_run: bool, voice: Voice, *, selects: bool) -> None:
    if dry_run and voice.as_json:
        say(json.dumps([{**plan.to_dict(), "selects": selects} for plan in plans]))
        return
    speak = say if dry_run else voice.say
    for plan in plans:
        speak(f"{plan.manifest.scenario_id}: {plan.text()}")
        for line in _notes(plan.manifest, selects=selects):
            speak(f"  {line}")
    if len(plans) > 1:
        hours = sum(plan.seconds for plan in plans) / 3600.0
        frames, size = sum(plan.num_frames for plan in plans), sum(plan.disk_bytes for plan in plans) / 1e9
        speak(f"together: {len(plans)} runs, {frames} frames, {hours:.1f} h, {size:.1f} GB")


def _notes(manifest: Manifest, *, selects: bool) -> Iterator[str]:
    """What the model is told, and of each event whether it is told, only measured, or selected for."""
    told = {"map": manifest.map, "scenery": manifest.scenery}
    beside = "".join(f", {name} told" for name, mode in told.items() if mode == "told")
    yield f"actors {manifest.actors}, ego {manifest.ego}{beside}; start frame: {manifest.start_source.split(' ')[0]}"
    if manifest.branch is not None:
        yield f"branches at {manifest.branch.time_s:g} s (frame {manifest.branch.frame} is the last shared one)"
    if manifest.parameters:
        shown = (f"{k} = {v:.4g}" if isinstance(v, float) else f"{k} = {v}" for k, v in manifest.parameters.items())
        yield f"variation {manifest.variation}: {', '.join(shown)}"
    for event in manifest.events:
        if "event" not in event:
            yield f"label {event['label']}: {event['status']}"
            continue
        sought = {
            True: "; selected for: futures are drawn until enough show it",
            False: "; not selected for: every future counts",
        }
        yield f"event {event['event']}: {event['status']}{sought[selects] if event['mode'] == 'select' else ''}"


def make_job(job: Job, plan: Plan, resume: bool, voice: Voice) -> tuple[Future, ...]:
    """Make the futures of a job."""
    from drivesim.simulate import make

    with watched(job, plan, resume, voice) as progress:
        return make(job.decided, job.folder, indices=job.indices, resume=resume, listener=progress.hear)


@contextlib.contextmanager
def watched(job: Job, plan: Plan, resume: bool, voice: Voice) -> Iterator[Progress]:
    """The progress of a job while the block makes it; says how to continue when it is stopped."""
    progress = Progress(plan.num_frames, voice)
    try:
        with progress.shown():
            yield progress
    except KeyboardInterrupt:
        again = shlex.join(["drivesim", *sys.argv[1:], *([] if resume else ["--resume"])])
        voice.say(
            f"stopped at {progress.frames.done} of {plan.num_frames} frames; {job.folder} keeps what is complete."
        )
        voice.say(f"Continue with: {again}")
        raise


def _fixed(scenario: Scenario, values: dict[str, float | str]) -> Scenario:
    mine = {key: value for key, value in values.items() if key in scenario.vary}
    return scenario.with_parameters(mine) if mine else scenario
