"""A trial: one scenario driven, by a planner or as written, and judged on what is measured in its video."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivesim.closed_loop.drive import DriveLog, Observed, drive
from drivesim.closed_loop.planner_process import PlannerFault, PlannerProcess
from drivesim.evidence.labels import ExpectationOutcome, LabelOutcome
from drivesim.evidence.measure import Progress
from drivesim.evidence.of_run import judged_labels, traffic_of
from drivesim.evidence.recorded import Recorded, record
from drivesim.judges.load import Judges
from drivesim.options import DEFAULT_OPTIONS, Options
from drivesim.run_spec import decide, frames_of
from drivesim.runs.future import open_run
from drivesim.scenarios import Scenario
from drivesim.scene import Actor, Track
from drivesim.simulate import make
from drivesim.world_model import LoadedModel

Standing = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True, kw_only=True)
class TrialRules:
    """How trials are run. ``seconds`` None: as long as each scenario is; ``futures`` of each, by seeds from ``seed`` on.

    ``limit_s`` is the longest that a planner may take for an answer; ``observed`` what it is shown of the others.
    """

    seconds: float | None = None
    futures: int = 1
    seed: int | None = None
    limit_s: float = 5.0
    observed: Observed = "measured"
    overwrite: bool = False
    options: Options = DEFAULT_OPTIONS


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What became of one scenario. ``reasons`` say why it did not pass, or what was found where it did.

    ``logs`` are those of a planner's drives, empty where the ego drove as written; ``recorded`` and ``traffic`` hold each
    future's video and measured tracks, ``labels`` what was judged on them.
    """

    name: str
    standing: Standing
    reasons: tuple[str, ...]
    folders: tuple[Path, ...]
    recorded: tuple[Recorded, ...]
    traffic: tuple[tuple[Track, tuple[Actor, ...]], ...]
    labels: LabelOutcome
    logs: tuple[DriveLog, ...]


class Planners:
    """A planner's process for as long as it behaves; a new one after a fault."""

    def __init__(self, name: str, limit_s: float) -> None:
        self.name, self.limit_s = name, limit_s
        self._process: PlannerProcess | None = PlannerProcess(name, limit_s=limit_s)

    def get(self) -> PlannerProcess:
        """The process. Raises PlannerFault where it cannot be loaded."""
        if self._process is None:
            self._process = PlannerProcess(self.name, limit_s=self.limit_s)
        return self._process

    def drop(self) -> None:
        """End the process: the next one begins afresh."""
        if self._process is not None:
            self._process.close()
            self._process = None


def run_trial(
    model: LoadedModel,
    scenario: Scenario,
    variation: int,
    folder: Path,
    *,
    rules: TrialRules,
    judges: Judges,
    planners: Planners | None,
    progress: Progress,
) -> Trial:
    """Drive one variation of a scenario and judge it. Raises InputError for a scenario or folder that cannot be used."""
    options = dataclasses.replace(rules.options, variation=variation)
    seed = scenario.sampling_settings.seed if rules.seed is None else rules.seed
    seconds = float(scenario.video_settings.duration) if rules.seconds is None else rules.seconds
    name = f"{scenario.id}/v{variation:03d}"
    logs: list[DriveLog] = []
    if planners is None:
        futures = _as_written(model, scenario, folder, seconds, seed, options, rules, progress, name)
        folders = [folder]
    else:
        folders = [folder if rules.futures == 1 else folder / f"seed-{seed + k}" for k in range(rules.futures)]
        for index, one in enumerate(folders):
            logs.append(
                _driven(model, scenario, one, seconds, seed + index, options, rules, judges, planners, progress, name)
            )
        futures = [open_run(one)[0] for one in folders]
    recorded = [one for future in futures for one in record((future,), judges, progress)]
    traffic = [traffic_of(one) for one in recorded]
    labels = judged_labels(recorded, traffic)
    shortened = seconds < float(scenario.video_settings.duration) - 1e-6
    standing, reasons = verdict_of(labels.expectations, len(recorded), logs, shortened=shortened)
    return Trial(
        name=name,
        standing=standing,
        reasons=reasons,
        folders=tuple(folders),
        recorded=tuple(recorded),
        traffic=tuple(traffic),
        labels=labels,
        logs=tuple(logs),
    )


