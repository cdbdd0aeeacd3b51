"""A planner in a process of its own: whatever it does, raise, hang or die, the loop goes on and can say what happened."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivesim.closed_loop.observation import Observation
from drivesim.errors import DriveSimError, InputError

FaultKind = Literal["not loaded", "raised", "hung", "died", "wrong answer"]

#: How long a planner may take to load, seconds: it may have to read a network.
LOADING_S = 60.0
EXAMPLE = "drivesim.closed_loop.example_planner:LaneKeeper"


class PlannerFault(DriveSimError):
    """A planner that gave no usable answer; ``kind`` says how, the message what happened, ``details`` holds its traceback."""

    exit_code = 2

    def __init__(self, kind: FaultKind, text: str, details: str = "") -> None:
        super().__init__(text)
        self.kind: FaultKind = kind
        self.details = details


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer: ``actions`` (2,) or (chunk_frames, 2), acceleration and curvature, and how long it took, seconds."""

    actions: NDArray[np.float64]
    latency_s: float


class PlannerProcess:
    """A planner named ``module:Name`` or ``path/to/file.py:Name``, loaded in a process of its own.

    ``Name`` is a class (called without arguments) or an object with ``plan(observation)``. Use it as a context. Raises
    InputError for a name of another form, PlannerFault for one that cannot be loaded.
    """

    def __init__(self, name: str, *, limit_s: float, loading_s: float = LOADING_S) -> None:
        self.name, self.limit_s = name, limit_s
        place, colon, attribute = name.rpartition(":")
        if not colon or not place or not attribute.isidentifier():
            raise InputError(f"--planner {name}: expected module:Name or file.py:Name, such as {EXAMPLE}.")
        if place.endswith(".py") and not Path(place).is_file():
            raise InputError(f"--planner {name}: there is no file {place}.")
        if sys.platform == "win32":
            raise InputError("--planner: a planner's process needs Linux or macOS.")
        self._connection, theirs = Pipe()
        # A fresh interpreter: neither this one's threads nor its main program are repeated in it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), place, attribute],
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.DEVNULL,
            stdout=2,
        )
        theirs.close()
        try:
            self._receive(loading_s, "not loaded", "loading")
        except PlannerFault:
            self.close()
            raise

    def __enter__(self) -> PlannerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self) -> None:
        """Tell it that another scenario begins. Raises PlannerFault."""
        self._send(("reset", None))
        self._receive(self.limit_s, "hung", "reset()")

    def plan(self, observation: Observation) -> Answer:
        """Its answer to an observation. Raises PlannerFault for none within the time limit, or one that is no control."""
        begun = time.perf_counter()
        self._send(("plan", observation))
        answer = self._receive(self.limit_s, "hung", f"plan() at {observation.t_s:.1f} s")
        latency_s = time.perf_counter() - begun
        return Answer(actions=checked(answer, observation.chunk_frames), latency_s=latency_s)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._connection.close()
        try:
            self._process.wait(0.3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: tuple[str, Observation | None]) -> None:
        # Whoever does not even read what it is shown is stopped too.
        watch = threading.Timer(self.limit_s + 1.0, self._process.kill)
        watch.start()
        try:
            self._connection.send(message)
        except OSError:
            raise self._death("between two answers") from None
        finally:
            watch.cancel()

    def _receive(self, limit_s: float, late: FaultKind, doing: str) -> Any:
        try:
            if not self._connection.poll(limit_s):
                self.close()
                raise PlannerFault(
                    late, f"planner {self.name}: no answer to {doing} within {limit_s:g} s; it was stopped."
                )
            kind, value = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._death(doing) from None
        if kind == "fault":
            words, details = value
            loading = late == "not loaded"
            raise PlannerFault("not loaded" if loading else "raised", f"planner {self.name}: {doing}: {words}", details)
        return value

    def _death(self, doing: str) -> PlannerFault:
        self.close()
        code = self._process.returncode
        return PlannerFault("died", f"planner {self.name}: its process ended during {doing} (exit code {code}).")


def checked(answer: object, chunk_frames: int) -> NDArray[np.float64]:
    """An answer as numbers (2,) or (chunk_frames, 2). Raises PlannerFault for any other."""
    wanted = f"expected (acceleration, curvature), or an array ({chunk_frames}, 2) of them"
    if not isinstance(answer, np.ndarray):
        raise PlannerFault("wrong answer", f"the planner answered {answer}; {wanted}.")
    if answer.shape not in ((2,), (chunk_frames, 2)):
        raise PlannerFault("wrong answer", f"the planner answered with shape {answer.shape}; {wanted}.")
    if not np.isfinite(answer).all():
        raise PlannerFault("wrong answer", f"the planner answered {answer.tolist()}, which are not all finite numbers.")
    return answer


def serve(connection: Connection, place: str, attribute: str) -> None:
    """The planner's side: load it, then answer until the other side is gone. What it prints goes to standard error."""
    sys.path.append(os.getcwd())
    try:
        planner = _loaded(place, attribute)
        if not callable(getattr(planner, "plan", None)):
            raise TypeError(f"{attribute} has no method plan(observation)")
    except BaseException as error:
        connection.send(("fault", _told(error)))
        return
    connection.send(("ready", None))
    while True:
        try:
            order, observation = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if order == "reset":
                reset = getattr(planner, "reset", None)
                if callable(reset):
                    reset()
                connection.send(("done", None))
            else:
                value = planner.plan(observation)
                connection.send(("answer", _as_numbers(value)))
        except (BrokenPipeError, ConnectionResetError):
            return
        except BaseException as error:
            connection.send(("fault", _told(error)))


def _told(error: BaseException) -> tuple[str, str]:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300], "".join(traceback.format_exception(error))[-4000:]


def _as_numbers(value: object) -> NDArray[np.float64] | str:
    """What crosses over is an array of numbers, or a text that says what was answered instead."""
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return repr(value)[:120]


def _loaded(place: str, attribute: str) -> Any:
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        if spec is None or spec.loader is None:
            raise ImportError(f"{place} cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    found = getattr(module, attribute)
    return found() if isinstance(found, type) else found


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), sys.argv[2], sys.argv[3])
