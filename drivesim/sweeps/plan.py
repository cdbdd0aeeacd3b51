"""What a sweep will make, and the folder that it is made in.

::

    sweep.json           what all futures share; another sweep in the same folder is refused
    suite.yaml           every scenario of the suite, whole
    runs/<id>/v003/      a run folder for each variation, as 'drivesim futures' writes it
    rows/<id>/v003-f07.json   the row of a future, as soon as it is done
    futures.jsonl        all rows
    summary.json  report.html  report.json  junit.xml
    logs/                what the workers said
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.errors import InputError
from drivesim.folder_lock import locked_file
from drivesim.json_text import JsonFault, parse_object
from drivesim.run_spec import RunSpec
from drivesim.runs.cost import Cost
from drivesim.runs.plan import Plan, duration_text, make_plan, size_text
from drivesim.scenarios.suite import Case, Suite
from drivesim.storage import require_folder, sealed_text, sha256_of, unsealed_values, write_atomic
from drivesim.sweeps.task import FutureTask, SweepSettings, decide_case
from drivesim.wording import number_of, require_same
from drivesim.world_model import LoadedModel

SWEEP_NAME, SUITE_NAME = "sweep.json", "suite.yaml"
SWEEP_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A suite, ``num_futures`` of each of its cases (None: as many as each scenario asks for), and where they go."""

    suite: Suite
    settings: SweepSettings
    folder: Path
    num_futures: int | None = None

    def futures_of(self, case: Case) -> int:
        """How many futures of a case are made."""
        return case.num_futures if self.num_futures is None else self.num_futures

    def tasks(self) -> list[FutureTask]:
        """Every future, the first ones of all cases first: whatever is stopped early has seen every corner."""
        texts = {scenario.id: scenario.to_yaml() for scenario in self.suite.scenarios}
        folder = str(self.folder.absolute())
        numbered = [
            (future, place, case)
            for place, case in enumerate(self.suite.cases())
            for future in range(self.futures_of(case))
        ]
        return [
            FutureTask(
                scenario=case.scenario.id,
                text=texts[case.scenario.id],
                variation=case.variation,
                future=future,
                folder=folder,
                settings=self.settings,
            )
            for future, _, case in sorted(numbered, key=lambda one: one[:2])
        ]

    def identity(self) -> dict[str, Any]:
        """What the folder's sweep must share to be gone on with. The number of futures may grow."""
        scenarios = {scenario.id: sha256_of(scenario.to_yaml().encode()) for scenario in self.suite.scenarios}
        return {"scenarios": scenarios, "settings": json.loads(json.dumps(dataclasses.asdict(self.settings)))}

    def is_begun(self) -> bool:
        """Whether the folder holds a sweep, this one or another."""
        return (self.folder / SWEEP_NAME).is_file()

    def open_folder(self) -> None:
        """Make the sweep's folder, or check that it holds this sweep. Raises InputError for another one, or foreign files."""
        path = self.folder / SWEEP_NAME
        if path.is_file():
            _require_same(path, self.identity())
            return
        self.refuse_foreign()
        write_atomic(self.folder / SUITE_NAME, self.suite.to_yaml())
        text = {"drivesim_sweep": SWEEP_VERSION, "suite": self.suite.name, "synthetic": True, **self.identity()}
        write_atomic(path, sealed_text(text))

    def locked(self) -> AbstractContextManager[None]:
        """A context that keeps a second 'drivesim sweep' out of the folder. Raises FolderInUseError, InputError for foreign files."""
        self.refuse_foreign()
        return locked_file(self.folder / "lock")

    def refuse_foreign(self) -> None:
        """Raise InputError where the folder is none that a sweep can have."""
        require_folder(self.folder)
        known = self.is_begun() or not self.folder.is_dir()
        if not known and any(entry.name != "lock" for entry in self.folder.iterdir()):
            raise InputError(f"{self.folder} is not empty and holds no sweep. Choose another folder with --out.")


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What a sweep will cost: a plan for each scenario, whose variations are alike, done ``side_by_side`` at a time.

    Of a cluster, None, nobody knows beforehand how many that are.
    """

    plans: tuple[Plan, ...]
    num_cases: tuple[int, ...]
    side_by_side: int | None

    @property
    def num_futures(self) -> int:
        """Futures of all cases."""
        return sum(plan.num_futures * cases for plan, cases in zip(self.plans, self.num_cases, strict=True))

    @property
    def num_frames(self) -> int:
        """Frames of all futures."""
        return sum(plan.num_frames * cases for plan, cases in zip(self.plans, self.num_cases, strict=True))

    @property
    def work_s(self) -> float:
        """Seconds that one worker would take for all of it; measuring the finished videos is not in it."""
        return sum(plan.making_s * cases for plan, cases in zip(self.plans, self.num_cases, strict=True))

    @property
    def seconds(self) -> float:
        """Seconds that it takes side by side, each worker's loading of the model included; of a cluster those of one worker."""
        return self.plans[0].loading_s + self.work_s / (self.side_by_side or 1)

    @property
    def disk_bytes(self) -> float:
        """Bytes on disk at the end."""
        return sum(plan.disk_bytes * cases for plan, cases in zip(self.plans, self.num_cases, strict=True))

    def lines(self) -> list[str]:
        """The plan for the person who is about to wait."""
        found = [
            f"{plan.manifest.scenario_id}: {cases} × {number_of(plan.num_futures, 'future')} × "
            f"{number_of(plan.manifest.timeline.num_frames, 'frame')}"
            for plan, cases in zip(self.plans, self.num_cases, strict=True)
        ]
        who = (
            f"with {_workers(self.side_by_side)}"
            if self.side_by_side
            else "of one worker, shared by those of the cluster"
        )
        return [
            *found,
            f"together {number_of(self.num_futures, 'future')}, {number_of(self.num_frames, 'frame')}; {self.plans[0].cost.frames_per_s:.1f} frames/s "
            f"measured for one worker → {duration_text(self.seconds)} {who} (and the time to measure what they made); "
            f"about {size_text(self.disk_bytes)} of disk",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The plan for programs, in SI units."""
        return {
            "futures": self.num_futures,
            "frames": self.num_frames,
            "work_s": round(self.work_s, 1),
            "seconds": round(self.seconds, 1),
            "side_by_side": self.side_by_side,
            "disk_bytes": round(self.disk_bytes),
            "free_disk_bytes": self.plans[0].free_disk_bytes,
            "scenarios": [
                {"variations": cases, **plan.to_dict()} for plan, cases in zip(self.plans, self.num_cases, strict=True)
            ],
        }

    def require_disk(self) -> None:
        """Raise InputError when the disk cannot hold what the sweep will write."""
        free = self.plans[0].free_disk_bytes
        if self.disk_bytes > free:
            raise InputError(
                f"the sweep needs about {size_text(self.disk_bytes)}, {self.plans[0].folder} has {size_text(free)} free. "
                "Ask for fewer futures or shorter ones, or write to another disk with --out."
            )


def plan_sweep(
    sweep: Sweep,
    model: LoadedModel,
    cost_of: Callable[[RunSpec], Cost],
    side_by_side: int | None,
    loading_s: float = 0.0,
) -> SweepPlan:
    """The plan of a sweep; the first case of each scenario is decided, so what cannot be made is said now.

    ``cost_of`` gives the cost of what was decided. Raises InputError, ScenarioError.
    """
    plans, counts = [], []
    cost: Cost | None = None
    for scenario in sweep.suite.scenarios:
        case = Case(scenario=scenario, variation=0)
        decided = decide_case(model, scenario, 0, sweep.settings)
        cost = cost or cost_of(decided)
        futures = sweep.futures_of(case)
        plans.append(make_plan(decided.manifest, futures, sweep.folder, cost, loading_s=loading_s))
        counts.append(scenario.num_variations)
    return SweepPlan(plans=tuple(plans), num_cases=tuple(counts), side_by_side=side_by_side)


def _workers(count: int) -> str:
    return "one worker" if count == 1 else f"{count} workers"


def _require_same(path: Path, wanted: dict[str, Any]) -> None:
    try:
        values = unsealed_values(parse_object(path.read_bytes()))
    except JsonFault as error:
        raise InputError(f"{path} is damaged or was edited since the sweep began ({error}).") from error
    require_same(
        "it",
        {key: values.get(key) for key in wanted},
        wanted,
        refused=f"{path.parent} holds another sweep",
        advice="Repeat the command that began it, or choose another folder with --out.",
    )
