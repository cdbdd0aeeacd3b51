"""The bar that ``drivesim data`` shows: clips done, clips a second, time left."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from drivesim.cli.terminal import say

_SECONDS_BETWEEN_LINES = 30.0


@contextlib.contextmanager
def counting(what: str, unit: str = "clips") -> Iterator[Callable[[int, int], None]]:
    """Yields a function that is told how many are done and how many there are.

    Draws a bar on a terminal, writes a line now and then into a log. What was done at the first call is not counted into
    the rate.
    """
    rate = _Rate(unit)
    if not sys.stderr.isatty():
        yield lambda done, total: rate.log(what, done, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(bar_width=28), MofNCompleteColumn(), TextColumn("{task.fields[status]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(what, total=None, status="")

        def hear(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, status=rate.text(done, total))

        yield hear


class _Rate:
    def __init__(self, unit: str) -> None:
        self.unit = unit
        self._first: tuple[float, int] | None = None
        self._said = time.monotonic()

    def text(self, done: int, total: int) -> str:
        """Rate and remaining time in words."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        since, before = self._first
        if done == before or now == since:
            return self.unit
        per_s = (done - before) / (now - since)
        minutes, seconds = divmod(round((total - done) / per_s), 60)
        return f"{self.unit}  {per_s:.2f}/s, {minutes // 60}:{minutes % 60:02d}:{seconds:02d} left"

    def log(self, what: str, done: int, total: int) -> None:
        """A line on standard error every half minute."""
        text = self.text(done, total)
        if time.monotonic() - self._said > _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            say(f"{what}: {done} of {total} {text}", err=True)
