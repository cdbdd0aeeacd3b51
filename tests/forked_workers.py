"""Workers of a sweep as forks of one process that has imported what they need: real processes, of which the first alone pays."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from drivesim.sweeps import worker

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["drivesim.sweeps.task", "drivesim.models.video_ldm.load"])


def serve(connection: Connection, log: str) -> None:
    """What the process does, as ``python -m drivesim.sweeps.worker`` would with this as its standard input and output."""
    os.dup2(connection.fileno(), 0)
    os.dup2(connection.fileno(), 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    worker.main()


class ForkedWorker:
    """One of them; used as ``subprocess.Popen`` is."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        mine, its = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=serve, args=(its, str(log)), daemon=True)
        self._process.start()
        its.close()
        self.stdin = os.fdopen(os.dup(mine.fileno()), "w", encoding="utf-8")
        self.stdout = os.fdopen(os.dup(mine.fileno()), encoding="utf-8")
        mine.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