def _as_written(model, scenario, folder, seconds, seed, options, rules, progress, name):  # type: ignore[no-untyped-def]
    """The futures with the ego as its scenario has it."""
    decided = decide(
        model,
        scenario,
        num_frames=frames_of(seconds, model.world_model.spec.fps),
        seed=seed,
        options=options,
        several=rules.futures > 1,
    )
    total, done = rules.futures * decided.manifest.timeline.num_frames, 0

    def hear(future: int, count: int, found: bool) -> None:
        nonlocal done
        done += count
        progress(name, done / total)

    return make(decided, folder, indices=range(rules.futures), resume=rules.overwrite, listener=hear)


def _driven(model, scenario, folder, seconds, seed, options, rules, judges, planners, progress, name):  # type: ignore[no-untyped-def]
    """One drive by a planner; one that cannot even be loaded any more is out from the start."""
    total, done = frames_of(seconds, model.world_model.spec.fps), 0

    def hear(count: int) -> None:
        nonlocal done
        done += count
        progress(name, min(done / total, 1.0))

    log = drive(
        model, scenario, planners.get(), folder, seconds=seconds, seed=seed, options=options,
        judges=judges if rules.observed == "measured" else None, overwrite=rules.overwrite, listener=hear,
    )  # fmt: skip
    if log.fault is not None:
        planners.drop()
    return log


def verdict_of(
    expectations: Sequence[ExpectationOutcome], futures: int, logs: Sequence[DriveLog], *, shortened: bool
) -> tuple[Standing, tuple[str, ...]]:
    """The verdict on a trial and why: a planner's fault, crash or way off the road fails it, and so does an expectation that
    was not met; one that needs more futures or more time than there were leaves it undecided.
    """
    failed = [said for log in logs if (said := fault_of(log))]
    undecided = []
    for outcome in expectations:
        standing = standing_of(outcome, futures, shortened=shortened)
        if standing == "failed":
            failed.append(outcome.message())
        elif standing == "undecided":
            why = f"of {futures} futures" + (", shortened" if shortened else "")
            undecided.append(f"{outcome.message()}; {why}, this does not show whether it is kept")
    if failed:
        return "failed", tuple(failed + undecided)
    if undecided:
        return "undecided", tuple(undecided)
    met = tuple(outcome.message() for outcome in expectations)
    return "passed", met or (("nothing happened that fails a drive",) if logs else ("the scenario expects nothing",))


def standing_of(outcome: ExpectationOutcome, futures: int, *, shortened: bool) -> Standing:
    """Whether an expectation is kept; undecided where futures or seconds that were not made could still keep it."""
    if outcome.met:
        return "passed"
    most = math.inf if outcome.at_most is None else outcome.at_most
    if outcome.hits > most:
        return "failed"
    if outcome.hits + outcome.unknown > most:
        return "undecided"
    needed = outcome.at_least or 0
    open_still = shortened or futures < needed or outcome.hits + outcome.unknown >= needed
    return "undecided" if open_still else "failed"


def fault_of(log: DriveLog) -> str:
    """Why a drive fails by itself; "" where it does not."""
    if log.fault is not None:
        return f"{log.fault.kind}: {log.fault}"
    if log.ending == "collision":
        return f"collision with {log.collided_with} by {log.ended_s:.1f} s"
    if log.ending == "off road":
        return f"off the road by {log.ended_s:.1f} s"
    return ""


__all__ = ["PlannerFault", "Planners", "Trial", "TrialRules", "run_trial", "standing_of", "verdict_of"]
