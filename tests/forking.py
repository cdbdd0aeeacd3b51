"""Runs a program again and again, each time in a process of its own that may be killed; importing is paid for once.

``python forking.py PROGRAM`` imports the program and forks for each line of JSON that it reads; its number is answered when it
begins, its exit code (negative for a signal) when it has ended. One runs at a time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType


class ForkedProcess:
    """One run of the program; used as ``subprocess.Popen`` is."""

    def __init__(self, server: ForkServer, pid: int, stderr: Path) -> None:
        self.pid = pid
        self._server, self._stderr = server, stderr
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return self.wait()
        return None

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        if self._code is None:
            self._code = self._server.answer()
        return self._code

    def send_signal(self, which: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, which)

    def wait_for(self, path: Path) -> None:
        """Wait until it has written a file."""
        deadline = time.monotonic() + 180.0
        while not path.exists():
            assert self.poll() is None, f"ended early: {self.stderr}"
            assert time.monotonic() < deadline, f"{path} never appeared"
            time.sleep(0.005)

    @property
    def stderr(self) -> str:
        """What it has said."""
        return self._stderr.read_text()


class ForkServer:
    """The process that forks; ``scratch`` is where it keeps what they say."""

    def __init__(self, program: Path, scratch: Path) -> None:
        self._scratch, self._count = scratch, 0
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )  # fmt: skip

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=120)

    def answer(self) -> int:
        """The next number that it says."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def start(self, *arguments: object, limit_bytes: int | None = None) -> ForkedProcess:
        """Begin to run the program with these arguments; no file that it writes may become larger than ``limit_bytes``."""
        self._count += 1
        stderr = self._scratch / f"said-{self._count}.txt"
        assert self._process.stdin is not None
        wanted = {"arguments": [str(argument) for argument in arguments], "stderr": str(stderr), "limit": limit_bytes}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return ForkedProcess(self, self.answer(), stderr)

    def run(self, *arguments: object, limit_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        process = self.start(*arguments, limit_bytes=limit_bytes)
        return subprocess.CompletedProcess(arguments, process.wait(), "", process.stderr)


def _imported(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _child(program: ModuleType, wanted: dict[str, object]) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the answers' own line
    os.dup2(os.open(str(wanted["stderr"]), os.O_WRONLY | os.O_CREAT), 2)
    if isinstance(limit := wanted["limit"], int):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv = [str(program.__file__), *wanted["arguments"]]  # type: ignore[misc]
    try:
        return int(program.main() or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stderr.flush()


def main() -> None:
    """Fork for each line."""
    program = _imported(Path(sys.argv[1]))
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(_child(program, json.loads(line)))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
