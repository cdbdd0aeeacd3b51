"""What a command says while it works: lines for people, results for programs, a bar on a terminal."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
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


class Progress:
    """Counts frames; draws a bar on a terminal, writes a line now and then into a log."""

    def __init__(self, num_frames: int, voice: Voice) -> None:
        self.total, self.done, self.made = num_frames, 0, 0
        self.voice = voice
        self._started = self._said = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._last_at = self._started
        self._bar: Any = None
        self._task: Any = None

    @property
    def frames_per_s(self) -> float:
        """Frames made a second since the start, found ones not counted."""
        return self.made / max(time.monotonic() - self._started, 1e-6)

    @property
    def steady_frames_per_s(self) -> float:
        """Frames made a second once the first ones were there; 0 before there are more."""
        if self._first is None or self._last_at <= self._first[0]:
            return 0.0
        return (self.made - self._first[1]) / (self._last_at - self._first[0])

    def hear(self, future: int, count: int, found: bool) -> None:
        """Called from the loop: ``count`` more frames of ``future``, made or found on disk."""
        self.done += count
        if not found:
            self.made += count
            self._last_at = time.monotonic()
            self._first = self._first or (self._last_at, self.made)
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, status=self._status())
        elif time.monotonic() - self._said > _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            self.voice.say(f"{self.done} of {self.total} frames, {self._status()}")

    def expect(self, frames: int) -> None:
        """There are ``frames`` more to make than was thought."""
        self.total += frames
        if self._bar is not None:
            self._bar.update(self._task, total=self.total)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar while the block runs, if a person is watching."""
        if self.voice.quiet or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(bar_width=28), MofNCompleteColumn(), TextColumn("frames  {task.fields[status]}"))
        with Bar(*columns, console=Console(stderr=True), transient=True, refresh_per_second=2) as self._bar:
            self._task = self._bar.add_task("rollout", total=self.total, status="")
            yield

    def _status(self) -> str:
        if not self.made:
            return ""
        left = (self.total - self.done) / self.frames_per_s
        minutes, seconds = divmod(round(left), 60)
        return f"{self.frames_per_s:.1f} frames/s, {minutes // 60}:{minutes % 60:02d}:{seconds:02d} left"
