"""What a command says while it works: lines for people, results for programs, a bar on a terminal."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from drivesim.cli.terminal import say

_SECONDS_BETWEEN_LINES = 30.0


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How much to say, and to whom: ``as_json`` speaks to programs on standard output, people read standard error.

    ``started_at`` is the monotonic time at which the command began.
    """

    quiet: bool
    as_json: bool
    started_at: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            say(text, err=True)

    def insist(self, text: str) -> None:
        """A line that also a quiet command owes: why it leaves with another code than 0."""
        say(text, err=True)

    def result(self, text: str, data: dict[str, Any]) -> None:
        """The outcome: one line, or one JSON object."""
        say(json.dumps(data) if self.as_json else text)


#: Shows how far something is: what, how much is done of how much, and that in words.
Show = Callable[[str, float, float, str], None]


@contextlib.contextmanager
def display(voice: Voice) -> Iterator[Show]:
    """The one way in which commands show how far they are: a bar each on a terminal, a line now and then in a log."""
    if voice.quiet or not sys.stderr.isatty():
        yield _Lines(voice).show
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    said = [TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[status]}")]
    columns = (said[0], BarColumn(bar_width=28), said[1])
    with Bars(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: float, total: float, status: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, status="")
            bars.update(tasks[what], completed=done, total=total, status=status)

        yield show


class _Lines:
    """A line when something else begins, and every half minute."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self._said, self._what = time.monotonic(), ""

    def show(self, what: str, done: float, total: float, status: str) -> None:
        now = time.monotonic()
        begins = bool(self._what) and what != self._what
        self._what = what
        if begins or now - self._said > _SECONDS_BETWEEN_LINES:
            self._said = now
            self.voice.say(f"{what}: {status}")


@contextlib.contextmanager
def shares(voice: Voice) -> Iterator[Callable[[str, float], None]]:
    """A listener for several things, each with the share of it that is done."""
    with display(voice) as show:
        yield lambda what, share: show(what, share, 1.0, f"{share:.0%}")


@contextlib.contextmanager
def counting(what: str, unit: str = "clips") -> Iterator[Callable[[int, int], None]]:
    """A listener for how many are done and how many there are. What was done at its first call is not counted into the rate."""
    count: ProgressCount | None = None
    with display(Voice(quiet=False, as_json=False)) as show:

        def hear(done: int, total: int) -> None:
            nonlocal count
            found = count is None
            count = count or ProgressCount(unit, total)
            count.total = total
            count.add(done - count.done, found=found)
            show(what, done, total, count.status())

        yield hear


class ProgressCount:
    """So many of so many, made or found, and how fast they are made."""

    def __init__(self, unit: str, total: int) -> None:
        self.unit, self.total, self.done, self.made = unit, total, 0, 0
        self._started = time.monotonic()

    def add(self, count: int, *, found: bool = False) -> None:
        """``count`` more were made, or found."""
        self.done += count
        if found or not count:
            return
        self.made += count

    @property
    def per_s(self) -> float:
        """Made a second since the start, found ones not counted."""
        return self.made / max(time.monotonic() - self._started, 1e-6)

    def status(self) -> str:
        """``120 of 600 frames, 9.8 frames/s, 0:00:49 left``."""
        text = f"{self.done} of {self.total} {self.unit}"
        if not self.made:
            return text
        minutes, seconds = divmod(round((self.total - self.done) / self.per_s), 60)
        return f"{text}, {self.per_s:.2g} {self.unit}/s, {minutes // 60}:{minutes % 60:02d}:{seconds:02d} left"


class Progress:
    """The frames of a run while they are made: counted, and shown."""

    def __init__(self, num_frames: int, voice: Voice) -> None:
        self.frames = ProgressCount("frames", num_frames)
        self.voice = voice
        self._show: Show = lambda what, done, total, status: None

    def hear(self, future: int, count: int, found: bool) -> None:
        """Called from the loop: ``count`` more frames of ``future``, made or found on disk."""
        self.frames.add(count, found=found)
        self._tell()

    def expect(self, frames: int) -> None:
        """There are ``frames`` more to make than was thought."""
        self.frames.total += frames
        self._tell()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show them while the block runs."""
        with display(self.voice) as self._show:
            yield

    def _tell(self) -> None:
        self._show("rollout", self.frames.done, self.frames.total, self.frames.status())
