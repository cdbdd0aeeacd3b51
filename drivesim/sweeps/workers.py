"""Who does the tasks of a sweep: processes of this machine. A worker that dies loses nothing but its own task."""

from __future__ import annotations

import concurrent.futures
import contextlib
import queue
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from drivesim.sweeps.task import FutureTask, TaskFault, TaskReply, read_reply


class Workers(Protocol):
    """Does tasks side by side; a context, at whose end all work stops."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def num_running(self) -> int:
        """Tasks that were begun and not answered."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether it takes one more."""
        ...

    def begin(self, task: FutureTask) -> None:
        """Take one more task."""
        ...

    def next_done(self) -> tuple[FutureTask, TaskReply]:
        """Wait for the next answer to a task that was begun."""
        ...


class LocalWorkers:
    """``jobs`` processes of this machine, each with a model of its own; what they print goes to ``logs``."""

    def __init__(self, jobs: int, logs: Path) -> None:
        self._processes = [_WorkerProcess(logs / f"worker-{number}.log") for number in range(jobs)]
        self._free: queue.SimpleQueue[_WorkerProcess] = queue.SimpleQueue()
        for process in self._processes:
            self._free.put(process)
        self._pool = concurrent.futures.ThreadPoolExecutor(jobs)
        self._running: dict[concurrent.futures.Future[TaskReply], FutureTask] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def num_running(self) -> int:
        """Tasks that were begun and not answered."""
        return len(self._running)

    @property
    def has_room(self) -> bool:
        """Whether a process is free."""
        return len(self._running) < len(self._processes)

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        return [pid for process in self._processes if (pid := process.pid) is not None]

    def begin(self, task: FutureTask) -> None:
        """Give a task to a free process."""
        self._running[self._pool.submit(self._do, task)] = task

    def next_done(self) -> tuple[FutureTask, TaskReply]:
        """Wait for the next answer."""
        done, _ = concurrent.futures.wait(self._running, return_when=concurrent.futures.FIRST_COMPLETED)
        first = done.pop()
        return self._running.pop(first), first.result()

    def _do(self, task: FutureTask) -> TaskReply:
        process = self._free.get()
        try:
            return process.ask(task)
        finally:
            self._free.put(process)


class _WorkerProcess:
    """A process that does one task at a time, started when it is first needed and again when it died."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Its number, None while it was not started or is gone."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def ask(self, task: FutureTask) -> TaskReply:
        """The answer to a task; a fault where the process ends without one."""
        if self._stopped:
            return TaskReply(fault=TaskFault(text="stopped", kind="lost"))
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = _started(self.log)
        asked, answers = _pipes(process)
        line = ""
        with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: stopped from beside
            asked.write(task.to_json() + "\n")
            asked.flush()
            line = answers.readline()
        if line:
            return read_reply(line)
        text = f"its worker {_end_of(process.wait())}; {self.log} has what it said"
        return TaskReply(fault=TaskFault(text=text, kind="lost"))

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _started(log: Path) -> subprocess.Popen[str]:
    """A worker's process, which answers a line with a line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "drivesim.sweeps.worker"]
    with log.open("a", encoding="utf-8") as said:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, encoding="utf-8"
        )


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def _end_of(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
