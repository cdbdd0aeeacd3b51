"""The sweep itself: every future that is not there yet is given to workers, again where one failed, until all have a row."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drivesim.errors import InputError, ModelError
from drivesim.runs.rows import ROWS_NAME, FutureRow, Making, write_rows
from drivesim.scenarios.suite import Suite
from drivesim.storage import write_atomic
from drivesim.sweeps.plan import Sweep
from drivesim.sweeps.task import DEFAULT_SETTINGS, FutureTask, SweepSettings, TaskFault, TaskReply, kept_row
from drivesim.sweeps.workers import LocalWorkers, Workers

#: So many failures one after the other, before anything was made, end a sweep: what is wrong is wrong for all.
MOST_IN_A_ROW = 10


@dataclass(frozen=True, kw_only=True)
class SweepNews:
    """What happened to a future: it was ``kept``, ``made``, ``failed``, or failed and is tried ``again``."""

    task: FutureTask
    what: str
    text: str = ""


Hear = Callable[[SweepNews], None]


def sweep(
    suite: Suite,
    out: Path | str,
    *,
    num_futures: int | None = None,
    settings: SweepSettings = DEFAULT_SETTINGS,
    jobs: int = 1,
    retries: int = 2,
    hear: Hear = lambda news: None,
) -> list[FutureRow]:
    """Make every future of every variation of a suite with ``jobs`` processes, or go on with the sweep that is in ``out``.

    Returns a row for each, failed ones too. Raises InputError for a folder that holds something else, or where nothing succeeds,
    ModelError where the model cannot be used.
    """
    wanted = Sweep(suite=suite, settings=settings, folder=Path(out), num_futures=num_futures)
    with wanted.locked():
        wanted.open_folder()
        tasks = wanted.tasks()
        kept = kept_rows(tasks, settings.judges_sha256(), hear)
        with LocalWorkers(jobs, wanted.folder / "logs") as workers:
            return run_sweep(wanted, tasks, kept, workers, retries=retries, hear=hear)


def kept_rows(tasks: Sequence[FutureTask], judges_sha256: str, hear: Hear = lambda news: None) -> dict[str, FutureRow]:
    """The rows, by id, of futures that are finished and what they were; of one that is damaged a failed row."""
    rows: dict[str, FutureRow] = {}
    for task in tasks:
        try:
            row = kept_row(task, judges_sha256)
        except InputError as error:
            row = _failed(task, str(error), attempts=0)
            hear(SweepNews(task=task, what="failed", text=str(error)))
        if row is not None:
            rows[task.id] = row
            if row.status == "finished":
                hear(SweepNews(task=task, what="kept"))
    return rows


def run_sweep(
    sweep: Sweep,
    tasks: Sequence[FutureTask],
    kept: dict[str, FutureRow],
    workers: Workers,
    *,
    retries: int = 2,
    hear: Hear = lambda news: None,
) -> list[FutureRow]:
    """Make what is not ``kept`` and return all rows, in order; ``futures.jsonl`` is written at the end.

    A task whose worker was lost or failed is done again up to ``retries`` times, by another worker; what it had stored is
    gone on with. Raises ModelError where the model cannot be used, InputError where nothing succeeds.
    """
    rows = dict(kept)
    waiting = deque(task for task in tasks if task.id not in rows)
    attempts: Counter[str] = Counter()
    num_failed, something_made = 0, False
    while waiting or workers.num_running:
        while waiting and workers.has_room:
            workers.begin(waiting.popleft())
        task, reply = workers.next_done()
        attempts[task.id] += 1
        if reply.row is not None:
            something_made = True
            rows[task.id] = _counted(reply.row, attempts[task.id])
            hear(SweepNews(task=task, what="kept" if reply.row.made.found else "made"))
            continue
        fault = _fault_of(reply)
        if fault.kind == "model":
            raise ModelError(fault.text)
        if fault.again and attempts[task.id] <= retries:
            waiting.append(task)
            hear(SweepNews(task=task, what="again", text=fault.text))
            continue
        rows[task.id] = _failed(task, fault.text, attempts=attempts[task.id])
        write_atomic(task.row_path, rows[task.id].to_json() + "\n")
        hear(SweepNews(task=task, what="failed", text=fault.text))
        num_failed += 1
        if num_failed >= MOST_IN_A_ROW and not something_made:
            raise InputError(f"{num_failed} futures in a row could not be made, and none could; the last: {fault.text}")
    ordered = sorted(rows.values(), key=lambda row: (row.scenario, row.variation, row.future))
    write_rows(sweep.folder / ROWS_NAME, ordered)
    return ordered


def _counted(row: FutureRow, attempts: int) -> FutureRow:
    return replace(row, made=replace(row.made, attempts=attempts))


def _fault_of(reply: TaskReply) -> TaskFault:
    return reply.fault or TaskFault(text="its worker gave no answer", kind="fault")


def _failed(task: FutureTask, text: str, *, attempts: int) -> FutureRow:
    return task.row("failed", error=text, made=Making(attempts=attempts))
