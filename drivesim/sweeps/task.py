"""One future of a sweep as a task that any process on any machine can do: text in, text out.

What a task says is all that a worker needs but the sweep's folder, which it must see. Workers keep the model, and what they
decided last, between tasks.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import shlex
import socket
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from drivesim.errors import DriveSimError, InputError, ModelError
from drivesim.evidence.of_future import measure_future
from drivesim.evidence.recorded import require_judgeable
from drivesim.json_text import JsonFault, read_as
from drivesim.judges.load import SHIPPED, Judges, load_judges
from drivesim.models import load_model
from drivesim.models.hashes import verify_folder
from drivesim.options import Options, RolloutMode, Threads
from drivesim.run_spec import RunSpec, decide
from drivesim.runs.future import Future
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import finished_record, is_finished, require_intact
from drivesim.runs.rows import FutureRow, Making, measures, read_row, replay_command
from drivesim.runs.run_folder import RunFolder, future_name
from drivesim.scenarios import Scenario, loads
from drivesim.simulate import make_beside_others, num_frames
from drivesim.storage import write_atomic
from drivesim.world_model import LoadedModel


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """What all futures of a sweep share; ``seconds`` and ``seed`` None: each scenario's own.

    ``judges`` is a folder of other judges than the shipped ones; without ``measured`` nobody looks at the finished videos.
    """

    model: str = "default"
    device: str | None = None
    dtype: str | None = None
    steps: int | None = None
    mode: RolloutMode | None = None
    seconds: float | None = None
    seed: int | None = None
    options: Options = Options()
    judges: str | None = None
    measured: bool = True

    def judges_sha256(self) -> str:
        """The hash of the judges that look at every future, "" where nobody looks. Raises ModelError for damaged ones."""
        return verify_folder(Path(self.judges or SHIPPED)) if self.measured else ""


DEFAULT_SETTINGS = SweepSettings()


@dataclass(frozen=True, kw_only=True)
class FutureTask:
    """Future ``future`` of ``variation`` of the scenario of id ``scenario``, whose file is ``text``, in the sweep's ``folder``."""

    scenario: str
    text: str
    variation: int
    future: int
    folder: str
    settings: SweepSettings

    @property
    def id(self) -> str:
        """``highway-cut-in/v003/f07``."""
        return f"{self.scenario}/v{self.variation:03d}/{future_name(self.future)}"

    @property
    def run(self) -> str:
        """The run folder that holds it, relative to the sweep's."""
        return f"runs/{self.scenario}/v{self.variation:03d}"

    @property
    def run_folder(self) -> RunFolder:
        """The run folder that holds it."""
        return RunFolder(Path(self.folder) / self.run)

    @property
    def row_path(self) -> Path:
        """Where its row is kept as soon as it is done."""
        return Path(self.folder) / "rows" / self.scenario / f"v{self.variation:03d}-{future_name(self.future)}.json"

    def to_json(self) -> str:
        """The task as one line."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=True)

    def row(self, status: Literal["finished", "failed"], **values: Any) -> FutureRow:
        """The future's row, with the ``values`` that are known of it."""
        return FutureRow(
            id=self.id,
            scenario=self.scenario,
            variation=self.variation,
            future=self.future,
            status=status,
            run=self.run,
            replay=self.replay() if status == "finished" else self.make_alone(),
            **values,
        )

    @property
    def _replays(self) -> str:
        return f"replays/{self.scenario}-v{self.variation:03d}-{future_name(self.future)}"

    def replay(self) -> str:
        """The command that makes this finished future again, alone, in the sweep's folder, and says whether it is equal."""
        return replay_command(self.run, self.future, ("--model", self.settings.model), self._replays)

    def make_alone(self) -> str:
        """The command that makes this future alone, in the sweep's folder, where none is there to hold a replay against."""
        settings, options = self.settings, self.settings.options
        words = ["drivesim", "futures", "suite.yaml", "--only", self.scenario, "--variation", str(self.variation)]
        words += ["--only-future", str(self.future), "--no-select"]
        words += ["--out", self._replays]
        words += ["--seconds", f"{_seconds(self):g}"]
        told = {"seed": settings.seed, "model": settings.model, "device": settings.device, "dtype": settings.dtype}
        told |= {"steps": settings.steps, "mode": settings.mode, "threads": _threads_text(options.threads)}
        told |= {name: getattr(options, name) for name in ("actors", "ego", "map", "scenery", "noise")}
        for name, value in told.items():
            words += [f"--{name}", str(value)] if value is not None and (name, value) != ("model", "default") else []
        words += [f"--{name.replace('_', '-')}" for name in ("lossless", "png_frames") if getattr(options, name)]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True)
class TaskFault:
    """Why a task was not done, and whether it may be tried ``again``: what a person has to mend first may not.

    ``kind`` ``model`` ends the whole sweep: no other future could be made either.
    """

    text: str
    kind: Literal["input", "model", "fault", "lost"]

    @property
    def again(self) -> bool:
        """Whether another try may do better."""
        return self.kind in ("fault", "lost")


@dataclass(frozen=True, kw_only=True)
class TaskReply:
    """What a worker answers: a row, or why there is none."""

    row: FutureRow | None = None
    fault: TaskFault | None = None


_TASK: TypeAdapter[FutureTask] = TypeAdapter(FutureTask)
_REPLY: TypeAdapter[TaskReply] = TypeAdapter(TaskReply)


