"""What stands between the commands and whatever they were started from: encodings, closed pipes, signals, foreign characters."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn, TextIO

from drivesim.errors import NotKeptWarning, one_line, printable

#: Exit codes as shells give them to programs that a signal ends: 128 + its number.
STOPPED, PIPE_CLOSED, TERMINATED, HUNG_UP = 130, 141, 143, 129

_NO_ROOM = 2


class Stopped(KeyboardInterrupt):
    """A signal asked to end, as Ctrl-C does; what is complete is kept."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def say(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Print a text: characters that would steer the terminal are made visible, those that it cannot show are replaced.

    JSON goes through here in ASCII, which both leave as it is.
    """
    stream = sys.stderr if err else sys.stdout
    if stream is not None:  # closed by whoever started us
        print(printable(text), file=stream, end=end, flush=True)


def prepare() -> None:
    """Make standard input, output and error usable, however the process was started.

    One that is closed becomes the null device: else the next file that is opened would take its number, and what a library
    prints would land in it. What an encoding lacks is replaced, so that no command ends because of a multiplication sign.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.dup(descriptor)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


@contextlib.contextmanager
def saying_what_is_not_kept() -> Iterator[None]:
    """While the block runs, what could not be kept for the next time is said on standard error: in one line, once."""
    said = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", NotKeptWarning)
        otherwise = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, NotKeptWarning):
                otherwise(message, category, *where, **more)
            elif str(message) not in said:
                said.add(str(message))
                say(f"note: {one_line(str(message))}", err=True)

        warnings.showwarning = show
        yield


def stop_on_signals() -> None:
    """End on SIGTERM, and when the terminal goes, as on Ctrl-C: with a word, and with what is complete kept.

    Signals that are ignored (``nohup``) stay so. Processes that are forked off later end at once, as they did before.
    """
    own = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != own:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise Stopped(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)


def run(program: Callable[[], object]) -> NoReturn:
    """Run the program to its end and leave with its exit code; what it printed has been written, or it is said why not."""
    code: object = 0
    try:
        program()
    except SystemExit as leaving:
        code = leaving.code
    if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # click met a closed pipe
        code = PIPE_CLOSED
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
        _to_nowhere(sys.stdout)
    except OSError as error:
        _to_nowhere(sys.stdout)
        with contextlib.suppress(OSError):
            say(f"error: the output could not be written ({error.strerror}).", err=True)
        code = _NO_ROOM
    sys.exit(code)  # type: ignore[arg-type]


def _to_nowhere(stream: TextIO) -> None:
    """Let what is still to be flushed at the end go to the null device, so that the interpreter has nothing to complain of."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
