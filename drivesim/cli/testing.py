"""What ``drivesim test`` does once its options are read: trial after trial, then the report."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from drivesim.cli.progress import Voice, shares
from drivesim.cli.terminal import say
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.cli.options import Computing, Machine
    from drivesim.closed_loop.trial import Planners, Trial, TrialRules
    from drivesim.options import Options
    from drivesim.scenarios import Scenario
    from drivesim.world_model import LoadedModel


def run_tests(
    sources: Sequence[str],
    options: Options,
    machine: Machine,
    computing: Computing,
    voice: Voice,
    *,
    planner: str | None,
    seconds: str | None,
    futures: int,
    seed: int | None,
    variation: str,
    limit_s: float,
    observed: Literal["measured", "truth"],
    out: Path,
    overwrite: bool,
    junit: Path | None,
    judges: Path | None,
) -> None:
    """Run the trials and write the report; leaves with 1 unless all passed."""
    from drivesim.cli.making import chosen_variations, duration_of
    from drivesim.cli.measuring import writable
    from drivesim.closed_loop.planner_process import EXAMPLE
    from drivesim.closed_loop.trial import Planners, TrialRules
    from drivesim.scenarios.suite import load_suite

    rules = TrialRules(
        seconds=duration_of("--seconds", seconds), futures=futures, seed=seed, limit_s=limit_s, observed=observed,
        options=options,
    )  # fmt: skip
    suite = load_suite(sources)
    cases = [(scenario, number) for scenario in suite.scenarios for number in chosen_variations(variation, scenario)]
    writable(out, junit)
    if out.exists() and not overwrite and any(out.iterdir()):
        raise InputError(
            f"{out} is not empty. Choose another folder with --out, or replace what is there with --overwrite."
        )
    # Loaded before the model: a name that is wrong is told at once.
    planners = None if planner is None else Planners(EXAMPLE if planner == "example" else planner, limit_s)
    try:
        model = machine.load(computing.steps, mode=computing.mode)
        trials = _trials(model, cases, rules, planners, out, judges, voice)
    finally:
        if planners is not None:
            planners.drop()
    _finish(trials, rules, None if planners is None else planners.name, out, junit, voice)


def _trials(
    model: LoadedModel,
    cases: Sequence[tuple[Scenario, int]],
    rules: TrialRules,
    planners: Planners | None,
    out: Path,
    judges: Path | None,
    voice: Voice,
) -> list[Trial]:
    from drivesim.closed_loop.drive import require_seconds
    from drivesim.closed_loop.loop import require_free_ego
    from drivesim.closed_loop.trial import Bench, run_trial
    from drivesim.judges.load import SHIPPED, load_judges
    from drivesim.runs.run import require_room
    from drivesim.runs.run_folder import RunFolder

    if planners is not None:
        for scenario, _ in cases:
            require_free_ego(scenario)
            require_seconds(rules.seconds or float(scenario.video_settings.duration), model)
    loaded = load_judges(judges or SHIPPED)
    trials = []
    with shares(voice) as progress:
        bench = Bench(model=model, judges=loaded, planners=planners, rules=rules, progress=progress)
        for scenario, number in cases:
            folder = out / f"{scenario.id}-v{number:03d}"
            if folder.exists():  # only where --overwrite was given
                require_room(RunFolder(folder), resume=True)
                shutil.rmtree(folder)
            trial = run_trial(bench, scenario, number, folder)
            voice.say(f"{trial.name}: {trial.standing}: {'; '.join(trial.reasons)}")
            trials.append(trial)
    return trials


def _finish(
    trials: Sequence[Trial], rules: TrialRules, planner: str | None, out: Path, junit: Path | None, voice: Voice
) -> None:
    from drivesim.closed_loop.trial_report import as_json, demands, trial_report
    from drivesim.report.files import HTML_NAME, JSON_NAME, write_report
    from drivesim.report.junit import junit_xml
    from drivesim.report.verdict import conclude
    from drivesim.storage import write_atomic

    report = trial_report(trials, rules, planner, sys.argv[1:])
    conclusion = conclude(demands(trials))
    write_report(report, out)
    if junit is not None:
        write_atomic(junit, junit_xml(report, conclusion))
    counts = {name: sum(one.standing == name for one in trials) for name in ("passed", "failed", "undecided")}
    data = {
        "page": str(out / HTML_NAME),
        "report": str(out / JSON_NAME),
        "outcome": conclusion.outcome,
        "counts": counts,
        "trials": as_json(trials),
    }
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(json.dumps(data) if voice.as_json else f"{words}\nwrote {out / HTML_NAME}")
    if conclusion.exit_code:
        raise typer.Exit(conclusion.exit_code)