def answer(text: str) -> str:
    """Do the task that a text holds, and say as text what became of it; never raises for what goes wrong in it."""
    try:
        reply = TaskReply(row=make_future(read_as(_TASK, text)))
    except ModelError as error:
        reply = TaskReply(fault=TaskFault(text=str(error), kind="model"))
    except DriveSimError as error:
        reply = TaskReply(fault=TaskFault(text=str(error), kind="input"))
    except Exception as error:  # whatever it is, the worker stays, and the sweep's folder says what it was
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        reply = TaskReply(fault=TaskFault(text=said, kind="fault"))
    return json.dumps(dataclasses.asdict(reply), ensure_ascii=True)


def read_reply(text: str) -> TaskReply:
    """The answer of a worker; one that cannot be read is a fault like another."""
    try:
        return read_as(_REPLY, text)
    except JsonFault as error:
        return TaskReply(fault=TaskFault(text=f"the worker's answer cannot be read ({error})", kind="fault"))


def make_future(task: FutureTask) -> FutureRow:
    """Make, or go on with, one future; measure it, and keep its row. Raises DriveSimError for what a person can mend."""
    started = time.monotonic()
    if not Path(task.folder).is_dir():
        raise InputError(
            f"{task.folder} is not there on {socket.gethostname()}. All workers must see the sweep's folder."
        )
    decided = _decided(task.text, task.variation, task.settings)
    run = task.run_folder
    found = run.manifest_path.is_file() and is_finished(run, task.future)
    future = make_beside_others(decided, run.path, task.future)
    row = _with_measures(row_of(task, future), task, future)
    making = Making(wall_s=round(time.monotonic() - started, 3), host=socket.gethostname(), found=found)
    row = replace(row, made=making)
    write_atomic(task.row_path, row.to_json() + "\n")
    return row


def kept_row(task: FutureTask, judges_sha256: str) -> FutureRow | None:
    """The row of a future that was finished before, None where it is to be made or measured; no model is needed.

    ``judges_sha256`` is that of the judges that shall have seen it, "" where nobody needs to. Raises InputError for a future
    of which a file is not what was written.
    """
    run = task.run_folder
    if not task.row_path.is_file() or not run.manifest_path.is_file() or not is_finished(run, task.future):
        return None
    require_intact(run, task.future)
    row = read_row(task.row_path.read_bytes(), str(task.row_path))
    if row.status != "finished" or (judges_sha256 and row.judges != judges_sha256):
        return None
    record = finished_record(run, task.future)
    video = None if record is None else record.videos.get(Path(row.video).name)
    if video is None or video.sha256 != row.video_sha256:
        return None
    return replace(row, made=replace(row.made, found=True))


def row_of(task: FutureTask, future: Future) -> FutureRow:
    """The row of a finished future, not measured yet."""
    manifest = future.manifest
    return task.row(
        "finished",
        parameters=dict(manifest.parameters),
        seed=manifest.seed,
        video=f"{task.run}/{future.video.name}",
        video_sha256=future.video_sha256,
        num_frames=future.num_frames,
        fps=future.fps,
    )


def _with_measures(row: FutureRow, task: FutureTask, future: Future) -> FutureRow:
    if not task.settings.measured:
        return replace(row, unmeasured="nobody looked: --no-score")
    judges = _judges(task.settings.judges)
    if why := why_unmeasured(future.manifest):
        return replace(row, unmeasured=why, judges=judges.sha256)
    found = measure_future(future, judges)
    return replace(
        row, events=found.events, labels=found.labels, told=found.told, ends=found.ends, metrics=measures(found.metrics),
        judges=judges.sha256,
    )  # fmt: skip


def why_unmeasured(manifest: Manifest) -> str:
    """Why the judges cannot look at a run's videos, "" where they can."""
    try:
        require_judgeable(manifest)
    except InputError as error:
        return str(error)
    return ""


def _seconds(task: FutureTask) -> float:
    if task.settings.seconds is not None:
        return task.settings.seconds
    return float(_scenario(task.text).video_settings.duration)


def _threads_text(threads: Threads | None) -> str | None:
    if threads is None:
        return None
    return f"{threads.denoise}+{threads.decode}" if threads.overlap else str(threads.denoise)


@functools.lru_cache(maxsize=1)
def _model(
    model: str, device: str | None, dtype: str | None, steps: int | None, mode: RolloutMode | None
) -> LoadedModel:
    return load_model(model, device=device, dtype=dtype, steps=steps, mode=mode)


@functools.lru_cache(maxsize=1)
def _judges(folder: str | None) -> Judges:
    return load_judges(SHIPPED if folder is None else Path(folder))


@functools.lru_cache(maxsize=64)
def _scenario(text: str) -> Scenario:
    return loads(text)[0]


@functools.lru_cache(maxsize=4)
def _decided(text: str, variation: int, settings: SweepSettings) -> RunSpec:
    """What was decided of a variation; whoever makes several of its futures decides it once."""
    model = _model(settings.model, settings.device, settings.dtype, settings.steps, settings.mode)
    return decide_case(model, _scenario(text), variation, settings)


def decide_case(model: LoadedModel, scenario: Scenario, variation: int, settings: SweepSettings) -> RunSpec:
    """Decide everything about the futures of one variation. Raises InputError, ScenarioError for what cannot be made."""
    return decide(
        model,
        scenario,
        num_frames=num_frames(model, scenario, settings.seconds),
        seed=scenario.sampling_settings.seed if settings.seed is None else settings.seed,
        options=replace(settings.options, variation=variation),
        several=True,
    )
