"""A trial: one scenario driven, by a planner or as written, and judged on what is measured in its video."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivesim.closed_loop.drive import DriveLog, Observed, drive
from drivesim.closed_loop.planner_process import PlannerProcess
from drivesim.evidence.labels import ExpectationOutcome, LabelOutcome
from drivesim.evidence.measure import Progress
from drivesim.evidence.recorded import Recorded, record
from drivesim.evidence.traffic import judged_labels, traffic_of
from drivesim.judges.load import Judges
from drivesim.options import DEFAULT_OPTIONS, Options
from drivesim.run_spec import decide, frames_of
from drivesim.runs.future import Future, open_run
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """What trials share: model, judges, who drives (None: the ego as written), the rules, and who hears how far it is."""

    model: LoadedModel
    judges: Judges
    planners: Planners | None
    rules: TrialRules
    progress: Progress


def run_trial(bench: Bench, scenario: Scenario, variation: int, folder: Path) -> Trial:
    """Drive one variation of a scenario and judge it. Raises InputError for a scenario or folder that cannot be used."""
    rules = bench.rules
    name = f"{scenario.id}/v{variation:03d}"
    logs: list[DriveLog] = []
    if bench.planners is None:
        folders = [folder]
        futures = _as_written(bench, scenario, variation, folder)
    else:
        first = _seed(rules, scenario)
        folders = [folder if rules.futures == 1 else folder / f"seed-{first + k}" for k in range(rules.futures)]
        for index, one in enumerate(folders):
            logs.append(_driven(bench, bench.planners, scenario, variation, first + index, one))
        futures = tuple(open_run(one)[0] for one in folders)
    recorded = [one for future in futures for one in record((future,), bench.judges, bench.progress)]
    traffic = [traffic_of(one) for one in recorded]
    labels = judged_labels(recorded, traffic)
    shortened = _seconds(rules, scenario) < float(scenario.video_settings.duration) - 1e-6
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


def _seed(rules: TrialRules, scenario: Scenario) -> int:
    return scenario.sampling_settings.seed if rules.seed is None else rules.seed


def _seconds(rules: TrialRules, scenario: Scenario) -> float:
    return float(scenario.video_settings.duration) if rules.seconds is None else rules.seconds


def _heard(bench: Bench, name: str, total: int) -> Callable[[int], None]:
    """A listener that is told of so many more frames of ``total``."""
    done = 0

    def hear(count: int) -> None:
        nonlocal done
        done += count
        bench.progress(name, min(done / total, 1.0))

    return hear


def _as_written(bench: Bench, scenario: Scenario, variation: int, folder: Path) -> tuple[Future, ...]:
    """The futures with the ego as its scenario has it."""
    rules = bench.rules
    decided = decide(
        bench.model,
        scenario,
        num_frames=frames_of(_seconds(rules, scenario), bench.model.world_model.spec.fps),
        seed=_seed(rules, scenario),
        options=dataclasses.replace(rules.options, variation=variation),
        several=rules.futures > 1,
    )
    hear = _heard(bench, scenario.id, rules.futures * decided.manifest.timeline.num_frames)
    return make(decided, folder, indices=range(rules.futures), listener=lambda future, count, found: hear(count))


def _driven(bench: Bench, planners: Planners, scenario: Scenario, variation: int, seed: int, folder: Path) -> DriveLog:
    """One drive by a planner."""
    rules, seconds = bench.rules, _seconds(bench.rules, scenario)
    log = drive(
        bench.model,
        scenario,
        planners.get(),
        folder,
        seconds=seconds,
        seed=seed,
        options=dataclasses.replace(rules.options, variation=variation),
        judges=bench.judges if rules.observed == "measured" else None,
        listener=_heard(bench, scenario.id, frames_of(seconds, bench.model.world_model.spec.fps)),
    )
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
    if outcome.outcome == "passed":
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
